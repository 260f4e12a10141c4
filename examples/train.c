/* The whole way in C: a table, a configuration, a loss, a saved model. */
#include <hone/hone.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **words)
{
    const char *json = "{\"model\": \"random_forest\", \"n_estimators\": 50}";
    const hone_read_options options = {.size = sizeof options, .target = count > 2 ? words[2] : ""};
    hone_error why = {0};
    hone_dataset *data = NULL;
    hone_config *config = NULL;
    double loss = 0;
    const int failed = hone_dataset_read(count > 1 ? words[1] : "", &options, &data, &why) ||
                       hone_config_new(&config, &why) ||
                       hone_config_parse(config, json, strlen(json), &why) ||
                       hone_train(config, data, 1, count > 3 ? words[3] : NULL, &loss, &why);
    if (failed)
        fprintf(stderr, "%s: %s\n", why.path, why.message);
    else
        printf("%.17g\n", loss);
    hone_config_free(config);
    hone_dataset_free(data);
    return failed != 0;
}
