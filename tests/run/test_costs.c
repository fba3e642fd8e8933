// SPDX-License-Identifier: Apache-2.0
/* What a candidate costs on a described device: what the simulator says of the derived network as a whole, every time the same. */
#include "check.h"

#include "base/file.h"
#include "run/costs.h"
#include "space/template/template.h"

#include <math.h>

static fet_graph *network(void)
{
    fet_graph *graph = NULL;
    fet_template_options options = {
        .channels = 1, .height = 28, .width = 28, .n_classes = 10, .stem_channels = 16, .stem_kernel = 3, .stem_stride = 1, .n_stages = 2};
    options.stages[0] = (fet_template_stage){.blocks = 2, .channels = 32, .expansion = 4, .stride = 2, .kernel = 3};
    options.stages[1] = (fet_template_stage){.blocks = 2, .channels = 64, .expansion = 4, .stride = 2, .kernel = 3};
    CHECK_OK(fet_template_build("ibn_classifier", &options, &graph));
    return graph;
}

static fet_space *space_on(const fet_graph *base, const fet_device *device)
{
    fet_space *space = NULL;
    fet_space_options options = fet_space_default_options();
    options.search_block_form = options.search_width = true;
    options.parallelism = fet_device_parallelism(device);
    CHECK_OK(fet_space_create(base, &options, &space));
    return space;
}

static void test_is_the_simulation(void **state)
{
    (void)state;
    static const char *const names[] = {"edge-tpu-like", "npu-64", "ethos-u55-128"};
    for (size_t d = 0; d < 3; d++) {
        fet_auto(fet_device) device = NULL;
        fet_auto(fet_graph) base = network();
        fet_auto(fet_arena) arena = NULL;
        fet_device_options options = {.name = names[d], .precision = FET_DTYPE_S8};
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(fet_device_open(&options, &device));
        fet_auto(fet_space) space = space_on(base, device);
        fet_auto(fet_costs) costs = NULL; /* refers to the space, so it goes before it */
        CHECK_OK(fet_costs_create(space, device, &costs));
        fet_rng rng;
        fet_rng_init(&rng, 3, d, FET_RNG_TEST);
        size_t missing = 7;
        CHECK_OK(fet_costs_measure_ahead(costs, 100, 1, NULL, NULL, &missing));
        assert_int_equal(missing, 0);
        for (int i = 0; i < 50; i++) {
            fet_auto(fet_graph) graph = NULL;
            fet_genome genome;
            fet_candidate_cost cost, again;
            double whole_ms = 0;
            fet_arena_reset(arena);
            if (i == 0) fet_space_base_genome(space, &genome);
            else fet_space_sample(space, &rng, &genome);
            CHECK_OK(fet_costs_of(costs, &genome, &cost));
            CHECK_OK(fet_costs_of(costs, &genome, &again));
            assert_memory_equal(&cost, &again, sizeof cost);
            CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
            CHECK_OK(fet_device_graph_latency(device, graph, arena, &whole_ms));
            assert_true(cost.metric[FET_METRIC_LATENCY] == whole_ms && whole_ms > 0);
        }
    }
}

/* Maps count as the device stores them: 16 channels are 64 to a machine that rounds up to 64. */
static void test_memory_is_the_devices(void **state)
{
    (void)state;
    double peak[2];
    static const char *const names[] = {"edge-tpu-like", "npu-64"};
    for (size_t d = 0; d < 2; d++) {
        fet_auto(fet_device) device = NULL;
        fet_auto(fet_graph) base = network();
        fet_device_options options = {.name = names[d], .precision = FET_DTYPE_S8};
        fet_genome genome;
        fet_candidate_cost cost;
        CHECK_OK(fet_device_open(&options, &device));
        fet_auto(fet_space) space = space_on(base, device);
        fet_auto(fet_costs) costs = NULL;
        CHECK_OK(fet_costs_create(space, device, &costs));
        fet_space_base_genome(space, &genome);
        CHECK_OK(fet_costs_of(costs, &genome, &cost));
        peak[d] = cost.metric[FET_METRIC_PEAK_MEMORY];
    }
    assert_true(peak[0] == 28 * 28 * 16 + 28 * 28 * 64 && peak[1] == 28 * 28 * 64 + 28 * 28 * 64);
}

