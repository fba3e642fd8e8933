// SPDX-License-Identifier: Apache-2.0
#include "device/host/pulse.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/median.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Chains long and many enough that the multipliers are always busy: what a sibling takes is missed at once. */
enum { N_CHAINS = 48, N_TURNS = 4000, N_PULSES = 9 };
/* Kernels followed pulses to within half a percent up to 22% above the quickest. A busy sibling of the core doubled the pulse, but took a
 * tenth more of the kernels' time. */
#define CLOCKS 1.3
#define STEADY 0.05

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

double fet_pulse_ms(void)
{
    double ms[N_PULSES];
    for (int p = 0; p < N_PULSES; p++) ms[p] = one_ms();
    fet_sort_doubles(ms, N_PULSES);
    return ms[N_PULSES / 2];
}

bool fet_pulse_judge(fet_pulse *pulse, double ms)
{
    if (pulse->best_ms == 0 || ms < pulse->best_ms) pulse->best_ms = ms;
    if (pulse->ever_ms == 0 || ms < pulse->ever_ms) pulse->ever_ms = ms;
    return ms > CLOCKS * pulse->best_ms;
}

fet_pulse_view fet_pulse_between(fet_pulse *pulse, double before_ms, double after_ms)
{
    bool slow_before = fet_pulse_judge(pulse, before_ms), slow_after = fet_pulse_judge(pulse, after_ms);
    double mean = 0.5 * (before_ms + after_ms), clock = mean / pulse->ever_ms;
    bool steady = fabs(before_ms - after_ms) <= STEADY * mean;
    if (steady && clock <= CLOCKS) return (fet_pulse_view){.clock = clock, .pulse = 1};
    return (fet_pulse_view){
        .disturbed = slow_before || slow_after || !steady, .clock = 1, .pulse = fmax(before_ms, after_ms) / pulse->ever_ms};
}

bool fet_pulse_is_slow(fet_pulse *pulse)
{
    return fet_pulse_judge(pulse, fet_pulse_ms());
}

bool fet_pulse_wait(fet_pulse *pulse, double patience_s)
{
    double until = fet_clock_monotonic_s() + patience_s;
    while (fet_pulse_is_slow(pulse)) {
        if (fet_clock_monotonic_s() >= until) {
            pulse->best_ms = 0;
            return false;
        }
        fet_clock_sleep_s(0.05);
    }
    return true;
}

enum { LIMIT_BYTES = 256 };
#define WRITTEN "ms, the quickest long pulse"

static double read_best(const char *path)
{
    void *data = NULL;
    size_t bytes = 0;
    if (!fet_file_exists(path)) return 0;
    bool good = fet_file_read(path, LIMIT_BYTES, &data, &bytes) == FET_OK && strstr(data, WRITTEN); /* others were of shorter pulses */
    double ms = good ? strtod(data, NULL) : 0;
    fet_error_clear();
    fet_free(data);
    return ms > 0 && ms < 1e3 ? ms : 0;
}

void fet_pulse_recall(fet_pulse *pulse, const char *path)
{
    double ms = read_best(path);
    if (ms > 0 && (pulse->best_ms == 0 || ms < pulse->best_ms)) pulse->best_ms = ms;
    if (ms > 0 && (pulse->ever_ms == 0 || ms < pulse->ever_ms)) pulse->ever_ms = ms;
}

void fet_pulse_remember(const fet_pulse *pulse, const char *path)
{
    char text[64];
    double before = read_best(path);
    if (pulse->ever_ms == 0 || (before > 0 && pulse->ever_ms >= before)) return;
    int n = snprintf(text, sizeof text, "%.9g " WRITTEN "\n", pulse->ever_ms);
    if (fet_file_replace(path, text, (size_t)n) != FET_OK) fet_error_clear();
}
