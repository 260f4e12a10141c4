/* The distinct words of a column, numbered as they appear. Open addressing. */
#ifndef HONE_DATA_DICTIONARY_H
#define HONE_DATA_DICTIONARY_H

#include <string.h>

#include "base/arena.h"
#include "data/token.h"

enum { HONE_SHORT_WORD = 16 };

/* What words are looked up by. */
typedef struct hone_key {
    uint64_t hash, first, last; /* first and last: of short words, which they identify */
} hone_key;

typedef struct hone_word {
    hone_key key;
    int64_t at;             /* offset in `text` */
    int32_t length, column; /* a zero byte follows; where it stood first */
    int64_t line;
    int64_t code; /* for the owner of the dictionary */
} hone_word;

/* {.account = ...} is empty. */
typedef struct hone_dictionary {
    hone_account *account; /* pays; may be NULL */
    hone_word *word;
    int64_t count, room;
    int32_t *slot; /* 1 + number of a word; 0: free */
    int64_t slots; /* a power of two */
    char *text;
    int64_t used, text_room;
} hone_dictionary;

hone_key hone_long_word_key(hone_token token);

__extension__ typedef unsigned __int128 hone_wide_word;

static inline uint64_t hone_load_bytes(const char *p, size_t bytes)
{
    uint64_t v = 0;
    memcpy(&v, p, bytes);
    return v;
}

/* Two overlapping loads say everything about a word of 16 bytes or less. */
static inline hone_key hone_word_key(hone_token t)
{
    const size_t n = t.length;
    if (n > HONE_SHORT_WORD)
        return hone_long_word_key(t);
    hone_key key = {0};
    if (n >= 8) {
        key.first = hone_load_bytes(t.text, 8);
        key.last = hone_load_bytes(t.text + n - 8, 8);
    } else if (n >= 4) {
        key.first = hone_load_bytes(t.text, 4);
        key.last = hone_load_bytes(t.text + n - 4, 4);
    } else if (n) {
        key.first = (uint64_t)(unsigned char)t.text[0] << 8 | (unsigned char)t.text[n / 2];
        key.last = (unsigned char)t.text[n - 1];
    }
    const hone_wide_word mixed = (hone_wide_word)(key.first ^ UINT64_C(0x9E3779B97F4A7C15)) *
                                 (key.last ^ n << 56 ^ UINT64_C(0xD6E8FEB86659FD93));
    key.hash = (uint64_t)mixed ^ (uint64_t)(mixed >> 64);
    return key;
}

static inline bool hone_is_word(const hone_dictionary *d, const hone_word *w, hone_token t,
                                hone_key key)
{
    if ((size_t)w->length != t.length || w->key.hash != key.hash)
        return false;
    return t.length <= HONE_SHORT_WORD ? w->key.first == key.first && w->key.last == key.last
                                       : !memcmp(d->text + w->at, t.text, t.length);
}

/* Number of a word; -1: not there. */
static inline int64_t hone_dictionary_find(const hone_dictionary *d, hone_token t, hone_key key)
{
    if (!d->slots)
        return -1;
    const uint64_t mask = (uint64_t)d->slots - 1;
    for (uint64_t s = key.hash & mask; d->slot[s]; s = (s + 1) & mask)
        if (hone_is_word(d, &d->word[d->slot[s] - 1], t, key))
            return d->slot[s] - 1;
    return -1;
}

/* Adds a word that is not there; -1: no memory. */
int64_t hone_dictionary_add(hone_dictionary *d, hone_token token, hone_key key, int64_t line,
                            int64_t column);
static inline hone_token hone_dictionary_token(const hone_dictionary *d, int64_t k)
{
    return (hone_token){d->text + d->word[k].at, (size_t)d->word[k].length};
}
/* Forgets the words, keeps the memory. */
void hone_dictionary_clear(hone_dictionary *d);
void hone_dictionary_free(hone_dictionary *d);

/* Makes room for `need` elements of an array that hone_free frees; `account` pays (may be NULL). */
bool hone_grow(hone_account *account, void *array, int64_t *room, int64_t need, size_t element);

#endif
