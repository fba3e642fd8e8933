// SPDX-License-Identifier: Apache-2.0
/*
 * The host device with its measuring process. The process is this program again; with FET_TEST_CHILD set it plays a broken one instead, to
 * see what the device makes of deaths, rubbish and missing instruction sets.
 */
#include "check.h"

#include "base/clock.h"
#include "base/file.h"
#include "device/device.h"
#include "device/host/child.h"
#include "device/host/host.h"
#include "engine/engine.h"
#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "space/template/template.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char name[512];
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        unlink(name);
    }
    if (dir) closedir(dir);
    rmdir(path);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/fet-host-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unsetenv("FET_TEST_CHILD");
    remove_tree(folder);
    return 0;
}

static fet_kernel_key conv_key(fet_dtype precision, uint32_t ic, uint32_t oc)
{
    fet_kernel_key key;
    memset(&key, 0, sizeof key);
    key.op = FET_OP_CONV;
    key.precision = (uint8_t)precision;
    key.activation = FET_ACTIVATION_RELU;
    key.flags = FET_KERNEL_BIAS;
    key.n = 1;
    key.ic = ic;
    key.oc = oc;
    key.ih = key.iw = key.oh = key.ow = 14;
    key.group = 1;
    key.kh = key.kw = 1;
    key.sh = key.sw = key.dh = key.dw = 1;
    return key;
}

static fet_device_options options_for(fet_dtype precision, const char *isa)
{
    return (fet_device_options){.name = "host", .precision = precision, .isa = isa, .cache = folder};
}

static bool count_progress(void *context, size_t done, size_t total)
{
    (void)done;
    (void)total;
    (*(int *)context)++;
    return true;
}

static void test_measured_once_and_looked_up_ever_after(void **state)
{
    (void)state;
    fet_device_options options = options_for(FET_DTYPE_F32, "auto");
    fet_kernel_key keys[3] = {conv_key(FET_DTYPE_F32, 32, 64), conv_key(FET_DTYPE_F32, 64, 256), conv_key(FET_DTYPE_F32, 32, 64)};
    fet_cost small, large, again;
    int calls = 0;
    {
        fet_auto(fet_device) device = NULL;
        CHECK_OK(fet_device_open(&options, &device));
        assert_memory_equal(fet_device_describe(device), "host f32 ", 9);
        assert_int_equal(fet_device_precision(device), FET_DTYPE_F32);
        assert_false(fet_device_lookup(device, &keys[0], &small));
        CHECK_OK(fet_device_measure(device, keys, 3, count_progress, &calls));
        assert_int_equal(calls, 3); /* two were missing, and the end */
        assert_true(fet_device_lookup(device, &keys[0], &small));
        assert_true(fet_device_lookup(device, &keys[1], &large));
        assert_int_equal(small.source, FET_COST_MEASURED);
        assert_true(small.latency_ms > 1e-5 && small.latency_ms < 10);
        assert_true(large.latency_ms > 2 * small.latency_ms); /* 8 times the work */
        assert_true(small.spread >= 0 && small.spread < 10);
    }
    fet_auto(fet_device) device = NULL;
    {
        fet_auto(fet_device) later = NULL;
        fet_repeat repeats[2];
        CHECK_OK(fet_device_open(&options, &later));
        CHECK_OK(fet_device_repeat(later, keys, 2, NULL, NULL, repeats));
        for (int i = 0; i < 2; i++) assert_true(repeats[i].latency_ms > 1e-5 && repeats[i].latency_ms < 10 && repeats[i].pulse >= 1);
        assert_true(fet_device_lookup(later, &keys[0], &again) && again.latency_ms == small.latency_ms); /* it keeps nothing */
    }
    setenv("FET_TEST_CHILD", "die", 1); /* nothing may be measured any more */
    CHECK_OK(fet_device_open(&options, &device));
    CHECK_OK(fet_device_measure(device, keys, 3, count_progress, &calls));
    assert_int_equal(calls, 3);
    assert_true(fet_device_lookup(device, &keys[0], &again));
    assert_true(again.latency_ms == small.latency_ms && again.spread == small.spread);
}

