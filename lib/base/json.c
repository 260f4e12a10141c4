/* JSON in: scan, rewrite numbers as marked strings, let cJSON build the tree, turn them back.
 *
 * In the rewritten text the value string "#1.5" is the number 1.5, and "$..." stands for a string
 * that itself begins with # or $. Cost: one pass over the text, one over the tree.
 */
#include "base/json.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/text.h"

enum { NUMBER_MARK = '#', TEXT_MARK = '$' };

const hone_json_limits HONE_JSON_LIMITS = {1 << 20, 32, 4096, 1 << 16};

typedef struct scan {
    const char *start, *at, *end;
    const hone_json_limits *limits;
    size_t keys;
    hone_text *out;
    const char *path;
    hone_error *error;
} scan;

/* ---- where and why ---- */

static hone_status refuse(const scan *s, const char *why)
{
    size_t line = 1, column = 1;
    for (const char *c = s->start; c < s->at; c++) {
        if (*c == '\n') {
            line++;
            column = 1;
        } else if ((*c & 0xc0) != 0x80) {
            column++;
        }
    }
    char path[96];
    snprintf(path, sizeof path, "%.40s:%zu:%zu", s->path, line, column);
    return hone_fail(s->error, HONE_BAD_CONFIG, path, "%s", why);
}

static char peek(const scan *s)
{
    return s->at < s->end ? *s->at : 0;
}

static void spaces(scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* ---- tokens ---- */

static int hex4(const char *at, const char *end)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        if (at + i >= end)
            return -1;
        const char c = at[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* An escape at the backslash; gives its first character (0 for one beyond ASCII). */
static hone_status escape(scan *s, char *first)
{
    const char c = s->at + 1 < s->end ? s->at[1] : 0;
    *first = c;
    if (c != 'u') {
        if (!c || !strchr("\"\\/bfnrt", c))
            return refuse(s, "not an escape of JSON");
        s->at += 2;
        return HONE_OK;
    }
    const int unit = hex4(s->at + 2, s->end);
    if (unit < 0)
        return refuse(s, "\\u must be followed by four hexadecimal digits");
    if (unit == 0)
        return refuse(s, "the character \\u0000 is not allowed");
    if (unit >= 0xdc00 && unit < 0xe000)
        return refuse(s, "the second half of a surrogate pair without the first");
    if (unit >= 0xd800 && unit < 0xdc00) {
        const bool pair = s->end - s->at >= 12 && s->at[6] == '\\' && s->at[7] == 'u';
        const int low = pair ? hex4(s->at + 8, s->end) : -1;
        if (low < 0xdc00 || low >= 0xe000)
            return refuse(s, "the first half of a surrogate pair without the second");
        s->at += 6;
    }
    *first = unit < 0x80 ? (char)unit : 0;
    s->at += 6;
    return HONE_OK;
}

/* A string, copied with its quotes; a value that begins like a marked one is marked as text. */
static hone_status string(scan *s, bool is_key)
{
    s->at++;
    const char *const start = s->at;
    char first = 0;
    while (peek(s) != '"') {
        if ((size_t)(s->at - start) >= s->limits->string)
            return refuse(s, "the string is too long");
        if (s->at == s->end)
            return refuse(s, "the string does not end");
        if ((unsigned char)*s->at < 0x20)
            return refuse(s, "a control character must be written as an escape");
        const bool begins = s->at == start;
        char character = *s->at;
        if (*s->at == '\\') {
            HONE_TRY(escape(s, &character));
        } else {
            const size_t size = hone_utf8_length(s->at, (size_t)(s->end - s->at));
            if (size == 0)
                return refuse(s, "not valid UTF-8");
            s->at += size;
        }
        if (begins)
            first = character;
    }
    const bool marked = !is_key && (first == NUMBER_MARK || first == TEXT_MARK);
    hone_text_add_bytes(s->out, "\"$", marked ? 2 : 1);
    hone_text_add_bytes(s->out, start, (size_t)(s->at - start) + 1);
    s->at++;
    return HONE_OK;
}

static size_t digits(scan *s)
{
    const char *const start = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - start);
}

static hone_status number(scan *s)
{
    const char *const start = s->at;
    s->at += *s->at == '-';
    const bool zero = peek(s) == '0';
    const size_t whole = digits(s);
    bool good = whole > 0 && !(zero && whole > 1);
    if (good && peek(s) == '.') {
        s->at++;
        good = digits(s) > 0;
    }
    if (good && (peek(s) == 'e' || peek(s) == 'E')) {
        s->at++;
        s->at += peek(s) == '+' || peek(s) == '-';
        good = digits(s) > 0;
    }
    if (!good)
        return refuse(s, "not a number of JSON");
    const size_t length = (size_t)(s->at - start);
    double value;
    if (length > s->limits->string || !hone_number_read(start, length, '.', &value)) {
        s->at = start;
        return refuse(s, "the number is too large");
    }
    hone_text_add_bytes(s->out, "\"#", 2);
    hone_text_add_bytes(s->out, start, length);
    hone_text_add_bytes(s->out, "\"", 1);
    return HONE_OK;
}

static hone_status word(scan *s)
{
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        const size_t length = strlen(words[i]);
        if ((size_t)(s->end - s->at) >= length && !memcmp(s->at, words[i], length)) {
            hone_text_add_bytes(s->out, s->at, length);
            s->at += length;
            return HONE_OK;
        }
    }
    return refuse(s, s->at == s->end ? "the text ends where a value should stand"
                                     : "not a value of JSON (NaN and infinities are none)");
}

