/* Values of hyperparameters: what somebody wrote against what the row takes. */
#include <stdint.h>
#include <string.h>

#include "core/params.h"

enum { EXACT_BITS = 53 };

bool hone_value_number(const char *text, size_t length, hone_value *value)
{
    if (hone_integer_read(text, length, &value->whole)) {
        value->kind = HONE_WHOLE;
        return true;
    }
    value->kind = HONE_DECIMAL;
    return hone_number_read(text, length, '.', &value->decimal);
}

/* ---- in words ---- */

static void list(const char *const *words, const char *last, hone_text *out)
{
    for (int i = 0; words && words[i]; i++)
        hone_text_format(out, "%s%s", i == 0 ? "" : words[i + 1] || last ? ", " : " or ", words[i]);
    if (last)
        hone_text_format(out, "%s%s", words && words[0] ? " or " : "", last);
}

static void amount_expects(const hone_param *p, hone_text *out)
{
    hone_text numbers = {0};
    const bool counts = hone_range_given(p->legal_count), reals = hone_range_given(p->legal);
    if (counts) {
        hone_text_add(&numbers, "an integer in ");
        hone_range_text(p->legal_count, &numbers);
    }
    if (reals) {
        hone_text_add(&numbers, counts ? " or a real in " : "a number in ");
        hone_range_text(p->legal, &numbers);
    }
    list(p->words, numbers.bytes, out);
    out->failed |= numbers.failed;
    hone_text_drop(&numbers);
}

void hone_param_expects(const hone_param *p, hone_text *out)
{
    switch (p->kind) {
    case HONE_INT:
    case HONE_REAL:
        hone_text_add(out, p->kind == HONE_INT ? "an integer in " : "a number in ");
        hone_range_text(p->legal, out);
        break;
    case HONE_BOOL:
        hone_text_add(out, "true or false");
        break;
    case HONE_CHOICE:
        list(p->choices, NULL, out);
        break;
    case HONE_AMOUNT:
        amount_expects(p, out);
        break;
    }
}

void hone_value_text(const hone_value *value, hone_text *out)
{
    char word[64];
    switch (value->kind) {
    case HONE_NONE:
        hone_text_add(out, "null");
        break;
    case HONE_TRUTH:
        hone_text_add(out, value->truth ? "true" : "false");
        break;
    case HONE_WHOLE:
        hone_text_integer(out, value->whole);
        break;
    case HONE_DECIMAL:
        hone_text_number(out, value->decimal);
        break;
    case HONE_WORD:
        hone_text_join(word, sizeof word, "\"", value->word, "");
        hone_text_format(out, "%s\"", word);
        break;
    }
}

static hone_status refuse(const hone_param *p, bool in_range, const hone_value *value,
                          const char *path, hone_error *error)
{
    hone_text text = {0};
    hone_text_add(&text, "must be ");
    if (in_range) {
        hone_text_add(&text, "in ");
        hone_range_text(p->legal, &text);
    } else {
        hone_param_expects(p, &text);
    }
    hone_text_add(&text, ", got ");
    hone_value_text(value, &text);
    const hone_status status = text.failed
                                   ? hone_no_memory(error)
                                   : hone_fail(error, HONE_BAD_CONFIG, path, "%s", text.bytes);
    hone_text_drop(&text);
    return status;
}

/* ---- checked ---- */

/* The value as a number; false: it is none. A boolean never is. */
static bool number_of(const hone_value *value, hone_value *number)
{
    if (value->kind == HONE_WORD)
        return hone_value_number(value->word, strlen(value->word), number);
    *number = *value;
    return value->kind == HONE_WHOLE ||
           (value->kind == HONE_DECIMAL && value->decimal - value->decimal == 0);
}

/* 10.0 is an integer, 10.5 is not; a real beyond 2^53 may have been another integer. */
static bool whole_of(const hone_value *number, int64_t *whole)
{
    const double limit = (double)(INT64_C(1) << EXACT_BITS), v = number->decimal;
    if (number->kind == HONE_WHOLE)
        *whole = number->whole;
    else if (v >= -limit && v <= limit && v == (double)(int64_t)v)
        *whole = (int64_t)v;
    else
        return false;
    return true;
}

static double real_of(const hone_value *number)
{
    return number->kind == HONE_WHOLE ? (double)number->whole : number->decimal;
}

