// SPDX-License-Identifier: Apache-2.0
/* Kernels as networks of their own, and the sheet that goes out empty and comes back filled. For device/kit/single.h and sheet.h. */
#include "check.h"

#include "base/alloc.h"
#include "base/file.h"
#include "device/kit/sheet.h"
#include "device/kit/single.h"
#include "engine/executor.h"
#include "format/onnx/onnx.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/fet-kit-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

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

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *const texts[] = {
    "conv f32 1x24x14x14>40x7x7 k3x3 s2x2 p1,1,1,1 g1 relu+bias",
    "conv f32 1x24x14x14>24x14x14 k5x5 s1x1 p2,2,2,2 g24 clip+bias",
    "conv f32 1x24x9x11>48x7x5 k3x3 s1x2 g2 hard_swish",
    "conv f32 1x16x14x14>32x14x14 k1x1 s1x1 g1 bias+add",
    "conv f32 1x16x14x14>32x14x14 k3x3 s1x1 d2x2 p2,2,2,2 g1 relu+bias+add",
    "conv f32 1x3x15x15>8x8x8 k3x3 s2x2 p0,0,2,2 g1 leaky_relu+bias",
    "conv_transpose f32 1x8x7x7>4x14x14 k2x2 s2x2 g1 bias",
    "conv_transpose f32 1x8x7x7>4x14x14 k3x3 s2x2 p1,1,1,1 g1 bias",
    "gemm f32 1x64x1x1>10x1x1 bias",
    "gemm f32 1x16x3x3>10x1x1 relu+bias",
    "max_pool f32 1x16x14x14>16x7x7 k2x2 s2x2 g1",
    "average_pool f32 1x16x14x14>16x14x14 k3x3 s1x1 p1,1,1,1 g1 x00000001",
    "global_average_pool f32 1x32x7x7>32x1x1",
    "add f32 1x16x14x14>16x14x14",
    "mul f32 1x16x14x14>16x14x14 broadcast",
    "hard_swish f32 1x16x14x14>16x14x14 hard_swish",
};
enum { N_TEXTS = sizeof texts / sizeof *texts };

/* By definition: the network splits into this kernel, but for what its neighbours would say. A text that no key has is left to the parser.
 */
static void test_a_network_is_its_kernel(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    fet_fusion_rules rules = fet_fusion_rules_host;
    CHECK_OK(fet_arena_create(&arena));
    for (int t = 0; t < N_TEXTS; t++) {
        fet_auto(fet_graph) graph = NULL;
        fet_auto(fet_graph) again = NULL;
        fet_kernel_key key;
        fet_kernels kernels;
        bool found = false, added = false;
        char all[2048] = "";
        fet_status status = fet_kernel_key_parse(texts[t], &key);
        if (status != FET_OK) fail_msg("%s", fet_error_message());
        CHECK_OK(fet_kit_single_build(&key, &graph));
        CHECK_OK(fet_onnx_write(graph, path_of("one.onnx"), FET_ONNX_OPSET_WRITTEN));
        CHECK_OK(fet_onnx_read(path_of("one.onnx"), NULL, &again));
        fet_arena_reset(arena);
        CHECK_OK(fet_kernels_split(again, &rules, FET_DTYPE_F32, arena, &kernels));
        if (key.op == FET_OP_GEMM) key.ic *= key.ih * key.iw, key.ih = key.iw = 1; /* an input is flat already */
        for (uint32_t k = 0; k < kernels.count; k++) {
            char text[FET_KERNEL_KEY_TEXT_BYTES];
            /* Alone, what is no convolution stays in the world in which it is given. */
            if (kernels.items[k].key.op == key.op && kernels.items[k].key.flags & FET_KERNEL_PLAIN_SRC) {
                kernels.items[k].key.flags = key.flags;
                kernels.items[k].key.extra = key.extra;
            }
            /* A residual from outside is no map of the device yet when the convolution runs, so the addition stands behind it. */
            added |= kernels.items[k].key.op == FET_OP_ADD && kernels.items[k].key.oc == key.oc;
            if (key.flags & FET_KERNEL_ADD && kernels.items[k].key.op == FET_OP_CONV)
                kernels.items[k].key.flags |= FET_KERNEL_ADD, kernels.items[k].key.activation = key.activation;
            found |= fet_kernel_key_equal(&kernels.items[k].key, &key);
            size_t used = strlen(all);
            snprintf(all + used, sizeof all - used, " [%s]", fet_kernel_key_print(&kernels.items[k].key, text, sizeof text));
        }
        if (!found || (key.flags & FET_KERNEL_ADD && !added)) fail_msg("%s: its network splits into%s", texts[t], all);
        unlink(path_of("one.onnx"));
    }
}

static void test_others_are_no_networks(void **state)
{
    (void)state;
    static const char *const others[] = {"cast s8 1x1x28x28>1x28x28 plain", "softmax f32 1x10x1x1>10x1x1 plain x0000abcd"};
    for (int t = 0; t < 2; t++) {
        fet_kernel_key key;
        fet_graph *graph = NULL;
        CHECK_OK(fet_kernel_key_parse(others[t], &key));
        assert_false(fet_kit_single_can(&key));
        CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_kit_single_build(&key, &graph));
    }
}

