/* Fitted models: predict, save, load, tell. */
#include "hone_python.h"

#include <string.h>

static const char CAPSULE[] = "hone.model";

static void free_model(PyObject *capsule)
{
    hone_model_free(PyCapsule_GetPointer(capsule, CAPSULE));
}

hone_model *hone_python_model(PyObject *capsule)
{
    return PyCapsule_GetPointer(capsule, CAPSULE);
}

PyObject *hone_python_new_model(hone_model *model)
{
    PyObject *capsule = PyCapsule_New(model, CAPSULE, free_model);
    if (!capsule)
        hone_model_free(model);
    return capsule;
}

/* ---- files and bytes ---- */

static PyObject *load(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *name;
    long long max_bytes;
    if (!PyArg_ParseTuple(arguments, "O&L", PyUnicode_FSConverter, &name, &max_bytes))
        return NULL;
    const hone_load_options options = {.size = sizeof options, .max_bytes = max_bytes};
    const char *file = PyBytes_AsString(name);
    hone_model *model = NULL;
    hone_error error;
    hone_status status;
    Py_BEGIN_ALLOW_THREADS status = hone_model_load(file, &options, &model, &error);
    Py_END_ALLOW_THREADS Py_DECREF(name);
    return status ? hone_python_raise(&error) : hone_python_new_model(model);
}

static PyObject *load_bytes(PyObject *module, PyObject *arguments)
{
    (void)module;
    Py_buffer b;
    long long max_bytes;
    if (!PyArg_ParseTuple(arguments, "y*L", &b, &max_bytes))
        return NULL;
    const hone_load_options options = {.size = sizeof options, .max_bytes = max_bytes};
    hone_model *model = NULL;
    hone_error error;
    hone_status status;
    Py_BEGIN_ALLOW_THREADS status =
        hone_model_load_bytes(b.buf, (size_t)b.len, &options, &model, &error);
    Py_END_ALLOW_THREADS PyBuffer_Release(&b);
    return status ? hone_python_raise(&error) : hone_python_new_model(model);
}

static PyObject *given_bytes(hone_status status, char *bytes, size_t size, const hone_error *error)
{
    if (status)
        return hone_python_raise(error);
    PyObject *out = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
    hone_text_free(bytes);
    return out;
}

typedef hone_status writer(const hone_model *, char **, size_t *, hone_error *);

static PyObject *written(PyObject *capsule, writer *write)
{
    const hone_model *model = hone_python_model(capsule);
    char *bytes = NULL;
    size_t size = 0;
    hone_error error;
    hone_status status;
    if (!model)
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = write(model, &bytes, &size, &error);
    Py_END_ALLOW_THREADS return given_bytes(status, bytes, size, &error);
}

static PyObject *to_bytes(PyObject *module, PyObject *capsule)
{
    (void)module;
    return written(capsule, hone_model_bytes);
}

static PyObject *to_onnx(PyObject *module, PyObject *capsule)
{
    (void)module;
    return written(capsule, hone_model_to_onnx);
}

static PyObject *to_libsvm(PyObject *module, PyObject *capsule)
{
    (void)module;
    return written(capsule, hone_model_to_libsvm);
}

static PyObject *from_libsvm(PyObject *module, PyObject *arguments)
{
    (void)module;
    const char *text;
    Py_ssize_t size;
    long long columns;
    if (!PyArg_ParseTuple(arguments, "y#L", &text, &size, &columns))
        return NULL;
    hone_model *model = NULL;
    hone_error error;
    hone_status status;
    Py_BEGIN_ALLOW_THREADS status =
        hone_model_from_libsvm(text, (size_t)size, columns, &model, &error);
    Py_END_ALLOW_THREADS return status ? hone_python_raise(&error) : hone_python_new_model(model);
}

