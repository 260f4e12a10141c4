/* Values as ranks, so that a split search compares small integers and a fit of a fold sorts
 * nothing.
 *
 * ranks (of the table): each column sorted once by radix on the bits of its values.
 * panel (of the rows): ranks packed to the values that the rows hold, as 16-bit codes and as 8-bit
 * coarse codes (at most max_bins quantile bins), row-major, 64 bytes aligned. What a panel holds
 * depends on the rows alone: a fold of a table and a table of that fold give the same codes.
 * Cost: O(N d) in passes of 11 bits for the table, O(n d) for the rows.
 */
#include "forest.h"

enum {
    TILE = 256,
    PACK = 4096,
    NEAR = 128 /* rows whose codes fit in near memory */,
    COLUMNS = 32,
    DIGIT = 11,
    BUCKETS = 1 << DIGIT
};

static const uint32_t RANK_MISSING = UINT32_MAX;

/* A column of the table. Categorical: rank is the level, value is NULL. */
typedef struct ranked {
    int32_t levels;
    int64_t count;
    const double *value;  /* count, ascending */
    const uint32_t *rank; /* rows of the table */
} ranked;

typedef struct ranks {
    int64_t columns;
    ranked *column;
} ranks;

/* ---- ranks of the table ---- */

/* Bits that order like the value; those of a float are 32. */
static uint64_t key_of(double v)
{
    uint64_t bits;
    v += 0.0; /* -0 and 0 are one value */
    memcpy(&bits, &v, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static uint32_t key_of_float(float v)
{
    uint32_t bits;
    v += 0.0F;
    memcpy(&bits, &v, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

/* Sorts by the upper halves of the words, the least significant digit first; digits that all share
 * are skipped. Gives where they end up. */
static uint64_t *sort_words(uint64_t *a, uint64_t *b, int64_t n, uint32_t *bucket)
{
    for (int shift = 32; shift < 64; shift += DIGIT) {
        memset(bucket, 0, BUCKETS * sizeof *bucket);
        for (int64_t i = 0; i < n; i++)
            bucket[a[i] >> shift & (BUCKETS - 1)]++;
        if (n && bucket[a[0] >> shift & (BUCKETS - 1)] == (uint32_t)n)
            continue;
        uint32_t at = 0;
        for (int k = 0; k < BUCKETS; k++) {
            const uint32_t size = bucket[k];
            bucket[k] = at;
            at += size;
        }
        for (int64_t i = 0; i < n; i++)
            b[bucket[a[i] >> shift & (BUCKETS - 1)]++] = a[i];
        uint64_t *t = a;
        a = b, b = t;
    }
    return a;
}

static bool all_floats(const double *v, int64_t n)
{
    bool other = false;
    for (int64_t i = 0; i < n; i++)
        other |= (double)(float)v[i] != v[i] && !isnan(v[i]);
    return !other;
}

/* The rows that miss no value, by value; half a key and a row share a word. Gives their number, or
 * -1: no memory. */
static int64_t order_rows(const double *v, int64_t n, uint32_t *order, hone_arena *scratch)
{
    uint64_t *a = HONE_RAW(scratch, uint64_t, n, 1), *b = HONE_RAW(scratch, uint64_t, n, 1);
    uint32_t *bucket = HONE_RAW(scratch, uint32_t, BUCKETS, 1);
    if (!a || !b || !bucket)
        return -1;
    const bool floats = all_floats(v, n);
    int64_t present = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(v[i]))
            order[present++] = (uint32_t)i;
    for (int half = floats ? 1 : 0; half < 2; half++) {
        for (int64_t i = 0; i < present; i++) {
            const double x = v[order[i]];
            const uint64_t key = floats ? key_of_float((float)x) : key_of(x) >> 32 * half;
            a[i] = key << 32 | order[i];
        }
        const uint64_t *sorted = sort_words(a, b, present, bucket);
        for (int64_t i = 0; i < present; i++)
            order[i] = (uint32_t)sorted[i];
    }
    return present;
}

/* A group of columns, copied out of the rows so that each can be sorted. */
typedef struct ranking {
    const hone_fit_job *job;
    ranks *out;
    int64_t first, columns;
    double *value; /* columns x rows */
} ranking;

static hone_status copy_rows(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const ranking *r = context;
    const hone_matrix *x = &r->job->x;
    const int64_t first = b * TILE;
    const int64_t count = first + TILE < x->rows ? TILE : x->rows - first;
    double *tile = HONE_RAW(scratch, double, count, x->cols);
    if (!tile)
        return hone_no_memory(error);
    hone_rows_f64(x, first, count, tile, x->cols);
    for (int64_t j = 0; j < r->columns; j++)
        for (int64_t i = 0; i < count; i++)
            r->value[j * x->rows + first + i] = tile[i * x->cols + r->first + j];
    return HONE_OK;
}

static void rank_levels(const double *v, int64_t n, int32_t levels, uint32_t *rank)
{
    for (int64_t i = 0; i < n; i++)
        rank[i] = v[i] >= 0 && v[i] < levels ? (uint32_t)v[i] : RANK_MISSING;
}

static hone_status rank_column(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    const ranking *r = context;
    const int64_t n = r->job->x.rows;
    const double *v = r->value + b * n;
    ranked *c = &r->out->column[r->first + b];
    c->levels = hone_levels(&r->job->x, r->first + b);
    uint32_t *rank = HONE_RAW(r->job->keep, uint32_t, n, 1);
    if (!rank)
        return hone_no_memory(error);
    c->rank = rank;
    if (c->levels) {
        c->count = c->levels;
        rank_levels(v, n, c->levels, rank);
        return HONE_OK;
    }
    uint32_t *order = HONE_RAW(scratch, uint32_t, n, 1);
    double *value = HONE_RAW(scratch, double, n, 1);
    if (!order || !value)
        return hone_no_memory(error);
    const int64_t present = order_rows(v, n, order, scratch);
    if (present < 0)
        return hone_no_memory(error);
    memset(rank, 0xff, (size_t)n * sizeof *rank); /* RANK_MISSING */
    for (int64_t i = 0; i < present; i++) {
        const double x = v[order[i]] + 0.0;
        if (!c->count || x != value[c->count - 1])
            value[c->count++] = x;
        rank[order[i]] = (uint32_t)(c->count - 1);
    }
    double *kept = HONE_RAW(r->job->keep, double, c->count + 1, 1);
    if (!kept)
        return hone_no_memory(error);
    if (c->count)
        memcpy(kept, value, (size_t)c->count * sizeof *kept);
    c->value = kept;
    return HONE_OK;
}

static hone_status build_ranks(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                               hone_error *error)
{
    (void)key;
    ranks *out = object;
    const int64_t n = job->x.rows, d = job->x.cols;
    out->columns = d;
    out->column = HONE_NEW(job->keep, ranked, d, 1);
    double *value = HONE_RAW(job->scratch, double, n, d < COLUMNS ? d : COLUMNS);
    if (!out->column || !value)
        return hone_no_memory(error);
    for (int64_t first = 0; first < d; first += COLUMNS) {
        ranking r = {job, out, first, d - first < COLUMNS ? d - first : COLUMNS, value};
        HONE_TRY(hone_for_blocks(job->run, (n + TILE - 1) / TILE, copy_rows, &r, error));
        HONE_TRY(hone_for_blocks(job->run, r.columns, rank_column, &r, error));
    }
    return HONE_OK;
}

static const hone_recipe RANKS = {"forest.ranks/1", HONE_OF_TABLE, sizeof(ranks), build_ranks};

/* ---- codes of the rows ---- */

/* How ranks of a column become codes. */
typedef struct recoding {
    uint16_t *code; /* by rank of the table */
    uint32_t *rows; /* by code: rows that hold it */
    uint8_t *bin;   /* by code */
} recoding;

typedef struct packing {
    const hone_fit_job *job;
    const ranks *ranks;
    int64_t max_bins;
    panel *out;
    recoding *how;
    uint8_t *coarse;
    uint16_t *fine;
    uint64_t *bits;
    /* a group of columns on its way into the rows */
    int64_t first, columns;
    uint16_t *code; /* columns x rows */
    uint8_t *bin;
} packing;

/* Present ranks become 0, 1, ...; above CODES of them, equal shares of them become one code. */
static hone_status number_codes(const packing *p, int64_t j, uint32_t *rows, int64_t present,
                                hone_error *error)
{
    const ranked *from = &p->ranks->column[j];
    feature_codes *f = &p->out->feature[j];
    recoding *how = &p->how[j];
    f->codes = (int32_t)(present < CODES ? present : CODES);
    double *low = HONE_RAW(p->job->keep, double, f->codes + 1, 1), *high = low;
    if (present > CODES)
        high = HONE_RAW(p->job->keep, double, f->codes + 1, 1);
    how->rows = HONE_NEW(p->job->scratch, uint32_t, f->codes + 1, 1);
    if (!low || !high || !how->rows)
        return hone_no_memory(error);
    int64_t seen = 0, c = 0, last = -1; /* c: seen x codes / present */
    for (int64_t k = 0; k < from->count; k++) {
        if (!rows[k])
            continue;
        c += seen * f->codes >= (c + 1) * present;
        seen++;
        if (c != last)
            low[c] = from->value[k];
        high[c] = from->value[k];
        how->code[k] = (uint16_t)c;
        how->rows[c] += rows[k];
        last = c;
    }
    f->low = low, f->high = high;
    return HONE_OK;
}

/* At most max_bins bins of about equally many rows; a frequent value has one of its own.
 * max_bins = 0: no coarse codes but exact ones. */
static hone_status number_bins(const packing *p, int64_t j, int64_t present_rows, hone_error *error)
{
    feature_codes *f = &p->out->feature[j];
    recoding *how = &p->how[j];
    f->bins = f->codes;
    if (f->codes <= (p->max_bins ? p->max_bins : BINS))
        return HONE_OK;
    if (!p->max_bins) {
        f->bins = 0;
        return HONE_OK;
    }
    how->bin = HONE_NEW(p->job->keep, uint8_t, f->codes, 1);
    if (!how->bin)
        return hone_no_memory(error);
    int64_t before = 0, share = 0, last = -1; /* share: middle x bins / (2 x rows) */
    f->bins = 0;
    for (int32_t c = 0; c < f->codes; c++) {
        const int64_t middle = 2 * before + how->rows[c];
        while (middle * p->max_bins >= (share + 1) * 2 * present_rows)
            share++;
        f->bins += share != last;
        last = share;
        how->bin[c] = (uint8_t)(f->bins - 1);
        before += how->rows[c];
    }
    f->bin_of = how->bin;
    return HONE_OK;
}

static hone_status recode(void *context, int64_t j, hone_arena *scratch, hone_error *error)
{
    const packing *p = context;
    const ranked *from = &p->ranks->column[j];
    feature_codes *f = &p->out->feature[j];
    const hone_matrix *x = &p->job->x;
    f->levels = from->levels;
    uint32_t *rows = HONE_NEW(scratch, uint32_t, from->count + 1, 1);
    p->how[j].code = HONE_NEW(p->job->scratch, uint16_t, from->count + 1, 1);
    if (!rows || !p->how[j].code)
        return hone_no_memory(error);
    int64_t present = 0, present_rows = 0;
    for (int64_t i = 0; i < x->rows; i++) {
        const uint32_t k = from->rank[hone_row_id(x, i)];
        if (k == RANK_MISSING)
            continue;
        present += !rows[k]++;
        present_rows++;
    }
    f->missing = present_rows < x->rows;
    if (!f->levels) {
        HONE_TRY(number_codes(p, j, rows, present, error));
        return number_bins(p, j, present_rows, error);
    }
    f->codes = f->levels < CODES ? f->levels : CODES;
    f->bins = f->codes <= BINS ? f->codes : 0;
    for (int64_t k = 0; k < from->count; k++)
        p->how[j].code[k] = (uint16_t)(k < CODES ? k : CODE_MISSING);
    return HONE_OK;
}

static bool is_binary(const feature_codes *f)
{
    return !f->levels && !f->missing && f->codes <= 2 && f->bins == f->codes;
}

/* The codes of a column, one after the other: its tables stay in near memory. */
static hone_status code_column(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const packing *p = context;
    const int64_t n = p->out->rows, j = p->first + b;
    const uint32_t *rank = p->ranks->column[j].rank;
    const recoding *how = &p->how[j];
    const uint8_t missing = (uint8_t)p->out->feature[j].bins;
    uint16_t *code = p->code + b * n;
    uint8_t *bin = p->bin + b * n;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t k = rank[hone_row_id(&p->job->x, i)];
        const uint16_t c = k == RANK_MISSING ? CODE_MISSING : how->code[k];
        code[i] = c;
        bin[i] = c == CODE_MISSING ? missing : how->bin ? how->bin[c] : (uint8_t)c;
    }
    return HONE_OK;
}

static hone_status pack_rows(void *context, int64_t b, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const packing *p = context;
    const panel *o = p->out;
    const int64_t first = b * PACK, end = first + PACK < o->rows ? first + PACK : o->rows;
    for (int64_t at = first, next; at < end; at = next) {
        next = at + NEAR < end ? at + NEAR : end;
        for (int64_t k = 0; k < p->columns; k++) {
            const uint8_t *bin = p->bin + k * o->rows;
            const uint16_t *code = p->code + k * o->rows;
            const int32_t fine = o->feature[p->first + k].fine;
            for (int64_t i = at; i < next; i++)
                p->coarse[i * o->coarse_stride + p->first + k] = bin[i];
            const int64_t j = p->first + k;
            for (int64_t i = at; i < next && is_binary(&o->feature[j]); i++)
                p->bits[i * o->words + j / 64] |= (uint64_t)bin[i] << (j % 64);
            for (int64_t i = at; i < next && fine >= 0; i++)
                p->fine[i * o->fine_stride + fine] = code[i];
        }
    }
    return HONE_OK;
}

static hone_status pack_panel(packing *p, hone_error *error)
{
    const hone_fit_job *job = p->job;
    const int64_t n = p->out->rows, d = p->out->features, most = d < COLUMNS ? d : COLUMNS;
    p->code = HONE_RAW(job->scratch, uint16_t, n, most);
    p->bin = HONE_RAW(job->scratch, uint8_t, n, most);
    if (!p->code || !p->bin)
        return hone_no_memory(error);
    for (; p->first < d; p->first += COLUMNS) {
        p->columns = d - p->first < COLUMNS ? d - p->first : COLUMNS;
        HONE_TRY(hone_for_blocks(job->run, p->columns, code_column, p, error));
        HONE_TRY(hone_for_blocks(job->run, (n + PACK - 1) / PACK, pack_rows, p, error));
    }
    return HONE_OK;
}

static hone_status open_bits(packing *p, hone_error *error)
{
    panel *o = p->out;
    bool some = false;
    for (int64_t j = 0; j < o->features; j++)
        some |= is_binary(&o->feature[j]);
    o->words = some ? (o->features + 63) / 64 : 0;
    uint64_t *binary = HONE_NEW(p->job->keep, uint64_t, o->words + 1, 1);
    p->bits = HONE_NEW(p->job->keep, uint64_t, some ? o->rows : 1, o->words + 1 - some);
    if (!binary || !p->bits)
        return hone_no_memory(error);
    for (int64_t j = 0; j < o->features; j++)
        if (is_binary(&o->feature[j]))
            binary[j / 64] |= UINT64_C(1) << (j % 64);
    o->binary = binary, o->bits = p->bits;
    return HONE_OK;
}

static hone_status build_panel(const hone_fit_job *job, const int64_t key[HONE_KEY], void *object,
                               hone_error *error)
{
    panel *out = object;
    const void *shared;
    HONE_TRY(hone_derive(job->shared, &RANKS, (const int64_t[HONE_KEY]){0}, &shared, error));
    const int64_t n = job->x.rows, d = job->x.cols;
    packing p = {.job = job, .ranks = shared, .max_bins = key[0], .out = out};
    out->rows = n, out->features = d;
    out->feature = HONE_NEW(job->keep, feature_codes, d, 1);
    p.how = HONE_NEW(job->scratch, recoding, d, 1);
    if (!out->feature || !p.how)
        return hone_no_memory(error);
    HONE_TRY(hone_for_blocks(job->run, d, recode, &p, error));
    int32_t fine = 0;
    for (int64_t j = 0; j < d; j++) {
        feature_codes *f = &out->feature[j];
        f->fine = f->bins != f->codes ? fine++ : -1;
    }
    out->wide = fine > 0;
    out->coarse_stride = (d + 31) / 32 * 32;
    out->fine_stride = (fine + 15) / 16 * 16;
    p.coarse = HONE_NEW(job->keep, uint8_t, n, out->coarse_stride);
    p.fine = HONE_NEW(job->keep, uint16_t, n, out->fine_stride + 1);
    HONE_TRY(open_bits(&p, error));
    if (!p.coarse || !p.fine)
        return hone_no_memory(error);
    out->coarse = p.coarse, out->fine = p.fine;
    return pack_panel(&p, error);
}

static const hone_recipe PANEL = {"forest.panel/1", HONE_OF_ROWS, sizeof(panel), build_panel};

hone_status forest_panel(hone_shared *shared, int64_t max_bins, const panel **out,
                         hone_error *error)
{
    const void *object;
    HONE_TRY(hone_derive(shared, &PANEL, (const int64_t[HONE_KEY]){max_bins}, &object, error));
    *out = object;
    return HONE_OK;
}
