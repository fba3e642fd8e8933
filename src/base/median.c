// SPDX-License-Identifier: Apache-2.0
#include "base/median.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void fet_sort_doubles(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
}

double fet_median(double *values, size_t n)
{
    fet_sort_doubles(values, n);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}
