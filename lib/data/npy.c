/* .npy files: mapped, not copied; and datasets from arrays in memory.
 *
 * The mapping is private and writable, so that bytes of the other order are swapped in place and
 * cost memory only then. It belongs to the dataset. The file must not be truncated meanwhile.
 */
#define _GNU_SOURCE
#include "data/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/vector.h"

/* ---- files ---- */

typedef struct mapping {
    void *bytes;
    size_t size;
} mapping;

static void unmap(void *owner)
{
    mapping *m = owner;
    if (m->bytes)
        munmap(m->bytes, m->size);
    hone_free(m);
}

static hone_status map_descriptor(int descriptor, const char *file, mapping *m, hone_error *error)
{
    struct stat about;
    char place[HONE_PLACE_SIZE];
    hone_place(place, file, 0, 0);
    if (fstat(descriptor, &about) != 0)
        return hone_fail(error, HONE_IO, place, "cannot be read: %s", hone_system_reason(errno));
    if (!S_ISREG(about.st_mode))
        return hone_fail(error, HONE_IO, place, "is not a regular file");
    if (about.st_size == 0)
        return hone_fail(error, HONE_BAD_DATA, place, "the file is empty");
    m->size = (size_t)about.st_size;
    m->bytes = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    if (m->bytes == MAP_FAILED) {
        m->bytes = NULL;
        return hone_fail(error, HONE_IO, place, "cannot be mapped: %s", hone_system_reason(errno));
    }
    return HONE_OK;
}

static hone_status map_file(const char *file, mapping **mapped, hone_error *error)
{
    char place[HONE_PLACE_SIZE];
    *mapped = NULL;
    mapping *m = hone_alloc(sizeof *m);
    if (!m)
        return hone_no_memory(error);
    const int descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    hone_status status = HONE_OK;
    if (descriptor < 0)
        status = hone_fail(error, HONE_IO, hone_place(place, file, 0, 0), "cannot be opened: %s",
                           hone_system_reason(errno));
    else
        status = map_descriptor(descriptor, file, m, error);
    if (descriptor >= 0)
        close(descriptor);
    if (status)
        unmap(m);
    else
        *mapped = m;
    return status;
}

/* ---- columns ---- */

typedef enum role { KEEP, DROP, TARGET, WEIGHT } role;

/* What a column is used for, and which are categorical. */
typedef struct layout {
    role *role;
    bool *categorical; /* of the columns that stay */
    int64_t kept, first, target, weight;
    bool one_block; /* the columns that stay lie side by side */
} layout;

/* Column "3", "-1" or "x3". */
static hone_status column_of(const hone_reading *r, const char *what, const char *text,
                             size_t length, int64_t cols, int64_t *j, hone_error *error)
{
    char name[24], place[HONE_PLACE_SIZE];
    *j = -1;
    if (length < sizeof name) {
        memcpy(name, text, length);
        name[length] = 0;
        *j = hone_column_number(name + (*name == 'x'), cols);
    }
    return *j >= 0 ? HONE_OK
                   : hone_fail(error, HONE_BAD_ARGUMENT, hone_place(place, r->file, 0, 0),
                               "%s: there is no column \"%.*s\"; there are x0 to x%lld", what,
                               (int)length, text, (long long)cols - 1);
}

static hone_status set_role(const hone_reading *r, layout *l, const char *what, const char *text,
                            size_t length, int64_t cols, role as, int64_t *j, hone_error *error)
{
    HONE_TRY(column_of(r, what, text, length, cols, j, error));
    if (l->role[*j] != KEEP)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options",
                         "column x%lld is asked for as %s and as something else", (long long)*j,
                         what);
    l->role[*j] = as;
    return HONE_OK;
}

static hone_status read_roles(const hone_reading *r, layout *l, int64_t cols, bool columns,
                              hone_error *error)
{
    const hone_read_options *o = r->options;
    const char *item;
    size_t n;
    int64_t j;
    if (columns && o->target)
        HONE_TRY(set_role(r, l, "target", o->target, strlen(o->target), cols, TARGET, &l->target,
                          error));
    if (columns && o->weight)
        HONE_TRY(set_role(r, l, "weight", o->weight, strlen(o->weight), cols, WEIGHT, &l->weight,
                          error));
    for (int64_t i = 0; hone_list_item(o->drop, i, &item, &n); i++)
        HONE_TRY(set_role(r, l, "drop", item, n, cols, DROP, &j, error));
    bool *asked = HONE_NEW(r->memory, bool, cols, 1);
    if (!asked)
        return hone_no_memory(error);
    for (int64_t i = 0; hone_list_item(o->categorical, i, &item, &n); i++) {
        HONE_TRY(column_of(r, "categorical", item, n, cols, &j, error));
        asked[j] = true;
    }
    l->one_block = true;
    for (j = 0; j < cols; j++)
        if (l->role[j] == KEEP) {
            if (!l->kept)
                l->first = j;
            l->one_block &= j == l->first + l->kept;
            l->categorical[l->kept++] = asked[j];
        }
    return HONE_OK;
}