/* Several instruction sets from one process, which itself is limited to none of them. */
static void test_targets(void **state)
{
    (void)state;
    const char *const isas[] = {"avx2", "avx512", "avx512_vnni", "amx"};
    const fet_dtype precisions[] = {FET_DTYPE_F32, FET_DTYPE_F32, FET_DTYPE_S8, FET_DTYPE_S8};
    const fet_parallelism expected[] = {{8, 1}, {16, 1}, {16, 4}, {16, 64}};
    int n_here = 0;
    for (int i = 0; i < 4; i++) {
        fet_auto(fet_device) device = NULL;
        fet_device_options options = options_for(precisions[i], isas[i]);
        fet_kernel_key key = conv_key(precisions[i], 64, 64);
        fet_cost cost;
        CHECK_OK(fet_device_open(&options, &device));
        fet_parallelism parallelism = fet_device_parallelism(device), of_options;
        assert_int_equal(parallelism.out_channels, expected[i].out_channels);
        assert_int_equal(parallelism.in_channels, expected[i].in_channels);
        CHECK_OK(fet_device_parallelism_of(&options, &of_options));
        assert_memory_equal(&parallelism, &of_options, sizeof parallelism);
        fet_status status = fet_device_measure(device, &key, 1, NULL, NULL);
        if (status == FET_ERROR_UNSUPPORTED) {
            print_message("%s\n", fet_error_message());
            continue;
        }
        CHECK_OK(status);
        assert_true(fet_device_lookup(device, &key, &cost));
        n_here++;
    }
    assert_true(n_here > 0);
}

static void test_bad_options(void **state)
{
    (void)state;
    fet_device *device = NULL;
    fet_device_options options = options_for(FET_DTYPE_S8, "mmx");
    CHECK_FAILS(FET_ERROR_ARG, fet_device_open(&options, &device));
    options = options_for(FET_DTYPE_BF16, "avx2");
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_device_open(&options, &device));
    options = options_for(FET_DTYPE_F64, "avx2");
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_device_open(&options, &device));
    options = options_for(FET_DTYPE_S8, "auto");
    options.name = "abacus";
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_device_open(&options, &device));
    options = options_for(FET_DTYPE_S8, "auto");
    options.cache = "/proc/fettle";
    assert_true(fet_device_open(&options, &device) != FET_OK);
    assert_null(device);
}

static bool stop_after_one(void *context, size_t done, size_t total)
{
    (void)context;
    (void)total;
    return done < 1;
}

static void test_stopping_keeps_what_is_done(void **state)
{
    (void)state;
    fet_auto(fet_device) device = NULL;
    fet_device_options options = options_for(FET_DTYPE_F32, "auto");
    fet_kernel_key keys[2] = {conv_key(FET_DTYPE_F32, 16, 16), conv_key(FET_DTYPE_F32, 32, 16)};
    fet_cost cost;
    CHECK_OK(fet_device_open(&options, &device));
    CHECK_FAILS(FET_ERROR_STATE, fet_device_measure(device, keys, 2, stop_after_one, NULL));
    assert_true(fet_device_lookup(device, &keys[0], &cost));
    assert_false(fet_device_lookup(device, &keys[1], &cost));
    CHECK_OK(fet_device_measure(device, keys, 2, NULL, NULL));
    assert_true(fet_device_lookup(device, &keys[1], &cost));
}

/* A kernel that cannot be is an error that names it; the process lives on. */
static void test_impossible_kernel(void **state)
{
    (void)state;
    fet_auto(fet_device) device = NULL;
    fet_device_options options = options_for(FET_DTYPE_F32, "auto");
    fet_kernel_key bad = conv_key(FET_DTYPE_F32, 16, 16), good = conv_key(FET_DTYPE_F32, 16, 48);
    bad.oh = 99;
    CHECK_OK(fet_device_open(&options, &device));
    assert_true(fet_device_measure(device, &bad, 1, NULL, NULL) != FET_OK);
    assert_non_null(strstr(fet_error_message(), "1x16x14x14>16x99x14"));
    CHECK_OK(fet_device_measure(device, &good, 1, NULL, NULL));
}

