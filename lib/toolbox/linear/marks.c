/* Which columns are worth marks, and the marks.
 *
 * A numeric column is a candidate until it shows a third value, which most do within a tile. Counts
 * are kept by block of rows, so that blocks know where their marks begin.
 */
#include "toolbox/linear/marks.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "toolbox/linear/tile.h"
#include "toolbox/rows.h"

/* A column with more marks than this share of the rows is cheaper as numbers; so are all when
 * their mean share is above a third. */
static const double MOST_SHARE = 0.4;
enum { LEAST_MEAN = 3 };

typedef struct finding {
    const hone_matrix *x;
    int64_t blocks;
    int64_t two;      /* candidates for two values */
    int32_t *at;      /* two: column in memory */
    double *first;    /* two: value in the first row */
    double *second;   /* blocks x two: another one; NaN: none so far */
    int64_t *differs; /* blocks x two: rows without the first value; -1: more values than two */
    int64_t coded;    /* one-hot columns */
    int32_t *code_at; /* coded: column in memory */
    int64_t *from;    /* coded + 1: where their levels begin in `levels` */
    int64_t *levels;  /* blocks x from[coded]: rows */
} finding;

#define READ(type)                                                                                 \
    for (int64_t j = 0; j < count; j++)                                                            \
        out[j] = (double)((const type *)x->values)[base + stored[j] * x->col_stride];

void hone_stored_tile(const hone_matrix *x, int64_t first, int64_t rows, int64_t count,
                      const int32_t *stored, double *out, int64_t stride)
{
    for (int64_t i = 0; i < rows; i++, out += stride) {
        const int64_t base = hone_row_id(x, first + i) * x->row_stride;
        if (x->dtype == HONE_F64)
            READ(double)
        else
            READ(float)
    }
}

static int64_t start_of(const finding *f, int64_t block)
{
    return f->x->rows * block / f->blocks;
}

/* ---- counts ---- */

static void look(const finding *f, int64_t block, const double *tile, int64_t rows)
{
    const int64_t two = f->two;
    double *const second = f->second + block * two;
    int64_t *const differs = f->differs + block * two;
    for (int64_t c = 0; c < two; c++) {
        if (differs[c] < 0)
            continue;
        const double first = f->first[c];
        double other = second[c];
        int64_t count = 0, wrong = 0;
        for (int64_t i = 0; i < rows && isnan(other); i++)
            other = tile[i * two + c] != first ? tile[i * two + c] : other;
        for (int64_t i = 0; i < rows && !isnan(other); i++) {
            const double v = tile[i * two + c];
            count += v != first;
            wrong += (v != first) & (v != other);
        }
        second[c] = other;
        differs[c] = wrong ? -1 : differs[c] + count;
    }
}

static void count_levels(const finding *f, int64_t block, const double *tile, int64_t rows)
{
    int64_t *const counts = f->levels + block * f->from[f->coded];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < f->coded; c++) {
            const double code = tile[i * f->coded + c];
            if (code >= 0 && code < (double)(f->from[c + 1] - f->from[c]))
                counts[f->from[c] + (int64_t)code]++;
        }
}

static hone_status count_block(void *context, int64_t block, hone_arena *scratch, hone_error *error)
{
    const finding *f = context;
    const int64_t end = start_of(f, block + 1);
    double *tile = HONE_RAW(scratch, double, HONE_TILE, f->two > f->coded ? f->two : f->coded);
    if (!tile)
        return hone_no_memory(error);
    for (int64_t i = start_of(f, block); i < end; i += HONE_TILE) {
        const int64_t rows = end - i < HONE_TILE ? end - i : HONE_TILE;
        hone_stored_tile(f->x, i, rows, f->two, f->at, tile, f->two);
        look(f, block, tile, rows);
        hone_stored_tile(f->x, i, rows, f->coded, f->code_at, tile, f->coded);
        count_levels(f, block, tile, rows);
    }
    return HONE_OK;
}

