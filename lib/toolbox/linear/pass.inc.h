/* A chunk of a pass in one element type: `real`, T(name), E(name) for the kernels. */

typedef struct T(room) {
    real *x, *scaled; /* HONE_TILE x stride */
    real *z, *r, *h;  /* HONE_TILE x kp */
} T(room);

static T(room) T(room_of)(const hone_pass *p, int64_t chunk)
{
    const int64_t wide = HONE_TILE * p->rows.design->stride, tall = HONE_TILE * p->kp;
    real *const at = (real *)(void *)(p->rooms + chunk * p->room_bytes);
    return (T(room)){at, at + wide, at + 2 * wide, at + 2 * wide + tall, at + 2 * wide + 2 * tall};
}

/* z (rows x kp) = x w; w is size x kp */
static void T(margins)(const hone_pass *p, const real *w, int64_t first, int64_t rows,
                       const real *x, real *z)
{
    const hone_design *d = p->rows.design;
    const int64_t kp = p->kp;
    if (kp == 1)
        E(hone_tile_dot)(rows, d->stride, x, d->stride, w, z);
    else
        E(hone_tile_forward)(rows, d->base, x, d->stride, kp, w, z);
    for (int64_t i = 0; i < rows && d->codes; i++) {
        const int32_t *code = d->code + (first + i) * d->codes;
        if (kp == 1) {
            real sum = 0;
            for (int64_t j = 0; j < d->codes; j++)
                sum += w[d->stride + code[j]];
            z[i] += sum;
            continue;
        }
        for (int64_t j = 0; j < d->codes; j++)
            for (int64_t k = 0; k < kp; k++)
                z[i * kp + k] += w[code[j] * kp + k];
    }
}

/* g (size x kp) += x' r */
static void T(slope)(const hone_pass *p, int64_t first, int64_t rows, const real *x, const real *r,
                     double *g)
{
    const hone_design *d = p->rows.design;
    const int64_t kp = p->kp;
    if (kp == 1)
        E(hone_tile_back)(rows, d->stride, x, d->stride, r, g);
    else
        E(hone_tile_atb)(rows, d->base, x, d->stride, kp, r, kp, g, kp, false);
    for (int64_t i = 0; i < rows && d->codes; i++) {
        const int32_t *code = d->code + (first + i) * d->codes;
        for (int64_t j = 0; j < d->codes; j++)
            for (int64_t k = 0; k < kp; k++)
                g[code[j] * kp + k] += (double)r[i * kp + k];
    }
}

/* Lower triangle of out += x' diag(h) x; h has `step` elements a row. A row's codes cost a visit
 * for each pair, and one for each code and numeric column. */
static void T(curve)(const hone_pass *p, int64_t first, int64_t rows, const real *x, const real *h,
                     int64_t step, real *scaled, double *out)
{
    const hone_design *d = p->rows.design;
    const int64_t ld = p->stride;
    E(hone_tile_scale)(rows, d->stride, x, d->stride, h, step, scaled, d->stride);
    E(hone_tile_atb)(rows, d->base, scaled, d->stride, d->stride, x, d->stride, out, ld, true);
    for (int64_t i = 0; i < rows && d->codes; i++) {
        const int32_t *code = d->code + (first + i) * d->codes;
        const real *row = scaled + i * d->stride;
        const double weight = (double)h[i * step];
        for (int64_t a = 0; a < d->codes; a++) {
            double *const to = out + code[a] * ld;
            for (int64_t j = 0; j < d->base; j++)
                to[j] += (double)row[j];
            for (int64_t b = 0; b <= a; b++)
                to[code[b]] += weight;
        }
    }
}

