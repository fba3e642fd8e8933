// SPDX-License-Identifier: Apache-2.0
/*
 * Patches on a template network and on small ones: depthwise to dense and grouped, kernel sizes, skipped blocks, other activations, IBN in
 * groups; alone, together, and at other widths. What must keep the function is compared by running both; what need not is compared with
 * its definition.
 */
#include "run.h"
#include "space/networks.h"
#include "zoo.h"

#include "engine/init.h"
#include "rewrite/blueprint.h"
#include "rewrite/fuse_ibn.h"
#include "rewrite/kernel_size.h"
#include "rewrite/skip_block.h"
#include "rewrite/swap_activation.h"
#include "rewrite/widen_depthwise.h"

static const double EXACT = 1e-5; /* of the largest output */

typedef struct bench {
    fet_graph *base;
    fet_arena *arena;
    fet_channel_groups groups;
    fet_blocks blocks;
    fet_patch patches[32];
    uint32_t n;
} bench;

static bench bench_of(fet_graph *base)
{
    bench b = {.base = base};
    CHECK_OK(fet_arena_create(&b.arena));
    CHECK_OK(fet_channel_groups_find(base, b.arena, &b.groups));
    CHECK_OK(fet_blocks_find(base, b.arena, &b.blocks));
    return b;
}

static void bench_end(bench *b)
{
    fet_arena_destroy(b->arena);
    fet_graph_destroy(b->base);
}

/* All patches on, every free group at `share` of its width. */
static fet_graph *make(bench *b, double share)
{
    fet_blueprint blueprint;
    fet_graph *graph = NULL;
    uint8_t on[32];
    memset(on, 1, sizeof on);
    CHECK_OK(fet_blueprint_init(b->base, &b->groups, b->patches, b->n, b->arena, &blueprint));
    uint32_t *wanted = fet_arena_alloc(b->arena, (b->groups.n_groups + 1) * sizeof *wanted);
    for (uint32_t g = 0; g < b->groups.n_groups; g++) {
        double channels = b->groups.groups[g].channels;
        wanted[g] = (uint32_t)(b->groups.groups[g].fixed ? channels : ceil(channels * share));
    }
    CHECK_OK(fet_blueprint_make(&blueprint, wanted, on, b->arena, &graph));
    CHECK_OK(fet_graph_verify(graph));
    CHECK_OK(fet_graph_init_params(graph, b->base, 1));
    return graph;
}

static double difference_at(bench *b, double share)
{
    fet_graph *graph = make(b, share);
    double difference = run_difference(b->base, graph, 3);
    fet_graph_destroy(graph);
    return difference;
}

static bench numbered_template(void)
{
    fet_graph *base = small_network();
    give_numbers(base, 4);
    return bench_of(base);
}

static void dense_and_grouped(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {FET_WIDEN_ALL, 2, 4, 8, 5};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        bench b = numbered_template();
        for (uint32_t i = 0; i < b.blocks.count; i++) {
            assert_true(fet_widen_depthwise_applies(b.base, &b.blocks.items[i]));
            CHECK_OK(fet_widen_depthwise_plan(b.base, &b.groups, &b.blocks.items[i], sizes[s], b.arena, &b.patches[b.n++]));
        }
        CHECK_NEAR(difference_at(&b, 1), 0, EXACT);
        CHECK_NEAR(difference_at(&b, 1.5), 0, EXACT);
        fet_graph *half = make(&b, 0.5);
        const fet_node *node =
            &half->nodes[fet_graph_find_node(half, sizes[s] == FET_WIDEN_ALL ? "stage2.block0.dense.conv" : "stage2.block0.grouped.conv")];
        int64_t channels = half->values[node->inputs[0]].shape.dim[1], each = half->values[node->inputs[1]].shape.dim[1];
        assert_int_equal(fet_node_int(node, FET_ATTR_GROUP, 1), channels / each);
        assert_true(each <= (int64_t)sizes[s] && channels % each == 0 && (each > 1 || channels % 2 || sizes[s] == 5));
        fet_graph_destroy(half);
        fet_patch patch;
        CHECK_FAILS(FET_ERROR_ARG, fet_widen_depthwise_plan(b.base, &b.groups, &b.blocks.items[0], 1, b.arena, &patch));
        bench_end(&b);
    }
}

