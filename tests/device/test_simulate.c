// SPDX-License-Identifier: Apache-2.0
/*
 * The simulator against what is known: SCALE-Sim's published closed forms to the cycle; Arm's cycle model (Corstone FVP, timing adapters
 * on) on MobileNetV2-1.0-224 int8; and the shapes of costs that any such machine must show.
 */
#include "check.h"

#include "device/described/described.h"
#include "device/simulate/scale_sim.h"
#include "sim_machines.h"

#include "base/alloc.h"
#include <jansson.h>
#include <math.h>
#include <string.h>

static fet_kernel_key conv(uint32_t ic, uint32_t oc, uint32_t size, uint16_t k, uint16_t s, uint16_t pad, uint32_t group)
{
    fet_kernel_key key;
    memset(&key, 0, sizeof key);
    key.op = FET_OP_CONV, key.precision = FET_DTYPE_S8, key.flags = FET_KERNEL_BIAS;
    key.n = 1, key.ic = ic, key.ih = key.iw = size, key.oc = oc, key.oh = key.ow = (size + 2u * pad - k) / s + 1u;
    key.group = group, key.kh = key.kw = k, key.sh = key.sw = s, key.dh = key.dw = 1;
    key.pad_top = key.pad_left = key.pad_bottom = key.pad_right = pad;
    return key;
}

/* Rows of SCALE-Sim v3 on a 32 x 32 array: weight-, output-, input-stationary. The 3x3 layers have no padding: 30 x 30 in, 28 x 28 out. */
static void test_scale_sim(void **state)
{
    (void)state;
    static const struct {
        uint32_t channels;
        uint16_t k;
        uint64_t cycles[3];
    } rows[] = {{32, 3, {7901, 8749, 28349}},
                {33, 3, {17559, 17949, 31749}},
                {40, 3, {21071, 21099, 40199}},
                {64, 1, {3511, 6299, 7899}},
                {72, 1, {7901, 10049, 12449}}};
    fet_scale_sim_array array = {32, 32};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uint32_t d = 0; d < 3; d++) {
            fet_kernel_key key = conv(rows[i].channels, rows[i].channels, rows[i].k == 3 ? 30 : 28, rows[i].k, 1, 0, 1);
            uint64_t cycles = 0;
            CHECK_OK(fet_scale_sim_kernel_cycles(&array, (fet_sim_dataflow)d, &key, &cycles));
            assert_int_equal(cycles, rows[i].cycles[d]);
        }
    /* Depthwise as its shipped topologies count it a channel: 32 times the layer of one channel, which needs one fold. */
    fet_kernel_key one = conv(1, 1, 30, 3, 1, 0, 1), depthwise = conv(32, 32, 30, 3, 1, 0, 32);
    uint64_t cycles = 0;
    CHECK_OK(fet_scale_sim_kernel_cycles(&array, FET_SIM_WEIGHT_STATIONARY, &one, &cycles));
    assert_int_equal(cycles, 784 + 64 + 32 - 2 - 1);
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_scale_sim_kernel_cycles(&array, FET_SIM_WEIGHT_STATIONARY, &depthwise, &cycles));
}

static fet_device_file *load(const char *name)
{
    fet_device_file *file = NULL;
    CHECK_OK(fet_device_file_load(name, &file));
    return file;
}

static void simulate(const fet_device_file *file, const fet_graph *graph, fet_arena *arena, fet_kernels *kernels, fet_sim_network *network)
{
    CHECK_OK(fet_kernels_split(graph, &file->fusion, FET_DTYPE_S8, arena, kernels));
    CHECK_OK(fet_sim_network_run(&file->machine, graph, kernels, arena, network));
}

