/* One function per command; each returns the exit code. */
#ifndef HONE_CLI_COMMAND_H
#define HONE_CLI_COMMAND_H

#include <hone/algorithm.h>

#include "flags.h"

int train_command(const flags *f);
int train_many_command(const flags *f);
int tune_command(const flags *f);
int estimate_command(const flags *f);
int replay_command(const flags *f);
int predict_command(const flags *f);
int evaluate_command(const flags *f);
int describe_command(const flags *f);
int inspect_command(const flags *f);
int export_command(const flags *f);
int import_command(const flags *f);
int space_command(const flags *f);
int sample_command(const flags *f);
int reference_command(const flags *f);

/* Set by Ctrl-C: trainings finish with the best so far; and by a second one: they are given up. */
extern int32_t interrupted, cancelled;
bool was_interrupted(void);

/* Says `path: message` on stderr and gives the exit code of the status. */
int failed(const hone_error *error);
/* HONE_BAD_ARGUMENT, of which stderr knows already. */
hone_status told(hone_error *error);
/* What a number of errno means. */
const char *reason_of(int number);
enum { USAGE = 2, FILE_TROUBLE = 5, REPLAY_DIFFERS = 8, INTERRUPTED = 130 };

/* Messages of the library to stderr, as --verbose says; `context` are the flags. */
void on_log(void *context, int level, const char *line);

/* Reads --data as the flags say, and --valid-data if it is given. `target`: there must be one.
 * `model`: whose rows they are, or NULL. `task`: unless --task says it; 0: from the target. */
hone_status read_table(const flags *f, bool target, const hone_model *model, hone_task task,
                       hone_dataset **dataset, hone_error *error);

/* The modules of --plugin, NULL-terminated. */
enum { MOST_MODULES = 64 };
extern const hone_algorithm *modules[MOST_MODULES + 1];
hone_status load_plugins(const flags *f, hone_error *error);

/* A configuration that knows the modules of --plugin; freed by the caller after a failure too. */
hone_status new_config(hone_config **config, hone_error *error);
hone_status set_all(const flags *f, hone_config *config, hone_error *error);
/* The configuration of --config and --set. */
hone_status make_config(const flags *f, hone_config **config, hone_error *error);

/* The task that model and metric of a configuration decide; 0: the target does. */
hone_task task_of_config(const flags *f, const hone_config *config);

/* The names of --models; freed with free(list.names). */
typedef struct model_list {
    char *names;
    const char *list[MOST_SETTINGS + 1];
} model_list;
hone_status split_models(const char *models, model_list *out, hone_error *error);
/* The task that --metric and all models decide alike. */
hone_status task_of_models(const flags *f, const model_list *models, hone_task *task,
                           hone_error *error);

/* Numbers that options point to. */
typedef struct numbers {
    uint64_t seed, split_seed;
    double cutoff;
} numbers;

/* False after a message to stderr. */
bool options_of(const flags *f, numbers *n, hone_options *o);

/* The fewest digits that read back to the same double. */
void write_number(FILE *to, double v);
void print_loss(double loss);

/* The task that --task names; 0: none. */
hone_status task_of(const char *name, hone_task *task, hone_error *error);

/* The model of --model. */
hone_status open_model(const flags *f, hone_model **model, hone_error *error);

/* Writes through `write` to `file`, whole or not at all; to standard output when it is NULL. What a
 * symbolic link leads to is replaced, not the link; devices and pipes are written to. */
hone_status write_output(const char *file, void (*write)(FILE *to, const void *context),
                         const void *context, hone_error *error);

#endif
