// SPDX-License-Identifier: Apache-2.0
/* Operators that pick, repeat or surround elements: Slice, Gather, Pad, Tile, Expand. */
#include "op/infer.h"

/* Steps along one dimension after clamping as ONNX (and numpy) do; *start becomes a position. */
static int64_t slice_length(int64_t dim, int64_t *start_at, int64_t end, int64_t step)
{
    int64_t start = *start_at;
    if (start < 0) start = start < -dim ? -1 : start + dim; /* below the range: clamped next */
    if (end < 0) end = end < -dim ? -1 : end + dim;
    if (start < 0) start = 0;
    if (step > 0) {
        if (end < 0) end = 0;
        if (start > dim) start = dim;
        if (end > dim) end = dim;
        *start_at = start;
        return end > start ? (end - start - 1) / step + 1 : 0;
    }
    if (start > dim - 1) start = dim - 1;
    if (end > dim - 1) end = dim - 1;
    *start_at = start;
    if (dim == 0 || start <= end) return 0;
    return step == INT64_MIN ? 1 : (start - end - 1) / -step + 1;
}

/* starts, ends, axes, steps: inputs 1-4 since opset 10, attributes before. */
static fet_status read_slice_part(const fet_graph *graph, const fet_node *node, uint32_t input, fet_attr_key key, const char *what,
                                  int64_t values[FET_MAX_RANK], uint32_t *out_n, bool *out_found)
{
    if (key != FET_ATTR_OTHER) {
        FET_TRY(fet_op_ints_of_attr(node, key, FET_MAX_RANK, values, out_n, out_found));
        if (*out_found) return FET_OK;
    }
    *out_n = 0;
    *out_found = fet_node_input(graph, node, input) != NULL;
    return *out_found ? fet_op_ints_of_input(graph, node, input, what, FET_MAX_RANK, values, out_n) : FET_OK;
}

fet_status fet_op_slice_steps(const fet_graph *graph, const fet_node *node, int64_t all_starts[FET_MAX_RANK],
                              int64_t all_steps[FET_MAX_RANK], fet_shape *out_shape)
{
    const fet_value *src = fet_op_src(graph, node, 0);
    int64_t starts[FET_MAX_RANK], ends[FET_MAX_RANK], axes[FET_MAX_RANK], steps[FET_MAX_RANK];
    uint32_t n = 0, n_ends = 0, n_axes = 0, n_steps = 0, mask = 0;
    bool has_starts = false, has_ends = false, has_axes = false, has_steps = false;
    FET_TRY(read_slice_part(graph, node, 1, FET_ATTR_STARTS, "starts", starts, &n, &has_starts));
    FET_TRY(read_slice_part(graph, node, 2, FET_ATTR_ENDS, "ends", ends, &n_ends, &has_ends));
    FET_TRY(read_slice_part(graph, node, 3, FET_ATTR_AXES, "axes", axes, &n_axes, &has_axes));
    FET_TRY(read_slice_part(graph, node, 4, FET_ATTR_OTHER, "steps", steps, &n_steps, &has_steps));
    if (!has_starts || !has_ends) return fet_op_fail(node, FET_ERROR_ARG, "its starts or ends are missing");
    if (n != n_ends || (has_axes && n != n_axes) || (has_steps && n != n_steps) || n > src->shape.rank)
        return fet_op_fail(node, FET_ERROR_SHAPE, "%u starts, %u ends, %u axes, %u steps for rank %u", n, n_ends, n_axes, n_steps,
                           src->shape.rank);
    for (uint32_t i = 0; !has_axes && i < n; i++) axes[i] = i;
    FET_TRY(fet_op_axes(node, axes, n, src->shape.rank, &mask));
    fet_shape dst = src->shape;
    for (uint32_t i = 0; i < dst.rank; i++) all_starts[i] = 0, all_steps[i] = 1;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t axis = 0;
        int64_t step = has_steps ? steps[i] : 1;
        if (step == 0) return fet_op_fail(node, FET_ERROR_ARG, "a step of 0");
        FET_TRY(fet_op_axis(node, axes[i], src->shape.rank, &axis));
        dst.dim[axis] = slice_length(src->shape.dim[axis], &starts[i], ends[i], step);
        all_starts[axis] = starts[i];
        all_steps[axis] = step;
    }
    *out_shape = dst;
    return FET_OK;
}

