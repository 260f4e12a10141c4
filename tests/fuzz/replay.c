/* Stands in for the fuzzer: hands every file of the folders it is given to a target, once. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int give(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    enum { MOST = 4 << 20 };
    uint8_t *data = malloc(MOST);
    const size_t size = data ? fread(data, 1, MOST, f) : 0;
    uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees its end */
    for (size_t i = 0; exact && i < size; i++)
        exact[i] = data[i];
    const int given = exact && (size || feof(f));
    if (given)
        LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    free(data);
    fclose(f);
    return given;
}

int main(int count, char **folders)
{
    int given = 0;
    for (int k = 1; k < count; k++) {
        DIR *d = opendir(folders[k]);
        for (struct dirent *e; d && (e = readdir(d));) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", folders[k], e->d_name);
            given += *e->d_name != '.' && give(path);
        }
        if (d)
            closedir(d);
    }
    printf("%d inputs\n", given);
    return given == 0;
}
