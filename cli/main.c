/* The command line: flags, then one command. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/poll.h>
#include <unistd.h>

#include "command.h"

int32_t interrupted, cancelled;

static void on_interrupt(int number)
{
    (void)number;
    if (__atomic_exchange_n(&interrupted, 1, __ATOMIC_RELAXED))
        __atomic_store_n(&cancelled, 1, __ATOMIC_RELAXED);
}

bool was_interrupted(void)
{
    return __atomic_load_n(&interrupted, __ATOMIC_RELAXED) != 0;
}

int failed(const hone_error *error)
{
    static const int codes[] = {
        [HONE_OK] = 0,       [HONE_BAD_ARGUMENT] = 2, [HONE_BAD_CONFIG] = 2,
        [HONE_BAD_DATA] = 3, [HONE_UNSUPPORTED] = 7,  [HONE_NO_MEMORY] = 4,
        [HONE_IO] = 5,       [HONE_CORRUPT] = 6,      [HONE_STOPPED] = INTERRUPTED,
        [HONE_INTERNAL] = 1,
    };
    if (*error->message)
        fprintf(stderr, "hone: %s: %s\n", error->path, error->message);
    return codes[error->status];
}

hone_status told(hone_error *error)
{
    return hone_fail(error, HONE_BAD_ARGUMENT, "", "%s", "");
}

const char *reason_of(int number)
{
    const char *reason = strerrordesc_np(number);
    return reason ? reason : "an unknown error";
}

static hone_status format_of(const char *name, hone_format *format, hone_error *error)
{
    static const struct {
        const char *name;
        hone_format format;
    } FORMATS[] = {
        {"csv", HONE_CSV}, {"svmlight", HONE_SVMLIGHT}, {"npy", HONE_NPY}, {"npz", HONE_NPZ}};
    *format = HONE_BY_NAME;
    for (size_t i = 0; name && i < sizeof FORMATS / sizeof *FORMATS; i++)
        if (!strcmp(FORMATS[i].name, name))
            *format = FORMATS[i].format;
    if (name && *format == HONE_BY_NAME)
        return hone_fail(error, HONE_BAD_ARGUMENT, "--format",
                         "must be csv, svmlight, npy or npz, got %s", name);
    return HONE_OK;
}

hone_status task_of(const char *name, hone_task *task, hone_error *error)
{
    *task = !name                             ? 0
            : !strcmp(name, "classification") ? HONE_CLASSIFICATION
            : !strcmp(name, "regression")     ? HONE_REGRESSION
                                              : (hone_task)-1;
    if ((int)*task == -1)
        return hone_fail(error, HONE_BAD_ARGUMENT, "--task",
                         "must be classification or regression, got %s", name);
    return HONE_OK;
}

void on_log(void *context, int level, const char *line)
{
    const flags *f = context;
    if (level == 1 || (f->verbose && level == 2))
        fprintf(stderr, "%s%s\n", level == 1 ? "warning: " : "", line);
}

static bool reading_silently(void *context, double fraction)
{
    (void)context, (void)fraction;
    return was_interrupted();
}

static bool reading(void *context, double fraction)
{
    (void)context;
    fprintf(stderr, "\r%-12s %3.0f %%\033[K", "reading", fraction * 100);
    if (fraction >= 1)
        fprintf(stderr, "\r\033[K");
    return was_interrupted();
}

static hone_status one_character(const char *flag, const char *text, char *out, hone_error *error)
{
    if (text && (!strcmp(text, "\\t") || !strcmp(text, "tab")))
        text = "\t";
    if (text && strlen(text) != 1)
        return hone_fail(error, HONE_BAD_ARGUMENT, flag, "must be one character, got %s", text);
    *out = text ? *text : 0;
    return HONE_OK;
}

static hone_status first_index_of(const char *text, int *zero_based, hone_error *error)
{
    *zero_based = !text ? 0 : !strcmp(text, "0") ? 1 : !strcmp(text, "1") ? 2 : -1;
    return *zero_based >= 0 ? HONE_OK
                            : hone_fail(error, HONE_BAD_ARGUMENT, "--first-index",
                                        "must be 0 or 1, got %s", text);
}

static bool ends_with(const char *file, const char *ending)
{
    const size_t n = strlen(file), m = strlen(ending);
    return n > m && !strcmp(file + n - m, ending);
}

/* Where the target is, unless a flag says so: an .npy table ends with it, .npz and svmlight have
 * their own place for it. */