static fet_kit_plan *plan_of(const char *const *keys, uint32_t n)
{
    fet_auto(fet_kit_pool) pool = NULL;
    fet_kit_plan *plan = NULL;
    fet_kit_plan_options options = fet_kit_plan_default_options();
    CHECK_OK(fet_kit_pool_create(&fet_fusion_rules_host, FET_DTYPE_F32, &pool));
    for (uint32_t i = 0; i < n; i++) {
        fet_kernel_key key;
        CHECK_OK(fet_kernel_key_parse(keys[i], &key));
        CHECK_OK(fet_kit_pool_add_key(pool, &key));
    }
    options.n_kernels = n;
    CHECK_OK(fet_kit_plan_make(pool, &options, &plan));
    return plan;
}

/* Fills latency in row i (from 0) with i + 1 microseconds, but for row `empty`. */
static void fill(int empty)
{
    FILE *in = fopen(path_of("kernels.csv"), "r"), *out = NULL;
    char line[1024];
    int row = 0;
    assert_non_null(in);
    out = fopen(path_of("filled.csv"), "w");
    assert_non_null(out);
    while (fgets(line, sizeof line, in)) {
        char *end = strstr(line, "\",,");
        if (end && row++ != empty) snprintf(end, 64, "\",%.3f,0.01\n", 1e-3 * row);
        fputs(line, out);
    }
    fclose(in);
    fclose(out);
}

static void test_out_and_back(void **state)
{
    (void)state;
    static const char *const keys[] = {"conv f32 1x24x14x14>40x14x14 k1x1 s1x1 g1 relu+bias", "cast f32 1x3x14x14>3x14x14 plain",
                                       "conv f32 1x40x14x14>40x14x14 k3x3 s1x1 p1,1,1,1 g40 relu+bias", "gemm f32 1x40x1x1>10x1x1 bias"};
    fet_auto(fet_kit_plan) plan = plan_of(keys, 4);
    fet_kit_sheet sheet;
    uint32_t n = 0;
    CHECK_OK(fet_kit_sheet_write(plan, folder, &sheet));
    assert_int_equal(sheet.written, 3);
    assert_int_equal(sheet.left_out, 1);
    assert_string_equal(sheet.first_left_out, keys[1]);
    assert_true(fet_file_exists(path_of("kernel-00001.onnx")) && fet_file_exists(path_of("kernel-00004.onnx")));
    assert_false(fet_file_exists(path_of("kernel-00002.onnx"))); /* the conversion: a row alone */
    CHECK_FAILS(FET_ERROR_EXISTS, fet_kit_sheet_write(plan, folder, &sheet));
    char csv[128], device[128];
    snprintf(csv, sizeof csv, "%s", path_of("filled.csv"));
    snprintf(device, sizeof device, "%s", path_of("board.yaml"));
    fet_parallelism parallelism = {8, 4};
    fill(1); /* the sheet has five lines before its rows */
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_kit_sheet_import(csv, device, &fet_fusion_rules_host, parallelism, FET_DTYPE_F32, &n));
    assert_non_null(strstr(fet_error_message(), "filled.csv:7: column \"latency_ms\""));
    assert_false(fet_file_exists(device));
    fill(-1);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_kit_sheet_import(csv, device, &fet_fusion_rules_host, parallelism, FET_DTYPE_S8, &n));
    CHECK_OK(fet_kit_sheet_import(csv, device, &fet_fusion_rules_host, parallelism, FET_DTYPE_F32, &n));
    assert_int_equal(n, 4);
    CHECK_FAILS(FET_ERROR_EXISTS, fet_kit_sheet_import(csv, device, &fet_fusion_rules_host, parallelism, FET_DTYPE_F32, &n));
    fet_auto(fet_device) board = NULL;
    fet_device_options options = {.name = device, .precision = FET_DTYPE_F32};
    CHECK_OK(fet_device_open(&options, &board));
    assert_int_equal(fet_device_source(board), FET_COST_RECORDED);
    assert_int_equal(fet_device_parallelism(board).out_channels, 8);
    const fet_fusion_rules *rules = fet_device_fusion_rules(board);
    assert_true(rules->add && rules->batch_norm && rules->activations == fet_fusion_rules_host.activations);
    assert_true(rules->activation_after_add && !rules->add_after_activation && !rules->activation_after_pool);
    for (int k = 0, row = 0; k < 4; k++) {
        fet_kernel_key key;
        fet_cost cost;
        CHECK_OK(fet_kernel_key_parse(keys[k], &key));
        assert_true(fet_device_lookup(board, &key, &cost));
        CHECK_NEAR(cost.latency_ms, 1e-3 * ++row, 1e-9);
    }
    FILE *again = fopen(csv, "a"); /* a kernel twice */
    fprintf(again, "9,x.onnx,\"%s\",1,0\n", keys[0]);
    fclose(again);
    unlink(device);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_kit_sheet_import(csv, device, &fet_fusion_rules_host, parallelism, FET_DTYPE_F32, &n));
    assert_non_null(strstr(fet_error_message(), "filled.csv:10"));
}

static void test_without_memory(void **state)
{
    (void)state;
    fet_kernel_key key;
    CHECK_OK(fet_kernel_key_parse(texts[4], &key));
    for (uint64_t n = 0;; n++) {
        fet_graph *graph = NULL;
        fet_alloc_fail_after(n);
        fet_status status = fet_kit_single_build(&key, &graph);
        fet_alloc_fail_after(UINT64_MAX);
        fet_graph_destroy(graph);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_network_is_its_kernel), cmocka_unit_test(test_others_are_no_networks),
                                       cmocka_unit_test(test_out_and_back), cmocka_unit_test(test_without_memory)};
    return cmocka_run_group_tests_name("the kit for a board", tests, make_folder, remove_folder);
}
