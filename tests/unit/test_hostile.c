/* Every file of tests/data/hostile is refused as its table says: status, place and message.
 *
 * `test_hostile --print` prints the table with what is said now.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hone/hone.h"
#include "locale_run.h"

enum { COLUMNS = 5 }; /* file, options, status, place, message */

typedef struct row {
    char line[1024];
    char *cell[COLUMNS];
} row;

static char *text_option(const char *options, const char *name)
{
    static char values[8][64];
    static int next;
    const size_t length = strlen(name);
    for (const char *p = options; *p; p += strcspn(p, " "), p += *p == ' ')
        if (!strncmp(p, name, length) && p[length] == '=') {
            char *value = values[next++ % 8];
            snprintf(value, sizeof values[0], "%.*s", (int)(strcspn(p, " ") - length - 1),
                     p + length + 1);
            return value;
        }
    return NULL;
}

static hone_read_options options_of(const char *text)
{
    const char *delimiter = text_option(text, "delimiter"), *decimal = text_option(text, "decimal");
    const char *base = text_option(text, "zero_based"), *most = text_option(text, "features");
    return (hone_read_options){.size = sizeof(hone_read_options),
                               .target = text_option(text, "target"),
                               .weight = text_option(text, "weight"),
                               .categorical = text_option(text, "categorical"),
                               .drop = text_option(text, "drop"),
                               .labels = text_option(text, "labels"),
                               .delimiter = delimiter ? *delimiter : 0,
                               .decimal = decimal ? *decimal : 0,
                               .zero_based = base ? atoi(base) : 0,
                               .features = most ? atoi(most) : 0};
}

static hone_status read_row(const row *r, hone_error *error)
{
    hone_dataset *d = NULL;
    const hone_read_options options = options_of(r->cell[1]);
    const hone_status status = hone_dataset_read(r->cell[0], &options, &d, error);
    hone_dataset_free(d);
    return status;
}

static bool next_row(FILE *table, row *r)
{
    if (!fgets(r->line, sizeof r->line, table))
        return false;
    r->line[strcspn(r->line, "\n")] = 0;
    char *at = r->line;
    for (int k = 0; k < COLUMNS; k++) {
        r->cell[k] = at;
        at += strcspn(at, "\t");
        if (*at)
            *at++ = 0;
    }
    return true;
}

static FILE *open_table(void)
{
    FILE *table = fopen("expected.tsv", "r");
    assert_non_null(table);
    return table;
}

static void every_hostile_file_is_refused_with_place_and_reason(void **state)
{
    (void)state;
    FILE *table = open_table();
    row r;
    int wrong = 0, count = 0;
    for (; next_row(table, &r); count++) {
        hone_error error = {0};
        const hone_status status = read_row(&r, &error);
        if (!strcmp(hone_status_name(status), r.cell[2]) && !strcmp(error.path, r.cell[3]) &&
            !strcmp(error.message, r.cell[4]))
            continue;
        print_error("%s: %s at %s: %s\n", r.cell[0], hone_status_name(status), error.path,
                    error.message);
        wrong++;
    }
    fclose(table);
    assert_int_equal(wrong, 0);
    assert_true(count >= 100);
}

static bool listed(const char *name)
{
    FILE *table = open_table();
    row r;
    bool found = !strcmp(name, "expected.tsv");
    while (!found && next_row(table, &r))
        found = !strcmp(name, r.cell[0]) || strstr(r.cell[1], name);
    fclose(table);
    return found;
}

static void the_table_names_every_file(void **state)
{
    (void)state;
    DIR *here = opendir(".");
    assert_non_null(here);
    for (struct dirent *e; (e = readdir(here));)
        if (*e->d_name != '.' && !listed(e->d_name))
            fail_msg("%s is not in expected.tsv", e->d_name);
    closedir(here);
}

static void variants_of_one_table_are_one_dataset(void **state)
{
    (void)state;
    DIR *same = opendir("../same");
    assert_non_null(same);
    uint64_t first = 0;
    int count = 0;
    for (struct dirent *e; (e = readdir(same));) {
        if (*e->d_name == '.')
            continue;
        char path[300];
        snprintf(path, sizeof path, "../same/%s", e->d_name);
        hone_dataset *d = NULL;
        hone_error error = {0};
        const hone_read_options options = {.size = sizeof options, .target = "y"};
        if (hone_dataset_read(path, &options, &d, &error))
            fail_msg("%s: %s", error.path, error.message);
        const uint64_t f = hone_dataset_fingerprint(d);
        hone_dataset_free(d);
        if (count++ == 0)
            first = f;
        if (f != first)
            fail_msg("%s differs", path);
    }
    closedir(same);
    assert_true(count >= 8);
}

static void print(void)
{
    FILE *table = open_table();
    for (row r; next_row(table, &r);) {
        hone_error error = {0};
        const hone_status status = read_row(&r, &error);
        printf("%s\t%s\t%s\t%s\t%s\n", r.cell[0], r.cell[1], hone_status_name(status), error.path,
               error.message);
    }
    fclose(table);
}

int main(int count, char **words)
{
    if (!locale_run())
        return SKIPPED;
    const char *data = getenv("HONE_TEST_DATA");
    char here[4096];
    snprintf(here, sizeof here, "%s/hostile", data ? data : "tests/data");
    if (chdir(here) != 0) {
        fprintf(stderr, "%s: no such directory; set HONE_TEST_DATA\n", here);
        return 1;
    }
    if (count == 2 && !strcmp(words[1], "--print")) {
        print();
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_hostile_file_is_refused_with_place_and_reason),
        cmocka_unit_test(the_table_names_every_file),
        cmocka_unit_test(variants_of_one_table_are_one_dataset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
