/* The cost of a training: a bound from the module's own sum, guesses from pilots on few rows.
 *
 * Three pilots with shares s, 2 s and 4 s of the training rows tell how time and memory grow
 * between them; the growth beyond is taken to be the same.
 */
#include "hone/estimate.h"

#include <math.h>
#include <string.h>

#include "core/fold.h"
#include "toolbox/bound.h"

/* ---- the bound ---- */

static int64_t most_rows(const hone_training *t, bool valid)
{
    int64_t most = 0;
    for (int32_t f = 0; f < t->folds; f++) {
        const hone_rows *rows = valid ? &t->split[f].valid : &t->split[f].train;
        most = rows->count > most ? rows->count : most;
    }
    return most;
}

/* Rows lists, answers, scores and metrics: what stands beside the fits. */
static double beside(const hone_training *t, double judged)
{
    const double n = (double)t->dataset->table.rows, k = t->folds;
    const double c = fmax(1, (double)t->dataset->classes.count);
    const double foreign = (double)t->foreign.table.rows;
    const double columns = (double)t->dataset->table.stored_cols;
    return n * (8 * (k + 4) + 120) + judged * (8 * c * (c + 12) + 160) +
           foreign * (columns * 24 + 64) + 0x1p20;
}

static const int32_t *labels_of(const hone_training *t, const hone_matrix *x)
{
    int32_t *label = HONE_RAW(t->arena, int32_t, x->rows, 1);
    for (int64_t i = 0; label && i < x->rows; i++)
        label[i] = t->dataset->label[hone_row_id(x, i)];
    return label;
}

static hone_status sum_up(hone_training *t, const hone_prepared *p, hone_shared *door,
                          double prepared, int64_t *bytes, hone_error *error)
{
    const hone_algorithm *a = t->resolved.algorithm;
    const int64_t all = t->dataset->table.rows, n = most_rows(t, false);
    const int64_t rows = t->all.count > n ? t->all.count : n;
    const double judged = fmax(fmax((double)most_rows(t, true), (double)t->foreign.table.rows),
                               t->split[0].valid.row ? 0 : (double)all);
    hone_fit_job job = {.x = p->table,
                        .shape = p->shape,
                        .params = t->resolved.params,
                        .siblings = 1,
                        .run = &t->run,
                        .shared = door};
    const hone_rows *train = t->all.count ? &t->all : &t->split[0].train;
    job.x.rows = rows, job.x.row = train->count == rows ? train->row : NULL;
    job.valid_x.rows = (int64_t)fmax(judged, (double)(all - n));
    if (t->dataset->label && !(job.label = labels_of(t, &job.x)))
        return hone_no_memory(error);
    if (!a->bound)
        return hone_fail(error, HONE_UNSUPPORTED, "config.model", "%s has no bound", a->name);
    const double fit = (double)a->bound(&job);
    *bytes = hone_bytes_of((t->keep ? 2 : 1) * fit + 1.1 * prepared + beside(t, judged));
    return HONE_OK;
}

static hone_status bound(hone_training *t, int64_t *bytes, hone_error *error)
{
    const hone_resolved *r = &t->resolved;
    const hone_split *s = &t->split[0];
    hone_shared door = {.cache = t->dataset->cache, .account = &t->account};
    hone_prepared p;
    door.job.run = &t->run;
    const int64_t before = atomic_load(&t->account.used);
    hone_status status = hone_prepare(t->dataset, r->algorithm, r->params, &r->prep, s->train.row,
                                      s->train.count, &door, &p, error);
    const double prepared = (double)(atomic_load(&t->account.peak) - before);
    if (!status)
        status = sum_up(t, &p, &door, prepared, bytes, error);
    hone_shared_release(&door);
    return status;
}

static hone_status find_bound(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                              const hone_options *options, int64_t *bytes, hone_error *error)
{
    hone_training *t = hone_alloc(sizeof *t);
    if (!t)
        return hone_no_memory(error);
    t->dataset = dataset, t->options = *options, t->seed = seed;
    t->siblings = 1, t->share = 1, t->started = hone_clock();
    hone_status status = hone_training_open(t, config, error);
    if (!status)
        status = bound(t, bytes, error);
    hone_training_close(t);
    hone_free(t);
    return status;
}

