/* Body of the tile kernels for one element type: `real`, `vector` of WIDTH of them, T(name). */

#define LOAD(p) (*(const vector *)(p))
#define STORE(p, v) (*(vector *)(p) = (v))

INLINE real T(total)(vector v)
{
    real sum = 0;
    for (int l = 0; l < WIDTH; l++)
        sum += v[l];
    return sum;
}

INLINE double T(total_f64)(vector v)
{
    double sum = 0;
    for (int l = 0; l < WIDTH; l++)
        sum += (double)v[l];
    return sum;
}

/* ---- products ---- */

/* R rows and V vectors of c = a'b stay in registers over the whole tile. */
INLINE void T(atb_block)(const int R, const int V, int64_t rows, const real *a, int64_t lda,
                         const real *b, int64_t ldb, double *c, int64_t ldc)
{
    vector sum[6][2] = {0};
    for (int64_t k = 0; k < rows; k++, a += lda, b += ldb)
        for (int v = 0; v < V; v++) {
            const vector right = LOAD(b + v * WIDTH);
            for (int i = 0; i < R; i++)
                sum[i][v] += right * a[i];
        }
    for (int i = 0; i < R; i++)
        for (int v = 0; v < V; v++)
            T(add)(c + i * ldc + v * WIDTH, sum[i][v]);
}

INLINE void T(atb_rows)(const int R, int64_t rows, const real *a, int64_t lda, int64_t n,
                        const real *b, int64_t ldb, double *c, int64_t ldc)
{
    int64_t j = 0;
    for (; j + 2 * WIDTH <= n; j += 2 * WIDTH)
        T(atb_block)(R, 2, rows, a, lda, b + j, ldb, c + j, ldc);
    if (j < n)
        T(atb_block)(R, 1, rows, a, lda, b + j, ldb, c + j, ldc);
}

void HONE_KERNEL(T(hone_tile_atb))(int64_t rows, int64_t m, const real *a, int64_t lda, int64_t n,
                                   const real *b, int64_t ldb, double *c, int64_t ldc, bool lower)
{
    for (int64_t i = 0; i < m; i += 6) {
        const int64_t some = m - i < 6 ? m - i : 6;
        const int64_t edge = hone_lanes(i + some);
        const int64_t to = lower && edge < n ? edge : n;
        double *const out = c + i * ldc;
        switch (some) {
        case 6:
            T(atb_rows)(6, rows, a + i, lda, to, b, ldb, out, ldc);
            break;
        case 5:
            T(atb_rows)(5, rows, a + i, lda, to, b, ldb, out, ldc);
            break;
        case 4:
            T(atb_rows)(4, rows, a + i, lda, to, b, ldb, out, ldc);
            break;
        case 3:
            T(atb_rows)(3, rows, a + i, lda, to, b, ldb, out, ldc);
            break;
        case 2:
            T(atb_rows)(2, rows, a + i, lda, to, b, ldb, out, ldc);
            break;
        default:
            T(atb_rows)(1, rows, a + i, lda, to, b, ldb, out, ldc);
        }
    }
}

INLINE void T(forward_block)(const int R, const int V, int64_t d, const real *x, int64_t ld,
                             int64_t n, const real *w, real *z)
{
    vector sum[6][2] = {0};
    for (int64_t j = 0; j < d; j++, w += n)
        for (int v = 0; v < V; v++) {
            const vector right = LOAD(w + v * WIDTH);
            for (int i = 0; i < R; i++)
                sum[i][v] += right * x[i * ld + j];
        }
    for (int i = 0; i < R; i++)
        for (int v = 0; v < V; v++)
            STORE(z + i * n + v * WIDTH, sum[i][v]);
}

INLINE void T(forward_rows)(const int R, int64_t d, const real *x, int64_t ld, int64_t n,
                            const real *w, real *z)
{
    int64_t j = 0;
    for (; j + 2 * WIDTH <= n; j += 2 * WIDTH)
        T(forward_block)(R, 2, d, x, ld, n, w + j, z + j);
    if (j < n)
        T(forward_block)(R, 1, d, x, ld, n, w + j, z + j);
}

void HONE_KERNEL(T(hone_tile_forward))(int64_t rows, int64_t d, const real *x, int64_t ld,
                                       int64_t n, const real *w, real *z)
{
    int64_t i = 0;
    for (; i + 6 <= rows; i += 6)
        T(forward_rows)(6, d, x + i * ld, ld, n, w, z + i * n);
    for (; i < rows; i++)
        T(forward_rows)(1, d, x + i * ld, ld, n, w, z + i * n);
}

void HONE_KERNEL(T(hone_tile_dot))(int64_t rows, int64_t d, const real *x, int64_t ld,
                                   const real *w, real *z)
{
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        vector sum[4] = {0};
        for (int64_t j = 0; j < d; j += WIDTH) {
            const vector right = LOAD(w + j);
            for (int k = 0; k < 4; k++)
                sum[k] += right * LOAD(x + (i + k) * ld + j);
        }
        for (int k = 0; k < 4; k++)
            z[i + k] = T(total)(sum[k]);
    }
    for (; i < rows; i++) {
        vector sum = {0};
        for (int64_t j = 0; j < d; j += WIDTH)
            sum += LOAD(w + j) * LOAD(x + i * ld + j);
        z[i] = T(total)(sum);
    }
}

INLINE void T(back_block)(const int V, int64_t rows, const real *x, int64_t ld, const real *r,
                          double *g)
{
    vector sum[8] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int v = 0; v < V; v++)
            sum[v] += LOAD(x + i * ld + v * WIDTH) * r[i];
    for (int v = 0; v < V; v++)
        T(add)(g + v * WIDTH, sum[v]);
}