static double T(losses)(const hone_pass *p, int64_t first, int64_t rows, const T(room) * m)
{
    const real *y = p->T(y) ? p->T(y) + first : NULL, *s = p->T(s) + first;
    const int64_t tail = hone_lanes(rows) - rows;
    if (p->rows.loss != HONE_SOFTMAX)
        memset(m->z + rows, 0, (size_t)tail * sizeof(real));
    switch (p->rows.loss) {
    case HONE_LOGISTIC:
        return E(hone_tile_logistic)(rows, m->z, y, s, m->r, m->h);
    case HONE_SQUARED:
        return E(hone_tile_squared)(rows, m->z, y, s, m->r, m->h);
    case HONE_SQUARED_HINGE:
        return E(hone_tile_hinge)(rows, m->z, y, s, m->r, m->h);
    case HONE_SOFTMAX:
        break;
    }
    return E(hone_tile_softmax)(rows, p->rows.outputs, p->kp, m->z, p->rows.label + first, s, m->r);
}

/* Second derivatives of the softmax: p_k (1 - p_k) within a class, -p_k p_l between two. */
static void T(curve_classes)(const hone_pass *p, int64_t first, int64_t rows, const real *x,
                             const T(room) * m, double *out)
{
    const int64_t kp = p->kp, outputs = p->rows.outputs, size = p->rows.design->size;
    const real *s = p->T(s) + first;
    for (int64_t k = 0; k < outputs; k++)
        for (int64_t l = p->wanted == HONE_FULL ? 0 : k; l <= k; l++) {
            for (int64_t i = 0; i < rows; i++) {
                const real *q = m->z + i * kp;
                m->h[i] = s[i] * q[k] * (k == l ? 1 - q[k] : -q[l]);
            }
            double *const block = p->wanted == HONE_FULL ? out + k * size * p->stride + l * size
                                                         : out + k * size * p->stride;
            T(curve)(p, first, rows, x, m->h, 1, m->scaled, block);
        }
}

/* Remembers the second derivatives of a tile for products: those of one output, or probabilities.
 */
static void T(remember)(const hone_pass *p, int64_t first, int64_t rows, const T(room) * m)
{
    const real *const from = p->kp == 1 ? m->h : m->z;
    float *const to = p->curve + first * p->kp;
    for (int64_t i = 0; i < rows * p->kp; i++)
        to[i] = (float)from[i];
}

static hone_status T(chunk)(void *context, int64_t chunk, hone_arena *scratch, hone_error *error)
{
    (void)scratch, (void)error;
    const hone_pass *p = context;
    const T(room) m = T(room_of)(p, chunk);
    double *const g = p->part_g + chunk * p->g_size, *const h = p->part_h + chunk * p->h_size;
    memset(g, 0, (size_t)p->g_size * sizeof *g);
    if (p->wanted)
        memset(h, 0, (size_t)p->h_size * sizeof *h);
    double loss = 0;
    const int64_t end = start_of(p, chunk + 1);
    for (int64_t i = start_of(p, chunk); i < end; i += p->every * HONE_TILE) {
        const int64_t rows = end - i < HONE_TILE ? end - i : HONE_TILE;
        const real *x = T(hone_design_tile)(p->rows.design, &p->rows.x, i, rows, m.x);
        T(margins)(p, p->T(w), i, rows, x, m.z);
        loss += T(losses)(p, i, rows, &m);
        if (p->curve)
            T(remember)(p, i, rows, &m);
        T(slope)(p, i, rows, x, m.r, g);
        if (p->wanted && p->kp == 1)
            T(curve)(p, i, rows, x, m.h, 1, m.scaled, h);
        else if (p->wanted)
            T(curve_classes)(p, i, rows, x, &m, h);
        if (hone_stopping(p->rows.run) == HONE_ABANDON)
            break;
    }
    p->part_loss[chunk] = loss;
    return HONE_OK;
}

/* Coordinates as the kernels want them: size x kp; one output: stride for the panel, then all. */
static void T(load)(hone_pass *p, const double *v)
{
    const hone_design *d = p->rows.design;
    real *const w = p->T(w);
    memset(w, 0, (size_t)p->w_size * sizeof(real));
    if (p->kp > 1) {
        for (int64_t k = 0; k < p->rows.outputs; k++)
            for (int64_t j = 0; j < d->size; j++)
                w[j * p->kp + k] = (real)v[k * d->size + j];
        return;
    }
    for (int64_t j = 0; j < d->base; j++)
        w[j] = (real)v[j];
    for (int64_t j = 0; j < d->size; j++)
        w[d->stride + j] = (real)v[j];
}
