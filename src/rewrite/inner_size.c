// SPDX-License-Identifier: Apache-2.0
#include "rewrite/inner_size.h"

#include "op/op.h"
#include "rewrite/plan.h"

bool fet_inner_size_needs_wrap(const fet_graph *base, const fet_graph *resized)
{
    for (uint32_t o = 0; o < base->n_outputs; o++)
        if (!fet_shape_equal(&base->values[base->outputs[o]].shape, &resized->values[resized->outputs[o]].shape)) return true;
    return false;
}

/* The shape of a map as a constant, with the last two dimensions of `like`. */
static fet_status add_sizes(fet_graph *graph, const char *name, const fet_shape *map, const fet_shape *like, fet_id *out_value)
{
    fet_auto(fet_tensor) sizes = NULL;
    fet_shape shape = {.rank = 1, .dim = {map->rank}};
    char *own = fet_arena_printf(graph->arena, "%s.sizes", name);
    if (!own) return fet_arena_full();
    FET_TRY(fet_tensor_create(FET_DTYPE_S64, &shape, &sizes));
    for (uint32_t d = 0; d < map->rank; d++)
        fet_tensor_s64(sizes)[d] = d + 2 < map->rank ? map->dim[d] : like->dim[like->rank + d - map->rank];
    return fet_graph_add_param(graph, own, FET_DTYPE_S64, &shape, sizes, false, out_value);
}

/* Pixels stand for areas (half_pixel): the borders of the image stay where they were. */
static fet_status add_resize(fet_graph *graph, const char *name, fet_id src, const fet_shape *like, fet_id *out_value)
{
    fet_id sizes = FET_NONE, node = FET_NONE;
    FET_TRY(add_sizes(graph, name, &graph->values[src].shape, like, &sizes));
    FET_TRY(fet_graph_add_node(graph, FET_OP_RESIZE, name, (fet_id[]){src, FET_NONE, FET_NONE, sizes}, 4, 1, &node));
    FET_TRY(fet_graph_set_string(graph, node, FET_ATTR_MODE, "linear"));
    FET_TRY(fet_graph_set_string(graph, node, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "half_pixel"));
    FET_TRY(fet_graph_infer_node(graph, node));
    *out_value = graph->nodes[node].outputs[0];
    return FET_OK;
}

/* Two values change names: what the outside knows by its name is another one now. */
static void swap_names(fet_graph *graph, fet_id a, fet_id b)
{
    const char *name = graph->values[a].name;
    graph->values[a].name = graph->values[b].name;
    graph->values[b].name = name;
}

static fet_status wrap_input(fet_graph *graph, const fet_graph *base)
{
    fet_id image = graph->inputs[0], small = FET_NONE;
    const fet_shape inside = graph->values[image].shape;
    uint32_t n_before = graph->n_nodes;
    char *name = fet_arena_printf(graph->arena, "%s.inside", graph->values[image].name);
    if (!name) return fet_arena_full();
    graph->values[image].shape = base->values[base->inputs[0]].shape;
    FET_TRY(add_resize(graph, name, image, &inside, &small));
    for (fet_id n = 0; n < n_before; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] == image) graph->nodes[n].inputs[i] = small;
    return FET_OK;
}

/* Every place of its result hangs on the same place of its first input alone. */
static bool is_by_place(const fet_graph *graph, const fet_node *node)
{
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, node->op == FET_OP_ARG_MAX ? 0 : -1);
    switch (node->op) {
    case FET_OP_SOFTMAX:
    case FET_OP_LOG_SOFTMAX:
    case FET_OP_ARG_MAX: return fet_node_input(graph, node, 0)->shape.rank == 4 && (axis == 1 || axis == -3);
    default: return (fet_op_find(node->op)->flags & FET_OP_ACTIVATION) != 0;
    }
}

/* Back from an output over what is computed by place. *out_reader: the node that reads the map found, FET_NONE when it is the output. */
static fet_id find_map(const fet_graph *graph, fet_id output, fet_id *out_reader)
{
    fet_id value = output;
    *out_reader = FET_NONE;
    while (output != value || plan_readers(graph, output) == 0) {
        fet_id n = graph->values[value].kind == FET_VALUE_COMPUTED ? graph->values[value].node : FET_NONE;
        if (n == FET_NONE || !is_by_place(graph, &graph->nodes[n])) return value;
        fet_id src = graph->nodes[n].inputs[0];
        if (plan_readers(graph, src) != 1 || plan_is_output(graph, src)) return value;
        *out_reader = n, value = src;
    }
    return value; /* of an output that is read inside as well, those readers keep the small map */
}

/* The map's own Resize makes it as large as is wanted, if nobody else reads it. */
static fet_status enlarge(fet_graph *graph, fet_id map, const fet_shape *like, bool *out_done)
{
    const fet_value *value = &graph->values[map];
    fet_id n = value->kind == FET_VALUE_COMPUTED ? value->node : FET_NONE, sizes = FET_NONE;
    *out_done = n != FET_NONE && graph->nodes[n].op == FET_OP_RESIZE && value->shape.rank == 4 &&
                plan_readers(graph, map) + plan_is_output(graph, map) == 1;
    if (!*out_done) return FET_OK;
    const fet_node *node = &graph->nodes[n];
    fet_id roi = node->n_inputs > 1 ? node->inputs[1] : FET_NONE;
    FET_TRY(add_sizes(graph, node->name, &value->shape, like, &sizes));
    FET_TRY(fet_graph_set_inputs(graph, n, (fet_id[]){node->inputs[0], roi, FET_NONE, sizes}, 4));
    return fet_graph_infer_node(graph, n);
}

static fet_status wrap_output(fet_graph *graph, uint32_t o, const fet_shape *like)
{
    fet_id output = graph->outputs[o], reader = FET_NONE, large = FET_NONE;
    bool done = false;
    if (fet_shape_equal(&graph->values[output].shape, like)) return FET_OK;
    fet_id map = find_map(graph, output, &reader);
    FET_TRY(enlarge(graph, map, like, &done));
    if (!done) {
        char *name = fet_arena_printf(graph->arena, "%s.inside", graph->values[map].name);
        if (!name) return fet_arena_full();
        FET_TRY(add_resize(graph, name, map, like, &large));
        if (reader == FET_NONE) {
            graph->outputs[o] = large;
            swap_names(graph, map, large);
        } else {
            graph->nodes[reader].inputs[0] = large;
        }
    }
    /* What follows by place is larger now. */
    for (fet_id n = reader; n != FET_NONE;) {
        FET_TRY(fet_graph_infer_node(graph, n));
        fet_id made = graph->nodes[n].outputs[0];
        n = FET_NONE;
        for (fet_id r = 0; r < graph->n_nodes && made != output; r++)
            if (graph->nodes[r].n_inputs > 0 && graph->nodes[r].inputs[0] == made) n = r;
    }
    if (fet_shape_equal(&graph->values[graph->outputs[o]].shape, like)) return FET_OK;
    return fet_fail(FET_ERROR_SHAPE, "output \"%s\" cannot be given its size back", graph->values[graph->outputs[o]].name);
}

fet_status fet_inner_size_wrap(fet_graph *graph, const fet_graph *base)
{
    FET_TRY(wrap_input(graph, base));
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        const fet_shape like = base->values[base->outputs[o]].shape;
        FET_TRY(wrap_output(graph, o, &like));
    }
    return fet_graph_compact(graph);
}
