// SPDX-License-Identifier: Apache-2.0
/*
 * How ranges are chosen: every method against its definition on the numbers themselves, sorted or tried range by range; histograms against
 * counting by hand.
 */
#include "check.h"
#include "engine/quantise/method.h"
#include "slow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 40000 };

/* What activations look like: behind a ReLU with many zeros, on both sides of zero, with a long tail, with a lone outlier. */
static float *numbers_of(int kind)
{
    fet_rng rng;
    fet_rng_init(&rng, (uint64_t)kind + 1, 0, FET_RNG_TEST);
    float *x = slow_normal(&rng, N);
    for (int i = 0; i < N; i++) {
        if (kind == 0) x[i] = fmaxf(x[i] - 0.3f, 0.0f);
        if (kind == 2) x[i] = expf(1.5f * x[i]);
        if (kind == 3 && i == N / 2) x[i] = 60.0f;
        if (kind == 4) x[i] = fmaxf(x[i], 0.0f) * 0.001f;
    }
    return x;
}
enum { N_KINDS = 5 };

static bool is_unsigned(int kind)
{
    return kind == 0 || kind == 2 || kind == 4;
}

static fet_histogram *histogram_of(const float *x, int pieces)
{
    fet_histogram *h = NULL;
    CHECK_OK(fet_histogram_create(&h));
    for (int p = 0; p < pieces; p++) CHECK_OK(fet_histogram_add(h, x + p * (N / pieces), N / pieces, 0));
    return h;
}

static double squared_error(const float *x, float range, bool u)
{
    double step = (double)range / (u ? 255.0 : 127.0), sum = 0.0;
    for (int i = 0; i < N; i++) {
        double q = fmin(fmax(nearbyint((double)x[i] / step), u ? 0.0 : -128.0), u ? 255.0 : 127.0), d = (double)x[i] - q * step;
        sum += d * d;
    }
    return sum;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void check_percentile(const fet_calibration_method *method, const float *x, const fet_histogram *h, bool u)
{
    float *sorted = malloc(N * sizeof *sorted);
    for (int i = 0; i < N; i++) sorted[i] = u ? fmaxf(x[i], 0.0f) : fabsf(x[i]);
    qsort(sorted, N, sizeof *sorted, by_size);
    float expected = sorted[(int)ceil(method->parameter / 100.0 * N) - 1];
    float got = method->range(h, method->parameter, u);
    if (!(got >= expected && (double)got <= (double)expected + h->width * 1.0001))
        fail_msg("%s: %g, expected %g to a bin of %g", method->name, (double)got, (double)expected, h->width);
    free(sorted);
}

/* No range that is tried one by one is better by more than what bins cannot tell. */
static void check_mse(const fet_calibration_method *method, const float *x, const fet_histogram *h, bool u)
{
    float got = method->range(h, 0, u), whole = fet_range_min_max(h, 0, u);
    double error = squared_error(x, got, u), least = INFINITY;
    for (int i = 20; i <= 320; i++) least = fmin(least, squared_error(x, whole * (float)i / 320.0f, u));
    if (!(error <= 1.03 * least)) fail_msg("mse: %g has an error of %g, %g can be had", (double)got, error, least);
}

static void test_methods(void **state)
{
    (void)state;
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int pieces = 1; pieces <= 8; pieces *= 8) {
            float *x = numbers_of(kind);
            fet_histogram *h = histogram_of(x, pieces);
            bool u = is_unsigned(kind);
            float low = x[0], high = x[0];
            for (int i = 0; i < N; i++) low = fminf(low, x[i]), high = fmaxf(high, x[i]);
            assert_true(h->low == low && h->high == high);
            for (const fet_calibration_method *m = fet_calibration_methods; m->name; m++) {
                float range = m->range(h, m->parameter, u);
                assert_true(range > 0.0f && range <= (u ? high : fmaxf(fabsf(low), high)));
                assert_ptr_equal(fet_calibration_method_find(m->name), m);
                if (m->range == fet_range_percentile) check_percentile(m, x, h, u);
                if (m->range == fet_range_mse) check_mse(m, x, h, u);
                if (m->range == fet_range_min_max) assert_true(range == (u ? high : fmaxf(fabsf(low), high)));
            }
            fet_histogram_destroy(h);
            free(x);
        }
    assert_null(fet_calibration_method_find("max"));
}

/* A lone outlier is cut off by every method that looks at the bins, and the rest is better for it. */
static void test_outlier(void **state)
{
    (void)state;
    float *x = numbers_of(3);
    fet_histogram *h = histogram_of(x, 1);
    float by_percentile = fet_range_percentile(h, 99.9, false), by_mse = fet_range_mse(h, 0, false);
    assert_true(by_percentile < 6.0f && by_mse < 60.0f);
    assert_true(squared_error(x, by_mse, false) < squared_error(x, 60.0f, false));
    fet_histogram_destroy(h);
    free(x);
}

static void test_bins(void **state)
{
    (void)state;
    float *x = numbers_of(1);
    fet_histogram *h = histogram_of(x, 20);
    uint64_t total = h->zeros;
    for (int s = 0; s < 2; s++)
        for (int b = 0; b < FET_HISTOGRAM_BINS; b++) {
            uint64_t inside = 0;
            for (int i = 0; b % 100 == 0 && i < N; i++) {
                double size = s ? -(double)x[i] : (double)x[i];
                inside += size > 0 && size >= b * h->width && size < (b + 1) * h->width;
            }
            if (b % 100 == 0) assert_int_equal(inside, h->side[s][b]);
            total += h->side[s][b];
        }
    assert_int_equal(total, N);
    /* Of long arrays a share is counted, of every part alike. */
    fet_auto(fet_histogram) few = NULL;
    CHECK_OK(fet_histogram_create(&few));
    CHECK_OK(fet_histogram_add(few, x, N, 1000));
    uint64_t positive = 0, counted = few->zeros;
    for (int b = 0; b < FET_HISTOGRAM_BINS; b++) positive += few->side[0][b], counted += few->side[0][b] + few->side[1][b];
    assert_true(counted >= 990 && counted <= 1000 && positive > 400 && positive < 600);
    assert_true(few->low == h->low && few->high == h->high);
    x[7] = NAN;
    CHECK_FAILS(FET_ERROR_ARG, fet_histogram_add(few, x, N, 0));
    fet_histogram_destroy(h);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_outlier),
        cmocka_unit_test(test_bins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
