// SPDX-License-Identifier: Apache-2.0
/* Visits of a kernel compared, and the pulse of the processor. */
#include "check.h"

#include "base/clock.h"
#include "base/file.h"
#include "device/host/pulse.h"
#include "device/host/rounds.h"

static fet_rounds visits(uint32_t n, const double *ms)
{
    fet_rounds rounds = {.n = n};
    for (uint32_t i = 0; i < n; i++)
        rounds.times[i] = (fet_kernel_time){.latency_ms = ms[i], .spread = 0.01, .n_samples = 10, .implementation = "jit"};
    return rounds;
}

#define VISITS(...) visits(sizeof(double[]){__VA_ARGS__} / sizeof(double), (double[]){__VA_ARGS__})

static void test_settled(void **state)
{
    (void)state;
    const struct {
        fet_rounds rounds;
        uint32_t wanted;
        bool settled;
    } cases[] = {
        {{.n = 0}, 1, false},
        {VISITS(1), 1, true},
        {VISITS(1), 2, false},
        {VISITS(1, 1.04), 2, true},
        {VISITS(1, 1.10), 2, false},      /* one of two was disturbed; who knows which */
        {VISITS(1, 1.10, 1.09), 2, true}, /* two of three agree */
        {VISITS(1, 1.10, 1.30), 2, false},
        {VISITS(1, 1.10, 1.30, 1.11), 2, false}, /* two of four: no majority */
        {VISITS(1, 1.10, 1.30, 1.11, 1.12), 2, true},
        {VISITS(1, 2, 3, 4, 5, 6), 2, true}, /* no room for more */
        {VISITS(1, 1.01), 3, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (fet_rounds_are_settled(&cases[i].rounds, cases[i].wanted) != cases[i].settled) fail_msg("case %zu", i);
}

static void test_summary(void **state)
{
    (void)state;
    fet_rounds two = VISITS(2, 1), five = VISITS(9, 1, 1.02, 1.04, 5);
    fet_kernel_time time = fet_rounds_summarise(&two);
    CHECK_NEAR(time.latency_ms, 1.5, 1e-12);
    CHECK_NEAR(time.spread, 1.0 / 3, 1e-12); /* both half a ms from the median */
    assert_int_equal(time.n_samples, 20);
    assert_string_equal(time.implementation, "jit");
    time = fet_rounds_summarise(&five);
    CHECK_NEAR(time.latency_ms, 1.04, 1e-12);
    CHECK_NEAR(time.spread, 0.04 / 1.04, 1e-12);
    fet_rounds one = VISITS(3);
    time = fet_rounds_summarise(&one);
    CHECK_NEAR(time.latency_ms, 3, 0);
    CHECK_NEAR(time.spread, 0.01, 0); /* its own */
}

static void test_pulse(void **state)
{
    (void)state;
    fet_pulse pulse = {0};
    assert_false(fet_pulse_judge(&pulse, 1.0));
    assert_false(fet_pulse_judge(&pulse, 1.29));
    assert_true(fet_pulse_judge(&pulse, 1.31));
    assert_false(fet_pulse_judge(&pulse, 0.7)); /* the first ones were slow */
    assert_true(fet_pulse_judge(&pulse, 1.0));
    /* Of the real one: a few microseconds, and about the same again. Another process may take one, hardly all of 20. */
    double least = 1e9, most = 0;
    for (int i = 0; i < 20; i++) {
        double ms = fet_pulse_ms();
        least = ms < least ? ms : least, most = ms > most ? ms : most;
    }
    assert_true(least > 1e-4 && least < 50); /* under sanitizers a hundred times as long */
    fet_pulse real = {.best_ms = least};
    bool ever_quick = false;
    for (int i = 0; i < 100 && !ever_quick; i++) ever_quick = !fet_pulse_is_slow(&real);
    assert_true(ever_quick);
}

/* A lower clock is told and taken out; what is more than that, or changes meanwhile, is a disturbance, unless the machine was taken so. */
static void test_clock(void **state)
{
    (void)state;
    static const struct {
        fet_pulse pulse;
        double before, after;
        fet_pulse_view view;
    } cases[] = {
        {{0, 0}, 1, 1, {false, 1, 1}},
        {{1, 1}, 1.2, 1.22, {false, 1.21, 1}},
        {{1, 1}, 0.98, 1.0, {false, 0.99 / 0.98, 1}}, /* a new quickest one */
        {{1, 1}, 1.0, 1.1, {true, 1, 1.1}},
        {{1, 1}, 2.0, 2.0, {true, 1, 2}},
        {{1, 1}, 1.0, 2.0, {true, 1, 2}},
        {{0, 1}, 2.0, 2.0, {false, 1, 2}}, /* patience has ended: slow, but the same all the time */
        {{0, 1}, 2.0, 2.3, {true, 1, 2.3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fet_pulse pulse = cases[i].pulse;
        fet_pulse_view view = fet_pulse_between(&pulse, cases[i].before, cases[i].after);
        if (view.disturbed != cases[i].view.disturbed) fail_msg("case %zu", i);
        CHECK_NEAR(view.clock, cases[i].view.clock, 1e-12);
        CHECK_NEAR(view.pulse, cases[i].view.pulse, 1e-12);
    }
}

/* Waiting ends when it is calm, or when patience does, and then the machine is taken as it is. */
static void test_waiting(void **state)
{
    (void)state;
    fet_pulse calm = {.best_ms = 1e3}, busy = {.best_ms = 1e-9};
    assert_true(fet_pulse_wait(&calm, 0));
    assert_true(calm.best_ms < 1e3);
    double start = fet_clock_monotonic_s();
    assert_false(fet_pulse_wait(&busy, 0.12));
    assert_true(fet_clock_monotonic_s() - start >= 0.12);
    assert_true(busy.best_ms == 0);
}

static void test_calm_is_remembered(void **state)
{
    (void)state;
    char path[] = "/tmp/fet-pulse-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    fet_pulse one = {.ever_ms = 0.5}, two = {.ever_ms = 0.4}, three = {0}, four = {.best_ms = 0.3};
    fet_pulse_recall(&three, path); /* empty: nothing is known */
    assert_true(three.best_ms == 0);
    fet_pulse_remember(&two, path);
    fet_pulse_remember(&one, path); /* slower: does not count */
    fet_pulse_recall(&three, path);
    CHECK_NEAR(three.best_ms, 0.4, 1e-9);
    CHECK_NEAR(three.ever_ms, 0.4, 1e-9);
    CHECK_OK(fet_file_replace(path, "0.0007 ms, the quickest pulse\n", 30)); /* of an earlier version: shorter pulses */
    fet_pulse_recall(&three, path);
    CHECK_NEAR(three.ever_ms, 0.4, 1e-9);
    fet_pulse_remember(&three, path);
    fet_pulse_recall(&four, path);
    CHECK_NEAR(four.best_ms, 0.3, 0);
    unlink(path);
    fet_pulse_recall(&four, path);
    CHECK_NEAR(four.best_ms, 0.3, 0);
    fet_pulse_remember(&four, "/nowhere/at/all"); /* best effort */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_settled), cmocka_unit_test(test_summary),
                                       cmocka_unit_test(test_pulse),   cmocka_unit_test(test_clock),
                                       cmocka_unit_test(test_waiting), cmocka_unit_test(test_calm_is_remembered)};
    return cmocka_run_group_tests_name("rounds", tests, NULL, NULL);
}
