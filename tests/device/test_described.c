// SPDX-License-Identifier: Apache-2.0
/* Device files: every shipped one is read, mistakes are named with line and field, sweeps set what a file would. */
#include "check.h"

#include "base/alloc.h"
#include "base/file.h"
#include "device/described/described.h"
#include "device/device.h"

#include <string.h>

#define LEAST "clock: 1 GHz\narray: {int8: {out: 16, in: 16}}\nsram: {size: 512 KiB, bytes_per_cycle: 16}\nexternal: {bytes_per_cycle: 4}\n"

static void test_shipped(void **state)
{
    (void)state;
    static const char *const expected[] = {"edge-tpu-like", "ethos-u55-128", "ethos-u55-256", "ethos-u55-32",
                                           "ethos-u55-64",  "ethos-u65-256", "ethos-u65-512", "host",
                                           "npu-16",        "npu-32-bf16",   "npu-64",        "systolic-32x32"};
    fet_auto(fet_arena) arena = NULL;
    const char *const *names = NULL;
    uint32_t n = 0, found = 0;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_device_file_list(arena, &names, &n));
    for (uint32_t i = 0; i < n; i++) {
        fet_auto(fet_device_file) file = NULL;
        CHECK_OK(fet_device_file_load(names[i], &file));
        assert_string_equal(file->name, names[i]);
        assert_true(file->help[0] != '\0');
        if (i > 0) assert_true(strcmp(names[i - 1], names[i]) < 0);
        for (size_t e = 0; e < sizeof expected / sizeof *expected; e++) found += strcmp(expected[e], names[i]) == 0;
    }
    assert_int_equal(found, sizeof expected / sizeof *expected);
}

static void test_defaults_and_units(void **state)
{
    (void)state;
    fet_auto(fet_device_file) file = NULL;
    CHECK_OK(fet_device_file_parse("x/least.yaml", LEAST, strlen(LEAST), &file));
    const fet_sim_machine *m = &file->machine;
    assert_string_equal(file->name, "least");
    assert_int_equal(file->kind, FET_DEVICE_DESCRIBED);
    assert_true(m->clock_hz == 1e9);
    assert_int_equal(m->sram_bytes, 512 * 1024);
    assert_int_equal(m->array[FET_SIM_INT8].pixels, 1);
    assert_int_equal(m->array[FET_SIM_FP16].out, 0);
    assert_true(m->maps_external && !m->cascade && file->fusion.batch_norm && !file->fusion.add);
    assert_int_equal(file->parallelism.out_channels, 16);
    double value = 0;
    CHECK_OK(fet_device_machine_set(&file->machine, "sram", "2M", &value));
    assert_true(value == 2097152 && m->sram_bytes == 2097152);
    CHECK_OK(fet_device_machine_set(&file->machine, "external.bytes_per_cycle", "2.5", NULL));
    assert_true(m->external.bytes_per_cycle == 2.5);
    CHECK_FAILS(FET_ERROR_ARG, fet_device_machine_set(&file->machine, "srm.size", "2M", NULL));
    assert_non_null(strstr(fet_error_message(), "did you mean \"sram.size\"?"));
    CHECK_FAILS(FET_ERROR_ARG, fet_device_machine_set(&file->machine, "clock", "fast", NULL));
    CHECK_FAILS(FET_ERROR_ARG, fet_device_machine_set(&file->machine, "array.int8.out", "2.5", NULL));
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "d.yaml:1: the file is empty: expected a device, such as devices/npu-16.yaml"},
        {"- 1\n", "d.yaml:1: the device: expected a mapping, found a list"},
        {LEAST "sarm: {}\n", "d.yaml:5: field \"sarm\": there is no such field, did you mean \"sram\"?"},
        {"array: {}\n", "d.yaml:1: field \"clock\": it is missing"},
        {LEAST "vector: {lanes: many}\n", "d.yaml:5: field \"vector.lanes\": \"many\": expected"},
        {LEAST "vector:\n  lanes: -4\n", "d.yaml:6: field \"vector.lanes\": \"-4\": expected"},
        {LEAST "memory: {channel_rounding: 1.5}\n", "d.yaml:5: field \"memory.channel_rounding\": \"1.5\": expected a whole number"},
        {LEAST "fusion: {add: perhaps}\n", "d.yaml:5: field \"fusion.add\": \"perhaps\" is neither yes nor no"},
        {LEAST "fusion: {activations: [relu, sigmoit]}\n",
         "d.yaml:5: field \"fusion.activations[1]\": \"sigmoit\" is no activation, did you mean \"sigmoid\"?"},
        {LEAST "kind: imagined\n", "d.yaml:5: field \"kind\": \"imagined\" is no kind of device: expected described, recorded or measured"},
        {"kind: recorded\n", "field \"table\": it is missing"},
        {"clock: 1 GHz\narray: {dataflow: blocks}\nsram: {size: 1 MiB, bytes_per_cycle: 8}\nexternal: {bytes_per_cycle: 1}\n",
         "d.yaml:1: field \"blocks.ublock_w\": it is missing: dataflow \"blocks\" needs it"},
        {"clock: 1 GHz\nsram: {size: 1 MiB, bytes_per_cycle: 8}\nexternal: {bytes_per_cycle: 1}\n", "expected more than 0"},
        {LEAST "clock: 2 GHz\n", "it stands here a second time"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fet_device_file *file = NULL;
        CHECK_FAILS(FET_ERROR_ARG, fet_device_file_parse("d.yaml", rows[i].text, strlen(rows[i].text), &file));
        assert_null(file);
        if (!strstr(fet_error_message(), rows[i].message)) fail_msg("\"%s\" does not say \"%s\"", fet_error_message(), rows[i].message);
    }
}

static void test_missing_device(void **state)
{
    (void)state;
    fet_device *device = NULL;
    fet_device_options options = {.name = "npu-61", .precision = FET_DTYPE_S8};
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_device_open(&options, &device));
    assert_non_null(strstr(fet_error_message(), "did you mean \"npu-"));
    options.name = "nowhere/x.yaml";
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_device_open(&options, &device));
    options.name = "npu-16", options.precision = FET_DTYPE_BF16;
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_device_open(&options, &device));
}

static void test_allocations(void **state)
{
    (void)state;
    for (uint64_t fail = 0;; fail++) {
        fet_device *device = NULL;
        fet_device_options options = {.name = "npu-16", .precision = FET_DTYPE_S8};
        fet_alloc_fail_after(fail);
        fet_status status = fet_device_open(&options, &device);
        fet_alloc_fail_after(SIZE_MAX);
        fet_device_close(device);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shipped), cmocka_unit_test(test_defaults_and_units),
                                       cmocka_unit_test(test_mistakes), cmocka_unit_test(test_missing_device),
                                       cmocka_unit_test(test_allocations)};
    return cmocka_run_group_tests_name("described", tests, NULL, NULL);
}
