// SPDX-License-Identifier: Apache-2.0
#include "rewrite/skip_block.h"

#include "rewrite/plan.h"

/* inside[n]: nodes that the block's output needs and its input does not give. Node order is topological, so one pass backwards does. */
static fet_status find_inside(const fet_graph *graph, const fet_block *block, fet_arena *arena, uint8_t **out_inside)
{
    uint8_t *inside = fet_arena_zalloc(arena, (size_t)graph->n_nodes + 1, 1);
    if (!inside) return fet_arena_full();
    inside[block->add] = 1;
    for (fet_id n = block->add + 1; n-- > 0;) {
        if (!inside[n]) continue;
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++) {
            fet_id value = graph->nodes[n].inputs[i];
            if (value == FET_NONE || value == block->input || graph->values[value].kind != FET_VALUE_COMPUTED) continue;
            inside[graph->values[value].node] = 1;
        }
    }
    *out_inside = inside;
    return FET_OK;
}

/* Nodes before the input's maker would be inside if something of the block bypassed its input. */
static bool is_closed(const fet_graph *graph, const fet_block *block, const uint8_t *inside)
{
    fet_id maker = graph->values[block->input].node;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        if (inside[n] && maker != FET_NONE && n <= maker) return false;
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs && !inside[n] && graph->nodes[n].op != FET_OP_NONE; i++) {
            fet_id value = graph->nodes[n].inputs[i];
            if (value == FET_NONE || value == block->output || graph->values[value].kind != FET_VALUE_COMPUTED) continue;
            if (inside[graph->values[value].node]) return false;
        }
        for (uint32_t o = 0; o < graph->nodes[n].n_outputs && inside[n]; o++)
            if (plan_is_output(graph, graph->nodes[n].outputs[o])) return false;
    }
    return true;
}

bool fet_skip_block_applies(const fet_graph *graph, const fet_block *block)
{
    if (block->add == FET_NONE || block->shortcut != FET_NONE) return false;
    fet_auto(fet_arena) arena = NULL;
    uint8_t *inside = NULL;
    if (fet_arena_create(&arena) != FET_OK || find_inside(graph, block, arena, &inside) != FET_OK) return false;
    return is_closed(graph, block, inside);
}

/* Parameters that only the block reads, behind the values dropped already. */
static fet_status add_own_params(const fet_graph *graph, const uint8_t *inside, fet_arena *arena, fet_patch *patch, fet_id *values)
{
    enum { BY_BLOCK = 1, BY_OTHERS = 2 };
    uint8_t *read = fet_arena_zalloc(arena, (size_t)graph->n_values + 1, 1);
    if (!read) return fet_arena_full();
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] != FET_NONE) read[graph->nodes[n].inputs[i]] |= inside[n] ? BY_BLOCK : BY_OTHERS;
    for (fet_id p = 0; p < graph->n_params; p++)
        if (read[graph->params[p].value] == BY_BLOCK) values[patch->n_drop_values++] = graph->params[p].value;
    return FET_OK;
}

fet_status fet_skip_block_plan(const fet_graph *graph, const fet_block *block, fet_arena *arena, fet_patch *out_patch)
{
    if (!fet_skip_block_applies(graph, block))
        return fet_fail(FET_ERROR_ARG,
                        "the block at \"%s\" cannot be skipped: it does not add its own input, or others read from inside it",
                        graph->nodes[block->depthwise.conv].name);
    uint8_t *inside = NULL;
    FET_TRY(find_inside(graph, block, arena, &inside));
    fet_id *nodes = fet_arena_alloc(arena, ((size_t)graph->n_nodes + 1) * sizeof *nodes);
    fet_id *values = fet_arena_alloc(arena, ((size_t)graph->n_values + 1) * sizeof *values);
    fet_alias *alias = fet_arena_alloc(arena, sizeof *alias);
    if (!nodes || !values || !alias) return fet_arena_full();
    fet_patch patch = {.drop_nodes = nodes, .drop_values = values, .aliases = alias, .n_aliases = 1};
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        if (!inside[n]) continue;
        nodes[patch.n_drop_nodes++] = n;
        for (uint32_t o = 0; o < graph->nodes[n].n_outputs; o++)
            if (graph->nodes[n].outputs[o] != FET_NONE) values[patch.n_drop_values++] = graph->nodes[n].outputs[o];
    }
    FET_TRY(add_own_params(graph, inside, arena, &patch, values));
    *alias = (fet_alias){.from = block->output, .to = block->input};
    *out_patch = patch;
    return FET_OK;
}
