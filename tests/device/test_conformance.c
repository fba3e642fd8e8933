// SPDX-License-Identifier: Apache-2.0
/* What holds for every kind of device; runs over the registry. */
#include "check.h"

#include "device/host/host.h"
#include "device/ops.h"
#include "estimate/estimate.h"
#include "space/template/template.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

static fet_graph *network(void);

/* A device of each kind: the host, a shipped description, and a table of the network's kernels, a microsecond each. */
static char folder[] = "/tmp/fet-devices-XXXXXX";

static int remove_folder(void **state)
{
    (void)state;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.') unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir) closedir(dir);
    rmdir(folder);
    return 0;
}

/* Fitted to each kernel of the network and to five more with other channels, whose latencies follow their MACs. */
static const char *estimate_file(void)
{
    enum { EACH = 6, MOST = 512 };
    static char path[64];
    static fet_estimate_sample samples[MOST];
    size_t n = 0;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = network();
    fet_auto(fet_estimator) estimator = NULL;
    fet_kernels kernels;
    fet_estimator_options options = fet_estimator_default_options();
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_kernels_split(graph, &fet_fusion_rules_host, FET_DTYPE_S8, arena, &kernels));
    for (uint32_t i = 0; i < kernels.count; i++)
        for (uint32_t more = 0; more < EACH && n < MOST; more++) {
            fet_kernel_key key = kernels.items[i].key;
            bool before = false;
            key.oc += 3 * more, key.ic += key.group == 1 ? more : 3 * more;
            if (key.group > 1) key.group = key.ic;
            for (size_t j = 0; j < n; j++) before |= fet_kernel_key_equal(&samples[j].key, &key);
            double size = (double)fet_kernel_key_macs(&key) + (double)key.oc * key.oh * key.ow;
            if (!before) samples[n++] = (fet_estimate_sample){.key = key, .latency_ms = 1e-3 + 1e-8 * size};
        }
    CHECK_OK(fet_estimator_fit(&options, samples, n, &estimator));
    snprintf(path, sizeof path, "%s/estimated.estimate", folder);
    CHECK_OK(fet_estimator_write(estimator, path));
    return path;
}

static const char *example(const fet_device_ops *kind)
{
    static char yaml[64], csv[64];
    if (kind == &fet_device_described) return "npu-16";
    if (kind == &fet_device_estimated) return estimate_file();
    if (kind != &fet_device_recorded) return kind->name;
    snprintf(yaml, sizeof yaml, "%s/recorded.yaml", folder);
    snprintf(csv, sizeof csv, "%s/recorded.csv", folder);
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = network();
    fet_kernels kernels;
    fet_fusion_rules rules = {.batch_norm = true, .activations = 1u << FET_ACTIVATION_RELU | 1u << FET_ACTIVATION_CLIP};
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_kernels_split(graph, &rules, FET_DTYPE_S8, arena, &kernels));
    FILE *file = fopen(yaml, "w");
    assert_non_null(file);
    fprintf(file, "kind: recorded\ntable: recorded.csv\n");
    fclose(file);
    file = fopen(csv, "w");
    assert_non_null(file);
    fprintf(file, "kernel,latency_us\n");
    for (uint32_t i = 0; i < kernels.count; i++) {
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        bool before = false;
        for (uint32_t j = 0; j < i; j++) before |= fet_kernel_key_equal(&kernels.items[i].key, &kernels.items[j].key);
        if (!before) fprintf(file, "\"%s\",1\n", fet_kernel_key_print(&kernels.items[i].key, text, sizeof text));
    }
    fclose(file);
    return yaml;
}

static fet_status open_kind(const fet_device_ops *kind, fet_device **out_device)
{
    static bool made = false;
    if (!made) assert_non_null(mkdtemp(folder));
    made = true;
    fet_device_options options = {.name = example(kind), .precision = FET_DTYPE_S8, .isa = "auto", .cache = folder};
    return fet_device_open(&options, out_device);
}