/* ---- structure ---- */

static hone_status value(scan *s, size_t depth);

static hone_status punctuation(scan *s, char c, const char *why)
{
    spaces(s);
    if (peek(s) != c)
        return refuse(s, why);
    s->at++;
    hone_text_add_bytes(s->out, &c, 1);
    spaces(s);
    return HONE_OK;
}

static hone_status member(scan *s, size_t depth)
{
    if (peek(s) != '"')
        return refuse(s, "a key in quotes should stand here");
    if (++s->keys > s->limits->keys)
        return refuse(s, "too many keys");
    HONE_TRY(string(s, true));
    HONE_TRY(punctuation(s, ':', "a colon should stand here"));
    return value(s, depth);
}

static hone_status container(scan *s, size_t depth)
{
    const bool object = *s->at == '{';
    const char close = object ? '}' : ']';
    if (depth >= s->limits->depth)
        return refuse(s, "nested too deeply");
    HONE_TRY(punctuation(s, *s->at, ""));
    if (peek(s) != close)
        for (;;) {
            HONE_TRY(object ? member(s, depth + 1) : value(s, depth + 1));
            spaces(s);
            if (peek(s) == close)
                break;
            HONE_TRY(punctuation(s, ',', "a comma or the end of the list should stand here"));
        }
    return punctuation(s, close, "");
}

static hone_status value(scan *s, size_t depth)
{
    spaces(s);
    const char c = peek(s);
    if (c == '{' || c == '[')
        return container(s, depth);
    if (c == '"')
        return string(s, false);
    if (c == '-' || (c >= '0' && c <= '9'))
        return number(s);
    return word(s);
}

/* ---- the tree ---- */

static bool add_key(const char **slots, size_t room, const char *key)
{
    size_t i = (size_t)hone_hash_text(0, key) % room;
    for (; slots[i]; i = i + 1 == room ? 0 : i + 1)
        if (!strcmp(slots[i], key))
            return false;
    slots[i] = key;
    return true;
}

static hone_status distinct(const cJSON *object, const char *path, hone_error *error)
{
    if (!object->child || !object->child->next)
        return HONE_OK;
    size_t count = 0;
    for (const cJSON *node = object->child; node; node = node->next)
        count++;
    const char **slots = hone_alloc(2 * count * sizeof *slots);
    if (!slots)
        return hone_no_memory(error);
    hone_status status = HONE_OK;
    for (const cJSON *node = object->child; node && status == HONE_OK; node = node->next)
        if (!add_key(slots, 2 * count, node->string)) {
            char where[96];
            hone_text_join(where, sizeof where, path, ".", node->string);
            status = hone_fail(error, HONE_BAD_CONFIG, where, "the key stands twice");
        }
    hone_free(slots);
    return status;
}

static int saturated(double v)
{
    return v >= INT_MAX ? INT_MAX : v <= INT_MIN ? INT_MIN : (int)v;
}

