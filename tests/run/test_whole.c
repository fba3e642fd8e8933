// SPDX-License-Identifier: Apache-2.0
/* Networks measured whole until their visits agree, on a device that says what the test wants (the linker puts it in the real one's place).
 */
#include "check.h"

#include "run/whole.h"

#include <string.h>

fet_status __wrap_fet_device_measure_networks(fet_device *device, const char *const *onnx_paths, size_t n, double *out_ms,
                                              double *out_spread);

/* What each network's visits say, by its name "0", "1", ...; the last one stands for all later ones. */
static const double (*script)[6];
static uint32_t n_visits[8], n_rounds;

fet_status __wrap_fet_device_measure_networks(fet_device *device, const char *const *onnx_paths, size_t n, double *out_ms,
                                              double *out_spread)
{
    (void)device;
    for (size_t i = 0; i < n; i++) {
        int network = onnx_paths[i][0] - '0';
        uint32_t visit = n_visits[network]++;
        out_ms[i] = script[network][visit < 5 ? visit : 5];
        out_spread[i] = 0.001 * (network + 1);
    }
    return ++n_rounds == 100 ? fet_fail(FET_ERROR_STATE, "the test's device fails") : FET_OK;
}

static const char *const names[] = {"0", "1", "2"};

static void start(const double (*what)[6])
{
    script = what;
    n_rounds = 0;
    memset(n_visits, 0, sizeof n_visits);
}

static void test_visits(void **state)
{
    (void)state;
    static const double said[3][6] = {
        {1.00, 1.02, 9, 9, 9, 9},          /* agree at once */
        {2.40, 2.00, 2.20, 2.04, 9, 9},    /* two disturbed visits between and before two that agree */
        {3.00, 3.30, 3.60, 3.90, 3.15, 9}, /* never agree: given up after five */
    };
    double ms[3], spread[3];
    start(said);
    CHECK_OK(fet_whole_measure(NULL, names, 3, FET_WHOLE_APART, ms, spread));
    assert_int_equal(n_visits[0], 2);
    assert_int_equal(n_visits[1], 4);
    assert_int_equal(n_visits[2], 5);
    CHECK_NEAR(ms[0], 1.01, 1e-12);
    CHECK_NEAR(ms[1], 2.02, 1e-12);
    CHECK_NEAR(ms[2], 3.075, 1e-12);
    CHECK_NEAR(spread[0], 0.02, 1e-12);
    CHECK_NEAR(spread[1], 0.02, 1e-12);
    CHECK_NEAR(spread[2], 0.05, 1e-12);
}

/* Compared with each other: as long as one does not agree with itself, all are visited again. */
static void test_visits_together(void **state)
{
    (void)state;
    static const double said[3][6] = {
        {1.00, 1.02, 0.98, 0.97, 9, 9},
        {2.40, 2.00, 2.20, 2.04, 9, 9},
        {3.00, 3.03, 3.60, 3.90, 9, 9},
    };
    double ms[3], spread[3];
    start(said);
    CHECK_OK(fet_whole_measure(NULL, names, 3, FET_WHOLE_TOGETHER, ms, spread));
    for (int i = 0; i < 3; i++) assert_int_equal(n_visits[i], 4);
    CHECK_NEAR(ms[0], 0.975, 1e-12);
    CHECK_NEAR(ms[1], 2.02, 1e-12);
    CHECK_NEAR(ms[2], 3.015, 1e-12);
}

/* Visits that are the same leave what the device says of the quickest. */
static void test_spread_within(void **state)
{
    (void)state;
    static const double said[1][6] = {{5, 5, 5, 5, 5, 5}};
    double ms = 0, spread = 0;
    start(said);
    CHECK_OK(fet_whole_measure(NULL, names, 1, FET_WHOLE_APART, &ms, &spread));
    CHECK_NEAR(ms, 5, 0);
    CHECK_NEAR(spread, 0.001, 0);
    CHECK_OK(fet_whole_measure(NULL, names, 0, FET_WHOLE_APART, &ms, &spread));
}

static void test_errors(void **state)
{
    (void)state;
    static const double said[1][6] = {{1, 1, 1, 1, 1, 1}};
    double ms = 0, spread = 0;
    start(said);
    n_rounds = 98;
    CHECK_FAILS(FET_ERROR_STATE, fet_whole_measure(NULL, names, 1, FET_WHOLE_APART, &ms, &spread));
    CHECK_FAILS(FET_ERROR_ARG, fet_whole_measure(NULL, names, FET_WHOLE_MAX + 1, FET_WHOLE_APART, &ms, &spread));
    assert_non_null(strstr(fet_error_message(), "193 networks measured whole: expected at most 192"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_visits),
        cmocka_unit_test(test_visits_together),
        cmocka_unit_test(test_spread_within),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
