/* Raw rows to rows as the algorithm takes them, as a graph.
 *
 * Numbers are imputed and scaled side by side. What becomes of a category or of an indicator is
 * tabulated by running the model's own steps over every level, unknown and missing, and the graph
 * looks it up: what the steps mean stands in one place.
 */
#include <math.h>
#include <string.h>

#include "core/schema.h"
#include "interop/onnx.h"
#include "interop/state.h"

/* A column as the algorithm's table stores it. */
typedef struct stored {
    int64_t raw;   /* column of the schema that it comes from */
    bool number;   /* imputed and scaled; else looked up */
    int64_t width; /* logical columns: those of a one-hot category */
} stored;

typedef struct rows_graph {
    hone_onnx *g;
    const hone_model *model;
    const hone_pipeline *p;
    stored *column; /* p->shape[p->steps].stored */
    int64_t columns;
    int64_t *number_of; /* by raw column: its place among the numbers, or -1 */
    int64_t numbers;    /* raw columns that are numbers */
    const char *number; /* rows x numbers */
    const char **block; /* parts of the result, */
    int64_t blocks;
    int64_t *order, ordered; /* and the logical columns that they give, in turn */
} rows_graph;

/* ---- the model's own steps on one value ---- */

static double through(const hone_pipeline *p, int64_t q, double v)
{
    int64_t from[HONE_STEPS + 1];
    from[p->steps] = q;
    for (int k = p->steps; k > 0; k--)
        from[k - 1] = p->transform[k - 1]->source(&p->shape[k - 1], p->state[k - 1], from[k]);
    for (int k = 0; k < p->steps; k++)
        p->transform[k]->apply(&p->shape[k], &p->prep, p->state[k], from[k + 1], &v, 1);
    return v;
}

static int64_t source(const hone_pipeline *p, int64_t q)
{
    for (int k = p->steps; k > 0; k--)
        q = p->transform[k - 1]->source(&p->shape[k - 1], p->state[k - 1], q);
    return q;
}

static int32_t levels_of(const hone_shape *shape, int64_t j)
{
    return shape->levels ? shape->levels[j] : 0;
}

/* The logical columns of stored column q for a raw value. */
static void cell(const rows_graph *r, int64_t q, double raw, double *out)
{
    const hone_pipeline *p = r->p;
    const double v = through(p, q, raw);
    const int32_t levels = levels_of(&p->shape[p->steps], q);
    if (p->one_hot && levels)
        for (int64_t k = 0; k < levels; k++)
            out[k] = v == (double)k;
    else
        out[0] = levels && isnan(v) ? levels + 1 : v;
}

/* ---- inputs ---- */

static bool is_text(const hone_values *levels)
{
    return levels->kind == HONE_TEXT;
}

/* Declares one input a column and puts the numbers side by side. */
static hone_status declare_columns(rows_graph *r, hone_error *error)
{
    const hone_schema *s = &r->model->schema;
    const char **numbers = HONE_NEW(r->g->arena, const char *, s->cols, 1);
    if (!numbers)
        return hone_no_memory(error);
    int64_t count = 0;
    for (int64_t j = 0; j < s->cols; j++) {
        const bool number = r->number_of[j] >= 0;
        const bool text = !number && is_text(&s->column[j].levels);
        hone_onnx_input(r->g, s->column[j].name, text ? ONNX_STRING : ONNX_DOUBLE, 1);
        if (number)
            numbers[count++] = s->column[j].name;
    }
    r->number = count ? hone_onnx_beside(r->g, numbers, count) : NULL;
    return HONE_OK;
}

static hone_status declare_inputs(rows_graph *r, hone_error *error)
{
    const hone_schema *s = &r->model->schema;
    r->number_of = HONE_NEW(r->g->arena, int64_t, s->cols, 1);
    if (!r->number_of)
        return hone_no_memory(error);
    for (int64_t j = 0; j < s->cols; j++)
        r->number_of[j] = hone_schema_levels(s, j) ? -1 : r->numbers++;
    if (s->column && (s->named || r->numbers < s->cols))
        return declare_columns(r, error);
    hone_onnx_input(r->g, "X", ONNX_DOUBLE, s->cols);
    r->number = "X";
    return HONE_OK;
}

