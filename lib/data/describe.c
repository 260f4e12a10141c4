/* A dataset as JSON. */
#include "base/text.h"
#include "data/dataset.h"

static void add_key(hone_text *out, const char *key)
{
    hone_text_quoted(out, key);
    hone_text_add(out, ": ");
}

static void add_count(hone_text *out, const char *key, int64_t value)
{
    add_key(out, key);
    hone_text_integer(out, value);
    hone_text_add(out, ", ");
}

static void add_texts(hone_text *out, const char *key, const hone_values *values)
{
    add_key(out, key);
    hone_text_add(out, "[");
    for (int64_t k = 0; k < values->count; k++) {
        hone_text_add(out, k ? ", " : "");
        hone_text_quoted(out, values->text[k]);
    }
    hone_text_add(out, "]");
}

static void add_column(hone_text *out, const hone_column_info *c)
{
    const bool levels = c->type == HONE_CATEGORICAL;
    hone_text_add(out, "{\"name\": ");
    hone_text_quoted(out, c->name);
    hone_text_format(out, ", \"type\": \"%s\", \"missing\": ", levels ? "categorical" : "numeric");
    hone_text_integer(out, c->missing);
    if (levels) {
        hone_text_add(out, ", ");
        add_texts(out, "levels", &c->levels);
    }
    hone_text_add(out, "}");
}

static hone_status add_target(hone_text *out, const hone_dataset *d, hone_error *error)
{
    add_key(out, "name");
    hone_text_quoted(out, d->target_name);
    hone_text_format(out, ", \"task\": \"%s\"",
                     d->task == HONE_CLASSIFICATION ? "classification" : "regression");
    if (d->task != HONE_CLASSIFICATION)
        return HONE_OK;
    int64_t *rows = hone_alloc((size_t)d->classes.count * sizeof *rows);
    if (!rows)
        return hone_no_memory(error);
    for (int64_t i = 0; i < d->table.rows; i++)
        if (d->label[i] >= 0)
            rows[d->label[i]]++;
    hone_text_add(out, ", ");
    add_texts(out, "classes", &d->classes);
    hone_text_add(out, ", \"class_rows\": [");
    for (int64_t k = 0; k < d->classes.count; k++) {
        hone_text_add(out, k ? ", " : "");
        hone_text_integer(out, rows[k]);
    }
    hone_text_add(out, "]");
    hone_free(rows);
    return HONE_OK;
}

static hone_status add_all(hone_text *out, const hone_dataset *d, hone_error *error)
{
    const hone_matrix *x = &d->table;
    hone_text_add(out, "{");
    add_count(out, "rows", x->rows);
    add_count(out, "cols", x->cols);
    hone_text_format(out, "\"layout\": \"%s\", \"dtype\": \"%s\", ",
                     x->layout == HONE_CSR ? "sparse" : "dense",
                     x->dtype == HONE_F32 ? "float32" : "float64");
    if (x->layout == HONE_CSR)
        add_count(out, "entries", x->row_start[x->rows]);
    if (d->column) {
        hone_text_add(out, "\"columns\": [");
        for (int64_t j = 0; j < x->cols; j++) {
            hone_text_add(out, j ? ", " : "");
            add_column(out, &d->column[j]);
        }
        hone_text_add(out, "], ");
    }
    if (d->task) {
        hone_text_add(out, "\"target\": {");
        HONE_TRY(add_target(out, d, error));
        hone_text_add(out, "}, ");
    }
    hone_text_format(out, "\"weights\": %s, ", d->weight ? "true" : "false");
    if (d->valid)
        add_count(out, "validation_rows", d->valid->table.rows);
    hone_text_format(out, "\"fingerprint\": \"%llu\"}", (unsigned long long)d->fingerprint);
    return HONE_OK;
}

hone_status hone_dataset_describe(const hone_dataset *dataset, char **json, hone_error *error)
{
    hone_text out = {0};
    if (!dataset || !json)
        return hone_fail(error, HONE_BAD_ARGUMENT, dataset ? "json" : "dataset", "NULL");
    *json = NULL;
    const hone_status status = add_all(&out, dataset, error);
    if (status) {
        hone_text_drop(&out);
        return status;
    }
    *json = hone_text_take(&out);
    return *json ? HONE_OK : hone_no_memory(error);
}
