/* Rows in the columns and codes of another schema: for predict, evaluate and validation rows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "data/draft.h"
#include "data/values.h"
#include "data/vector.h"
#include "hone/algorithm.h"

hone_schema hone_dataset_schema(const hone_dataset *dataset)
{
    return (hone_schema){.cols = dataset->table.cols,
                         .column = dataset->column,
                         .named = dataset->named,
                         .sparse = dataset->table.layout == HONE_CSR,
                         .base = dataset->indices.base,
                         .na = dataset->na,
                         .task = dataset->task,
                         .class_kind = dataset->classes.kind};
}

/* ---- which column is which ---- */

static hone_status fail_column(const char *name, hone_error *error, const char *why)
{
    char path[96];
    snprintf(path, sizeof path, "data.%s", name);
    return hone_fail(error, HONE_BAD_DATA, path, "%s", why);
}

static bool same_names(const hone_dataset *d, const hone_schema *schema)
{
    if (d->table.cols != schema->cols)
        return false;
    for (int64_t j = 0; j < schema->cols; j++)
        if (strcmp(d->column[j].name, schema->column[j].name) != 0)
            return false;
    return true;
}

/* from[j]: column of the dataset that is column j of the schema; NULL: j. */
static hone_status match_names(const hone_dataset *d, const hone_schema *schema, hone_arena *arena,
                               int64_t **from, hone_error *error)
{
    const int64_t cols = d->table.cols;
    _Static_assert(sizeof(hone_column_info) % sizeof(char *) == 0, "names are a strided vector");
    const hone_vector names = {.values = &d->column[0].name,
                               .dtype = HONE_TEXT,
                               .stride = sizeof(hone_column_info) / sizeof(char *)};
    int32_t *code = HONE_RAW(arena, int32_t, cols, 1);
    int64_t *place = HONE_RAW(arena, int64_t, cols, 1);
    *from = HONE_RAW(arena, int64_t, schema->cols, 1);
    if (!code || !place || !*from)
        return hone_no_memory(error);
    hone_values sorted;
    int64_t missing, at;
    HONE_TRY(hone_values_encode(&(hone_encoding){.values = &names, .rows = cols}, arena, code,
                                &sorted, &missing, &at, error));
    for (int64_t k = 0; k < cols; k++)
        place[code[k]] = k;
    for (int64_t j = 0; j < schema->cols; j++) {
        const int64_t k = hone_values_find(&sorted, schema->column[j].name);
        if (k < 0)
            return fail_column(schema->column[j].name, error, "the column is missing");
        (*from)[j] = place[k];
    }
    return HONE_OK;
}

static hone_status match_columns(const hone_dataset *d, const hone_schema *schema,
                                 hone_arena *arena, int64_t **from, hone_error *error)
{
    *from = NULL;
    if (d->named && schema->named)
        return same_names(d, schema) ? HONE_OK : match_names(d, schema, arena, from, error);
    const bool narrow = d->indices.open_width && d->table.cols < schema->cols;
    if (d->table.cols != schema->cols && !narrow)
        return hone_fail(error, HONE_BAD_DATA, "data.x", "%lld columns, but %lld are expected",
                         (long long)d->table.cols, (long long)schema->cols);
    return HONE_OK;
}

/* ---- sparse ---- */

typedef struct entry {
    int32_t column;
    int64_t at;
} entry;

/* Few entries a row, and often nearly sorted. */
static void sort_entries(entry *e, int64_t n)
{
    for (int64_t gap = n / 2; gap > 0; gap /= 2)
        for (int64_t i = gap; i < n; i++) {
            const entry moved = e[i];
            int64_t k = i;
            for (; k >= gap && e[k - gap].column > moved.column; k -= gap)
                e[k] = e[k - gap];
            e[k] = moved;
        }
}

static void reorder_row(const hone_matrix *x, int64_t i, const int32_t *to, entry *row,
                        const hone_matrix *out, int64_t *count)
{
    int64_t n = 0;
    for (int64_t k = x->row_start[i]; k < x->row_start[i + 1]; k++)
        if (to[x->column[k]] >= 0)
            row[n++] = (entry){to[x->column[k]], k};
    sort_entries(row, n);
    const size_t size = x->dtype == HONE_F32 ? 4 : 8;
    for (int64_t k = 0; k < n; k++, ++*count) {
        ((int32_t *)(uintptr_t)out->column)[*count] = row[k].column;
        memcpy((char *)(uintptr_t)out->values + (size_t)*count * size,
               (const char *)x->values + (size_t)row[k].at * size, size);
    }
}