static void grown_kernels(void **state)
{
    (void)state;
    for (uint32_t size = 5; size <= 7; size += 2)
        for (int fused = 0; fused < 3; fused++) {
            bench b = numbered_template();
            for (uint32_t i = 0; i < b.blocks.count; i++) {
                const fet_block *block = &b.blocks.items[i];
                if (fused == 1 && block->kind == FET_BLOCK_IBN)
                    CHECK_OK(fet_fuse_ibn_plan(b.base, &b.groups, block, b.arena, &b.patches[b.n++]));
                if (fused == 2) CHECK_OK(fet_widen_depthwise_plan(b.base, &b.groups, block, 4, b.arena, &b.patches[b.n++]));
            }
            fet_graph *before = make(&b, 1);
            for (uint32_t i = 0; i < b.blocks.count; i++)
                if (fet_kernel_size_applies(b.base, &b.blocks.items[i], size))
                    CHECK_OK(fet_kernel_size_plan(b.base, &b.blocks.items[i], size, b.arena, &b.patches[b.n++]));
            fet_graph *after = make(&b, 1);
            CHECK_NEAR(run_difference(before, after, 3), 0, EXACT);
            assert_true(fet_graph_hash(before) != fet_graph_hash(after));
            fet_graph_destroy(after);
            fet_graph_destroy(before);
            bench_end(&b);
        }
}

/* The centre of a 5 x 5 is what the 5 x 5 does when its border is zero. */
static void cropped_kernels(void **state)
{
    (void)state;
    bench b = numbered_template();
    fet_patch patch;
    for (uint32_t i = 0; i < b.blocks.count; i++) {
        const fet_node *node = &b.base->nodes[b.blocks.items[i].depthwise.conv];
        const fet_tensor *weight = fet_graph_constant(b.base, node->inputs[1]);
        if (weight->shape.dim[2] != 5) {
            CHECK_FAILS(FET_ERROR_ARG, fet_kernel_size_plan(b.base, &b.blocks.items[i], 3, b.arena, &patch));
            continue;
        }
        CHECK_OK(fet_kernel_size_plan(b.base, &b.blocks.items[i], 3, b.arena, &b.patches[b.n++]));
        float *w = weight->data;
        for (int64_t k = 0; k < fet_tensor_elements(weight); k++)
            if (k % 25 < 5 || k % 25 >= 20 || k % 5 == 0 || k % 5 == 4) w[k] = 0;
    }
    assert_true(b.n > 0);
    CHECK_NEAR(difference_at(&b, 1), 0, EXACT);
    CHECK_FAILS(FET_ERROR_ARG, fet_kernel_size_plan(b.base, &b.blocks.items[0], 4, b.arena, &patch));
    bench_end(&b);
}

/* A skipped block is one that adds nothing: its last norm all zeros. Two in a row, one beside a fused one. */
static void skipped_blocks(void **state)
{
    (void)state;
    bench b = numbered_template();
    uint32_t n_skipped = 0;
    for (uint32_t i = 0; i < b.blocks.count; i++) {
        const fet_block *block = &b.blocks.items[i];
        assert_int_equal(fet_skip_block_applies(b.base, block), block->add != FET_NONE);
        if (block->add == FET_NONE) continue;
        CHECK_OK(fet_skip_block_plan(b.base, block, b.arena, &b.patches[b.n++]));
        for (int k = 1; k <= 2; k++) {
            const fet_tensor *t = fet_graph_constant(b.base, b.base->nodes[block->project.norm].inputs[k]);
            memset(t->data, 0, t->bytes);
        }
        n_skipped++;
    }
    assert_true(n_skipped >= 3);
    CHECK_NEAR(difference_at(&b, 1), 0, EXACT);
    fet_graph *graph = make(&b, 1);
    assert_int_equal(b.base->n_nodes - graph->n_nodes, n_skipped * 9);
    uint32_t n_params = graph->n_params, n_values = graph->n_values;
    fet_auto(fet_graph) compact = NULL;
    CHECK_OK(fet_graph_copy(graph, NULL, 0, &compact));
    CHECK_OK(fet_graph_compact(compact));
    assert_int_equal(compact->n_params, n_params);
    assert_int_equal(compact->n_values, n_values);
    fet_graph_destroy(graph);
    /* Together with every other patch of the same blocks: what is dropped cannot be edited. */
    for (uint32_t i = 0; i < b.blocks.count; i++) {
        if (fet_fuse_ibn_applies(b.base, &b.blocks.items[i]))
            CHECK_OK(fet_fuse_ibn_plan(b.base, &b.groups, &b.blocks.items[i], b.arena, &b.patches[b.n++]));
        CHECK_OK(fet_kernel_size_plan(b.base, &b.blocks.items[i], 7, b.arena, &b.patches[b.n++]));
    }
    fet_graph_destroy(make(&b, 0.5));
    fet_graph_destroy(make(&b, 1));
    bench_end(&b);
}

/* input -> conv -> activation -> conv -> activation -> conv */
static fet_graph *activated(fet_op_kind op, bool six)
{
    fet_graph *graph = NULL;
    fet_shape shape = fet_shape_4d(1, 3, 6, 5);
    fet_id value = FET_NONE;
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &value));
    value = zoo_conv(graph, "a", value, 8, 3, 1);
    if (six) CHECK_OK(fet_build_relu6(graph, "x", value, &value));
    else value = zoo_unary(graph, op, "x", value);
    value = zoo_conv(graph, "b", value, 8, 3, 1);
    if (six) CHECK_OK(fet_build_relu6(graph, "y", value, &value));
    else value = zoo_unary(graph, op, "y", value);
    CHECK_OK(fet_graph_add_output(graph, zoo_conv(graph, "c", value, 2, 1, 1)));
    return graph;
}

