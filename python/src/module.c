/* The extension module hone._hone: a thin face of the C library for the package's Python code. */
#include "hone_python.h"

/* ---- the space and the reference ---- */

/* space(task, dataset, models, no_preprocessing): ConfigSpace JSON. */
static PyObject *space(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *data, *models;
    int task, bare;
    if (!PyArg_ParseTuple(arguments, "iOOp", &task, &data, &models, &bare))
        return NULL;
    const char **names = NULL;
    const holder *h = data == Py_None ? NULL : hone_python_dataset(data);
    if (PyErr_Occurred() || !hone_python_texts(models, "models", false, &names))
        return NULL;
    const hone_space_options options = {.size = sizeof options,
                                        .task = (hone_task)task,
                                        .dataset = h ? h->dataset : NULL,
                                        .models = names,
                                        .no_preprocessing = bare};
    char *json = NULL;
    hone_error error;
    const hone_status status = hone_space_json(&options, &json, &error);
    PyMem_Free(names);
    return status ? hone_python_raise(&error) : hone_python_text(json);
}

static PyObject *reference(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    char *json = NULL;
    hone_error error;
    return hone_reference_json(NULL, &json, &error) ? hone_python_raise(&error)
                                                    : hone_python_text(json);
}

static PyMethodDef own_methods[] = {{"set_errors", hone_python_set_errors, METH_O, NULL},
                                    {"space", space, METH_VARARGS, NULL},
                                    {"reference", reference, METH_NOARGS, NULL},
                                    {0}};

static int fill(PyObject *module)
{
    PyMethodDef *const all[] = {own_methods, hone_python_dataset_methods, hone_python_train_methods,
                                hone_python_model_methods};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        if (PyModule_AddFunctions(module, all[k]))
            return -1;
    return PyModule_AddStringConstant(module, "version", HONE_VERSION);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)(uintptr_t)fill}, {0}};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT, .m_name = "hone._hone", .m_slots = slots};

PyMODINIT_FUNC PyInit__hone(void);
PyMODINIT_FUNC PyInit__hone(void)
{
    return PyModuleDef_Init(&definition);
}
