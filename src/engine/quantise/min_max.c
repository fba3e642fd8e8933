// SPDX-License-Identifier: Apache-2.0
/* The largest number seen: nothing is cut off. */
#include "engine/quantise/method.h"

#include <math.h>

float fet_range_min_max(const fet_histogram *histogram, double parameter, bool is_unsigned)
{
    (void)parameter;
    return is_unsigned ? histogram->high : fmaxf(fabsf(histogram->low), fabsf(histogram->high));
}