/* Turns marked strings back. Recursion is bounded by the depth limit of the scan. */
static hone_status restore(cJSON *node, const char *path, hone_error *error)
{
    char *text = node->valuestring;
    if (cJSON_IsString(node) && (*text == NUMBER_MARK || *text == TEXT_MARK)) {
        const bool number_node = *text == NUMBER_MARK;
        memmove(text, text + 1, strlen(text));
        if (number_node) {
            node->type = cJSON_Number;
            hone_number_read(text, strlen(text), '.', &node->valuedouble);
            node->valueint = saturated(node->valuedouble);
        }
    }
    if (cJSON_IsObject(node))
        HONE_TRY(distinct(node, path, error));
    for (cJSON *child = node->child; child; child = child->next)
        HONE_TRY(restore(child, path, error));
    return HONE_OK;
}

hone_status hone_json_parse(const char *text, size_t length, const hone_json_limits *limits,
                            const char *path, cJSON **tree, hone_error *error)
{
    hone_text out = {0};
    scan s = {text, text, text + length, limits ? limits : &HONE_JSON_LIMITS, 0, &out, path, error};
    *tree = NULL;
    if (length > s.limits->bytes)
        return hone_fail(error, HONE_BAD_CONFIG, path, "%zu bytes; at most %zu are read", length,
                         s.limits->bytes);
    hone_status status = value(&s, 0);
    spaces(&s);
    if (status == HONE_OK && s.at < s.end)
        status = refuse(&s, "text after the end of the value");
    if (status == HONE_OK && out.failed)
        status = hone_no_memory(error);
    if (status == HONE_OK) {
        const char *end;
        *tree = cJSON_ParseWithLengthOpts(out.bytes, out.length, &end, false);
        status = *tree ? restore(*tree, path, error) : hone_no_memory(error);
    }
    hone_text_drop(&out);
    if (status != HONE_OK) {
        cJSON_Delete(*tree);
        *tree = NULL;
    }
    return status;
}

/* ---- values ---- */

const cJSON *hone_json_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

bool hone_json_is_number(const cJSON *node)
{
    return cJSON_IsNumber(node);
}

bool hone_json_number(const cJSON *node, double *value)
{
    if (!cJSON_IsNumber(node))
        return false;
    *value = node->valuedouble;
    return true;
}

static bool whole(const cJSON *node, bool *negative, uint64_t *magnitude)
{
    if (cJSON_IsNumber(node))
        return hone_whole_read(node->valuestring, strlen(node->valuestring), negative, magnitude);
    if (!cJSON_IsString(node))
        return false;
    const char *text = node->valuestring;
    const size_t sign = *text == '-';
    const size_t size = strlen(text);
    return size > sign && strspn(text + sign, "0123456789") == size - sign &&
           hone_whole_read(text, size, negative, magnitude);
}

bool hone_json_integer(const cJSON *node, int64_t *value)
{
    bool negative;
    uint64_t magnitude;
    return whole(node, &negative, &magnitude) && hone_integer_of(negative, magnitude, value);
}

bool hone_json_unsigned(const cJSON *node, uint64_t *value)
{
    bool negative;
    return whole(node, &negative, value) && !negative;
}

/* ---- text ---- */

/* The end of the string or of the value that begins at `s`, in text that is known to be JSON. */
static const char *after_string(const char *s)
{
    for (s++; *s != '"'; s++)
        s += *s == '\\';
    return s + 1;
}

static const char *after_value(const char *s)
{
    int depth = 0;
    for (;; s++) {
        if (*s == '"')
            s = after_string(s) - 1;
        else if (*s == '{' || *s == '[')
            depth++;
        else if (((*s == '}' || *s == ']') && --depth < 0) || (*s == ',' && depth == 0))
            return s;
    }
}

static const char *skip_space(const char *s)
{
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
        s++;
    return s;
}

const char *hone_json_member(const char *text, const char *key, size_t *length)
{
    const size_t size = strlen(key);
    const char *s = skip_space(skip_space(text) + 1);
    while (*s == '"') {
        const char *end = after_string(s);
        const bool found = (size_t)(end - s) == size + 2 && !memcmp(s + 1, key, size);
        const char *value = skip_space(skip_space(end) + 1);
        const char *behind = after_value(value);
        if (found) {
            *length = (size_t)(behind - value);
            return value;
        }
        s = *behind == ',' ? skip_space(behind + 1) : behind;
    }
    return NULL;
}
