// SPDX-License-Identifier: Apache-2.0
/* A recorded device: its table is read, and what is wrong in it is named by row and column. */
#include "check.h"

#include "base/alloc.h"
#include "base/file.h"
#include "device/device.h"
#include "device/recorded/recorded.h"

#include <string.h>

static const char table[] = "# somebody's board\n"
                            "latency_us,op,precision,cin,cout,h,k,s,activation,note\n"
                            "12.5,conv,int8,16,32,28,3,1,relu,first\n"
                            "3,dw,,32,,28,3,2,,\n"
                            "\n"
                            "40,gemm,int8,64,10,,,,none,\n";

static fet_status parse(const char *text, fet_recorded_kernel **out_kernels, uint32_t *out_n)
{
    char copy[1024];
    snprintf(copy, sizeof copy, "%s", text);
    return fet_recorded_parse("t.csv", copy, out_kernels, out_n);
}

static void test_columns(void **state)
{
    (void)state;
    fet_recorded_kernel *kernels = NULL;
    uint32_t n = 0;
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    CHECK_OK(parse(table, &kernels, &n));
    assert_int_equal(n, 3);
    assert_string_equal(fet_kernel_key_print(&kernels[0].key, text, sizeof text),
                        "conv s8 1x16x28x28>32x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias");
    CHECK_NEAR(kernels[0].latency_ms, 0.0125, 1e-12);
    assert_string_equal(fet_kernel_key_print(&kernels[1].key, text, sizeof text),
                        "conv s8 1x32x28x28>32x14x14 k3x3 s2x2 p1,1,1,1 g32 bias");
    assert_int_equal(kernels[1].row, 4);
    assert_int_equal(kernels[2].key.oc, 10);
    fet_free(kernels);
    CHECK_OK(parse("kernel,latency_ms\n\"conv s8 1x16x28x28>32x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias\", 0.5\n", &kernels, &n));
    assert_int_equal(kernels[0].key.kh, 3);
    fet_free(kernels);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "t.csv:1: the file is empty"},
        {"cin,cout\n", "t.csv:1: the first line names no column \"latency_ms\""},
        {"latency_ms\n", "names neither a column \"kernel\" nor \"cin\""},
        {"cin,h,latency_ms\n16,28,0.5\n16,28\n", "t.csv:3: 2 columns: expected 3"},
        {"cin,h,latency_ms\n16,28,0.5\nx,28,1\n", "t.csv:3: column \"cin\": \"x\": expected a whole number"},
        {"cin,h,latency_ms\n16,,0.5\n", "t.csv:2: column \"h\": \"\": expected a whole number"},
        {"cin,h,latency_ms\n16,28,-1\n", "t.csv:2: column \"latency_ms\": \"-1\": expected a number"},
        {"cin,h,latency_ms\n16,28,nan\n", "t.csv:2: column \"latency_ms\": \"nan\""},
        {"cin,h,k,p,latency_ms\n16,2,7,0,1\n", "t.csv:2: column \"k\": \"7\": expected a window no larger"},
        {"cin,cout,h,group,latency_ms\n16,32,8,3,1\n", "t.csv:2: column \"group\": \"3\": expected a divisor"},
        {"kernel,latency_ms\nconv s9,1\n", "t.csv:2: column \"kernel\": \"conv s9\""},
        {"kernel,latency_ms\n\"conv,1\n", "t.csv:2: a quote that does not end"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fet_recorded_kernel *kernels = NULL;
        uint32_t n = 0;
        CHECK_FAILS(FET_ERROR_CORRUPT, parse(rows[i].text, &kernels, &n));
        if (!strstr(fet_error_message(), rows[i].message)) fail_msg("\"%s\" does not say \"%s\"", fet_error_message(), rows[i].message);
    }
}

static void test_device(void **state)
{
    (void)state;
    char folder[] = "/tmp/fet-recorded-XXXXXX", yaml[64], csv[64];
    assert_non_null(mkdtemp(folder));
    snprintf(yaml, sizeof yaml, "%s/board.yaml", folder);
    snprintf(csv, sizeof csv, "%s/board.csv", folder);
    static const char file[] = "kind: recorded\ntable: board.csv\nparallelism: {out: 8, in: 4}\n";
    CHECK_OK(fet_file_replace(yaml, file, sizeof file - 1));
    CHECK_OK(fet_file_replace(csv, table, sizeof table - 1));
    fet_device_options options = {.name = yaml, .precision = FET_DTYPE_S8};
    for (uint64_t fail = 0;; fail++) {
        fet_auto(fet_device) device = NULL;
        fet_alloc_fail_after(fail);
        fet_status status = fet_device_open(&options, &device);
        fet_alloc_fail_after(SIZE_MAX);
        if (status != FET_OK) {
            assert_int_equal(status, FET_ERROR_NOMEM);
            continue;
        }
        fet_kernel_key key;
        fet_cost cost;
        assert_int_equal(fet_device_parallelism(device).out_channels, 8);
        CHECK_OK(fet_kernel_key_parse("conv s8 1x16x28x28>32x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias", &key));
        assert_true(fet_device_lookup(device, &key, &cost));
        CHECK_NEAR(cost.latency_ms, 0.0125, 1e-12);
        assert_int_equal(cost.source, FET_COST_RECORDED);
        key.oc = 33;
        assert_false(fet_device_lookup(device, &key, &cost));
        CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_device_measure(device, &key, 1, NULL, NULL));
        break;
    }
    static const char twice[] = "cin,h,latency_ms\n16,28,1\n16,28,2\n";
    fet_device *device = NULL;
    CHECK_OK(fet_file_replace(csv, twice, sizeof twice - 1));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_device_open(&options, &device));
    assert_non_null(strstr(fet_error_message(), "board.csv:3: kernel"));
    (void)remove(yaml), (void)remove(csv), (void)remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_columns), cmocka_unit_test(test_mistakes), cmocka_unit_test(test_device)};
    return cmocka_run_group_tests_name("recorded", tests, NULL, NULL);
}