/* ---- blocks of the result ---- */

static void add_block(rows_graph *r, const char *value)
{
    r->block[r->blocks++] = value;
}

static void add_columns(rows_graph *r, int64_t q)
{
    const int64_t first = r->p->one_hot ? r->p->first[q] : q;
    for (int64_t k = 0; k < r->column[q].width; k++)
        r->order[r->ordered++] = first + k;
}

static bool all(const double *v, int64_t n, double what)
{
    for (int64_t i = 0; i < n; i++)
        if (v[i] != what)
            return false;
    return true;
}

/* Where(IsNaN(x), fill, x), then (x - centre) / scale, each where the model has the step. */
static const char *impute_and_scale(rows_graph *r, const char *x, const int64_t *q, int64_t count,
                                    double *v)
{
    const hone_shape *in;
    const void *impute = hone_model_step(r->model, &hone_impute, &in);
    if (impute) {
        const hone_member fill = hone_member_of(hone_impute.state, in, impute, "fill");
        for (int64_t i = 0; i < count; i++)
            v[i] = hone_member_at(&fill, r->column[q[i]].raw);
        const char *value = hone_onnx_doubles(r->g, v, 1, count);
        x = hone_onnx_where(r->g, hone_onnx_call(r->g, "IsNaN", x, NULL), value, x);
    }
    const void *scale = hone_model_step(r->model, &hone_scale, &in);
    if (!scale)
        return x;
    const hone_member centre = hone_member_of(hone_scale.state, in, scale, "center");
    const hone_member spread = hone_member_of(hone_scale.state, in, scale, "scale");
    for (int64_t i = 0; i < count; i++)
        v[i] = hone_member_at(&centre, q[i]);
    if (!all(v, count, 0))
        x = hone_onnx_call(r->g, "Sub", x, hone_onnx_doubles(r->g, v, 1, count));
    for (int64_t i = 0; i < count; i++)
        v[i] = hone_member_at(&spread, q[i]);
    return all(v, count, 1) ? x
                            : hone_onnx_call(r->g, "Div", x, hone_onnx_doubles(r->g, v, 1, count));
}

/* The raw numbers behind stored columns `q`, in that order. */
static const char *pick_numbers(rows_graph *r, const int64_t *q, int64_t count, int64_t *pick)
{
    bool same = count == r->numbers;
    for (int64_t i = 0; i < count; i++) {
        pick[i] = r->number_of[r->column[q[i]].raw];
        same &= pick[i] == i;
    }
    return same ? r->number : hone_onnx_columns(r->g, r->number, pick, count);
}

/* Stored columns that are, or are not, imputed and scaled numbers from a raw number. */
static int64_t select_numbers(rows_graph *r, bool number, int64_t *q)
{
    int64_t count = 0;
    for (int64_t k = 0; k < r->columns; k++)
        if (r->number_of[r->column[k].raw] >= 0 && r->column[k].number == number)
            q[count++] = k;
    return count;
}

static hone_status write_numbers(rows_graph *r, hone_error *error)
{
    int64_t *q = HONE_NEW(r->g->arena, int64_t, r->columns, 2);
    double *v = HONE_NEW(r->g->arena, double, r->columns, 2);
    if (!q || !v)
        return hone_no_memory(error);
    int64_t count = select_numbers(r, true, q);
    if (count) {
        const char *x = pick_numbers(r, q, count, q + r->columns);
        add_block(r, impute_and_scale(r, x, q, count, v));
        for (int64_t i = 0; i < count; i++)
            add_columns(r, q[i]);
    }
    count = select_numbers(r, false, q);
    if (!count)
        return HONE_OK;
    const char *x = pick_numbers(r, q, count, q + r->columns);
    for (int64_t i = 0; i < count; i++) {
        cell(r, q[i], NAN, v + i);
        cell(r, q[i], 0, v + r->columns + i);
        add_columns(r, q[i]);
    }
    const char *missing = hone_onnx_call(r->g, "IsNaN", x, NULL);
    const char *yes = hone_onnx_doubles(r->g, v, 1, count);
    const char *no = hone_onnx_doubles(r->g, v + r->columns, 1, count);
    add_block(r, hone_onnx_where(r->g, missing, yes, no));
    return HONE_OK;
}

