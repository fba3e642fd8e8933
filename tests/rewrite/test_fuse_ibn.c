// SPDX-License-Identifier: Apache-2.0
/* Blocks by pattern, whatever the names, and the fused form of an IBN: exact where nothing non-linear stands between, with the widths it is
 * given. */
#include "zoo.h"

#include "space/networks.h"
#include "space/reference.h"

#include "engine/init.h"
#include "rewrite/blocks.h"
#include "rewrite/blueprint.h"
#include "rewrite/fuse_ibn.h"

/* What a block is made of; names follow no pattern. */
typedef struct recipe {
    bool expand, norms, activations, excite, residual, tap; /* tap: somebody else reads the expanded map */
    int64_t kernel, stride;
} recipe;

static fet_id unit(fet_graph *graph, const recipe *r, const char *name, fet_id src, int64_t channels, int64_t kernel, int64_t group,
                   bool activate)
{
    char text[32];
    fet_id value = FET_NONE;
    fet_conv_options conv = {.out_channels = channels, .kernel = kernel, .group = group, .stride = group > 1 ? r->stride : 1};
    CHECK_OK(fet_build_conv(graph, name, src, &conv, &value));
    snprintf(text, sizeof text, "%s_n", name);
    if (r->norms) value = zoo_norm(graph, text, value);
    snprintf(text, sizeof text, "%s_a", name);
    if (r->activations && activate) CHECK_OK(fet_build_relu6(graph, text, value, &value));
    return value;
}

/* stem, one block of 6 channels, a matrix. */
static fet_graph *one_block(const recipe *r)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape shape = fet_shape_4d(1, 2, 9, 8);
    fet_id image = FET_NONE, value = FET_NONE;
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &image));
    fet_id input = value = zoo_conv(graph, "q", image, 6, 3, 1);
    if (r->expand) value = unit(graph, r, "u", value, 15, 1, 1, true);
    fet_id expanded = value;
    value = unit(graph, r, "v", value, r->expand ? 15 : 6, r->kernel, r->expand ? 15 : 6, true);
    if (r->excite) {
        fet_id gate = zoo_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "p", value);
        gate = zoo_unary(graph, FET_OP_RELU, "s1a", zoo_conv(graph, "s1", gate, 4, 1, 1));
        gate = zoo_unary(graph, FET_OP_SIGMOID, "s2a", zoo_conv(graph, "s2", gate, 15, 1, 1));
        value = zoo_binary(graph, FET_OP_MUL, "m", gate, value);
    }
    value = unit(graph, r, "w", value, 6, 1, 1, false);
    if (r->residual) value = zoo_binary(graph, FET_OP_ADD, "x", value, input);
    value = zoo_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "y", value);
    if (r->tap) value = zoo_concat(graph, "t", value, zoo_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "tp", expanded));
    value = zoo_unary(graph, FET_OP_FLATTEN, "z", value);
    CHECK_OK(fet_build_gemm(graph, "out", value, 4, &value));
    CHECK_OK(fet_graph_add_output(graph, value));
    CHECK_OK(fet_graph_verify(graph));
    return graph;
}

typedef struct found {
    fet_arena *arena;
    fet_channel_groups groups;
    fet_blocks blocks;
    fet_patch *patches;
} found;

static found find(const fet_graph *graph)
{
    found f = {0};
    CHECK_OK(fet_arena_create(&f.arena));
    CHECK_OK(fet_channel_groups_find(graph, f.arena, &f.groups));
    CHECK_OK(fet_blocks_find(graph, f.arena, &f.blocks));
    f.patches = fet_arena_zalloc(f.arena, f.blocks.count + 1, sizeof *f.patches);
    for (uint32_t b = 0; b < f.blocks.count; b++)
        if (fet_fuse_ibn_applies(graph, &f.blocks.items[b]))
            CHECK_OK(fet_fuse_ibn_plan(graph, &f.groups, &f.blocks.items[b], f.arena, &f.patches[b]));
    return f;
}