/* Arm's cycle model; SRAM and outside bytes as its AXI counters saw them (0: not looked at). The bars are those of Arm's own estimator. */
static void test_ethos_u_against_arm(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double cycles, bar, sram_bytes, external_bytes;
    } rows[] = {{"ethos-u55-32", 22781050, 0.03, 35.3e6, 3.46e6},
                {"ethos-u55-64", 12100050, 0.03, 34.8e6, 3.47e6},
                {"ethos-u55-128", 7365050, 0.065, 31.6e6, 3.47e6},
                {"ethos-u55-256", 5474050, 0.125, 27.7e6, 3.48e6},
                {"ethos-u65-256", 3730068, 0.24, 0, 0},
                {"ethos-u65-512", 2424068, 0.24, 0, 0}};
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(sim_mobilenet_v2(&graph));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fet_auto(fet_device_file) file = load(rows[i].name);
        fet_kernels kernels;
        fet_sim_network network;
        simulate(file, graph, arena, &kernels, &network);
        double error = network.cycles / rows[i].cycles - 1;
        print_message("%s: %.0f cycles, %+.2f%% of Arm's model\n", rows[i].name, network.cycles, 100 * error);
        assert_true(fabs(error) <= rows[i].bar);
        CHECK_NEAR(network.macs, 300.8e6, 0.2e6);
        if (rows[i].sram_bytes > 0) {
            assert_true(fabs(network.sram_bytes / rows[i].sram_bytes - 1) < 0.07);
            assert_true(fabs(network.external_bytes / rows[i].external_bytes - 1) < 0.07);
        }
    }
}

static fet_sim_result run(const fet_device_file *file, fet_kernel_key key)
{
    fet_sim_result result;
    CHECK_OK(fet_sim_kernel(&file->machine, &key, &result));
    return result;
}

/* Sample layers of Arm's compiler on U55-128, 28 x 28, padded; it charges blocks at the edges in full, so it may be above. */
static void test_ethos_u_layers(void **state)
{
    (void)state;
    fet_auto(fet_device_file) file = load("ethos-u55-128");
    static const struct {
        uint32_t ic, oc;
        uint16_t k;
        bool depthwise;
        double cycles;
    } rows[] = {{32, 32, 3, false, 70252}, {33, 33, 3, false, 189220}, {40, 40, 3, false, 190324}, {64, 64, 1, false, 30800},
                {65, 65, 1, false, 44670}, {32, 32, 3, true, 24080},   {64, 64, 5, true, 116176}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t group = rows[i].depthwise ? rows[i].ic : 1;
        double cycles = run(file, conv(rows[i].ic, rows[i].oc, 28, rows[i].k, 1, rows[i].k / 2, group)).cycles;
        assert_true(cycles > 0.7 * rows[i].cycles && cycles < 1.1 * rows[i].cycles);
    }
}

/* What notes on real parts complain about comes out by itself. */
static void test_cliffs_and_ceilings(void **state)
{
    (void)state;
    fet_auto(fet_device_file) u55 = load("ethos-u55-128");
    fet_auto(fet_device_file) big = load("ethos-u55-256");
    /* 16 -> 17 channels: the map's bricks double, and so does what reads them. */
    fet_sim_result c16 = run(u55, conv(16, 16, 56, 3, 1, 1, 1)), c17 = run(u55, conv(17, 17, 56, 3, 1, 1, 1));
    assert_true(c17.cycles > 1.5 * c16.cycles);
    fet_sim_result d16 = run(u55, conv(16, 16, 56, 3, 1, 1, 16)), d17 = run(u55, conv(17, 17, 56, 3, 1, 1, 17));
    assert_true(d17.sram_bytes > 1.8 * d16.sram_bytes);
    /* Small maps: weights cannot be decoded as fast as few outputs need them. */
    double at_28 = run(big, conv(256, 256, 28, 3, 1, 1, 1)).utilisation, at_2 = run(big, conv(256, 256, 2, 3, 1, 1, 1)).utilisation;
    assert_true(at_28 > 0.7 && at_2 < at_28 / 3);
    /* Depthwise 3x3: 12 slots for 9 taps on an eighth of the array, 9.4% at most, and near it for large maps. */
    for (uint32_t channels = 8; channels <= 512; channels *= 2)
        for (uint32_t size = 4; size <= 112; size *= 2)
            assert_true(run(u55, conv(channels, channels, size, 3, 1, 1, channels)).utilisation <= 0.09375);
    assert_true(run(u55, conv(64, 64, 112, 3, 1, 1, 64)).utilisation > 0.085);
}

