/* Counts without a branch that depends on a cell; lanes are columns. */
#include "toolbox/bracket.h"

#include <string.h>

void HONE_KERNEL(hone_bracket_take)(hone_bracket *b, const double *cells, int64_t rows)
{
    hone_bracket t = *b;
    for (int64_t i = 0; i < rows; i++, cells += HONE_BRACKETS) {
        for (int c = 0; c < HONE_BRACKETS; c++) {
            t.here[c] += cells[c] == cells[c];
            t.less[c] += cells[c] < t.low[c];
            t.at_low[c] += cells[c] == t.low[c];
            t.at_high[c] += cells[c] == t.high[c];
        }
        for (int c = 0; c < HONE_BRACKETS; c++) {
            t.inside[c * t.room + t.count[c]] = cells[c];
            t.count[c] += (cells[c] > t.low[c]) & (cells[c] < t.high[c]);
        }
    }
    *b = t;
}

void HONE_KERNEL(hone_bracket_add)(double *sum, double *most, const double *cells, int64_t rows)
{
    double s[HONE_BRACKETS], m[HONE_BRACKETS];
    memcpy(s, sum, sizeof s);
    memcpy(m, most, sizeof m);
    for (int64_t i = 0; i < rows; i++, cells += HONE_BRACKETS)
        for (int c = 0; c < HONE_BRACKETS; c++) {
            const double size = __builtin_fabs(cells[c]);
            s[c] += cells[c];
            m[c] = size > m[c] ? size : m[c];
        }
    memcpy(sum, s, sizeof s);
    memcpy(most, m, sizeof m);
}
