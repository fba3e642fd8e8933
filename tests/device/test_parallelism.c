// SPDX-License-Identifier: Apache-2.0
/* Machines whose array is known give its size back; the answer follows from what is known of kernels; who has no figures says so. */
#include "check.h"

#include "base/alloc.h"
#include "base/file.h"
#include "device/parallelism.h"

static void test_arrays_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t out, in;
    } machines[] = {{"npu-16", 16, 16}, {"systolic-32x32", 32, 32}};
    for (size_t m = 0; m < 2; m++) {
        fet_auto(fet_device) device = NULL;
        fet_parallelism_found found, again;
        fet_device_options options = {.name = machines[m].name, .precision = FET_DTYPE_S8};
        CHECK_OK(fet_device_open(&options, &device));
        CHECK_OK(fet_device_find_parallelism(device, NULL, NULL, &found));
        CHECK_OK(fet_device_find_parallelism(device, NULL, NULL, &again));
        assert_int_equal(found.parallelism.out_channels, machines[m].out);
        assert_int_equal(found.parallelism.in_channels, machines[m].in);
        assert_memory_equal(&found, &again, sizeof found);
        for (int s = 0; s < FET_STAIRCASES; s++) {
            const fet_staircase *stairs = &found.staircases[s];
            assert_true(stairs->n >= 100 && stairs->op[0] && stairs->dimension[0]);
            assert_true((stairs->steps.verdict == FET_STEPS_FOUND) == (stairs->steps.width > 0));
        }
    }
}

static void test_no_figures(void **state)
{
    (void)state;
    char folder[] = "/tmp/fet-parallelism-XXXXXX", yaml[64], csv[64];
    assert_non_null(mkdtemp(folder));
    snprintf(yaml, sizeof yaml, "%s/board.yaml", folder);
    snprintf(csv, sizeof csv, "%s/board.csv", folder);
    CHECK_OK(fet_file_replace(yaml, "kind: recorded\ntable: board.csv\n", 32));
    CHECK_OK(fet_file_replace(csv, "cin,h,latency_ms\n16,28,0.5\n", 27));
    fet_auto(fet_device) device = NULL;
    fet_parallelism_found found;
    fet_device_options options = {.name = yaml, .precision = FET_DTYPE_S8};
    CHECK_OK(fet_device_open(&options, &device));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_device_find_parallelism(device, NULL, NULL, &found));
    unlink(yaml);
    unlink(csv);
    rmdir(folder);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    fet_auto(fet_device) device = NULL;
    fet_device_options options = {.name = "npu-16", .precision = FET_DTYPE_S8};
    CHECK_OK(fet_device_open(&options, &device));
    fet_status status = FET_ERROR_NOMEM;
    uint64_t n = 0;
    for (; status != FET_OK; n++) {
        fet_parallelism_found found;
        fet_alloc_fail_after(n);
        status = fet_device_find_parallelism(device, NULL, NULL, &found);
        fet_alloc_fail_after(UINT64_MAX);
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
    }
    assert_true(n >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_arrays_are_found), cmocka_unit_test(test_no_figures),
                                       cmocka_unit_test(test_allocation_failures)};
    return cmocka_run_group_tests_name("parallelism", tests, NULL, NULL);
}