/* All of `graph`'s blocks fused, one group at `channels` (FET_NONE: none). */
static fet_graph *fused(const fet_graph *graph, found *f, uint32_t group, uint32_t channels)
{
    fet_blueprint blueprint;
    CHECK_OK(fet_blueprint_init(graph, &f->groups, f->patches, f->blocks.count, f->arena, &blueprint));
    uint32_t *wanted = fet_arena_alloc(f->arena, (f->groups.n_groups + 1) * sizeof *wanted);
    for (uint32_t g = 0; g < f->groups.n_groups; g++) wanted[g] = g == group ? channels : f->groups.groups[g].channels;
    uint8_t on[16];
    memset(on, 1, sizeof on);
    fet_graph *result = NULL;
    CHECK_OK(fet_blueprint_make(&blueprint, wanted, on, f->arena, &result));
    CHECK_OK(fet_graph_verify(result));
    return result;
}

static void finds_every_form(void **state)
{
    (void)state;
    for (int bits = 0; bits < 32; bits++) {
        recipe r = {
            .expand = bits & 1, .norms = bits & 2, .activations = bits & 4, .excite = (bits & 8) && (bits & 1), .residual = bits & 16};
        r.kernel = bits & 2 ? 5 : 3, r.stride = 1;
        fet_graph *graph = one_block(&r);
        found f = find(graph);
        assert_int_equal(f.blocks.count, 1);
        const fet_block *block = &f.blocks.items[0];
        assert_int_equal(block->kind, r.expand ? FET_BLOCK_IBN : FET_BLOCK_SEPARABLE);
        assert_int_equal(block->depthwise.conv, fet_graph_find_node(graph, "v"));
        assert_int_equal(block->project.conv, fet_graph_find_node(graph, "w"));
        assert_int_equal(block->expand.conv, r.expand ? fet_graph_find_node(graph, "u") : FET_NONE);
        assert_int_equal(block->expand.norm, r.expand && r.norms ? fet_graph_find_node(graph, "u_n") : FET_NONE);
        assert_int_equal(block->depthwise.activation, r.activations ? fet_graph_find_node(graph, "v_a") : FET_NONE);
        assert_int_equal(block->excite, r.excite ? fet_graph_find_node(graph, "m") : FET_NONE);
        assert_int_equal(block->add, r.residual ? fet_graph_find_node(graph, "x") : FET_NONE);
        assert_int_equal(block->input, fet_graph_find_value(graph, "q"));
        assert_int_equal(block->output, fet_graph_find_value(graph, r.residual ? "x" : r.norms ? "w_n" : "w"));
        assert_int_equal(fet_fuse_ibn_applies(graph, block), r.expand);
        fet_arena_destroy(f.arena);
        fet_graph_destroy(graph);
    }
}

/* What somebody else reads must stay: the expand convolution is then no part of the block. */
static void leaves_what_others_read(void **state)
{
    (void)state;
    recipe r = {.expand = true, .norms = true, .activations = true, .tap = true, .kernel = 3, .stride = 1};
    fet_graph *graph = one_block(&r);
    found f = find(graph);
    assert_int_equal(f.blocks.count, 1);
    assert_int_equal(f.blocks.items[0].kind, FET_BLOCK_SEPARABLE);
    assert_int_equal(f.blocks.items[0].input, fet_graph_find_value(graph, "u_a"));
    fet_patch patch;
    CHECK_FAILS(FET_ERROR_ARG, fet_fuse_ibn_plan(graph, &f.groups, &f.blocks.items[0], f.arena, &patch));
    fet_arena_destroy(f.arena);
    fet_graph_destroy(graph);
}