/* A machine without Ethos-U's peculiarities: never above its peak, more of anything never cheaper in bytes, bounds named rightly. */
static void test_arrays(void **state)
{
    (void)state;
    static const char *const names[] = {"npu-16", "npu-64", "systolic-32x32", "edge-tpu-like"};
    for (size_t i = 0; i < 4; i++) {
        fet_auto(fet_device_file) file = load(names[i]);
        uint32_t quantum = file->machine.array[FET_SIM_INT8].out;
        for (uint32_t channels = 3; channels <= 700; channels = channels * 2 + 1)
            for (uint32_t size = 1; size <= 112; size = size * 3 + 1) {
                fet_sim_result r = run(file, conv(channels, channels, size, 3, 1, 1, 1));
                assert_true(r.cycles > 0 && r.utilisation > 0 && r.utilisation <= 1);
                assert_true(r.energy_uj > 0);
                /* Every weight has to come in once. */
                assert_true(r.external_bytes >= 9.0 * channels * channels);
            }
        /* One channel beyond the quantum costs another pass. */
        fet_sim_result full = run(file, conv(quantum, quantum, 28, 3, 1, 1, 1)),
                       over = run(file, conv(quantum + 1, quantum + 1, 28, 3, 1, 1, 1));
        assert_true(over.compute_cycles > 1.9 * full.compute_cycles);
        assert_true(run(file, conv(quantum * 4, quantum * 4, 28, 3, 1, 1, 1)).bound == FET_SIM_BOUND_COMPUTE || i == 3);
        /* A matrix has no reuse: the outside binds. */
        fet_kernel_key matrix;
        memset(&matrix, 0, sizeof matrix);
        matrix.op = FET_OP_GEMM, matrix.precision = FET_DTYPE_S8, matrix.n = 1, matrix.ic = 1024, matrix.oc = 1024;
        matrix.ih = matrix.iw = matrix.oh = matrix.ow = 1;
        assert_int_equal(run(file, matrix).bound, FET_SIM_BOUND_EXTERNAL);
        assert_true(run(file, matrix).cycles >= 1024.0 * 1024 / file->machine.external.bytes_per_cycle);
    }
}

/* On a column of an array, depthwise wastes the others. */
static void test_depthwise_modes(void **state)
{
    (void)state;
    fet_auto(fet_device_file) file = load("systolic-32x32");
    fet_kernel_key key = conv(256, 256, 56, 3, 1, 1, 256);
    fet_sim_result column = run(file, key);
    file->machine.depthwise = FET_SIM_DEPTHWISE_CHANNELS;
    fet_sim_result channels = run(file, key);
    assert_true(column.compute_cycles > 20 * channels.compute_cycles);
}

/* More SRAM never makes a network move more from outside, nor slower; a network is never faster than its slowest resource. */
static void test_network_is_bounded(void **state)
{
    (void)state;
    fet_auto(fet_device_file) file = load("npu-64");
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(sim_mobilenet_v2(&graph));
    double before = INFINITY, bytes_before = INFINITY;
    for (double kib = 64; kib <= 8192; kib *= 2) {
        fet_kernels kernels;
        fet_sim_network n;
        CHECK_OK(fet_device_machine_set_number(&file->machine, "sram.size", kib * 1024));
        simulate(file, graph, arena, &kernels, &n);
        assert_true(n.cycles <= before * 1.02 && n.external_bytes <= bytes_before * 1.0001);
        before = n.cycles, bytes_before = n.external_bytes;
        double sum = 0, compute = 0;
        for (uint32_t k = 0; k < n.n; k++) sum += n.kernels[k].cycles, compute += n.kernels[k].compute_cycles;
        CHECK_NEAR(sum, n.cycles, 1e-6 * sum);
        assert_true(n.cycles >= compute && n.cycles >= n.external_bytes / file->machine.external.bytes_per_cycle);
        assert_true(n.cycles >= n.sram_bytes / file->machine.sram.bytes_per_cycle);
        fet_arena_reset(arena);
    }
}

