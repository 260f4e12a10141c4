/* Datasets: from arrays, sparse rows, columns and Arrow; what they tell. */
#include "hone_python.h"

#include <string.h>
#include <xxhash.h>

#include "hone/arrow.h"

static const char CAPSULE[] = "hone.dataset";

static void free_dataset(PyObject *capsule)
{
    holder *h = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!h)
        return;
    hone_dataset_free(h->dataset);
    hone_python_release(&h->views, 0);
    Py_XDECREF(h->valid);
    PyMem_Free(h);
}

holder *hone_python_dataset(PyObject *capsule)
{
    return PyCapsule_GetPointer(capsule, CAPSULE);
}

PyObject *hone_python_new_dataset(hone_dataset *dataset, views *v, PyObject *valid)
{
    holder *h = PyMem_Malloc(sizeof *h);
    if (h) {
        *h = (holder){dataset, *v, valid ? Py_NewRef(valid) : NULL};
        *v = (views){0};
        PyObject *capsule = PyCapsule_New(h, CAPSULE, free_dataset);
        if (capsule)
            return capsule;
        *v = h->views;
        Py_XDECREF(h->valid);
        PyMem_Free(h);
    } else {
        PyErr_NoMemory();
    }
    hone_dataset_free(dataset);
    return NULL;
}

/* ---- what all ways of making one share ---- */

/* Arguments that say more about the rows. Objects are borrowed. */
typedef struct about {
    PyObject *y, *weight, *names, *target_name, *valid, *log;
    int task, threads;
    long level;
    long long cache_bytes;
    PyObject *categorical;  /* list of column numbers */
    PyObject *class_weight; /* list of (label, weight) */
    int any_words;
    int hold; /* keep the borrowed memory alive with the dataset */
} about;

/* A dataset under construction: C's form of the arguments. */
typedef struct making {
    views views;
    listener listener;
    hone_dataset_options options;
    hone_vector y;
    const char **names, **y_texts, **weight_texts;
    bool *categorical;
    hone_class_weight *class_weight;
    hone_error error;
    hone_dataset *made;
    hone_status status;
} making;

static void drop_making(making *m)
{
    PyMem_Free(m->names);
    PyMem_Free(m->y_texts);
    PyMem_Free(m->weight_texts);
    PyMem_Free(m->categorical);
    PyMem_Free(m->class_weight);
    hone_python_release(&m->views, 0);
}

static bool mark_categorical(PyObject *list, int64_t cols, making *m)
{
    if (list == Py_None)
        return true;
    const Py_ssize_t n = PyList_Size(list);
    m->categorical = n < 0 ? NULL : PyMem_Calloc((size_t)cols + 1, sizeof *m->categorical);
    if (!m->categorical)
        return n < 0 ? false : (PyErr_NoMemory(), false);
    for (Py_ssize_t k = 0; k < n; k++) {
        const long long j = PyLong_AsLongLong(PyList_GetItem(list, k));
        if (PyErr_Occurred())
            return false;
        if (j < 0 || j >= cols) {
            PyErr_Format(PyExc_IndexError, "categorical: column %lld; there are %lld", j,
                         (long long)cols);
            return false;
        }
        m->categorical[j] = true;
    }
    m->options.categorical = m->categorical;
    return true;
}

/* Labels are borrowed from the list. */
static bool weigh_classes(PyObject *list, making *m)
{
    if (list == Py_None)
        return true;
    const Py_ssize_t n = PyList_Size(list);
    m->class_weight = n < 0 ? NULL : PyMem_Calloc((size_t)n + 1, sizeof *m->class_weight);
    if (!m->class_weight)
        return n < 0 ? false : (PyErr_NoMemory(), false);
    for (Py_ssize_t k = 0; k < n; k++)
        if (!PyArg_ParseTuple(PyList_GetItem(list, k), "sd", &m->class_weight[k].label,
                              &m->class_weight[k].weight))
            return false;
    m->options.class_weight = m->class_weight;
    m->options.n_class_weights = n;
    return true;
}

