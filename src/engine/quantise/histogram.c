// SPDX-License-Identifier: Apache-2.0
#include "engine/quantise/histogram.h"

#include <math.h>
#include <string.h>

fet_status fet_histogram_create(fet_histogram **out_histogram)
{
    fet_histogram *histogram = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *histogram, "a histogram", &histogram));
    histogram->low = INFINITY;
    histogram->high = -INFINITY;
    *out_histogram = histogram;
    return FET_OK;
}

void fet_histogram_destroy(fet_histogram *histogram)
{
    fet_free(histogram);
}

/* Twice the width: two bins become one. */
static void widen(fet_histogram *h)
{
    for (int s = 0; s < 2; s++) {
        uint64_t *bin = h->side[s];
        for (int i = 0; i < FET_HISTOGRAM_BINS / 2; i++) bin[i] = bin[2 * i] + bin[2 * i + 1];
        memset(bin + FET_HISTOGRAM_BINS / 2, 0, FET_HISTOGRAM_BINS / 2 * sizeof *bin);
    }
    h->width *= 2.0;
}

static void fit_width(fet_histogram *h, float largest)
{
    if (largest == 0.0f) return;
    /* The largest number ends the last bin; a hair more, so that rounding does not push it beyond. */
    if (h->width == 0.0) h->width = (double)largest / FET_HISTOGRAM_BINS * (1.0 + 1e-12);
    while ((double)largest >= h->width * FET_HISTOGRAM_BINS) widen(h);
}

static void count(fet_histogram *h, float number)
{
    if (number == 0.0f) {
        h->zeros++;
        return;
    }
    int bin = (int)(fabs((double)number) / h->width);
    h->side[number < 0.0f][bin < FET_HISTOGRAM_BINS ? bin : FET_HISTOGRAM_BINS - 1]++;
}

fet_status fet_histogram_add(fet_histogram *histogram, const float *numbers, int64_t n, int64_t most)
{
    float low = histogram->low, high = histogram->high;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(numbers[i])) return fet_fail(FET_ERROR_ARG, "number %lld is not finite", (long long)i);
        low = numbers[i] < low ? numbers[i] : low;
        high = numbers[i] > high ? numbers[i] : high;
    }
    if (n == 0) return FET_OK;
    histogram->low = low;
    histogram->high = high;
    fit_width(histogram, fmaxf(fabsf(low), fabsf(high)));
    int64_t stride = most > 0 && n > most ? (n + most - 1) / most : 1;
    uint32_t jitter = 1;
    for (int64_t i = 0; i < n; i += stride) {
        /* Without it an even stride would see some columns of a map only. Numerical Recipes' 32-bit generator. */
        jitter = jitter * 1664525u + 1013904223u;
        int64_t at = i + (int64_t)((uint64_t)jitter * (uint64_t)stride >> 32);
        if (at < n) count(histogram, numbers[at]);
    }
    return FET_OK;
}