/* Beyond the memory of a device whose maps cannot lie outside: no error, but a candidate nothing will choose. */
static void test_what_does_not_fit(void **state)
{
    (void)state;
    static const char text[] = "clock: 1 GHz\narray: {int8: {out: 16, in: 16}}\nsram: {size: 90 KiB, bytes_per_cycle: 16}\n"
                               "external: {bytes_per_cycle: 4, maps: false}\nfusion: {add: true}\n";
    char path[] = "/tmp/fet-costs-XXXXXX.yaml";
    int file = mkstemps(path, 5);
    assert_true(file >= 0);
    close(file);
    CHECK_OK(fet_file_replace(path, text, strlen(text)));
    fet_auto(fet_device) device = NULL;
    fet_auto(fet_graph) base = network();
    fet_device_options options = {.name = path, .precision = FET_DTYPE_S8};
    CHECK_OK(fet_device_open(&options, &device));
    unlink(path);
    fet_auto(fet_space) space = space_on(base, device);
    fet_auto(fet_costs) costs = NULL;
    CHECK_OK(fet_costs_create(space, device, &costs));
    fet_rng rng;
    fet_rng_init(&rng, 4, 0, FET_RNG_TEST);
    fet_job job = {.n_limits = 0};
    int n_fit = 0, n_not = 0;
    fet_candidate_cost cost, none = {0};
    for (int i = 0; i < 60; i++) {
        fet_genome genome;
        fet_space_sample(space, &rng, &genome);
        CHECK_OK(fet_costs_of(costs, &genome, &cost));
        bool fits = isfinite(cost.metric[FET_METRIC_LATENCY]);
        assert_true((fet_costs_violation(&job, &cost, &none) > 0) == !fits);
        n_fit += fits, n_not += !fits;
    }
    assert_true(n_fit > 0 && n_not > 0);
}

/* What is learned comes on top of the kernels, and is told apart. */
static void test_between_kernels(void **state)
{
    (void)state;
    fet_auto(fet_device) device = NULL;
    fet_auto(fet_graph) base = network();
    fet_device_options options = {.name = "npu-16", .precision = FET_DTYPE_S8};
    CHECK_OK(fet_device_open(&options, &device));
    fet_auto(fet_space) space = space_on(base, device);
    fet_auto(fet_costs) costs = NULL;
    CHECK_OK(fet_costs_create(space, device, &costs));
    char path[] = "/tmp/fet-costs-XXXXXX.onnx";
    int file = mkstemps(path, 5);
    assert_true(file >= 0);
    close(file);
    fet_genome genome;
    fet_candidate_cost before, after;
    fet_between_sample sample;
    fet_rng rng;
    fet_rng_init(&rng, 5, 0, FET_RNG_TEST);
    fet_space_sample(space, &rng, &genome);
    CHECK_OK(fet_costs_of(costs, &genome, &before));
    CHECK_OK(fet_costs_sample(costs, &genome, path, &sample));
    CHECK_NEAR(sample.sum_ms, before.metric[FET_METRIC_LATENCY], 0);
    assert_true(sample.terms[0] > 10 && sample.terms[1] >= 0 && sample.terms[FET_BETWEEN_MAPS] > 28 * 28 * 16);
    double whole_ms = 0, spread = 0;
    const char *paths[] = {path};
    CHECK_OK(fet_device_measure_networks(device, paths, 1, &whole_ms, &spread)); /* it is the network, and complete */
    CHECK_NEAR(whole_ms, sample.sum_ms, 1e-9);
    fet_between between = {.weight_ms = {1e-3, 0, 0, 2e-9, 2e-9},
                           .caches = fet_between_caches_here(),
                           .error_before = 0.06,
                           .error_after = 0.02,
                           .gains = true};
    fet_costs_set_between(costs, &between);
    CHECK_OK(fet_costs_of(costs, &genome, &after));
    CHECK_NEAR(after.between_ms, 1e-3 * sample.terms[0] + 2e-9 * (sample.terms[3] + sample.terms[4]), 1e-12);
    CHECK_NEAR(after.metric[FET_METRIC_LATENCY], before.metric[FET_METRIC_LATENCY] + after.between_ms, 1e-12);
    assert_true(before.between_ms == 0 && before.error == 0 && after.error == 0.02 && after.macs == before.macs);
    unlink(path);
}

