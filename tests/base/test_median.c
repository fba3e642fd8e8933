// SPDX-License-Identifier: Apache-2.0
/* By definition: as many values lie below the median as above, and sorting keeps every value. */
#include "check.h"

#include "base/median.h"
#include "base/rng.h"

#include <math.h>

static void test_small(void **state)
{
    (void)state;
    double one[] = {7}, two[] = {5, -1}, three[] = {3, 1, 2}, same[] = {4, 4, 4, 4};
    assert_true(fet_median(one, 1) == 7 && fet_median(two, 2) == 2 && fet_median(three, 3) == 2 && fet_median(same, 4) == 4);
    assert_true(three[0] == 1 && three[1] == 2 && three[2] == 3);
}

static void test_by_counting(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (size_t n = 1; n < 60; n++) {
        double values[60], given[60];
        for (size_t i = 0; i < n; i++) given[i] = values[i] = floor(20 * fet_rng_uniform(&rng)) - 10;
        double median = fet_median(values, n);
        size_t below = 0, above = 0;
        for (size_t i = 0; i < n; i++) below += given[i]<median, above += given[i]> median;
        assert_true(2 * below <= n && 2 * above <= n);
        for (size_t i = 0; i < n; i++) {
            size_t before = 0, after = 0;
            for (size_t k = 0; k < n; k++) before += given[k] == given[i], after += values[k] == given[i];
            assert_true(before == after && (i == 0 || values[i - 1] <= values[i]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_small), cmocka_unit_test(test_by_counting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
