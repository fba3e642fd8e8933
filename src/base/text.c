// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <string.h>

enum { MAX_NAME = 63 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t fet_text_distance(const char *a, const char *b)
{
    /* Wagner-Fischer with swaps (Damerau's optimal string alignment): row[i % 3][j] is the distance of the first i bytes of a to the first
     * j of b. */
    size_t n_a = strnlen(a, MAX_NAME), n_b = strnlen(b, MAX_NAME), row[3][MAX_NAME + 1];
    for (size_t j = 0; j <= n_b; j++) row[0][j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *now = row[i % 3], *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            now[j] = smaller(smaller(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = smaller(now[j], before[j - 2] + 1);
        }
    }
    return row[n_a % 3][n_b];
}

const char *fet_text_nearest(const char *word, const char *const *names, size_t n)
{
    const char *nearest = NULL;
    size_t best = strnlen(word, MAX_NAME) / 3 + 1; /* strictly below: a third, and one letter of any word */
    if (best < 2) best = 2;
    for (size_t i = 0; i < n; i++) {
        size_t distance = fet_text_distance(word, names[i]);
        if (distance >= best) continue;
        best = distance;
        nearest = names[i];
    }
    return nearest;
}