/* A limit holds with the error of the estimate to spare; a share of the base the less, the nearer the candidate is to the base. */
static void test_limits_keep_the_error_to_spare(void **state)
{
    (void)state;
    const fet_candidate_cost base = {.metric[FET_METRIC_LATENCY] = 2, .metric[FET_METRIC_PARAMS] = 100, .error = 0.1};
    static const struct {
        fet_limit limit;
        double latency, params, violation;
    } cases[] = {
        {{.metric = FET_METRIC_LATENCY, .relative = true, .value = 0.5}, 0.88, 0, 0},    /* 0.44 + 0.1 * 0.56 = 0.496 */
        {{.metric = FET_METRIC_LATENCY, .relative = true, .value = 0.5}, 0.9, 0, 0.01},  /* 0.45 + 0.1 * 0.55 = 0.505 */
        {{.metric = FET_METRIC_LATENCY, .relative = true, .value = 1}, 2, 0, 0},         /* the base is known to be as fast as the base */
        {{.metric = FET_METRIC_LATENCY, .relative = true, .value = 1.1}, 2.1, 0, 0},     /* 1.05 + 0.1 * 0.05 */
        {{.metric = FET_METRIC_LATENCY, .relative = false, .value = 1}, 0.9, 0, 0},      /* 0.99 */
        {{.metric = FET_METRIC_LATENCY, .relative = false, .value = 1}, 0.95, 0, 0.045}, /* 1.045 */
        {{.metric = FET_METRIC_PARAMS, .relative = true, .value = 0.5}, 0, 50, 0},       /* counted, not estimated */
        {{.metric = FET_METRIC_PARAMS, .relative = false, .value = 100}, 0, 103, 0.03},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fet_candidate_cost cost = {
            .metric[FET_METRIC_LATENCY] = cases[i].latency, .metric[FET_METRIC_PARAMS] = cases[i].params, .error = base.error};
        fet_job job = {.limits = {cases[i].limit}, .n_limits = 1};
        CHECK_NEAR(fet_costs_violation(&job, &cost, &base), cases[i].violation, 1e-12);
    }
}