static void check_child(const char *play, fet_status code, const char *words)
{
    fet_auto(fet_device) device = NULL;
    fet_device_options options = options_for(FET_DTYPE_F32, "auto");
    fet_kernel_key key = conv_key(FET_DTYPE_F32, 16, 32);
    setenv("FET_TEST_CHILD", play, 1);
    CHECK_OK(fet_device_open(&options, &device));
    CHECK_FAILS(code, fet_device_measure(device, &key, 1, NULL, NULL));
    if (!strstr(fet_error_message(), words)) fail_msg("\"%s\" does not say \"%s\"", fet_error_message(), words);
    fet_cost cost;
    assert_false(fet_device_lookup(device, &key, &cost));
}

static void test_broken_processes(void **state)
{
    (void)state;
    check_child("die", FET_ERROR_IO, "given up after a second try: the measuring process died at \"conv f32 1x16x14x14>32x14x14");
    check_child("die", FET_ERROR_IO, "signal 9");
    check_child("babble", FET_ERROR_CORRUPT, "kernel \"conv f32 1x16x14x14>32x14x14");
    check_child("flood", FET_ERROR_IO, "said too much");
    check_child("stranger", FET_ERROR_STATE, "started with \"hello\"");
    check_child("old machine", FET_ERROR_UNSUPPORTED, "does not have the instruction set");
    check_child("stillborn", FET_ERROR_IO, "exit code 3");
}

/* One death is forgiven. */
static void test_one_death(void **state)
{
    (void)state;
    fet_auto(fet_device) device = NULL;
    fet_device_options options = options_for(FET_DTYPE_F32, "auto");
    fet_kernel_key key = conv_key(FET_DTYPE_F32, 16, 32);
    char play[128];
    snprintf(play, sizeof play, "once %s/died", folder);
    setenv("FET_TEST_CHILD", play, 1);
    CHECK_OK(fet_device_open(&options, &device));
    CHECK_OK(fet_device_measure(device, &key, 1, NULL, NULL));
    fet_cost cost;
    assert_true(fet_device_lookup(device, &key, &cost));
}

static void write_network(const char *path, uint32_t channels)
{
    fet_auto(fet_graph) graph = NULL;
    fet_template_options options = {.channels = 1,
                                    .height = 28,
                                    .width = 28,
                                    .n_classes = 10,
                                    .stem_channels = 8,
                                    .stem_kernel = 3,
                                    .stem_stride = 1,
                                    .n_stages = 2,
                                    .head_channels = 0};
    options.stages[0] = (fet_template_stage){.blocks = 1, .channels = channels, .expansion = 2, .stride = 2, .kernel = 3};
    options.stages[1] = (fet_template_stage){.blocks = 2, .channels = channels, .expansion = 4, .stride = 2, .kernel = 3};
    CHECK_OK(fet_template_build("ibn_classifier", &options, &graph));
    CHECK_OK(fet_graph_init_params(graph, NULL, 1));
    CHECK_OK(fet_onnx_write(graph, path, FET_ONNX_OPSET_WRITTEN));
}