static hone_status find_target(const char *file, bool needed, hone_read_options *o,
                               hone_error *error)
{
    const bool npy = o->format == HONE_NPY || (!o->format && ends_with(file, ".npy"));
    const bool csv = o->format == HONE_CSV ||
                     (!o->format && (ends_with(file, ".csv") || ends_with(file, ".csv.gz") ||
                                     ends_with(file, ".tsv") || ends_with(file, ".tsv.gz")));
    if (csv && needed && !o->target)
        return hone_fail(error, HONE_BAD_ARGUMENT, "--target", "is needed");
    if (npy && !o->target && !o->labels)
        o->target = "-1";
    return HONE_OK;
}

hone_status read_table(const flags *f, bool target, const hone_model *model, hone_task task,
                       hone_dataset **dataset, hone_error *error)
{
    const char *file = f->data;
    int64_t columns = 0;
    if (!file)
        return hone_fail(error, HONE_BAD_ARGUMENT, "--data", "is needed");
    if (f->columns && !whole_of("--columns", f->columns, &columns))
        return told(error);
    int64_t memory = 0;
    if (!bytes_of("--memory", f->memory, &memory))
        return told(error);
    hone_read_options options = {.size = sizeof options,
                                 .target = f->target,
                                 .labels = f->labels,
                                 .weight = f->weight,
                                 .class_weight = f->class_weight,
                                 .categorical = f->categorical,
                                 .drop = f->drop,
                                 .na = f->na,
                                 .no_header = f->no_header,
                                 .features = columns,
                                 .max_bytes = memory,
                                 .poll = f->quiet || !isatty(2) ? reading_silently : reading,
                                 .valid_file = f->valid_data};
    options.dataset = (hone_dataset_options){
        .size = sizeof options.dataset, .log = on_log, .context = (void *)(uintptr_t)f};
    HONE_TRY(one_character("--delimiter", f->delimiter, &options.delimiter, error));
    HONE_TRY(one_character("--decimal", f->decimal, &options.decimal, error));
    HONE_TRY(first_index_of(f->first_index, &options.zero_based, error));
    HONE_TRY(format_of(f->format, &options.format, error));
    HONE_TRY(task_of(f->task, &options.dataset.task, error));
    const bool replay = f->command == REPLAY; /* whose file knows the target */
    if ((target || (f->command == DESCRIBE && !model)) && !replay)
        HONE_TRY(find_target(file, target, &options, error));
    if (!options.dataset.task)
        options.dataset.task = task;
    if (replay)
        return hone_replay_read(f->file, file, &options, dataset, error);
    return model ? hone_model_read(model, file, &options, dataset, error)
                 : hone_dataset_read(file, &options, dataset, error);
}

static int run(const flags *f)
{
    hone_error error = {0};
    if (load_plugins(f, &error))
        return failed(&error);
    switch (f->command) {
    case TRAIN:
        return train_command(f);
    case TRAIN_MANY:
        return train_many_command(f);
    case TUNE:
        return tune_command(f);
    case REPLAY:
        return replay_command(f);
    case ESTIMATE:
        return estimate_command(f);
    case PREDICT:
        return predict_command(f);
    case EVALUATE:
        return evaluate_command(f);
    case DESCRIBE:
        return describe_command(f);
    case SPACE:
        return space_command(f);
    case SAMPLE:
        return sample_command(f);
    case REFERENCE:
        return reference_command(f);
    case EXPORT:
        return export_command(f);
    case IMPORT:
        return import_command(f);
    default:
        return inspect_command(f);
    }
}

/* Whether nobody reads what is printed. */
static bool unread(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    return poll(&out, 1, 0) > 0 && out.revents & (POLLERR | POLLNVAL);
}

/* The code of a command, unless what it printed did not arrive. A closed pipe ends quietly. */
static int done(int code)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout))
        return code;
    if (!errno) { /* an earlier write failed, and its reason is gone: one more fails alike */
        putchar('\n');
        fflush(stdout);
    }
    if (!unread())
        fprintf(stderr, "hone: standard output: %s\n",
                errno ? reason_of(errno) : "cannot be written");
    return FILE_TROUBLE;
}

/* A signal that is ignored at the start stays so: shells ask for it where a job runs on its own. */
static void heed(int number)
{
    const struct sigaction action = {.sa_handler = on_interrupt};
    struct sigaction before;
    if (!sigaction(number, NULL, &before) && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

int main(int count, char **words)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error of its write */
    heed(SIGINT);
    heed(SIGTERM);
    for (int i = 1; i < count; i++)
        if (!strcmp(words[i], "--help") || !strcmp(words[i], "-h")) {
            flags_help(stdout);
            return done(0);
        }
    if (count == 2 && !strcmp(words[1], "--version")) {
        printf("hone %s\n", hone_version());
        return done(0);
    }
    flags f;
    if (!flags_read(count, words, &f))
        return USAGE;
    return done(run(&f));
}
