/* Protobuf's wire format, as far as ONNX needs it: varints, and fields of length-delimited bytes.
 * Field numbers are those of onnx.proto (IR 8). */
#include "interop/onnx.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* ---- wire ---- */

enum { VARINT = 0, BYTES = 2 };

static void varint(hone_text *t, uint64_t v)
{
    char bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        v >>= 7;
    } while (v);
    hone_text_add_bytes(t, bytes, n);
}

static void field_integer(hone_text *t, int field, int64_t v)
{
    varint(t, (uint64_t)field << 3 | VARINT);
    varint(t, (uint64_t)v);
}

static void field_bytes(hone_text *t, int field, const void *bytes, size_t size)
{
    varint(t, (uint64_t)field << 3 | BYTES);
    varint(t, size);
    if (size)
        hone_text_add_bytes(t, bytes, size);
}

static void field_text(hone_text *t, int field, const char *text)
{
    field_bytes(t, field, text, strlen(text));
}

/* `part` as a field of `t`; empties it. */
static void field_part(hone_text *t, int field, hone_text *part)
{
    if (part->failed)
        t->failed = true;
    else
        field_bytes(t, field, part->bytes, part->length);
    part->length = 0;
}

/* ---- names ---- */

/* The graph's own names begin with more underscores than the name of any input, "v" follows. */
static const char *next_name(hone_onnx *g)
{
    hone_text name = {0};
    for (int64_t k = 0; k < g->lead; k++)
        hone_text_add(&name, "_");
    hone_text_format(&name, "v%lld", (long long)g->values++);
    const char *kept = name.failed ? NULL : hone_arena_text(g->arena, name.bytes);
    hone_text_drop(&name);
    g->failed |= !kept;
    return kept ? kept : "";
}

static bool is_input(const hone_onnx *g, const char *name)
{
    for (size_t at = 0; at < g->names.length; at += strlen(g->names.bytes + at) + 1)
        if (!strcmp(g->names.bytes + at, name))
            return true;
    return false;
}

/* ---- inputs and outputs ---- */

static void dimension(hone_text *shape, int64_t size)
{
    hone_text d = {0};
    if (size < 0)
        field_text(&d, 2, "rows");
    else
        field_integer(&d, 1, size);
    field_part(shape, 1, &d);
    hone_text_drop(&d);
}

static void value_info(hone_text *to, int field, const char *name, int type, int64_t cols)
{
    hone_text shape = {0}, tensor = {0}, whole = {0}, info = {0};
    dimension(&shape, -1);
    if (cols)
        dimension(&shape, cols);
    field_integer(&tensor, 1, type);
    field_part(&tensor, 2, &shape);
    field_part(&whole, 1, &tensor);
    field_text(&info, 1, name);
    field_part(&info, 2, &whole);
    field_part(to, field, &info);
    hone_text_drop(&shape);
    hone_text_drop(&tensor);
    hone_text_drop(&whole);
    hone_text_drop(&info);
}

void hone_onnx_input(hone_onnx *g, const char *name, int type, int64_t cols)
{
    const int64_t lead = (int64_t)strspn(name, "_") + 1;
    assert(!g->values);
    g->lead = lead > g->lead ? lead : g->lead;
    hone_text_add_bytes(&g->names, name, strlen(name) + 1);
    value_info(&g->inputs, 11, name, type, cols);
}

void hone_onnx_output(hone_onnx *g, const char *value, const char *name, int type, int64_t cols)
{
    hone_text n = {0}, free_name = {0};
    hone_text_add(&free_name, name);
    while (!free_name.failed && is_input(g, free_name.bytes))
        hone_text_add(&free_name, "_");
    if (free_name.failed) {
        g->failed = true;
    } else {
        field_text(&n, 1, value);
        field_text(&n, 2, free_name.bytes);
        field_text(&n, 4, "Identity");
        field_part(&g->nodes, 1, &n);
        value_info(&g->outputs, 12, free_name.bytes, type, cols);
    }
    hone_text_drop(&n);
    hone_text_drop(&free_name);
}

/* ---- constants ---- */

static void tensor_head(hone_text *t, int type, int64_t rows, int64_t cols)
{
    if (rows)
        field_integer(t, 1, rows);
    if (cols)
        field_integer(t, 1, cols);
    field_integer(t, 2, type);
}

