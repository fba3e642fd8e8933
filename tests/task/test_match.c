// SPDX-License-Identifier: Apache-2.0
/* Losses of one tensor against another by their definitions, their gradients by finite differences, and what "1" means: the best constant
 * answer costs one. */
#include "check.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "task/match.h"

#include <math.h>

enum { BATCH = 5, COUNT = 4, OUTER = 3, LENGTH = 4, INNER = 2, ITEMS = OUTER * LENGTH * INNER };

static void fill(float *numbers, size_t n, uint64_t stream, double size)
{
    fet_rng rng;
    fet_rng_init(&rng, 7, stream, FET_RNG_TEST);
    for (size_t i = 0; i < n; i++) numbers[i] = (float)(size * fet_rng_normal(&rng) + 0.3 * (double)(i % 7));
}

/* Softmax of place (o, i) of sample s, plainly. */
static void softmax(const float *x, int s, int o, int i, double t, double *p)
{
    double sum = 0.0;
    for (int k = 0; k < LENGTH; k++) sum += p[k] = exp(x[s * ITEMS + (o * LENGTH + k) * INNER + i] / t);
    for (int k = 0; k < LENGTH; k++) p[k] /= sum;
}

static double divergence(const double *p, const double *q)
{
    double sum = 0.0;
    for (int k = 0; k < LENGTH; k++) sum += p[k] * log(p[k] / q[k]);
    return sum;
}

/* Sum over places and samples of KL(b || a), or of KL(b || mean of b) without a. */
static double distributions(const float *a, const float *b, double t)
{
    double total = 0.0;
    for (int o = 0; o < OUTER; o++)
        for (int i = 0; i < INNER; i++) {
            double mean[LENGTH] = {0}, p[LENGTH], q[LENGTH];
            for (int s = 0; s < COUNT; s++) {
                softmax(b, s, o, i, t, p);
                for (int k = 0; k < LENGTH; k++) mean[k] += p[k] / COUNT;
            }
            for (int s = 0; s < COUNT; s++) {
                softmax(b, s, o, i, t, p);
                if (a) softmax(a, s, o, i, t, q);
                total += divergence(p, a ? q : mean);
            }
        }
    return total;
}

static double numbers(const float *a, const float *b)
{
    double total = 0.0;
    for (int k = 0; k < ITEMS; k++) {
        double mean = 0.0;
        for (int s = 0; s < COUNT; s++) mean += b[s * ITEMS + k] / (double)COUNT;
        for (int s = 0; s < COUNT; s++) {
            double d = b[s * ITEMS + k] - (a ? a[s * ITEMS + k] : mean);
            total += d * d;
        }
    }
    return total;
}

static void check_gradient(const fet_match *match, float *a, const float *b, const float *diff, double tolerance)
{
    float unused[BATCH * ITEMS];
    for (int i = 0; i < COUNT * ITEMS; i++) {
        const float step = 0x1p-7f; /* the error of central differences goes with its square */
        float kept = a[i];
        double up = 0.0, down = 0.0;
        a[i] = kept + step;
        double wide = a[i];
        CHECK_OK(fet_match_loss(match, a, b, COUNT, BATCH, 0.7, unused, &up));
        a[i] = kept - step;
        wide -= a[i];
        CHECK_OK(fet_match_loss(match, a, b, COUNT, BATCH, 0.7, unused, &down));
        a[i] = kept;
        CHECK_NEAR((up - down) / wide, diff[i], tolerance);
    }
    for (int i = COUNT * ITEMS; i < BATCH * ITEMS; i++) assert_true(diff[i] == 0.0f); /* padding */
}

