/* LIBSVM's model text, line by line. The text comes from anywhere: every count is held against the
 * bytes that are there before memory is taken for it, every number must be finite, every index
 * ascending. Format: svm_save_model of LIBSVM 3. */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "interop/libsvm.h"

typedef struct parser {
    const char *at, *end; /* of the text */
    const char *line_end;
    int64_t line;
    hone_arena *arena;
    hone_libsvm *file;
    hone_error *error;
    unsigned seen; /* bits of HEADERS */
} parser;

typedef struct word {
    const char *text;
    size_t length;
} word;

static hone_status wrong(const parser *p, hone_status status, const char *what, const char *why)
{
    char place[64];
    snprintf(place, sizeof place, "libsvm:%lld", (long long)p->line);
    return hone_fail(p->error, status, place, "%s: %s", what, why);
}

static hone_status corrupt(const parser *p, const char *what, const char *why)
{
    return wrong(p, HONE_CORRUPT, what, why);
}

/* ---- lines and words ---- */

/* False: the text has ended. */
static bool next_line(parser *p)
{
    if (p->line)
        p->at = p->line_end + (p->line_end < p->end);
    p->line++;
    if (p->at == p->end)
        return false;
    const char *newline = memchr(p->at, '\n', (size_t)(p->end - p->at));
    p->line_end = newline ? newline : p->end;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; length 0: there is none. */
static word next_word(parser *p)
{
    while (p->at < p->line_end && is_space(*p->at))
        p->at++;
    word w = {p->at, 0};
    while (p->at < p->line_end && !is_space(*p->at))
        p->at++;
    w.length = (size_t)(p->at - w.text);
    return w;
}

static bool is(word w, const char *text)
{
    return w.length == strlen(text) && !memcmp(w.text, text, w.length);
}

static hone_status line_ends(parser *p, const char *what)
{
    return next_word(p).length ? corrupt(p, what, "has more values than it should") : HONE_OK;
}

static hone_status read_number(const parser *p, word w, const char *what, double *value)
{
    if (!hone_number_read(w.text, w.length, '.', value) || !isfinite(*value))
        return corrupt(p, what, "must be a finite number");
    return HONE_OK;
}

static hone_status read_count(const parser *p, word w, const char *what, int64_t low, int64_t high,
                              int64_t *value)
{
    if (!hone_integer_read(w.text, w.length, value) || *value < low || *value > high)
        return corrupt(p, what, "must be a whole number within the bounds of the file");
    return HONE_OK;
}

static hone_status read_numbers(parser *p, const char *what, int64_t count, double **values)
{
    *values = HONE_NEW(p->arena, double, count, 1);
    if (!*values)
        return hone_no_memory(p->error);
    for (int64_t k = 0; k < count; k++)
        HONE_TRY(read_number(p, next_word(p), what, *values + k));
    return line_ends(p, what);
}

static hone_status read_counts(parser *p, const char *what, int64_t low, int64_t high,
                               int64_t **values)
{
    *values = HONE_NEW(p->arena, int64_t, p->file->k, 1);
    if (!*values)
        return hone_no_memory(p->error);
    for (int64_t k = 0; k < p->file->k; k++)
        HONE_TRY(read_count(p, next_word(p), what, low, high, *values + k));
    return line_ends(p, what);
}

/* ---- the head ---- */

static hone_status read_type(parser *p, const char *what)
{
    static const struct {
        const char *name, *formulation;
        bool classes;
    } TYPES[] = {{"c_svc", "c", true},
                 {"nu_svc", "nu", true},
                 {"epsilon_svr", "c", false},
                 {"nu_svr", "nu", false}};
    const word w = next_word(p);
    for (size_t k = 0; k < sizeof TYPES / sizeof *TYPES; k++)
        if (is(w, TYPES[k].name)) {
            p->file->formulation = TYPES[k].formulation;
            p->file->classes = TYPES[k].classes;
            return line_ends(p, what);
        }
    if (is(w, "one_class"))
        return wrong(p, HONE_UNSUPPORTED, what, "one_class has no counterpart");
    return corrupt(p, what, "must be c_svc, nu_svc, epsilon_svr or nu_svr");
}

static hone_status read_kernel(parser *p, const char *what)
{
    static const char *const KERNELS[][2] = {
        {"linear", "linear"}, {"polynomial", "poly"}, {"rbf", "rbf"}, {"sigmoid", "sigmoid"}};
    const word w = next_word(p);
    for (size_t k = 0; k < sizeof KERNELS / sizeof *KERNELS; k++)
        if (is(w, KERNELS[k][0])) {
            p->file->kernel = KERNELS[k][1];
            return line_ends(p, what);
        }
    if (is(w, "precomputed"))
        return wrong(p, HONE_UNSUPPORTED, what, "precomputed has no counterpart");
    return corrupt(p, what, "must be linear, polynomial, rbf or sigmoid");
}

static hone_status read_degree(parser *p, const char *what)
{
    int64_t v = 0;
    HONE_TRY(read_count(p, next_word(p), what, 0, 1000, &v));
    p->file->degree = (double)v;
    p->file->degree_line = p->line;
    return line_ends(p, what);
}

static hone_status read_gamma(parser *p, const char *what)
{
    HONE_TRY(read_number(p, next_word(p), what, &p->file->gamma));
    p->file->gamma_line = p->line;
    return p->file->gamma < 0 ? corrupt(p, what, "must not be negative") : line_ends(p, what);
}

static hone_status read_coef0(parser *p, const char *what)
{
    HONE_TRY(read_number(p, next_word(p), what, &p->file->coef0));
    p->file->coef0_line = p->line;
    return line_ends(p, what);
}

/* Each of the k (k - 1) / 2 pairs takes two bytes of the line of rho. */
static hone_status read_classes(parser *p, const char *what)
{
    hone_libsvm *f = p->file;
    const int64_t left = p->end - p->at;
    HONE_TRY(read_count(p, next_word(p), what, 2, 65536, &f->k));
    f->pairs = f->classes ? f->k * (f->k - 1) / 2 : 1;
    f->coefs = f->classes ? f->k - 1 : 1;
    if (f->pairs > left / 2 || (!f->classes && f->k != 2))
        return corrupt(p, what, "does not fit the file");
    return line_ends(p, what);
}

/* A vector takes at least two bytes for each coefficient. */
static hone_status read_total(parser *p, const char *what)
{
    hone_libsvm *f = p->file;
    HONE_TRY(read_count(p, next_word(p), what, 0, (p->end - p->at) / (2 * f->coefs), &f->vectors));
    return line_ends(p, what);
}

static hone_status read_rho(parser *p, const char *what)
{
    return read_numbers(p, what, p->file->pairs, &p->file->rho);
}

static hone_status read_labels(parser *p, const char *what)
{
    HONE_TRY(read_counts(p, what, INT32_MIN, INT32_MAX, &p->file->label));
    for (int64_t a = 0; a < p->file->k; a++)
        for (int64_t b = 0; b < a; b++)
            if (p->file->label[a] == p->file->label[b])
                return corrupt(p, what, "a label stands twice");
    return HONE_OK;
}

static hone_status read_sigmoid_a(parser *p, const char *what)
{
    return read_numbers(p, what, p->file->pairs, &p->file->prob_a);
}

static hone_status read_sigmoid_b(parser *p, const char *what)
{
    return read_numbers(p, what, p->file->pairs, &p->file->prob_b);
}

static hone_status read_sizes(parser *p, const char *what)
{
    int64_t sum = 0;
    HONE_TRY(read_counts(p, what, 0, p->file->vectors, &p->file->count));
    for (int64_t k = 0; k < p->file->k; k++)
        sum += p->file->count[k];
    return sum == p->file->vectors ? HONE_OK : corrupt(p, what, "does not add up to total_sv");
}

enum { TYPE, KERNEL, DEGREE, GAMMA, COEF0, CLASSES, TOTAL, RHO, LABEL, PROB_A, PROB_B, SIZES };
#define BIT(k) (1U << (k))

/* `after`: lines that must stand above. */
static const struct {
    const char *name;
    hone_status (*read)(parser *p, const char *what);
    unsigned after;
} HEADERS[] = {
    [TYPE] = {"svm_type", read_type, 0},
    [KERNEL] = {"kernel_type", read_kernel, 0},
    [DEGREE] = {"degree", read_degree, 0},
    [GAMMA] = {"gamma", read_gamma, 0},
    [COEF0] = {"coef0", read_coef0, 0},
    [CLASSES] = {"nr_class", read_classes, BIT(TYPE)},
    [TOTAL] = {"total_sv", read_total, BIT(CLASSES)},
    [RHO] = {"rho", read_rho, BIT(CLASSES)},
    [LABEL] = {"label", read_labels, BIT(CLASSES)},
    [PROB_A] = {"probA", read_sigmoid_a, BIT(CLASSES)},
    [PROB_B] = {"probB", read_sigmoid_b, BIT(CLASSES)},
    [SIZES] = {"nr_sv", read_sizes, BIT(TOTAL)},
};
enum { N_HEADERS = sizeof HEADERS / sizeof *HEADERS };

static hone_status read_header(parser *p, word name)
{
    for (int k = 0; k < N_HEADERS; k++) {
        if (!is(name, HEADERS[k].name))
            continue;
        if (p->seen & BIT(k))
            return corrupt(p, HEADERS[k].name, "stands twice");
        if ((p->seen & HEADERS[k].after) != HEADERS[k].after)
            return corrupt(p, HEADERS[k].name, "stands before what it depends on");
        p->seen |= BIT(k);
        return HEADERS[k].read(p, HEADERS[k].name);
    }
    if (p->line == 1 && !strncmp(name.text, "\xef\xbb\xbf", name.length < 3 ? name.length : 3))
        return corrupt(p, "line", "begins with a byte order mark, which is no part of the format");
    return corrupt(p, "line", "is no part of a LIBSVM model");
}

static hone_status check_head(const parser *p)
{
    const hone_libsvm *f = p->file;
    unsigned needed = BIT(TYPE) | BIT(KERNEL) | BIT(TOTAL) | BIT(RHO);
    if (f->classes)
        needed |= BIT(LABEL) | BIT(SIZES);
    if (f->kernel && strcmp(f->kernel, "linear") != 0)
        needed |= BIT(GAMMA);
    for (int k = 0; k < N_HEADERS; k++)
        if (needed & ~p->seen & BIT(k))
            return corrupt(p, HEADERS[k].name, "is missing");
    if (!f->prob_a != !f->prob_b && f->classes)
        return corrupt(p, "probA", "and probB belong together");
    return HONE_OK;
}

/* ---- support vectors ---- */

/* An entry takes at least four bytes: a space, a digit, a colon, a digit. */
static hone_status make_room(parser *p)
{
    hone_libsvm *f = p->file;
    int64_t colons = 0;
    for (const char *c = p->at; c < p->end; c++)
        colons += *c == ':';
    f->coef = HONE_NEW(p->arena, double, f->vectors, f->coefs);
    f->start = HONE_NEW(p->arena, int64_t, f->vectors + 1, 1);
    f->column = HONE_NEW(p->arena, int32_t, colons, 1);
    f->value = HONE_NEW(p->arena, double, colons, 1);
    return f->coef && f->start && f->column && f->value ? HONE_OK : hone_no_memory(p->error);
}

static hone_status read_entry(parser *p, word w, int64_t *last)
{
    hone_libsvm *f = p->file;
    const char *colon = memchr(w.text, ':', w.length);
    if (!colon)
        return corrupt(p, "entry", "must be index:value");
    const word index = {w.text, (size_t)(colon - w.text)};
    const word value = {colon + 1, w.length - index.length - 1};
    int64_t column = 0;
    double v = 0;
    HONE_TRY(read_count(p, index, "index", 1, INT32_MAX, &column));
    HONE_TRY(read_number(p, value, "value", &v));
    if (column <= *last)
        return corrupt(p, "index", "must ascend within a line");
    if (fabs(v) > FLT_MAX && strcmp(f->kernel, "linear") != 0)
        return wrong(p, HONE_UNSUPPORTED, "value", "is beyond float32");
    *last = column;
    f->columns = column > f->columns ? column : f->columns;
    f->column[f->entries] = (int32_t)(column - 1);
    f->value[f->entries++] = v;
    return HONE_OK;
}

static hone_status read_vector(parser *p, int64_t i)
{
    hone_libsvm *f = p->file;
    for (int64_t c = 0; c < f->coefs; c++)
        HONE_TRY(read_number(p, next_word(p), "coefficient", f->coef + i * f->coefs + c));
    int64_t last = 0;
    for (word w = next_word(p); w.length; w = next_word(p))
        HONE_TRY(read_entry(p, w, &last));
    f->start[i + 1] = f->entries;
    return HONE_OK;
}

static hone_status read_vectors(parser *p)
{
    HONE_TRY(check_head(p));
    HONE_TRY(line_ends(p, "SV"));
    HONE_TRY(make_room(p));
    for (int64_t i = 0; i < p->file->vectors; i++) {
        if (!next_line(p))
            return corrupt(p, "SV", "the text ends before all support vectors");
        HONE_TRY(read_vector(p, i));
    }
    while (next_line(p))
        HONE_TRY(line_ends(p, "line after the last support vector"));
    return HONE_OK;
}

hone_status hone_libsvm_parse(const char *text, size_t size, hone_arena *arena, hone_libsvm *file,
                              hone_error *error)
{
    *file = (hone_libsvm){.degree = 3};
    parser p = {.at = text, .end = text + size, .arena = arena, .file = file, .error = error};
    while (next_line(&p)) {
        const word name = next_word(&p);
        if (!name.length)
            continue;
        if (is(name, "SV"))
            return read_vectors(&p);
        HONE_TRY(read_header(&p, name));
    }
    return corrupt(&p, "SV", "is missing");
}
