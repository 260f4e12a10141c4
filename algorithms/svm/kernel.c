#include "kernel.h"

#include <float.h>
#include <string.h>

/* Scales beyond this would make sums of C scale times values, which are floats, infinite. */
#define MOST_SCALE 0x1p700

/* Linear values beyond this, which take data above 1e135, are taken to be this large: sums of them
 * stay finite. */
#define MOST_LINEAR 0x1p100

static double largest_norm(const hone_panels *p)
{
    float most = 0;
    for (int64_t i = 0; i < p->n; i++)
        if (p->norm[i] > most)
            most = p->norm[i];
    return most;
}

static double mean_norm(const hone_panels *p)
{
    double sum = 0;
    for (int64_t i = 0; i < p->n; i++)
        sum += (double)p->norm[i];
    return p->n ? sum / (double)p->n : 0;
}

/* Whether the typical exponent of the rbf or laplacian kernel is small: then 1 is taken off. */
static bool near_one(double gamma, double distance)
{
    return gamma * distance < 0.5;
}

/* The power of two at or above `v`, at least 1. */
static double power_above(double v)
{
    int exponent;
    if (!(v > 1))
        return 1;
    const double m = frexp(fmin(v, DBL_MAX), &exponent);
    return ldexp(1, m == 0.5 ? exponent - 1 : exponent);
}

static float narrow(double v)
{
    return (float)fmax(fmin(v, FLT_MAX), -FLT_MAX);
}

kernel kernel_of(const svm_params *p, double gamma, const hone_panels *panels, hone_isa isa)
{
    kernel k = {.type = p->kernel,
                .degree = p->degree,
                .scale = 1,
                .full_gamma = gamma,
                .full_coef0 = p->coef0,
                .isa = isa};
    const double square = panels->unit * panels->unit; /* of the data per stored inner product */
    switch (p->kernel) {
    case SVM_LINEAR:
        k.scale = fmin(power_above(largest_norm(panels) * square), MOST_SCALE);
        k.gamma = narrow(fmin(square / k.scale, MOST_LINEAR / fmax(largest_norm(panels), 1)));
        break;
    case SVM_POLY: {
        const double most = pow(MOST_SCALE, 1 / (double)p->degree);
        const double base = gamma * square * largest_norm(panels) + fabs(p->coef0);
        const double unit = power_above(fmin(base, ldexp(1, (int)log2(most) - 1)));
        k.scale = pow(unit, (double)p->degree);
        k.gamma = narrow(gamma * square / unit);
        k.coef0 = narrow(p->coef0 / unit);
        break;
    }
    case SVM_RBF:
        k.gamma = narrow(gamma * square);
        k.less = near_one(gamma * square, 2 * mean_norm(panels));
        break;
    case SVM_SIGMOID:
        k.gamma = narrow(gamma * square);
        k.coef0 = narrow(p->coef0);
        break;
    default:
        k.gamma = narrow(gamma * panels->unit);
        k.less = near_one(gamma * panels->unit,
                          sqrt(4 * (double)panels->d * mean_norm(panels))); /* at least the mean */
    }
    return k;
}

static float bounded(float v, float most)
{
    return v > most ? most : v < -most ? -most : v;
}

static void powers(float *v, int64_t n, const kernel *k)
{
    for (int64_t j = 0; j < n; j++) {
        const float base = bounded(k->gamma * v[j] + k->coef0, FLT_MAX);
        float value = base;
        for (int64_t t = 1; t < k->degree; t++)
            value *= base;
        v[j] = bounded(value, FLT_MAX);
    }
}

/* tanh(u) = 1 - 2 / (exp(2 u) + 1) */
static void sigmoids(float *v, int64_t n, const kernel *k)
{
    for (int64_t j = 0; j < n; j++)
        v[j] = bounded(2 * (k->gamma * v[j] + k->coef0), 80);
    hone_exp_f32(v, n, 1, 0, k->isa);
    for (int64_t j = 0; j < n; j++)
        v[j] = 1 - 2 / (v[j] + 1);
}

/* Of inner products, or of squared or absolute distances. */
static void apply(const kernel *k, float *v, int64_t n)
{
    switch (k->type) {
    case SVM_LINEAR:
        for (int64_t j = 0; j < n; j++)
            v[j] *= k->gamma;
        break;
    case SVM_POLY:
        powers(v, n, k);
        break;
    case SVM_SIGMOID:
        sigmoids(v, n, k);
        break;
    default:
        hone_exp_f32(v, n, -k->gamma, k->less, k->isa);
    }
}

void kernel_distances(const kernel *k, const hone_queries *q, const hone_panels *panels,
                      int64_t first, int64_t count, int32_t *map, float *out, int64_t stride)
{
    const hone_measure measure = k->type == SVM_RBF         ? HONE_SQUARE
                                 : k->type == SVM_LAPLACIAN ? HONE_MANHATTAN
                                                            : HONE_INNER;
    hone_measure_block(measure, q, panels, first, count, k->isa, map, out, stride);
    if (measure == HONE_SQUARE && panels->x)
        HONE_PICK(k->isa, svm_near)(q, panels, first, count, out, stride);
}

void kernel_values(const kernel *k, const float *distance, int64_t n, float *out)
{
    if (out != distance)
        memcpy(out, distance, (size_t)n * sizeof *out);
    apply(k, out, n);
}

void kernel_block(const kernel *k, const hone_queries *q, const hone_panels *panels, int64_t first,
                  int64_t count, int32_t *map, float *out, int64_t stride)
{
    kernel_distances(k, q, panels, first, count, map, out, stride);
    for (int64_t i = 0; i < q->m; i++)
        apply(k, out + i * stride, count * HONE_LANES);
}

double kernel_exact(const kernel *k, double product, double norms)
{
    switch (k->type) {
    case SVM_LINEAR:
        return product / k->scale;
    case SVM_POLY: {
        const double unit = ldexp(1, (int)(ilogb(k->scale) / k->degree));
        const double base = (k->full_gamma * product + k->full_coef0) / unit;
        return fmax(fmin(pow(base, (double)k->degree), FLT_MAX), -FLT_MAX);
    }
    case SVM_SIGMOID:
        return tanh(k->full_gamma * product + k->full_coef0);
    case SVM_RBF:
        product = fmax(norms - 2 * product, 0);
        break;
    default:
        break;
    }
    const double exponent = -k->full_gamma * product;
    return k->less > 0 ? expm1(exponent) : exp(exponent);
}

float kernel_self(const kernel *k, const hone_panels *panels, int64_t i)
{
    if (k->type == SVM_RBF || k->type == SVM_LAPLACIAN)
        return 1 - k->less;
    _Alignas(64) float v[HONE_LANES] = {panels->norm[i]};
    apply(k, v, HONE_LANES);
    return v[0];
}
