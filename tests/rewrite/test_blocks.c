// SPDX-License-Identifier: Apache-2.0
/* Block forms beside the inverted bottlenecks of test_fuse_ibn.c: explicit Pad, fused, bottleneck, basic; and an IBN with a Pad fused. */
#include "zoo.h"

#include "run.h"
#include "space/networks.h"

#include "engine/init.h"
#include "rewrite/blocks.h"
#include "rewrite/blueprint.h"
#include "rewrite/fuse_ibn.h"

static fet_graph *start(fet_id *out_value)
{
    fet_graph *graph = NULL;
    fet_shape shape = fet_shape_4d(1, 6, 9, 8);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, out_value));
    *out_value = zoo_conv(graph, "stem", *out_value, 6, 3, 1);
    return graph;
}

static void end(fet_graph *graph, fet_id value)
{
    CHECK_OK(fet_graph_add_output(graph, zoo_conv(graph, "head", zoo_unary(graph, FET_OP_RELU, "last", value), 4, 1, 1)));
    CHECK_OK(fet_graph_verify(graph));
}

static fet_id relu_conv(fet_graph *graph, const char *name, fet_id src, int64_t channels, int64_t kernel, int64_t group)
{
    char text[32];
    snprintf(text, sizeof text, "%s.act", name);
    return zoo_unary(graph, FET_OP_RELU, text, zoo_conv(graph, name, src, channels, kernel, group));
}

/* What Keras exports before a strided convolution: one more row and column at the far ends, with a number that it pads with. */
static fet_id pad(fet_graph *graph, fet_id src, int64_t begin, float number)
{
    int64_t sizes[8] = {0, 0, begin, begin, 0, 0, 1, 1};
    fet_auto(fet_tensor) tensor = NULL;
    fet_auto(fet_tensor) scalar = NULL;
    fet_shape shape = fet_shape_1d(8), none = {0};
    fet_id amount = FET_NONE, value = FET_NONE, node = FET_NONE;
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &shape, &tensor));
    memcpy(tensor->data, sizes, sizeof sizes);
    CHECK_OK(fet_graph_add_param(graph, "sizes", FET_DTYPE_S64, &shape, tensor, false, &amount));
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &none, &scalar));
    fet_tensor_f32(scalar)[0] = number;
    CHECK_OK(fet_graph_add_param(graph, "number", FET_DTYPE_F32, &none, scalar, false, &value));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_PAD, "pad", (fet_id[]){src, amount, value}, 3, 1, &node));
    CHECK_OK(fet_graph_infer_node(graph, node));
    return graph->nodes[node].outputs[0];
}

/* Padded IBN of stride 2 without padding of its own. */
static fet_graph *padded_ibn(int64_t begin, float number)
{
    fet_id value = FET_NONE;
    fet_graph *graph = start(&value);
    value = pad(graph, zoo_conv(graph, "u", value, 12, 1, 1), begin, number);
    fet_conv_options options = {.out_channels = 12, .kernel = 3, .group = 12, .stride = 2, .bias = true};
    CHECK_OK(fet_build_conv(graph, "v", value, &options, &value));
    end(graph, zoo_conv(graph, "w", zoo_unary(graph, FET_OP_RELU, "v.act", value), 5, 1, 1));
    return graph;
}

static fet_blocks find(const fet_graph *graph, fet_arena **out_arena)
{
    fet_blocks blocks;
    CHECK_OK(fet_arena_create(out_arena));
    CHECK_OK(fet_blocks_find(graph, *out_arena, &blocks));
    return blocks;
}