/* save(model, name, folder, sidecar, fast): the file's path. `folder`: `name` is a directory. */
static PyObject *save(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *capsule, *name;
    int folder, sidecar, fast;
    if (!PyArg_ParseTuple(arguments, "OO&ppp", &capsule, PyUnicode_FSConverter, &name, &folder,
                          &sidecar, &fast))
        return NULL;
    const hone_model *model = hone_python_model(capsule);
    const hone_save_options options = {.size = sizeof options, .fast = fast, .sidecar = sidecar};
    const char *to = PyBytes_AsString(name);
    char *path = NULL;
    hone_error error;
    hone_status status = HONE_OK;
    if (model) {
        Py_BEGIN_ALLOW_THREADS status = folder ? hone_model_save(model, to, &options, &path, &error)
                                               : hone_model_save_as(model, to, &options, &error);
        Py_END_ALLOW_THREADS if (status) hone_python_raise(&error);
    }
    PyObject *out = !model || status ? NULL : PyUnicode_DecodeFSDefault(path ? path : to);
    hone_text_free(path);
    Py_DECREF(name);
    return out;
}

/* file_save(name, bytes): whole or not at all. */
static PyObject *save_bytes(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *object, *name;
    const char *bytes;
    Py_ssize_t size;
    hone_error error;
    hone_status status;
    if (!PyArg_ParseTuple(arguments, "Oy#", &object, &bytes, &size) ||
        !hone_python_path(object, &name))
        return NULL;
    const char *file = PyBytes_AsString(name);
    Py_BEGIN_ALLOW_THREADS status = hone_file_save(file, bytes, (size_t)size, &error);
    Py_END_ALLOW_THREADS Py_DECREF(name);
    return status ? hone_python_raise(&error) : Py_NewRef(Py_None);
}

static PyObject *inspect(PyObject *module, PyObject *object)
{
    (void)module;
    PyObject *name;
    char *json = NULL;
    hone_error error;
    hone_status status;
    if (!hone_python_path(object, &name))
        return NULL;
    const char *file = PyBytes_AsString(name);
    Py_BEGIN_ALLOW_THREADS status = hone_model_inspect(file, &json, &error);
    Py_END_ALLOW_THREADS Py_DECREF(name);
    return status ? hone_python_raise(&error) : hone_python_text(json);
}

/* ---- facts ---- */

static PyObject *facts(PyObject *module, PyObject *capsule)
{
    (void)module;
    const hone_model *m = hone_python_model(capsule);
    if (!m)
        return NULL;
    return Py_BuildValue("(siLLis)", hone_model_algorithm(m), (int)hone_model_task(m),
                         (long long)hone_model_features(m), (long long)hone_model_outputs(m),
                         (int)hone_model_has_probabilities(m), hone_model_record(m));
}

/* ---- prediction ---- */

static hone_predict_options predicting(listener *l, int threads, long long trees)
{
    return (hone_predict_options){.size = sizeof(hone_predict_options),
                                  .threads = threads,
                                  .poll = hone_python_poll,
                                  .context = l,
                                  .trees = trees};
}

/* The caller's array for what predict writes: contiguous float64 of the right length. */
static double *room_for(views *v, PyObject *object, const hone_model *m, hone_what what,
                        int64_t rows)
{
    window w;
    if (!hone_python_window(v, object, "out", 1, true, &w))
        return NULL;
    const int64_t width = what == HONE_LABELS ? 1 : hone_model_outputs(m);
    if (w.dtype == HONE_F64 && w.rows == rows * width && (w.rows < 2 || w.row_stride == 1))
        return w.values;
    PyErr_SetString(PyExc_ValueError, "out: another length or type is needed");
    return NULL;
}

/* predict(model, dataset, what, threads, trees, out) */
static PyObject *predict(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *capsule, *rows, *out;
    int what, threads;
    long long trees;
    if (!PyArg_ParseTuple(arguments, "OOiiLO", &capsule, &rows, &what, &threads, &trees, &out))
        return NULL;
    const hone_model *m = hone_python_model(capsule);
    const holder *data = m ? hone_python_dataset(rows) : NULL;
    views v = {0};
    double *to =
        data ? room_for(&v, out, m, (hone_what)what, hone_dataset_rows(data->dataset)) : NULL;
    bool good = to != NULL;
    if (good) {
        listener l = {0};
        hone_error error;
        hone_status status;
        const hone_predict_options options = predicting(&l, threads, trees);
        Py_BEGIN_ALLOW_THREADS status =
            hone_model_predict(m, data->dataset, (hone_what)what, &options, to, &error);
        Py_END_ALLOW_THREADS good = hone_python_settle(&l, status, &error);
    }
    hone_python_release(&v, 0);
    return good ? Py_NewRef(Py_None) : NULL;
}

