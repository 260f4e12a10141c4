/* A model knows its training rows alone: whatever rows that were held out hold in their cells,
 * amounts and weights, the fitted state keeps its bits, preprocessing included. Short: 6 samples of
 * the space a task, way to hold out and kind of table; --long: 60. */
#include "stage.h"

enum {
    ROWS = 96,
    COLS = 4,
    LEVELS = 5,
    FOLDS = 3,
    WORK = 20000000, /* operations: a fit that is far from its end then stops, both times there */
};

/* ---- which rows train ---- */

/* Remembers the numbers of its training rows, which stand in column 0; scores them 1, others 0. */
typedef struct witness {
    int64_t n;
    double *row;
} witness;

static const hone_field WITNESS[] = {
    HONE_COUNT(witness, n),
    HONE_ARRAY(witness, row, HONE_N(witness, n, 0), HONE_ONE, HONE_IS_FINITE),
    {0},
};

static hone_status see(const hone_fit_job *job, void *state, hone_error *error)
{
    witness *w = state;
    double row[COLS];
    w->row = HONE_NEW(job->keep, double, job->x.rows, 1);
    if (!w->row)
        return hone_no_memory(error);
    for (int64_t i = 0; i < job->x.rows; i++)
        w->row[w->n++] = hone_row_f64(&job->x, i, row)[0];
    return HONE_OK;
}

static hone_status testify(const hone_predict_job *job, hone_error *error)
{
    (void)error;
    const witness *w = job->state;
    double row[COLS];
    for (int64_t i = 0; i < job->x.rows * job->shape.outputs; i++)
        job->score[i] = 0;
    for (int64_t i = 0; i < job->x.rows; i++)
        for (int64_t k = 0; k < w->n; k++)
            job->score[i * job->shape.outputs] += hone_row_f64(&job->x, i, row)[0] == w->row[k];
    return HONE_OK;
}

static const hone_algorithm eye = {
    .abi = HONE_ABI,
    .name = "eye",
    .summary = "Sees which rows train.",
    .tasks = HONE_CLASSIFICATION | HONE_REGRESSION,
    .takes = HONE_TAKES_SPARSE | HONE_TAKES_WEIGHTS | HONE_TAKES_MISSING | HONE_TAKES_CATEGORIES,
    .params_size = sizeof(honest_params),
    .state_size = sizeof(witness),
    .params = honest_table,
    .state = WITNESS,
    .fit = see,
    .predict = testify,
    .scores = honest_scores,
};

/* ---- tables that differ in the rows that were held out ---- */

typedef struct kind {
    const char *name;
    bool sparse, levels, holes;
} kind;

static const kind KINDS[] = {
    {"numbers", false, false, false},
    {"levels and holes", false, true, true},
    {"sparse rows", true, false, false},
};

/* A level that rows which train have too, or one below, between or above theirs. */
static double other_level(double level)
{
    static const double others[LEVELS] = {2, -1, 2.5, 0, LEVELS};
    return others[(int)level];
}

/* Column 0 counts the rows; column 1 has levels, column 2 holes. `trains` NULL: none is changed. */
static hone_dataset *table(stage *s, const hone_algorithm *a, hone_task task, const kind *k,
                           const double *trains)
{
    problem *p = problem_hard(s, task, ROWS, COLS, 3);
    bool categorical[COLS] = {false, k->levels};
    if (a->takes & HONE_TAKES_WEIGHTS)
        p->weight = stage_memory(s, ROWS * sizeof *p->weight);
    for (int64_t i = 0; i < ROWS; i++) {
        const bool changed = trains && trains[i] == 0;
        double *x = &p->x[i * COLS];
        x[0] = (double)(i + 1);
        if (k->levels)
            x[1] = (double)(i % LEVELS);
        if (k->holes && i % 7 == 0)
            x[2] = NAN;
        if (p->weight)
            p->weight[i] = changed ? 9 : 1 + (double)(i % 3);
        if (!changed)
            continue;
        for (int64_t j = 0; j < COLS; j++)
            x[j] = j == 1 && k->levels ? other_level(x[j]) : x[j] * -1000 + 5;
        if (k->holes)
            x[3] = NAN;
        if (task == HONE_REGRESSION)
            p->y[i] = p->y[i] * -50 + 3;
    }
    const hone_dataset_options o = {.categorical = k->levels ? categorical : NULL};
    hone_error error = {0};
    hone_dataset *d = dataset_with(s, p, k->sparse ? SPARSE : PLAIN, o, &error);
    if (!d) {
        fprintf(stderr, "%s: %s: %s\n", k->name, error.path, error.message);
        abort();
    }
    return d;
}

/* ---- what is compared ---- */

static void drop_text(void *text)
{
    hone_text_free(text);
}

static void drop_config(void *c)
{
    hone_config_free(c);
}

static uint64_t number_at(const char *bytes, size_t size)
{
    uint64_t v = 0;
    for (size_t k = size; k-- > 0;)
        v = v << 8 | (unsigned char)bytes[k];
    return v;
}

/* The fitted state and that of the preprocessing, as docs/model-file.md lays them out: all sections
 * but the record, which names the data and the loss, and what tells of the run. */
