/* Row lists. How many rows a class gives is settled first, in whole numbers; which ones is drawn by
 * selection sampling (Knuth, TAOCP 3.4.2, algorithm S), so that rows come out ascending in one
 * pass. Without labels all rows are one class. */
#include "data/split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toolbox/random.h"

/* What a stream of random numbers is for. */
enum { FOR_HOLDOUT = 0x401, FOR_FOLDS, FOR_PREFIX };

static int64_t class_of(const int32_t *label, int64_t row)
{
    return label ? label[row] : 0;
}

/* Rows of each class among `rows` (NULL: 0, 1, ...); NULL: no memory. */
static int64_t *count_classes(const int64_t *rows, int64_t n, const int32_t *label, int64_t classes,
                              hone_arena *arena)
{
    int64_t *count = HONE_NEW(arena, int64_t, classes, 1);
    for (int64_t i = 0; count && i < n; i++)
        count[class_of(label, rows ? rows[i] : i)]++;
    return count;
}

static hone_status new_rows(hone_rows *rows, int64_t count, hone_arena *arena, hone_error *error)
{
    *rows = (hone_rows){HONE_RAW(arena, int64_t, count, 1), 0};
    return rows->row ? HONE_OK : hone_no_memory(error);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* ---- holdout ---- */

typedef struct share {
    double rest; /* what rounding down has cost */
    int64_t class;
} share;

static int by_rest(const void *a, const void *b)
{
    const share *x = a, *y = b;
    if (x->rest != y->rest)
        return x->rest > y->rest ? -1 : 1;
    return (x->class > y->class) - (x->class < y->class);
}

/* take[c] = total * count[c] / n rounded down or up, the largest remainders up (Hamilton); a class
 * always keeps a row. */
static bool apportion(const int64_t *count, int64_t classes, int64_t n, int64_t total,
                      hone_arena *arena, int64_t *take)
{
    share *order = HONE_RAW(arena, share, classes, 1);
    if (!order)
        return false;
    int64_t open = 0, left = total;
    for (int64_t c = 0; c < classes; c++) {
        const double exact = (double)total * ((double)count[c] / (double)n);
        take[c] = clamp((int64_t)exact, 0, count[c] > 1 ? count[c] - 1 : 0);
        left -= take[c];
        if (take[c] < count[c] - 1 && exact > (double)take[c])
            order[open++] = (share){exact - (double)take[c], c};
    }
    qsort(order, (size_t)open, sizeof *order, by_rest);
    for (int64_t k = 0; k < open && k < left; k++)
        take[order[k].class]++;
    return true;
}

/* Draws take[c] of the count[c] rows of each class. Both are used up. */
static void draw(int64_t rows, const int32_t *label, int64_t *count, int64_t *take, uint64_t seed,
                 hone_rows *train, hone_rows *valid)
{
    hone_stream random = hone_stream_of(seed, FOR_HOLDOUT, 0);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t c = class_of(label, i);
        const bool drawn = (int64_t)hone_below(&random, (uint64_t)count[c]) < take[c];
        hone_rows *to = drawn ? valid : train;
        to->row[to->count++] = i;
        take[c] -= drawn;
        count[c]--;
    }
}

hone_status hone_split_holdout(int64_t rows, const int32_t *label, int64_t classes, double fraction,
                               uint64_t seed, hone_arena *arena, hone_rows *train, hone_rows *valid,
                               hone_error *error)
{
    if (rows < 2)
        return hone_fail(error, HONE_BAD_DATA, "data.x",
                         "%lld row; a holdout needs two, or validation = none", (long long)rows);
    if (!(fraction > 0 && fraction < 1))
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.holdout",
                         "the share of validation rows must lie between 0 and 1");
    if (!label)
        classes = 1;
    int64_t *count = count_classes(NULL, rows, label, classes, arena);
    int64_t *take = HONE_NEW(arena, int64_t, classes, 1);
    const int64_t total = clamp(llround(fraction * (double)rows), 1, rows - 1);
    if (!count || !take || !apportion(count, classes, rows, total, arena, take))
        return hone_no_memory(error);
    int64_t drawn = 0;
    for (int64_t c = 0; c < classes; c++)
        drawn += take[c];
    if (!drawn) /* every class has one row: the first one is judged after all */
        take[class_of(label, 0)] = 1, drawn = 1;
    HONE_TRY(new_rows(train, rows - drawn, arena, error));
    HONE_TRY(new_rows(valid, drawn, arena, error));
    draw(rows, label, count, take, seed, train, valid);
    return HONE_OK;
}