/* predict_dense(model, x, what, threads, trees, out) */
static PyObject *predict_dense(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *capsule, *rows, *out;
    int what, threads;
    long long trees;
    if (!PyArg_ParseTuple(arguments, "OOiiLO", &capsule, &rows, &what, &threads, &trees, &out))
        return NULL;
    const hone_model *m = hone_python_model(capsule);
    views v = {0};
    window x;
    bool good = m && hone_python_window(&v, rows, "data.x", 2, false, &x);
    double *to = good ? room_for(&v, out, m, (hone_what)what, x.rows) : NULL;
    good = to != NULL;
    if (good) {
        listener l = {0};
        hone_error error;
        hone_status status;
        const hone_predict_options options = predicting(&l, threads, trees);
        Py_BEGIN_ALLOW_THREADS status =
            hone_model_predict_dense(m, x.values, x.dtype, x.rows, x.cols, x.row_stride,
                                     x.col_stride, (hone_what)what, &options, to, &error);
        Py_END_ALLOW_THREADS good = hone_python_settle(&l, status, &error);
    }
    hone_python_release(&v, 0);
    return good ? Py_NewRef(Py_None) : NULL;
}

/* evaluate(model, dataset, metric, threads, trees, log, level): the metric in its natural sign. */
static PyObject *evaluate(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *capsule, *rows;
    const char *names[2] = {0};
    int threads;
    long long trees;
    listener l = {0};
    if (!PyArg_ParseTuple(arguments, "OOsiLOl", &capsule, &rows, &names[0], &threads, &trees,
                          &l.log, &l.level))
        return NULL;
    const hone_model *m = hone_python_model(capsule);
    const holder *data = m ? hone_python_dataset(rows) : NULL;
    if (!data)
        return NULL;
    hone_error error;
    hone_status status;
    double value = 0;
    hone_predict_options options = predicting(&l, threads, trees);
    options.log = hone_python_log;
    Py_BEGIN_ALLOW_THREADS status =
        hone_model_evaluate(m, data->dataset, names, &options, &value, &error);
    Py_END_ALLOW_THREADS return hone_python_settle(&l, status, &error) ? PyFloat_FromDouble(value)
                                                                       : NULL;
}

/* output(model, name, dataset, threads): (bytes of float64, rows, cols) */
static PyObject *output(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *capsule, *rows_of;
    const char *name;
    int threads;
    if (!PyArg_ParseTuple(arguments, "OsOi", &capsule, &name, &rows_of, &threads))
        return NULL;
    const hone_model *m = hone_python_model(capsule);
    const holder *data = m && rows_of != Py_None ? hone_python_dataset(rows_of) : NULL;
    if (PyErr_Occurred())
        return NULL;
    listener l = {0};
    hone_error error;
    hone_status status;
    double *values = NULL;
    int64_t rows = 0, cols = 0;
    const hone_predict_options options = predicting(&l, threads, 0);
    Py_BEGIN_ALLOW_THREADS status = hone_model_output(m, name, data ? data->dataset : NULL,
                                                      &options, &values, &rows, &cols, &error);
    Py_END_ALLOW_THREADS PyObject *out = NULL;
    if (hone_python_settle(&l, status, &error))
        out = Py_BuildValue("(y#LL)", (const char *)values, (Py_ssize_t)(rows * cols * 8),
                            (long long)rows, (long long)cols);
    hone_text_free((char *)values);
    return out;
}

PyMethodDef hone_python_model_methods[] = {
    {"model_load", load, METH_VARARGS, NULL},
    {"model_load_bytes", load_bytes, METH_VARARGS, NULL},
    {"model_bytes", to_bytes, METH_O, NULL},
    {"model_onnx", to_onnx, METH_O, NULL},
    {"model_libsvm", to_libsvm, METH_O, NULL},
    {"model_from_libsvm", from_libsvm, METH_VARARGS, NULL},
    {"model_save", save, METH_VARARGS, NULL},
    {"file_save", save_bytes, METH_VARARGS, NULL},
    {"model_inspect", inspect, METH_O, NULL},
    {"model_facts", facts, METH_O, NULL},
    {"model_predict", predict, METH_VARARGS, NULL},
    {"model_predict_dense", predict_dense, METH_VARARGS, NULL},
    {"model_evaluate", evaluate, METH_VARARGS, NULL},
    {"model_output", output, METH_VARARGS, NULL},
    {0}};
