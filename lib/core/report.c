/* Results as JSON: the record, which is the same at every run of the same call, and the run.
 * Numbers that a double cannot hold exactly (seeds, hashes) are decimal or hexadecimal texts. */
#include <inttypes.h>
#include <math.h>
#include <time.h>

#include "core/training.h"
#include "core/version.h"
#include "hone/hone.h"

const char *const hone_end_names[] = {"ok",         "deadline",  "cutoff",
                                      "work_limit", "cancelled", "memory"};
const char *const hone_validation_names[] = {"auto", "holdout", "folds", "rows", "oob", "none"};
const char *const hone_isa_names[] = {"auto", "portable", "avx2", "avx512"};

/* ---- members ---- */

static void key(hone_text *out, const char *name)
{
    const char last = out->length ? out->bytes[out->length - 1] : '{';
    if (last != '{' && last != '[')
        hone_text_add(out, ",");
    if (name) {
        hone_text_quoted(out, name);
        hone_text_add(out, ":");
    }
}

static void add_text(hone_text *out, const char *name, const char *value)
{
    key(out, name);
    hone_text_quoted(out, value);
}

static void add_bool(hone_text *out, const char *name, bool value)
{
    key(out, name);
    hone_text_add(out, value ? "true" : "false");
}

static void add_integer(hone_text *out, const char *name, int64_t value)
{
    key(out, name);
    hone_text_integer(out, value);
}

static void add_number(hone_text *out, const char *name, double value)
{
    key(out, name);
    if (isfinite(value))
        hone_text_number(out, value);
    else
        hone_text_add(out, "null");
}

static void add_seed(hone_text *out, const char *name, uint64_t seed)
{
    key(out, name);
    hone_text_format(out, "\"%" PRIu64 "\"", seed);
}

static void add_hash(hone_text *out, const char *name, uint64_t hash)
{
    key(out, name);
    hone_text_format(out, "\"%016" PRIx64 "\"", hash);
}

/* ---- numbers ---- */

/* The numbers of one kind of one row, those that there are. */
static void add_kind(hone_text *out, const hone_result *r, hone_number_kind kind, int32_t fold)
{
    for (int32_t i = 0; i < r->names; i++) {
        const double value = r->value[(int64_t)(fold + 1) * r->names + i];
        if (r->name[i].kind == kind && !isnan(value))
            add_number(out, r->name[i].name, value);
    }
}

static void add_group(hone_text *out, const hone_result *r, const char *name, hone_number_kind kind,
                      int32_t fold)
{
    key(out, name);
    hone_text_add(out, "{");
    add_kind(out, r, kind, fold);
    hone_text_add(out, "}");
}

static void add_folds(hone_text *out, const hone_training *t, bool timing)
{
    const hone_result *r = t->result;
    key(out, "folds");
    hone_text_add(out, "[");
    for (int32_t f = 0; f < r->folds; f++) {
        key(out, NULL);
        hone_text_add(out, "{");
        if (timing) {
            add_kind(out, r, HONE_NUMBER_TIMING, f);
        } else {
            add_kind(out, r, HONE_NUMBER_FACT, f);
            add_group(out, r, "metrics", HONE_NUMBER_METRIC, f);
            add_group(out, r, "state", HONE_NUMBER_STATE, f);
        }
        hone_text_add(out, "}");
    }
    hone_text_add(out, "]");
}

/* ---- parts of the record ---- */

static void add_data(hone_text *out, const hone_dataset *d)
{
    key(out, "data");
    hone_text_add(out, "{");
    add_hash(out, "fingerprint", d->fingerprint);
    add_integer(out, "rows", d->table.rows);
    add_integer(out, "columns", d->table.stored_cols);
    if (d->valid)
        add_hash(out, "valid_fingerprint", d->valid->fingerprint);
    hone_text_add(out, "}");
}

static void add_validation(hone_text *out, const hone_training *t)
{
    const hone_options *o = &t->options;
    key(out, "validation");
    hone_text_add(out, "{");
    add_text(out, "kind", t->foreign.table.rows ? "dataset" : hone_validation_names[t->validation]);
    if (t->validation == HONE_VALIDATE_HOLDOUT)
        add_number(out, "holdout", o->holdout);
    if (t->validation == HONE_VALIDATE_FOLDS)
        add_integer(out, "folds", t->folds);
    add_seed(out, "split_seed", t->split_seed);
    hone_text_add(out, "}");
}

