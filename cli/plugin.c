/* --plugin: modules from shared libraries, looked up before the built-in ones. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

const hone_algorithm *modules[MOST_MODULES + 1];
static int count;

static hone_status take(const char *file, const hone_algorithm *module, hone_error *error)
{
    hone_error why = {0};
    const hone_status status = hone_algorithm_check(module, &why);
    if (status)
        return hone_fail(error, status, file, "%s: %s", why.path, why.message);
    for (int i = 0; i < count; i++)
        if (!strcmp(modules[i]->name, module->name))
            return hone_fail(error, HONE_BAD_ARGUMENT, file, "module %s was loaded before",
                             module->name);
    if (count == MOST_MODULES)
        return hone_fail(error, HONE_BAD_ARGUMENT, file, "at most %d modules are taken",
                         MOST_MODULES);
    modules[count++] = module;
    return HONE_OK;
}

/* A bare name is a file here, not one that the loader searches for. Libraries stay loaded: models
 * and messages point into them. */
static hone_status load(const char *file, hone_error *error)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s%s", strchr(file, '/') ? "" : "./", file) >=
        (int)sizeof path)
        return hone_fail(error, HONE_IO, "--plugin", "the name is too long");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) /* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc keeps one text a thread */
        return hone_fail(error, HONE_IO, "--plugin", "%s", dlerror());
    const hone_algorithm *const *list = dlsym(library, "hone_plugin");
    if (!list)
        return hone_fail(error, HONE_UNSUPPORTED, file,
                         "exports no hone_plugin (see HONE_PLUGIN in hone/algorithm.h)");
    if (!*list)
        return hone_fail(error, HONE_UNSUPPORTED, file, "holds no module");
    for (; *list; list++)
        HONE_TRY(take(file, *list, error));
    return HONE_OK;
}

hone_status load_plugins(const flags *f, hone_error *error)
{
    for (int i = 0; i < f->plugins; i++)
        HONE_TRY(load(f->plugin[i], error));
    return HONE_OK;
}