static bool begin(const about *a, int64_t rows, int64_t cols, making *m)
{
    m->listener = (listener){.log = a->log == Py_None ? NULL : a->log, .level = a->level};
    m->options = (hone_dataset_options){.size = sizeof m->options,
                                        .task = (hone_task)a->task,
                                        .cache_bytes = a->cache_bytes,
                                        .threads = a->threads,
                                        .log = m->listener.log ? hone_python_log : NULL,
                                        .context = &m->listener};
    if (a->target_name != Py_None &&
        !(m->options.target_name = hone_python_utf8(a->target_name, HONE_BAD_DATA, "y")))
        return false;
    if (a->valid != Py_None) {
        const holder *valid = hone_python_dataset(a->valid);
        if (!valid)
            return false;
        m->options.valid = valid->dataset;
    }
    if (!hone_python_texts(a->names, "feature_names", false, &m->names) ||
        !hone_python_vector(&m->views, a->y, "data.y", rows, &m->y, &m->y_texts) ||
        !hone_python_vector(&m->views, a->weight, "data.weight", rows, &m->options.weight,
                            &m->weight_texts))
        return false;
    if (m->names && PyList_Size(a->names) != cols) {
        PyErr_Format(PyExc_ValueError, "feature_names: %zd names; there are %lld columns",
                     PyList_Size(a->names), (long long)cols);
        return false;
    }
    m->options.names = m->names;
    m->options.any_words = a->any_words;
    return weigh_classes(a->class_weight, m) && mark_categorical(a->categorical, cols, m);
}

/* The capsule, or NULL with an exception; frees everything else. The first `borrowed` views live as
 * long as the dataset. */
static PyObject *finish(const about *a, making *m, bool prepared, int borrowed)
{
    PyObject *capsule = NULL;
    if (prepared && hone_python_settle(&m->listener, m->status, &m->error)) {
        hone_python_release(&m->views, a->hold ? borrowed : 0);
        capsule =
            hone_python_new_dataset(m->made, &m->views, a->valid == Py_None ? NULL : a->valid);
    } else {
        hone_dataset_free(m->made);
    }
    drop_making(m);
    return capsule;
}

#define ABOUT "OOOOOOiiLOlOpp"
#define ABOUT_INTO(a)                                                                              \
    &(a).y, &(a).weight, &(a).names, &(a).categorical, &(a).target_name, &(a).valid, &(a).task,    \
        &(a).threads, &(a).cache_bytes, &(a).log, &(a).level, &(a).class_weight, &(a).any_words,   \
        &(a).hold

/* ---- arrays ---- */

static PyObject *dense(PyObject *module, PyObject *arguments)
{
    (void)module;
    about a;
    PyObject *object;
    if (!PyArg_ParseTuple(arguments, "O" ABOUT, &object, ABOUT_INTO(a)))
        return NULL;
    making m = {0};
    window x;
    const bool good = hone_python_window(&m.views, object, "data.x", 2, false, &x) &&
                      begin(&a, x.rows, x.cols, &m);
    if (good) {
        Py_BEGIN_ALLOW_THREADS m.status =
            hone_dataset_dense(x.values, x.dtype, x.rows, x.cols, x.row_stride, x.col_stride, m.y,
                               &m.options, &m.made, &m.error);
        Py_END_ALLOW_THREADS
    }
    return finish(&a, &m, good, 1);
}

static bool contiguous(const window *w, const char *what)
{
    if (w->rows < 2 || w->row_stride == 1)
        return true;
    PyErr_Format(PyExc_ValueError, "%s: a contiguous array is needed", what);
    return false;
}

