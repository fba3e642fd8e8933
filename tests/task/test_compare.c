// SPDX-License-Identifier: Apache-2.0
/* Two networks on the same samples: the test against throws of a coin counted one by one, the interval by how often it holds the truth, and
 * the counts against what evaluating one sample more at a time says. */
#include "check.h"
#include "made_data.h"

#include "task/compare.h"

#include <math.h>
#include <string.h>

/* Of all sequences of n throws: the share with a split at least as uneven as that of a and b. */
static double by_counting(uint32_t a, uint32_t b)
{
    uint32_t n = a + b, far = 0;
    for (uint32_t throws = 0; throws < 1u << n; throws++) {
        int heads = __builtin_popcount(throws);
        far += abs(2 * heads - (int)n) >= abs((int)a - (int)b);
    }
    return (double)far / (1u << n);
}

static void test_chance(void **state)
{
    (void)state;
    for (uint32_t a = 0; a <= 8; a++)
        for (uint32_t b = 0; b <= 8; b++) {
            fet_comparison c = fet_compare_counts(100, a, b);
            CHECK_NEAR(c.p, by_counting(a, b), 1e-12);
            CHECK_NEAR(c.difference, ((double)a - b) / 100, 1e-15);
            fet_comparison back = fet_compare_counts(100, b, a);
            CHECK_NEAR(back.low, -c.high, 1e-15);
            assert_true(c.low <= c.difference && c.difference <= c.high);
        }
    assert_true(fet_compare_counts(1000000, 500000, 0).p == 0);
    CHECK_NEAR(fet_compare_counts(1000000, 500000, 500000).p, 1, 0);
    fet_comparison none = fet_compare_counts(0, 0, 0);
    assert_true(none.difference == 0 && none.low == -1 && none.high == 1 && none.p == 1);
}

/* Of many draws, 95 % of the intervals hold the difference that was drawn from, and as many tests of equal networks say "chance". */
static void test_coverage(void **state)
{
    (void)state;
    enum { DRAWS = 2000, N = 745 };
    static const double shares[][2] = {{0.01, 0.01}, {0.02, 0.01}, {0.05, 0.05}, {0.1, 0.02}};
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        double one = shares[s][0], other = shares[s][1];
        uint32_t holds = 0, chance = 0;
        for (int d = 0; d < DRAWS; d++) {
            uint32_t only_one = 0, only_other = 0;
            for (int i = 0; i < N; i++) {
                double u = fet_rng_uniform(&rng);
                only_one += u < one;
                only_other += u >= one && u < one + other;
            }
            fet_comparison c = fet_compare_counts(N, only_one, only_other);
            holds += c.low <= one - other && one - other <= c.high;
            chance += c.p >= 0.05;
        }
        assert_true(holds >= 0.935 * DRAWS && holds <= 0.985 * DRAWS);
        if (one == other) assert_true(chance >= 0.95 * DRAWS); /* an exact test errs on the safe side */
    }
}

static void test_networks(void **state)
{
    (void)state;
    enum { SAMPLES = 40 };
    fet_auto(fet_graph) one = made_graph(6, MADE_CLASSES);
    fet_auto(fet_graph) other = made_graph_of(MADE_SIDE / 2, 4, MADE_CLASSES); /* takes smaller images */
    CHECK_OK(fet_graph_init_params(other, NULL, 9));
    const fet_graph *graphs[] = {one, other};
    uint32_t correct[2] = {0, 0}, only[2] = {0, 0};
    for (uint32_t i = 0; i < SAMPLES; i++) {
        bool right[2];
        for (int g = 0; g < 2; g++) {
            fet_accuracy so_far;
            CHECK_OK(fet_classify_eval(graphs[g], made_dataset, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, i + 1, &so_far));
            right[g] = so_far.n_correct > correct[g];
            correct[g] = so_far.n_correct;
        }
        only[0] += right[0] && !right[1], only[1] += right[1] && !right[0];
    }
    fet_comparison c;
    fet_task_sight sight = {.split = FET_SPLIT_TEST, .precision = FET_DTYPE_F32, .limit = SAMPLES};
    const fet_compared first = {one, made_dataset}, second = {other, made_dataset};
    CHECK_OK(fet_classify_compare(&first, &second, &sight, &c));
    assert_int_equal(c.n, SAMPLES);
    assert_int_equal(c.only_one, only[0]);
    assert_int_equal(c.only_other, only[1]);
    assert_true(only[0] + only[1] > 0);
    CHECK_NEAR(c.difference, ((double)correct[0] - correct[1]) / SAMPLES, 1e-12);
    CHECK_OK(fet_classify_compare(&first, &first, &sight, &c));
    assert_true(c.only_one == 0 && c.only_other == 0 && c.p == 1 && c.low < 0 && c.high > 0);
    fet_auto(fet_graph) wide = made_graph(6, MADE_CLASSES + 1);
    CHECK_FAILS(FET_ERROR_SHAPE, fet_classify_compare(&first, &(fet_compared){wide, made_dataset}, &sight, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chance),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_networks),
    };
    return cmocka_run_group_tests(tests, made_data_setup, made_data_teardown);
}
