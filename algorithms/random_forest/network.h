/* Sorting networks: rows of LANES keys, each column sorted by itself (Batcher's odd-even merge
 * sort, 1968). Comparators are minima and maxima of whole rows, so no branch depends on a key.
 * With HONE_HAVE_AVX2, immintrin.h comes before this. */
#ifndef HONE_RANDOM_FOREST_NETWORK_H
#define HONE_RANDOM_FOREST_NETWORK_H

#include <stdint.h>

ALWAYS void exchange_rows(int32_t *restrict a, int32_t *restrict b, int64_t n, const int width)
{
    for (int64_t i = 0; i < n * width; i += width)
        for (int64_t l = i; l < i + width; l++) {
            const int32_t x = a[l], y = b[l];
            a[l] = x < y ? x : y;
            b[l] = x < y ? y : x;
        }
}

/* Comparators beyond row m would meet keys larger than all others: left out. A run of comparators
 * is either inside one block of 2 p rows or leaves it as a whole. */
ALWAYS void sort_rows(int32_t *key, int64_t m, const int width)
{
    for (int64_t p = 1; p < m; p *= 2)
        for (int64_t k = p; k > 0; k /= 2)
            for (int64_t j = k % p; j + k < m; j += 2 * k) {
                const int64_t left = m - j - k;
                if ((j & -2 * p) == ((j + k) & -2 * p))
                    exchange_rows(key + j * width, key + (j + k) * width, left < k ? left : k,
                                  width);
            }
}

/* ---- up to 16 rows of 8 lanes, in registers ---- */

typedef int32_t octet_key __attribute__((vector_size(32)));

ALWAYS void exchange(octet_key *a, octet_key *b)
{
    const octet_key x = *a, y = *b;
#ifdef HONE_HAVE_AVX2
    *a = (octet_key)_mm256_min_epi32((__m256i)x, (__m256i)y);
    *b = (octet_key)_mm256_max_epi32((__m256i)x, (__m256i)y);
#else
    const octet_key less = x < y;
    *a = (x & less) | (y & ~less);
    *b = (y & less) | (x & ~less);
#endif
}

ALWAYS void merge_4(octet_key *v)
{
    exchange(v, v + 2), exchange(v + 1, v + 3);
    exchange(v + 1, v + 2);
}

ALWAYS void sort_4(octet_key *v)
{
    exchange(v, v + 1), exchange(v + 2, v + 3);
    merge_4(v);
}

ALWAYS void sort_8(octet_key *v)
{
    sort_4(v), sort_4(v + 4);
    for (int i = 0; i < 4; i++)
        exchange(v + i, v + i + 4);
    exchange(v + 2, v + 4), exchange(v + 3, v + 5);
    for (int i = 1; i < 7; i += 2)
        exchange(v + i, v + i + 1);
}

ALWAYS void sort_16(octet_key *v)
{
    sort_8(v), sort_8(v + 8);
    for (int i = 0; i < 8; i++)
        exchange(v + i, v + i + 8);
    for (int i = 4; i < 8; i++)
        exchange(v + i, v + i + 4);
    for (int i = 2; i < 14; i += 4)
        exchange(v + i, v + i + 2), exchange(v + i + 1, v + i + 3);
    for (int i = 1; i < 15; i += 2)
        exchange(v + i, v + i + 1);
}

enum { FEW_ROWS = 16 };

/* The array has room for FEW_ROWS. */
ALWAYS void sort_few(int32_t *key, int64_t m)
{
    octet_key *row = (octet_key *)key;
    const int64_t most = m <= 4 ? 4 : m <= 8 ? 8 : FEW_ROWS;
    for (int64_t k = m * 8; k < most * 8; k++)
        key[k] = INT32_MAX; /* these stay last */
    if (m <= 4) {
        octet_key v[4] = {row[0], row[1], row[2], row[3]};
        sort_4(v);
        for (int i = 0; i < 4; i++)
            row[i] = v[i];
    } else if (m <= 8) {
        octet_key v[8];
        for (int i = 0; i < 8; i++)
            v[i] = row[i];
        sort_8(v);
        for (int i = 0; i < 8; i++)
            row[i] = v[i];
    } else {
        octet_key v[16];
        for (int i = 0; i < 16; i++)
            v[i] = row[i];
        sort_16(v);
        for (int i = 0; i < 16; i++)
            row[i] = v[i];
    }
}

#endif
