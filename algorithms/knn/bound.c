/* Bytes of a fit and of judging its validation rows, from above: with lists of neighbours. */
#include "toolbox/bound.h"
#include "knn.h"

int64_t knn_bound(const hone_fit_job *job)
{
    const knn_params *p = job->params;
    const double n = (double)job->x.rows, m = (double)job->valid_x.rows;
    const double d = (double)job->x.cols, threads = hone_threads(job->run);
    const double k = fmin(n, (double)p->n_neighbors);
    const bool sparse = job->x.layout == HONE_CSR;
    /* float and double copies of the rows, and points in lanes for the search */
    const double rows = sparse ? hone_entries_of(&job->x) * 36 + n * 24 : n * d * 12;
    const double points = sparse ? hone_entries_of(&job->x) * 16 + d * 8 : (n + LANES) * d * 4;
    const double each = n * 80 + d * 64;
    const double lists = fmin(m * (12 * KNN_LIST_MOST + 8), (double)hone_derive_limit(job->shared));
    const double block =
        QUERIES * (8 * (2 * k + 128) + 8 * d) + 24 * d + 0x1p10 * 12 * k + (sparse ? n * 4 : 0);
    return hone_bytes_of(1.1 * (2 * (rows + points + each) + lists + threads * (block + 0x1p18)) +
                         (24 + 2 * threads) * HONE_CHUNK_BYTES);
}
