/* hone estimate: what a training would take, as one JSON object. */
#include <stdio.h>

#include "command.h"

int estimate_command(const flags *f)
{
    hone_error error = {0};
    hone_config *config = NULL;
    hone_dataset *data = NULL;
    hone_options options;
    numbers n = {0};
    double pilot = 0;
    hone_estimated e = {.size = sizeof e};
    if (!options_of(f, &n, &options) || !number_of("--pilot", f->pilot, &pilot))
        return USAGE;
    options.cancel = &interrupted, options.finish = NULL; /* a pilot cut short tells nothing */
    hone_status status = make_config(f, &config, &error);
    if (!status)
        status = read_table(f, true, NULL, task_of_config(f, config), &data, &error);
    if (!status)
        status = hone_estimate(config, data, n.seed, &options, pilot, &e, &error);
    hone_dataset_free(data);
    hone_config_free(config);
    if (status)
        return failed(&error);
    printf("{\"bytes_bound\": %lld", (long long)e.bytes_bound);
    if (pilot > 0) {
        printf(", \"bytes_likely\": %lld, \"seconds_likely\": ", (long long)e.bytes_likely);
        write_number(stdout, e.seconds_likely);
    }
    puts("}");
    return 0;
}