static fet_status infer_slice(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    int64_t starts[FET_MAX_RANK], steps[FET_MAX_RANK];
    fet_shape dst;
    FET_TRY(fet_op_slice_steps(graph, node, starts, steps, &dst));
    return fet_op_set(graph, node, 0, fet_op_src(graph, node, 0)->dtype, &dst);
}

static fet_status infer_gather(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0), *indices = fet_op_src(graph, node, 1);
    uint32_t axis = 0;
    FET_TRY(fet_op_axis(node, fet_node_int(node, FET_ATTR_AXIS, 0), src->shape.rank, &axis));
    if (src->shape.rank + indices->shape.rank > FET_MAX_RANK + 1)
        return fet_op_fail(node, FET_ERROR_LIMIT, "a result of rank %u, at most %d", src->shape.rank + indices->shape.rank - 1,
                           FET_MAX_RANK);
    fet_shape dst = {0};
    for (uint32_t i = 0; i < axis; i++) dst.dim[dst.rank++] = src->shape.dim[i];
    for (uint32_t i = 0; i < indices->shape.rank; i++) dst.dim[dst.rank++] = indices->shape.dim[i];
    for (uint32_t i = axis + 1; i < src->shape.rank; i++) dst.dim[dst.rank++] = src->shape.dim[i];
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static fet_status infer_pad(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    int64_t pads[2 * FET_MAX_RANK];
    uint32_t n = 0, rank = src->shape.rank;
    bool found = false;
    FET_TRY(fet_op_ints_of_attr(node, FET_ATTR_PADS, 2 * FET_MAX_RANK, pads, &n, &found));
    if (!found && !fet_node_input(graph, node, 1)) return fet_op_fail(node, FET_ERROR_ARG, "its pads are missing");
    if (!found) FET_TRY(fet_op_ints_of_input(graph, node, 1, "pads", 2 * FET_MAX_RANK, pads, &n));
    if (n != 2 * rank) return fet_op_fail(node, FET_ERROR_SHAPE, "%u pads for a tensor of rank %u", n, rank);
    fet_shape dst = src->shape;
    for (uint32_t i = 0; i < rank; i++) {
        if (__builtin_add_overflow(dst.dim[i], pads[i], &dst.dim[i]) || __builtin_add_overflow(dst.dim[i], pads[i + rank], &dst.dim[i]) ||
            dst.dim[i] < 0)
            return fet_op_fail(node, FET_ERROR_SHAPE, "dimension %u of %" PRId64 " padded by %" PRId64 " and %" PRId64, i,
                               src->shape.dim[i], pads[i], pads[i + rank]);
    }
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static fet_status infer_tile(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    int64_t repeats[FET_MAX_RANK];
    uint32_t n = 0;
    FET_TRY(fet_op_ints_of_input(graph, node, 1, "repeats", FET_MAX_RANK, repeats, &n));
    if (n != src->shape.rank) return fet_op_fail(node, FET_ERROR_SHAPE, "%u repeats for a tensor of rank %u", n, src->shape.rank);
    fet_shape dst = src->shape;
    for (uint32_t i = 0; i < n; i++)
        if (repeats[i] < 0 || __builtin_mul_overflow(dst.dim[i], repeats[i], &dst.dim[i]))
            return fet_op_fail(node, FET_ERROR_ARG, "repeats dimension %u %" PRId64 " times", i, repeats[i]);
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static fet_status infer_expand(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    fet_shape target = {0}, dst;
    FET_TRY(fet_op_ints_of_input(graph, node, 1, "shape", FET_MAX_RANK, target.dim, &target.rank));
    FET_TRY(fet_op_broadcast(node, &src->shape, &target, &dst));
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

FET_OP_INFO(SLICE, slice, 1, 0, infer_slice, NULL);
FET_OP_INFO(GATHER, gather, 1, 0, infer_gather, NULL);
FET_OP_INFO(PAD, pad, 1, 0, infer_pad, NULL);
FET_OP_INFO(TILE, tile, 1, 0, infer_tile, NULL);
FET_OP_INFO(EXPAND, expand, 1, 0, infer_expand, NULL);
