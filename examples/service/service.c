/* Serves predictions: a row of numbers and names a line in, a prediction a line out, in order.
 *
 *     service DIRECTORY [THREADS]
 *
 * The newest .hone file of the directory answers. When a newer one appears it is loaded and takes
 * over between two requests; one that cannot be loaded is reported and the old model goes on. An
 * empty field is a missing value. Each worker has a predictor of its own, so that a request costs
 * no allocation and takes no lock while it is predicted.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hone/hone.h>

enum { SLOTS = 1024, ANSWER = 512, WORKERS = 64 };

typedef enum state { FREE, ASKED, TAKEN, ANSWERED } state;

typedef struct slot {
    state state;
    char *line; /* from getline: grows as needed */
    size_t room;
    char answer[ANSWER];
} slot;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    slot slot[SLOTS];
    long asked, taken, written; /* requests so far; slot i holds request i, i + SLOTS, ... */
    bool end;
} queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, .end = false};

static struct {
    pthread_mutex_t lock;
    hone_model *model;
    _Atomic long generation;
} current = {PTHREAD_MUTEX_INITIALIZER, NULL, 0};

/* ---- models ---- */

typedef struct version {
    char path[4096];
    struct timespec time;
} version;

/* Of files of one time, the one with the later name. */
static bool newer(const version *a, const version *b)
{
    if (a->time.tv_sec != b->time.tv_sec)
        return a->time.tv_sec > b->time.tv_sec;
    if (a->time.tv_nsec != b->time.tv_nsec)
        return a->time.tv_nsec > b->time.tv_nsec;
    return strcmp(a->path, b->path) > 0;
}

/* The newest model file, or the newest that is older than `than`; false: none. */
static bool newest(const char *directory, const version *than, version *found)
{
    *found = (version){.time = {0}};
    DIR *d = opendir(directory);
    for (struct dirent *e; d && (e = readdir(d));) {
        const size_t length = strlen(e->d_name);
        version v;
        struct stat info;
        if (e->d_name[0] == '.' || length < 5 || strcmp(e->d_name + length - 5, ".hone") != 0 ||
            snprintf(v.path, sizeof v.path, "%s/%s", directory, e->d_name) >= (int)sizeof v.path ||
            stat(v.path, &info))
            continue;
        v.time = info.st_mtim;
        if (than && !newer(than, &v))
            continue;
        if (!found->path[0] || newer(&v, found))
            *found = v;
    }
    if (d)
        closedir(d);
    return found->path[0] != 0;
}

/* Loads and hands over; on failure the model that is there goes on. */
static bool take_over(const char *path)
{
    hone_error error;
    hone_model *model;
    if (hone_model_load(path, NULL, &model, &error)) {
        fprintf(stderr, "service: %s: %s\n", error.path, error.message);
        return false;
    }
    pthread_mutex_lock(&current.lock);
    hone_model *old = current.model;
    current.model = model;
    atomic_fetch_add(&current.generation, 1);
    pthread_mutex_unlock(&current.lock);
    hone_model_free(old); /* workers that still use it hold references of their own */
    fprintf(stderr, "service: serves %s\n", path);
    return true;
}

/* Each file is tried once, also when it is refused. */
static version tried;

/* The newest model that can be loaded. */
static bool begin(const char *directory)
{
    version v, older;
    bool more = newest(directory, NULL, &v);
    tried = v;
    while (more && !take_over(v.path)) {
        more = newest(directory, &v, &older);
        v = older;
    }
    return more;
}

static void *watch(void *directory)
{
    for (version found;; usleep(20000)) {
        if (!newest(directory, NULL, &found) ||
            (!strcmp(found.path, tried.path) && !newer(&found, &tried)))
            continue;
        take_over(found.path);
        tried = found;
    }
    return NULL;
}

/* ---- requests ---- */

/* What a worker predicts with: of one model, until a newer one is there. */
typedef struct worker {
    pthread_t thread;
    hone_model *model;
    hone_predictor *predictor;
    double *row;
    long generation;
} worker;

static bool refresh(worker *w)
{
    const long generation = atomic_load(&current.generation);
    if (w->generation == generation)
        return w->predictor != NULL;
    pthread_mutex_lock(&current.lock);
    hone_model *model = hone_model_retain(current.model);
    pthread_mutex_unlock(&current.lock);
    hone_predictor *predictor = NULL;
    double *row = calloc((size_t)hone_model_features(model), sizeof *row);
    hone_error error;
    if (!row || hone_predictor_new(model, 1, &predictor, &error)) {
        free(row);
        hone_model_free(model);
        return w->predictor != NULL;
    }
    hone_predictor_free(w->predictor);
    hone_model_free(w->model);
    free(w->row);
    *w = (worker){w->thread, model, predictor, row, generation};
    return true;
}

