// SPDX-License-Identifier: Apache-2.0
/* Normalisations: all leave the shape as it is; their statistics and scales must have the right length. */
#include "op/infer.h"

/* Inputs first .. last are vectors of C = dimension 1. */
static fet_status check_channels(const fet_graph *graph, const fet_node *node, uint32_t first, uint32_t last)
{
    const fet_shape *src = &fet_op_src(graph, node, 0)->shape;
    if (src->rank < 2) return fet_op_fail(node, FET_ERROR_SHAPE, "an input of rank %u, expected N,C,...", src->rank);
    for (uint32_t i = first; i <= last; i++) {
        const fet_value *vector = fet_op_src(graph, node, i);
        if (vector->shape.rank == 1 && vector->shape.dim[0] == src->dim[1]) continue;
        char text[FET_SHAPE_TEXT_BYTES];
        return fet_op_fail(node, FET_ERROR_SHAPE, "input %u (\"%s\") is %s, expected %" PRId64 ", the channels", i, vector->name,
                           fet_shape_print(&vector->shape, text, sizeof text), src->dim[1]);
    }
    return FET_OK;
}

static fet_status infer_batch_normalization(fet_graph *graph, fet_id id)
{
    FET_TRY(check_channels(graph, &graph->nodes[id], 1, 4));
    return fet_op_infer_same(graph, id);
}

static fet_status infer_instance_normalization(fet_graph *graph, fet_id id)
{
    FET_TRY(check_channels(graph, &graph->nodes[id], 1, 2));
    return fet_op_infer_same(graph, id);
}

static fet_status infer_layer_normalization(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_shape *src = &fet_op_src(graph, node, 0)->shape;
    uint32_t axis = 0;
    FET_TRY(fet_op_axis(node, fet_node_int(node, FET_ATTR_AXIS, -1), src->rank, &axis));
    for (uint32_t i = 1; i < node->n_inputs; i++) { /* scale and bias stretch to the normalised dimensions */
        const fet_value *vector = fet_node_input(graph, node, i);
        if (!vector) continue;
        fet_shape inner = fet_shape_make(src->rank - axis, src->dim + axis), both;
        FET_TRY(fet_op_broadcast(node, &inner, &vector->shape, &both));
        if (!fet_shape_equal(&both, &inner)) return fet_op_fail(node, FET_ERROR_SHAPE, "input %u is larger than what is normalised", i);
    }
    return fet_op_infer_same(graph, id);
}

static fet_status infer_lp_normalization(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    uint32_t axis = 0;
    FET_TRY(fet_op_axis(node, fet_node_int(node, FET_ATTR_AXIS, -1), fet_op_src(graph, node, 0)->shape.rank, &axis));
    return fet_op_infer_same(graph, id);
}

static fet_status infer_lrn(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    if (fet_node_int(node, FET_ATTR_SIZE, 0) < 1) return fet_op_fail(node, FET_ERROR_ARG, "attribute size is missing or below 1");
    FET_TRY(check_channels(graph, node, 1, 0));
    return fet_op_infer_same(graph, id);
}

/* Scale and shift. */
static void work_affine(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    work->other_ops = 2 * fet_op_elements_out(graph, node);
}

/* Mean and variance first: about two passes of two operations each, then scale and shift. */
static void work_statistics(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    work->other_ops = 6 * fet_op_elements_out(graph, node);
}

static void work_lrn(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    work->other_ops = fet_op_elements_out(graph, node) * (2 * fet_node_int(node, FET_ATTR_SIZE, 1) + 2);
}

FET_OP_INFO(BATCH_NORMALIZATION, batch_normalization, 1, 0, infer_batch_normalization, work_affine);
FET_OP_INFO(INSTANCE_NORMALIZATION, instance_normalization, 1, 0, infer_instance_normalization, work_statistics);
FET_OP_INFO(LAYER_NORMALIZATION, layer_normalization, 1, 0, infer_layer_normalization, work_statistics);
FET_OP_INFO(LP_NORMALIZATION, lp_normalization, 1, 0, infer_lp_normalization, work_statistics);
FET_OP_INFO(LRN, lrn, 1, 0, infer_lrn, work_lrn);
