/* hone export, import. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

typedef struct content {
    char *bytes;
    size_t size;
} content;

static void write_content(FILE *to, const void *context)
{
    const content *c = context;
    fwrite(c->bytes, 1, c->size, to);
}

/* ---- export ---- */

static hone_status convert(const flags *f, const hone_model *model, content *c, hone_error *error)
{
    if (f->format && !strcmp(f->format, "onnx"))
        return hone_model_to_onnx(model, &c->bytes, &c->size, error);
    if (f->format && !strcmp(f->format, "libsvm"))
        return hone_model_to_libsvm(model, &c->bytes, &c->size, error);
    return hone_fail(error, HONE_BAD_ARGUMENT, "--format", "must be onnx or libsvm, got %s",
                     f->format ? f->format : "nothing");
}

int export_command(const flags *f)
{
    hone_error error = {0};
    hone_model *model = NULL;
    content c = {0};
    hone_status status = open_model(f, &model, &error);
    if (!status)
        status = convert(f, model, &c, &error);
    if (!status)
        status = write_output(f->output, write_content, &c, &error);
    hone_text_free(c.bytes);
    hone_model_free(model);
    return status ? failed(&error) : 0;
}

/* ---- import ---- */

static hone_status read_file(const char *file, content *c, hone_error *error)
{
    FILE *from = fopen(file, "rb");
    if (!from)
        return hone_fail(error, HONE_IO, file, "%s", reason_of(errno));
    size_t room = 0, got;
    do {
        if (c->size == room) {
            char *more = realloc(c->bytes, room = room ? 2 * room : 1 << 16);
            if (!more) {
                fclose(from);
                return hone_fail(error, HONE_NO_MEMORY, file, "does not fit into memory");
            }
            c->bytes = more;
        }
        got = fread(c->bytes + c->size, 1, room - c->size, from);
        c->size += got;
    } while (got);
    const int number = ferror(from) ? errno : 0;
    fclose(from);
    return number ? hone_fail(error, HONE_IO, file, "cannot be read: %s", reason_of(number))
                  : HONE_OK;
}

static hone_status import_file(const flags *f, content *c, hone_model **model, hone_error *error)
{
    int64_t columns = 0;
    if (!f->format || strcmp(f->format, "libsvm") != 0)
        return hone_fail(error, HONE_BAD_ARGUMENT, "--format", "must be libsvm, got %s",
                         f->format ? f->format : "nothing");
    if (!f->data || !f->output)
        return hone_fail(error, HONE_BAD_ARGUMENT, f->data ? "--output" : "--data", "is needed");
    if (!whole_of("--columns", f->columns, &columns))
        return told(error);
    HONE_TRY(read_file(f->data, c, error));
    HONE_TRY(hone_model_from_libsvm(c->bytes, c->size, columns, model, error));
    content made = {0};
    HONE_TRY(hone_model_bytes(*model, &made.bytes, &made.size, error));
    const hone_status status = write_output(f->output, write_content, &made, error);
    hone_text_free(made.bytes);
    return status;
}

int import_command(const flags *f)
{
    hone_error error = {0};
    hone_model *model = NULL;
    content c = {0};
    const hone_status status = import_file(f, &c, &model, &error);
    free(c.bytes);
    hone_model_free(model);
    return status ? failed(&error) : 0;
}
