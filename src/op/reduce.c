// SPDX-License-Identifier: Apache-2.0
/* Operators along axes: Softmax, reductions, ArgMax. */
#include "op/infer.h"

static fet_status infer_softmax(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    uint32_t axis = 0;
    FET_TRY(fet_op_axis(node, fet_node_int(node, FET_ATTR_AXIS, -1), fet_op_src(graph, node, 0)->shape.rank, &axis));
    return fet_op_infer_same(graph, id);
}

/* Largest, subtract, exponential, sum, divide. */
static void work_softmax(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    work->other_ops = 5 * fet_op_elements_out(graph, node);
}

/* Axes as attribute or as input 1 (ReduceSum has had it as input since opset 13, the others since 18); none: all. */
static fet_status reduced_axes(const fet_graph *graph, const fet_node *node, uint32_t rank, uint32_t *out_mask)
{
    int64_t axes[FET_MAX_RANK];
    uint32_t n = 0;
    bool found = false;
    FET_TRY(fet_op_ints_of_attr(node, FET_ATTR_AXES, FET_MAX_RANK, axes, &n, &found));
    if (!found && fet_node_input(graph, node, 1)) FET_TRY(fet_op_ints_of_input(graph, node, 1, "axes", FET_MAX_RANK, axes, &n));
    *out_mask = (1u << rank) - 1u;
    return n ? fet_op_axes(node, axes, n, rank, out_mask) : FET_OK;
}

static fet_status set_reduced(fet_graph *graph, const fet_node *node, uint32_t mask, fet_dtype dtype)
{
    const fet_shape *src = &fet_op_src(graph, node, 0)->shape;
    bool keep = fet_node_int(node, FET_ATTR_KEEPDIMS, 1) != 0;
    fet_shape dst = {0};
    for (uint32_t i = 0; i < src->rank; i++) {
        if (!(mask >> i & 1u)) dst.dim[dst.rank++] = src->dim[i];
        else if (keep) dst.dim[dst.rank++] = 1;
    }
    return fet_op_set(graph, node, 0, dtype, &dst);
}

static fet_status infer_reduce(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    uint32_t mask = 0;
    FET_TRY(reduced_axes(graph, node, src->shape.rank, &mask));
    return set_reduced(graph, node, mask, src->dtype);
}

static fet_status infer_arg(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    uint32_t axis = 0;
    FET_TRY(fet_op_axis(node, fet_node_int(node, FET_ATTR_AXIS, 0), fet_op_src(graph, node, 0)->shape.rank, &axis));
    return set_reduced(graph, node, 1u << axis, FET_DTYPE_S64);
}

static void work_reduce(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    work->other_ops = fet_shape_elements(&fet_op_src(graph, node, 0)->shape);
}

FET_OP_INFO(SOFTMAX, softmax, 1, 0, infer_softmax, work_softmax);
FET_OP_INFO(LOG_SOFTMAX, log_softmax, 1, 0, infer_softmax, work_softmax);
#define REDUCTION(id, info) FET_OP_INFO(id, info, 1, 0, infer_reduce, work_reduce)
REDUCTION(REDUCE_MEAN, reduce_mean);
REDUCTION(REDUCE_SUM, reduce_sum);
REDUCTION(REDUCE_MAX, reduce_max);
REDUCTION(REDUCE_MIN, reduce_min);
REDUCTION(REDUCE_PROD, reduce_prod);
REDUCTION(REDUCE_L1, reduce_l1);
REDUCTION(REDUCE_L2, reduce_l2);
REDUCTION(REDUCE_SUM_SQUARE, reduce_sum_square);
FET_OP_INFO(ARG_MAX, arg_max, 1, 0, infer_arg, work_reduce);
FET_OP_INFO(ARG_MIN, arg_min, 1, 0, infer_arg, work_reduce);
