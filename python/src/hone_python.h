/* What the files of the extension share. CPython's stable ABI of 3.11, arrays through Py_buffer:
 * no NumPy headers; Python.h wants to be the first header of a file. Python code of the package
 * checks and arranges arguments; C borrows memory, gives up the interpreter's lock, and turns
 * errors into exceptions. */
#ifndef HONE_PYTHON_H
#define HONE_PYTHON_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include "hone/hone.h"

/* ---- errors ---- */

/* Raises the exception class of `error`; gives NULL. */
PyObject *hone_python_raise(const hone_error *error);

/* The exception class of a status; borrowed. */
PyObject *hone_python_class(hone_status status);

/* set_errors(classes): exception classes by number of status. */
PyObject *hone_python_set_errors(PyObject *module, PyObject *classes);

/* ---- callbacks: the caller's signals, log and progress ---- */

typedef struct listener {
    PyObject *log;                  /* log(level, line), or NULL */
    PyObject *progress;             /* progress(stage, fraction, eta), or NULL */
    PyObject *judged;               /* judged(done, folds, loss), or NULL */
    long level;                     /* the least important level that `log` wants */
    PyObject *type, *value, *trace; /* the exception that a callback or a signal raised */
} listener;

/* Called without the interpreter's lock; they take it. */
bool hone_python_poll(void *context);
bool hone_python_poll_read(void *context, double fraction);
void hone_python_log(void *context, int level, const char *line);
void hone_python_progress(void *context, const char *stage, double fraction, double eta);
bool hone_python_judged(void *context, int32_t done, int32_t folds, double loss);

/* With the lock, after the call: raises what a callback raised, else `error` when the call failed.
 * False: an exception is set. */
bool hone_python_settle(listener *l, hone_status status, const hone_error *error);

/* ---- memory ---- */

/* Views of the caller's memory, in the order they were taken. */
typedef struct views {
    Py_buffer *view;
    Py_ssize_t count, room;
} views;

/* Gives all but the first `kept` back. */
void hone_python_release(views *v, Py_ssize_t kept);

/* A view of one or two dimensions with its element type, aligned, with strides in elements. */
typedef struct window {
    void *values;
    hone_dtype dtype;
    int64_t rows, cols, row_stride, col_stride;
} window;

/* False: an exception is set. `what` names the argument. */
bool hone_python_window(views *v, PyObject *object, const char *what, int dimensions, bool writable,
                        window *out);

/* A vector of numbers (buffer) or of texts (list of str and None); None gives {0}. `texts` receives
 * memory to free with PyMem_Free after the call. */
bool hone_python_vector(views *v, PyObject *object, const char *what, int64_t rows,
                        hone_vector *out, const char ***texts);

/* A str as text that lives as long as it. NULL: an exception is set, that of `status` when the text
 * would end early, at a zero character, or has half a pair of surrogates. */
const char *hone_python_utf8(PyObject *text, hone_status status, const char *what);

/* A list of str as a NULL-terminated array, freed with PyMem_Free; texts live as long as the list.
 * None gives NULL and true. `holes`: None is an element, NULL. */
bool hone_python_texts(PyObject *list, const char *what, bool holes, const char ***out);

/* ---- handles ---- */

/* A dataset and what it borrows. */
typedef struct holder {
    hone_dataset *dataset;
    views views;
    PyObject *valid; /* the capsule whose rows validate */
} holder;

holder *hone_python_dataset(PyObject *capsule); /* NULL: an exception is set */
PyObject *hone_python_new_dataset(hone_dataset *dataset, views *v, PyObject *valid);
hone_model *hone_python_model(PyObject *capsule);
PyObject *hone_python_new_model(hone_model *model); /* takes the reference, also on failure */

/* ---- options ---- */

/* The members of `options` from a dict; what they point at lives in `parsed`, borrowed from the
 * dict. */
typedef struct parsed_options {
    hone_options options;
    uint64_t split_seed;
    double cutoff;
    views views;
    PyObject *model_dir; /* bytes */
} parsed_options;

bool hone_python_options(PyObject *dict, listener *l, parsed_options *out);
void hone_python_drop_options(parsed_options *parsed);

/* A configuration from a dict of native values; NULL: an exception is set. */
hone_config *hone_python_config(PyObject *dict);

/* A file name as bytes, from anything that os.fspath takes. */
bool hone_python_path(PyObject *object, PyObject **bytes);

/* Text that Hone allocated as a str, and frees it. */
PyObject *hone_python_text(char *text);

extern PyMethodDef hone_python_dataset_methods[], hone_python_train_methods[],
    hone_python_model_methods[];

#endif