/* ---- categories ---- */

/* Row of the table that a text stands for: its code, L when unknown, L + 1 when missing. */
static const char *look_up_text(rows_graph *r, int64_t j, const char *table, hone_error *error)
{
    const hone_values *levels = &r->model->schema.column[j].levels;
    const int64_t n = levels->count;
    const char **keys = HONE_NEW(r->g->arena, const char *, n + 1, 1);
    int64_t *codes = HONE_NEW(r->g->arena, int64_t, n + 1, 1);
    if (!keys || !codes) {
        hone_no_memory(error);
        return NULL;
    }
    for (int64_t k = 0; k < n; k++) {
        keys[k] = levels->text[k];
        codes[k] = k;
    }
    keys[n] = "";
    codes[n] = n + 1;
    hone_onnx_begin(r->g, "LabelEncoder", true);
    hone_onnx_in(r->g, r->model->schema.column[j].name);
    hone_onnx_strings(r->g, "keys_strings", keys, n + 1);
    hone_onnx_ints(r->g, "values_int64s", codes, n + 1);
    hone_onnx_int(r->g, "default_int64", n);
    const char *code = hone_onnx_end(r->g);
    const int64_t flat = -1;
    code = hone_onnx_call(r->g, "Reshape", code, hone_onnx_integers(r->g, &flat, 1));
    return hone_onnx_call(r->g, "Gather", table, code);
}

/* Levels that are numbers: [x = level 0, x = level 1, .., unknown, missing] times the table. */
static const char *look_up_number(rows_graph *r, int64_t j, const char *table, hone_error *error)
{
    const hone_values *levels = &r->model->schema.column[j].levels;
    const char *x = r->model->schema.column[j].name;
    double *keys = HONE_NEW(r->g->arena, double, levels->count, 1);
    if (!keys) {
        hone_no_memory(error);
        return NULL;
    }
    for (int64_t k = 0; k < levels->count; k++)
        keys[k] = levels->kind == HONE_F64 ? levels->real[k] : (double)levels->integer[k];
    const char *known =
        hone_onnx_call(r->g, "Equal", x, hone_onnx_doubles(r->g, keys, 1, levels->count));
    known = hone_onnx_cast(r->g, known, ONNX_DOUBLE);
    const char *missing = hone_onnx_cast(r->g, hone_onnx_call(r->g, "IsNaN", x, NULL), ONNX_DOUBLE);
    const char *any[] = {known, missing};
    const char *each = hone_onnx_beside(r->g, any, 2);
    hone_onnx_begin(r->g, "ReduceMax", false);
    hone_onnx_in(r->g, each);
    const int64_t axis = 1;
    hone_onnx_ints(r->g, "axes", &axis, 1);
    const char *some = hone_onnx_end(r->g);
    const char *unknown = hone_onnx_call(r->g, "Sub", hone_onnx_number(r->g, 1), some);
    const char *parts[] = {known, unknown, missing};
    return hone_onnx_call(r->g, "MatMul", hone_onnx_beside(r->g, parts, 3), table);
}

