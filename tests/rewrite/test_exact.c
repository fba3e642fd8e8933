// SPDX-License-Identifier: Apache-2.0
/*
 * Rewrites that keep the function, on real networks with their own numbers: depthwise -> standard and grouped convolution, larger kernels,
 * folded batch norms, and fused kernels where nothing stands between the parts; and how many blocks of each kind are found, against what
 * the networks' READMEs say. Networks that are not on this machine are skipped.
 */
#include "real.h"
#include "run.h"

#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "op/op.h"
#include "rewrite/blocks.h"
#include "rewrite/blueprint.h"
#include "rewrite/fold_batchnorm.h"
#include "rewrite/kernel_size.h"
#include "rewrite/widen_depthwise.h"

#include <unistd.h>

enum { UNKNOWN = -1 };

/* IBN, those with a residual, separable: as the READMEs count, where they mean the same (a README counts each depthwise convolution outside
 * of an IBN as separable). Bottleneck and basic: by the architecture. */
static const struct {
    const char *path;
    int ibn, residual, separable, bottleneck, basic;
} models[] = {
    {"derived-mnv2-035-96/model.onnx", 16, 10, 1, 0, 0},
    {"derived-vww-float/model.onnx", 0, 0, 13, 0, 0},
    {"mnist-cnn/model.onnx", 0, 0, 0, 0, 0},
    {"sinet-portrait/model.onnx", 0, 0, UNKNOWN, 0, 0}, /* of its 22 most have grouped 1x1 convolutions, or PRelu between */
    {"stm-flowers-mobilenetv2-035/model.onnx", 16, 10, 1, 0, 0},
    {"stm-person-mobilenetv2/model.onnx", 16, 10, 1, 0, 0},
    {"stm-ssd-mobilenetv1-025/model.onnx", 0, 0, 17, 0, 0},
    {"stm-yamnet-256/model.onnx", 0, 0, 5, 0, 0},
    {"ultraface-rfb-320-simplified/model.onnx", UNKNOWN, 0, UNKNOWN, UNKNOWN, UNKNOWN},
    {"ultraface-rfb-320/model.onnx", UNKNOWN, 0, UNKNOWN, UNKNOWN, UNKNOWN},
    {"yunet-n-320/model.onnx", UNKNOWN, 0, UNKNOWN, 0, 0}, /* here the 1x1 stands before the depthwise */
    {"onnx-light/light_densenet121.onnx", 0, 0, 0, 0, 0},
    {"onnx-light/light_inception_v2.onnx", 0, 0, 0, 0, 0},
    {"onnx-light/light_resnet50.onnx", 0, 0, 0, 16, 0},
    {"onnx-light/light_shufflenet.onnx", 0, 0, 0, UNKNOWN, 0},
    {"onnx-light/light_squeezenet.onnx", 0, 0, 0, 0, 0},
};

typedef struct subject {
    const char *path;
    fet_graph *base;
    fet_arena *arena;
    fet_channel_groups groups;
    fet_blocks blocks;
    run_result full;
} subject;

static void expect(const subject *s, const char *what, uint32_t found, int wanted)
{
    if (wanted != UNKNOWN && (int)found != wanted) fail_msg("%s: %u %s, the README says %d", s->path, found, what, wanted);
}

static void count(const subject *s, size_t i)
{
    uint32_t n[FET_BLOCK_KINDS] = {0}, residual = 0;
    for (uint32_t b = 0; b < s->blocks.count; b++) {
        n[s->blocks.items[b].kind]++;
        residual += s->blocks.items[b].kind == FET_BLOCK_IBN && s->blocks.items[b].add != FET_NONE;
    }
    print_message("# %s: %u inverted bottlenecks (%u with a residual), %u separable, %u fused, %u bottleneck, %u basic\n", s->path,
                  n[FET_BLOCK_IBN], residual, n[FET_BLOCK_SEPARABLE], n[FET_BLOCK_FUSED], n[FET_BLOCK_BOTTLENECK], n[FET_BLOCK_BASIC]);
    expect(s, "inverted bottlenecks", n[FET_BLOCK_IBN], models[i].ibn);
    expect(s, "with a residual", residual, models[i].residual);
    expect(s, "separable", n[FET_BLOCK_SEPARABLE], models[i].separable);
    expect(s, "bottlenecks", n[FET_BLOCK_BOTTLENECK], models[i].bottleneck);
    expect(s, "basic", n[FET_BLOCK_BASIC], models[i].basic);
}

static double difference(const subject *s, const fet_graph *graph)
{
    run_result result = run_graph(graph, 1);
    double d = run_compare(&s->full, &result);
    free(result.data);
    return d;
}

typedef bool (*planner)(const subject *s, const fet_block *block, fet_patch *out_patch);

