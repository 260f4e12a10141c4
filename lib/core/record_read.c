/* A record's text into a model. The text comes from a file and is not trusted: every member is
 * looked at, and the file's own lists bound what is allocated. */
#include <limits.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "core/catalog.h"
#include "core/container.h"
#include "core/record.h"
#include "core/schema.h"

typedef struct reader {
    hone_model *model;
    const cJSON *tree;
    const char *path;
    hone_error *error;
} reader;

static hone_status wrong(const reader *r, const char *member, const char *why)
{
    char place[HONE_PLACE];
    hone_container_place(place, r->path, member);
    return hone_fail(r->error, HONE_CORRUPT, place, "%s", why);
}

/* ---- JSON ---- */

/* A tree takes about 100 bytes a node, and the scanner a copy of the text. */
static bool affordable(const char *text, size_t length, int64_t most)
{
    size_t nodes = 1;
    for (size_t k = 0; k < length; k++)
        nodes += text[k] == ',' || text[k] == '{' || text[k] == '[';
    return most > 0 && nodes < (size_t)most / 128 && length < ((size_t)most - nodes * 128) / 4;
}

static hone_status parse(const char *text, size_t length, int64_t most, const char *path,
                         cJSON **tree, hone_error *error)
{
    if (!affordable(text, length, most))
        return hone_fail(error, HONE_NO_MEMORY, path,
                         "a record of %zu bytes does not fit into the %lld bytes that may be used",
                         length, (long long)most);
    const hone_json_limits limits = {length, 32, length, length};
    const hone_status status = hone_json_parse(text, length, &limits, path, tree, error);
    if (status == HONE_BAD_CONFIG) {
        if (error)
            error->status = HONE_CORRUPT;
        return HONE_CORRUPT;
    }
    HONE_TRY(status);
    if (cJSON_IsObject(*tree))
        return HONE_OK;
    cJSON_Delete(*tree);
    return hone_fail(error, HONE_CORRUPT, path, "must be a JSON object");
}

hone_status hone_record_check(const char *text, size_t length, int64_t most, const char *path,
                              hone_error *error)
{
    cJSON *tree;
    HONE_TRY(parse(text, length, most, path, &tree, error));
    cJSON_Delete(tree);
    return HONE_OK;
}

static const char *string(const cJSON *object, const char *key)
{
    const cJSON *node = hone_json_get(object, key);
    return cJSON_IsString(node) ? node->valuestring : NULL;
}

static bool hex(const cJSON *object, const char *key, uint64_t *value)
{
    const char *text = string(object, key);
    *value = 0;
    if (!text || strlen(text) != 16)
        return false;
    for (; *text; text++) {
        const char *digits = "0123456789abcdef", *d = strchr(digits, *text);
        if (!d)
            return false;
        *value = *value << 4 | (uint64_t)(d - digits);
    }
    return true;
}

static char *copy(const reader *r, const char *text)
{
    return hone_arena_text(r->model->memory, text);
}

/* ---- value sets ---- */

static bool kind_of(const char *name, hone_dtype *kind)
{
    static const struct {
        const char *name;
        hone_dtype kind;
    } kinds[] = {
        {"integer", HONE_I64}, {"real", HONE_F64}, {"boolean", HONE_BOOLEAN}, {"text", HONE_TEXT}};
    for (size_t k = 0; name && k < sizeof kinds / sizeof *kinds; k++)
        if (!strcmp(name, kinds[k].name)) {
            *kind = kinds[k].kind;
            return true;
        }
    return false;
}

/* Value k from its text, above the one before it: what is looked up by bisection must be sorted. */
static bool place_value(hone_values *v, int64_t k, int64_t *integer, double *real)
{
    const char *text = v->text[k];
    if (v->kind == HONE_TEXT)
        return k == 0 || strcmp(v->text[k - 1], text) < 0;
    if (v->kind == HONE_F64)
        return hone_number_read(text, strlen(text), '.', &real[k]) &&
               (k == 0 || real[k - 1] < real[k]);
    if (v->kind == HONE_BOOLEAN) {
        integer[k] = !strcmp(text, "true");
        if (!integer[k] && strcmp(text, "false") != 0)
            return false;
    } else if (!hone_integer_read(text, strlen(text), &integer[k])) {
        return false;
    }
    return k == 0 || integer[k - 1] < integer[k];
}