/* ---- folds ---- */

/* Rows ordered by class, each class in random order: `order`, and `start` of each class. */
static bool shuffled_classes(const int64_t *rows, int64_t n, const int32_t *label, int64_t classes,
                             uint64_t seed, uint64_t purpose, hone_arena *arena, int64_t **order,
                             int64_t **start)
{
    const int64_t *count = count_classes(rows, n, label, classes, arena);
    int64_t *next = HONE_RAW(arena, int64_t, classes, 1);
    *start = HONE_NEW(arena, int64_t, classes + 1, 1);
    *order = HONE_RAW(arena, int64_t, n, 1);
    if (!count || !next || !*start || !*order)
        return false;
    for (int64_t c = 0; c < classes; c++) {
        next[c] = (*start)[c];
        (*start)[c + 1] = (*start)[c] + count[c];
    }
    for (int64_t i = 0; i < n; i++)
        (*order)[next[class_of(label, rows ? rows[i] : i)]++] = i;
    for (int64_t c = 0; c < classes; c++) {
        hone_stream random = hone_stream_of(seed, purpose, (uint64_t)c);
        hone_shuffle(&random, *order + (*start)[c], count[c]);
    }
    return true;
}

hone_status hone_split_check_folds(int64_t rows, int32_t k, hone_error *error)
{
    return k >= 2 && k <= rows
               ? HONE_OK
               : hone_fail(error, HONE_BAD_ARGUMENT, "options.folds",
                           "%d folds of %lld rows; between 2 and the number of rows are possible",
                           (int)k, (long long)rows);
}

hone_status hone_split_folds(int64_t rows, const int32_t *label, int64_t classes, int32_t k,
                             uint64_t seed, hone_arena *arena, hone_rows *train, hone_rows *valid,
                             hone_error *error)
{
    HONE_TRY(hone_split_check_folds(rows, k, error));
    int64_t *order, *start;
    int32_t *fold = HONE_RAW(arena, int32_t, rows, 1);
    if (!fold || !shuffled_classes(NULL, rows, label, label ? classes : 1, seed, FOR_FOLDS, arena,
                                   &order, &start))
        return hone_no_memory(error);
    for (int64_t i = 0; i < rows; i++) /* on from where the class before it stopped */
        fold[order[i]] = (int32_t)(i % k);
    for (int32_t f = 0; f < k; f++) {
        const int64_t judged = rows / k + (f < rows % k);
        HONE_TRY(new_rows(&valid[f], judged, arena, error));
        HONE_TRY(new_rows(&train[f], rows - judged, arena, error));
        for (int64_t i = 0; i < rows; i++) {
            hone_rows *to = fold[i] == f ? &valid[f] : &train[f];
            to->row[to->count++] = i;
        }
    }
    return HONE_OK;
}

/* ---- given rows ---- */

hone_status hone_split_given(int64_t rows, const int64_t *valid_rows, int64_t count,
                             hone_arena *arena, hone_rows *train, hone_rows *valid,
                             hone_error *error)
{
    if (count < 1 || count >= rows)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.valid_rows",
                         "%lld of %lld rows; at least one must be judged and one must train",
                         (long long)count, (long long)rows);
    HONE_TRY(new_rows(train, rows - count, arena, error));
    HONE_TRY(new_rows(valid, count, arena, error));
    int64_t row = 0;
    for (int64_t i = 0; i < count; i++, row++) {
        if (valid_rows[i] < row || valid_rows[i] >= rows) {
            char path[96];
            snprintf(path, sizeof path, "options.valid_rows[%lld]", (long long)i);
            return hone_fail(error, HONE_BAD_ARGUMENT, path,
                             "%lld: row numbers ascend within 0 .. %lld", (long long)valid_rows[i],
                             (long long)rows - 1);
        }
        while (row < valid_rows[i])
            train->row[train->count++] = row++;
        valid->row[valid->count++] = row;
    }
    while (row < rows)
        train->row[train->count++] = row++;
    return HONE_OK;
}