static fet_graph *network(void)
{
    fet_graph *graph = NULL;
    fet_template_options options = {
        .channels = 1, .height = 16, .width = 16, .n_classes = 4, .stem_channels = 16, .stem_kernel = 3, .stem_stride = 1, .n_stages = 1};
    options.stages[0] = (fet_template_stage){.blocks = 2, .channels = 16, .expansion = 4, .stride = 2, .kernel = 3};
    CHECK_OK(fet_template_build("ibn_classifier", &options, &graph));
    return graph;
}

static void test_says_what_it_is(void **state)
{
    (void)state;
    for (size_t k = 0; fet_device_kinds[k]; k++) {
        fet_auto(fet_device) device = NULL;
        CHECK_OK(open_kind(fet_device_kinds[k], &device));
        const char *name = fet_device_kinds[k] == &fet_device_described ? "npu-16" : fet_device_kinds[k]->name;
        assert_memory_equal(fet_device_describe(device), name, strlen(name));
        assert_non_null(fet_device_fusion_rules(device));
        assert_int_equal(fet_device_precision(device), FET_DTYPE_S8);
        fet_parallelism parallelism = fet_device_parallelism(device);
        assert_true(parallelism.out_channels >= 1 && parallelism.in_channels >= 1);
        assert_true(fet_device_kinds[k]->help[0] != '\0');
    }
}

/* A device with a table walks over it, and meets a kernel that was made known. */
static void check_known(const fet_device_ops *kind, const fet_device *device, const fet_kernel_key *key)
{
    fet_kernel_key at;
    fet_cost cost, looked_up;
    uint32_t n = 0, met = 0;
    for (; fet_device_known(device, n, &at, &cost); n++) {
        met += fet_kernel_key_equal(&at, key);
        assert_true(fet_device_lookup(device, &at, &looked_up) && looked_up.latency_ms == cost.latency_ms);
        assert_int_equal(cost.source, kind->source);
    }
    assert_int_equal(met, kind->known ? 1 : 0);
    assert_true(kind->known || n == 0);
}

/* Unknown, then made known, then the same for ever, also in another handle; a network is the sum of its kernels. */
static void test_kernels_become_known(void **state)
{
    (void)state;
    for (size_t k = 0; fet_device_kinds[k]; k++) {
        fet_auto(fet_device) device = NULL;
        fet_auto(fet_device) other = NULL;
        fet_auto(fet_arena) arena = NULL;
        fet_graph *graph = network();
        fet_kernels kernels;
        double sum_ms = 0, whole_ms = 0;
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(open_kind(fet_device_kinds[k], &device));
        CHECK_OK(fet_kernels_split(graph, fet_device_fusion_rules(device), fet_device_precision(device), arena, &kernels));
        for (uint32_t i = 0; i < kernels.count; i++) CHECK_OK(fet_device_measure(device, &kernels.items[i].key, 1, NULL, NULL));
        CHECK_OK(open_kind(fet_device_kinds[k], &other));
        for (uint32_t i = 0; i < kernels.count; i++) {
            fet_cost one, two;
            assert_true(fet_device_lookup(device, &kernels.items[i].key, &one));
            assert_true(fet_device_lookup(other, &kernels.items[i].key, &two));
            assert_true(one.latency_ms > 0 && one.latency_ms < 1000);
            assert_true(one.spread >= 0);
            assert_true(one.source >= FET_COST_MEASURED && one.source <= FET_COST_RECORDED);
            assert_true(one.latency_ms == two.latency_ms);
            sum_ms += one.latency_ms;
        }
        CHECK_OK(fet_device_graph_latency(device, graph, arena, &whole_ms));
        check_known(fet_device_kinds[k], device, &kernels.items[0].key);
        /* Simulated as a whole, kernels overlap: a network is not slower than its kernels one by one, and not much faster. */
        double *kernel_ms = fet_arena_zalloc(arena, kernels.count, sizeof *kernel_ms), parts_ms = 0, again_ms = 0;
        CHECK_OK(fet_device_network_latency(device, graph, &kernels, arena, kernel_ms, &again_ms));
        for (uint32_t i = 0; i < kernels.count; i++) parts_ms += kernel_ms[i];
        assert_true(again_ms == whole_ms);
        CHECK_NEAR(parts_ms, whole_ms, 1e-9 * whole_ms);
        assert_int_equal(fet_device_source(device), fet_device_kinds[k]->source);
        assert_true(fet_device_channel_rounding(device) >= 1);
        if (fet_device_kinds[k]->network_latency) assert_true(whole_ms > 0.4 * sum_ms && whole_ms < 1.1 * sum_ms);
        else CHECK_NEAR(whole_ms, sum_ms, 1e-9);
        fet_graph_destroy(graph);
    }
}