/* What the dataset copies: it outlives the call, and counts against the cap of the call. */
static hone_status charge(hone_reading *r, int64_t cells, size_t size, hone_error *error)
{
    int64_t bytes;
    return __builtin_mul_overflow(cells, (int64_t)size, &bytes) ||
                   !hone_account_take(&r->account, bytes)
               ? hone_no_memory(error)
               : HONE_OK;
}

/* Columns that do not lie side by side, copied so that they do. */
static hone_status gather(hone_reading *r, const hone_array *x, const layout *l, hone_arena *memory,
                          hone_array *out, hone_error *error)
{
    const size_t size = hone_dtype_size(x->dtype);
    HONE_TRY(charge(r, x->rows * l->kept, size, error));
    char *to = hone_arena_alloc_raw(memory, x->rows, l->kept, size);
    if (!to)
        return hone_no_memory(error);
    *out = (hone_array){.values = to,
                        .dtype = x->dtype,
                        .rows = x->rows,
                        .cols = l->kept,
                        .row_stride = l->kept,
                        .col_stride = 1};
    for (int64_t i = 0; i < x->rows; i++)
        for (int64_t j = 0; j < x->cols; j++)
            if (l->role[j] == KEEP) {
                const int64_t at = i * x->row_stride + j * x->col_stride;
                memcpy(to, (const char *)x->values + (size_t)at * size, size);
                to += size;
            }
    return HONE_OK;
}

static hone_vector column_vector(const hone_array *x, int64_t j)
{
    const size_t size = hone_dtype_size(x->dtype);
    return (hone_vector){.values = (const char *)x->values + (size_t)(j * x->col_stride) * size,
                         .dtype = x->dtype,
                         .stride = x->row_stride};
}

static hone_status beside(const hone_reading *r, const hone_array *x, const hone_array *v,
                          const char *what, hone_vector *out, hone_error *error)
{
    char place[HONE_PLACE_SIZE];
    if (!v)
        return HONE_OK;
    hone_place(place, r->file, 0, 0);
    if (v->cols != 1)
        return hone_fail(error, HONE_BAD_DATA, place, "the %s has %lld columns instead of one",
                         what, (long long)v->cols);
    if (v->rows != x->rows)
        return hone_fail(error, HONE_BAD_DATA, place, "the %s has %lld rows, the table %lld", what,
                         (long long)v->rows, (long long)x->rows);
    *out = column_vector(v, 0);
    return HONE_OK;
}

static hone_status narrow(const hone_array *x, const layout *l, hone_reading *r, hone_array *out,
                          hone_arena *copy, hone_error *error)
{
    char place[HONE_PLACE_SIZE];
    if (l->kept == 0)
        return hone_fail(error, HONE_BAD_DATA, hone_place(place, r->file, 0, 0),
                         "no column is left besides target, weight and dropped ones");
    if (!l->one_block)
        return gather(r, x, l, copy, out, error);
    *out = *x;
    out->values =
        (char *)x->values + (size_t)(l->first * x->col_stride) * hone_dtype_size(x->dtype);
    out->cols = l->kept;
    return HONE_OK;
}