/* The elements are little-endian in the file, as on every machine that Hone runs on. */
static void tensor(hone_text *t, int type, int64_t rows, int64_t cols, const char *name,
                   const void *values)
{
    tensor_head(t, type, rows, cols);
    if (name)
        field_text(t, 8, name);
    field_bytes(t, 9, values, (size_t)((rows ? rows : 1) * (cols ? cols : 1)) * 8);
}

const char *hone_onnx_doubles(hone_onnx *g, const double *values, int64_t rows, int64_t cols)
{
    const char *name = next_name(g);
    tensor(&g->piece, ONNX_DOUBLE, rows, cols, name, values);
    field_part(&g->tensors, 5, &g->piece);
    return name;
}

const char *hone_onnx_integers(hone_onnx *g, const int64_t *values, int64_t count)
{
    const char *name = next_name(g);
    tensor(&g->piece, ONNX_INT64, 0, count, name, values);
    field_part(&g->tensors, 5, &g->piece);
    return name;
}

const char *hone_onnx_texts(hone_onnx *g, const char *const *texts, int64_t count)
{
    const char *name = next_name(g);
    tensor_head(&g->piece, ONNX_STRING, 0, count);
    for (int64_t i = 0; i < count; i++)
        field_text(&g->piece, 6, texts[i]);
    field_text(&g->piece, 8, name);
    field_part(&g->tensors, 5, &g->piece);
    return name;
}

const char *hone_onnx_number(hone_onnx *g, double value)
{
    return hone_onnx_doubles(g, &value, 0, 0);
}

/* ---- nodes ---- */

enum { IS_INT = 2, IS_STRING = 3, IS_TENSOR = 4, IS_INTS = 7, IS_STRINGS = 8 };

void hone_onnx_begin(hone_onnx *g, const char *op, bool ml)
{
    assert(!g->node.length); /* the one before has ended */
    field_text(&g->node, 4, op);
    if (ml)
        field_text(&g->node, 7, "ai.onnx.ml");
}

void hone_onnx_in(hone_onnx *g, const char *value)
{
    field_text(&g->node, 1, value);
}

/* Begins an attribute in `piece`; attribute_end puts it into the node. */
static void attribute(hone_onnx *g, const char *name, int type)
{
    field_text(&g->piece, 1, name);
    field_integer(&g->piece, 20, type);
}

static void attribute_end(hone_onnx *g)
{
    field_part(&g->node, 5, &g->piece);
}

void hone_onnx_int(hone_onnx *g, const char *name, int64_t value)
{
    attribute(g, name, IS_INT);
    field_integer(&g->piece, 3, value);
    attribute_end(g);
}

void hone_onnx_string(hone_onnx *g, const char *name, const char *value)
{
    attribute(g, name, IS_STRING);
    field_text(&g->piece, 4, value);
    attribute_end(g);
}

void hone_onnx_ints(hone_onnx *g, const char *name, const int64_t *values, int64_t count)
{
    attribute(g, name, IS_INTS);
    for (int64_t i = 0; i < count; i++)
        field_integer(&g->piece, 8, values[i]);
    attribute_end(g);
}

void hone_onnx_strings(hone_onnx *g, const char *name, const char *const *values, int64_t count)
{
    attribute(g, name, IS_STRINGS);
    for (int64_t i = 0; i < count; i++)
        field_text(&g->piece, 9, values[i]);
    attribute_end(g);
}

void hone_onnx_tensor(hone_onnx *g, const char *name, const double *values, int64_t count)
{
    hone_text t = {0};
    tensor(&t, ONNX_DOUBLE, 0, count, NULL, values);
    attribute(g, name, IS_TENSOR);
    field_part(&g->piece, 5, &t);
    hone_text_drop(&t);
    attribute_end(g);
}

const char *hone_onnx_out(hone_onnx *g)
{
    const char *name = next_name(g);
    field_text(&g->node, 2, name);
    return name;
}

const char *hone_onnx_end(hone_onnx *g)
{
    const char *name = hone_onnx_out(g);
    field_part(&g->nodes, 1, &g->node);
    return name;
}