static void test_numbers(void **state)
{
    (void)state;
    float a[BATCH * ITEMS], b[BATCH * ITEMS], diff[BATCH * ITEMS];
    fill(a, BATCH * ITEMS, 0, 1.5);
    fill(b, BATCH * ITEMS, 1, 1.5);
    fet_match match;
    double loss = 0.0;
    CHECK_OK(fet_match_init_numbers(&match, ITEMS));
    fet_match_observe(&match, b, 3); /* in two parts: the scale is over all */
    fet_match_observe(&match, b + 3 * ITEMS, COUNT - 3);
    fet_match_settle(&match);
    CHECK_OK(fet_match_loss(&match, a, b, COUNT, BATCH, 0.7, diff, &loss));
    CHECK_NEAR(loss, 0.7 * numbers(a, b) / numbers(NULL, b), 1e-6);
    check_gradient(&match, a, b, diff, 1e-6);
    CHECK_OK(fet_match_loss(&match, b, b, COUNT, BATCH, 0.7, diff, &loss));
    assert_true(loss == 0.0);
    a[1] = NAN;
    CHECK_FAILS(FET_ERROR_STATE, fet_match_loss(&match, a, b, COUNT, BATCH, 0.7, diff, &loss));
    fet_match_deinit(&match);
}

static void test_distributions(void **state)
{
    (void)state;
    for (double t = 1.0; t < 5.0; t += 3.0) {
        float a[BATCH * ITEMS], b[BATCH * ITEMS], diff[BATCH * ITEMS];
        fill(a, BATCH * ITEMS, 2, 2.0);
        fill(b, BATCH * ITEMS, 3, 2.0);
        fet_match match;
        double loss = 0.0;
        CHECK_OK(fet_match_init_distribution(&match, OUTER, LENGTH, INNER, t));
        fet_match_observe(&match, b, COUNT);
        fet_match_settle(&match);
        CHECK_OK(fet_match_loss(&match, a, b, COUNT, BATCH, 0.7, diff, &loss));
        CHECK_NEAR(loss, 0.7 * distributions(a, b, t) / distributions(NULL, b, t), 1e-6);
        check_gradient(&match, a, b, diff, 1e-5);
        CHECK_OK(fet_match_loss(&match, b, b, COUNT, BATCH, 0.7, diff, &loss));
        CHECK_NEAR(loss, 0.0, 1e-12);
        b[2] = NAN; /* of the one learnt from, too */
        CHECK_FAILS(FET_ERROR_STATE, fet_match_loss(&match, a, b, COUNT, BATCH, 0.7, diff, &loss));
        fet_match_deinit(&match);
    }
}

/* What never changes has no scale of its own; the loss stays a number, and says that something is wrong. */
static void test_constant(void **state)
{
    (void)state;
    float b[BATCH * ITEMS], a[BATCH * ITEMS], diff[BATCH * ITEMS];
    for (int i = 0; i < BATCH * ITEMS; i++) b[i] = 2.0f, a[i] = 2.5f;
    for (int d = 0; d < 2; d++) {
        fet_match match;
        double loss = -1.0;
        CHECK_OK(d ? fet_match_init_distribution(&match, OUTER, LENGTH, INNER, 1.0) : fet_match_init_numbers(&match, ITEMS));
        fet_match_observe(&match, b, COUNT);
        fet_match_settle(&match);
        CHECK_OK(fet_match_loss(&match, b, b, COUNT, BATCH, 1.0, diff, &loss));
        assert_true(loss == 0.0);
        a[0] = 7.0f;
        CHECK_OK(fet_match_loss(&match, a, b, COUNT, BATCH, 1.0, diff, &loss));
        assert_true(isfinite(loss) && loss > 1.0);
        fet_match_deinit(&match);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 2; n++) {
        fet_match match;
        fet_alloc_fail_after(n);
        CHECK_FAILS(FET_ERROR_NOMEM, fet_match_init_numbers(&match, ITEMS));
        fet_alloc_fail_after(n);
        CHECK_FAILS(FET_ERROR_NOMEM, fet_match_init_distribution(&match, OUTER, LENGTH, INNER, 1.0));
        fet_alloc_fail_after(UINT64_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