static bool truth_of(const hone_value *value, bool *truth)
{
    static const char *const yes[] = {"true", "True", NULL}, *const no[] = {"false", "False", NULL};
    *truth = value->truth;
    if (value->kind == HONE_WORD)
        *truth = hone_word_index(yes, value->word) >= 0;
    return value->kind == HONE_TRUTH ||
           (value->kind == HONE_WORD && (*truth || hone_word_index(no, value->word) >= 0));
}

static int word_of(const char *const *words, const hone_value *value)
{
    return value->kind == HONE_NONE   ? hone_word_index(words, "none")
           : value->kind == HONE_WORD ? hone_word_index(words, value->word)
                                      : -1;
}

/* By the written type: an integer is a count, a real is a fraction, unless the row has one of the
 * two only. */
static bool amount_of(const hone_param *p, const hone_value *value, hone_amount *amount)
{
    const bool counts = hone_range_given(p->legal_count), reals = hone_range_given(p->legal);
    hone_value number;
    int64_t whole;
    *amount = (hone_amount){word_of(p->words, value), false, 0};
    if (amount->word >= 0)
        return true;
    if (!number_of(value, &number))
        return false;
    amount->integral = counts && (number.kind == HONE_WHOLE || !reals);
    if (amount->integral && !whole_of(&number, &whole))
        return false;
    amount->number = real_of(&number);
    return hone_range_has(amount->integral ? p->legal_count : p->legal, amount->number);
}

hone_status hone_param_set(const hone_param *p, const hone_value *value, const char *path,
                           void *params, hone_error *error)
{
    char unused[sizeof(hone_amount)];
    void *const at = params ? (char *)params + p->offset : unused;
    hone_value number;
    int64_t whole;
    bool truth;
    hone_amount amount;
    switch (p->kind) {
    case HONE_INT:
        if (!number_of(value, &number) || !whole_of(&number, &whole))
            return refuse(p, false, value, path, error);
        if (!hone_range_has(p->legal, (double)whole))
            return refuse(p, true, value, path, error);
        memcpy(at, &whole, sizeof whole);
        break;
    case HONE_REAL:
        if (!number_of(value, &number))
            return refuse(p, false, value, path, error);
        if (!hone_range_has(p->legal, real_of(&number)))
            return refuse(p, true, value, path, error);
        memcpy(at, &(double){real_of(&number)}, sizeof(double));
        break;
    case HONE_BOOL:
        if (!truth_of(value, &truth))
            return refuse(p, false, value, path, error);
        memcpy(at, &truth, sizeof truth);
        break;
    case HONE_CHOICE:
        if (word_of(p->choices, value) < 0)
            return refuse(p, false, value, path, error);
        memcpy(at, &(int){word_of(p->choices, value)}, sizeof(int));
        break;
    case HONE_AMOUNT:
        if (!amount_of(p, value, &amount))
            return refuse(p, false, value, path, error);
        memcpy(at, &amount, sizeof amount);
        break;
    }
    return HONE_OK;
}

/* ---- JSON ---- */

static void amount_json(const hone_param *p, const hone_amount *a, hone_text *out)
{
    if (a->word >= 0) {
        hone_text_quoted(out, p->words[a->word]);
        return;
    }
    char number[HONE_NUMBER_SIZE];
    hone_number_text(a->number, number);
    hone_text_add(out, number);
    if (hone_range_given(p->legal_count) && !a->integral && !strpbrk(number, ".e"))
        hone_text_add(out, ".0"); /* a fraction, not a count */
}

static void json_of(const hone_param *p, const void *at, hone_text *out)
{
    switch (p->kind) {
    case HONE_INT:
        hone_text_integer(out, *(const int64_t *)at);
        break;
    case HONE_REAL:
        hone_text_number(out, *(const double *)at);
        break;
    case HONE_BOOL:
        hone_text_add(out, *(const bool *)at ? "true" : "false");
        break;
    case HONE_CHOICE:
        hone_text_quoted(out, p->choices[*(const int *)at]);
        break;
    case HONE_AMOUNT:
        amount_json(p, at, out);
        break;
    }
}

void hone_param_json(const hone_param *p, const void *params, hone_text *out)
{
    json_of(p, (const char *)params + p->offset, out);
}

void hone_param_default_json(const hone_param *p, hone_text *out)
{
    union {
        int64_t whole;
        double real;
        bool truth;
        int choice;
        hone_amount amount;
    } room;
    hone_param alone = *p;
    alone.offset = 0;
    hone_param_default(&alone, &room);
    json_of(&alone, &room, out);
}
