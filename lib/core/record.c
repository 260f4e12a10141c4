/* The record's text, and back. Doubles in shortest round-trip form, 64-bit numbers as strings. */
#include "core/record.h"

#include "base/text.h"

static const char *kind_name(hone_dtype kind)
{
    switch (kind) {
    case HONE_I64:
        return "integer";
    case HONE_F64:
        return "real";
    case HONE_BOOLEAN:
        return "boolean";
    default:
        return "text";
    }
}

static void write_values(hone_text *t, const hone_values *values)
{
    hone_text_format(t, "{\"kind\":\"%s\",\"values\":[", kind_name(values->kind));
    for (int64_t k = 0; k < values->count; k++) {
        hone_text_add(t, k ? "," : "");
        hone_text_quoted(t, values->text[k]);
    }
    hone_text_add(t, "]}");
}

/* Names in order; categorical columns once more, with their levels. */
static void write_schema(hone_text *t, const hone_schema *s)
{
    hone_text_format(t, "{\"columns\":%lld,\"sparse\":%s,\"named\":%s", (long long)s->cols,
                     s->sparse ? "true" : "false", s->named ? "true" : "false");
    if (s->base)
        hone_text_format(t, ",\"first_index\":%d", s->base == HONE_FROM_ONE);
    if (s->na) {
        hone_text_add(t, ",\"na\":");
        hone_text_quoted(t, s->na);
    }
    if (!s->column) {
        hone_text_add(t, "}");
        return;
    }
    hone_text_add(t, ",\"names\":[");
    for (int64_t j = 0; j < s->cols; j++) {
        hone_text_add(t, j ? "," : "");
        hone_text_quoted(t, s->column[j].name);
    }
    hone_text_add(t, "],\"categorical\":[");
    bool first = true;
    for (int64_t j = 0; j < s->cols; j++) {
        if (s->column[j].type != HONE_CATEGORICAL)
            continue;
        hone_text_format(t, "%s{\"column\":%lld,\"levels\":", first ? "" : ",", (long long)j);
        write_values(t, &s->column[j].levels);
        hone_text_add(t, "}");
        first = false;
    }
    hone_text_add(t, "]}");
}

static void write_pipeline(hone_text *t, const hone_pipeline *p)
{
    hone_text_add(t, ",\"steps\":[");
    for (int k = 0; k < p->steps; k++)
        hone_text_format(t, "%s\"%s\"", k ? "," : "", p->transform[k]->name);
    hone_text_add(t, "],\"target_mean\":");
    hone_text_number(t, p->target_mean);
    hone_text_add(t, ",\"target_scale\":");
    hone_text_number(t, p->target_scale);
}

hone_status hone_record_write(hone_model *m, const char *training, hone_error *error)
{
    hone_text t = {0};
    hone_text_add(&t, "{\"hone\":\"" HONE_VERSION "\",\"model\":");
    hone_text_quoted(&t, m->fitted->algorithm->name);
    hone_text_format(&t, ",\"task\":\"%s\",\"seed\":\"%llu\",\"config\":",
                     m->task == HONE_CLASSIFICATION ? "classification" : "regression",
                     (unsigned long long)m->fitted->seed);
    hone_text_add(&t, m->config);
    hone_text_format(&t,
                     ",\"config_hash\":\"%016llx\",\"data\":\"%016llx\",\"trained_rows\":%lld"
                     ",\"schema\":",
                     (unsigned long long)m->config_hash, (unsigned long long)m->fingerprint,
                     (long long)m->trained_rows);
    write_schema(&t, &m->schema);
    hone_text_add(&t, ",\"target\":");
    hone_text_quoted(&t, m->target_name);
    if (m->task == HONE_CLASSIFICATION) {
        hone_text_add(&t, ",\"classes\":");
        write_values(&t, &m->classes);
    }
    write_pipeline(&t, &m->pipeline);
    hone_text_add(&t, ",\"training\":");
    hone_text_add(&t, training);
    hone_text_add(&t, "}");
    m->record = t.failed ? NULL : hone_arena_text(m->memory, t.bytes);
    hone_text_drop(&t);
    return m->record ? HONE_OK : hone_no_memory(error);
}