static void add_keys(hone_text *out, const hone_training *t)
{
    const hone_resolved *r = &t->resolved;
    key(out, "adjusted");
    hone_text_add(out, "{");
    for (const hone_adjusted *a = t->adjusted; a; a = a->next)
        if (a->flag)
            add_bool(out, a->key, a->used != 0);
        else
            add_number(out, a->key, a->used);
    hone_text_add(out, "}");
    key(out, "inactive");
    hone_text_add(out, "{");
    for (int64_t i = 0; i < r->inactive; i++)
        add_text(out, r->inactive_key[i], r->inactive_why[i]);
    hone_text_add(out, "}");
    key(out, "defaulted");
    hone_text_add(out, "[");
    for (int64_t i = 0; i < r->defaulted; i++)
        add_text(out, NULL, r->defaulted_key[i]);
    hone_text_add(out, "]");
}

/* How the model was made that is kept: which rows, from where. */
static void add_origin(hone_text *out, const hone_training *t)
{
    const hone_candidate *c = &t->candidate;
    const hone_options *o = &t->options;
    add_number(out, "budget", o->budget);
    if (o->budget < 1)
        add_text(out, "fidelity", t->prefix ? "rows" : "native");
    if (t->result->end == HONE_END_WORK_LIMIT) /* one that was not reached changes nothing */
        add_integer(out, "work_limit", o->work_limit);
    if (t->result->end == HONE_END_CUTOFF && o->cutoff)
        add_number(out, "cutoff", *o->cutoff);
    add_integer(out, "trained_rows", (int64_t)hone_result_number(t->result, "trained_rows", -1));
    add_bool(out, "refit", c->refit);
    add_bool(out, "constant", c->constant || hone_result_number(t->result, "constant", -1) > 0);
    const bool partial = hone_result_number(t->result, "partial", -1) > 0;
    add_bool(out, "partial", partial);
    if (partial)
        add_integer(out, "judged_rows", (int64_t)hone_result_number(t->result, "judged_rows", -1));
    add_bool(out, "warm_start", t->result->warm);
    if (o->warm_from) {
        add_hash(out, "warm_config", o->warm_from->config_hash);
        add_hash(out, "warm_data", o->warm_from->fingerprint);
    }
}

static void add_record(hone_text *out, const hone_training *t)
{
    const hone_result *r = t->result;
    add_text(out, "status", hone_end_names[r->end]);
    add_text(out, "metric", t->metric->name);
    add_number(out, "loss", r->loss);
    add_group(out, r, "metrics", HONE_NUMBER_METRIC, -1);
    add_group(out, r, "state", HONE_NUMBER_STATE, -1);
    add_text(out, "model", t->resolved.algorithm->name);
    key(out, "config");
    hone_text_add(out, t->resolved.json);
    add_hash(out, "config_hash", t->resolved.hash);
    add_seed(out, "seed", t->seed);
    add_data(out, t->dataset);
    add_validation(out, t);
    add_origin(out, t);
    add_keys(out, t);
    if (t->folds > 1)
        add_folds(out, t, false);
    add_text(out, "library", hone_version());
    add_text(out, "build", hone_build);
}

static void add_run(hone_text *out, const hone_training *t)
{
    const time_t now = time(NULL);
    struct tm utc = {0};
    gmtime_r(&now, &utc);
    char text[32] = "";
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    add_text(out, "time", text);
    add_text(out, "kernels", hone_isa_names[t->run.isa]);
    add_kind(out, t->result, HONE_NUMBER_TIMING, -1);
    if (t->folds > 1)
        add_folds(out, t, true);
    if (t->dataset->reading) {
        key(out, "read");
        hone_text_add(out, t->dataset->reading);
    }
}

char *hone_report_record(const hone_training *t)
{
    hone_text out = {0};
    hone_text_add(&out, "{");
    add_record(&out, t);
    hone_text_add(&out, "}");
    return hone_text_take(&out);
}

char *hone_report_run(const hone_training *t)
{
    hone_text out = {0};
    hone_text_add(&out, "{");
    add_run(&out, t);
    hone_text_add(&out, "}");
    return hone_text_take(&out);
}

char *hone_report_result(const hone_training *t)
{
    hone_text out = {0};
    hone_text_add(&out, "{");
    add_record(&out, t);
    key(&out, "model_path");
    if (t->result->path)
        hone_text_quoted(&out, t->result->path);
    else
        hone_text_add(&out, "null");
    key(&out, "run");
    hone_text_add(&out, "{");
    add_run(&out, t);
    hone_text_add(&out, "}}");
    return hone_text_take(&out);
}
