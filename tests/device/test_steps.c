// SPDX-License-Identifier: Apache-2.0
/* Staircases made by definition, noisy and disturbed: the answer is the width they were made with, or that it cannot be told; never
 * another. */
#include "check.h"

#include "base/rng.h"
#include "device/steps.h"

#include <math.h>

enum { MAX_POINTS = 128 };

/* One after the other up to 72, then every fifth, as devices are asked. */
static size_t list_channels(uint32_t *channels)
{
    size_t n = 0;
    for (uint32_t c = 9; c <= 260; c += c < 72 ? 1 : 5) channels[n++] = c;
    return n;
}

typedef double (*shape)(uint32_t channels, uint32_t width);

static double even(uint32_t channels, uint32_t width)
{
    return 1 + ceil(channels / (double)width);
}

/* Every third step is three times as high: kernels that compute three units at once. */
static double uneven(uint32_t channels, uint32_t width)
{
    double steps = ceil(channels / (double)width);
    return 2 + steps + 2 * floor((steps - 1) / 3);
}

/* The full unit is a tenth cheaper than its neighbours before it: no tail to mask. */
static double dips(uint32_t channels, uint32_t width)
{
    return even(channels, width) * (channels % width ? 1 : 0.9);
}

static fet_steps find(shape of, uint32_t width, double noise, double disturbed, fet_rng *rng)
{
    uint32_t channels[MAX_POINTS];
    double ms[MAX_POINTS];
    fet_steps steps;
    size_t n = list_channels(channels);
    for (size_t i = 0; i < n; i++) {
        ms[i] = of(channels[i], width) * exp(noise * fet_rng_normal(rng));
        if (fet_rng_uniform(rng) < disturbed) ms[i] *= 1.2 + fet_rng_uniform(rng);
    }
    CHECK_OK(fet_steps_find(channels, ms, n, &steps));
    return steps;
}

static void check_shape(shape of, const char *name, const uint32_t *widths, size_t n_widths)
{
    static const double noises[] = {0, 0.005, 0.02, 0.1}, shares[] = {0, 0, 0.05, 0.1};
    fet_rng rng;
    fet_rng_init(&rng, 7, 0, FET_RNG_TEST);
    for (size_t w = 0; w < n_widths; w++)
        for (size_t k = 0; k < 4; k++) {
            int right = 0;
            enum { ROUNDS = 40 };
            for (int round = 0; round < ROUNDS; round++) {
                fet_steps steps = find(of, widths[w], noises[k], shares[k], &rng);
                assert_true(steps.verdict != FET_STEPS_LEVEL);
                assert_true((steps.verdict == FET_STEPS_FOUND) == (steps.width > 0));
                if (steps.verdict == FET_STEPS_FOUND && steps.width != widths[w])
                    fail_msg("%s of %u, noise %g: found %u", name, widths[w], noises[k], steps.width);
                right += steps.verdict == FET_STEPS_FOUND;
            }
            /* A quiet machine is told always; a step of 4 in 260 channels, a hundredth of the latency, drowns in a tenth of noise. */
            if (noises[k] <= 0.005) assert_int_equal(right, ROUNDS);
            else if (noises[k] <= 0.02 && widths[w] >= 8) assert_true(right >= ROUNDS * 9 / 10);
        }
}

static void test_steps(void **state)
{
    (void)state;
    static const uint32_t all[] = {2, 4, 8, 16, 32, 64}, some[] = {8, 16};
    check_shape(even, "steps", all, 6);
    check_shape(dips, "dips", all + 1, 5);
    check_shape(uneven, "uneven steps", some, 2);
}

static double line(uint32_t channels, uint32_t width)
{
    (void)width;
    return 3 + 0.05 * channels;
}

static double level(uint32_t channels, uint32_t width)
{
    (void)channels, (void)width;
    return 4;
}

static void test_no_steps(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 8, 0, FET_RNG_TEST);
    for (int round = 0; round < 40; round++) {
        fet_steps steps = find(line, 1, 0.003, 0, &rng);
        assert_int_equal(steps.verdict, FET_STEPS_FOUND);
        assert_int_equal(steps.width, 1);
        assert_int_equal(find(level, 1, 0.02, 0.05, &rng).verdict, FET_STEPS_LEVEL);
        steps = find(line, 1, 0.3, 0.3, &rng); /* a machine that does other things */
        assert_true(steps.verdict != FET_STEPS_FOUND || steps.width == 1);
    }
}

/* What was measured on tiles of 16 by 64 (a Xeon with AMX, int8): outputs 3.5 us up to 15, 3.1 at 16, then 6.0, 8.5, 10.8; inputs +90%
 * after 64. */
static double tile_outputs(uint32_t channels, uint32_t width)
{
    double steps = ceil(channels / (double)width);
    return (1 + 2.5 * steps) * (channels % width ? 1 : 0.89);
}

static double tile_inputs(uint32_t channels, uint32_t width)
{
    return 0.2 + ceil(channels / (double)width) * (channels % width ? 1 : 0.95);
}

static void test_tiles(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 9, 0, FET_RNG_TEST);
    for (int round = 0; round < 40; round++) {
        assert_int_equal(find(tile_outputs, 16, 0.01, 0.03, &rng).width, 16);
        assert_int_equal(find(tile_inputs, 64, 0.01, 0.03, &rng).width, 64);
        assert_int_equal(find(tile_inputs, 32, 0.01, 0.03, &rng).width, 32);
    }
}

static void test_bad_input(void **state)
{
    (void)state;
    uint32_t channels[20];
    double ms[20];
    fet_steps steps;
    for (uint32_t i = 0; i < 20; i++) channels[i] = i + 1, ms[i] = 1;
    CHECK_FAILS(FET_ERROR_ARG, fet_steps_find(channels, ms, 15, &steps));
    ms[7] = NAN;
    CHECK_FAILS(FET_ERROR_ARG, fet_steps_find(channels, ms, 20, &steps));
    ms[7] = 1, channels[7] = 7;
    CHECK_FAILS(FET_ERROR_ARG, fet_steps_find(channels, ms, 20, &steps));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_no_steps), cmocka_unit_test(test_tiles),
                                       cmocka_unit_test(test_bad_input)};
    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