/* Maps that fit nowhere are an error that says so, not a time. */
static void test_maps_that_do_not_fit(void **state)
{
    (void)state;
    fet_auto(fet_device_file) file = load("ethos-u55-128");
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_kernels kernels;
    fet_sim_network network;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(sim_mobilenet_v2(&graph));
    CHECK_OK(fet_kernels_split(graph, &file->fusion, FET_DTYPE_S8, arena, &kernels));
    CHECK_OK(fet_device_machine_set(&file->machine, "sram", "1M", NULL));
    CHECK_FAILS(FET_ERROR_LIMIT, fet_sim_network_run(&file->machine, graph, &kernels, arena, &network));
    if (!strstr(fet_error_message(), "feature maps need")) fail_msg("%s", fet_error_message());
    CHECK_OK(fet_device_machine_set(&file->machine, "memory.cascade", "1", NULL)); /* in stripes they do */
    CHECK_OK(fet_sim_network_run(&file->machine, graph, &kernels, arena, &network));
}

static void test_allocations(void **state)
{
    (void)state;
    fet_auto(fet_device_file) file = load("npu-16");
    fet_auto(fet_graph) graph = NULL;
    CHECK_OK(sim_mobilenet_v2(&graph));
    for (uint64_t fail = 0;; fail++) {
        fet_auto(fet_arena) arena = NULL;
        fet_kernels kernels;
        fet_sim_network network;
        fet_alloc_fail_after(fail);
        fet_status status = fet_arena_create(&arena);
        if (status == FET_OK) status = fet_kernels_split(graph, &file->fusion, FET_DTYPE_S8, arena, &kernels);
        if (status == FET_OK) status = fet_sim_network_run(&file->machine, graph, &kernels, arena, &network);
        fet_alloc_fail_after(SIZE_MAX);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

static void test_errors_name_the_kernel(void **state)
{
    (void)state;
    fet_auto(fet_device_file) file = load("npu-16");
    fet_sim_result result;
    fet_kernel_key softmax;
    memset(&softmax, 0, sizeof softmax);
    softmax.op = FET_OP_SOFTMAX, softmax.precision = FET_DTYPE_F32, softmax.flags = FET_KERNEL_PLAIN_SRC, softmax.n = 1,
    softmax.ic = softmax.oc = 10;
    file->machine.fallback_cycles_per_byte = 0; /* what the file states aside */
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_sim_kernel(&file->machine, &softmax, &result));
    assert_non_null(strstr(fet_error_message(), "softmax"));
    file->machine.fallback_cycles_per_byte = 2;
    CHECK_OK(fet_sim_kernel(&file->machine, &softmax, &result));
    assert_true(result.cycles >= 2 * 80);
    fet_kernel_key bf16 = conv(16, 16, 8, 3, 1, 1, 1);
    bf16.precision = FET_DTYPE_BF16;
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_sim_kernel(&file->machine, &bf16, &result));
}

static void test_trace(void **state)
{
    (void)state;
    fet_auto(fet_device_file) file = load("npu-16");
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_kernels kernels;
    fet_sim_network network;
    char *text = NULL;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(sim_mobilenet_v2(&graph));
    simulate(file, graph, arena, &kernels, &network);
    for (uint64_t fail = 0;; fail++) { /* every allocation fails once */
        fet_alloc_fail_after(fail);
        fet_status status = fet_sim_trace(&file->machine, graph, &kernels, &network, &text);
        fet_alloc_fail_after(SIZE_MAX);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    double busy = 0;
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(json, "traceEvents"), i, event)
    {
        if (json_integer_value(json_object_get(event, "tid")) == 1 && json_object_get(event, "dur"))
            busy += json_number_value(json_object_get(event, "dur"));
    }
    CHECK_NEAR(busy, network.latency_ms * 1e3, 1e-3 * busy);
    json_decref(json);
    fet_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scale_sim),
                                       cmocka_unit_test(test_ethos_u_against_arm),
                                       cmocka_unit_test(test_ethos_u_layers),
                                       cmocka_unit_test(test_cliffs_and_ceilings),
                                       cmocka_unit_test(test_arrays),
                                       cmocka_unit_test(test_depthwise_modes),
                                       cmocka_unit_test(test_network_is_bounded),
                                       cmocka_unit_test(test_maps_that_do_not_fit),
                                       cmocka_unit_test(test_allocations),
                                       cmocka_unit_test(test_errors_name_the_kernel),
                                       cmocka_unit_test(test_trace)};
    return cmocka_run_group_tests_name("simulate", tests, NULL, NULL);
}