/* A level's name, a number, or nothing for missing; false: none of them. */
static bool read_field(const hone_model *model, int64_t j, const char *text, double *value)
{
    *value = NAN;
    if (!*text)
        return true;
    const int64_t code = hone_model_level(model, j, text);
    if (code >= 0) {
        *value = (double)code;
        return true;
    }
    char *end;
    *value = strtod(text, &end);
    return *end == 0;
}

static bool read_row(const worker *w, char *line, char *answer)
{
    const int64_t columns = hone_model_features(w->model);
    char *at = line;
    for (int64_t j = 0; j < columns; j++) {
        char *field = strsep(&at, ",");
        if (!field || (j == columns - 1 && at)) {
            snprintf(answer, ANSWER, "error: the model takes %lld columns", (long long)columns);
            return false;
        }
        if (!read_field(w->model, j, field, &w->row[j])) {
            snprintf(answer, ANSWER, "error: column %lld: '%.60s' is neither a number nor a level",
                     (long long)j, field);
            return false;
        }
    }
    return true;
}

static void reply(worker *w, char *line, char *answer)
{
    double out;
    hone_error error;
    line[strcspn(line, "\r\n")] = 0;
    if (!refresh(w))
        snprintf(answer, ANSWER, "error: no model could be made ready");
    else if (!read_row(w, line, answer))
        return;
    else if (hone_predictor_run(w->predictor, w->row, 1, HONE_LABELS, &out, &error))
        snprintf(answer, ANSWER, "error: %s: %.180s", error.path, error.message);
    else if (hone_model_task(w->model) == HONE_CLASSIFICATION)
        snprintf(answer, ANSWER, "%s", hone_model_class(w->model, (int64_t)out));
    else
        snprintf(answer, ANSWER, "%.17g", out);
}

/* With the lock held: answers that are next in order go out. */
static void write_answers(void)
{
    bool any = false;
    for (slot *s; (s = &queue.slot[queue.written % SLOTS])->state == ANSWERED; queue.written++) {
        puts(s->answer);
        s->state = FREE;
        any = true;
    }
    if (any && queue.written == queue.asked)
        fflush(stdout);
}

static void *work(void *context)
{
    worker *w = context;
    pthread_mutex_lock(&queue.lock);
    for (;;) {
        while (queue.taken == queue.asked && !queue.end)
            pthread_cond_wait(&queue.changed, &queue.lock);
        if (queue.taken == queue.asked)
            break;
        slot *s = &queue.slot[queue.taken++ % SLOTS];
        s->state = TAKEN;
        pthread_mutex_unlock(&queue.lock);
        reply(w, s->line, s->answer);
        pthread_mutex_lock(&queue.lock);
        s->state = ANSWERED;
        write_answers();
        pthread_cond_broadcast(&queue.changed);
    }
    pthread_mutex_unlock(&queue.lock);
    hone_predictor_free(w->predictor);
    hone_model_free(w->model);
    free(w->row);
    return NULL;
}

/* The slot of the next request belongs to the reader until it is asked. */
static void read_requests(void)
{
    for (;;) {
        pthread_mutex_lock(&queue.lock);
        slot *s = &queue.slot[queue.asked % SLOTS];
        while (s->state != FREE)
            pthread_cond_wait(&queue.changed, &queue.lock);
        pthread_mutex_unlock(&queue.lock);
        const bool more = getline(&s->line, &s->room, stdin) >= 0;
        pthread_mutex_lock(&queue.lock);
        if (more) {
            s->state = ASKED;
            queue.asked++;
        }
        queue.end = !more;
        pthread_cond_broadcast(&queue.changed);
        pthread_mutex_unlock(&queue.lock);
        if (!more)
            return;
    }
}

int main(int count, char **words)
{
    const int threads = count > 2 ? atoi(words[2]) : 4;
    if (count < 2 || threads < 1 || threads > WORKERS) {
        fprintf(stderr, "usage: service DIRECTORY [THREADS]\n");
        return 2;
    }
    if (!begin(words[1])) {
        fprintf(stderr, "service: no model to begin with in %s\n", words[1]);
        return 1;
    }
    pthread_t watcher;
    worker workers[WORKERS] = {0};
    if (pthread_create(&watcher, NULL, watch, words[1]))
        return 1;
    for (int k = 0; k < threads; k++)
        if (pthread_create(&workers[k].thread, NULL, work, &workers[k]))
            return 1;
    read_requests();
    for (int k = 0; k < threads; k++)
        pthread_join(workers[k].thread, NULL);
    fflush(stdout);
    return ferror(stdout) != 0;
}