static hone_status read_values(const reader *r, const cJSON *from, const char *member,
                               hone_values *to)
{
    *to = (hone_values){0};
    const cJSON *list = hone_json_get(from, "values"), *item;
    if (!kind_of(string(from, "kind"), &to->kind) || !cJSON_IsArray(list))
        return wrong(r, member, "needs a kind and values");
    int64_t n = 0;
    cJSON_ArrayForEach(item, list) n++;
    if (n > INT32_MAX)
        return wrong(r, member, "has too many values");
    const char **text = HONE_NEW(r->model->memory, const char *, n, 1);
    int64_t *integer = HONE_NEW(r->model->memory, int64_t, n, 1);
    double *real = HONE_NEW(r->model->memory, double, n, 1);
    if (!text || !integer || !real)
        return hone_no_memory(r->error);
    to->text = text;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item))
            return wrong(r, member, "every value is written as a string");
        text[to->count] = copy(r, item->valuestring);
        if (!text[to->count])
            return hone_no_memory(r->error);
        if (!place_value(to, to->count, integer, real))
            return wrong(r, member, "holds a value of another kind, or one that is not in order");
        to->count++;
    }
    to->integer = to->kind == HONE_I64 || to->kind == HONE_BOOLEAN ? integer : NULL;
    to->real = to->kind == HONE_F64 ? real : NULL;
    return HONE_OK;
}

/* ---- the schema ---- */

static bool read_base(const cJSON *first, hone_base *base)
{
    int64_t index;
    if (!first)
        return true;
    if (!hone_json_integer(first, &index) || index < 0 || index > 1)
        return false;
    *base = index ? HONE_FROM_ONE : HONE_FROM_ZERO;
    return true;
}

static hone_status read_names(const reader *r, const cJSON *names, hone_column_info *column)
{
    const cJSON *name;
    cJSON_ArrayForEach(name, names)
    {
        if (!cJSON_IsString(name))
            return wrong(r, "record.schema", "a column's name must be a string");
        column->type = HONE_NUMERIC;
        column->name = copy(r, name->valuestring);
        if (!column->name)
            return hone_no_memory(r->error);
        column++;
    }
    return HONE_OK;
}

static hone_status read_categorical(const reader *r, const cJSON *list, hone_column_info *column)
{
    int64_t before = -1, j;
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *number = hone_json_get(item, "column");
        if (!number || !hone_json_integer(number, &j) || j <= before || j >= r->model->schema.cols)
            return wrong(r, "record.schema", "categorical columns must be listed in order");
        column[j].type = HONE_CATEGORICAL;
        HONE_TRY(read_values(r, hone_json_get(item, "levels"), "record.schema", &column[j].levels));
        before = j;
    }
    return HONE_OK;
}

static hone_status read_schema(const reader *r)
{
    const cJSON *from = hone_json_get(r->tree, "schema"), *sparse = hone_json_get(from, "sparse"),
                *named = hone_json_get(from, "named"), *names = hone_json_get(from, "names"),
                *categorical = hone_json_get(from, "categorical"),
                *columns = hone_json_get(from, "columns");
    hone_schema *s = &r->model->schema;
    if (!columns || !hone_json_integer(columns, &s->cols) || s->cols < 1 || s->cols > INT32_MAX ||
        !cJSON_IsBool(sparse) || !cJSON_IsBool(named))
        return wrong(r, "record.schema", "needs columns, sparse and named");
    s->sparse = cJSON_IsTrue(sparse);
    s->named = cJSON_IsTrue(named);
    if (!read_base(hone_json_get(from, "first_index"), &s->base))
        return wrong(r, "record.schema", "the first index must be 0 or 1");
    const cJSON *na = hone_json_get(from, "na");
    if (na && !cJSON_IsString(na))
        return wrong(r, "record.schema", "the tokens of missing cells must be a string");
    if (na && !(s->na = copy(r, na->valuestring)))
        return hone_no_memory(r->error);
    if (!names)
        return s->named || categorical ? wrong(r, "record.schema", "names are missing") : HONE_OK;
    int64_t count = 0;
    const cJSON *name;
    cJSON_ArrayForEach(name, names) count++;
    if (!cJSON_IsArray(names) || !cJSON_IsArray(categorical) || count != s->cols)
        return wrong(r, "record.schema", "needs as many names as columns");
    hone_column_info *column = HONE_NEW(r->model->memory, hone_column_info, count, 1);
    if (!column)
        return hone_no_memory(r->error);
    HONE_TRY(read_names(r, names, column));
    HONE_TRY(read_categorical(r, categorical, column));
    s->column = column;
    return HONE_OK;
}

/* ---- algorithm, configuration, pipeline ---- */

static hone_status read_task(const reader *r)
{
    hone_model *m = r->model;
    const char *task = string(r->tree, "task"), *target = string(r->tree, "target");
    if (task && !strcmp(task, "regression"))
        m->task = HONE_REGRESSION;
    else if (task && !strcmp(task, "classification"))
        m->task = HONE_CLASSIFICATION;
    else
        return wrong(r, "record.task", "must be classification or regression");
    if (!target)
        return wrong(r, "record.target", "must be a name");
    m->target_name = copy(r, target);
    if (!m->target_name)
        return hone_no_memory(r->error);
    const cJSON *classes = hone_json_get(r->tree, "classes");
    if (m->task == HONE_REGRESSION)
        return classes ? wrong(r, "record.classes", "a regression has none") : HONE_OK;
    HONE_TRY(read_values(r, classes, "record.classes", &m->classes));
    return m->classes.count ? HONE_OK : wrong(r, "record.classes", "must not be empty");
}