static hone_status make(hone_reading *r, const hone_array *x, const hone_array *y,
                        const hone_array *weight, hone_arena *copy, hone_array *kept,
                        hone_dataset **dataset, hone_error *error)
{
    layout l = {.role = HONE_NEW(r->memory, role, x->cols, 1),
                .categorical = HONE_NEW(r->memory, bool, x->cols, 1),
                .target = -1,
                .weight = -1};
    hone_vector target = {0};
    if (!l.role || !l.categorical)
        return hone_no_memory(error);
    HONE_TRY(read_roles(r, &l, x->cols, !y && !weight, error));
    HONE_TRY(beside(r, x, y, "target", &target, error));
    HONE_TRY(beside(r, x, weight, "weight", &r->dataset.weight, error));
    if (l.target >= 0)
        target = column_vector(x, l.target);
    if (l.weight >= 0)
        r->dataset.weight = column_vector(x, l.weight);
    HONE_TRY(narrow(x, &l, r, kept, copy, error));
    r->dataset.categorical = r->options->categorical ? l.categorical : NULL;
    if (r->dataset.categorical || (kept->dtype != HONE_F32 && kept->dtype != HONE_F64))
        HONE_TRY(
            charge(r, kept->rows * kept->cols, hone_dtype_fits_f32(kept->dtype) ? 4 : 8, error));
    return hone_dataset_dense(kept->values, kept->dtype, kept->rows, kept->cols, kept->row_stride,
                              kept->col_stride, target, &r->dataset, dataset, error);
}

bool hone_array_give(const hone_array *x, hone_dataset *dataset, void (*release)(void *owner),
                     void *owner)
{
    const uintptr_t first = (uintptr_t)x->values, at = (uintptr_t)dataset->table.values;
    const uintptr_t size = (uintptr_t)(x->rows * x->cols) * hone_dtype_size(x->dtype);
    if (dataset->owner || at < first || at >= first + size)
        return false;
    dataset->owner = owner;
    dataset->release = release;
    return true;
}

static void close_copy(void *owner)
{
    hone_arena_close(owner);
}

hone_status hone_array_dataset(hone_reading *r, const hone_array *x, const hone_array *y,
                               const hone_array *weight, hone_dataset **dataset, hone_error *error)
{
    char place[HONE_PLACE_SIZE];
    if (x->dtype == HONE_TEXT)
        return hone_fail(error, HONE_UNSUPPORTED, hone_place(place, r->file, 0, 0),
                         "a table of text; save text columns as CSV");
    if (x->rows < 1 || x->cols < 1)
        return hone_fail(error, HONE_BAD_DATA, hone_place(place, r->file, 0, 0),
                         "the table has %lld rows and %lld columns", (long long)x->rows,
                         (long long)x->cols);
    hone_arena *copy = hone_arena_open(NULL);
    if (!copy)
        return hone_no_memory(error);
    hone_array kept = {0};
    const hone_status status = make(r, x, y, weight, copy, &kept, dataset, error);
    const bool copied = hone_arena_bytes(copy) > 0;
    if (status || !copied || !hone_array_give(&kept, *dataset, close_copy, copy))
        hone_arena_close(copy);
    return status;
}

/* ---- the call ---- */

static hone_status read_labels(hone_reading *r, mapping **m, hone_array *y, hone_error *error)
{
    const char *file = r->options->labels;
    char place[HONE_PLACE_SIZE];
    if (!file)
        return HONE_OK;
    if (r->options->target)
        return hone_fail(error, HONE_BAD_ARGUMENT, "options.labels",
                         "the target is given twice: as a column and as a file");
    HONE_TRY(map_file(file, m, error));
    HONE_TRY(hone_npy_parse(file, (*m)->bytes, (int64_t)(*m)->size, r->memory, y, error));
    if (y->cols == 1 && y->rows > 0)
        return HONE_OK;
    return hone_fail(error, HONE_BAD_DATA, hone_place(place, file, 0, 0),
                     "labels are one column; this is %lld x %lld", (long long)y->rows,
                     (long long)y->cols);
}

static hone_status read_mapped(hone_reading *r, mapping **x, mapping **y, hone_dataset **dataset,
                               hone_error *error)
{
    hone_array table, labels;
    HONE_TRY(hone_reading_poll(r, 0, error));
    HONE_TRY(map_file(r->file, x, error));
    HONE_TRY(hone_npy_parse(r->file, (*x)->bytes, (int64_t)(*x)->size, r->memory, &table, error));
    HONE_TRY(read_labels(r, y, &labels, error));
    HONE_TRY(hone_array_dataset(r, &table, *y ? &labels : NULL, NULL, dataset, error));
    if (hone_array_give(&table, *dataset, unmap, *x))
        *x = NULL;
    return HONE_OK;
}

hone_status hone_read_npy(hone_reading *r, hone_dataset **dataset, hone_error *error)
{
    mapping *x = NULL, *y = NULL;
    const hone_status status = read_mapped(r, &x, &y, dataset, error);
    if (x)
        unmap(x);
    if (y)
        unmap(y);
    return status;
}
