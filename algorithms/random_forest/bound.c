/* Bytes of a fit, from above: every tree as deep as its leaves allow, with a class of its own for
 * each row of a leaf. */
#include "toolbox/bound.h"
#include "fit.h"

/* Rows of the smallest leaf, from below. */
static double least_leaf(const forest_params *p, double n)
{
    const hone_amount *a = &p->min_samples_leaf;
    const double least = a->word >= 0 ? 1 : a->integral ? a->number : ceil(a->number * n);
    return least > 1 ? least : 1;
}

static double widest(const hone_shape *shape)
{
    double most = 0;
    for (int64_t j = 0; shape->levels && j < shape->stored; j++)
        most = fmax(most, shape->levels[j]);
    return most;
}

/* Ranks of the whole table, codes of the training rows, and what making them takes. */
static double codes_bytes(double all, double n, double d, double threads)
{
    return all * d * 12 + n * d * 19 + n * (d / 8 + 8) + all * d * 8 + all * 8 * fmin(d, 32) +
           n * 3 * fmin(d, 32) + threads * (all * 48 + 0x1p20) + d * 4096;
}

/* Working memory of a block that grows and cuts a tree of `leaves`. */
static double block_bytes(double n, double d, double classes, double leaves, double words)
{
    const double codes = fmin(n, 65536) + 257, width = classes + 1;
    const double looking = n * 96 + 2 * codes * (12 + 8 * width) + 0x1p12 * width;
    const double growing =
        leaves * 2 * ((double)sizeof(grown_node) + 40) + fmin(n, leaves * classes) * 64;
    return n * 100 + (8 + LOOKED_AT / 8.0) * d + looking + growing + leaves * (4 * words + 100) +
           0x1p21;
}

/* Of one tree that stays: grown in full, cut, in the state, and as it is walked. */
static double tree_bytes(double n, double d, double classes, double leaves, double words)
{
    const double entries = fmin(n, leaves * classes);
    const double full = leaves * 2 * (double)sizeof(grown_node) + entries * (double)sizeof(entry);
    const double cut = leaves * 2 * 33 + entries * 4 * (double)sizeof(entry) + 8 * d;
    const double state = leaves * 2 * 33 + entries * 12, walk = leaves * 2 * 32;
    return full + cut + state + walk + leaves * words * 12 + 64;
}

int64_t forest_bound(const hone_fit_job *job)
{
    const forest_params *p = job->params;
    const double n = (double)job->x.rows, all = n + (double)job->valid_x.rows;
    const double d = (double)job->x.cols, threads = hone_threads(job->run);
    const double classes = job->shape.task == HONE_CLASSIFICATION ? (double)job->shape.outputs : 1;
    const double leaves = floor(n / least_leaf(p, n)) + 1;
    const double words = widest(&job->shape) / 32 + 2;
    const double trees = (double)p->n_estimators;
    const double rows = all * (64 + 16 * classes); /* weights, moments, bags, probabilities */
    const double ends = (double)job->valid_x.rows * (trees + CHUNK + 1) * 4 + trees * leaves * 16 +
                        CHUNK * tree_bytes(n, d, classes, leaves, words);
    return hone_bytes_of(1.1 * (codes_bytes(all, n, d, threads) + rows +
                                threads * block_bytes(n, d, classes, leaves, words) +
                                trees * tree_bytes(n, d, classes, leaves, words) + ends) +
                         (32 + threads) * HONE_CHUNK_BYTES);
}

/* Leaves of a tree of `n` rows, from above. */
static double most_leaves(const forest_params *p, double n)
{
    const double depth = p->max_depth.word >= 0 ? INFINITY : exp2(p->max_depth.number);
    const double leaves = p->max_leaf_nodes.word >= 0 ? INFINITY : p->max_leaf_nodes.number;
    return fmin(floor(n / least_leaf(p, n)) + 1, fmin(depth, leaves));
}

/* Trees have leaves in proportion to rows: cut, in the state and packed for the walk. */
double forest_growth(const hone_fit_job *job, const void *state, double times)
{
    const forest_params *p = job->params;
    const forest_state *s = state;
    const double n = (double)job->x.rows, d = (double)job->x.cols;
    const double trees = fmax(1, (double)s->n_trees), leaves = (double)s->n_nodes / trees / 2;
    const double trees_bytes = (double)s->n_nodes * 58 + (double)s->n_rows * 16 +
                               (double)s->n_entries * 28 + (double)s->n_words * 8;
    const double more = fmin(times, most_leaves(p, n * times) / fmax(leaves, 0.5)) - 1;
    return trees_bytes * fmax(more, 0) + (times - 1) * n * (4 * d + 100 * hone_threads(job->run));
}
