/* A chunk of a pass in one element type: `real`, T(name), E(name) for the kernels, CURVE for the
 * Hessian of a tile with the second derivatives m->h. */

typedef struct T(room) {
    real *x, *scaled; /* HONE_TILE x stride */
    real *z, *r, *h;  /* HONE_TILE x kp */
    double *wide;     /* in float: HONE_TILE x (2 stride + 1), for Hessians in double */
} T(room);

/* A thread's own: the same memory for each of its chunks stays in its cache. */
static bool T(open_room)(const hone_pass *p, hone_arena *scratch, T(room) * room)
{
    const int64_t wide = HONE_TILE * p->rows.design->stride, tall = HONE_TILE * p->kp;
    real *const at = (real *)(void *)HONE_RAW(scratch, char, p->room_bytes, 1);
    if (!at)
        return false;
    real *const z = at + 2 * wide;
    *room = (T(room)){at, at + wide, z, z + tall, z + 2 * tall, (double *)(void *)(z + 3 * tall)};
    return true;
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
    for (int64_t i = 0; i < rows && d->mark; i++) {
        const int32_t *mark = d->mark + d->mark_start[first + i];
        const int64_t count = d->mark_start[first + i + 1] - d->mark_start[first + i];
        if (kp == 1) {
            real sum = 0;
            for (int64_t j = 0; j < count; j++)
                sum += w[d->stride + mark[j]];
            z[i] += sum;
            continue;
        }
        for (int64_t j = 0; j < count; j++)
            for (int64_t k = 0; k < kp; k++)
                z[i * kp + k] += w[mark[j] * kp + k];
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
    for (int64_t i = 0; i < rows && d->mark; i++) {
        const int32_t *mark = d->mark + d->mark_start[first + i];
        const int64_t count = d->mark_start[first + i + 1] - d->mark_start[first + i];
        const double one = (double)r[i * kp];
        for (int64_t j = 0; j < count && kp == 1; j++)
            g[mark[j]] += one;
        for (int64_t j = 0; j < count && kp > 1; j++)
            for (int64_t k = 0; k < kp; k++)
                g[mark[j] * kp + k] += (double)r[i * kp + k];
    }
}

/* Lower triangle of out += x' diag(h) x. A row's marks cost a visit for each pair, and one for each
 * mark and numeric column. */
static void T(curve)(const hone_pass *p, int64_t first, int64_t rows, const real *x, const real *h,
                     real *scaled, double *out)
{
    const hone_design *d = p->rows.design;
    const int64_t ld = p->stride, base = d->base;
    E(hone_tile_scale)(rows, d->stride, x, d->stride, h, 1, scaled, d->stride);
    E(hone_tile_atb)(rows, base, scaled, d->stride, d->stride, x, d->stride, out, ld, true);
    for (int64_t i = 0; i < rows && d->mark; i++) {
        const int32_t *mark = d->mark + d->mark_start[first + i];
        const int64_t count = d->mark_start[first + i + 1] - d->mark_start[first + i];
        const real *row = scaled + i * d->stride;
        const double weight = (double)h[i];
        for (int64_t a = 0; a < count; a++) {
            double *const to = out + mark[a] * ld;
            for (int64_t j = 0; j < base; j++)
                to[j] += (double)row[j];
            for (int64_t b = 0; b <= a; b++)
                to[mark[b]] += weight;
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
            CURVE(p, first, rows, x, m, block);
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
    const hone_pass *p = context;
    T(room) m;
    if (!T(open_room)(p, scratch, &m))
        return hone_no_memory(error);
    double *const g = p->part_g + chunk * p->g_size, *const h = p->part_h + chunk * p->h_size;
    memset(g, 0, (size_t)p->g_size * sizeof *g);
    if (p->wanted)
        memset(h, 0, (size_t)p->h_size * sizeof *h);
    double loss = 0;
    const hone_isa isa = hone_run_isa(p->rows.run);
    const int64_t end = start_of(p, chunk + 1);
    for (int64_t i = start_of(p, chunk); i < end && hone_stopping(p->rows.run) != HONE_CANCEL;
         i += p->every * HONE_TILE) {
        const int64_t rows = end - i < HONE_TILE ? end - i : HONE_TILE;
        const real *x = T(hone_design_tile)(p->rows.design, &p->rows.x, isa, i, rows, m.x);
        T(margins)(p, p->T(w), i, rows, x, m.z);
        loss += T(losses)(p, i, rows, &m);
        if (p->curve)
            T(remember)(p, i, rows, &m);
        T(slope)(p, i, rows, x, m.r, g);
        if (!bends_at(p, chunk, i))
            continue;
        if (p->kp == 1)
            CURVE(p, i, rows, x, &m, h);
        else
            T(curve_classes)(p, i, rows, x, &m, h);
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
