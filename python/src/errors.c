/* Errors of the library as exceptions, and callbacks out of a running call. */
#include "hone_python.h"

#include <string.h>

/* Set once when the package is imported; never freed: exceptions may be raised until the end. */
static PyObject *classes;

PyObject *hone_python_set_errors(PyObject *module, PyObject *given)
{
    (void)module;
    if (!PyTuple_Check(given) || PyTuple_Size(given) != HONE_INTERNAL + 1) {
        PyErr_Format(PyExc_TypeError, "a tuple of %d classes is needed", HONE_INTERNAL + 1);
        return NULL;
    }
    PyObject *old = classes;
    classes = Py_NewRef(given);
    Py_XDECREF(old);
    Py_RETURN_NONE;
}

PyObject *hone_python_class(hone_status status)
{
    return PyTuple_GetItem(classes, status);
}

PyObject *hone_python_raise(const hone_error *error)
{
    const int status =
        error->status > HONE_OK && error->status <= HONE_INTERNAL ? error->status : HONE_INTERNAL;
    PyObject *arguments = Py_BuildValue(
        "(NN)", PyUnicode_DecodeUTF8(error->message, (Py_ssize_t)strlen(error->message), "replace"),
        PyUnicode_DecodeUTF8(error->path, (Py_ssize_t)strlen(error->path), "replace"));
    if (!arguments)
        return NULL;
    PyObject *type = hone_python_class(status);
    PyObject *value = type ? PyObject_CallObject(type, arguments) : NULL;
    Py_DECREF(arguments);
    if (value)
        PyErr_SetObject(type, value);
    Py_XDECREF(value);
    return NULL;
}

/* ---- callbacks ---- */

/* Keeps the first exception. */
static void keep(listener *l)
{
    if (l->type)
        PyErr_Clear();
    else
        PyErr_Fetch(&l->type, &l->value, &l->trace);
}

bool hone_python_poll(void *context)
{
    listener *l = context;
    const PyGILState_STATE state = PyGILState_Ensure();
    if (!l->type && PyErr_CheckSignals())
        keep(l);
    const bool stop = l->type != NULL;
    PyGILState_Release(state);
    return stop;
}

bool hone_python_poll_read(void *context, double fraction)
{
    (void)fraction;
    return hone_python_poll(context);
}

static void call(listener *l, PyObject *function, PyObject *arguments)
{
    PyObject *answer = arguments && !l->type ? PyObject_CallObject(function, arguments) : NULL;
    if (!answer && PyErr_Occurred())
        keep(l);
    Py_XDECREF(arguments);
    Py_XDECREF(answer);
}

void hone_python_log(void *context, int level, const char *line)
{
    listener *l = context;
    if (level > l->level)
        return;
    const PyGILState_STATE state = PyGILState_Ensure();
    call(l, l->log, Py_BuildValue("(is)", level, line));
    PyGILState_Release(state);
}

void hone_python_progress(void *context, const char *stage, double fraction, double eta)
{
    listener *l = context;
    const PyGILState_STATE state = PyGILState_Ensure();
    call(l, l->progress, Py_BuildValue("(sdd)", stage, fraction, eta));
    PyGILState_Release(state);
}

bool hone_python_judged(void *context, int32_t done, int32_t folds, double loss)
{
    listener *l = context;
    const PyGILState_STATE state = PyGILState_Ensure();
    call(l, l->judged, Py_BuildValue("(iid)", (int)done, (int)folds, loss));
    const bool stop = l->type != NULL;
    PyGILState_Release(state);
    return stop;
}

bool hone_python_settle(listener *l, hone_status status, const hone_error *error)
{
    if (l && l->type) {
        PyErr_Restore(l->type, l->value, l->trace);
        l->type = l->value = l->trace = NULL;
        return false;
    }
    if (!status && !PyErr_CheckSignals())
        return true;
    if (status)
        hone_python_raise(error);
    return false;
}
