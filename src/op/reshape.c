// SPDX-License-Identifier: Apache-2.0
/* Operators that change how data is looked at (views), and Transpose. */
#include "op/infer.h"

static fet_status refuse_target(const fet_node *node, const fet_shape *src, const fet_shape *target)
{
    char text[FET_SHAPE_TEXT_BYTES], text_t[FET_SHAPE_TEXT_BYTES];
    return fet_op_fail(node, FET_ERROR_SHAPE, "%s cannot be reshaped to %s", fet_shape_print(src, text, sizeof text),
                       fet_shape_print(target, text_t, sizeof text_t));
}

static fet_status infer_reshape(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    fet_shape target = {0};
    FET_TRY(fet_op_ints_of_input(graph, node, 1, "shape", FET_MAX_RANK, target.dim, &target.rank));
    bool zero_is_zero = fet_node_int(node, FET_ATTR_ALLOWZERO, 0) != 0;
    fet_shape dst = target;
    int64_t known = 1, elements = fet_shape_elements(&src->shape);
    uint32_t open = FET_MAX_RANK;
    for (uint32_t i = 0; i < dst.rank; i++) {
        if (dst.dim[i] == -1 && open == FET_MAX_RANK) {
            open = i;
            continue;
        }
        if (dst.dim[i] == 0 && !zero_is_zero) {
            if (i >= src->shape.rank) return refuse_target(node, &src->shape, &target);
            dst.dim[i] = src->shape.dim[i];
        }
        if (dst.dim[i] < 0 || __builtin_mul_overflow(known, dst.dim[i], &known)) return refuse_target(node, &src->shape, &target);
    }
    if (open < FET_MAX_RANK) {
        if (known == 0 || elements % known != 0) return refuse_target(node, &src->shape, &target);
        dst.dim[open] = elements / known;
    } else if (known != elements) {
        return refuse_target(node, &src->shape, &target);
    }
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static fet_status infer_flatten(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, 1);
    int64_t from_start = axis < 0 ? axis + src->shape.rank : axis;
    if (from_start < 0 || from_start > src->shape.rank)
        return fet_op_fail(node, FET_ERROR_SHAPE, "axis %" PRId64 " of a tensor of rank %u", axis, src->shape.rank);
    fet_shape dst = fet_shape_2d(1, 1);
    for (uint32_t i = 0; i < src->shape.rank; i++) dst.dim[i >= from_start] *= src->shape.dim[i];
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

/* Axes of Squeeze and Unsqueeze: an attribute up to opset 12, input 1 since. */
static fet_status read_axes(const fet_graph *graph, const fet_node *node, int64_t axes[FET_MAX_RANK], uint32_t *out_n, bool *out_found)
{
    FET_TRY(fet_op_ints_of_attr(node, FET_ATTR_AXES, FET_MAX_RANK, axes, out_n, out_found));
    if (*out_found || !fet_node_input(graph, node, 1)) return FET_OK;
    *out_found = true;
    return fet_op_ints_of_input(graph, node, 1, "axes", FET_MAX_RANK, axes, out_n);
}

static fet_status infer_squeeze(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    int64_t axes[FET_MAX_RANK];
    uint32_t n = 0, mask = 0;
    bool found = false;
    FET_TRY(read_axes(graph, node, axes, &n, &found));
    FET_TRY(fet_op_axes(node, axes, n, src->shape.rank, &mask));
    fet_shape dst = {0};
    for (uint32_t i = 0; i < src->shape.rank; i++) {
        bool drop = found ? mask >> i & 1u : src->shape.dim[i] == 1;
        if (drop && src->shape.dim[i] != 1)
            return fet_op_fail(node, FET_ERROR_SHAPE, "dimension %u is %" PRId64 ", only a 1 can be squeezed", i, src->shape.dim[i]);
        if (!drop) dst.dim[dst.rank++] = src->shape.dim[i];
    }
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static fet_status infer_unsqueeze(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    int64_t axes[FET_MAX_RANK];
    uint32_t n = 0, mask = 0, from = 0;
    bool found = false;
    FET_TRY(read_axes(graph, node, axes, &n, &found));
    if (!found) return fet_op_fail(node, FET_ERROR_ARG, "its axes are missing");
    if (src->shape.rank + n > FET_MAX_RANK)
        return fet_op_fail(node, FET_ERROR_LIMIT, "a result of rank %u, at most %d", src->shape.rank + n, FET_MAX_RANK);
    fet_shape dst = {.rank = src->shape.rank + n};
    FET_TRY(fet_op_axes(node, axes, n, dst.rank, &mask));
    for (uint32_t i = 0; i < dst.rank; i++) dst.dim[i] = mask >> i & 1u ? 1 : src->shape.dim[from++];
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static fet_status infer_transpose(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    int64_t perm[FET_MAX_RANK];
    uint32_t n = 0, mask = 0, rank = src->shape.rank;
    bool found = false;
    FET_TRY(fet_op_ints_of_attr(node, FET_ATTR_PERM, FET_MAX_RANK, perm, &n, &found));
    fet_shape dst = {.rank = rank};
    if (found && n != rank) return fet_op_fail(node, FET_ERROR_SHAPE, "perm has %u entries for a tensor of rank %u", n, rank);
    if (found) FET_TRY(fet_op_axes(node, perm, n, rank, &mask));
    for (uint32_t i = 0; i < rank; i++) dst.dim[i] = src->shape.dim[found ? (perm[i] < 0 ? perm[i] + rank : perm[i]) : rank - 1 - i];
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static fet_status infer_dropout(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    FET_TRY(fet_op_infer_same(graph, id));
    return fet_op_set(graph, node, 1, FET_DTYPE_BOOL, &fet_op_src(graph, node, 0)->shape);
}

static void work_none(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    (void)graph, (void)node;
    work->other_ops = 0;
}

FET_OP_INFO(RESHAPE, reshape, 1, FET_OP_VIEW, infer_reshape, work_none);
FET_OP_INFO(FLATTEN, flatten, 1, FET_OP_VIEW, infer_flatten, work_none);
FET_OP_INFO(SQUEEZE, squeeze, 1, FET_OP_VIEW, infer_squeeze, work_none);
FET_OP_INFO(UNSQUEEZE, unsqueeze, 1, FET_OP_VIEW, infer_unsqueeze, work_none);
FET_OP_INFO(IDENTITY, identity, 1, FET_OP_VIEW, fet_op_infer_same, work_none);
FET_OP_INFO(DROPOUT, dropout, 2, FET_OP_VIEW, infer_dropout, work_none);
FET_OP_INFO(TRANSPOSE, transpose, 1, 0, infer_transpose, work_none);
