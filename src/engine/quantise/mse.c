// SPDX-License-Identifier: Apache-2.0
/*
 * The range with the least mean squared error of what is stored: fine steps against cut-off numbers. Within a bin numbers count as spread
 * evenly, so that the error of a range is a closed form. (1) ranges from all down to 1/16 in steps of 5 %, (2) finer around the best.
 * Source: Banner et al., Post-training 4-bit quantization, NeurIPS 2019; here from what was seen, not from an assumed distribution.
 */
#include "engine/quantise/method.h"

#include <math.h>

/* The integral from 0 to x >= 0 of (t - nearest step)^2: steps^3 / 12 each whole step, and the rest. */
static double rounding(double x, double step)
{
    double whole = floor(x / step + 0.5), rest = x - whole * step;
    return whole * step * step * step / 12.0 + rest * rest * rest / 3.0;
}

/* The integral of the squared error from 0 to x, when what lies beyond `most` is stored as `most`. */
static double error_up_to(double x, double step, double most)
{
    if (x <= most) return rounding(x, step);
    double beyond = x - most;
    return rounding(most, step) + beyond * beyond * beyond / 3.0;
}

static double error_of_side(const uint64_t *bins, double width, double step, double most)
{
    double sum = 0.0, before = 0.0;
    for (int i = 0; i < FET_HISTOGRAM_BINS; i++) {
        double after = error_up_to(width * (i + 1), step, most);
        if (bins[i]) sum += (double)bins[i] * (after - before);
        before = after;
    }
    return sum;
}

static double error_of(const fet_histogram *h, double range, bool is_unsigned)
{
    double step = range / (is_unsigned ? 255.0 : 127.0), error = error_of_side(h->side[0], h->width, step, range);
    return is_unsigned ? error : error + error_of_side(h->side[1], h->width, step, 128.0 * step);
}

float fet_range_mse(const fet_histogram *h, double parameter, bool is_unsigned)
{
    (void)parameter;
    const double coarse = 0.95, fine = 0.99;
    double whole = (double)fet_range_min_max(h, 0, is_unsigned), best = whole, least = error_of(h, whole, is_unsigned);
    for (double range = whole * coarse; range >= whole / 16.0; range *= coarse) {
        double error = error_of(h, range, is_unsigned);
        if (error < least) least = error, best = range;
    }
    double from = fmin(best / coarse, whole), to = best * coarse;
    for (double range = from * fine; range > to; range *= fine) {
        double error = error_of(h, range, is_unsigned);
        if (error < least) least = error, best = range;
    }
    return (float)best;
}
