/* The call, and lists of calls. */
#include "hone_python.h"

/* (loss, json, model, path, end, judged rows), or (status, message, path) of a trial that failed.
 */
static PyObject *result_of(const hone_result *r)
{
    hone_error error;
    const hone_status status = hone_result_status(r, &error);
    if (status)
        return Py_BuildValue("(iss)", (int)status, error.message, error.path);
    const char *path = hone_result_model_path(r);
    PyObject *model = hone_result_model(r)
                          ? hone_python_new_model(hone_model_retain(hone_result_model(r)))
                          : Py_NewRef(Py_None);
    PyObject *file = path ? PyUnicode_DecodeFSDefault(path) : Py_NewRef(Py_None);
    const double judged = hone_result_number(r, "judged_rows", -1);
    return Py_BuildValue("(dsNNiL)", hone_result_loss(r), hone_result_json(r), model, file,
                         (int)hone_result_end(r), judged > 0 ? (long long)judged : 0);
}

static listener listening(PyObject *log, long level, PyObject *progress, PyObject *judged)
{
    return (listener){.log = log == Py_None ? NULL : log,
                      .progress = progress == Py_None ? NULL : progress,
                      .judged = judged == Py_None ? NULL : judged,
                      .level = level};
}

/* train(config, dataset, seed, options, log, level, progress, judged) */
static PyObject *train(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *dict, *capsule, *number, *given, *log, *progress, *judged, *out = NULL;
    long level;
    if (!PyArg_ParseTuple(arguments, "O!OO!O!OlOO", &PyDict_Type, &dict, &capsule, &PyLong_Type,
                          &number, &PyDict_Type, &given, &log, &level, &progress, &judged))
        return NULL;
    const uint64_t seed = PyLong_AsUnsignedLongLong(number);
    const holder *data = PyErr_Occurred() ? NULL : hone_python_dataset(capsule);
    hone_config *config = data ? hone_python_config(dict) : NULL;
    if (!config)
        return NULL;
    listener l = listening(log, level, progress, judged);
    parsed_options parsed;
    if (hone_python_options(given, &l, &parsed)) {
        hone_error error;
        hone_result *result = NULL;
        hone_status status;
        Py_BEGIN_ALLOW_THREADS status =
            hone_train_full(config, data->dataset, seed, &parsed.options, &result, &error);
        Py_END_ALLOW_THREADS if (hone_python_settle(&l, status, &error)) out = result_of(result);
        hone_result_free(result);
    }
    hone_python_drop_options(&parsed);
    hone_config_free(config);
    return out;
}

/* ---- lists ---- */

typedef struct trials {
    hone_config **configs;
    uint64_t *seeds;
    hone_result **results;
    PyObject **refused; /* exceptions of configurations that are none */
    Py_ssize_t n;
} trials;

static void drop_trials(trials *t)
{
    for (Py_ssize_t i = 0; i < t->n; i++) {
        if (t->configs)
            hone_config_free(t->configs[i]);
        if (t->results)
            hone_result_free(t->results[i]);
        if (t->refused)
            Py_XDECREF(t->refused[i]);
    }
    PyMem_Free(t->configs);
    PyMem_Free(t->seeds);
    PyMem_Free(t->results);
    PyMem_Free(t->refused);
}

