/* Random numbers keyed by what they are for, never by who asks: stream (seed, a, b) is the same on
 * any thread. SplitMix64 over a hashed key (Steele, Lea and Flood, OOPSLA 2014). */
#ifndef HONE_TOOLBOX_RANDOM_H
#define HONE_TOOLBOX_RANDOM_H

#include <stdint.h>

typedef struct hone_stream {
    uint64_t state;
} hone_stream;

static inline uint64_t hone_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline hone_stream hone_stream_of(uint64_t seed, uint64_t a, uint64_t b)
{
    const uint64_t golden = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t h = hone_mix(seed + golden);
    h = hone_mix(h ^ (a + golden));
    return (hone_stream){hone_mix(h ^ (b + 2 * golden))};
}

static inline uint64_t hone_next(hone_stream *s)
{
    s->state += UINT64_C(0x9e3779b97f4a7c15);
    return hone_mix(s->state);
}

/* In [0, n) without bias; n >= 1 (Lemire, 2019). */
static inline uint64_t hone_below(hone_stream *s, uint64_t n)
{
    for (;;) {
        __extension__ const unsigned __int128 product = (unsigned __int128)hone_next(s) * n;
        const uint64_t low = (uint64_t)product;
        if (low >= n || low >= -n % n) /* the division is rarely needed */
            return (uint64_t)(product >> 64);
    }
}

/* In [0, 1), 53 bits. */
static inline double hone_uniform(hone_stream *s)
{
    return (double)(hone_next(s) >> 11) * 0x1p-53;
}

/* A random order of `n` numbers in place (Fisher-Yates). */
static inline void hone_shuffle(hone_stream *s, int64_t *order, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)hone_below(s, (uint64_t)i + 1);
        const int64_t t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}

#endif
