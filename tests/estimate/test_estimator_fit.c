// SPDX-License-Identifier: Apache-2.0
/* Fitted estimators (fit.c, model.c, predict.c): accuracy on a formula, determinism, what lies outside, families without a model, priors.
 */
#include "check.h"

#include "base/alloc.h"
#include "estimate/file.h"
#include "synthetic.h"

enum { N = 360, UNSEEN = 200 };

static fet_estimate_sample samples[N + UNSEEN];

static int fill(void **state)
{
    (void)state;
    synthetic_fill(21, 3, 0.01, samples, N + UNSEEN);
    return 0;
}

static fet_estimator *fitted(fet_estimate_outside outside, size_t n, const fet_estimator *prior)
{
    fet_estimator *estimator = NULL;
    fet_estimator_options options = fet_estimator_default_options();
    options.device = "a formula";
    options.outside = outside;
    options.prior = prior;
    CHECK_OK(fet_estimator_fit(&options, samples, n, &estimator));
    return estimator;
}

static double mape(const fet_estimator *estimator, double scale)
{
    double sum = 0;
    for (int i = N; i < N + UNSEEN; i++) {
        fet_estimate e;
        CHECK_OK(fet_estimator_predict(estimator, &samples[i].key, 1, &e));
        sum += fabs(e.latency_ms / (samples[i].latency_ms * scale) - 1) / UNSEEN;
    }
    return sum;
}

static void test_learns(void **state)
{
    (void)state;
    fet_auto(fet_estimator) estimator = fitted(FET_ESTIMATE_WIDEN, N, NULL);
    assert_true(mape(estimator, 1) < 0.06);
    assert_int_equal(fet_estimator_count(estimator), N);
    assert_string_equal(fet_estimator_device(estimator), "a formula");
    assert_int_equal(fet_estimator_precision(estimator), FET_DTYPE_S8);
    assert_true(fet_estimator_rules(estimator)->batch_norm == fet_fusion_rules_host.batch_norm);
    assert_true(fet_estimator_parallelism(estimator).out_channels == 1 && fet_estimator_channel_rounding(estimator) == 1);
    CHECK_NEAR(fet_estimator_coverage(estimator), 0.9, 0);
}

/* The same options and samples: the same text; many kernels at once: what each gives alone. */
static void test_deterministic(void **state)
{
    (void)state;
    fet_auto(fet_estimator) one = fitted(FET_ESTIMATE_WIDEN, N, NULL);
    fet_auto(fet_estimator) two = fitted(FET_ESTIMATE_WIDEN, N, NULL);
    char *text[2];
    size_t bytes[2];
    fet_kernel_key keys[UNSEEN];
    fet_estimate many[UNSEEN], single;
    CHECK_OK(fet_estimator_print(one, &text[0], &bytes[0]));
    CHECK_OK(fet_estimator_print(two, &text[1], &bytes[1]));
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(text[0], text[1], bytes[0]);
    for (int i = 0; i < UNSEEN; i++) keys[i] = samples[N + i].key;
    CHECK_OK(fet_estimator_predict(one, keys, UNSEEN, many));
    for (int i = 0; i < UNSEEN; i++) {
        CHECK_OK(fet_estimator_predict(one, &keys[i], 1, &single));
        assert_true(single.latency_ms == many[i].latency_ms && single.low_ms == many[i].low_ms && single.high_ms == many[i].high_ms);
    }
    fet_free(text[0]);
    fet_free(text[1]);
}

static void test_outside(void **state)
{
    (void)state;
    fet_auto(fet_estimator) refuses = fitted(FET_ESTIMATE_REFUSE, N, NULL);
    fet_auto(fet_estimator) widens = fitted(FET_ESTIMATE_WIDEN, N, NULL);
    fet_kernel_key inside = samples[0].key, far = synthetic_conv(64, 512, 14, 3, 1), further = synthetic_conv(64, 2048, 14, 3, 1);
    fet_kernel_key activated = inside;
    fet_estimate e[4];
    activated.activation = FET_ACTIVATION_GELU;
    CHECK_OK(fet_estimator_predict(refuses, &inside, 1, e));
    assert_false(e[0].outside);
    CHECK_FAILS(FET_ERROR_LIMIT, fet_estimator_predict(refuses, &far, 1, e));
    assert_non_null(strstr(fet_error_message(), "conv s8 1x64x14x14>512x14x14"));
    assert_non_null(strstr(fet_error_message(), "oc = 512"));
    CHECK_FAILS(FET_ERROR_LIMIT, fet_estimator_predict(refuses, &activated, 1, e));
    CHECK_OK(fet_estimator_predict(widens, &inside, 1, &e[0]));
    CHECK_OK(fet_estimator_predict(widens, &far, 1, &e[1]));
    CHECK_OK(fet_estimator_predict(widens, &further, 1, &e[2]));
    CHECK_OK(fet_estimator_predict(widens, &activated, 1, &e[3]));
    assert_true(!e[0].outside && e[1].outside && e[2].outside && e[3].outside);
    assert_true(e[2].high_ms / e[2].low_ms > e[1].high_ms / e[1].low_ms);
    assert_true(e[3].high_ms / e[3].low_ms > e[0].high_ms / e[0].low_ms);
    assert_true(e[2].latency_ms > 2 * e[1].latency_ms); /* the roofline reaches where trees do not */
}