/* In a chain of depthwise and 1x1 each 1x1 ends its own block (MobileNetV1). */
static void separable_chain(void **state)
{
    (void)state;
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape shape = fet_shape_4d(1, 2, 6, 6);
    fet_id value = FET_NONE;
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &value));
    recipe r = {.norms = true, .activations = true, .kernel = 3, .stride = 1};
    value = unit(graph, &r, "stem", value, 8, 3, 1, true);
    for (int i = 0; i < 3; i++) {
        char name[16];
        int64_t channels = graph->values[value].shape.dim[1];
        snprintf(name, sizeof name, "d%d", i);
        value = unit(graph, &r, name, value, channels, 3, channels, true);
        snprintf(name, sizeof name, "p%d", i);
        value = unit(graph, &r, name, value, channels + 4, 1, 1, true);
    }
    CHECK_OK(fet_graph_add_output(graph, value));
    found f = find(graph);
    assert_int_equal(f.blocks.count, 3);
    for (uint32_t b = 0; b < 3; b++) {
        assert_int_equal(f.blocks.items[b].kind, FET_BLOCK_SEPARABLE);
        char name[16];
        snprintf(name, sizeof name, "p%u_a", b);
        assert_int_equal(f.blocks.items[b].output, fet_graph_find_value(graph, name));
    }
    fet_arena_destroy(f.arena);
    fet_graph_destroy(graph);
}

/* Norms without shift: beta = mean * gamma / sqrt(variance + epsilon). */
static void remove_shift(fet_graph *graph, const char *norm)
{
    const fet_node *node = &graph->nodes[fet_graph_find_node(graph, norm)];
    float *p[5];
    for (int i = 1; i < 5; i++) p[i] = fet_graph_constant(graph, node->inputs[i])->data;
    int64_t n = graph->values[node->inputs[1]].shape.dim[0];
    for (int64_t c = 0; c < n; c++) p[2][c] = p[3][c] * p[1][c] / sqrtf(p[4][c] + fet_node_float(node, FET_ATTR_EPSILON, 1e-5f));
}

static void exact_without_activation(void **state)
{
    (void)state;
    for (int bits = 0; bits < 16; bits++) {
        recipe r = {.expand = true, .norms = bits & 1, .excite = bits & 2, .residual = bits & 4, .kernel = bits & 8 ? 3 : 5};
        r.stride = r.residual ? 1 : 2;
        fet_graph *graph = one_block(&r);
        give_numbers(graph, 5 + (uint64_t)bits);
        if (r.norms) remove_shift(graph, "u_n");
        found f = find(graph);
        fet_graph *result = fused(graph, &f, FET_NONE, 0);
        CHECK_OK(fet_graph_init_params(result, graph, 1));
        CHECK_NEAR(reference_difference(graph, result, 3), 0, 1e-5);
        assert_int_equal(result->n_nodes, graph->n_nodes - 1 - (uint32_t)r.norms);
        assert_int_equal(fet_graph_find_node(result, "u"), FET_NONE);
        const fet_node *dense = &result->nodes[fet_graph_find_node(result, "v.fused")];
        assert_int_equal(fet_node_int(dense, FET_ATTR_GROUP, 1), 1);
        const int64_t *w = result->values[dense->inputs[1]].shape.dim;
        assert_true(w[0] == 15 && w[1] == 6 && w[2] == r.kernel && w[3] == r.kernel);
        fet_graph_destroy(result);
        fet_graph_destroy(graph);
        fet_arena_destroy(f.arena);
    }
}

/* A shift makes a difference, and at the border of the map not the same as inside: that is why it is dropped and left to the norm behind.
 */
