// SPDX-License-Identifier: Apache-2.0
/* Where a layer of a candidate stands, in the space's own words, whatever the network's author called it. */
#include "space/internal.h"

#include <stdio.h>
#include <string.h>

/* Nodes of a block in the base, FET_NONE for what it does not have. */
enum { PARTS = 13 };

static void list_parts(const fet_block *block, fet_id parts[PARTS])
{
    const fet_block_unit *units[] = {&block->expand, &block->depthwise, &block->project};
    uint32_t n = 0;
    for (int u = 0; u < 3; u++) {
        parts[n++] = units[u]->conv;
        parts[n++] = units[u]->norm;
        parts[n++] = units[u]->activation;
    }
    parts[n++] = block->pad;
    parts[n++] = block->excite;
    parts[n++] = block->add;
    parts[n++] = block->shortcut;
}

/* A rewrite gives what it makes a name of its own, but its weights say what they are made of. */
static bool comes_from(const fet_space *space, const fet_graph *graph, const fet_node *node, const fet_node *part)
{
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const fet_value *value = node->inputs[i] == FET_NONE ? NULL : &graph->values[node->inputs[i]];
        if (!value || value->kind != FET_VALUE_PARAM || graph->params[value->param].origin.rule == FET_ORIGIN_FRESH) continue;
        for (uint32_t b = 0; b < FET_ORIGIN_BASES; b++) {
            fet_id param = graph->params[value->param].origin.base[b];
            for (uint32_t k = 1; k < part->n_inputs && param < space->base->n_params; k++)
                if (part->inputs[k] == space->base->params[param].value) return true;
        }
    }
    return false;
}

static bool has(const fet_space *space, const fet_block *block, const fet_graph *graph, const fet_node *node)
{
    fet_id parts[PARTS];
    list_parts(block, parts);
    for (uint32_t i = 0; i < PARTS; i++) {
        if (parts[i] == FET_NONE) continue;
        const fet_node *part = &space->base->nodes[parts[i]];
        if (strcmp(part->name, node->name) == 0 || comes_from(space, graph, node, part)) return true;
    }
    return false;
}

bool fet_space_place(const fet_space *space, const fet_graph *graph, fet_id node, char *text, size_t bytes)
{
    for (uint32_t b = 0; b < space->blocks.count; b++) {
        uint32_t number = 0, stage = space->block_stage[b];
        if (!has(space, &space->blocks.items[b], graph, &graph->nodes[node])) continue;
        for (uint32_t before = 0; before < b; before++) number += space->block_stage[before] == stage;
        snprintf(text, bytes, "stage%u.block%u", stage + 1, number);
        return true;
    }
    return false;
}