/* What was measured is answered as it was, also from the file; without keep_kernels it is estimated like any other. */
static void test_measured(void **state)
{
    (void)state;
    fet_auto(fet_estimator) keeps = fitted(FET_ESTIMATE_REFUSE, N, NULL);
    fet_auto(fet_estimator) read = NULL;
    fet_auto(fet_estimator) forgets = NULL;
    fet_estimator_options options = fet_estimator_default_options();
    char *text = NULL;
    size_t bytes = 0, same = 0;
    options.keep_kernels = false;
    CHECK_OK(fet_estimator_fit(&options, samples, N, &forgets));
    CHECK_OK(fet_estimator_print(keeps, &text, &bytes));
    CHECK_OK(fet_estimator_parse("text", text, bytes, &read));
    fet_free(text);
    for (int i = 0; i < N; i++) {
        fet_estimate e[3];
        CHECK_OK(fet_estimator_predict(keeps, &samples[i].key, 1, &e[0]));
        CHECK_OK(fet_estimator_predict(read, &samples[i].key, 1, &e[1]));
        CHECK_OK(fet_estimator_predict(forgets, &samples[i].key, 1, &e[2]));
        assert_true(e[0].measured && e[1].measured && !e[2].measured);
        assert_true(e[0].latency_ms == samples[i].latency_ms);
        CHECK_NEAR(e[1].latency_ms, samples[i].latency_ms, 1e-8 * samples[i].latency_ms); /* nine digits are kept */
        CHECK_NEAR(e[0].high_ms / e[0].latency_ms, 1 + 2 * samples[i].spread, 1e-9);
        same += e[2].latency_ms == samples[i].latency_ms;
    }
    assert_true(same < N / 10);
    fet_estimate unseen;
    CHECK_OK(fet_estimator_predict(forgets, &samples[N].key, 1, &unseen));
    assert_false(unseen.measured);
}

static void test_no_model(void **state)
{
    (void)state;
    fet_auto(fet_estimator) estimator = fitted(FET_ESTIMATE_WIDEN, N, NULL);
    fet_kernel_key keys[2] = {samples[0].key};
    fet_estimate e[2] = {{.latency_ms = -1}};
    CHECK_OK(fet_kernel_key_parse("add s8 1x64x28x28>64x28x28", &keys[1]));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_estimator_predict(estimator, keys, 2, e));
    assert_non_null(strstr(fet_error_message(), "elementwise"));
    assert_true(e[0].latency_ms == -1);
}

/* A device three times slower, of which few kernels are known: with the first as prior it is nearer, and its file keeps the prior. */
static void test_prior(void **state)
{
    (void)state;
    fet_auto(fet_estimator) prior = fitted(FET_ESTIMATE_WIDEN, N, NULL);
    for (int i = 0; i < N + UNSEEN; i++) samples[i].latency_ms *= 3;
    fet_auto(fet_estimator) alone = fitted(FET_ESTIMATE_WIDEN, 24, NULL);
    fet_auto(fet_estimator) helped = fitted(FET_ESTIMATE_WIDEN, 24, prior);
    fet_auto(fet_estimator) three = fitted(FET_ESTIMATE_WIDEN, 3, prior);
    double without = mape(alone, 1), with = mape(helped, 1), least = mape(three, 1);
    for (int i = 0; i < N + UNSEEN; i++) samples[i].latency_ms /= 3;
    assert_true(with < 0.5 * without && with < 0.08);
    assert_true(least < 0.1);
    char *text = NULL;
    size_t bytes = 0;
    fet_auto(fet_estimator) read = NULL;
    CHECK_OK(fet_estimator_print(helped, &text, &bytes));
    CHECK_OK(fet_estimator_parse("text", text, bytes, &read));
    fet_free(text);
    assert_true(mape(read, 3) == mape(helped, 3));
    fet_estimator *of_two = NULL;
    fet_estimator_options options = fet_estimator_default_options();
    options.prior = helped;
    CHECK_FAILS(FET_ERROR_ARG, fet_estimator_fit(&options, samples, N, &of_two));
}

static void test_wrong_samples(void **state)
{
    (void)state;
    fet_estimator *estimator = NULL;
    fet_estimate_sample some[2] = {samples[0], samples[0]};
    CHECK_FAILS(FET_ERROR_ARG, fet_estimator_fit(NULL, some, 0, &estimator));
    CHECK_FAILS(FET_ERROR_ARG, fet_estimator_fit(NULL, some, 2, &estimator));
    assert_non_null(strstr(fet_error_message(), "twice"));
    some[1] = samples[1];
    some[1].latency_ms = 0;
    CHECK_FAILS(FET_ERROR_ARG, fet_estimator_fit(NULL, some, 2, &estimator));
    fet_estimator_options options = fet_estimator_default_options();
    options.coverage = 1;
    CHECK_FAILS(FET_ERROR_ARG, fet_estimator_fit(&options, samples, N, &estimator));
    assert_null(estimator);
}

/* Every allocation of ours fails once; XGBoost's own are its own. */
static void test_faults(void **state)
{
    (void)state;
    fet_auto(fet_estimator) prior = fitted(FET_ESTIMATE_WIDEN, 30, NULL);
    fet_estimator_options options = fet_estimator_default_options();
    options.prior = prior;
    options.trees = 2;
    options.parallelism = (fet_parallelism){16, 4};
    for (uint64_t n = 0;; n++) {
        fet_auto(fet_estimator) estimator = NULL;
        fet_alloc_fail_after(n);
        fet_status status = fet_estimator_fit(&options, samples, 20, &estimator);
        if (fet_alloc_fail_after(UINT64_MAX) <= n) {
            CHECK_OK(status);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
        assert_null(estimator);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_learns),        cmocka_unit_test(test_deterministic),
                                       cmocka_unit_test(test_outside),       cmocka_unit_test(test_no_model),
                                       cmocka_unit_test(test_measured),      cmocka_unit_test(test_prior),
                                       cmocka_unit_test(test_wrong_samples), cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests_name("fit", tests, fill, NULL);
}
