/* From hyperparameter tables to the list of what a search may turn.
 *
 * A row that is not searched has its default: what depends on it is there always or never. A number
 * or word becomes two knobs, <name>_mode and, under "value", <name>.
 */
#include "core/knobs.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "core/catalog.h"
#include "core/prep/dense.h"
#include "data/dataset.h"

static const char *const TRUTHS[] = {"true", "false", NULL};
static const char *const VALUE[] = {"value", NULL};

typedef struct builder {
    hone_space_options options;
    const hone_dataset *dataset;
    hone_arena *arena;
    hone_knobs *out;
    int64_t room;
    hone_error *error;
} builder;

bool hone_knob_of_model(const hone_knob *knob, const hone_algorithm *a)
{
    return knob->algorithm ? knob->algorithm == a : !(knob->unless & a->takes);
}

/* ---- models ---- */

static bool fits(const builder *b, const hone_algorithm *a)
{
    const hone_dataset *d = b->dataset;
    if (!(a->tasks & (unsigned)b->out->task))
        return false;
    return !d || !hone_dense_needed(d, a->takes) || hone_dense_bytes(&d->table) <= HONE_DENSE_MOST;
}

static bool asked(const builder *b, const hone_algorithm *a)
{
    return !b->options.models || hone_word_index(b->options.models, a->name) >= 0;
}

static hone_status find_models(builder *b)
{
    int64_t all = 0;
    for (int64_t i = 0; hone_module_at(b->options.algorithms, &i);)
        all++;
    b->out->model = HONE_NEW(b->arena, const hone_algorithm *, all, 1);
    if (!b->out->model)
        return hone_no_memory(b->error);
    for (int k = 0; b->options.models && b->options.models[k]; k++)
        if (!hone_catalog_find(b->options.algorithms, b->options.models[k]))
            return hone_model_unknown(b->options.algorithms, b->options.models[k], b->error);
    for (int64_t i = 0;;) {
        const hone_algorithm *a = hone_module_at(b->options.algorithms, &i);
        if (!a)
            break;
        if (asked(b, a) && fits(b, a))
            b->out->model[b->out->models++] = a;
    }
    if (b->out->models)
        return HONE_OK;
    return hone_fail(b->error, HONE_UNSUPPORTED, "space.model", "no model takes this task%s",
                     b->dataset ? " and data" : "");
}

/* ---- one row ---- */

static bool is_word(const hone_param *p)
{
    return p->kind == HONE_CHOICE || p->kind == HONE_BOOL;
}

/* Whether a search turns the row, for this task and dataset. */
static bool searched(const builder *b, const hone_param *p, bool prep)
{
    const hone_dataset *d = b->dataset;
    if (!hone_param_applies(p, b->out->task) || (p->needs_categories && d && !d->categories))
        return false;
    if (prep && (hone_prep_unless(p) & HONE_TAKES_MISSING) && d &&
        (!d->missing || d->table.layout == HONE_CSR))
        return false;
    return is_word(p) ? !p->fixed : p->tune_words || hone_range_given(p->tune);
}

static const hone_knob *knob_of_row(const hone_knobs *k, const hone_algorithm *a,
                                    const hone_param *row)
{
    for (int64_t i = 0; i < k->count; i++)
        if (k->knob[i].row == row && k->knob[i].algorithm == a)
            return &k->knob[i];
    return NULL;
}

/* The knob that the row's condition is about, past rows that keep their default. False: the row is
 * never there. */
static bool find_condition(const builder *b, const hone_algorithm *a, const hone_param *table,
                           const hone_param *p, const void *defaults, hone_knob *knob)
{
    knob->when = -1;
    while (p->when.parent) {
        const hone_param *parent = hone_param_find(table, p->when.parent, b->out->task);
        if (!parent)
            return false;
        const hone_knob *k = knob_of_row(b->out, a, parent);
        if (k) {
            knob->when = k - b->out->knob;
            knob->values = p->when.values;
            return true;
        }
        if (hone_word_index(p->when.values, hone_param_word(parent, defaults)) < 0)
            return false;
        p = parent;
    }
    return true;
}

/* The default when the range has it; else the middle, of a log scale the geometric one. */
static double start_number(const hone_param *p)
{
    if (!p->default_word && hone_range_has(p->tune, p->default_value))
        return p->default_value;
    const double middle =
        p->log ? sqrt(p->tune.low * p->tune.high) : (p->tune.low + p->tune.high) / 2;
    return middle;
}

static hone_status put(builder *b, hone_knob knob, const char *prefix, const char *suffix)
{
    char key[128];
    hone_text_join(key, sizeof key, prefix, ":", knob.row->name);
    hone_text t = {0};
    hone_text_add(&t, key);
    hone_text_add(&t, suffix);
    knob.key = t.failed ? NULL : hone_arena_text(b->arena, t.bytes);
    hone_text_drop(&t);
    if (!knob.key)
        return hone_no_memory(b->error);
    b->out->knob[b->out->count++] = knob;
    return HONE_OK;
}

