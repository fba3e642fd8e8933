// SPDX-License-Identifier: Apache-2.0
#include "device/host/rounds.h"

#include "base/median.h"

#include <math.h>

#define AGREE 0.05 /* twice the deviation between visits of a quiet machine */

static double median_ms(const fet_rounds *rounds)
{
    double ms[FET_ROUNDS_MAX];
    for (uint32_t i = 0; i < rounds->n; i++) ms[i] = rounds->times[i].latency_ms;
    return fet_median(ms, rounds->n);
}

bool fet_rounds_are_settled(const fet_rounds *rounds, uint32_t wanted)
{
    uint32_t agree = 0;
    if (rounds->n == FET_ROUNDS_MAX) return true;
    if (rounds->n < wanted || rounds->n == 0) return false;
    double median = median_ms(rounds), allowed = (rounds->n == 2 ? 0.5 : 1) * AGREE * median; /* two differ by twice that */
    for (uint32_t i = 0; i < rounds->n; i++) agree += fabs(rounds->times[i].latency_ms - median) <= allowed;
    return 2 * agree > rounds->n;
}

fet_kernel_time fet_rounds_summarise(const fet_rounds *rounds)
{
    double away[FET_ROUNDS_MAX], own[FET_ROUNDS_MAX], pulse[FET_ROUNDS_MAX], median = median_ms(rounds);
    fet_kernel_time time = rounds->times[0];
    time.n_samples = 0;
    for (uint32_t i = 0; i < rounds->n; i++) {
        away[i] = fabs(rounds->times[i].latency_ms - median) / median;
        own[i] = rounds->times[i].spread;
        pulse[i] = rounds->times[i].pulse;
        time.n_samples += rounds->times[i].n_samples;
    }
    time.latency_ms = median;
    time.spread = fmax(fet_median(away, rounds->n), fet_median(own, rounds->n));
    time.pulse = fet_median(pulse, rounds->n);
    return time;
}
