// SPDX-License-Identifier: Apache-2.0
/* An estimator as a device: what stands between the kernels of one base network, and of all others. */
#include "check.h"

#include "device/between.h"
#include "device/device.h"
#include "estimate/file.h"
#include "estimate/synthetic.h"
#include "op/builder.h"
#include "op/op.h"

#include <unistd.h>

enum { N = 64 };

static char path[] = "/tmp/fet-estimated-XXXXXX.estimate";

static void write_estimator(const char *general, uint32_t base, const char *of_base, const char *of_other)
{
    fet_auto(fet_estimator) estimator = NULL;
    fet_estimate_sample samples[N];
    fet_estimator_options options = fet_estimator_default_options();
    synthetic_fill(31, 3, 0.01, samples, N);
    options.device = "a formula";
    options.trees = 2;
    CHECK_OK(fet_estimator_fit(&options, samples, N, &estimator));
    if (general) CHECK_OK(fet_estimator_set_between(estimator, general));
    CHECK_OK(fet_estimator_add_base(estimator, base, of_base));
    CHECK_OK(fet_estimator_add_base(estimator, base + 1, of_other));
    CHECK_OK(fet_estimator_write(estimator, path));
}

static fet_device *opened(void)
{
    fet_device *device = NULL;
    fet_device_options options = {.name = path, .precision = FET_DTYPE_S8};
    CHECK_OK(fet_device_open(&options, &device));
    return device;
}

static fet_graph *network(void)
{
    fet_graph *g = NULL;
    fet_id x = FET_NONE, y = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 8, 14, 14);
    CHECK_OK(fet_graph_create(NULL, &g));
    CHECK_OK(fet_graph_add_input(g, "x", FET_DTYPE_F32, &shape, &x));
    CHECK_OK(fet_build_conv(g, "a", x, &(fet_conv_options){.out_channels = 16, .kernel = 3, .bias = true}, &y));
    CHECK_OK(fet_graph_add_output(g, y));
    CHECK_OK(fet_graph_infer(g));
    return g;
}

/* Coefficients: kernels alone, so that a network's share is their number times the first. */
static void test_each_base_has_its_own(void **state)
{
    (void)state;
    fet_auto(fet_graph) g = network();
    fet_auto(fet_arena) arena = NULL;
    fet_kernels kernels;
    uint64_t hash = fet_graph_hash(g);
    CHECK_OK(fet_arena_create(&arena));
    write_estimator("0.5 0 0 0 0 0.2 0.1 32768 1048576", (uint32_t)hash, "0.25 0 0 0 0 0.2 0.1 32768 1048576", "0 0 0 0 0 0.1 0.1 1 1");
    fet_auto(fet_device) device = opened();
    fet_between between;
    assert_true(fet_device_between(device, hash, &between));
    CHECK_NEAR(between.weight_ms[FET_BETWEEN_KERNELS], 0.25, 0);
    assert_true(fet_device_between(device, hash + 100, &between));
    CHECK_NEAR(between.weight_ms[FET_BETWEEN_KERNELS], 0.5, 0);
    assert_false(fet_device_between(device, (hash & 0xffffffff00000000u) | (uint32_t)(hash + 1), &between)); /* it gained nothing there */
    CHECK_OK(fet_kernels_split(g, fet_device_fusion_rules(device), FET_DTYPE_S8, arena, &kernels));
    CHECK_NEAR(fet_device_between_ms(device, g, &kernels), 0.25 * kernels.count, 1e-12);
}

static void test_others_have_none(void **state)
{
    (void)state;
    write_estimator(NULL, 1, "0.25 0 0 0 0 0.2 0.1 32768 1048576", "1 2 3 0.2 0.1");
    fet_auto(fet_device) device = opened();
    fet_between between;
    assert_false(fet_device_between(device, 77, &between));
    assert_true(fet_device_between(device, 2, &between)); /* as an earlier version wrote it */
    CHECK_NEAR(between.weight_ms[FET_BETWEEN_MAPS_BEYOND], 3, 0);
}

static void test_damaged(void **state)
{
    (void)state;
    fet_device *device = NULL;
    fet_device_options options = {.name = path, .precision = FET_DTYPE_S8};
    write_estimator(NULL, 1, "0.25 0 0", "1 2 3 0.2 0.1");
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_device_open(&options, &device));
    assert_null(device);
}

static int make_path(void **state)
{
    (void)state;
    int file = mkstemps(path, 9);
    return file < 0 ? -1 : close(file);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_base_has_its_own), cmocka_unit_test(test_others_have_none),
                                       cmocka_unit_test(test_damaged)};
    return cmocka_run_group_tests_name("estimated", tests, make_path, remove_path);
}
