/* Save, load, same predictions; save again, same bytes. A file that is cut short or has a bit
 * turned is refused. */
#include "contract.h"

typedef struct image {
    unsigned char *bytes;
    size_t size;
} image;

static bool read_file(stage *s, const char *path, image *out)
{
    FILE *f = fopen(path, "rb");
    REQUIRE(f, "%s", path);
    fseek(f, 0, SEEK_END);
    out->size = (size_t)ftell(f);
    rewind(f);
    out->bytes = stage_memory(s, out->size);
    const size_t got = fread(out->bytes, 1, out->size, f);
    fclose(f);
    REQUIRE(got == out->size, "%s", path);
    return true;
}

static bool same_bytes(stage *s, const hone_model *m, const image *file)
{
    char *bytes = NULL;
    size_t size = 0;
    REQUIRE(!hone_model_bytes(m, &bytes, &size, NULL), "no bytes");
    const bool same = size == file->size && !memcmp(bytes, file->bytes, size);
    hone_text_free(bytes);
    REQUIRE(same, "saved again: other bytes");
    return true;
}

static bool refused(stage *s, const image *file, size_t size, const hone_load_options *o,
                    const char *what, size_t where)
{
    hone_model *m = NULL;
    hone_error error = {0};
    const hone_status status = hone_model_load_bytes(file->bytes, size, o, &m, &error);
    hone_model_free(m);
    REQUIRE(status == HONE_CORRUPT || status == HONE_UNSUPPORTED, "%s at %zu: %s", what, where,
            hone_status_name(status));
    REQUIRE(*error.message, "%s at %zu: no message", what, where);
    return true;
}

/* Every position of the long form; else about 300 of each kind. */
static bool damage_is_refused(stage *s, const image *file, const hone_load_options *o)
{
    const size_t step = s->thorough ? 1 : file->size / 300 + 1;
    for (size_t size = 0; size < file->size; size += step)
        if (!refused(s, file, size, o, "cut", size))
            return false;
    for (size_t at = 0; at < file->size; at += step)
        for (unsigned bit = s->thorough ? 0 : at % 8; bit < 8; bit += s->thorough ? 1 : 8) {
            file->bytes[at] ^= (unsigned char)(1u << bit);
            const bool ok = refused(s, file, file->size, o, "bit turned", at);
            file->bytes[at] ^= (unsigned char)(1u << bit);
            if (!ok)
                return false;
        }
    return true;
}

static bool holds_for(stage *s, const hone_algorithm *a, hone_task task)
{
    hone_options o = with_threads(1);
    o.model_dir = s->directory;
    const problem *p = problem_easy(s, task, 24, 3, 2);
    hone_dataset *d = dataset_of(s, p, PLAIN);
    const outcome t = train(s, a, "", d, 1, &o);
    REQUIRE(!t.status, "%s: %s", t.error.path, t.error.message);
    const char *path = hone_result_model_path(t.result);
    REQUIRE(path && stage_files(s) == 1, "%d files", stage_files(s));
    image file;
    const hone_algorithm *const more[] = {a, NULL};
    const hone_load_options load = {.size = sizeof load, .algorithms = more};
    hone_model *m = NULL;
    hone_error error = {0};
    REQUIRE(!hone_model_load(path, &load, &m, &error), "%s: %s", error.path, error.message);
    const bool same =
        same_bits(scores_of(s, t.model, d), scores_of(s, m, d), p->rows * hone_model_outputs(m));
    const bool kept =
        read_file(s, path, &file) && same_bytes(s, m, &file) && same_bytes(s, t.model, &file);
    hone_model_free(m);
    remove(path);
    REQUIRE(same, "same_bits: a loaded model predicts something else");
    return kept && damage_is_refused(s, &file, &load);
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    if (!holds_for(s, a, task))
        return false;
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv,
                         &(contract){.holds = holds, .broken = broken_files, .seconds = 300});
}
