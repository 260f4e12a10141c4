/* What the words of a column of text say about it: the same for files, Arrow tables and columns. */
#ifndef HONE_DATA_WORDS_H
#define HONE_DATA_WORDS_H

#include "data/token.h"

/* More than 1,000 different words, more than half of the `given` cells: no levels, no classes. */
bool hone_words_are_many(int64_t words, int64_t given);
/* 50 different words and more, more than half of the cells: names perhaps, to be told of. */
bool hone_words_are_rare(int64_t words, int64_t given);

/* Words of one column, one after the other. {0} is none yet. */
typedef struct hone_words {
    int64_t count;
    int64_t dates;    /* dates and times of day */
    int64_t date;     /* number of the first of them */
    int64_t numbers;  /* plain ones */
    int64_t written;  /* numbers of people: $1.50, 12 %, 1,234.5, and with a comma for the point */
    int64_t commas;   /* of these the last kind */
    hone_token first; /* that is written so */
} hone_words;

void hone_words_add(hone_words *words, hone_token word, char decimal);
/* Whether 95 % of the words and more are dates or times of day. */
bool hone_words_are_dates(const hone_words *words);
/* Whether 95 % of the words and more are numbers, and some of them are not plain ones. */
bool hone_words_look_like_numbers(const hone_words *words);

#endif