/* Candidates are the numeric columns with at most two values in the first rows. */
static bool open_finding(finding *f, hone_arena *scratch)
{
    const hone_matrix *x = f->x;
    const int64_t rows = x->rows < HONE_TILE ? x->rows : HONE_TILE;
    f->at = HONE_RAW(scratch, int32_t, x->stored_cols, 1);
    f->code_at = HONE_RAW(scratch, int32_t, x->stored_cols, 1);
    f->from = HONE_NEW(scratch, int64_t, x->stored_cols + 1, 1);
    f->first = HONE_RAW(scratch, double, x->stored_cols, 1);
    if (!f->at || !f->code_at || !f->from || !f->first)
        return false;
    for (int64_t j = 0; j < x->stored_cols; j++) {
        const int32_t levels = x->layout == HONE_ONE_HOT ? hone_levels(x, j) : 0;
        if (levels) {
            f->code_at[f->coded++] = (int32_t)j;
            f->from[f->coded] = f->from[f->coded - 1] + levels;
            continue;
        }
        const double first = hone_element(x, 0, j);
        double other = first;
        bool more = false;
        for (int64_t i = 1; i < rows && !more; i++) {
            const double v = hone_element(x, i, j);
            more = v != first && other != first && v != other;
            other = v != first ? v : other;
        }
        if (!more)
            f->first[f->two] = first, f->at[f->two++] = (int32_t)j;
    }
    f->second = HONE_RAW(scratch, double, f->blocks, f->two);
    f->differs = HONE_NEW(scratch, int64_t, f->blocks, f->two);
    f->levels = HONE_NEW(scratch, int64_t, f->blocks, f->from[f->coded]);
    for (int64_t k = 0; f->second && k < f->blocks * f->two; k++)
        f->second[k] = NAN;
    return f->second && f->differs && f->levels;
}

/* ---- which columns ---- */

/* Rows of all blocks that differ from the first value, and the one other value; -1: more. */
static int64_t differing(const finding *f, int64_t c, double *other)
{
    int64_t sum = 0;
    *other = NAN;
    for (int64_t b = 0; b < f->blocks; b++) {
        const double second = f->second[b * f->two + c];
        const int64_t rows = f->differs[b * f->two + c];
        if (rows < 0 || (!isnan(second) && !isnan(*other) && second != *other))
            return -1;
        *other = isnan(*other) ? second : *other;
        sum += rows;
    }
    return sum;
}

/* Whether column c becomes marks; the usual value and the other one. */
static bool settle_two(const finding *f, int64_t c, bool intercept, hone_marked *m, int64_t *marks)
{
    const int64_t n = f->x->rows;
    double first = f->first[c], second;
    const int64_t differs = differing(f, c, &second);
    if (differs <= 0)
        return false;
    const bool swap = intercept ? 2 * differs > n : first != 0;
    m->usual = swap ? second : first, m->other = swap ? first : second;
    *marks = swap ? n - differs : differs;
    const double step = m->other - m->usual;
    return (intercept || m->usual == 0) && isfinite(step) && fabs(step) > DBL_MIN &&
           (double)*marks <= MOST_SHARE * (double)n;
}

static void settle_levels(const finding *f, int64_t c, bool intercept, hone_marked *m)
{
    const int64_t all = f->from[f->coded];
    m->common = -1;
    for (int64_t l = 0; l < m->levels && intercept; l++) {
        int64_t sum = 0;
        for (int64_t b = 0; b < f->blocks; b++)
            sum += f->levels[b * all + f->from[c] + l];
        if (2 * sum > f->x->rows)
            m->common = l;
    }
}

/* Those of two values, as long as they are few marks. */
static int64_t settle_all_two(const finding *f, bool intercept, hone_marked *of, int64_t *index)
{
    int64_t count = 0, sum = 0;
    for (int64_t c = 0; c < f->two; c++) {
        int64_t marks;
        of[count] = (hone_marked){.stored = f->at[c]};
        if (!settle_two(f, c, intercept, &of[count], &marks))
            continue;
        index[count++] = c;
        sum += marks;
    }
    return LEAST_MEAN * sum > f->x->rows * count ? 0 : count;
}

static void count_before(const finding *f, const hone_marks *m, const int64_t *index)
{
    const int64_t all = f->from[f->coded];
    for (int64_t b = 0; b < f->blocks; b++) {
        const int64_t rows = start_of(f, b + 1) - start_of(f, b);
        int64_t sum = 0;
        for (int64_t k = 0; k < m->count; k++) {
            const hone_marked *const of = &m->of[k];
            const int64_t c = index[k];
            if (!of->levels) {
                const int64_t differs = f->differs[b * f->two + c];
                sum += of->usual == f->first[c] ? differs : rows - differs;
            }
            for (int64_t l = 0; l < of->levels; l++) {
                const int64_t here = f->levels[b * all + f->from[c] + l];
                sum += l == of->common ? rows - here : here;
            }
        }
        m->before[b + 1] = m->before[b] + sum;
    }
}

