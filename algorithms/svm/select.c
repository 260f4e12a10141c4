#include "select.h"

#include <stdbool.h>

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
