// SPDX-License-Identifier: Apache-2.0
/* The loss by its definition, its gradient by finite differences, the learning rate's course, and Wilson's interval against published
 * values. */
#include "check.h"

#include "base/rng.h"
#include "task/classify.h"

#include <math.h>
#include <string.h>

enum { BATCH = 5, COUNT = 4, K = 7 };

static void make_logits(float *logits, uint32_t *labels)
{
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int i = 0; i < BATCH * K; i++) logits[i] = (float)(3.0 * fet_rng_normal(&rng));
    for (int i = 0; i < BATCH; i++) labels[i] = fet_rng_below(&rng, K);
}

static double loss_by_definition(const float *logits, const uint32_t *labels, double smoothing)
{
    double total = 0.0;
    for (int i = 0; i < COUNT; i++) {
        double sum = 0.0;
        for (int k = 0; k < K; k++) sum += exp(logits[i * K + k]);
        for (int k = 0; k < K; k++) {
            double target = (k == (int)labels[i] ? 1.0 - smoothing : 0.0) + smoothing / K;
            total -= target * log(exp(logits[i * K + k]) / sum) / COUNT;
        }
    }
    return total;
}

static void test_loss_and_gradient(void **state)
{
    (void)state;
    float logits[BATCH * K], diff[BATCH * K], unused[BATCH * K];
    uint32_t labels[BATCH];
    make_logits(logits, labels);
    for (float smoothing = 0.0f; smoothing < 0.3f; smoothing += 0.1f) {
        double loss = 0.0;
        CHECK_OK(fet_classify_loss(logits, &(fet_batch){.labels = labels, .count = COUNT}, BATCH, K, smoothing, diff, &loss));
        CHECK_NEAR(loss, loss_by_definition(logits, labels, smoothing), 1e-9);
        for (int i = 0; i < COUNT * K; i++) {
            /* Central differences; a step of 2^-7 leaves an error of about step^2. */
            const float step = 0x1p-7f;
            float kept = logits[i];
            double up = 0.0, down = 0.0;
            logits[i] = kept + step;
            double wide = logits[i];
            CHECK_OK(fet_classify_loss(logits, &(fet_batch){.labels = labels, .count = COUNT}, BATCH, K, smoothing, unused, &up));
            logits[i] = kept - step;
            wide -= logits[i];
            CHECK_OK(fet_classify_loss(logits, &(fet_batch){.labels = labels, .count = COUNT}, BATCH, K, smoothing, unused, &down));
            logits[i] = kept;
            CHECK_NEAR((up - down) / wide, diff[i], 1e-5);
        }
        for (int i = COUNT * K; i < BATCH * K; i++) assert_true(diff[i] == 0.0f); /* padding */
    }
}

/* The loss of a mixture is the mean of the losses of both, weighted by their shares; and so is its gradient. */
static void test_mixture(void **state)
{
    (void)state;
    float logits[BATCH * K], diff[BATCH * K], one_diff[BATCH * K], other_diff[BATCH * K];
    uint32_t labels[BATCH], others[BATCH];
    float shares[BATCH], share = 0.3f;
    make_logits(logits, labels);
    for (int i = 0; i < BATCH; i++) others[i] = i == 1 ? labels[i] : (labels[i] + 1 + (uint32_t)i) % K, shares[i] = share;
    double loss = 0, one = 0, other = 0;
    fet_batch mixed = {.labels = labels, .others = others, .shares = shares, .count = COUNT};
    CHECK_OK(fet_classify_loss(logits, &mixed, BATCH, K, 0.1f, diff, &loss));
    CHECK_OK(fet_classify_loss(logits, &(fet_batch){.labels = labels, .count = COUNT}, BATCH, K, 0.1f, one_diff, &one));
    CHECK_OK(fet_classify_loss(logits, &(fet_batch){.labels = others, .count = COUNT}, BATCH, K, 0.1f, other_diff, &other));
    CHECK_NEAR(loss, (double)share * one + (1 - (double)share) * other, 1e-9);
    for (int i = 0; i < BATCH * K; i++) CHECK_NEAR(diff[i], share * one_diff[i] + (1 - share) * other_diff[i], 1e-6);
    others[0] = K;
    CHECK_FAILS(FET_ERROR_ARG, fet_classify_loss(logits, &mixed, BATCH, K, 0.1f, diff, &loss));
}

