// SPDX-License-Identifier: Apache-2.0
#include "device/repeat.h"

#include "base/median.h"

#include <math.h>

#define AGREE 0.05 /* as visits of one measurement do (host/rounds.h) */
#define SLOW 1.05  /* pulses apart by less are alike, as host/pulse.c has it */

bool fet_repeat_is_disturbed(const fet_repeat *repeat)
{
    return repeat->pulse > SLOW;
}

bool fet_repeats_agree(double a_ms, double b_ms)
{
    return fabs(a_ms - b_ms) <= AGREE * fmin(a_ms, b_ms);
}

/* Those that count at all. */
static uint32_t choose(const fet_repeat *repeats, uint32_t n, fet_repeat chosen[FET_REPEATS_MAX])
{
    uint32_t n_chosen = 0;
    for (int disturbed = 0; disturbed < 2 && n_chosen == 0; disturbed++)
        for (uint32_t i = 0; i < n; i++)
            if (fet_repeat_is_disturbed(&repeats[i]) == disturbed) chosen[n_chosen++] = repeats[i];
    return n_chosen;
}

/* Of those that agree with `centre`. */
static fet_repeat_figure group_of(const fet_repeat *chosen, uint32_t n, double centre_ms)
{
    double ms[FET_REPEATS_MAX], own[FET_REPEATS_MAX], away[FET_REPEATS_MAX];
    uint32_t agree = 0;
    for (uint32_t i = 0; i < n; i++)
        if (fet_repeats_agree(chosen[i].latency_ms, centre_ms)) ms[agree] = chosen[i].latency_ms, own[agree++] = chosen[i].spread;
    double median = fet_median(ms, agree);
    for (uint32_t i = 0; i < agree; i++) away[i] = fabs(ms[i] / median - 1);
    return (fet_repeat_figure){.latency_ms = median, .spread = fmax(fet_median(own, agree), fet_median(away, agree)), .agree = agree};
}

fet_repeat_figure fet_repeats_judge(const fet_repeat *repeats, uint32_t n)
{
    fet_repeat chosen[FET_REPEATS_MAX];
    uint32_t n_chosen = choose(repeats, n, chosen);
    fet_repeat_figure best = {.agree = 0};
    for (uint32_t i = 0; i < n_chosen; i++) {
        fet_repeat_figure one = group_of(chosen, n_chosen, chosen[i].latency_ms);
        if (one.agree > best.agree || (one.agree == best.agree && one.latency_ms < best.latency_ms)) best = one;
    }
    return best;
}