static void padded(void **state)
{
    (void)state;
    fet_graph *graph = padded_ibn(1, 0);
    give_numbers(graph, 3);
    /* A folded network's bias in the expand makes the border differ; without it fusing is exact. */
    fet_id bias = graph->nodes[fet_graph_find_node(graph, "u")].inputs[2];
    memset(graph->params[graph->values[bias].param].tensor->data, 0, 12 * sizeof(float));
    fet_arena *arena = NULL;
    fet_blocks blocks = find(graph, &arena);
    assert_int_equal(blocks.count, 1);
    assert_int_equal(blocks.items[0].kind, FET_BLOCK_IBN);
    assert_int_equal(blocks.items[0].pad, fet_graph_find_node(graph, "pad"));
    assert_int_equal(blocks.items[0].input, fet_graph_find_value(graph, "stem"));
    fet_channel_groups groups;
    fet_patch patch;
    fet_blueprint blueprint;
    fet_graph *fused = NULL;
    CHECK_OK(fet_channel_groups_find(graph, arena, &groups));
    CHECK_OK(fet_fuse_ibn_plan(graph, &groups, &blocks.items[0], arena, &patch));
    CHECK_OK(fet_blueprint_init(graph, &groups, &patch, 1, arena, &blueprint));
    uint32_t widths[64];
    for (uint32_t g = 0; g < groups.n_groups; g++) widths[g] = groups.groups[g].channels;
    CHECK_OK(fet_blueprint_make(&blueprint, widths, (const uint8_t[]){1}, arena, &fused));
    CHECK_OK(fet_graph_verify(fused));
    CHECK_OK(fet_graph_init_params(fused, graph, 1));
    CHECK_NEAR(run_difference(graph, fused, 3), 0, 1e-5);
    assert_int_equal(fused->n_nodes, graph->n_nodes - 2);
    fet_graph_destroy(fused);
    fet_graph_destroy(graph);
    fet_arena_destroy(arena);
    graph = padded_ibn(0, 1); /* ones are no padding that a convolution can do */
    blocks = find(graph, &arena);
    assert_int_equal(blocks.count, 1);
    assert_int_equal(blocks.items[0].kind, FET_BLOCK_SEPARABLE);
    assert_int_equal(blocks.items[0].pad, FET_NONE);
    fet_graph_destroy(graph);
    fet_arena_destroy(arena);
}

static void fused_form(void **state)
{
    (void)state;
    for (int residual = 0; residual < 2; residual++) {
        fet_id value = FET_NONE, input = FET_NONE;
        fet_graph *graph = start(&value);
        input = value;
        value = zoo_conv(graph, "p", relu_conv(graph, "m", value, 12, 3, 1), residual ? 6 : 5, 1, 1);
        if (residual) value = zoo_binary(graph, FET_OP_ADD, "x", input, value);
        end(graph, value);
        fet_arena *arena = NULL;
        fet_blocks blocks = find(graph, &arena);
        assert_int_equal(blocks.count, 1);
        const fet_block *block = &blocks.items[0];
        assert_int_equal(block->kind, FET_BLOCK_FUSED);
        assert_int_equal(block->depthwise.conv, fet_graph_find_node(graph, "m"));
        assert_int_equal(block->project.conv, fet_graph_find_node(graph, "p"));
        assert_int_equal(block->input, input);
        assert_int_equal(block->add, residual ? fet_graph_find_node(graph, "x") : FET_NONE);
        assert_false(fet_fuse_ibn_applies(graph, block));
        fet_arena_destroy(arena);
        fet_graph_destroy(graph);
    }
}

/* form 0: basic, 1: bottleneck, 2: bottleneck of groups; with the input itself or with a shortcut; not without the sum. */
static void residual_forms(void **state)
{
    (void)state;
    for (int form = 0; form < 3; form++)
        for (int end_form = 0; end_form < 3; end_form++) {
            fet_id value = FET_NONE, input = FET_NONE;
            fet_graph *graph = start(&value);
            input = value;
            int64_t channels = end_form == 1 ? 10 : 6;
            if (form == 0) value = zoo_conv(graph, "b", relu_conv(graph, "a", value, 6, 3, 1), channels, 3, 1);
            else value = zoo_conv(graph, "b", relu_conv(graph, "a", relu_conv(graph, "e", value, 4, 1, 1), 4, 3, form), channels, 1, 1);
            value = zoo_norm(graph, "b.bn", value);
            fet_id side = end_form == 1 ? zoo_norm(graph, "s.bn", zoo_conv(graph, "s", input, channels, 1, 1)) : input;
            value = end_form == 2 ? zoo_unary(graph, FET_OP_RELU, "x", value) : zoo_binary(graph, FET_OP_ADD, "x", value, side);
            end(graph, value);
            fet_arena *arena = NULL;
            fet_blocks blocks = find(graph, &arena);
            assert_int_equal(blocks.count, end_form < 2);
            const fet_block *block = &blocks.items[0];
            if (end_form < 2) {
                assert_int_equal(block->kind, form ? FET_BLOCK_BOTTLENECK : FET_BLOCK_BASIC);
                assert_int_equal(block->depthwise.conv, fet_graph_find_node(graph, "a"));
                assert_int_equal(block->project.norm, fet_graph_find_node(graph, "b.bn"));
                assert_int_equal(block->expand.conv, form ? fet_graph_find_node(graph, "e") : FET_NONE);
                assert_int_equal(block->input, input);
                assert_int_equal(block->output, fet_graph_find_value(graph, "x"));
                assert_int_equal(block->shortcut, end_form ? fet_graph_find_node(graph, "s") : FET_NONE);
            }
            fet_arena_destroy(arena);
            fet_graph_destroy(graph);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(padded), cmocka_unit_test(fused_form), cmocka_unit_test(residual_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