static hone_status reorder_sparse(const hone_matrix *x, const int64_t *from, int64_t cols,
                                  hone_arena *arena, hone_matrix *out, hone_error *error)
{
    const int64_t entries = x->row_start[x->rows];
    int64_t *start = HONE_RAW(arena, int64_t, x->rows + 1, 1), longest = 0, count = 0;
    for (int64_t i = 0; i < x->rows; i++)
        if (x->row_start[i + 1] - x->row_start[i] > longest)
            longest = x->row_start[i + 1] - x->row_start[i];
    entry *row = HONE_RAW(arena, entry, longest, 1);
    int32_t *to = HONE_RAW(arena, int32_t, x->cols, 1);
    *out = *x;
    out->cols = out->stored_cols = cols;
    out->column = HONE_RAW(arena, int32_t, entries, 1);
    out->values = hone_arena_alloc_raw(arena, entries, 1, x->dtype == HONE_F32 ? 4 : 8);
    out->row_start = start;
    if (!start || !row || !to || !out->column || !out->values)
        return hone_no_memory(error);
    memset(to, -1, (size_t)x->cols * sizeof *to);
    for (int64_t j = 0; j < cols; j++)
        to[from[j]] = (int32_t)j;
    for (int64_t i = 0; i < x->rows; i++) {
        start[i] = count;
        reorder_row(x, i, to, row, out, &count);
    }
    start[x->rows] = count;
    return HONE_OK;
}

/* A file without an index 0 seems to begin at 1; that of the schema may tell better. */
static hone_status match_base(const hone_dataset *d, const hone_schema *schema, hone_arena *arena,
                              hone_matrix *table, hone_error *error)
{
    const hone_indices *have = &d->indices;
    if (!have->base || !schema->base || have->base == schema->base || have->base_given)
        return HONE_OK;
    if (have->base == HONE_FROM_ZERO)
        return hone_fail(error, HONE_BAD_DATA, "data.x",
                         "an index is 0, but the indices of the training data begin at 1");
    const int64_t entries = table->row_start[table->rows];
    int32_t *column = HONE_RAW(arena, int32_t, entries, 1);
    if (!column)
        return hone_no_memory(error);
    for (int64_t k = 0; k < entries; k++) {
        column[k] = table->column[k] + 1;
        if (column[k] >= table->cols)
            return hone_fail(error, HONE_BAD_DATA, "data.x",
                             "index %d, but the training data have indices from 0 to %lld",
                             (int)column[k], (long long)table->cols - 1);
    }
    table->column = column;
    return HONE_OK;
}

static hone_status align_sparse(const hone_dataset *d, const hone_schema *schema,
                                const int64_t *from, hone_arena *arena, hone_matrix *table,
                                hone_error *error)
{
    for (int64_t j = 0; schema->column && j < schema->cols; j++)
        if (schema->column[j].type == HONE_CATEGORICAL)
            return fail_column(schema->column[j].name, error,
                               "the column is categorical, but sparse rows hold numbers only");
    if (from)
        return reorder_sparse(&d->table, from, schema->cols, arena, table, error);
    *table = d->table;
    table->cols = table->stored_cols = schema->cols;
    return match_base(d, schema, arena, table, error);
}

/* ---- dense ---- */

/* How one column becomes one of the schema. */
typedef struct change {
    int64_t from;
    const double *of_code;    /* source code -> number or code; NULL: the source has numbers */
    const hone_values *codes; /* numbers -> codes of these; NULL: stay numbers */
    bool same;
} change;

static hone_status map_codes(const hone_values *have, const hone_column_info *want,
                             hone_arena *arena, change *c, hone_error *error)
{
    double *map = HONE_RAW(arena, double, have->count, 1);
    if (!map)
        return hone_no_memory(error);
    const bool codes = want->type == HONE_CATEGORICAL;
    c->same = codes && have->count == want->levels.count;
    for (int64_t k = 0; k < have->count; k++) {
        if (codes) {
            const int64_t code = hone_values_match(have, k, &want->levels);
            map[k] = (double)(code < 0 ? want->levels.count : code);
            c->same &= code == k;
            continue;
        }
        map[k] = hone_values_number(have, k);
        if (isnan(map[k])) {
            char why[96];
            snprintf(why, sizeof why, "a number is expected, not '%.40s'", have->text[k]);
            return fail_column(want->name, error, why);
        }
    }
    c->of_code = map;
    return HONE_OK;
}

