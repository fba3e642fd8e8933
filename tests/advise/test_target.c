// SPDX-License-Identifier: Apache-2.0
/* Targets as they stand on a command line. */
#include "check.h"

#include "advise/target.h"

static fet_arena *arena;
static fet_targets targets;

static void good(void **state)
{
    (void)state;
    CHECK_OK(fet_targets_parse(NULL, arena, &targets));
    assert_int_equal(targets.count, 0);
    CHECK_OK(fet_targets_parse("latency=-40%, peak_memory<=60%,params=300 KB", arena, &targets));
    assert_int_equal(targets.count, 3);
    assert_true(targets.items[0].metric == FET_METRIC_LATENCY && targets.items[0].relative);
    CHECK_NEAR(targets.items[0].value, 0.6, 1e-12);
    assert_true(targets.items[1].metric == FET_METRIC_PEAK_MEMORY && targets.items[1].relative);
    CHECK_NEAR(targets.items[1].value, 0.6, 1e-12);
    assert_true(targets.items[2].metric == FET_METRIC_PARAMS && !targets.items[2].relative);
    CHECK_NEAR(targets.items[2].value, 300000, 1e-6);
    assert_string_equal(targets.items[2].text, "params=300 KB");
    CHECK_OK(fet_targets_parse("latency=800us", arena, &targets));
    CHECK_NEAR(targets.items[0].value, 0.8, 1e-12);
    CHECK_OK(fet_targets_parse("params=3kB,peak_memory=2GB", arena, &targets));
    CHECK_NEAR(targets.items[0].value, 3e3, 0);
    CHECK_NEAR(targets.items[1].value, 2e9, 0);
    CHECK_OK(fet_targets_parse("params=2MiB", arena, &targets));
    CHECK_NEAR(targets.items[0].value, 2097152, 0);
}

static void bad(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"latency", "expected NAME=VALUE"},
        {"latncy=-40%", "did you mean latency?"},
        {"quality=90%", "expected latency, peak_memory or params"},
        {"latency=fast", "expected -40%"},
        {"latency=-100%", "expected -40%"},
        {"latency=3KB", "expected -40%"},
        {"params=3ms", "expected -40%"},
        {"latency=-3ms", "expected -40%"},
        {"latency=nan%", "expected -40%"},
        {"latency=-40%,", "expected NAME=VALUE"},
        {"latency=40%%", "expected -40%"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        CHECK_FAILS(FET_ERROR_ARG, fet_targets_parse(cases[c][0], arena, &targets));
        if (!strstr(fet_error_message(), cases[c][1]))
            fail_msg("%s: \"%s\" does not hold \"%s\"", cases[c][0], fet_error_message(), cases[c][1]);
    }
    CHECK_FAILS(
        FET_ERROR_ARG,
        fet_targets_parse("params=1B,params=1B,params=1B,params=1B,params=1B,params=1B,params=1B,params=1B,params=1B", arena, &targets));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(bad)};
    if (fet_arena_create(&arena) != FET_OK) return 1;
    int code = cmocka_run_group_tests(tests, NULL, NULL);
    fet_arena_destroy(arena);
    return code;
}
