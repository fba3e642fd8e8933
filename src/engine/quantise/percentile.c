// SPDX-License-Identifier: Apache-2.0
/* The smallest range that `percent` of the numbers lie within, to a bin; outliers are cut off. Zeros are numbers, too. */
#include "engine/quantise/method.h"

#include <math.h>

float fet_range_percentile(const fet_histogram *h, double percent, bool is_unsigned)
{
    uint64_t total = h->zeros, within = h->zeros;
    for (int i = 0; i < FET_HISTOGRAM_BINS; i++) total += h->side[0][i] + h->side[1][i];
    double wanted = percent / 100.0 * (double)total;
    /* What is below zero counts as within where it is stored as 0. */
    if (is_unsigned)
        for (int i = 0; i < FET_HISTOGRAM_BINS; i++) within += h->side[1][i];
    for (int i = 0; i < FET_HISTOGRAM_BINS; i++) {
        within += h->side[0][i] + (is_unsigned ? 0 : h->side[1][i]);
        if (within > h->zeros && (double)within >= wanted) return fminf((float)(h->width * (i + 1)), fet_range_min_max(h, 0, is_unsigned));
    }
    return fet_range_min_max(h, 0, is_unsigned);
}