/* What networks at the limit came out as counts: whole at it, not for the base, and for a limit in ms anywhere. */
static void test_limits_go_by_networks_near_them(void **state)
{
    (void)state;
    const fet_candidate_cost base = {.metric[FET_METRIC_LATENCY] = 2, .error = 0.1};
    const fet_limit half = {.metric = FET_METRIC_LATENCY, .relative = true, .value = 0.5};
    const fet_limit nearly = {.metric = FET_METRIC_LATENCY, .relative = true, .value = 0.95};
    const fet_limit one_ms = {.metric = FET_METRIC_LATENCY, .value = 1};
    const fet_limit slower = {.metric = FET_METRIC_LATENCY, .relative = true, .value = 1.2};
    static const fet_limit_lesson exact = {.alone = 1.05, .against_base = 1.08},
                                  doubtful = {.alone = 1.05, .against_base = 1.08, .error = 0.01};
    const struct {
        fet_limit limit;
        fet_limit_lesson lesson;
        double latency, violation;
    } cases[] = {
        {half, exact, 1, 0.08},             /* a share of 0.5 comes out as 0.54 */
        {half, doubtful, 1, 0.0908},        /* 0.5 * 1.08 * 1.01 */
        {half, exact, 0.92, 0},             /* 0.46 + 0.46 * 0.08 * 0.54 / 0.5 = 0.49974 */
        {nearly, exact, 1.2, 0},            /* far below a limit no more than at it: 0.6 * 1.08 */
        {half, exact, 2, 1},                /* the base itself is as fast as the base */
        {half, exact, 2.2, 1.2},            /* and what is slower is told without the lesson */
        {one_ms, exact, 0.95, 0},           /* 0.9975 */
        {one_ms, doubtful, 0.95, 0.007475}, /* 0.95 * 1.05 * 1.01 */
        {slower, exact, 2.2, 0},            /* a limit beyond the base: 1.1 + 0.1 * 0.1, as without a lesson */
        {half, {.alone = 0}, 1, 0.1},       /* nothing learned: 0.5 + 0.1 * 0.5 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fet_candidate_cost cost = {.metric[FET_METRIC_LATENCY] = cases[i].latency, .error = base.error, .lesson = cases[i].lesson};
        fet_job job = {.limits = {cases[i].limit}, .n_limits = 1};
        CHECK_NEAR(fet_costs_violation(&job, &cost, &base), cases[i].violation, 1e-12);
    }
}

static void set_precision(const fet_space *space, fet_genome *genome, const char *name, uint8_t option)
{
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++)
        if (strcmp(fet_space_decision(space, d)->name, name) == 0) genome->option[d] = option;
}

/* A block in bf16 on a machine that has both: its kernels cost what they cost in bf16, and passing there and back costs time too; what a
 * file of the candidate is measured as is the same. */
static void test_mixed_precision(void **state)
{
    (void)state;
    fet_auto(fet_device) device = NULL;
    fet_auto(fet_graph) base = network();
    fet_auto(fet_arena) arena = NULL;
    fet_device_options options = {.name = "npu-32-bf16", .precision = FET_DTYPE_S8};
    fet_space_options wanted = fet_space_default_options();
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_device_open(&options, &device));
    wanted.kinds = FET_SPACE_PRECISION;
    fet_auto(fet_space) space = NULL;
    CHECK_OK(fet_space_create(base, &wanted, &space));
    fet_auto(fet_costs) costs = NULL;
    CHECK_OK(fet_costs_create(space, device, &costs));
    fet_genome int8, one, two, all;
    fet_candidate_cost cost[4];
    fet_space_base_genome(space, &int8);
    one = two = all = int8;
    set_precision(space, &one, "stage1.block1.precision", 1);
    set_precision(space, &two, "stage1.block1.precision", 1);
    set_precision(space, &two, "stage2.block0.precision", 1);
    for (uint32_t d = 0; d < all.n; d++)
        if (fet_space_decision(space, d)->kind == FET_DECISION_PRECISION) all.option[d] = 1;
    const fet_genome *const genomes[] = {&int8, &one, &two, &all};
    for (int i = 0; i < 4; i++) CHECK_OK(fet_costs_of(costs, genomes[i], &cost[i]));
    for (int i = 1; i < 3; i++) {
        assert_true(cost[i].metric[FET_METRIC_LATENCY] > cost[i - 1].metric[FET_METRIC_LATENCY]);
        assert_true(cost[i].metric[FET_METRIC_PARAMS] > cost[i - 1].metric[FET_METRIC_PARAMS]);
        assert_true(cost[i].hash != cost[i - 1].hash && cost[i].macs == cost[0].macs);
    }
    /* Everything in bf16: as if the network were, and nothing but its ends is converted. */
    fet_auto(fet_device) wide = NULL;
    fet_auto(fet_graph) graph = NULL;
    fet_kernels kernels;
    options.precision = FET_DTYPE_BF16;
    CHECK_OK(fet_device_open(&options, &wide));
    double wide_ms = 0;
    CHECK_OK(fet_device_graph_latency(wide, base, arena, &wide_ms));
    CHECK_NEAR(cost[3].metric[FET_METRIC_LATENCY], wide_ms, 1e-6 * wide_ms);
    /* The kernels of the one: two conversions, none of them for nothing. */
    CHECK_OK(fet_space_derive(space, &one, arena, &graph));
    CHECK_OK(fet_kernels_split(graph, fet_device_fusion_rules(device), FET_DTYPE_S8, arena, &kernels));
    double *kernel_ms = fet_arena_zalloc(arena, kernels.count, sizeof *kernel_ms), whole_ms = 0;
    assert_non_null(kernel_ms);
    CHECK_OK(fet_device_network_latency(device, graph, &kernels, arena, kernel_ms, &whole_ms));
    uint32_t n_wide = 0, n_casts = 0;
    for (uint32_t k = 1; k + 1 < kernels.count; k++) {
        bool cast = kernels.items[k].anchor == FET_NONE;
        n_casts += cast;
        if (cast) assert_true(kernel_ms[k] > 0);
        n_wide += !cast && kernels.items[k].key.precision == FET_DTYPE_BF16;
    }
    assert_int_equal(n_wide, 3);
    assert_int_equal(n_casts, 2);
    /* Written and read again, it is the same network to the device. */
    char path[] = "/tmp/fet-costs-XXXXXX.onnx";
    int file = mkstemps(path, 5);
    assert_true(file >= 0);
    close(file);
    fet_between_sample sample;
    const char *paths[] = {path};
    double measured_ms = 0, spread = 0;
    CHECK_OK(fet_costs_sample(costs, &one, path, &sample));
    CHECK_OK(fet_device_measure_networks(device, paths, 1, &measured_ms, &spread));
    CHECK_NEAR(measured_ms, cost[1].metric[FET_METRIC_LATENCY], 1e-9);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_is_the_simulation),
                                       cmocka_unit_test(test_memory_is_the_devices),
                                       cmocka_unit_test(test_what_does_not_fit),
                                       cmocka_unit_test(test_between_kernels),
                                       cmocka_unit_test(test_limits_keep_the_error_to_spare),
                                       cmocka_unit_test(test_limits_go_by_networks_near_them),
                                       cmocka_unit_test(test_mixed_precision)};
    return cmocka_run_group_tests_name("costs", tests, NULL, NULL);
}