void HONE_KERNEL(T(hone_tile_back))(int64_t rows, int64_t d, const real *x, int64_t ld,
                                    const real *r, double *g)
{
    int64_t j = 0;
    for (; j + 8 * WIDTH <= d; j += 8 * WIDTH)
        T(back_block)(8, rows, x + j, ld, r, g + j);
    for (; j + 2 * WIDTH <= d; j += 2 * WIDTH)
        T(back_block)(2, rows, x + j, ld, r, g + j);
    for (; j < d; j += WIDTH)
        T(back_block)(1, rows, x + j, ld, r, g + j);
}

void HONE_KERNEL(T(hone_tile_scale))(int64_t rows, int64_t d, const real *x, int64_t ld,
                                     const real *h, int64_t step, real *out, int64_t ldo)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < d; j++)
            out[i * ldo + j] = h[i * step] * x[i * ld + j];
}

/* ---- losses ---- */

/* log(1 + exp(-y z)). With e = exp(-|z|): p = 1 / (1 + e) or e / (1 + e), h = e / (1 + e)^2. */
double HONE_KERNEL(T(hone_tile_logistic))(int64_t rows, const real *z, const real *y, const real *s,
                                          real *r, real *h)
{
    double loss = 0;
    for (int64_t i = 0; i < rows; i += WIDTH) {
        const vector t = LOAD(z + i) * LOAD(y + i), weight = LOAD(s + i);
        const vector zero = {0}, one = zero + 1;
        const bits positive = t > zero;
        const vector e = T(exp)(T(choose)(positive, -t, t)), inverse = 1 / (1 + e);
        STORE(r + i, -weight * LOAD(y + i) * inverse * T(choose)(positive, e, one));
        STORE(h + i, weight * e * inverse * inverse);
        loss += T(total_f64)(weight * (T(log1p)(e) + T(choose)(positive, zero, -t)));
    }
    return loss;
}

/* max(0, 1 - y z)^2 */
double HONE_KERNEL(T(hone_tile_hinge))(int64_t rows, const real *z, const real *y, const real *s,
                                       real *r, real *h)
{
    double loss = 0;
    for (int64_t i = 0; i < rows; i += WIDTH) {
        const vector gap = 1 - LOAD(z + i) * LOAD(y + i), zero = {0};
        const vector active = T(choose)(gap > zero, LOAD(s + i), zero);
        STORE(r + i, -2 * active * gap * LOAD(y + i));
        STORE(h + i, 2 * active);
        loss += T(total_f64)(active * gap * gap);
    }
    return loss;
}

/* (z - y)^2 / 2 */
double HONE_KERNEL(T(hone_tile_squared))(int64_t rows, const real *z, const real *y, const real *s,
                                         real *r, real *h)
{
    double loss = 0;
    for (int64_t i = 0; i < rows; i += WIDTH) {
        const vector gap = LOAD(z + i) - LOAD(y + i), weight = LOAD(s + i);
        STORE(r + i, weight * gap);
        STORE(h + i, weight);
        loss += T(total_f64)(weight * gap * gap * (real)0.5);
    }
    return loss;
}

/* Margins of k classes in kp places become probabilities, 0 in the padding; gives the largest
 * margin and the sum of exp(margin - largest). */
INLINE real T(likely)(int64_t k, int64_t kp, real *p, real *all)
{
    real top = p[0];
    for (int64_t l = 1; l < k; l++)
        top = p[l] > top ? p[l] : top;
    for (int64_t l = k; l < kp; l++)
        p[l] = top - 1000;
    for (int64_t l = 0; l < kp; l += WIDTH)
        STORE(p + l, T(exp)(LOAD(p + l) - top));
    for (int64_t l = k; l < kp; l++)
        p[l] = 0;
    vector sum = {0};
    for (int64_t l = 0; l < kp; l += WIDTH)
        sum += LOAD(p + l);
    *all = T(total)(sum);
    const real inverse = 1 / *all;
    for (int64_t l = 0; l < kp; l += WIDTH)
        STORE(p + l, LOAD(p + l) * inverse);
    return top;
}

/* log(sum_l exp(z_l)) - z_y */
double HONE_KERNEL(T(hone_tile_softmax))(int64_t rows, int64_t k, int64_t kp, real *z,
                                         const int32_t *label, const real *s, real *r)
{
    double loss = 0;
    for (int64_t i = 0; i < rows; i++) {
        real *const p = z + i * kp, *const out = r + i * kp, all;
        const real own = p[label[i]], margin = own - T(likely)(k, kp, p, &all);
        for (int64_t l = 0; l < kp; l += WIDTH)
            STORE(out + l, LOAD(p + l) * s[i]);
        out[label[i]] -= s[i];
        loss += (double)s[i] * (log((double)all) - (double)margin);
    }
    return loss;
}

/* s q (z - q'z), z taken from that of a class of more than half, whose 1 - q has no digits left. */
void HONE_KERNEL(T(hone_tile_bend))(int64_t rows, int64_t kp, const real *q, const real *s,
                                    const real *z, real *r)
{
    for (int64_t i = 0; i < rows; i++, q += kp, z += kp, r += kp) {
        vector sum = {0}, likely = {0};
        const vector zero = {0}, half = zero + (real)0.5;
        for (int64_t l = 0; l < kp; l += WIDTH)
            likely += T(choose)(LOAD(q + l) > half, LOAD(z + l), zero);
        const real from = T(total)(likely);
        for (int64_t l = 0; l < kp; l += WIDTH)
            sum += LOAD(q + l) * (LOAD(z + l) - from);
        const real mean = T(total)(sum);
        for (int64_t l = 0; l < kp; l += WIDTH)
            STORE(r + l, LOAD(q + l) * (LOAD(z + l) - from - mean) * s[i]);
    }
}

#undef LOAD
#undef STORE