/* It computes in what it was opened for; of a precision that it does not have it knows no kernel, whatever stands in its models. */
static void test_precisions(void **state)
{
    (void)state;
    static const fet_dtype others[] = {FET_DTYPE_BF16, FET_DTYPE_F32, FET_DTYPE_F16};
    for (size_t k = 0; fet_device_kinds[k]; k++) {
        fet_auto(fet_device) device = NULL;
        fet_auto(fet_arena) arena = NULL;
        fet_auto(fet_graph) graph = network();
        fet_kernels kernels;
        fet_cost cost;
        bool computes = false;
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(open_kind(fet_device_kinds[k], &device));
        fet_device_options options = {.name = example(fet_device_kinds[k]), .precision = FET_DTYPE_S8, .isa = "auto", .cache = folder};
        CHECK_OK(fet_device_computes(&options, FET_DTYPE_S8, &computes));
        assert_true(computes);
        CHECK_OK(fet_kernels_split(graph, fet_device_fusion_rules(device), FET_DTYPE_S8, arena, &kernels));
        uint32_t conv = 0;
        while (kernels.items[conv].key.op != FET_OP_CONV) conv++;
        for (size_t o = 0; o < sizeof others / sizeof *others; o++) {
            fet_kernel_key key = kernels.items[conv].key;
            key.precision = (uint8_t)others[o];
            key.flags &= ~(uint32_t)FET_KERNEL_SIGNED_SRC;
            CHECK_OK(fet_device_computes(&options, others[o], &computes));
            if (!computes) assert_false(fet_device_lookup(device, &key, &cost));
            if (!computes && fet_device_source(device) != FET_COST_MEASURED)
                assert_int_not_equal(fet_device_measure(device, &key, 1, NULL, NULL), FET_OK);
        }
        CHECK_OK(fet_device_computes(&options, FET_DTYPE_NONE, &computes));
        assert_false(computes);
    }
}

static void test_lookup_does_not_measure(void **state)
{
    (void)state;
    for (size_t k = 0; fet_device_kinds[k]; k++) {
        fet_auto(fet_device) device = NULL;
        fet_kernel_key key;
        fet_cost cost;
        memset(&key, 0, sizeof key);
        key.op = FET_OP_CONV;
        key.precision = FET_DTYPE_S8;
        key.n = 12345;
        CHECK_OK(open_kind(fet_device_kinds[k], &device));
        assert_false(fet_device_lookup(device, &key, &cost));
        CHECK_OK(fet_device_measure(device, NULL, 0, NULL, NULL));
    }
}

int main(int argc, char **argv)
{
    if (fet_host_is_measure_command(argc, argv)) return fet_host_measure_main();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_says_what_it_is), cmocka_unit_test(test_kernels_become_known),
                                       cmocka_unit_test(test_precisions), cmocka_unit_test(test_lookup_does_not_measure)};
    return cmocka_run_group_tests_name("devices", tests, NULL, remove_folder);
}
