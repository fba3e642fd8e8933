// SPDX-License-Identifier: Apache-2.0
/* Concat and Split along one axis. */
#include "op/infer.h"

#include "graph/limits.h"

static fet_status infer_concat(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *first = fet_op_src(graph, node, 0);
    fet_shape dst = first->shape;
    uint32_t axis = 0;
    FET_TRY(fet_op_axis(node, fet_node_int(node, FET_ATTR_AXIS, 1), dst.rank, &axis));
    for (uint32_t i = 1; i < node->n_inputs; i++) {
        if (node->inputs[i] == FET_NONE) return fet_op_fail(node, FET_ERROR_ARG, "input %u is missing", i);
        const fet_value *more = fet_op_src(graph, node, i);
        bool fits = more->shape.rank == dst.rank && more->dtype == first->dtype;
        for (uint32_t d = 0; fits && d < dst.rank; d++) fits = d == axis || more->shape.dim[d] == dst.dim[d];
        if (!fits) {
            char text_a[FET_SHAPE_TEXT_BYTES], text_b[FET_SHAPE_TEXT_BYTES];
            return fet_op_fail(node, FET_ERROR_SHAPE, "input %u is %s %s, input 0 is %s %s; only dimension %u may differ", i,
                               fet_dtype_name(more->dtype), fet_shape_print(&more->shape, text_b, sizeof text_b),
                               fet_dtype_name(first->dtype), fet_shape_print(&first->shape, text_a, sizeof text_a), axis);
        }
        dst.dim[axis] += more->shape.dim[axis]; /* at most 256 numbers that each fit into 32 bits and a little */
    }
    return fet_op_set(graph, node, 0, first->dtype, &dst);
}

/* Sizes from input 1, from the attribute of old opsets, or as equal as can be. */
static fet_status infer_split(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    int64_t sizes[FET_NODE_LIMIT_INPUTS], sum = 0;
    uint32_t axis = 0, n = 0;
    bool found = false;
    FET_TRY(fet_op_axis(node, fet_node_int(node, FET_ATTR_AXIS, 0), src->shape.rank, &axis));
    FET_TRY(fet_op_ints_of_attr(node, FET_ATTR_SPLIT, FET_NODE_LIMIT_INPUTS, sizes, &n, &found));
    if (!found && fet_node_input(graph, node, 1)) {
        FET_TRY(fet_op_ints_of_input(graph, node, 1, "split", FET_NODE_LIMIT_INPUTS, sizes, &n));
        found = true;
    }
    int64_t whole = src->shape.dim[axis];
    if (!found) {
        int64_t each = (whole + node->n_outputs - 1) / node->n_outputs;
        for (n = 0; n < node->n_outputs; n++) sizes[n] = n + 1u < node->n_outputs ? each : whole - each * (node->n_outputs - 1);
    }
    if (n != node->n_outputs) return fet_op_fail(node, FET_ERROR_SHAPE, "%u sizes for %u outputs", n, node->n_outputs);
    fet_shape dst = src->shape;
    for (uint32_t i = 0; i < n; i++) {
        if (sizes[i] < 0 || sizes[i] > whole)
            return fet_op_fail(node, FET_ERROR_SHAPE, "part %u has size %" PRId64 " of %" PRId64, i, sizes[i], whole);
        sum += sizes[i];
        dst.dim[axis] = sizes[i];
        FET_TRY(fet_op_set(graph, node, i, src->dtype, &dst));
    }
    if (sum != whole)
        return fet_op_fail(node, FET_ERROR_SHAPE, "its parts add up to %" PRId64 ", dimension %u is %" PRId64, sum, axis, whole);
    return FET_OK;
}

FET_OP_INFO(CONCAT, concat, 1, 0, infer_concat, NULL);
FET_OP_INFO(SPLIT, split, FET_NODE_LIMIT_INPUTS, 0, infer_split, NULL);