static PyObject *csr(PyObject *module, PyObject *arguments)
{
    (void)module;
    about a;
    PyObject *data, *start, *column;
    long long rows, cols;
    if (!PyArg_ParseTuple(arguments, "OOOLL" ABOUT, &data, &start, &column, &rows, &cols,
                          ABOUT_INTO(a)))
        return NULL;
    making m = {0};
    window v, s, c;
    bool good = hone_python_window(&m.views, data, "data.values", 1, false, &v) &&
                hone_python_window(&m.views, start, "data.indptr", 1, false, &s) &&
                hone_python_window(&m.views, column, "data.indices", 1, false, &c) &&
                contiguous(&v, "data.values") && contiguous(&s, "data.indptr") &&
                contiguous(&c, "data.indices");
    if (good && s.rows != rows + 1) {
        PyErr_Format(PyExc_ValueError, "data.indptr: %lld offsets for %lld rows", (long long)s.rows,
                     rows);
        good = false;
    }
    if (good && v.rows != c.rows) {
        PyErr_Format(PyExc_ValueError, "data.indices: %lld columns for %lld values",
                     (long long)c.rows, (long long)v.rows);
        good = false;
    }
    good = good && begin(&a, rows, cols, &m);
    /* The last offset bounds every read of values and columns. */
    if (good) {
        const int64_t end = s.dtype == HONE_I32 || s.dtype == HONE_U32
                                ? ((const int32_t *)s.values)[rows]
                                : ((const int64_t *)s.values)[rows];
        if (end > v.rows) {
            PyErr_Format(PyExc_ValueError, "data.indptr: ends at %lld; there are %lld values",
                         (long long)end, (long long)v.rows);
            good = false;
        }
    }
    if (good) {
        Py_BEGIN_ALLOW_THREADS m.status =
            hone_dataset_csr(v.values, v.dtype, s.values, s.dtype, c.values, c.dtype, rows, cols,
                             m.y, &m.options, &m.made, &m.error);
        Py_END_ALLOW_THREADS
    }
    return finish(&a, &m, good, 3);
}

/* ---- columns ---- */

typedef struct table {
    hone_column *columns;
    const char ***texts, ***levels;
    Py_ssize_t cols;
} table;

static void drop_table(table *t)
{
    for (Py_ssize_t j = 0; j < t->cols; j++) {
        if (t->texts)
            PyMem_Free(t->texts[j]);
        if (t->levels)
            PyMem_Free(t->levels[j]);
    }
    PyMem_Free(t->columns);
    PyMem_Free(t->texts);
    PyMem_Free(t->levels);
}

/* One column: (name, type, values, levels). */
static bool read_column(making *m, table *t, Py_ssize_t j, PyObject *item, int64_t rows)
{
    PyObject *name, *values, *levels;
    hone_column *c = &t->columns[j];
    int type;
    if (!PyArg_ParseTuple(item, "OiOO", &name, &type, &values, &levels) ||
        (name != Py_None && !(c->name = hone_python_utf8(name, HONE_BAD_DATA, "feature_names"))))
        return false;
    c->type = (hone_type)type;
    char what[64];
    PyOS_snprintf(what, sizeof what, "data.%s", c->name ? c->name : "x");
    if (!hone_python_vector(&m->views, values, what, rows, &c->values, &t->texts[j]) ||
        !hone_python_texts(levels, what, false, &t->levels[j]))
        return false;
    c->levels = t->levels[j];
    c->n_levels = levels == Py_None ? 0 : PyList_Size(levels);
    return true;
}

static bool read_table(making *m, table *t, PyObject *list, int64_t rows)
{
    const Py_ssize_t cols = PyList_Size(list);
    if (cols < 0)
        return false;
    t->columns = PyMem_Calloc((size_t)cols + 1, sizeof *t->columns);
    t->texts = PyMem_Calloc((size_t)cols + 1, sizeof *t->texts);
    t->levels = PyMem_Calloc((size_t)cols + 1, sizeof *t->levels);
    if (!t->columns || !t->texts || !t->levels)
        return PyErr_NoMemory(), false;
    t->cols = cols;
    for (Py_ssize_t j = 0; j < cols; j++)
        if (!read_column(m, t, j, PyList_GetItem(list, j), rows))
            return false;
    return true;
}

