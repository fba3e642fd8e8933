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

/* Upwards from what the depthwise reads: activation, norm, 1x1, each read by the next alone. */
static fet_block_unit find_expand(const finder *f, fet_id value)
{
    const fet_block_unit none = {FET_NONE, FET_NONE, FET_NONE};
    fet_block_unit unit = none;
    for (int step = 0; step < 3; step++) {
        fet_id maker = f->graph->values[value].node;
        if (maker == FET_NONE || only_reader(f, value) == FET_NONE) return none;
        if (is_activation(f, maker) && unit.activation == FET_NONE && unit.norm == FET_NONE) {
            unit.activation = maker;
        } else if (is_norm(f, maker) && unit.norm == FET_NONE) {
            unit.norm = maker;
        } else {
            unit.conv = is_pointwise(f, maker) && !f->claimed[maker] ? maker : FET_NONE;
            return unit.conv == FET_NONE ? none : unit;
        }
        value = node_at(f, maker)->inputs[0];
    }
    return none;
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

static bool is_residual(const finder *f, fet_id add, fet_id input)
{
    if (add == FET_NONE || node_at(f, add)->op != FET_OP_ADD) return false;
    const fet_node *node = node_at(f, add);
    return node->inputs[0] == input || node->inputs[1] == input;
}

static bool match(finder *f, fet_id depthwise, fet_block *out_block)
{
    const fet_graph *graph = f->graph;
    const fet_node *node = node_at(f, depthwise);
    if (!fet_op_is_depthwise(graph, node) || graph->values[node->inputs[1]].kind != FET_VALUE_PARAM) return false;
    const fet_block_unit none = {FET_NONE, FET_NONE, FET_NONE};
    fet_block block = {.expand = none, .depthwise = none, .project = none, .excite = FET_NONE, .add = FET_NONE};
    block.depthwise.conv = depthwise;
    fet_id value = follow(f, &block.depthwise, true);
    block.excite = find_excite(f, value);
    if (block.excite != FET_NONE) value = output_of(f, block.excite);
    block.project.conv = only_reader(f, value);
    if (!is_pointwise(f, block.project.conv) || node_at(f, block.project.conv)->inputs[0] != value) return false;
    block.expand = find_expand(f, node->inputs[0]);
    bool ibn = block.expand.conv != FET_NONE;
    block.kind = ibn ? FET_BLOCK_IBN : FET_BLOCK_SEPARABLE;
    block.input = ibn ? node_at(f, block.expand.conv)->inputs[0] : node->inputs[0];
    block.output = follow(f, &block.project, true);
    if (is_residual(f, only_reader(f, block.output), block.input)) {
        block.add = only_reader(f, block.output);
        block.output = output_of(f, block.add);
    }
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