/* Both kinds in order of memory. */
static hone_status settle(const finding *f, const hone_fit_job *job, bool intercept, hone_marks *m,
                          hone_error *error)
{
    const hone_matrix *x = f->x;
    hone_marked *two = HONE_RAW(job->scratch, hone_marked, f->two + 1, 1);
    int64_t *which = HONE_RAW(job->scratch, int64_t, f->two + 1, 1);
    int64_t *index = HONE_RAW(job->scratch, int64_t, x->stored_cols, 1);
    m->of = HONE_NEW(job->scratch, hone_marked, x->stored_cols, 1);
    m->before = HONE_NEW(job->scratch, int64_t, f->blocks + 1, 1);
    if (!two || !which || !index || !m->of || !m->before)
        return hone_no_memory(error);
    const int64_t pairs = settle_all_two(f, intercept, two, which);
    for (int64_t a = 0, c = 0; a < pairs || c < f->coded;) {
        hone_marked *const to = &m->of[m->count];
        if (c == f->coded || (a < pairs && two[a].stored < f->code_at[c])) {
            *to = two[a], index[m->count] = which[a++];
            to->column = x->layout == HONE_ONE_HOT ? x->first[to->stored] : to->stored;
        } else {
            to->stored = f->code_at[c], to->levels = (int32_t)(f->from[c + 1] - f->from[c]);
            to->column = x->first[to->stored];
            settle_levels(f, c, intercept, to);
            index[m->count] = c++;
        }
        to->coordinate = m->coordinates;
        m->coordinates += to->levels ? to->levels : 1;
        m->count++;
    }
    count_before(f, m, index);
    return HONE_OK;
}

hone_status hone_marks_find(const hone_fit_job *job, bool intercept, int64_t blocks, hone_marks *m,
                            hone_error *error)
{
    finding f = {.x = &job->x, .blocks = blocks};
    *m = (hone_marks){.x = &job->x, .blocks = blocks};
    if (!open_finding(&f, job->scratch))
        return hone_no_memory(error);
    if (f.two || f.coded)
        HONE_TRY(hone_for_blocks(job->run, blocks, count_block, &f, error));
    hone_work(job->run, job->x.rows * (f.two + f.coded));
    return settle(&f, job, intercept, m, error);
}

/* ---- the marks ---- */

static int64_t mark_levels(const hone_marked *of, double code, int32_t *to)
{
    const int32_t from = (int32_t)of->coordinate, common = from + (int32_t)of->common;
    const bool known = code >= 0 && code < of->levels;
    const int32_t level = known ? from + (int32_t)code : -1;
    int64_t count = 0;
    if (known && (of->common < 0 || level < common))
        to[count++] = level;
    if (of->common >= 0 && level != common)
        to[count++] = common;
    if (known && of->common >= 0 && level > common)
        to[count++] = level;
    return count;
}

hone_status hone_marks_fill(const hone_marks *m, int64_t b, hone_design *design,
                            hone_arena *scratch, hone_error *error)
{
    const int64_t end = hone_marks_block(m, b + 1);
    double *tile = HONE_RAW(scratch, double, HONE_TILE, m->count);
    int32_t *stored = HONE_RAW(scratch, int32_t, m->count, 1);
    if (!tile || !stored)
        return hone_no_memory(error);
    for (int64_t k = 0; k < m->count; k++)
        stored[k] = m->of[k].stored;
    int64_t at = m->before[b];
    for (int64_t first = hone_marks_block(m, b); first < end; first += HONE_TILE) {
        const int64_t rows = end - first < HONE_TILE ? end - first : HONE_TILE;
        hone_stored_tile(m->x, first, rows, m->count, stored, tile, m->count);
        for (int64_t i = 0; i < rows; i++) {
            design->mark_start[first + i] = at;
            for (int64_t k = 0; k < m->count; k++) {
                const hone_marked *const of = &m->of[k];
                const double v = tile[i * m->count + k];
                if (of->levels)
                    at += mark_levels(of, v, design->mark + at);
                else if (v != of->usual)
                    design->mark[at++] = (int32_t)of->coordinate;
            }
        }
    }
    if (b + 1 == m->blocks)
        design->mark_start[m->x->rows] = at;
    return HONE_OK;
}