static PyObject *columns(PyObject *module, PyObject *arguments)
{
    (void)module;
    about a;
    PyObject *list;
    long long rows;
    if (!PyArg_ParseTuple(arguments, "O!L" ABOUT, &PyList_Type, &list, &rows, ABOUT_INTO(a)))
        return NULL;
    making m = {0};
    table t = {0};
    const bool good = read_table(&m, &t, list, rows) && begin(&a, rows, t.cols, &m);
    if (good) {
        Py_BEGIN_ALLOW_THREADS m.status =
            hone_dataset_columns(t.columns, t.cols, rows, m.y, &m.options, &m.made, &m.error);
        Py_END_ALLOW_THREADS
    }
    drop_table(&t);
    return finish(&a, &m, good, 0);
}

/* ---- Arrow and files ---- */

/* Options of a read: target, weight, categorical, drop, na, labels, delimiter, decimal, no_header,
 * features, bytes at most, format, first index, class weights. */
static bool begin_read(const about *a, PyObject *arguments, making *m, hone_read_options *o)
{
    const char *delimiter = NULL, *decimal = NULL;
    int no_header = 0, format = 0, zero_based = 0;
    long long features = 0, max_bytes = 0;
    if (!begin(a, 0, 0, m))
        return false;
    *o = (hone_read_options){
        .size = sizeof *o, .dataset = m->options, .poll = hone_python_poll_read};
    if (!PyArg_ParseTuple(arguments, "zzzzzzzzpLLiiz", &o->target, &o->weight, &o->categorical,
                          &o->drop, &o->na, &o->labels, &delimiter, &decimal, &no_header, &features,
                          &max_bytes, &format, &zero_based, &o->class_weight))
        return false;
    o->delimiter = delimiter ? delimiter[0] : 0;
    o->decimal = decimal ? decimal[0] : 0;
    o->no_header = no_header;
    o->features = features;
    o->max_bytes = max_bytes;
    o->format = (hone_format)format;
    o->zero_based = zero_based;
    return true;
}

static PyObject *arrow(PyObject *module, PyObject *arguments)
{
    (void)module;
    about a;
    PyObject *first, *second, *how;
    if (!PyArg_ParseTuple(arguments, "OOO!" ABOUT, &first, &second, &PyTuple_Type, &how,
                          ABOUT_INTO(a)))
        return NULL;
    making m = {0};
    hone_read_options o;
    const bool stream = second == Py_None;
    void *schema = PyCapsule_GetPointer(first, stream ? "arrow_array_stream" : "arrow_schema");
    void *array = stream || !schema ? NULL : PyCapsule_GetPointer(second, "arrow_array");
    const bool good = schema && (stream || array) && begin_read(&a, how, &m, &o);
    if (good) {
        Py_BEGIN_ALLOW_THREADS m.status =
            stream ? hone_dataset_arrow_stream(schema, &o, &m.made, &m.error)
                   : hone_dataset_arrow(array, schema, &o, &m.made, &m.error);
        Py_END_ALLOW_THREADS
    }
    return finish(&a, &m, good, 0);
}

/* read(file, options of the read, the model whose rows they are or None, about...) */
static PyObject *read_file(PyObject *module, PyObject *arguments)
{
    (void)module;
    about a;
    PyObject *file, *how, *whose, *name;
    if (!PyArg_ParseTuple(arguments, "OO!O" ABOUT, &file, &PyTuple_Type, &how, &whose,
                          ABOUT_INTO(a)))
        return NULL;
    const hone_model *model = whose == Py_None ? NULL : hone_python_model(whose);
    if (PyErr_Occurred() || !hone_python_path(file, &name))
        return NULL;
    making m = {0};
    hone_read_options o;
    const char *path = PyBytes_AsString(name);
    const bool good = path && begin_read(&a, how, &m, &o);
    if (good) {
        Py_BEGIN_ALLOW_THREADS m.status = model
                                              ? hone_model_read(model, path, &o, &m.made, &m.error)
                                              : hone_dataset_read(path, &o, &m.made, &m.error);
        Py_END_ALLOW_THREADS
    }
    Py_DECREF(name);
    return finish(&a, &m, good, 0);
}

