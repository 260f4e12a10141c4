/* Memory of the caller: windows on buffers, texts of strings. Nothing is copied but pointers. */
#include "hone_python.h"

#include <string.h>

void hone_python_release(views *v, Py_ssize_t kept)
{
    while (v->count > kept)
        PyBuffer_Release(&v->view[--v->count]);
    if (v->count)
        return;
    PyMem_Free(v->view);
    *v = (views){0};
}

/* Pointers into `view` do not survive the next call. */
static Py_buffer *take(views *v, PyObject *object, int flags)
{
    if (v->count == v->room) {
        const Py_ssize_t room = v->room ? 2 * v->room : 4;
        Py_buffer *more = PyMem_Realloc(v->view, (size_t)room * sizeof *more);
        if (!more) {
            PyErr_NoMemory();
            return NULL;
        }
        v->view = more;
        v->room = room;
    }
    if (PyObject_GetBuffer(object, &v->view[v->count], flags))
        return NULL;
    return &v->view[v->count++];
}

/* The element type of a buffer; 0: none of ours. Letters are those of the struct module. */
static hone_dtype dtype_of(const Py_buffer *b)
{
    const char *f = b->format ? b->format : "B";
    if (*f == '@' || *f == '=' || (*f == '<' && PY_LITTLE_ENDIAN) || (*f == '>' && PY_BIG_ENDIAN))
        f++;
    if (!f[0] || f[1])
        return 0;
    if (f[0] == '?')
        return HONE_BOOLEAN;
    if (f[0] == 'f' || f[0] == 'd')
        return f[0] == 'f' ? HONE_F32 : HONE_F64;
    static const hone_dtype whole[] = {
        [1] = HONE_I8, [2] = HONE_I16, [4] = HONE_I32, [8] = HONE_I64};
    static const hone_dtype natural[] = {
        [1] = HONE_U8, [2] = HONE_U16, [4] = HONE_U32, [8] = HONE_U64};
    if (b->itemsize != 1 && b->itemsize != 2 && b->itemsize != 4 && b->itemsize != 8)
        return 0;
    return strchr("bhilqn", f[0])   ? whole[b->itemsize]
           : strchr("BHILQN", f[0]) ? natural[b->itemsize]
                                    : 0;
}

static bool whole_steps(const Py_buffer *b, const char *what)
{
    if (b->len == 0)
        return true;
    bool good = (uintptr_t)b->buf % (uintptr_t)b->itemsize == 0;
    for (int k = 0; k < b->ndim; k++)
        good &= b->strides[k] % b->itemsize == 0 && (b->strides[k] || b->shape[k] < 2);
    if (!good)
        PyErr_Format(PyExc_ValueError, "%s: the elements are not aligned, or lie on each other",
                     what);
    return good;
}

bool hone_python_window(views *v, PyObject *object, const char *what, int dimensions, bool writable,
                        window *out)
{
    const Py_buffer *b =
        take(v, object, PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0));
    if (!b)
        return false;
    if (b->ndim != dimensions) {
        PyErr_Format(PyExc_ValueError, "%s: %d dimensions; %d are needed", what, b->ndim,
                     dimensions);
        return false;
    }
    const hone_dtype dtype = dtype_of(b);
    if (!dtype) {
        PyErr_Format(PyExc_TypeError, "%s: elements of format '%s' are no numbers that Hone reads",
                     what, b->format ? b->format : "B");
        return false;
    }
    if (!whole_steps(b, what))
        return false;
    *out = (window){b->buf, dtype, b->shape[0], 1, b->strides[0] / b->itemsize, 1};
    if (dimensions == 2) {
        out->cols = b->shape[1];
        out->col_stride = b->strides[1] / b->itemsize;
    }
    return true;
}

const char *hone_python_utf8(PyObject *text, hone_status status, const char *what)
{
    Py_ssize_t size = 0;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (utf8 && strlen(utf8) == (size_t)size)
        return utf8;
    if (!utf8 && !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return NULL;
    hone_error error;
    PyErr_Clear();
    hone_fail(&error, status, what, "%s%.80s%s", utf8 ? "the text that begins with \"" : "the text",
              utf8 ? utf8 : " has half a pair of surrogates",
              utf8 ? "\" has a zero character" : ", which is no character");
    hone_python_raise(&error);
    return NULL;
}

bool hone_python_texts(PyObject *list, const char *what, bool holes, const char ***out)
{
    *out = NULL;
    if (list == Py_None)
        return true;
    if (!PyList_Check(list)) {
        PyErr_Format(PyExc_TypeError, "%s: a list of str is needed", what);
        return false;
    }
    const Py_ssize_t n = PyList_Size(list);
    const char **texts = PyMem_Calloc((size_t)n + 1, sizeof *texts);
    if (!texts) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyList_GetItem(list, i);
        char place[96];
        if (holes && item == Py_None)
            continue;
        if (!PyUnicode_Check(item))
            PyErr_Format(PyExc_TypeError, "%s[%zd]: a str is needed", what, i);
        else if (PyOS_snprintf(place, sizeof place, "%.64s[%lld]", what, (long long)i) > 0)
            texts[i] = hone_python_utf8(item, HONE_BAD_DATA, place);
        if (PyErr_Occurred()) {
            PyMem_Free(texts);
            return false;
        }
    }
    *out = texts;
    return true;
}

bool hone_python_vector(views *v, PyObject *object, const char *what, int64_t rows,
                        hone_vector *out, const char ***texts)
{
    *out = (hone_vector){0};
    int64_t length;
    if (object == Py_None)
        return true;
    if (PyList_Check(object)) {
        if (!hone_python_texts(object, what, true, texts))
            return false;
        length = PyList_Size(object);
        *out = (hone_vector){.values = *texts, .dtype = HONE_TEXT, .stride = 1};
    } else {
        window w;
        if (!hone_python_window(v, object, what, 1, false, &w))
            return false;
        length = w.rows;
        *out = (hone_vector){.values = w.values, .dtype = w.dtype, .stride = w.row_stride};
    }
    if (length == rows)
        return true;
    hone_error error;
    hone_fail(&error, HONE_BAD_DATA, what, "%lld values; there are %lld rows", (long long)length,
              (long long)rows);
    hone_python_raise(&error);
    return false;
}

bool hone_python_path(PyObject *object, PyObject **bytes)
{
    return PyUnicode_FSConverter(object, bytes) != 0;
}

PyObject *hone_python_text(char *text)
{
    PyObject *out = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "strict");
    hone_text_free(text);
    return out;
}
