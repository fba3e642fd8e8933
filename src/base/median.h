// SPDX-License-Identifier: Apache-2.0
/* Sorting and the middle of a few numbers, as measurements and errors are summarised everywhere here. */
#ifndef FET_BASE_MEDIAN_H
#define FET_BASE_MEDIAN_H

#include <stddef.h>

/* Ascending, in place. NaN has no place in an order: none may be there. */
void fet_sort_doubles(double *values, size_t n);

/* Sorts `values`, and returns the one in the middle, or of an even number the mean of both. n >= 1. */
double fet_median(double *values, size_t n);

#endif
