/* A search that may be killed and called again: tune DATA TARGET TRIALS JOURNAL MODEL_DIR [halving]
 *
 * Each trial has 2 s and 2 GiB. Prints the best trial and its saved model.
 *
 *     cc tune.c $(pkg-config --cflags --libs hone) -o tune
 *     ./tune adult.csv.gz income 100 journal.jsonl models
 */
#include <hone/hone.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **words)
{
    if (count < 6) {
        fprintf(stderr, "usage: tune DATA TARGET TRIALS JOURNAL MODEL_DIR [halving]\n");
        return 2;
    }
    const hone_read_options table = {.size = sizeof table, .target = words[2]};
    const hone_options each = {
        .size = sizeof each, .deadline = 2, .memory_cap = INT64_C(2) << 30, .model_dir = words[5]};
    const hone_tune_options options = {.size = sizeof options,
                                       .search = count > 6 && !strcmp(words[6], "halving")
                                                     ? HONE_SEARCH_HALVING
                                                     : HONE_SEARCH_RANDOM,
                                       .trials = atoll(words[3]),
                                       .journal = words[4],
                                       .train = &each};
    hone_error why = {0};
    hone_dataset *data = NULL;
    hone_result *best = NULL;
    hone_tuned tuned = {.size = sizeof tuned};
    const int failed = hone_dataset_read(words[1], &table, &data, &why) ||
                       hone_tune(data, 1, &options, &tuned, &best, &why);
    if (failed)
        fprintf(stderr, "%s: %s\n", why.path, why.message);
    else
        printf("%" PRId64 " trials (%" PRId64 " from the journal, %" PRId64
               " failed) in %.1f s: loss %.17g of trial %" PRId64 "\n%s\n",
               tuned.trials, tuned.resumed, tuned.failed, tuned.seconds, tuned.loss, tuned.best,
               hone_result_model_path(best) ? hone_result_model_path(best) : "no model");
    hone_result_free(best);
    hone_dataset_free(data);
    return failed != 0;
}
