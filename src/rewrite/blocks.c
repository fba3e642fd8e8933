// SPDX-License-Identifier: Apache-2.0
#include "rewrite/blocks.h"

#include "op/conv.h"
#include "op/op.h"

#include <string.h>

typedef struct finder {
    const fet_graph *graph;
    fet_graph_uses uses;
    uint8_t *is_output; /* by value: the graph hands it to the user */
    uint8_t *claimed;   /* by node: ends a block already */
} finder;

static const fet_node *node_at(const finder *f, fet_id node)
{
    return &f->graph->nodes[node];
}

static fet_id output_of(const finder *f, fet_id node)
{
    return node_at(f, node)->outputs[0];
}

/* The only reader of a value, or FET_NONE when there are several or the user gets it. */
static fet_id only_reader(const finder *f, fet_id value)
{
    uint32_t first = f->uses.first[value], end = f->uses.first[value + 1];
    return end - first == 1 && !f->is_output[value] ? f->uses.nodes[first] : FET_NONE;
}

static bool is_activation(const finder *f, fet_id node)
{
    return node != FET_NONE && (fet_op_find(node_at(f, node)->op)->flags & FET_OP_ACTIVATION) && node_at(f, node)->op != FET_OP_PRELU;
}

static bool is_norm(const finder *f, fet_id node)
{
    return node != FET_NONE && node_at(f, node)->op == FET_OP_BATCH_NORMALIZATION;
}

/* Dense 1x1 at stride 1 without padding, its weights a parameter. */
static bool is_pointwise(const finder *f, fet_id node)
{
    if (node == FET_NONE || node_at(f, node)->op != FET_OP_CONV) return false;
    const fet_value *src = fet_node_input(f->graph, node_at(f, node), 0), *weight = fet_node_input(f->graph, node_at(f, node), 1);
    if (src->shape.rank != 4 || weight->kind != FET_VALUE_PARAM) return false;
    fet_window w;
    if (fet_op_window(f->graph, node_at(f, node), &w) != FET_OK) return false;
    for (int i = 0; i < 2; i++)
        if (w.kernel[i] != 1 || w.stride[i] != 1 || w.pad_begin[i] != 0 || w.pad_end[i] != 0) return false;
    return w.group == 1;
}

/* Fills norm and activation behind unit->conv as far as each is the only reader of what stands before; gives the last value. */
static fet_id follow(const finder *f, fet_block_unit *unit, bool with_activation)
{
    fet_id value = output_of(f, unit->conv), next = only_reader(f, value);
    if (is_norm(f, next)) {
        unit->norm = next;
        value = output_of(f, next);
        next = only_reader(f, value);
    }
    if (with_activation && is_activation(f, next)) {
        unit->activation = next;
        value = output_of(f, next);
    }
    return value;
}

static const fet_block_unit NO_UNIT = {FET_NONE, FET_NONE, FET_NONE};

/* Upwards from what the middle convolution reads: activation, norm, 1x1, each read by the next alone. */
static fet_block_unit find_expand(const finder *f, fet_id value)
{
    fet_block_unit unit = NO_UNIT;
    for (int step = 0; step < 3; step++) {
        fet_id maker = f->graph->values[value].node;
        if (maker == FET_NONE || only_reader(f, value) == FET_NONE) return NO_UNIT;
        if (is_activation(f, maker) && unit.activation == FET_NONE && unit.norm == FET_NONE) {
            unit.activation = maker;
        } else if (is_norm(f, maker) && unit.norm == FET_NONE) {
            unit.norm = maker;
        } else {
            unit.conv = is_pointwise(f, maker) && !f->claimed[maker] ? maker : FET_NONE;
            return unit.conv == FET_NONE ? NO_UNIT : unit;
        }
        value = node_at(f, maker)->inputs[0];
    }
    return NO_UNIT;
}

/* x * gate(pool(x)): the Mul, when `value` is read by it and by the head of a chain that ends in it. */
static fet_id find_excite(const finder *f, fet_id value)
{
    enum { LONGEST_GATE = 12 };
    uint32_t first = f->uses.first[value], end = f->uses.first[value + 1];
    if (end - first != 2 || f->is_output[value]) return FET_NONE;
    for (uint32_t u = first; u < end; u++) {
        const fet_node *mul = node_at(f, f->uses.nodes[u]);
        if (mul->op != FET_OP_MUL) continue;
        fet_id gate = mul->inputs[mul->inputs[0] == value];
        for (int step = 0; step < LONGEST_GATE && f->graph->values[gate].node != FET_NONE; step++) {
            const fet_node *maker = node_at(f, f->graph->values[gate].node);
            gate = maker->n_inputs ? maker->inputs[0] : FET_NONE;
            if (gate == value) return f->uses.nodes[u];
            if (gate == FET_NONE) break;
        }
    }
    return FET_NONE;
}

