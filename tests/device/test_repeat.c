// SPDX-License-Identifier: Apache-2.0
/* Which of a kernel's measurements counts (device/repeat.h), case by case and, on random ones, by its definition. */
#include "check.h"

#include "base/rng.h"
#include "device/repeat.h"

#include <math.h>

typedef struct example {
    double ms[FET_REPEATS_MAX], pulse[FET_REPEATS_MAX];
    uint32_t n;
    double figure;
    uint32_t agree;
} example;

static void fill(const double *ms, const double *pulse, uint32_t n, fet_repeat *repeats)
{
    for (uint32_t i = 0; i < n; i++) repeats[i] = (fet_repeat){.latency_ms = ms[i], .spread = 0.01, .pulse = pulse[i]};
}

static void test_cases(void **state)
{
    (void)state;
    const example examples[] = {
        {{1.3}, {1}, 1, 1.3, 1},                               /* one is what it is */
        {{1.3}, {1.4}, 1, 1.3, 1},                             /* also beside a slow pulse: there is no other */
        {{1.00, 1.02}, {0, 1}, 2, 1.01, 2},                    /* two that agree */
        {{1.25, 1.00}, {0, 1}, 2, 1.00, 1},                    /* two that do not: time is only ever added */
        {{1.00, 1.25}, {1, 1}, 2, 1.00, 1},                    /* in whichever order */
        {{1.25, 1.00, 1.01}, {0, 1, 1}, 3, 1.005, 2},          /* the first one fell into a slow minute */
        {{1.00, 1.24, 1.25}, {0, 1, 1}, 3, 1.245, 2},          /* the later ones agree, and they are slower: so it is */
        {{1.00, 1.24, 1.25}, {0, 1.2, 1.2}, 3, 1.00, 1},       /* unless their minute was slow */
        {{1.25, 1.24, 1.00}, {1.2, 1.3, 1}, 3, 1.00, 1},       /* one calm one against two disturbed */
        {{1.00, 1.01, 1.25, 1.26}, {1, 1, 1, 1}, 4, 1.005, 2}, /* two against two: the quicker ones */
        {{1.0, 2.0, 4.0}, {1, 1, 1}, 3, 1.0, 1},               /* no two agree */
    };
    for (size_t e = 0; e < sizeof examples / sizeof *examples; e++) {
        fet_repeat repeats[FET_REPEATS_MAX];
        fill(examples[e].ms, examples[e].pulse, examples[e].n, repeats);
        fet_repeat_figure figure = fet_repeats_judge(repeats, examples[e].n);
        if (fabs(figure.latency_ms - examples[e].figure) > 1e-9 || figure.agree != examples[e].agree)
            fail_msg("example %zu: %g by %u, expected %g by %u", e, figure.latency_ms, figure.agree, examples[e].figure, examples[e].agree);
        assert_true(figure.spread >= 0.01 && figure.spread < 0.06);
    }
}

static uint32_t near(const fet_repeat *repeats, uint32_t n, double ms, bool calm_only)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!(calm_only && repeats[i].pulse > 1.05)) found += fabs(repeats[i].latency_ms - ms) <= 0.05 * fmin(repeats[i].latency_ms, ms);
    return found;
}

/* No measurement has more that agree with it than the figure says, the figure lies among some that do, and their order means nothing. */
static void test_definition(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 5, 0, FET_RNG_TEST);
    for (int turn = 0; turn < 2000; turn++) {
        fet_repeat repeats[FET_REPEATS_MAX];
        uint32_t n = 1 + fet_rng_below(&rng, FET_REPEATS_MAX);
        bool any_calm = false, among = false;
        for (uint32_t i = 0; i < n; i++) {
            double slow = fet_rng_below(&rng, 3) == 0 ? 1.25 : 1;
            repeats[i] = (fet_repeat){.latency_ms = slow * (1 + 0.03 * fet_rng_uniform(&rng)), .spread = 0.01, .pulse = 1};
            if (slow > 1 && fet_rng_below(&rng, 2)) repeats[i].pulse = 1.2;
            any_calm |= repeats[i].pulse <= 1.05;
        }
        fet_repeat_figure figure = fet_repeats_judge(repeats, n);
        for (uint32_t i = 0; i < n; i++) {
            if (any_calm && repeats[i].pulse > 1.05) continue;
            assert_true(near(repeats, n, repeats[i].latency_ms, any_calm) <= figure.agree);
            among |= near(repeats, n, repeats[i].latency_ms, any_calm) == figure.agree &&
                     fet_repeats_agree(repeats[i].latency_ms, figure.latency_ms);
        }
        assert_true(among);
        fet_repeat last = repeats[n - 1];
        for (uint32_t i = n - 1; i > 0; i--) repeats[i] = repeats[i - 1];
        repeats[0] = last;
        fet_repeat_figure turned = fet_repeats_judge(repeats, n);
        assert_true(turned.latency_ms == figure.latency_ms && turned.agree == figure.agree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_definition)};
    return cmocka_run_group_tests_name("repeated measurements", tests, NULL, NULL);
}
