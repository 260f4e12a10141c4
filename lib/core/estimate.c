/* The cost of a training: a bound from the module's own sum, guesses from pilots on few rows.
 *
 * Pilots with shares s, 2 s and 4 s of the training rows of one fold tell how time and memory grow
 * between them. Beyond, time is taken to grow like operations do; memory as the module says of the
 * state that the last pilot gave (trees, kernel rows of support vectors), else like rows.
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
    /* A fold whose rows lack a level has a table of its own. */
    const double recoded = t->dataset->categories ? n * columns * 8 : 0;
    return recoded + n * (8 * (k + 4) + 120) + judged * (8 * c * (c + 12) + 160) +
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
                        .scratch = t->arena,
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

/* What a training consists of. */
typedef struct outline {
    int64_t bound;
    double folds;
    double refit; /* rows of the fit of all over those of a fold; 0: there is none */
} outline;

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

static hone_status look(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                        const hone_options *options, outline *out, hone_error *error)
{
    hone_training *t = hone_alloc(sizeof *t);
    if (!t)
        return hone_no_memory(error);
    t->dataset = dataset, t->options = *options, t->seed = seed;
    t->options.deadline = 0, t->options.work_limit = 0; /* limits are of the training */
    t->family.size = 1, t->started = hone_clock();
    hone_status status = hone_training_open(t, config, error);
    if (!status)
        status = bound(t, &out->bound, error);
    if (!status) {
        out->folds = t->folds;
        out->refit = (double)t->all.count / (double)t->split[0].train.count;
    }
    hone_training_close(t);
    hone_free(t);
    return status;
}

/* ---- guesses ---- */

/* The first flight is for what is done once: ranks of the table, threads, fresh pages. */
enum { LEAST_ROWS = 1000, FLIGHTS = 4, FIRST = 1, LAST = FLIGHTS - 1, DOUBLINGS = LAST - FIRST };

typedef struct flight {
    hone_pilot pilot;
    double fit, predict, rest, bytes, work, steps; /* fit: without preparing the table */
} flight;

static bool one_fold_is_enough(void *context, int32_t done, int32_t folds, double loss)
{
    (void)context, (void)done, (void)folds, (void)loss;
    return true;
}

static hone_status fly(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                       const hone_options *options, flight *f, hone_error *error)
{
    hone_result *r;
    HONE_TRY(hone_training_pilot(config, dataset, seed, options, &f->pilot, &r, error));
    const double fit = hone_result_number(r, "fit_seconds", -1);
    f->predict = hone_result_number(r, "predict_seconds", -1);
    f->rest = hone_result_number(r, "seconds", -1) - fit - f->predict;
    f->fit = fmax(fit - f->pilot.prepared, 0);
    f->work = hone_result_number(r, "work", -1);
    f->steps = hone_result_number(r, "iterations", 0);
    f->bytes = hone_result_number(r, "peak_bytes", -1);
    const hone_end end = hone_result_end(r);
    hone_result_free(r);
    return end == HONE_END_CANCELLED
               ? hone_fail(error, HONE_STOPPED, "run", "the caller asked to stop")
               : HONE_OK;
}

/* What y comes to at the share `whole` if it goes on like constant + rate x share^power. */
static double grown(double first, double last, double share, double power, double whole)
{
    const double rate =
        fmax(last - first, 0) / (pow(share, power) - pow(ldexp(share, -DOUBLINGS), power));
    return last + rate * (pow(whole, power) - pow(share, power));
}

/* Powers of rows between two pilots and what they stand for. */
static double power_of(double first, double last, double least, double most)
{
    return fmin(fmax(log2(fmax(last, 1) / fmax(first, 1)) / DOUBLINGS, least), most);
}

/* Seconds of the fit of `whole`. Operations are counted, so that they tell the power without the
 * noise of a clock. Where steps have an end, so has the fit: each as dear as operations say. */
static double fit_seconds(const flight *a, const flight *z, double whole)
{
    const double share = z->pilot.share;
    const double free = grown(a->fit, z->fit, share, power_of(a->work, z->work, 1, 2), whole);
    if (!(a->steps >= 1 && z->steps >= 1 && isfinite(z->pilot.steps)))
        return free;
    const double power = power_of(a->work / a->steps, z->work / z->steps, 0, 1);
    return fmin(free, z->fit * z->pilot.steps / z->steps * pow(whole / share, power));
}

/* The table of the first fold is there: the bound needed it. */
static void extrapolate(const flight *f, const outline *o, hone_estimated *out)
{
    const flight *a = &f[FIRST], *z = &f[LAST];
    const double share = z->pilot.share;
    const double fit = fit_seconds(a, z, 1);
    const double predict = grown(a->predict, z->predict, share, 1, 1);
    const double refit = o->refit > 0 ? z->pilot.prepared + fit_seconds(a, z, o->refit) : 0;
    out->seconds_likely =
        z->rest + o->folds * (fit + predict) + (o->folds - 1) * z->pilot.prepared + refit;
    const double more = z->pilot.growth;
    out->bytes_likely = hone_bytes_of(
        isnan(more) ? grown(a->bytes, z->bytes, share, 1, fmax(o->refit, 1)) : z->bytes + more);
}

/* A limit of the training ends pilots as well. */
static hone_status guess(const hone_config *config, hone_dataset *dataset, uint64_t seed,
                         const hone_options *options, const outline *whole, double share,
                         hone_estimated *out, hone_error *error)
{
    hone_options o = *options;
    flight f[FLIGHTS];
    o.model_dir = NULL, o.keep_model = false, o.out_of_fold = NULL;
    o.cutoff = NULL, o.log = NULL, o.progress = NULL, o.judged = one_fold_is_enough;
    share = fmin(fmax(share, LEAST_ROWS / (double)dataset->table.rows), ldexp(1, -DOUBLINGS));
    for (int k = 0; k < FLIGHTS; k++) {
        f[k].pilot.share = ldexp(share, k - FIRST);
        f[k].pilot.times = fmax(whole->refit, 1) / f[k].pilot.share;
        HONE_TRY(fly(config, dataset, seed, &o, &f[k], error));
    }
    extrapolate(f, whole, out);
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
        return hone_fail(error, HONE_BAD_ARGUMENT, "pilot", "is %.10g; must lie in (0, 1]; 0: none",
                         pilot);
    hone_options o;
    hone_estimated found = {.size = estimated->size, .seconds_likely = NAN};
    HONE_TRY(hone_options_read(options, &o, error));
    outline whole;
    HONE_TRY(look(config, dataset, seed, &o, &whole, error));
    found.bytes_bound = whole.bound;
    if (pilot > 0)
        HONE_TRY(guess(config, dataset, seed, &o, &whole, pilot, &found, error));
    memcpy(estimated, &found, found.size < sizeof found ? found.size : sizeof found);
    return HONE_OK;
}