/* The 1x1 convolution (any stride) that makes `value` of `input`, with or without norm; FET_NONE when there is none such. */
static fet_id find_shortcut(const finder *f, fet_id value, fet_id input)
{
    fet_id maker = f->graph->values[value].node;
    if (is_norm(f, maker)) maker = f->graph->values[node_at(f, maker)->inputs[0]].node;
    if (maker == FET_NONE || node_at(f, maker)->op != FET_OP_CONV || node_at(f, maker)->inputs[0] != input) return FET_NONE;
    fet_window w;
    if (fet_op_window(f->graph, node_at(f, maker), &w) != FET_OK) return FET_NONE;
    return w.kernel[0] == 1 && w.kernel[1] == 1 ? maker : FET_NONE;
}

/* Fills add, shortcut and output when the only reader of the block's end adds its input to it. */
static void find_residual(const finder *f, bool with_shortcut, fet_block *block)
{
    fet_id add = only_reader(f, block->output);
    if (add == FET_NONE) return;
    const fet_node *node = node_at(f, add);
    if ((node->op != FET_OP_ADD && node->op != FET_OP_SUM) || node->n_inputs != 2) return;
    fet_id other = node->inputs[node->inputs[0] == block->output];
    fet_id shortcut = other == block->input || !with_shortcut ? FET_NONE : find_shortcut(f, other, block->input);
    if (other != block->input && shortcut == FET_NONE) return;
    block->add = add;
    block->shortcut = shortcut;
    block->output = node->outputs[0];
}

/* A Pad of zeros over height and width alone, with constant sizes. */
static bool is_spatial_pad(const finder *f, fet_id node)
{
    if (node == FET_NONE || node_at(f, node)->op != FET_OP_PAD) return false;
    const fet_node *pad = node_at(f, node);
    const fet_tensor *sizes = pad->n_inputs > 1 ? fet_graph_constant(f->graph, pad->inputs[1]) : NULL;
    const fet_value *number = fet_node_input(f->graph, pad, 2);
    const fet_tensor *value = number ? fet_graph_constant(f->graph, pad->inputs[2]) : NULL;
    if (strcmp(fet_node_string(pad, FET_ATTR_MODE, "constant"), "constant") != 0 || !sizes || sizes->dtype != FET_DTYPE_S64) return false;
    if (number && (!value || value->dtype != FET_DTYPE_F32 || fet_tensor_elements(value) != 1 || fet_tensor_f32(value)[0] != 0))
        return false;
    if (fet_tensor_elements(sizes) != 8) return false;
    const int64_t *s = fet_tensor_s64(sizes);
    return s[0] == 0 && s[1] == 0 && s[4] == 0 && s[5] == 0 && s[2] >= 0 && s[3] >= 0 && s[6] >= 0 && s[7] >= 0;
}

/* A two-dimensional convolution with a kernel wider than 1 and weights of its own that stand as a parameter. */
static bool is_spatial(const finder *f, fet_id node)
{
    if (node == FET_NONE || node_at(f, node)->op != FET_OP_CONV || f->claimed[node]) return false;
    const fet_value *weight = fet_node_input(f->graph, node_at(f, node), 1);
    return weight->kind == FET_VALUE_PARAM && weight->shape.rank == 4 && weight->shape.dim[2] * weight->shape.dim[3] > 1;
}

static int64_t channels_of(const finder *f, fet_id value)
{
    return f->graph->values[value].shape.dim[1];
}

/* The middle unit, what stands behind it up to the value that the next convolution reads, and what stands before it. */
static fet_id find_middle(const finder *f, fet_id middle, fet_block *block)
{
    *block = (fet_block){.expand = NO_UNIT,
                         .depthwise = NO_UNIT,
                         .project = NO_UNIT,
                         .pad = FET_NONE,
                         .excite = FET_NONE,
                         .add = FET_NONE,
                         .shortcut = FET_NONE};
    block->depthwise.conv = middle;
    block->input = node_at(f, middle)->inputs[0];
    fet_id before = f->graph->values[block->input].node;
    if (is_spatial_pad(f, before) && only_reader(f, block->input) != FET_NONE) {
        block->pad = before;
        block->input = node_at(f, before)->inputs[0];
    }
    block->expand = find_expand(f, block->input);
    fet_id value = follow(f, &block->depthwise, true);
    block->excite = find_excite(f, value);
    return block->excite == FET_NONE ? value : output_of(f, block->excite);
}

