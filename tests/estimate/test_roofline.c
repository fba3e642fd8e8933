// SPDX-License-Identifier: Apache-2.0
/* The constants of a roofline are found again from latencies that it made, through noise and outliers; and the units' widths. */
#include "check.h"

#include "base/alloc.h"
#include "estimate/roofline.h"
#include "synthetic.h"

enum { N = 400 };

static fet_workload workloads[N];
static double ms[N];

static const fet_roofline truth = {.out = 16, .in = 8, .overhead_ms = 0.0005, .ms_per_work = 3e-9, .ms_per_byte = 4e-8};

static void fill(double noise)
{
    fet_rng rng;
    fet_rng_init(&rng, 8, 0, FET_RNG_TEST);
    for (int i = 0; i < N; i++) {
        fet_kernel_key key =
            synthetic_conv(1 + fet_rng_below(&rng, 100), 1 + fet_rng_below(&rng, 100), 3 + fet_rng_below(&rng, 40), i % 2 ? 3 : 1, 1);
        workloads[i] = fet_workload_of(&key);
        ms[i] = fet_roofline_ms(&truth, &workloads[i], NULL) * exp(noise * fet_rng_normal(&rng));
        if (noise > 0 && i % 20 == 0) ms[i] *= 3; /* something else ran */
    }
}

static void test_by_definition(void **state)
{
    (void)state;
    fet_kernel_key key = synthetic_conv(20, 24, 14, 3, 1);
    fet_workload w = fet_workload_of(&key);
    double share = 0, compute = 196.0 * 9 * 32 * 24 * 3e-9, move = w.bytes * 4e-8;
    CHECK_NEAR(fet_roofline_ms(&truth, &w, &share), 0.0005 + fmax(compute, move), 1e-12);
    CHECK_NEAR(share, compute / (0.0005 + compute + move), 1e-9);
}

static void test_found_again(void **state)
{
    (void)state;
    for (int given = 0; given < 2; given++)
        for (int noisy = 0; noisy < 2; noisy++) {
            fet_roofline found;
            double worst = 0;
            fill(noisy ? 0.03 : 0);
            CHECK_OK(fet_roofline_fit(workloads, ms, N, given ? 16 : 0, given ? 8 : 0, &found));
            assert_int_equal(found.out, 16);
            assert_int_equal(found.in, 8);
            for (int i = 0; i < N; i++)
                worst = fmax(worst, fabs(log(fet_roofline_ms(&found, &workloads[i], NULL) / fet_roofline_ms(&truth, &workloads[i], NULL))));
            assert_true(worst < (noisy ? 0.06 : 0.03));
        }
}

static void test_faults(void **state)
{
    (void)state;
    fet_roofline found;
    fill(0);
    fet_alloc_fail_after(0);
    CHECK_FAILS(FET_ERROR_NOMEM, fet_roofline_fit(workloads, ms, N, 16, 8, &found));
    fet_alloc_fail_after(UINT64_MAX);
    CHECK_OK(fet_roofline_fit(workloads, ms, 1, 16, 8, &found));
    CHECK_NEAR(fet_roofline_ms(&found, &workloads[0], NULL), ms[0], 0.02 * ms[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_definition), cmocka_unit_test(test_found_again),
                                       cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests_name("roofline", tests, NULL, NULL);
}