/* ---- guesses ---- */

enum { LEAST_ROWS = 500, FLIGHTS = 3 };

typedef struct flight {
    double share, fit, predict, rest, bytes, work;
} flight;

static hone_status fly(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                       const hone_options *options, flight *p, hone_error *error)
{
    hone_result *r;
    HONE_TRY(hone_training_pilot(config, dataset, seed, options, p->share, &r, error));
    p->fit = hone_result_number(r, "fit_seconds", -1);
    p->predict = hone_result_number(r, "predict_seconds", -1);
    p->rest = hone_result_number(r, "seconds", -1) - p->fit - p->predict;
    p->work = hone_result_number(r, "work", -1);
    p->bytes = hone_result_number(r, "peak_bytes", -1);
    const hone_end end = hone_result_end(r);
    hone_result_free(r);
    return end == HONE_END_CANCELLED
               ? hone_fail(error, HONE_STOPPED, "run", "the caller asked to stop")
               : HONE_OK;
}

/* The power of the share that a count with these values grows like, in [1, 2]. */
static double power_of(double first, double second, double third)
{
    const double early = second - first, late = third - second;
    return early > 0 && late > 0 ? fmin(fmax(log2(late / early), 1), 2) : 1;
}

/* What y comes to at share 1 if it goes on like constant + rate x share^power. */
static double grown(double first, double third, double share, double power)
{
    const double rate = fmax(third - first, 0) / (pow(share, power) - pow(share / 4, power));
    return third + rate * (1 - pow(share, power));
}

/* Operations are counted, so that they tell the power without the noise of a clock. */
static void extrapolate(const flight *f, hone_estimated *out)
{
    const double share = f[FLIGHTS - 1].share;
    const double growth = log2(fmax(f[2].work, 1) / fmax(f[0].work, 1)) / 2;
    const double power = fmin(fmax(growth, 1), 2);
    out->seconds_likely = f[2].rest + grown(f[0].fit, f[2].fit, share, power) +
                          grown(f[0].predict, f[2].predict, share, 1);
    out->bytes_likely = hone_bytes_of(
        grown(f[0].bytes, f[2].bytes, share, power_of(f[0].bytes, f[1].bytes, f[2].bytes)));
}

/* A limit of the training ends pilots as well. */
static hone_status guess(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                         const hone_options *options, double share, hone_estimated *out,
                         hone_error *error)
{
    hone_options o = *options;
    flight f[FLIGHTS];
    o.model_dir = NULL, o.keep_model = false, o.out_of_fold = NULL;
    o.cutoff = NULL, o.log = NULL, o.progress = NULL, o.judged = NULL;
    share = fmin(fmax(share, LEAST_ROWS / (double)dataset->table.rows), 1.0 / 4);
    for (int k = 0; k < FLIGHTS; k++) {
        f[k].share = share * (1 << k);
        HONE_TRY(fly(config, dataset, seed, &o, &f[k], error));
    }
    extrapolate(f, out);
    if (o.deadline > 0)
        out->seconds_likely = fmin(out->seconds_likely, o.deadline);
    if (out->bytes_likely > out->bytes_bound)
        out->bytes_likely = out->bytes_bound;
    return HONE_OK;
}

hone_status hone_estimate(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                          const hone_options *options, double pilot, hone_estimated *estimated,
                          hone_error *error)
{
    if (!config || !dataset || !estimated || estimated->size < sizeof estimated->size)
        return hone_fail(error, HONE_BAD_ARGUMENT,
                         !config    ? "config"
                         : !dataset ? "dataset"
                                    : "estimated.size",
                         "missing");
    if (!(pilot >= 0 && pilot <= 1))
        return hone_fail(error, HONE_BAD_ARGUMENT, "pilot", "must lie in (0, 1]; 0: none");
    hone_options o;
    hone_estimated found = {.size = estimated->size, .seconds_likely = NAN};
    HONE_TRY(hone_options_read(options, &o, error));
    HONE_TRY(find_bound(config, dataset, seed, &o, &found.bytes_bound, error));
    if (pilot > 0)
        HONE_TRY(guess(config, dataset, seed, &o, pilot, &found, error));
    memcpy(estimated, &found, found.size < sizeof found ? found.size : sizeof found);
    return HONE_OK;
}
