#include "select.h"

#include "toolbox/random.h"

static bool before(const wish *a, const wish *b)
{
    return a->key < b->key || (a->key == b->key && a->variable < b->variable);
}

static void swap(wish *a, wish *b)
{
    const wish t = *a;
    *a = *b;
    *b = t;
}

void select_least(wish *w, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;
    hone_stream stream = hone_stream_of(0, (uint64_t)n, (uint64_t)k);
    while (low < high && k < n) {
        const wish pivot = w[low + (int64_t)hone_below(&stream, (uint64_t)(high - low + 1))];
        int64_t i = low, j = high;
        while (i <= j) {
            while (before(&w[i], &pivot))
                i++;
            while (before(&pivot, &w[j]))
                j--;
            if (i <= j)
                swap(&w[i++], &w[j--]);
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            return;
    }
}

/* Wishes between two selections, in units of k. */
enum { ROOM = 3 };

bool wishes_new(wishes *w, int64_t most, hone_arena *arena)
{
    *w = (wishes){.at = HONE_RAW(arena, wish, most, ROOM)};
    return w->at;
}

void wishes_begin(wishes *w, int64_t k)
{
    w->n = 0;
    w->k = k, w->room = ROOM * k;
    w->bar = INFINITY;
}

void wishes_add(wishes *w, double key, int64_t variable)
{
    w->at[w->n++] = (wish){key, variable};
    if (w->n < w->room)
        return;
    select_least(w->at, w->n, w->k);
    w->n = w->k;
    w->bar = -INFINITY;
    for (int64_t i = 0; i < w->n; i++)
        w->bar = fmax(w->bar, w->at[i].key);
}

double wishes_least(const wishes *w)
{
    double least = INFINITY;
    for (int64_t i = 0; i < w->n; i++)
        least = fmin(least, w->at[i].key);
    return least;
}
