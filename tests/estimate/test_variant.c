// SPDX-License-Identifier: Apache-2.0
/* Rooflines of the operators of one family (variant.h): each is found again, few kernels scale the family's, and an estimator keeps them.
 */
#include "check.h"

#include "base/alloc.h"
#include "estimate/variant.h"
#include "synthetic.h"

enum { N = 90, FIRST = 60 };

static fet_estimate_sample samples[N];

/* Pooling in units of 64 channels with a cost a place; pooling whole maps; both of one family, with nothing in common. */
static const fet_roofline of_max = {
    .out = 64, .in = 1, .overhead_ms = 3e-4, .ms_per_work = 1e-8, .ms_per_byte = 1e-9, .ms_per_pixel = 2e-5};
static const fet_roofline of_global = {
    .out = 16, .in = 1, .overhead_ms = 4e-5, .ms_per_work = 6e-8, .ms_per_byte = 1e-9, .ms_per_pixel = 0};

static int fill(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 9, 0, FET_RNG_TEST);
    for (uint32_t i = 0; i < N;) {
        fet_kernel_key key = {.op = i % 2 ? FET_OP_GLOBAL_AVERAGE_POOL : FET_OP_MAX_POOL, .precision = FET_DTYPE_S8, .n = 1};
        uint32_t size = 4 + 2 * fet_rng_below(&rng, 20);
        bool there = false;
        key.ic = key.oc = 1 + fet_rng_below(&rng, 200);
        key.ih = key.iw = size;
        key.oh = key.ow = i % 2 ? 1 : size / 2;
        if (i % 2 == 0) key.group = 1, key.kh = key.kw = key.sh = key.sw = 2, key.dh = key.dw = 1;
        for (uint32_t j = 0; j < i && !there; j++) there = fet_kernel_key_equal(&samples[j].key, &key);
        if (there) continue;
        fet_workload w = fet_workload_of(&key);
        samples[i] =
            (fet_estimate_sample){.key = key, .latency_ms = fet_roofline_ms(i % 2 ? &of_global : &of_max, &w, NULL), .spread = 0.01};
        i++;
    }
    return 0;
}

static double worst(const fet_variant *variants, uint32_t n_variants)
{
    double far = 0;
    for (int i = 0; i < N; i++) {
        const fet_variant *v = fet_variant_find(variants, n_variants, &samples[i].key);
        fet_workload w = fet_workload_of(&samples[i].key);
        if (v) far = fmax(far, fabs(log(fet_roofline_ms(&v->roofline, &w, NULL) / samples[i].latency_ms)));
    }
    return far;
}

static fet_status fit(size_t n, fet_variant *variants, uint32_t *n_variants, fet_roofline *family)
{
    const fet_kernel_key *keys[N];
    fet_workload workloads[N];
    double ms[N];
    for (size_t i = 0; i < n; i++) keys[i] = &samples[i].key, workloads[i] = fet_workload_of(keys[i]), ms[i] = samples[i].latency_ms;
    FET_TRY(fet_roofline_fit(workloads, ms, n, 0, 1, family));
    return fet_variants_fit(keys, workloads, ms, n, family, variants, n_variants);
}

static void test_found_again(void **state)
{
    (void)state;
    fet_variant variants[FET_VARIANTS_MAX];
    fet_roofline family;
    uint32_t n = 0;
    CHECK_OK(fit(FIRST, variants, &n, &family));
    assert_int_equal(n, 2);
    assert_true(worst(variants, n) < 0.05); /* also on those that were not fitted to */
    const fet_variant *max = fet_variant_find(variants, n, &samples[0].key);
    assert_true(max && max->op == FET_OP_MAX_POOL && max->roofline.out == 64);
    fet_kernel_key other = samples[0].key;
    other.op = FET_OP_AVERAGE_POOL;
    assert_null(fet_variant_find(variants, n, &other));
    other = samples[1].key;
    other.ic = other.oc = 777; /* a size chooses no other code */
    assert_non_null(fet_variant_find(variants, n, &other));
}

/* Of three kernels each: all of a variant is the family's, times one factor, which is the median's. */
static void test_few(void **state)
{
    (void)state;
    fet_variant variants[FET_VARIANTS_MAX];
    fet_roofline family;
    uint32_t n = 0;
    CHECK_OK(fit(6, variants, &n, &family));
    assert_int_equal(n, 2);
    for (uint32_t v = 0; v < n; v++) {
        double factor = variants[v].roofline.overhead_ms / family.overhead_ms;
        uint32_t above = 0, below = 0;
        CHECK_NEAR(variants[v].roofline.ms_per_work, factor * family.ms_per_work, 1e-9 * factor * family.ms_per_work);
        for (int i = 0; i < 6; i++) {
            fet_workload w = fet_workload_of(&samples[i].key);
            double ms = fet_roofline_ms(&variants[v].roofline, &w, NULL);
            if (samples[i].key.op != variants[v].op) continue;
            above += ms > samples[i].latency_ms * (1 + 1e-9), below += ms < samples[i].latency_ms * (1 - 1e-9);
        }
        assert_int_equal(above, 1);
        assert_int_equal(below, 1);
    }
}

/* An estimator keeps them, in its file too. */
static void test_estimator(void **state)
{
    (void)state;
    fet_auto(fet_estimator) one = NULL;
    fet_auto(fet_estimator) two = NULL;
    fet_estimator_options options = fet_estimator_default_options();
    char *text = NULL, *again = NULL;
    size_t bytes = 0, again_bytes = 0;
    double sum = 0;
    options.outside = FET_ESTIMATE_WIDEN;
    options.parallelism = (fet_parallelism){16, 4}; /* of multiplying units: pooling finds its own */
    CHECK_OK(fet_estimator_fit(&options, samples, FIRST, &one));
    CHECK_OK(fet_estimator_print(one, &text, &bytes));
    assert_non_null(strstr(text, "variant MaxPool 0 0 0 64 1 "));
    CHECK_OK(fet_estimator_parse("text", text, bytes, &two));
    CHECK_OK(fet_estimator_print(two, &again, &again_bytes));
    assert_true(bytes == again_bytes && memcmp(text, again, bytes) == 0);
    for (int i = FIRST; i < N; i++) {
        fet_estimate e[2];
        CHECK_OK(fet_estimator_predict(one, &samples[i].key, 1, &e[0]));
        CHECK_OK(fet_estimator_predict(two, &samples[i].key, 1, &e[1]));
        assert_true(e[0].latency_ms == e[1].latency_ms);
        sum += fabs(e[0].latency_ms / samples[i].latency_ms - 1) / (N - FIRST);
    }
    assert_true(sum < 0.03);
    fet_free(text);
    fet_free(again);
}

static void test_faults(void **state)
{
    (void)state;
    fet_variant variants[FET_VARIANTS_MAX];
    fet_roofline family;
    uint32_t n = 0;
    for (uint64_t at = 0;; at++) {
        fet_alloc_fail_after(at);
        fet_status status = fit(FIRST, variants, &n, &family);
        if (fet_alloc_fail_after(UINT64_MAX) <= at) {
            CHECK_OK(status);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_found_again), cmocka_unit_test(test_few), cmocka_unit_test(test_estimator),
                                       cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests_name("variants", tests, fill, NULL);
}