/* Numbers by name, large enough to reach 6. */
static void number_by_name(fet_graph *graph)
{
    for (fet_id p = 0; p < graph->n_params; p++) {
        const fet_value *value = &graph->values[graph->params[p].value];
        fet_tensor *tensor = NULL;
        fet_rng rng;
        if (graph->params[p].tensor) continue;
        fet_rng_init(&rng, (uint64_t)value->name[0], (uint64_t)value->name[2], FET_RNG_TEST);
        CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &value->shape, &tensor));
        for (int64_t i = 0; i < fet_tensor_elements(tensor); i++) fet_tensor_f32(tensor)[i] = (float)(2 * fet_rng_normal(&rng));
        fet_graph_set_tensor(graph, p, tensor);
        fet_tensor_release(tensor);
    }
}

static void other_activations(void **state)
{
    (void)state;
    static const fet_op_kind smooth[] = {FET_OP_HARD_SWISH, FET_OP_SWISH, FET_OP_GELU};
    for (size_t i = 0; i < sizeof smooth / sizeof *smooth; i++)
        for (int six = 0; six < 2; six++) {
            bench b = bench_of(activated(smooth[i], false));
            fet_graph *wanted = activated(FET_OP_RELU, six);
            number_by_name(b.base);
            number_by_name(wanted);
            assert_true(fet_swap_activation_applies(b.base));
            CHECK_OK(fet_swap_activation_plan(b.base, six, b.arena, &b.patches[b.n++]));
            fet_graph *graph = make(&b, 1);
            CHECK_NEAR(run_difference(wanted, graph, 3), 0, EXACT);
            assert_true(run_difference(b.base, graph, 3) > 1e-3);
            fet_graph_destroy(graph);
            fet_graph_destroy(make(&b, 1.5));
            fet_graph_destroy(wanted);
            bench_end(&b);
        }
    bench b = bench_of(activated(FET_OP_RELU, false));
    assert_false(fet_swap_activation_applies(b.base));
    CHECK_FAILS(FET_ERROR_ARG, fet_swap_activation_plan(b.base, true, b.arena, &b.patches[0]));
    bench_end(&b);
}

/* Exact where the expand convolution is in groups already and nothing stands between; always sound, at any width. */
static void inverted_bottleneck_in_groups(void **state)
{
    (void)state;
    fet_graph *base = NULL;
    fet_shape shape = fet_shape_4d(1, 3, 7, 6);
    fet_id value = FET_NONE;
    CHECK_OK(fet_graph_create(NULL, &base));
    CHECK_OK(fet_graph_add_input(base, "image", FET_DTYPE_F32, &shape, &value));
    value = zoo_conv(base, "stem", value, 8, 3, 1);
    fet_conv_options expand = {.out_channels = 24, .kernel = 1},
                     middle = {.out_channels = 24, .kernel = 3, .group = 24, .stride = 2, .bias = true};
    CHECK_OK(fet_build_conv(base, "u", value, &expand, &value));
    CHECK_OK(fet_build_conv(base, "v", value, &middle, &value));
    CHECK_OK(fet_graph_add_output(base, zoo_conv(base, "out", zoo_conv(base, "w", value, 8, 1, 1), 2, 1, 1)));
    give_numbers(base, 6);
    float *w = fet_graph_constant(base, fet_graph_find_value(base, "u.weight"))->data;
    for (int e = 0; e < 24; e++)
        for (int i = 0; i < 8; i++)
            if (e / 6 != i / 2) w[e * 8 + i] = 0;
    bench b = bench_of(base);
    assert_int_equal(b.blocks.count, 1);
    CHECK_FAILS(FET_ERROR_ARG, fet_group_ibn_plan(base, &b.groups, &b.blocks.items[0], 1, b.arena, &b.patches[0]));
    CHECK_OK(fet_group_ibn_plan(base, &b.groups, &b.blocks.items[0], 4, b.arena, &b.patches[b.n++]));
    CHECK_NEAR(difference_at(&b, 1), 0, EXACT);
    static const double shares[] = {0.3, 0.5, 0.9, 1.5};
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) fet_graph_destroy(make(&b, shares[s]));
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_and_grouped), cmocka_unit_test(grown_kernels),     cmocka_unit_test(cropped_kernels),
        cmocka_unit_test(skipped_blocks),    cmocka_unit_test(other_activations), cmocka_unit_test(inverted_bottleneck_in_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
