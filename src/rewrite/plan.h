// SPDX-License-Identifier: Apache-2.0
/* What the planners of patches share. */
#ifndef FET_REWRITE_PLAN_H
#define FET_REWRITE_PLAN_H

#include "rewrite/patch.h"

#include <string.h>

/* How many inputs of nodes a value is. */
static inline uint32_t plan_readers(const fet_graph *graph, fet_id value)
{
    uint32_t count = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++) count += graph->nodes[n].inputs[i] == value;
    return count;
}

static inline bool plan_is_output(const fet_graph *graph, fet_id value)
{
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        if (graph->outputs[o] == value) return true;
    return false;
}

/* "stage1.block0.depthwise.conv" -> "stage1.block0.<word>.conv"; "Conv_7" -> "Conv_7.<word>". NULL without memory. */
static inline const char *plan_name(fet_arena *arena, const char *name, const char *word)
{
    static const char old[] = "depthwise";
    const char *at = strstr(name, old);
    if (!at) return fet_arena_printf(arena, "%s.%s", name, word);
    return fet_arena_printf(arena, "%.*s%s%s", (int)(at - name), name, word, at + sizeof old - 1);
}

#endif