static hone_status plan_column(const hone_dataset *d, const hone_schema *schema, int64_t j,
                               hone_arena *arena, change *c, hone_error *error)
{
    static const hone_column_info numeric = {.type = HONE_NUMERIC};
    const hone_column_info *have = &d->column[c->from];
    const hone_column_info *want = schema->column ? &schema->column[j] : &numeric;
    char name[32];
    hone_column_info named = *want;
    if (!schema->column) {
        snprintf(name, sizeof name, "x%lld", (long long)j);
        named.name = name;
    }
    if (have->type == HONE_CATEGORICAL)
        return map_codes(&have->levels, &named, arena, c, error);
    c->codes = want->type == HONE_CATEGORICAL ? &want->levels : NULL;
    c->same = !c->codes;
    return HONE_OK;
}

static double changed(const change *c, double v)
{
    if (isnan(v))
        return v;
    if (c->of_code)
        return c->of_code[(int64_t)v];
    if (!c->codes)
        return v;
    const int64_t code = hone_values_find_number(c->codes, v);
    return (double)(code < 0 ? c->codes->count : code);
}

static double cell(const hone_matrix *x, int64_t i, int64_t j)
{
    const int64_t at = i * x->row_stride + j * x->col_stride;
    return x->dtype == HONE_F32 ? (double)((const float *)x->values)[at]
                                : ((const double *)x->values)[at];
}

/* float32 holds what the column becomes. */
static bool stays_narrow(const hone_dataset *d, const change *c)
{
    const int64_t count = c->of_code ? d->column[c->from].levels.count : 0;
    for (int64_t k = 0; k < count; k++)
        if ((double)(float)c->of_code[k] != c->of_code[k])
            return false;
    return !c->codes || c->codes->count < 1 << 24;
}

static hone_status rewrite(const hone_dataset *d, const hone_schema *schema, const change *changes,
                           hone_arena *arena, hone_matrix *table, hone_error *error)
{
    const int64_t rows = d->table.rows, cols = schema->cols;
    bool narrow = d->table.dtype == HONE_F32;
    for (int64_t j = 0; j < cols && narrow; j++)
        narrow = stays_narrow(d, &changes[j]);
    void *values = hone_arena_alloc_raw(arena, rows, cols, narrow ? 4 : 8);
    int32_t *levels = HONE_NEW(arena, int32_t, cols, 1);
    if (!values || !levels)
        return hone_no_memory(error);
    bool categories = false;
    for (int64_t j = 0; j < cols; j++) {
        levels[j] = schema->column ? (int32_t)schema->column[j].levels.count : 0;
        categories |= schema->column && schema->column[j].type == HONE_CATEGORICAL;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            const double v = changed(&changes[j], cell(&d->table, i, changes[j].from));
            if (narrow)
                ((float *)values)[i * cols + j] = (float)v;
            else
                ((double *)values)[i * cols + j] = v;
        }
    *table = (hone_matrix){.values = values,
                           .layout = HONE_DENSE,
                           .dtype = narrow ? HONE_F32 : HONE_F64,
                           .rows = rows,
                           .cols = cols,
                           .stored_cols = cols,
                           .row_stride = cols,
                           .col_stride = 1,
                           .levels = categories ? levels : NULL};
    return HONE_OK;
}

hone_status hone_dataset_align(const hone_dataset *d, const hone_schema *schema, hone_arena *arena,
                               hone_matrix *table, hone_error *error)
{
    int64_t *from;
    HONE_TRY(match_columns(d, schema, arena, &from, error));
    if (d->table.layout == HONE_CSR)
        return align_sparse(d, schema, from, arena, table, error);
    change *c = HONE_NEW(arena, change, schema->cols, 1);
    if (!c)
        return hone_no_memory(error);
    bool same = !from;
    for (int64_t j = 0; j < schema->cols; j++) {
        c[j].from = from ? from[j] : j;
        HONE_TRY(plan_column(d, schema, j, arena, &c[j], error));
        same &= c[j].same;
    }
    if (!same)
        return rewrite(d, schema, c, arena, table, error);
    *table = d->table;
    return HONE_OK;
}

/* ---- targets ---- */