static void test_whole_networks(void **state)
{
    (void)state;
    char small[96], large[96], missing[96];
    snprintf(small, sizeof small, "%s/small.onnx", folder);
    snprintf(large, sizeof large, "%s/large.onnx", folder);
    snprintf(missing, sizeof missing, "%s/missing.onnx", folder);
    write_network(small, 16);
    write_network(large, 128);
    const fet_dtype precisions[] = {FET_DTYPE_F32, FET_DTYPE_S8};
    for (int p = 0; p < 2; p++) {
        fet_auto(fet_device) device = NULL;
        fet_auto(fet_graph) graph = NULL;
        fet_auto(fet_arena) arena = NULL;
        fet_device_options options = options_for(precisions[p], "auto");
        const char *paths[] = {small, large, small};
        double ms[3], spread[3], sum_ms = 0;
        CHECK_OK(fet_device_open(&options, &device));
        CHECK_OK(fet_device_measure_networks(device, paths, 3, ms, spread));
        assert_true(ms[0] > 1e-4 && ms[1] > 1.2 * ms[0]);
        CHECK_NEAR(ms[2] / ms[0], 1, 0.5); /* the same network twice; other tests may run beside this one */
        /* The sum of its kernels is near. */
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(fet_onnx_read(large, NULL, &graph));
        CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_device_graph_latency(device, graph, arena, &sum_ms));
        fet_kernels kernels;
        CHECK_OK(fet_kernels_split(graph, fet_device_fusion_rules(device), precisions[p], arena, &kernels));
        for (uint32_t k = 0; k < kernels.count; k++) CHECK_OK(fet_device_measure(device, &kernels.items[k].key, 1, NULL, NULL));
        CHECK_OK(fet_device_graph_latency(device, graph, arena, &sum_ms));
        assert_true(sum_ms > 0.4 * ms[1] && sum_ms < 2.5 * ms[1]);
        const char *bad[] = {small, missing};
        CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_device_measure_networks(device, bad, 2, ms, spread));
        assert_non_null(strstr(fet_error_message(), missing));
        CHECK_OK(fet_device_measure_networks(device, paths, 1, ms, spread)); /* and it goes on */
    }
}

static void test_allocation_failures(void **state)
{
    (void)state;
    fet_status status = FET_ERROR_NOMEM;
    uint64_t n = 0;
    for (; status != FET_OK; n++) {
        fet_device *device = NULL;
        fet_device_options options = options_for(FET_DTYPE_F32, "auto");
        fet_alloc_fail_after(n);
        status = fet_device_open(&options, &device);
        fet_alloc_fail_after(UINT64_MAX);
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        fet_device_close(device);
    }
    assert_true(n > 4);
}

/* A measuring process that misbehaves. */
static int play(const char *part)
{
    char line[4096];
    FILE *out = fdopen(dup(1), "w");
    if (!out || strcmp(part, "stillborn") == 0) return 3;
    bool once = strncmp(part, "once ", 5) == 0;
    if (once && fet_file_exists(part + 5)) return fet_host_measure_main();
    if (once && fet_file_replace(part + 5, "", 0) != FET_OK) return 4;
    if (strcmp(part, "stranger") == 0) fprintf(out, "hello\n");
    else if (strcmp(part, "old machine") == 0) fprintf(out, "ok SSE41\n");
    else fprintf(out, "ok %s\n", fet_engine_isa_name());
    fflush(out);
    if (!fgets(line, sizeof line, stdin)) return 0;
    if (strcmp(part, "die") == 0 || once) raise(SIGKILL);
    if (strcmp(part, "babble") == 0) fprintf(out, "ok as far as I know\n");
    for (int i = 0; strcmp(part, "flood") == 0 && i < 1000; i++) fprintf(out, "ok ok ok ok ");
    fflush(out);
    while (fgets(line, sizeof line, stdin)) {
    }
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (fet_host_is_measure_command(argc, argv)) return getenv("FET_TEST_CHILD") ? play(getenv("FET_TEST_CHILD")) : fet_host_measure_main();
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
        TEST(test_measured_once_and_looked_up_ever_after),
        TEST(test_targets),
        TEST(test_bad_options),
        TEST(test_stopping_keeps_what_is_done),
        TEST(test_impossible_kernel),
        TEST(test_broken_processes),
        TEST(test_one_death),
        TEST(test_whole_networks),
        TEST(test_allocation_failures),
    };
    return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
