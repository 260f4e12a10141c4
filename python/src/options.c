/* Configurations and run options from dicts. */
#include "hone_python.h"

#include <math.h>
#include <string.h>

/* ---- configuration ---- */

/* An int beyond 64 bits; `sign` its sign. */
static double far_number(PyObject *value, int sign)
{
    const double number = PyLong_AsDouble(value);
    if (!PyErr_Occurred())
        return number;
    PyErr_Clear(); /* beyond a double too */
    return sign * HUGE_VAL;
}

static hone_status set_key(hone_config *config, const char *key, PyObject *value, hone_error *error)
{
    if (value == Py_None)
        return hone_config_set_none(config, key, error);
    if (PyBool_Check(value))
        return hone_config_set_bool(config, key, value == Py_True, error);
    if (PyFloat_Check(value))
        return hone_config_set_real(config, key, PyFloat_AsDouble(value), error);
    if (PyLong_Check(value)) {
        int overflow;
        const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
        return overflow ? hone_config_set_real(config, key, far_number(value, overflow), error)
                        : hone_config_set_integer(config, key, number, error);
    }
    char path[96];
    PyOS_snprintf(path, sizeof path, "config.%.80s", key);
    if (!PyUnicode_Check(value))
        return hone_fail(error, HONE_BAD_CONFIG, path,
                         "the value is no number, boolean, text or None");
    const char *text = hone_python_utf8(value, HONE_BAD_CONFIG, path);
    if (!text)
        return HONE_INTERNAL;
    return hone_config_set_text(config, key, text, error);
}

hone_config *hone_python_config(PyObject *dict)
{
    hone_config *config = NULL;
    hone_error error;
    hone_status status = hone_config_new(&config, &error);
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (!status && PyDict_Next(dict, &at, &key, &value)) {
        const char *name = hone_python_utf8(key, HONE_BAD_CONFIG, "config");
        status = name ? set_key(config, name, value, &error) : HONE_INTERNAL;
    }
    if (!status)
        return config;
    if (!PyErr_Occurred())
        hone_python_raise(&error);
    hone_config_free(config);
    return NULL;
}

/* ---- options ---- */

typedef enum option_kind {
    WHOLE_INT,
    WHOLE_LONG,
    REAL,
    FLAG,
    TEXT,
    SEED,   /* a pointer to parsed.split_seed */
    CUTOFF, /* a pointer to parsed.cutoff */
    ROWS,
    SCORES,
    MODEL,
    FOLDER
} option_kind;

typedef struct option {
    const char *name;
    option_kind kind;
    size_t offset;
} option;

#define AT(member) offsetof(hone_options, member)
static const option OPTIONS[] = {
    {"threads", WHOLE_INT, AT(threads)},
    {"isa", WHOLE_INT, AT(isa)},
    {"budget", REAL, AT(budget)},
    {"native_fidelity", FLAG, AT(native_fidelity)},
    {"validation", WHOLE_INT, AT(validation)},
    {"holdout", REAL, AT(holdout)},
    {"folds", WHOLE_INT, AT(folds)},
    {"valid_rows", ROWS, AT(valid_rows)},
    {"split_seed", SEED, AT(split_seed)},
    {"metric", TEXT, AT(metric)},
    {"deadline", REAL, AT(deadline)},
    {"memory_cap", WHOLE_LONG, AT(memory_cap)},
    {"work_limit", WHOLE_LONG, AT(work_limit)},
    {"cutoff", CUTOFF, AT(cutoff)},
    {"strict", FLAG, AT(strict)},
    {"model_dir", FOLDER, AT(model_dir)},
    {"no_refit", FLAG, AT(no_refit)},
    {"keep_model", FLAG, AT(keep_model)},
    {"warm_from", MODEL, AT(warm_from)},
    {"out_of_fold", SCORES, AT(out_of_fold)},
    {"keep", WHOLE_INT, AT(keep)},
    {"race", FLAG, AT(race)},
    {"warm_start", FLAG, AT(warm_start)},
    {"unjudged", FLAG, AT(unjudged)},
};

static const option *find(const char *name)
{
    for (size_t k = 0; k < sizeof OPTIONS / sizeof *OPTIONS; k++)
        if (!strcmp(OPTIONS[k].name, name))
            return &OPTIONS[k];
    return NULL;
}

/* A contiguous vector of one element type. */
static void *vector(views *v, PyObject *value, const char *name, int dimensions, hone_dtype dtype,
                    int64_t *length)
{
    window w;
    if (!hone_python_window(v, value, name, dimensions, dtype == HONE_F64, &w))
        return NULL;
    if (w.dtype != dtype || w.col_stride != 1 || (w.rows > 1 && w.row_stride != w.cols)) {
        PyErr_Format(PyExc_TypeError, "%s: a contiguous array of another type is needed", name);
        return NULL;
    }
    *length = w.rows * w.cols;
    return w.values;
}

static void set_option(parsed_options *p, const option *o, PyObject *value)
{
    void *to = (char *)&p->options + o->offset;
    int64_t length;
    switch (o->kind) {
    case WHOLE_INT:
        *(int *)to = (int)PyLong_AsLong(value);
        break;
    case WHOLE_LONG:
        *(int64_t *)to = PyLong_AsLongLong(value);
        break;
    case REAL:
        *(double *)to = PyFloat_AsDouble(value);
        break;
    case FLAG:
        *(bool *)to = PyObject_IsTrue(value) == 1;
        break;
    case TEXT:
        *(const char **)to = hone_python_utf8(value, HONE_BAD_ARGUMENT, o->name);
        break;
    case SEED:
        p->split_seed = PyLong_AsUnsignedLongLong(value);
        p->options.split_seed = &p->split_seed;
        break;
    case CUTOFF:
        p->cutoff = PyFloat_AsDouble(value);
        p->options.cutoff = &p->cutoff;
        break;
    case ROWS:
        p->options.valid_rows = vector(&p->views, value, o->name, 1, HONE_I64, &length);
        p->options.n_valid_rows = p->options.valid_rows ? length : 0;
        break;
    case SCORES:
        p->options.out_of_fold = vector(&p->views, value, o->name, 2, HONE_F64, &length);
        break;
    case MODEL:
        p->options.warm_from = hone_python_model(value);
        break;
    case FOLDER:
        if (hone_python_path(value, &p->model_dir))
            p->options.model_dir = PyBytes_AsString(p->model_dir);
        break;
    }
}

bool hone_python_options(PyObject *dict, listener *l, parsed_options *out)
{
    *out = (parsed_options){.options = {.size = sizeof out->options,
                                        .poll = hone_python_poll,
                                        .log = l->log ? hone_python_log : NULL,
                                        .progress = l->progress ? hone_python_progress : NULL,
                                        .judged = l->judged ? hone_python_judged : NULL,
                                        .context = l}};
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(dict, &at, &key, &value)) {
        const char *name = PyUnicode_AsUTF8AndSize(key, NULL);
        const option *o = name ? find(name) : NULL;
        if (o)
            set_option(out, o, value);
        else if (name)
            PyErr_Format(PyExc_TypeError, "no option is called %s", name);
        if (PyErr_Occurred())
            return false;
    }
    return true;
}

void hone_python_drop_options(parsed_options *parsed)
{
    hone_python_release(&parsed->views, 0);
    Py_XDECREF(parsed->model_dir);
}