static void test_extreme_logits(void **state)
{
    (void)state;
    float logits[] = {1e30f, -1e30f, 3.0f}, diff[3];
    uint32_t label = 0;
    double loss = -1.0;
    CHECK_OK(fet_classify_loss(logits, &(fet_batch){.labels = &label, .count = 1}, 1, 3, 0.0f, diff, &loss));
    CHECK_NEAR(loss, 0.0, 1e-12);
    CHECK_NEAR(diff[0], 0.0, 1e-12);
    logits[1] = NAN;
    CHECK_FAILS(FET_ERROR_STATE, fet_classify_loss(logits, &(fet_batch){.labels = &label, .count = 1}, 1, 3, 0.0f, diff, &loss));
    logits[1] = INFINITY;
    CHECK_FAILS(FET_ERROR_STATE, fet_classify_loss(logits, &(fet_batch){.labels = &label, .count = 1}, 1, 3, 0.0f, diff, &loss));
    logits[1] = 0.0f;
    label = 3;
    CHECK_FAILS(FET_ERROR_ARG, fet_classify_loss(logits, &(fet_batch){.labels = &label, .count = 1}, 1, 3, 0.0f, diff, &loss));
    CHECK_FAILS(FET_ERROR_ARG, fet_classify_loss(logits, &(fet_batch){.labels = &label, .count = 2}, 1, 3, 0.0f, diff, &loss));
    CHECK_FAILS(FET_ERROR_ARG, fet_classify_loss(logits, &(fet_batch){.labels = &label, .count = 1}, 1, 3, 1.0f, diff, &loss));
}

static void test_wilson(void **state)
{
    (void)state;
    /* Published: Newcombe 1998 (Statistics in Medicine 17, table I), method 3; Brown, Cai and DasGupta 2001. */
    static const struct {
        uint32_t x, n;
        double low, high;
    } known[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0000, 0.1611}, {1, 29, 0.0061, 0.1718}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        double low = -1.0, high = -1.0;
        fet_wilson_interval(known[i].x, known[i].n, &low, &high);
        CHECK_NEAR(low, known[i].low, 5.1e-5);
        CHECK_NEAR(high, known[i].high, 5.1e-5);
        /* The other side of the coin. */
        double low2 = -1.0, high2 = -1.0;
        fet_wilson_interval(known[i].n - known[i].x, known[i].n, &low2, &high2);
        CHECK_NEAR(low2, 1.0 - high, 1e-12);
        CHECK_NEAR(high2, 1.0 - low, 1e-12);
    }
    double low = -1.0, high = -1.0;
    fet_wilson_interval(0, 0, &low, &high);
    assert_true(low == 0.0 && high == 1.0);
}

static void test_learning_rate(void **state)
{
    (void)state;
    fet_train_options options = fet_train_default_options();
    options.learning_rate = 0.5f;
    options.warmup_share = 0.1;
    for (uint64_t b = 0; b < 10; b++) CHECK_NEAR(fet_train_learning_rate(&options, b, 100), 0.05 * (double)(b + 1), 1e-9);
    CHECK_NEAR(fet_train_learning_rate(&options, 10, 100), 0.5, 1e-9);
    CHECK_NEAR(fet_train_learning_rate(&options, 55, 100), 0.25, 1e-9); /* half of the way down */
    for (uint64_t b = 10; b < 99; b++)
        assert_true(fet_train_learning_rate(&options, b + 1, 100) < fet_train_learning_rate(&options, b, 100));
    assert_true(fet_train_learning_rate(&options, 99, 100) < 0.001);
    options.warmup_share = 0.0;
    CHECK_NEAR(fet_train_learning_rate(&options, 0, 1), 0.5, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_and_gradient), cmocka_unit_test(test_mixture),
        cmocka_unit_test(test_extreme_logits),    cmocka_unit_test(test_wilson),
        cmocka_unit_test(test_learning_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
