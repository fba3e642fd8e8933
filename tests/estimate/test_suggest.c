// SPDX-License-Identifier: Apache-2.0
/* The next kernels to measure: new, valid, each once, where the interval is wide */
#include "check.h"

#include "base/alloc.h"
#include "estimate/family.h"
#include "estimate/suggest.h"
#include "synthetic.h"

enum { N = 150, WANTED = 40, MORE = 6 };

static fet_estimate_sample samples[N + MORE];
static fet_estimator *estimator;

/* Dense and pointwise kernels, and a few depthwise ones that are known badly. */
static int fill(void **state)
{
    (void)state;
    fet_rng rng;
    fet_estimator_options options = fet_estimator_default_options();
    options.parallelism = (fet_parallelism){16, 4};
    synthetic_fill(41, 2, 0.01, samples, N);
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (uint32_t i = 0; i < MORE; i++) {
        samples[N + i].key = synthetic_conv(16 + 11 * i, 16 + 11 * i, 20, 3, 16 + 11 * i);
        samples[N + i].latency_ms = synthetic_ms(&samples[N + i].key) * exp(fet_rng_normal(&rng));
    }
    CHECK_OK(fet_estimator_fit(&options, samples, N + MORE, &estimator));
    return 0;
}

static int empty(void **state)
{
    (void)state;
    fet_estimator_destroy(estimator);
    return 0;
}

static void test_new_and_valid(void **state)
{
    (void)state;
    fet_kernel_key keys[WANTED], again[WANTED];
    uint32_t n = 0, m = 0, of[FET_FAMILY_COUNT] = {0};
    CHECK_OK(fet_estimate_suggest(estimator, samples, N + MORE, WANTED, 1, keys, &n));
    assert_int_equal(n, WANTED);
    for (uint32_t i = 0; i < n; i++) {
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        fet_kernel_key parsed, *k = &keys[i];
        CHECK_OK(fet_kernel_key_parse(fet_kernel_key_print(k, text, sizeof text), &parsed));
        assert_true(fet_kernel_key_equal(k, &parsed));
        for (uint32_t j = 0; j < i; j++) assert_false(fet_kernel_key_equal(k, &keys[j]));
        for (uint32_t j = 0; j < N + MORE; j++) assert_false(fet_kernel_key_equal(k, &samples[j].key));
        /* What a convolution of this window, stride and padding gives. */
        assert_int_equal(k->oh, (k->ih + k->pad_top + k->pad_bottom - (uint32_t)(k->kh - 1) * k->dh - 1) / k->sh + 1);
        assert_true(k->ic % k->group == 0 && k->oc % k->group == 0);
        of[fet_family_of(k)]++;
    }
    assert_true(of[FET_FAMILY_CONV] > 0 && of[FET_FAMILY_POINTWISE] > 0);
    /* Known badly, they get more than their share of what was measured. */
    assert_true(of[FET_FAMILY_DEPTHWISE] * (N + MORE) > WANTED * MORE);
    CHECK_OK(fet_estimate_suggest(estimator, samples, N + MORE, WANTED, 1, again, &m));
    assert_true(m == n && memcmp(keys, again, sizeof keys) == 0);
}

/* A family with too few kernels for a model is asked for. */
static void test_no_model_yet(void **state)
{
    (void)state;
    fet_auto(fet_estimator) some = NULL;
    fet_estimator_options options = fet_estimator_default_options();
    fet_kernel_key keys[10];
    uint32_t n = 0, depthwise = 0;
    options.parallelism = (fet_parallelism){16, 4};
    CHECK_OK(fet_estimator_fit(&options, samples, N + 2, &some));
    CHECK_OK(fet_estimate_suggest(some, samples, N + 2, 10, 1, keys, &n));
    for (uint32_t i = 0; i < n; i++) depthwise += fet_family_of(&keys[i]) == FET_FAMILY_DEPTHWISE;
    assert_true(depthwise >= 1);
    CHECK_OK(fet_estimate_suggest(some, samples, N, 0, 1, keys, &n));
    assert_int_equal(n, 0);
}

static void test_faults(void **state)
{
    (void)state;
    for (uint64_t n = 0;; n++) {
        fet_kernel_key keys[5];
        uint32_t found = 0;
        fet_alloc_fail_after(n);
        fet_status status = fet_estimate_suggest(estimator, samples, 20, 5, 1, keys, &found);
        if (fet_alloc_fail_after(UINT64_MAX) <= n) {
            CHECK_OK(status);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_new_and_valid), cmocka_unit_test(test_no_model_yet),
                                       cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests_name("suggest", tests, fill, empty);
}