const char *hone_onnx_call(hone_onnx *g, const char *op, const char *a, const char *b)
{
    hone_onnx_begin(g, op, false);
    hone_onnx_in(g, a);
    if (b)
        hone_onnx_in(g, b);
    return hone_onnx_end(g);
}

const char *hone_onnx_where(hone_onnx *g, const char *condition, const char *yes, const char *no)
{
    hone_onnx_begin(g, "Where", false);
    hone_onnx_in(g, condition);
    hone_onnx_in(g, yes);
    hone_onnx_in(g, no);
    return hone_onnx_end(g);
}

const char *hone_onnx_cast(hone_onnx *g, const char *value, int type)
{
    hone_onnx_begin(g, "Cast", false);
    hone_onnx_in(g, value);
    hone_onnx_int(g, "to", type);
    return hone_onnx_end(g);
}

const char *hone_onnx_gather(hone_onnx *g, const char *value, const char *index, int64_t axis)
{
    hone_onnx_begin(g, "Gather", false);
    hone_onnx_in(g, value);
    hone_onnx_in(g, index);
    hone_onnx_int(g, "axis", axis);
    return hone_onnx_end(g);
}

const char *hone_onnx_unsqueeze(hone_onnx *g, const char *value, int64_t axis)
{
    return hone_onnx_call(g, "Unsqueeze", value, hone_onnx_integers(g, &axis, 1));
}

const char *hone_onnx_sum(hone_onnx *g, const char *value, int64_t axis)
{
    return hone_onnx_call(g, "ReduceSum", value, hone_onnx_integers(g, &axis, 1));
}

const char *hone_onnx_columns(hone_onnx *g, const char *value, const int64_t *column, int64_t count)
{
    return hone_onnx_gather(g, value, hone_onnx_integers(g, column, count), 1);
}

const char *hone_onnx_beside(hone_onnx *g, const char *const *values, int64_t count)
{
    if (count == 1)
        return values[0];
    hone_onnx_begin(g, "Concat", false);
    for (int64_t i = 0; i < count; i++)
        hone_onnx_in(g, values[i]);
    hone_onnx_int(g, "axis", 1);
    return hone_onnx_end(g);
}

/* ---- the file ---- */

static void opset(hone_text *model, const char *domain, int64_t version)
{
    hone_text t = {0};
    field_text(&t, 1, domain);
    field_integer(&t, 2, version);
    field_part(model, 8, &t);
    hone_text_drop(&t);
}

static void append(hone_text *to, const hone_text *part)
{
    if (part->failed)
        to->failed = true;
    else if (part->length)
        hone_text_add_bytes(to, part->bytes, part->length);
}

static bool too_large(const hone_onnx *g)
{
    return g->nodes.length + g->tensors.length + g->inputs.length + g->outputs.length >
           INT32_MAX - 4096;
}

static void write_model(hone_onnx *g, const char *name, hone_text *model)
{
    hone_text graph = {0};
    append(&graph, &g->nodes);
    field_text(&graph, 2, name);
    append(&graph, &g->tensors);
    append(&graph, &g->inputs);
    append(&graph, &g->outputs);
    field_integer(model, 1, 8);
    field_text(model, 2, "hone");
    field_part(model, 7, &graph);
    opset(model, "", 17);
    opset(model, "ai.onnx.ml", 3);
    hone_text_drop(&graph);
}

hone_status hone_onnx_finish(hone_onnx *g, const char *name, char **bytes, size_t *size,
                             hone_error *error)
{
    hone_text model = {0};
    const bool large = too_large(g);
    if (!large && !g->failed && !g->node.failed && !g->piece.failed && !g->names.failed)
        write_model(g, name, &model);
    hone_text *const parts[] = {&g->node,    &g->nodes, &g->tensors, &g->inputs,
                                &g->outputs, &g->piece, &g->names};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hone_text_drop(parts[i]);
    *size = model.length;
    *bytes = model.length ? hone_text_take(&model) : NULL;
    if (large)
        return hone_fail(error, HONE_UNSUPPORTED, "onnx",
                         "the model is above 2 GiB, which no ONNX file can hold");
    return *bytes ? HONE_OK : hone_no_memory(error);
}
