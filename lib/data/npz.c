/* .npz: a zip file of .npy arrays, read through libzip. The table is the array X, the target y;
 * other names are given as target and weight. An array is inflated as far as bytes really come, so
 * that no size in the file is believed; one that inflates to more than 64 MiB and 200 times its
 * packed size is refused.
 */
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#include "data/dictionary.h"
#include "data/npy.h"

enum { STEP = 1 << 20, RATIO = 200, SMALL = 64 << 20, ENTRIES = 4096 };

typedef struct part {
    unsigned char *bytes; /* hone_free */
    int64_t size, room;
    hone_array array;
} part;

static hone_status wrong(const hone_reading *r, const char *name, const char *why,
                         hone_error *error)
{
    char place[HONE_PLACE_SIZE];
    hone_place(place, r->file, 0, 0);
    return name ? hone_fail(error, HONE_BAD_DATA, place, "array \"%.60s\": %s", name, why)
                : hone_fail(error, HONE_BAD_DATA, place, "%s", why);
}

/* ---- entries ---- */

/* Number of the entry "<name>.npy"; -1: none, -2: two of them. */
static int64_t find(zip_t *z, const char *name)
{
    int64_t found = -1;
    const size_t length = strlen(name);
    for (int64_t k = 0; k < zip_get_num_entries(z, 0); k++) {
        const char *entry = zip_get_name(z, (zip_uint64_t)k, ZIP_FL_ENC_RAW);
        if (!entry || strncmp(entry, name, length) || strcmp(entry + length, ".npy"))
            continue;
        if (found >= 0)
            return -2;
        found = k;
    }
    return found;
}

static hone_status inflate_part(hone_reading *r, zip_file_t *f, const char *name, int64_t packed,
                                part *p, hone_error *error)
{
    for (;;) {
        if (!hone_grow(&r->account, &p->bytes, &p->room, p->size + STEP, 1))
            return hone_no_memory(error);
        const zip_int64_t n = zip_fread(f, p->bytes + p->size, STEP);
        if (n < 0)
            return wrong(r, name, zip_error_strerror(zip_file_get_error(f)), error);
        if (n == 0)
            return HONE_OK;
        p->size += n;
        if (p->size > SMALL && p->size / RATIO > packed)
            return wrong(r, name, "inflates to more than 200 times its packed size", error);
        HONE_TRY(hone_reading_poll(r, 0.5, error));
    }
}

static hone_status load(hone_reading *r, zip_t *z, int64_t entry, const char *name, part *p,
                        hone_error *error)
{
    zip_stat_t about;
    if (zip_stat_index(z, (zip_uint64_t)entry, 0, &about) != 0 ||
        !(about.valid & ZIP_STAT_COMP_SIZE) || !(about.valid & ZIP_STAT_SIZE))
        return wrong(r, name, "the directory of the zip file does not say how large it is", error);
    zip_file_t *f = zip_fopen_index(z, (zip_uint64_t)entry, 0);
    if (!f)
        return wrong(r, name, zip_error_strerror(zip_get_error(z)), error);
    hone_status status = inflate_part(r, f, name, (int64_t)about.comp_size, p, error);
    zip_fclose(f);
    if (!status && (zip_uint64_t)p->size != about.size)
        status = wrong(r, name, "has another size than the zip directory says", error);
    if (!status)
        status = hone_npy_parse(r->file, p->bytes, p->size, r->memory, &p->array, error);
    return status;
}

/* The array of that name. `needed`: refused when there is none. */
static hone_status take(hone_reading *r, zip_t *z, const char *name, bool needed, part *p,
                        hone_error *error)
{
    const int64_t entry = find(z, name);
    if (entry == -2)
        return wrong(r, name, "is there twice", error);
    if (entry >= 0)
        return load(r, z, entry, name, p, error);
    return needed ? wrong(r, name, "is not in the file", error) : HONE_OK;
}

static void drop(hone_reading *r, part *p)
{
    hone_account_give(&r->account, p->room);
    hone_free(p->bytes);
}

/* ---- the file ---- */

static hone_status read_parts(hone_reading *r, zip_t *z, part p[3], hone_dataset **dataset,
                              hone_error *error)
{
    const hone_read_options *o = r->options;
    if (zip_get_num_entries(z, 0) > ENTRIES)
        return wrong(r, NULL, "the zip file has more than 4,096 entries", error);
    HONE_TRY(take(r, z, "X", true, &p[0], error));
    HONE_TRY(take(r, z, o->target ? o->target : "y", o->target != NULL, &p[1], error));
    if (o->weight)
        HONE_TRY(take(r, z, o->weight, true, &p[2], error));
    if (o->target && !r->dataset.target_name)
        r->dataset.target_name = o->target;
    HONE_TRY(hone_array_dataset(r, &p[0].array, p[1].bytes ? &p[1].array : NULL,
                                p[2].bytes ? &p[2].array : NULL, dataset, error));
    if (hone_array_give(&p[0].array, *dataset, hone_free, p[0].bytes))
        p[0].bytes = NULL;
    return HONE_OK;
}

static hone_status open_zip(const hone_reading *r, zip_t **z, hone_error *error)
{
    struct stat about;
    int code = 0;
    char place[HONE_PLACE_SIZE];
    hone_place(place, r->file, 0, 0);
    if (stat(r->file, &about) == 0 && !S_ISREG(about.st_mode))
        return hone_fail(error, HONE_IO, place, "is not a regular file");
    *z = zip_open(r->file, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (*z)
        return HONE_OK;
    zip_error_t why;
    zip_error_init_with_code(&why, code);
    const bool system = zip_error_system_type(&why) == ZIP_ET_SYS || code == ZIP_ER_NOENT;
    const hone_status status =
        hone_fail(error,
                  code == ZIP_ER_MEMORY ? HONE_NO_MEMORY
                  : system              ? HONE_IO
                                        : HONE_BAD_DATA,
                  place, "%s: %s", system ? "cannot be opened" : "is not a sound .npz file",
                  zip_error_strerror(&why));
    zip_error_fini(&why);
    return status;
}

hone_status hone_read_npz(hone_reading *r, hone_dataset **dataset, hone_error *error)
{
    zip_t *z = NULL;
    part p[3] = {0};
    HONE_TRY(open_zip(r, &z, error));
    const hone_status status = read_parts(r, z, p, dataset, error);
    zip_discard(z);
    for (int k = 0; k < 3; k++)
        drop(r, &p[k]);
    return status;
}
