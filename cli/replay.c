/* hone replay: a line a record, then how many are as they were. */
#include <math.h>
#include <stdio.h>

#include "command.h"

static const char *const VERDICTS[] = {
    [HONE_REPLAY_SAME] = "same", "close", "different", "skipped"};

static void write_loss(double loss)
{
    if (isnan(loss))
        fputs("null", stdout);
    else
        write_number(stdout, loss);
}

/* `differs` holds no quote or backslash but those of a foreign record: they become blanks. */
static void write_plain(const char *text)
{
    for (; *text; text++)
        putchar(*text == '"' || *text == '\\' || (unsigned char)*text < ' ' ? ' ' : *text);
}

static void on_record(void *context, const hone_replay_record *r)
{
    const flags *f = context;
    if (f->json) {
        printf("{\"line\":%lld,\"verdict\":\"%s\",\"recorded\":", (long long)r->line,
               VERDICTS[r->verdict]);
        write_loss(r->recorded);
        fputs(",\"loss\":", stdout);
        write_loss(r->loss);
        fputs(",\"differs\":\"", stdout);
        write_plain(r->differs);
        puts("\"}");
        return;
    }
    if (f->quiet && r->verdict == HONE_REPLAY_SAME)
        return;
    printf("%-9s ", VERDICTS[r->verdict]);
    if (r->line)
        printf("line %lld: ", (long long)r->line);
    write_loss(r->recorded);
    if (r->verdict == HONE_REPLAY_CLOSE || r->verdict == HONE_REPLAY_DIFFERENT) {
        fputs(" then, ", stdout);
        write_loss(r->loss);
        fputs(" now", stdout);
    }
    fputs(*r->differs ? "; " : "", stdout);
    write_plain(r->differs);
    putchar('\n');
}

static void on_difference(void *context, int64_t first, int64_t last, const char *what)
{
    const flags *f = context;
    fprintf(stderr, "hone: %s", f->file);
    if (first)
        fprintf(stderr, ":%lld", (long long)first);
    if (last > first)
        fprintf(stderr, "-%lld", (long long)last);
    fprintf(stderr, ": %s; trained again all the same\n", what);
}

int replay_command(const flags *f)
{
    hone_error error = {0};
    hone_dataset *data = NULL;
    hone_replay_options options = {.size = sizeof options,
                                   .algorithms = modules,
                                   .cancel = &interrupted,
                                   .record = on_record,
                                   .differs = on_difference,
                                   .context = (void *)(uintptr_t)f};
    hone_replayed found = {.size = sizeof found};
    if (!threads_of(f, &options.threads))
        return USAGE;
    hone_status status = f->file ? HONE_OK
                                 : hone_fail(&error, HONE_BAD_ARGUMENT, "replay",
                                             "needs a file: a model, a journal or results");
    if (!status)
        status = read_table(f, true, NULL, 0, &data, &error);
    if (!status)
        status = hone_replay(f->file, data, &options, &found, &error);
    hone_dataset_free(data);
    if (status)
        return failed(&error);
    fprintf(f->json ? stderr : stdout, "%lld same, %lld close, %lld different, %lld skipped\n",
            (long long)found.same, (long long)found.close, (long long)found.different,
            (long long)found.skipped);
    return found.different ? REPLAY_DIFFERS : 0;
}
