// SPDX-License-Identifier: Apache-2.0
/*
 * Fusion found by measuring, on devices of which it is known what they fuse: a simulated one whose rules are written into its file finds
 * them again; one whose rules are the other way round finds those. The networks by what they split into. For device/kit/fusion.h.
 */
#include "check.h"

#include "base/alloc.h"
#include "device/kit/fusion.h"
#include "device/kit/fusion_network.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/fet-fusion-XXXXXX";

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

static void test_verdict(void **state)
{
    (void)state;
    assert_int_equal(fet_fusion_judge(10, 4, 10, 0.1), FET_FUSION_YES); /* the second costs nothing more */
    assert_int_equal(fet_fusion_judge(10, 4, 14, 0.1), FET_FUSION_NO);
    assert_int_equal(fet_fusion_judge(10, 4, 11.5, 0.1), FET_FUSION_YES); /* 2.5 saved, 2 needed */
    assert_int_equal(fet_fusion_judge(10, 4, 12.5, 0.1), FET_FUSION_NO);
    assert_int_equal(fet_fusion_judge(10, 4, 11.5, 0.6), FET_FUSION_OPEN);
    assert_int_equal(fet_fusion_judge(10, 4, 12, 0), FET_FUSION_OPEN); /* on the line */
}

/* Splits a chain by the host's rules: how many kernels beside casts, and whether one has both the anchor and what is fused. */
static uint32_t kernels_of(const fet_fusion_chain *chain, bool *out_fused)
{
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_kernels kernels;
    uint32_t n = 0;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_fusion_network(chain, &graph));
    CHECK_OK(fet_kernels_split(graph, &fet_fusion_rules_host, FET_DTYPE_S8, arena, &kernels));
    *out_fused = false;
    for (uint32_t k = 0; k < kernels.count; k++) {
        n += kernels.items[k].key.op != FET_OP_CAST;
        *out_fused |= kernels.items[k].key.activation == FET_ACTIVATION_RELU && kernels.items[k].key.op == FET_OP_CONV;
    }
    return n;
}

static void test_networks_keep_apart_what_is_watched(void **state)
{
    (void)state;
    bool fused = false;
    enum { RELU = FET_PIECE_ACTIVATION + FET_ACTIVATION_RELU };
    /* start, pool, ..., global pool */
    assert_int_equal(kernels_of(&(fet_fusion_chain){.watched = -1}, &fused), 3);
    assert_int_equal(kernels_of(&(fet_fusion_chain){.pieces = {FET_PIECE_CONV}, .watched = -1}, &fused), 4);
    assert_int_equal(kernels_of(&(fet_fusion_chain){.pieces = {FET_PIECE_CONV, RELU}, .watched = -1}, &fused), 4);
    assert_true(fused);
    assert_int_equal(kernels_of(&(fet_fusion_chain){.pieces = {FET_PIECE_CONV, RELU}, .watched = 1}, &fused), 6);
    assert_false(fused);
    assert_int_equal(kernels_of(&(fet_fusion_chain){.pieces = {FET_PIECE_CONV, FET_PIECE_ADD, RELU}, .watched = -1}, &fused), 4);
    assert_true(fused);
    assert_int_equal(kernels_of(&(fet_fusion_chain){.pieces = {FET_PIECE_CONV, FET_PIECE_ADD, RELU}, .watched = 2}, &fused), 6);
    assert_false(fused);
    assert_int_equal(kernels_of(&(fet_fusion_chain){.pieces = {FET_PIECE_CONV}, .watched = 0}, &fused), 5);
}

/* A device whose vector unit is slow enough for every operator by itself to be seen, with the given rules. */
static fet_device *described(const char *name, const char *fusion)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s.yaml", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "help: for a test\nkind: described\nclock: 800 MHz\ncommand_cycles: 20\nfallback_cycles_per_byte: 0.125\n"
            "array: {dataflow: output-stationary, depthwise: channels, int8: {out: 16, in: 16}}\nvector: {lanes: 16, table_slowdown: 4}\n"
            "sram: {size: 4 MiB, bytes_per_cycle: 32}\nexternal: {bytes_per_cycle: 8}\n%s",
            fusion);
    fclose(file);
    fet_device *device = NULL;
    fet_device_options options = {.name = path, .precision = FET_DTYPE_S8};
    CHECK_OK(fet_device_open(&options, &device));
    return device;
}

static void check_found(const char *name, const char *fusion)
{
    fet_auto(fet_device) device = described(name, fusion);
    const fet_fusion_rules *stated = fet_device_fusion_rules(device);
    fet_fusion_found *found = calloc(1, sizeof *found);
    uint32_t told = 0, rules = 0;
    assert_non_null(found);
    CHECK_OK(fet_fusion_find(device, 2, folder, NULL, NULL, found));
    for (uint32_t i = 0; i < found->n; i++) {
        const fet_fusion_pair *pair = &found->pairs[i];
        assert_true(pair->first_ms > 0 && pair->second_ms >= 0);
        CHECK_NEAR(pair->error_ms, 0, 0); /* a simulator repeats itself */
        assert_int_equal(pair->found, fet_fusion_judge(pair->first_ms, pair->second_ms, pair->both_ms, pair->error_ms));
        if (!pair->rule) continue;
        rules++, told += pair->found != FET_FUSION_OPEN;
        if (pair->found != FET_FUSION_OPEN && (pair->found == FET_FUSION_YES) != pair->stated)
            fail_msg("%s: %s + %s: found %s, stated %d (T1 %g, T2 %g, T12 %g)", name, pair->first, pair->second,
                     fet_fusion_verdict_name(pair->found), pair->stated, pair->first_ms, pair->second_ms, pair->both_ms);
    }
    assert_true(told >= rules - 2);
    assert_int_equal(found->rules.activations, stated->activations);
    assert_int_equal(found->rules.add, stated->add);
    free(found);
}

static void test_rules_are_found_again(void **state)
{
    (void)state;
    check_found("all", "fusion: {add: true, activation_after_add: true, activations: [relu, clip, leaky_relu, elu, sigmoid, hard_sigmoid, "
                       "hard_swish, swish, gelu, tanh]}\n");
    check_found("few", "fusion: {add: false, activations: [relu, hard_swish]}\n");
    check_found("none", "fusion: {batch_norm: false, add: false, activations: []}\n");
}

static bool stop(void *context, size_t done, size_t total)
{
    (void)context, (void)total;
    return done == 0;
}

static void test_errors(void **state)
{
    (void)state;
    fet_auto(fet_device) device = described("one", "");
    fet_fusion_found *found = calloc(1, sizeof *found);
    assert_non_null(found);
    CHECK_FAILS(FET_ERROR_ARG, fet_fusion_find(device, 1, folder, NULL, NULL, found));
    CHECK_FAILS(FET_ERROR_STATE, fet_fusion_find(device, 3, folder, stop, NULL, found));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_fusion_find(device, 2, "/nowhere/at/all", NULL, NULL, found));
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdict), cmocka_unit_test(test_networks_keep_apart_what_is_watched),
                                       cmocka_unit_test(test_rules_are_found_again), cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests_name("fusion", tests, make_folder, remove_folder);
}
