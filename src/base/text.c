// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <string.h>

enum { MAX_NAME = 63 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

size_t fet_text_distance(const char *a, const char *b)
{
    /* Wagner-Fischer with one row: row[j] is the distance of the first i bytes of a to the first j of b. */
    size_t n_a = strnlen(a, MAX_NAME), n_b = strnlen(b, MAX_NAME), row[MAX_NAME + 1];
    for (size_t j = 0; j <= n_b; j++) row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t above = row[j];
            row[j] = smallest(row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n_b];
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