/* ---- what a dataset tells ---- */

static PyObject *class_names(const hone_dataset *d)
{
    const int64_t n = hone_dataset_classes(d);
    PyObject *list = PyList_New(n);
    for (int64_t k = 0; list && k < n; k++) {
        PyObject *text = PyUnicode_FromString(hone_dataset_class(d, k));
        if (!text || PyList_SetItem(list, k, text))
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *facts(PyObject *module, PyObject *capsule)
{
    (void)module;
    const holder *h = hone_python_dataset(capsule);
    if (!h)
        return NULL;
    const hone_dataset *d = h->dataset;
    return Py_BuildValue("(LLiNK)", (long long)hone_dataset_rows(d),
                         (long long)hone_dataset_cols(d), (int)hone_dataset_task(d), class_names(d),
                         (unsigned long long)hone_dataset_fingerprint(d));
}

static PyObject *describe(PyObject *module, PyObject *capsule)
{
    (void)module;
    const holder *h = hone_python_dataset(capsule);
    char *json = NULL;
    hone_error error;
    if (!h)
        return NULL;
    return hone_dataset_describe(h->dataset, &json, &error) ? hone_python_raise(&error)
                                                            : hone_python_text(json);
}

static PyObject *cache(PyObject *module, PyObject *capsule)
{
    (void)module;
    const holder *h = hone_python_dataset(capsule);
    if (!h)
        return NULL;
    hone_cache_stats s = {.size = sizeof s};
    hone_dataset_cache_stats(h->dataset, &s);
    return Py_BuildValue("{sLsLsLsLsLsLsd}", "hits", (long long)s.hits, "misses",
                         (long long)s.misses, "evictions", (long long)s.evictions, "entries",
                         (long long)s.entries, "bytes", (long long)s.bytes, "budget",
                         (long long)s.budget, "seconds_saved", s.seconds_saved);
}

/* ---- content ---- */

enum { WHOLE = 64 << 20, PIECES = 64 };

/* Everything up to 64 MiB; beyond, 64 pieces of 1 MiB at equal distances, ends included. */
static uint64_t hash_bytes(const char *bytes, size_t size)
{
    if (size <= WHOLE)
        return XXH3_64bits(bytes, size);
    const size_t piece = WHOLE / PIECES;
    uint64_t hash = size;
    for (size_t k = 0; k < PIECES; k++)
        hash = XXH3_64bits_withSeed(bytes + (size - piece) / (PIECES - 1) * k, piece, hash);
    return XXH3_64bits_withSeed(bytes + size - piece, piece, hash);
}

/* digest(buffer): of the bytes of an array that is contiguous in C's or Fortran's order; None
 * otherwise. */
static PyObject *digest(PyObject *module, PyObject *object)
{
    (void)module;
    Py_buffer b;
    uint64_t hash;
    if (PyObject_GetBuffer(object, &b, PyBUF_STRIDES | PyBUF_FORMAT))
        return NULL;
    const bool whole = PyBuffer_IsContiguous(&b, 'A');
    if (whole) {
        Py_BEGIN_ALLOW_THREADS hash = hash_bytes(b.buf, (size_t)b.len);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&b);
    if (!whole)
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLongLong(hash);
}

PyMethodDef hone_python_dataset_methods[] = {{"dataset_dense", dense, METH_VARARGS, NULL},
                                             {"dataset_csr", csr, METH_VARARGS, NULL},
                                             {"dataset_columns", columns, METH_VARARGS, NULL},
                                             {"dataset_arrow", arrow, METH_VARARGS, NULL},
                                             {"dataset_read", read_file, METH_VARARGS, NULL},
                                             {"dataset_facts", facts, METH_O, NULL},
                                             {"dataset_describe", describe, METH_O, NULL},
                                             {"dataset_cache", cache, METH_O, NULL},
                                             {"digest", digest, METH_O, NULL},
                                             {0}};
