/* The distinct words of a column, numbered as they appear. Open addressing. */
#ifndef HONE_DATA_DICTIONARY_H
#define HONE_DATA_DICTIONARY_H

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

hone_key hone_word_key(hone_token token);
/* Number of a word; -1: not there. */
int64_t hone_dictionary_find(const hone_dictionary *d, hone_token token, hone_key key);
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