/* With the projection found: takes it and looks behind it. */
static void find_end(finder *f, fet_block *block)
{
    block->output = follow(f, &block->project, true);
    find_residual(f, block->kind == FET_BLOCK_BOTTLENECK || block->kind == FET_BLOCK_BASIC, block);
}

static void take_expand(const finder *f, fet_block *block)
{
    block->input = node_at(f, block->expand.conv)->inputs[0];
}

static bool match_depthwise(finder *f, fet_id middle, fet_block *block)
{
    fet_id value = find_middle(f, middle, block);
    block->project.conv = only_reader(f, value);
    if (!is_pointwise(f, block->project.conv) || node_at(f, block->project.conv)->inputs[0] != value) return false;
    block->kind = block->expand.conv != FET_NONE ? FET_BLOCK_IBN : FET_BLOCK_SEPARABLE;
    if (block->kind == FET_BLOCK_IBN) take_expand(f, block);
    find_end(f, block);
    return true;
}

static bool match_dense(finder *f, fet_id middle, fet_block *block)
{
    fet_id value = find_middle(f, middle, block), next = only_reader(f, value);
    fet_block_unit expand = block->expand;
    fet_id before = block->input;
    block->expand = NO_UNIT;
    if (is_pointwise(f, next) && node_at(f, next)->inputs[0] == value) {
        block->project.conv = next;
        if (expand.conv != FET_NONE) {
            block->kind = FET_BLOCK_BOTTLENECK;
            block->expand = expand;
            take_expand(f, block);
            find_end(f, block);
            if (block->add != FET_NONE) return true;
            /* No bottleneck: what the 1x1 before it does is not this block's. */
            block->expand = NO_UNIT;
            block->input = before;
        }
        block->kind = FET_BLOCK_FUSED;
        block->project = (fet_block_unit){next, FET_NONE, FET_NONE};
        int64_t hidden = channels_of(f, value);
        if (fet_node_int(node_at(f, middle), FET_ATTR_GROUP, 1) != 1 || hidden <= channels_of(f, block->input) ||
            hidden <= channels_of(f, output_of(f, next)))
            return false;
        find_end(f, block);
        return true;
    }
    if (!is_spatial(f, next) || node_at(f, next)->inputs[0] != value || block->excite != FET_NONE) return false;
    block->kind = FET_BLOCK_BASIC;
    block->project.conv = next;
    find_end(f, block);
    return block->add != FET_NONE;
}

static bool match(finder *f, fet_id middle, fet_block *out_block)
{
    const fet_node *node = node_at(f, middle);
    fet_block block;
    if (node->op != FET_OP_CONV || f->graph->values[node->inputs[1]].kind != FET_VALUE_PARAM) return false;
    bool found =
        fet_op_is_depthwise(f->graph, node) ? match_depthwise(f, middle, &block) : is_spatial(f, middle) && match_dense(f, middle, &block);
    if (!found) return false;
    f->claimed[block.project.conv] = 1;
    *out_block = block;
    return true;
}

fet_status fet_blocks_find(const fet_graph *graph, fet_arena *arena, fet_blocks *out_blocks)
{
    finder f = {.graph = graph};
    FET_TRY(fet_graph_uses_create(graph, arena, &f.uses));
    f.is_output = fet_arena_zalloc(arena, (size_t)graph->n_values + 1, 1);
    f.claimed = fet_arena_zalloc(arena, (size_t)graph->n_nodes + 1, 1);
    uint32_t most = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++) most += graph->nodes[n].op == FET_OP_CONV;
    fet_blocks blocks = {.items = fet_arena_alloc(arena, ((size_t)most + 1) * sizeof *blocks.items)};
    if (!f.is_output || !f.claimed || !blocks.items) return fet_arena_full();
    for (uint32_t o = 0; o < graph->n_outputs; o++) f.is_output[graph->outputs[o]] = 1;
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (match(&f, n, &blocks.items[blocks.count])) blocks.count++;
    *out_blocks = blocks;
    return FET_OK;
}