/* Keeps the exception of a configuration that the library refuses: it is the trial's result. */
static bool refuse(PyObject **refused)
{
    PyObject *type, *trace;
    if (!PyErr_ExceptionMatches(hone_python_class(HONE_BAD_CONFIG)))
        return false;
    PyErr_Fetch(&type, refused, &trace);
    PyErr_NormalizeException(&type, refused, &trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return true;
}

static bool read_trials(trials *t, PyObject *dicts, PyObject *seeds)
{
    const Py_ssize_t n = PyList_Size(dicts);
    t->configs = PyMem_Calloc((size_t)n + 1, sizeof *t->configs);
    t->seeds = PyMem_Calloc((size_t)n + 1, sizeof *t->seeds);
    t->results = PyMem_Calloc((size_t)n + 1, sizeof *t->results);
    t->refused = PyMem_Calloc((size_t)n + 1, sizeof(PyObject *));
    if (!t->configs || !t->seeds || !t->results || !t->refused)
        return PyErr_NoMemory(), false;
    t->n = n;
    for (Py_ssize_t i = 0; i < n; i++) {
        t->seeds[i] = PyLong_AsUnsignedLongLong(PyList_GetItem(seeds, i));
        if (PyErr_Occurred())
            return false;
        t->configs[i] = hone_python_config(PyList_GetItem(dicts, i));
        if (!t->configs[i] && !refuse(&t->refused[i]))
            return false;
    }
    return true;
}

/* Results of all trials: tuples as `result_of` gives, or exceptions. */
static PyObject *gather(const trials *t)
{
    PyObject *list = PyList_New(t->n);
    for (Py_ssize_t i = 0; list && i < t->n; i++) {
        PyObject *one = t->refused[i] ? Py_NewRef(t->refused[i]) : result_of(t->results[i]);
        if (!one || PyList_SetItem(list, i, one))
            Py_CLEAR(list);
    }
    return list;
}

/* train_many(configs, seeds, dataset, options, log, level, progress) */
static PyObject *train_many(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *dicts, *seeds, *capsule, *given, *log, *progress, *out = NULL;
    long level;
    if (!PyArg_ParseTuple(arguments, "O!O!OO!OlO", &PyList_Type, &dicts, &PyList_Type, &seeds,
                          &capsule, &PyDict_Type, &given, &log, &level, &progress))
        return NULL;
    const holder *data = hone_python_dataset(capsule);
    if (!data)
        return NULL;
    listener l = listening(log, level, progress, Py_None);
    parsed_options parsed = {0};
    trials t = {0};
    if (read_trials(&t, dicts, seeds) && hone_python_options(given, &l, &parsed)) {
        hone_error error;
        hone_status status;
        Py_BEGIN_ALLOW_THREADS status =
            hone_train_many((const hone_config *const *)t.configs, t.seeds, t.n, data->dataset,
                            &parsed.options, NULL, t.results, &error);
        Py_END_ALLOW_THREADS if (hone_python_settle(&l, status, &error)) out = gather(&t);
    }
    hone_python_drop_options(&parsed);
    drop_trials(&t);
    return out;
}

/* estimate(config, dataset, seed, options, pilot): (bytes_bound, bytes_likely, seconds_likely) */
static PyObject *estimate(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *dict, *capsule, *number, *given, *out = NULL;
    double pilot;
    if (!PyArg_ParseTuple(arguments, "O!OO!O!d", &PyDict_Type, &dict, &capsule, &PyLong_Type,
                          &number, &PyDict_Type, &given, &pilot))
        return NULL;
    const uint64_t seed = PyLong_AsUnsignedLongLong(number);
    const holder *data = PyErr_Occurred() ? NULL : hone_python_dataset(capsule);
    hone_config *config = data ? hone_python_config(dict) : NULL;
    if (!config)
        return NULL;
    listener l = listening(Py_None, 0, Py_None, Py_None);
    parsed_options parsed;
    if (hone_python_options(given, &l, &parsed)) {
        hone_error error;
        hone_estimated found = {.size = sizeof found};
        hone_status status;
        Py_BEGIN_ALLOW_THREADS status =
            hone_estimate(config, data->dataset, seed, &parsed.options, pilot, &found, &error);
        Py_END_ALLOW_THREADS if (hone_python_settle(&l, status, &error)) out =
            Py_BuildValue("(LLd)", (long long)found.bytes_bound, (long long)found.bytes_likely,
                          found.seconds_likely);
    }
    hone_python_drop_options(&parsed);
    hone_config_free(config);
    return out;
}

/* canonical(config, task): JSON with defaults filled in, and the hash. */
static PyObject *canonical(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *dict;
    int task;
    if (!PyArg_ParseTuple(arguments, "O!i", &PyDict_Type, &dict, &task))
        return NULL;
    hone_config *config = hone_python_config(dict);
    if (!config)
        return NULL;
    char *text = NULL;
    uint64_t hash = 0;
    hone_error error;
    hone_status status = hone_config_json(config, (hone_task)task, &text, &error);
    if (!status)
        status = hone_config_hash(config, (hone_task)task, &hash, &error);
    hone_config_free(config);
    PyObject *out =
        status ? hone_python_raise(&error) : Py_BuildValue("(sK)", text, (unsigned long long)hash);
    hone_text_free(text);
    return out;
}

PyMethodDef hone_python_train_methods[] = {{"train", train, METH_VARARGS, NULL},
                                           {"train_many", train_many, METH_VARARGS, NULL},
                                           {"estimate", estimate, METH_VARARGS, NULL},
                                           {"canonical", canonical, METH_VARARGS, NULL},
                                           {0}};
