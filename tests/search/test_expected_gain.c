// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/rng.h"
#include "search/expected_gain.h"
#include "search/pareto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 6, OBJECTIVES = 4 };

static int by_first(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double volume_of(const double *points, size_t n, uint32_t m, const double *reference)
{
    double volume = 0;
    if (m > 1) {
        CHECK_OK(fet_pareto_hypervolume(points, n, m, reference, &volume));
        return volume;
    }
    for (size_t i = 0; i < n; i++) volume = fmax(volume, reference[0] - points[i]);
    return volume;
}

/* By definition: the volume gained, weighted with the normal density, over a fine grid of the first objective. */
static double integrated_gain(const double *front, size_t n, uint32_t m, const double *reference, const double *point, double deviation)
{
    enum { STEPS = 4000 };
    const double reach = 8;
    double points[(MOST + 1) * OBJECTIVES], before = volume_of(front, n, m, reference), sum = 0;
    memcpy(points, front, n * m * sizeof *points);
    memcpy(points + n * m, point, m * sizeof *points);
    for (int i = 0; i < STEPS; i++) {
        double z = reach * (2 * (i + 0.5) / STEPS - 1);
        points[n * m] = point[0] + deviation * z;
        sum += (volume_of(points, n + 1, m, reference) - before) * exp(-0.5 * z * z) / sqrt(2 * M_PI) * (2 * reach / STEPS);
    }
    return sum;
}

static void test_definition(void **state)
{
    (void)state;
    const double reference[OBJECTIVES] = {1, 1, 1, 1};
    for (uint32_t m = 1; m <= OBJECTIVES; m++)
        for (uint64_t seed = 0; seed < 40; seed++) {
            fet_rng rng;
            double front[MOST * OBJECTIVES], point[OBJECTIVES], gain = NAN;
            fet_rng_init(&rng, seed, m, FET_RNG_TEST);
            size_t n = fet_rng_below(&rng, MOST + 1);
            /* Some points dominate others, some lie beyond the reference. */
            for (size_t i = 0; i < n * m; i++) front[i] = 1.2 * fet_rng_uniform(&rng);
            for (uint32_t o = 0; o < m; o++) point[o] = fet_rng_uniform(&rng);
            qsort(front, n, m * sizeof *front, by_first);
            double deviation = 0.02 + 0.3 * fet_rng_uniform(&rng);
            CHECK_OK(fet_expected_gain(front, n, m, reference, point, deviation, &gain));
            CHECK_NEAR(gain, integrated_gain(front, n, m, reference, point, deviation), 1e-4);
        }
}

static void test_certain(void **state)
{
    (void)state;
    const double front[] = {0.2, 0.8, 0.6, 0.4}, reference[] = {1, 1};
    double gain = NAN;
    CHECK_OK(fet_expected_gain(front, 2, 2, reference, (double[]){0.4, 0.6}, 0, &gain));
    CHECK_NEAR(gain, 0.2 * 0.2, 1e-15);
    CHECK_OK(fet_expected_gain(front, 2, 2, reference, (double[]){0.7, 0.5}, 0, &gain)); /* dominated */
    assert_true(gain == 0);
    CHECK_OK(fet_expected_gain(front, 2, 2, reference, (double[]){0.0, 1.0}, 0.5, &gain)); /* not below the reference */
    assert_true(gain == 0);
    CHECK_OK(fet_expected_gain(front, 0, 2, reference, (double[]){0.5, 0.5}, 0, &gain));
    CHECK_NEAR(gain, 0.25, 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_definition), cmocka_unit_test(test_certain)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