/* ---- prefix ---- */

/* One order of all rows: first two of each class, then by (place in the class + offset) / rows of
 * the class, ties by class. A prefix of it is a number of rows per class that never shrinks when
 * the prefix grows. The offsets in (0, 1) are spread evenly over the classes (multiples of the
 * golden ratio), or else a hundred classes of one row would all come at the same moment. */

enum { FIRST = 2 };

typedef struct class
{
    int64_t count;
    double offset;
} class;

static class class_at(const int64_t *start, int64_t c)
{
    const double turn = ((double)c + 0.5) * 0.61803398874989485;
    return (class){start[c + 1] - start[c], turn - floor(turn)};
}

static double key(const class *c, int64_t place)
{
    return ((double)place + c->offset) / (double)c->count;
}

/* Rows of a class whose key is at most t. */
static int64_t upto(double t, const class *c)
{
    int64_t n = clamp((int64_t)(t * (double)c->count), 0, c->count);
    while (n > 0 && key(c, n - 1) > t)
        n--;
    while (n < c->count && key(c, n) <= t)
        n++;
    return n;
}

static int64_t fill(const int64_t *start, int64_t classes, double t, int64_t *take)
{
    int64_t sum = 0;
    for (int64_t c = 0; c < classes; c++) {
        const class all = class_at(start, c);
        const int64_t first = all.count < FIRST ? 0 : FIRST, n = upto(t, &all);
        take[c] = n > first ? n : first;
        sum += take[c];
    }
    return sum;
}

static double double_of(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* take[c] of the first `total` rows of the order, or of those that two per class need. */
static void seats(const int64_t *start, int64_t classes, int64_t total, int64_t *take)
{
    if (fill(start, classes, 0, take) >= total)
        return;
    /* Positive doubles are ordered like their bits: the largest threshold that is not too much. */
    uint64_t low = 0, high = UINT64_C(0x3ff0000000000000); /* 0 and 1 */
    while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        if (fill(start, classes, double_of(middle), take) <= total)
            low = middle;
        else
            high = middle;
    }
    if (fill(start, classes, 1, take) <= total)
        return;
    int64_t sum = fill(start, classes, double_of(low), take);
    for (int64_t c = 0; c < classes && sum < total; c++) {
        const class all = class_at(start, c);
        const bool next = take[c] < all.count && upto(double_of(high), &all) > take[c];
        take[c] += next;
        sum += next;
    }
}

hone_status hone_split_prefix(const hone_rows *from, const int32_t *label, int64_t classes,
                              double fraction, uint64_t seed, hone_arena *arena, hone_rows *prefix,
                              hone_error *error)
{
    if (!(fraction > 0 && fraction <= 1))
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.budget",
                         "the share of rows must lie above 0 and be at most 1");
    if (!label)
        classes = 1;
    const int64_t n = from->count;
    int64_t *order, *start, *take = HONE_RAW(arena, int64_t, classes, 1);
    bool *chosen = HONE_NEW(arena, bool, n, 1);
    if (!take || !chosen ||
        !shuffled_classes(from->row, n, label, classes, seed, FOR_PREFIX, arena, &order, &start))
        return hone_no_memory(error);
    /* 0.1 * 30 is a little more than 3 */
    const int64_t total = clamp((int64_t)ceil(fraction * (double)n * (1 - 1e-12)), n > 0, n);
    seats(start, classes, total, take);
    int64_t count = 0;
    for (int64_t c = 0; c < classes; c++) {
        for (int64_t k = 0; k < take[c]; k++)
            chosen[order[start[c] + k]] = true;
        count += take[c];
    }
    HONE_TRY(new_rows(prefix, count, arena, error));
    for (int64_t i = 0; i < n; i++)
        if (chosen[i])
            prefix->row[prefix->count++] = from->row[i];
    return HONE_OK;
}
