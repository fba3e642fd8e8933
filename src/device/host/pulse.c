// SPDX-License-Identifier: Apache-2.0
#include "device/host/pulse.h"

#include "base/clock.h"

#include <stddef.h>
#include <stdlib.h>

/* Chains long and many enough that the multipliers are always busy: what a sibling takes is missed at once. */
enum { N_CHAINS = 32, N_TURNS = 400, N_PULSES = 9 };
#define SLOW 1.1 /* quiet pulses lie within 3% of each other */

static double one_ms(void)
{
    float chain[N_CHAINS];
    volatile float source = 0.999f, sink = 0;
    const float factor = source;
    for (int c = 0; c < N_CHAINS; c++) chain[c] = (float)c;
    uint64_t start = fet_clock_ns();
    for (int t = 0; t < N_TURNS; t++)
        for (int c = 0; c < N_CHAINS; c++) chain[c] = chain[c] * factor + 0.001f;
    uint64_t end = fet_clock_ns();
    for (int c = 0; c < N_CHAINS; c++) sink = sink + chain[c];
    return (double)(end - start) * 1e-6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double fet_pulse_ms(void)
{
    double ms[N_PULSES];
    for (int p = 0; p < N_PULSES; p++) ms[p] = one_ms();
    qsort(ms, N_PULSES, sizeof *ms, by_value);
    return ms[N_PULSES / 2];
}

bool fet_pulse_judge(fet_pulse *pulse, double ms)
{
    if (pulse->best_ms == 0 || ms < pulse->best_ms) pulse->best_ms = ms;
    return ms > SLOW * pulse->best_ms;
}

bool fet_pulse_is_slow(fet_pulse *pulse)
{
    return fet_pulse_judge(pulse, fet_pulse_ms());
}
