/* Sparse rows by column: a query meets the entries in its own columns alone.
 *
 * Rows are taken in blocks, so that a query's sums over the rows of a block stay near the core. A
 * block has so many rows that all blocks together have no more columns than there are entries.
 */
#include "knn.h"

enum { LEAST_ROWS = 4096 };

bool knn_index_new(const knn_state *s, int64_t d, hone_arena *keep, knn_index *index)
{
    const int64_t n = s->n_rows, few = d * n / (s->n_entries + 1) + 1;
    const int64_t rows = few > n ? n : few > LEAST_ROWS ? few : LEAST_ROWS;
    *index = (knn_index){.rows = rows, .blocks = (n + rows - 1) / rows, .d = d};
    const int64_t lists = index->blocks * d;
    index->start = HONE_NEW(keep, int64_t, lists + 2, 1);
    index->row = HONE_RAW(keep, int32_t, s->n_entries, 1);
    index->value = HONE_RAW(keep, float, s->n_entries, 1);
    if (!index->start || !index->row || !index->value)
        return false;
    int64_t *count = index->start + 2; /* counts, then places, come to stand before what is put */
    for (int64_t i = 0; i < n; i++)
        for (int64_t t = s->sparse_start[i]; t < s->sparse_start[i + 1]; t++)
            count[i / rows * d + s->sparse_column[t]]++;
    for (int64_t c = 1; c < lists; c++)
        count[c] += count[c - 1];
    return true;
}

void knn_index_put(const knn_index *index, const knn_state *s, int64_t row, const float *value)
{
    int64_t *next = index->start + 1;
    for (int64_t t = s->sparse_start[row]; t < s->sparse_start[row + 1]; t++) {
        const int64_t to = next[row / index->rows * index->d + s->sparse_column[t]]++;
        index->row[to] = (int32_t)(row % index->rows);
        index->value[to] = *value++;
    }
}

void knn_index_sums(const knn_index *index, int64_t block, const int32_t *column, const float *q,
                    int64_t count, float *sum)
{
    const int64_t *start = index->start + block * index->d;
    memset(sum, 0, (size_t)index->rows * sizeof *sum);
    for (int64_t u = 0; u < count; u++)
        for (int64_t t = start[column[u]]; t < start[column[u] + 1]; t++)
            sum[index->row[t]] += q[u] * index->value[t];
}