void hone_dataset_recode(const hone_dataset *d, const hone_values *classes, int32_t *label)
{
    for (int64_t i = 0; i < d->table.rows; i++) {
        if (d->target)
            label[i] = (int32_t)hone_values_find_number(classes, d->target[i]);
        else
            label[i] = d->label && d->label[i] >= 0
                           ? (int32_t)hone_values_match(&d->classes, d->label[i], classes)
                           : -1;
    }
}

hone_status hone_dataset_amounts(const hone_dataset *d, double *amount, hone_error *error)
{
    for (int64_t i = 0; i < d->table.rows; i++) {
        amount[i] = d->target ? d->target[i] : hone_values_number(&d->classes, d->label[i]);
        if (isnan(amount[i]))
            return hone_fail(error, HONE_BAD_DATA, "data.y", "a number is expected, not '%.64s'",
                             d->classes.text[d->label[i]]);
    }
    return HONE_OK;
}

void hone_warn_labels(const hone_dataset *d, const int32_t *label, const char *what,
                      void (*log)(void *context, int level, const char *line), void *context)
{
    int64_t unknown = 0, first = 0;
    for (int64_t i = d->table.rows; i-- > 0;)
        if (label[i] < 0) {
            unknown++;
            first = i;
        }
    if (!log || !unknown)
        return;
    char line[256], name[HONE_NUMBER_SIZE];
    if (d->target)
        hone_number_text(d->target[first], name);
    snprintf(line, sizeof line,
             "%s: %lld of %lld labels are none of the training data and count as wrong (\"%.64s\")",
             what, (long long)unknown, (long long)d->table.rows,
             d->target ? name : d->classes.text[d->label[first]]);
    log(context, HONE_WARNING, line);
}

/* ---- validation rows ---- */

static hone_status take_answers(const hone_dataset *d, const hone_dataset *v, hone_dataset *out,
                                const hone_dataset_options *options, hone_error *error)
{
    out->task = d->task;
    out->classes = d->classes;
    if (d->task == HONE_CLASSIFICATION) {
        int32_t *label = HONE_RAW(out->memory, int32_t, v->table.rows, 1);
        if (!label)
            return hone_no_memory(error);
        hone_dataset_recode(v, &d->classes, label);
        hone_warn_labels(v, label, "validation rows", options->log, options->context);
        out->label = label;
    } else if (d->task == HONE_REGRESSION) {
        double *amount = HONE_RAW(out->memory, double, v->table.rows, 1);
        if (!amount)
            return hone_no_memory(error);
        HONE_TRY(hone_dataset_amounts(v, amount, error));
        out->target = amount;
    }
    return HONE_OK;
}

/* The classes of validation rows weigh what those of the dataset do. */
static hone_status weigh_classes(const hone_dataset *d, hone_dataset *out,
                                 const hone_dataset_options *options, hone_error *error)
{
    double *factor;
    HONE_TRY(hone_class_factors(d, options, out->memory, &factor, error));
    if (!factor)
        return HONE_OK;
    double *weight = HONE_RAW(out->memory, double, out->table.rows, 1);
    if (!weight)
        return hone_no_memory(error);
    for (int64_t i = 0; i < out->table.rows; i++)
        weight[i] =
            (out->weight ? out->weight[i] : 1) * (out->label[i] < 0 ? 1 : factor[out->label[i]]);
    out->weight = weight;
    return HONE_OK;
}

hone_status hone_dataset_take_valid(hone_dataset *d, const hone_dataset *v,
                                    const hone_dataset_options *options, hone_error *error)
{
    if (d->task && !v->task)
        return hone_fail(error, HONE_BAD_DATA, "options.valid",
                         "the validation rows have no target");
    hone_dataset *out = d->valid = hone_alloc(sizeof *out);
    if (!out)
        return hone_no_memory(error);
    atomic_init(&out->references, 1);
    out->origin = hone_dataset_retain((hone_dataset *)(uintptr_t)v);
    out->memory = hone_arena_open(NULL);
    if (!out->memory)
        return hone_no_memory(error);
    const hone_schema schema = hone_dataset_schema(d);
    HONE_TRY(hone_dataset_align(v, &schema, out->memory, &out->table, error));
    HONE_TRY(take_answers(d, v, out, options, error));
    out->column = d->column;
    out->named = d->named;
    out->missing = v->missing;
    out->categories = d->categories;
    out->target_name = d->target_name;
    out->weight = v->weight;
    HONE_TRY(weigh_classes(d, out, options, error));
    out->fingerprint = v->fingerprint;
    out->table_id = v->table_id;
    out->labels_id = v->labels_id;
    return HONE_OK;
}
