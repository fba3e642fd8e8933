// SPDX-License-Identifier: Apache-2.0
/* The cache of kernels' costs: what it gives is what was last kept of that very kernel, or nothing. */
#include "check.h"

#include "base/alloc.h"
#include "device/kernel_cache.h"
#include "estimate/synthetic.h"

enum { N = 300 };

static void test_definition(void **state)
{
    (void)state;
    for (uint32_t bits = 1; bits <= 9; bits += 4) {
        fet_kernel_cache *cache = NULL;
        fet_kernel_key keys[N];
        double kept[N] = {0}, ms, spread;
        uint32_t found = 0, held = 0;
        fet_rng rng;
        fet_rng_init(&rng, bits, 0, FET_RNG_TEST);
        CHECK_OK(fet_kernel_cache_create(bits, &cache));
        for (uint32_t i = 0; i < N; i++) keys[i] = synthetic_conv(1 + i, 7, 9, 3, 1);
        for (int turn = 0; turn < 5000; turn++) {
            uint32_t i = fet_rng_below(&rng, N);
            if (fet_kernel_cache_find(cache, &keys[i], &ms, &spread)) {
                found++;
                assert_true(kept[i] > 0 && ms == kept[i] && spread == 0.5 * kept[i]);
            } else {
                kept[i] = 1 + turn;
                fet_kernel_cache_keep(cache, &keys[i], kept[i], 0.5 * kept[i]);
                assert_true(fet_kernel_cache_find(cache, &keys[i], &ms, &spread) && ms == kept[i]);
            }
        }
        for (uint32_t i = 0; i < N; i++) held += fet_kernel_cache_find(cache, &keys[i], &ms, &spread);
        assert_true(found > 0 && held > 0 && held <= 1u << bits);
        fet_kernel_cache_destroy(cache);
    }
    fet_kernel_cache_destroy(NULL);
}

static void test_without_memory(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 2; n++) {
        fet_kernel_cache *cache = NULL;
        fet_alloc_fail_after(n);
        CHECK_FAILS(FET_ERROR_NOMEM, fet_kernel_cache_create(5, &cache));
        fet_alloc_fail_after(UINT64_MAX);
        assert_null(cache);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_definition), cmocka_unit_test(test_without_memory)};
    return cmocka_run_group_tests_name("cache of kernels", tests, NULL, NULL);
}
