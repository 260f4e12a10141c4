#include "data/dictionary.h"

#include "base/hash.h"

bool hone_grow(hone_account *account, void *array, int64_t *room, int64_t need, size_t element)
{
    void **at = array;
    if (need <= *room)
        return true;
    int64_t more = *room + *room / 2 < need ? need : *room + *room / 2;
    if (more < 16)
        more = 16;
    if (more > INT64_MAX / 2 / (int64_t)element)
        return false;
    const int64_t bytes = (more - *room) * (int64_t)element;
    if (!hone_account_take(account, bytes))
        return false;
    void *larger = hone_realloc(*at, (size_t)more * element);
    if (!larger) {
        hone_account_give(account, bytes);
        return false;
    }
    *at = larger;
    *room = more;
    return true;
}

hone_key hone_long_word_key(hone_token t)
{
    return (hone_key){hone_hash(0, t.text, t.length), 0, 0};
}

static void place(hone_dictionary *d, int64_t k)
{
    const uint64_t mask = (uint64_t)d->slots - 1;
    uint64_t s = d->word[k].key.hash & mask;
    while (d->slot[s])
        s = (s + 1) & mask;
    d->slot[s] = (int32_t)k + 1;
}

static bool rehash(hone_dictionary *d)
{
    const int64_t slots = d->slots ? 2 * d->slots : 64;
    const int64_t bytes = slots * (int64_t)sizeof *d->slot;
    if (!hone_account_take(d->account, bytes))
        return false;
    int32_t *slot = hone_alloc((size_t)bytes);
    if (!slot) {
        hone_account_give(d->account, bytes);
        return false;
    }
    hone_account_give(d->account, d->slots * (int64_t)sizeof *d->slot);
    hone_free(d->slot);
    d->slot = slot;
    d->slots = slots;
    for (int64_t k = 0; k < d->count; k++)
        place(d, k);
    return true;
}

int64_t hone_dictionary_add(hone_dictionary *d, hone_token t, hone_key key, int64_t line,
                            int64_t column)
{
    const int64_t length = (int64_t)t.length;
    if (d->count >= INT32_MAX - 1 || (4 * (d->count + 1) > d->slots && !rehash(d)) ||
        !hone_grow(d->account, &d->word, &d->room, d->count + 1, sizeof *d->word) ||
        !hone_grow(d->account, &d->text, &d->text_room, d->used + length + 1, 1))
        return -1;
    memcpy(d->text + d->used, t.text, t.length);
    d->text[d->used + length] = 0;
    d->word[d->count] = (hone_word){key, d->used, (int32_t)length, (int32_t)column, line, 0};
    d->used += length + 1;
    place(d, d->count);
    return d->count++;
}

void hone_dictionary_clear(hone_dictionary *d)
{
    if (d->count)
        memset(d->slot, 0, (size_t)d->slots * sizeof *d->slot);
    d->count = d->used = 0;
}

void hone_dictionary_free(hone_dictionary *d)
{
    hone_account_give(d->account, d->slots * (int64_t)sizeof *d->slot +
                                      d->room * (int64_t)sizeof *d->word + d->text_room);
    hone_free(d->slot);
    hone_free(d->word);
    hone_free(d->text);
    *d = (hone_dictionary){.account = d->account};
}