/* Words and "value", where a number may be searched. */
static hone_status put_mode(builder *b, hone_knob knob, const char *prefix, bool number)
{
    const hone_param *p = knob.row;
    int n = 0;
    while (p->words[n])
        n++;
    const char **words = HONE_NEW(b->arena, const char *, n + 2, 1);
    if (!words)
        return hone_no_memory(b->error);
    memcpy(words, p->words, (size_t)n * sizeof *words);
    if (number)
        words[n] = "value";
    knob.words = words;
    knob.word = p->default_word ? p->default_word : number ? "value" : words[0];
    return put(b, knob, prefix, "_mode");
}

static hone_status put_row(builder *b, const hone_algorithm *a, const hone_param *table,
                           const hone_param *p, const char *prefix, const void *defaults)
{
    hone_knob knob = {.algorithm = a, .row = p};
    if (!find_condition(b, a, table, p, defaults, &knob))
        return HONE_OK;
    knob.unless = a ? 0 : hone_prep_unless(p);
    if (is_word(p)) {
        knob.words = p->kind == HONE_BOOL ? TRUTHS : p->tune_choices ? p->tune_choices : p->choices;
        knob.word = hone_param_word(p, defaults);
        return put(b, knob, prefix, "");
    }
    const bool number = hone_range_given(p->tune);
    if (p->tune_words) {
        HONE_TRY(put_mode(b, knob, prefix, number));
        knob.when = b->out->count - 1;
        knob.values = VALUE;
    }
    if (!number)
        return HONE_OK;
    knob.whole = p->kind == HONE_INT || (p->kind == HONE_AMOUNT && hone_tunes_counts(p));
    knob.number = knob.whole ? round(start_number(p)) : start_number(p);
    return put(b, knob, prefix, "");
}

/* ---- tables ---- */

static hone_status put_table(builder *b, const hone_algorithm *a, const hone_param *table,
                             const char *prefix, const void *defaults)
{
    for (const hone_param *p = table; p->name; p++)
        if (searched(b, p, !a))
            HONE_TRY(put_row(b, a, table, p, prefix, defaults));
    return HONE_OK;
}

static int64_t rows_of(const hone_param *table)
{
    int64_t n = 0;
    while (table[n].name)
        n++;
    return n;
}

static hone_status put_models(builder *b)
{
    for (int64_t i = 0; i < b->out->models; i++) {
        const hone_algorithm *a = b->out->model[i];
        void *defaults = hone_arena_alloc(b->arena, 1, 1, a->params_size);
        if (!defaults)
            return hone_no_memory(b->error);
        hone_params_default(a->params, b->out->task, defaults);
        HONE_TRY(put_table(b, a, a->params, a->name, defaults));
    }
    if (b->options.no_preprocessing)
        return HONE_OK;
    hone_prep_params prep;
    hone_params_default(hone_prep_table, 0, &prep);
    return put_table(b, NULL, hone_prep_table, "prep", &prep);
}

/* Preprocessing that has no effect under any model of the space is left out. */
static void drop_idle(hone_knobs *k)
{
    while (k->count) {
        const hone_knob *last = &k->knob[k->count - 1];
        bool used = false;
        for (int64_t i = 0; i < k->models; i++)
            used |= hone_knob_of_model(last, k->model[i]);
        if (used)
            return;
        k->count--;
    }
}

hone_status hone_knobs_of(const hone_space_options *options, hone_arena *arena, hone_knobs *knobs,
                          hone_error *error)
{
    builder b = {.arena = arena, .out = knobs, .error = error};
    if (options)
        memcpy(&b.options, options,
               options->size < sizeof b.options ? options->size : sizeof b.options);
    b.dataset = b.options.dataset;
    *knobs = (hone_knobs){.task = b.options.task, .own = b.options.algorithms};
    if (b.dataset && b.dataset->task)
        knobs->task = b.dataset->task;
    if (knobs->task != HONE_CLASSIFICATION && knobs->task != HONE_REGRESSION)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.task",
                         "must be classification or regression when no dataset with a target says "
                         "which");
    HONE_TRY(find_models(&b));
    for (int64_t i = 0; i < knobs->models; i++)
        b.room += 2 * rows_of(knobs->model[i]->params);
    b.room += 2 * rows_of(hone_prep_table);
    knobs->knob = HONE_NEW(arena, hone_knob, b.room, 1);
    if (!knobs->knob)
        return hone_no_memory(error);
    HONE_TRY(put_models(&b));
    drop_idle(knobs);
    return HONE_OK;
}