static bool dense(const subject *s, const fet_block *block, fet_patch *out_patch)
{
    if (!fet_widen_depthwise_applies(s->base, block)) return false;
    CHECK_OK(fet_widen_depthwise_plan(s->base, &s->groups, block, FET_WIDEN_ALL, s->arena, out_patch));
    return true;
}

static bool grouped(const subject *s, const fet_block *block, fet_patch *out_patch)
{
    if (!fet_widen_depthwise_applies(s->base, block)) return false;
    CHECK_OK(fet_widen_depthwise_plan(s->base, &s->groups, block, 8, s->arena, out_patch));
    return true;
}

static bool larger_kernel(const subject *s, const fet_block *block, fet_patch *out_patch)
{
    const fet_node *node = &s->base->nodes[block->depthwise.conv];
    int64_t kernel = s->base->values[node->inputs[1]].shape.dim[2];
    uint32_t size = kernel < 5 ? 5 : 7;
    if (kernel >= 7 || !fet_kernel_size_applies(s->base, block, size)) return false;
    CHECK_OK(fet_kernel_size_plan(s->base, block, size, s->arena, out_patch));
    return true;
}

/* All blocks at once. */
static void rewrite(const subject *s, const char *what, planner plan)
{
    fet_patch *patches = fet_arena_zalloc(s->arena, s->blocks.count + 1, sizeof *patches);
    uint8_t *on = fet_arena_zalloc(s->arena, s->blocks.count + 1, 1);
    uint32_t n = 0, *wanted = fet_arena_zalloc(s->arena, s->groups.n_groups + 1, sizeof *wanted);
    for (uint32_t b = 0; b < s->blocks.count; b++)
        if (plan(s, &s->blocks.items[b], &patches[n])) on[n++] = 1;
    for (uint32_t g = 0; g < s->groups.n_groups; g++) wanted[g] = s->groups.groups[g].channels;
    if (n == 0) return;
    fet_blueprint blueprint;
    fet_graph *graph = NULL;
    CHECK_OK(fet_blueprint_init(s->base, &s->groups, patches, n, s->arena, &blueprint));
    CHECK_OK(fet_blueprint_make(&blueprint, wanted, on, s->arena, &graph));
    CHECK_OK(fet_graph_verify(graph));
    fet_op_work before, after;
    fet_graph_work(s->base, &before);
    fet_graph_work(graph, &after);
    assert_true(after.macs > before.macs); /* it really is another network */
    CHECK_OK(fet_graph_init_params(graph, s->base, 1));
    double d = difference(s, graph);
    print_message("#   %u %s, %.2f times the MACs: outputs %.1e apart\n", n, what, (double)after.macs / (double)before.macs, d);
    if (!(d < 1e-5)) fail_msg("%s: %s: outputs %g apart", s->path, what, d);
    fet_graph_destroy(graph);
}

static void fold(const subject *s)
{
    fet_auto(fet_graph) graph = NULL;
    uint32_t n = 0;
    CHECK_OK(fet_graph_copy(s->base, NULL, 0, &graph));
    CHECK_OK(fet_fold_batchnorm(graph, &n));
    if (n == 0) return;
    CHECK_OK(fet_graph_verify(graph));
    double d = difference(s, graph);
    print_message("#   %u batch norms folded: outputs %.1e apart\n", n, d);
    if (!(d < 1e-5)) fail_msg("%s: folded batch norms: outputs %g apart", s->path, d);
}

static void real_networks(void **state)
{
    (void)state;
    uint32_t n_found = 0;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char relative[256];
        bool there = false;
        snprintf(relative, sizeof relative, "models/%s", models[i].path);
        const char *path = check_shared_path(relative, &there);
        if (!there) continue;
        n_found++;
        subject s = {.path = models[i].path};
        CHECK_OK(fet_onnx_read(path, NULL, &s.base));
        if (strstr(path, "light")) {
            real_fill_weights(s.base);
            real_leave_out_softmax(s.base);
        }
        CHECK_OK(fet_arena_create(&s.arena));
        CHECK_OK(fet_channel_groups_find(s.base, s.arena, &s.groups));
        CHECK_OK(fet_blocks_find(s.base, s.arena, &s.blocks));
        count(&s, i);
        s.full = run_graph(s.base, 1);
        rewrite(&s, "depthwise made dense", dense);
        rewrite(&s, "depthwise in groups of 8", grouped);
        rewrite(&s, "kernels grown", larger_kernel);
        fold(&s);
        free(s.full.data);
        fet_arena_destroy(s.arena);
        fet_graph_destroy(s.base);
    }
    /* cmocka 1.1.5 writes a skipped case as "not ok # SKIP", which Meson takes for a failure. */
    if (n_found == 0) print_message("# skipped: no models in ../shared/models of this checkout\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(real_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
