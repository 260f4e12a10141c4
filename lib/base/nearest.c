/* Edit distance with swaps of neighbours (optimal string alignment), three rows of the table. */
#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

enum { LONGEST = 64, EDIT = 2 };

static int fold(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

int hone_edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const int n = a_length < LONGEST ? (int)a_length : LONGEST;
    const int m = b_length < LONGEST ? (int)b_length : LONGEST;
    int rows[3][LONGEST + 1];
    for (int j = 0; j <= m; j++)
        rows[0][j] = EDIT * j;
    for (int i = 1; i <= n; i++) {
        int *const row = rows[i % 3];
        const int *const up = rows[(i + 2) % 3], *const two_up = rows[(i + 1) % 3];
        row[0] = EDIT * i;
        for (int j = 1; j <= m; j++) {
            const int change = a[i - 1] == b[j - 1]               ? 0
                               : fold(a[i - 1]) == fold(b[j - 1]) ? 1
                                                                  : EDIT;
            row[j] = least(up[j - 1] + change, EDIT + least(up[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_up[j - 2] + EDIT);
        }
    }
    return rows[n % 3][m];
}