static bool built_in(const hone_algorithm *a)
{
    const hone_algorithm *const *own = hone_catalog;
    while (*own && *own != a)
        own++;
    return *own != NULL;
}

/* Through the same parser and checks as a configuration that a user gives. */
static hone_status resolve(const reader *r, const hone_algorithm *a, const char *text,
                           size_t length, hone_resolved *resolved)
{
    hone_config *config = NULL;
    HONE_TRY(hone_config_new(&config, r->error));
    hone_status status = HONE_OK;
    if (!built_in(a))
        status = hone_config_use(config, a, r->error);
    if (!status)
        status = hone_config_parse(config, text, length, r->error);
    if (!status)
        status =
            hone_config_resolve(config, r->model->task, true, r->model->memory, resolved, r->error);
    hone_config_free(config);
    if (!status && resolved->algorithm != a)
        return wrong(r, "record.config", "names another model than the record");
    if (status != HONE_BAD_CONFIG)
        return status;
    hone_error because = r->error ? *r->error : (hone_error){0};
    char place[HONE_PLACE];
    hone_container_place(place, r->path, "record.config");
    return hone_fail(r->error, HONE_CORRUPT, place, "%.90s: %.280s", because.path, because.message);
}

static hone_status read_config(const reader *r, const char *text, const hone_algorithm *const *more,
                               hone_resolved *resolved)
{
    const char *name = string(r->tree, "model");
    if (!name)
        return wrong(r, "record.model", "must be a name");
    const hone_algorithm *a = hone_catalog_find(more, name);
    if (!a)
        return hone_fail(r->error, HONE_UNSUPPORTED, r->path,
                         "is a model of '%.64s', which is not in this build of Hone", name);
    size_t length;
    const char *config = hone_json_member(text, "config", &length);
    if (!config || *config != '{')
        return wrong(r, "record.config", "must be an object");
    while (length && config[length - 1] != '}')
        length--;
    char *own = HONE_NEW(r->model->memory, char, (int64_t)length + 1, 1);
    if (!own)
        return hone_no_memory(r->error);
    r->model->config = memcpy(own, config, length);
    return resolve(r, a, own, length, resolved);
}

static hone_status read_target_scale(const reader *r)
{
    hone_pipeline *p = &r->model->pipeline;
    const cJSON *mean = hone_json_get(r->tree, "target_mean"),
                *scale = hone_json_get(r->tree, "target_scale");
    if (!mean || !scale || !hone_json_number(mean, &p->target_mean) ||
        !hone_json_number(scale, &p->target_scale) || !(p->target_scale > 0))
        return wrong(r, "record.target_scale", "mean and a scale above 0 are needed");
    return HONE_OK;
}

static hone_status read_numbers(const reader *r, uint64_t *seed)
{
    hone_model *m = r->model;
    const cJSON *s = hone_json_get(r->tree, "seed"), *rows = hone_json_get(r->tree, "trained_rows");
    if (!s || !hone_json_unsigned(s, seed))
        return wrong(r, "record.seed", "must be a number");
    if (!rows || !hone_json_integer(rows, &m->trained_rows) || m->trained_rows < 0)
        return wrong(r, "record.trained_rows", "must be a count");
    if (!hex(r->tree, "config_hash", &m->config_hash))
        return wrong(r, "record.config_hash", "must be 16 hexadecimal digits");
    if (!hex(r->tree, "data", &m->fingerprint))
        return wrong(r, "record.data", "must be 16 hexadecimal digits");
    return read_target_scale(r);
}

hone_status hone_record_read(hone_model *m, const char *text, size_t length,
                             const hone_algorithm *const *more, int64_t most, const char *path,
                             hone_resolved *resolved, uint64_t *seed, hone_error *error)
{
    cJSON *tree;
    char place[HONE_PLACE];
    hone_container_place(place, path, "record");
    HONE_TRY(parse(text, length, most, place, &tree, error));
    char *own = HONE_NEW(m->memory, char, (int64_t)length + 1, 1);
    const reader r = {m, tree, path, error};
    hone_status status = own ? HONE_OK : hone_no_memory(error);
    if (own)
        m->record = memcpy(own, text, length);
    if (!status)
        status = read_task(&r);
    if (!status)
        status = read_schema(&r);
    if (!status)
        status = read_numbers(&r, seed);
    if (!status)
        status = read_config(&r, own, more, resolved);
    cJSON_Delete(tree);
    return status;
}