/* All stored columns that come from category j: one table, one look. */
static hone_status write_category(rows_graph *r, int64_t j, hone_error *error)
{
    const hone_values *levels = &r->model->schema.column[j].levels;
    int64_t width = 0;
    for (int64_t q = 0; q < r->columns; q++)
        width += r->column[q].raw == j ? r->column[q].width : 0;
    double *table = HONE_NEW(r->g->arena, double, levels->count + 2, width);
    if (!table)
        return hone_no_memory(error);
    for (int64_t q = 0, at = 0; q < r->columns; q++) {
        if (r->column[q].raw != j)
            continue;
        for (int64_t k = 0; k <= levels->count; k++)
            cell(r, q, (double)k, table + k * width + at);
        cell(r, q, NAN, table + (levels->count + 1) * width + at);
        at += r->column[q].width;
        add_columns(r, q);
    }
    const char *constant = hone_onnx_doubles(r->g, table, levels->count + 2, width);
    const char *block = is_text(levels) ? look_up_text(r, j, constant, error)
                                        : look_up_number(r, j, constant, error);
    if (!block)
        return HONE_NO_MEMORY;
    add_block(r, block);
    return HONE_OK;
}

/* ---- all of it ---- */

/* Whole numbers beyond it share their doubles. */
#define WHOLE_MOST (INT64_C(1) << 53)

static hone_status check_levels(const hone_schema *s, hone_error *error)
{
    for (int64_t j = 0; s->column && j < s->cols; j++) {
        const hone_values *levels = &s->column[j].levels;
        for (int64_t k = 0; hone_schema_levels(s, j) && levels->integer && k < levels->count; k++)
            if (levels->integer[k] > WHOLE_MOST || levels->integer[k] < -WHOLE_MOST)
                return hone_fail(error, HONE_UNSUPPORTED, s->column[j].name,
                                 "has the level %s, beyond 2^53; numbers go into the graph as "
                                 "doubles, which do not hold it",
                                 levels->text[k]);
    }
    return HONE_OK;
}

static hone_status plan(rows_graph *r, hone_error *error)
{
    HONE_TRY(check_levels(&r->model->schema, error));
    const hone_shape *last = &r->p->shape[r->p->steps];
    if (r->p->prep.scale == HONE_SCALE_QUANTILE && !r->p->sparse) {
        const hone_shape *in;
        if (hone_model_step(r->model, &hone_scale, &in))
            return hone_fail(error, HONE_UNSUPPORTED, "prep:scale",
                             "quantile cannot be expressed in ONNX; train with standard, minmax, "
                             "robust or none");
    }
    r->columns = last->stored;
    r->column = HONE_NEW(r->g->arena, stored, r->columns, 1);
    r->block = HONE_NEW(r->g->arena, const char *, r->model->schema.cols + 2, 1);
    r->order = HONE_NEW(r->g->arena, int64_t, last->features, 2);
    if (!r->column || !r->block || !r->order)
        return hone_no_memory(error);
    for (int64_t q = 0; q < r->columns; q++) {
        const int32_t levels = levels_of(last, q);
        const int64_t raw = source(r->p, q);
        /* Behind the columns of the schema stand indicators. */
        r->column[q] =
            (stored){raw, q < r->model->schema.cols, r->p->one_hot && levels ? levels : 1};
    }
    return HONE_OK;
}

/* The blocks side by side, and their columns in the order of the model. */
static const char *assemble(rows_graph *r)
{
    const char *x = hone_onnx_beside(r->g, r->block, r->blocks);
    int64_t *place = r->order + r->ordered;
    bool same = true;
    for (int64_t k = 0; k < r->ordered; k++) {
        place[r->order[k]] = k;
        same &= r->order[k] == k;
    }
    return same ? x : hone_onnx_columns(r->g, x, place, r->ordered);
}

hone_status hone_onnx_rows(hone_onnx *g, const hone_model *model, const char **x, hone_error *error)
{
    rows_graph r = {.g = g, .model = model, .p = &model->pipeline};
    HONE_TRY(plan(&r, error));
    HONE_TRY(declare_inputs(&r, error));
    HONE_TRY(write_numbers(&r, error));
    for (int64_t j = 0; j < model->schema.cols; j++)
        if (r.number_of[j] < 0)
            HONE_TRY(write_category(&r, j, error));
    *x = assemble(&r);
    return HONE_OK;
}