static const char *state_of(stage *s, const hone_model *m, size_t *length)
{
    enum { HEADER = 64, ENTRY = 40, SECTIONS = 24, OFFSET = 16, SIZE = 24 };
    char *file = NULL;
    size_t size = 0;
    *length = 0;
    if (hone_model_bytes(m, &file, &size, NULL))
        return NULL;
    stage_keep(s, file, drop_text);
    char *state = stage_memory(s, size);
    for (uint64_t k = 0; k < number_at(file + SECTIONS, 4); k++) {
        const char *entry = file + HEADER + k * ENTRY;
        const uint64_t at = number_at(entry + OFFSET, 8), bytes = number_at(entry + SIZE, 8);
        if (!strncmp(entry, "record", 8) || !strncmp(entry, "run", 8))
            continue;
        memcpy(state + *length, file + at, bytes);
        *length += bytes;
    }
    return state;
}

static const hone_model *fit(stage *s, const hone_config *c, hone_dataset *d, hone_options o)
{
    hone_result *r = NULL;
    hone_error e = {0};
    o.no_refit = true;
    if (hone_train_full(c, d, 5, &o, &r, &e)) {
        stage_refuse(s, __FILE__, __LINE__, "training", "%s: %s", e.path, e.message);
        return NULL;
    }
    stage_keep(s, r, (void (*)(void *))hone_result_free);
    return hone_result_model(r);
}

static hone_config *sample(stage *s, const hone_algorithm *a, hone_dataset *d, uint64_t k)
{
    const char *const models[] = {a->name, NULL};
    const hone_algorithm *const more[] = {a, NULL};
    const hone_space_options space = {
        .size = sizeof space, .dataset = d, .models = models, .algorithms = more};
    hone_config *c = NULL;
    hone_error e = {0};
    if (!k)
        return config_of(s, a, "", &e);
    if (hone_space_sample(&space, 11, k, &c, &e)) {
        fprintf(stderr, "sample: %s: %s\n", e.path, e.message);
        abort();
    }
    stage_keep(s, c, drop_config);
    /* What it stops by is the loss on the rows held out. */
    for (const hone_param *p = a->params; p->name; p++)
        if (!strcmp(p->name, "early_stopping") &&
            hone_config_set_text(c, "early_stopping", "false", &e))
            abort();
    return c;
}

static bool same_model(stage *s, const hone_algorithm *a, hone_dataset *plain, hone_dataset *other,
                       const hone_options *o, uint64_t k)
{
    const hone_config *c = sample(s, a, plain, k);
    const hone_model *one = fit(s, c, plain, *o), *two = one ? fit(s, c, other, *o) : NULL;
    size_t size, again;
    if (!one || !two)
        return false;
    const char *state = state_of(s, one, &size), *changed = state_of(s, two, &again);
    REQUIRE(state && size && size == again && !memcmp(state, changed, size),
            "sample %d: the state has other bits", (int)k);
    REQUIRE(same_bits(scores_of(s, one, plain), scores_of(s, two, plain),
                      ROWS * hone_model_outputs(one)),
            "sample %d: scores", (int)k);
    return true;
}

/* ---- ways to hold out ---- */

static const int64_t GIVEN[] = {1, 2, 30, 31, 50, 77, 95};

static hone_options way(hone_validation v)
{
    hone_options o = with_threads(2);
    o.validation = v;
    o.work_limit = WORK;
    o.folds = v == HONE_VALIDATE_FOLDS ? FOLDS : 0;
    if (v == HONE_VALIDATE_ROWS)
        o.valid_rows = GIVEN, o.n_valid_rows = sizeof GIVEN / sizeof *GIVEN;
    return o;
}

static bool keeps_apart(stage *s, const hone_algorithm *a, hone_task task, const kind *k,
                        hone_validation v)
{
    hone_error e = {0};
    const hone_options o = way(v);
    hone_dataset *plain = table(s, a, task, k, NULL);
    const hone_config *c = config_of(s, &eye, "", &e);
    const hone_model *seen = c ? fit(s, c, plain, o) : NULL;
    REQUIRE(seen, "%s: %s", e.path, e.message);
    double *trains = stage_memory(s, ROWS * sizeof *trains);
    const double *score = scores_of(s, seen, plain);
    int64_t kept = 0;
    for (int64_t i = 0; i < ROWS; i++)
        kept += (trains[i] = score[i * hone_model_outputs(seen)]) > 0;
    REQUIRE(kept > ROWS / 2 && kept < ROWS, "%d of %d rows train", (int)kept, ROWS);
    hone_dataset *other = table(s, a, task, k, trains);
    for (uint64_t number = 0; number < (s->thorough ? 60 : 6); number++) {
        stage *own = stage_within(s);
        if (!same_model(own, a, plain, other, &o, number)) {
            snprintf(s->reason, sizeof s->reason, "%s, task %d, way %d: %.500s", k->name, (int)task,
                     (int)v, own->reason);
            return false;
        }
        stage_clear(own);
    }
    return true;
}

static bool holds(stage *s, const hone_algorithm *a)
{
    EACH_TASK(task, a)
    for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++)
        for (hone_validation v = HONE_VALIDATE_HOLDOUT; v <= HONE_VALIDATE_ROWS; v++)
            if (!keeps_apart(s, a, task, &KINDS[k], v))
                return false;
    return true;
}

int main(int argc, char **argv)
{
    return contract_main(argc, argv,
                         &(contract){.holds = holds, .broken = broken_leakage, .seconds = 900});
}