static void shift_is_dropped(void **state)
{
    (void)state;
    recipe r = {.expand = true, .norms = true, .kernel = 3, .stride = 1};
    fet_graph *graph = one_block(&r);
    give_numbers(graph, 5);
    found f = find(graph);
    fet_graph *result = fused(graph, &f, FET_NONE, 0);
    CHECK_OK(fet_graph_init_params(result, graph, 1));
    assert_true(reference_difference(graph, result, 3) > 1e-3);
    /* With the shift in, the depthwise's norm made to take its constant out again, only border pixels differ: compare one inner pixel. */
    const fet_node *norm = &graph->nodes[fet_graph_find_node(graph, "u_n")];
    const float *gamma = fet_graph_constant(graph, norm->inputs[1])->data, *beta = fet_graph_constant(graph, norm->inputs[2])->data;
    const float *mean = fet_graph_constant(graph, norm->inputs[3])->data, *variance = fet_graph_constant(graph, norm->inputs[4])->data;
    const float *depthwise = fet_graph_constant(graph, graph->nodes[fet_graph_find_node(graph, "v")].inputs[1])->data;
    fet_tensor *moved = NULL;
    fet_id running = fet_graph_find_value(result, "v_n.mean");
    CHECK_OK(fet_tensor_copy(fet_graph_constant(result, running), &moved));
    for (int c = 0; c < 15; c++) {
        float shift = beta[c] - mean[c] * gamma[c] / sqrtf(variance[c] + 1e-5f), sum = 0;
        for (int k = 0; k < 9; k++) sum += depthwise[c * 9 + k];
        fet_tensor_f32(moved)[c] -= shift * sum;
    }
    fet_graph_set_tensor(result, result->values[running].param, moved);
    fet_tensor_release(moved);
    graph->outputs[0] = fet_graph_find_value(graph, "w_n"), result->outputs[0] = fet_graph_find_value(result, "w_n");
    float *src = reference_input(graph, 2);
    double *x = reference_run(graph, src), *y = reference_run(result, src);
    const int64_t *d = graph->values[graph->outputs[0]].shape.dim;
    for (int64_t c = 0; c < d[1]; c++) CHECK_NEAR(x[(c * d[2] + 4) * d[3] + 4], y[(c * d[2] + 4) * d[3] + 4], 1e-4);
    free(src), free(x), free(y);
    fet_graph_destroy(result);
    fet_graph_destroy(graph);
    fet_arena_destroy(f.arena);
}

static void fused_and_grown_is_exact(void **state)
{
    (void)state;
    recipe r = {.expand = true, .norms = true, .excite = true, .residual = true, .kernel = 3, .stride = 1};
    fet_graph *graph = one_block(&r);
    give_numbers(graph, 5);
    remove_shift(graph, "u_n");
    found f = find(graph);
    for (uint32_t g = 0; g < f.groups.n_groups; g++) {
        if (f.groups.groups[g].fixed) continue;
        fet_graph *result = fused(graph, &f, g, f.groups.groups[g].channels * 2 + 3);
        CHECK_OK(fet_graph_init_params(result, graph, 1));
        CHECK_NEAR(reference_difference(graph, result, 3), 0, 1e-5);
        fet_graph_destroy(result);
    }
    fet_arena_destroy(f.arena);
    fet_graph_destroy(graph);
}

static void template_blocks(void **state)
{
    (void)state;
    fet_graph *graph = small_network();
    found f = find(graph);
    assert_int_equal(f.blocks.count, 6);
    for (uint32_t b = 0; b < 6; b++) {
        assert_int_equal(f.blocks.items[b].kind, b == 0 ? FET_BLOCK_SEPARABLE : FET_BLOCK_IBN);
        assert_int_equal(f.blocks.items[b].add != FET_NONE, b == 2 || b >= 4);
    }
    fet_graph *result = fused(graph, &f, FET_NONE, 0);
    assert_int_equal(graph->n_nodes - result->n_nodes, 5 * 3);
    assert_int_not_equal(fet_graph_find_node(result, "stage2.block0.fused.conv"), FET_NONE);
    assert_int_not_equal(fet_graph_find_value(result, "stage2.block0.fused.conv.weight"), FET_NONE);
    assert_int_equal(fet_graph_find_value(result, "stage2.block0.depthwise.conv.weight"), FET_NONE);
    /* Nothing is left that nobody reads. */
    uint32_t n_params = result->n_params, n_values = result->n_values;
    fet_auto(fet_graph) compact = NULL;
    CHECK_OK(fet_graph_copy(result, NULL, 0, &compact));
    CHECK_OK(fet_graph_compact(compact));
    assert_int_equal(compact->n_params, n_params);
    assert_int_equal(compact->n_values, n_values);
    assert_true(fet_graph_hash(compact) == fet_graph_hash(result));
    fet_graph_destroy(result);
    fet_arena_destroy(f.arena);
    fet_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_form),         cmocka_unit_test(leaves_what_others_read),  cmocka_unit_test(separable_chain),
        cmocka_unit_test(template_blocks),          cmocka_unit_test(exact_without_activation), cmocka_unit_test(shift_is_dropped),
        cmocka_unit_test(fused_and_grown_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
