// SPDX-License-Identifier: Apache-2.0
#include "rewrite/trim_tail.h"

#include "op/op.h"
#include "rewrite/plan.h"

#include <string.h>

/* `value` gets the numbers that `from` had until now, its name and place kept: the maker of `from` makes it. */
static void take_over(fet_graph *graph, fet_id from, fet_id value)
{
    fet_id maker = graph->values[from].node;
    for (uint32_t o = 0; o < graph->nodes[maker].n_outputs; o++)
        if (graph->nodes[maker].outputs[o] == from) graph->nodes[maker].outputs[o] = value;
    graph->values[value].node = maker;
    graph->values[from].node = FET_NONE;
    fet_graph_replace_uses(graph, from, value);
}

fet_status fet_trim_softmax(fet_graph *graph, uint32_t *out_removed)
{
    uint32_t removed = 0;
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        fet_id value = graph->outputs[o], n = graph->values[value].node;
        if (n == FET_NONE || (graph->nodes[n].op != FET_OP_SOFTMAX && graph->nodes[n].op != FET_OP_LOG_SOFTMAX)) continue;
        fet_id src = graph->nodes[n].inputs[0];
        /* Probabilities that other nodes go on with are needed; logits that are an input or an output themselves cannot be renamed. */
        if (plan_readers(graph, value) > 0 || graph->values[src].kind != FET_VALUE_COMPUTED || plan_is_output(graph, src)) continue;
        fet_graph_remove_node(graph, n);
        take_over(graph, src, value);
        removed++;
    }
    if (removed > 0) FET_TRY(fet_graph_compact(graph));
    if (out_removed) *out_removed = removed;
    return FET_OK;
}

/* The map's sizes (input 3) with one channel, as a constant of its own. */
static fet_status one_channel(fet_graph *graph, fet_id resize, uint32_t input)
{
    const fet_node *node = &graph->nodes[resize];
    const fet_tensor *sizes = fet_graph_constant(graph, node->inputs[input]);
    fet_auto(fet_tensor) copy = NULL;
    fet_id value = FET_NONE;
    char *name = fet_arena_printf(graph->arena, "%s.sizes_of_classes", node->name);
    if (!name) return fet_arena_full();
    FET_TRY(fet_tensor_copy(sizes, &copy));
    fet_tensor_s64(copy)[1] = 1;
    FET_TRY(fet_graph_add_param(graph, name, FET_DTYPE_S64, &copy->shape, copy, false, &value));
    graph->nodes[resize].inputs[input] = value;
    return FET_OK;
}

static bool fits(const fet_graph *graph, fet_id arg_max, bool any_mode, fet_id *out_resize)
{
    const fet_node *node = &graph->nodes[arg_max];
    const fet_value *src = fet_node_input(graph, node, 0);
    if (node->op != FET_OP_ARG_MAX || src->shape.rank != 4 || src->kind != FET_VALUE_COMPUTED || src->node == FET_NONE) return false;
    const fet_node *resize = &graph->nodes[src->node];
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, 0);
    bool nearest = strcmp(fet_node_string(resize, FET_ATTR_MODE, "nearest"), "nearest") == 0;
    if (resize->op != FET_OP_RESIZE || (axis != 1 && axis != -3) || fet_node_int(node, FET_ATTR_KEEPDIMS, 1) == 0) return false;
    if (plan_readers(graph, node->inputs[0]) != 1 || plan_is_output(graph, node->inputs[0]) || !(nearest || any_mode)) return false;
    if (fet_node_input(graph, resize, 0)->shape.dim[1] != src->shape.dim[1]) return false;
    if (resize->n_inputs > 3 && resize->inputs[3] != FET_NONE && !fet_graph_constant(graph, resize->inputs[3])) return false;
    *out_resize = src->node;
    return true;
}

fet_status fet_trim_resize(fet_graph *graph, bool any_mode, uint32_t *out_moved)
{
    uint32_t moved = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        fet_id resize = FET_NONE;
        if (!fits(graph, n, any_mode, &resize)) continue;
        if (graph->nodes[resize].n_inputs > 3 && graph->nodes[resize].inputs[3] != FET_NONE) FET_TRY(one_channel(graph, resize, 3));
        if (strcmp(fet_node_string(&graph->nodes[resize], FET_ATTR_MODE, "nearest"), "nearest") != 0) {
            FET_TRY(fet_graph_set_string(graph, resize, FET_ATTR_MODE, "nearest"));
            FET_TRY(fet_graph_set_string(graph, resize, FET_ATTR_NEAREST_MODE, "round_prefer_floor"));
        }
        /* map -> Resize -> between -> ArgMax -> end   becomes   map -> ArgMax -> between -> Resize -> end */
        fet_node *first = &graph->nodes[n], *second = &graph->nodes[resize];
        fet_id map = second->inputs[0], between = second->outputs[0], end = first->outputs[0];
        first->inputs[0] = map, first->outputs[0] = between;
        second->inputs[0] = between, second->outputs[0] = end;
        graph->values[between].node = n, graph->values[end].node = resize;
        moved++;
    }
    if (moved > 0) {
        FET_TRY(fet_graph_compact(graph)); /* sorts */
        FET_TRY(fet_graph_infer(graph));
    }
    if (out_moved) *out_moved = moved;
    return FET_OK;
}
