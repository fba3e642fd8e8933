// SPDX-License-Identifier: Apache-2.0
/* MaxPool, AveragePool and their global forms. */
#include "op/infer.h"

static fet_status infer_pool(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    fet_window window;
    FET_TRY(fet_op_window(graph, node, &window));
    const fet_value *src = fet_op_src(graph, node, 0);
    uint32_t rank = src->shape.rank;
    fet_shape dst = src->shape;
    for (uint32_t i = 2; i < rank; i++) {
        uint32_t w = i + 2 - rank;
        int64_t reach = window.dilation[w] * (window.kernel[w] - 1) + 1, in = src->shape.dim[i];
        int64_t room = in + window.pad_begin[w] + window.pad_end[w] - reach;
        if (room < 0 || window.pad_begin[w] >= reach || window.pad_end[w] >= reach)
            return fet_op_fail(node, FET_ERROR_SHAPE,
                               "a window that reaches over %" PRId64 " does not fit into %" PRId64 " padded by %" PRId64 " and %" PRId64,
                               reach, in, window.pad_begin[w], window.pad_end[w]);
        int64_t out = (room + (window.ceil_mode ? window.stride[w] - 1 : 0)) / window.stride[w] + 1;
        /* A last window that would start behind the image is dropped (ONNX Runtime, PyTorch). */
        if (window.ceil_mode && (out - 1) * window.stride[w] >= in + window.pad_begin[w]) out--;
        dst.dim[i] = out;
    }
    FET_TRY(fet_op_set(graph, node, 0, src->dtype, &dst));
    return fet_op_set(graph, node, 1, FET_DTYPE_S64, &dst);
}

static void work_pool(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    fet_window window;
    if (fet_op_window(graph, node, &window) != FET_OK) return; /* an inferred node has a valid window */
    work->other_ops = fet_op_elements_out(graph, node) * window.kernel[0] * window.kernel[1];
}

static fet_status infer_global_pool(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    if (src->shape.rank < 3) {
        char text[FET_SHAPE_TEXT_BYTES];
        return fet_op_fail(node, FET_ERROR_SHAPE, "its input is %s, expected N,C and at least one more dimension",
                           fet_shape_print(&src->shape, text, sizeof text));
    }
    fet_shape dst = src->shape;
    for (uint32_t i = 2; i < dst.rank; i++) dst.dim[i] = 1;
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static void work_global_pool(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    work->other_ops = fet_shape_elements(&fet_op_src(graph, node, 0)->shape);
}

FET_OP_INFO(MAX_POOL, max_pool, 2, 0, infer_pool, work_pool);
FET_OP_INFO(AVERAGE_POOL, average_pool, 1, 0, infer_pool, work_pool);
FET_OP_INFO(GLOBAL_AVERAGE_POOL, global_average_pool, 1, 0, infer_global_pool, work_global_pool);
FET_OP_INFO(GLOBAL_MAX_POOL, global_max_pool, 1, 0, infer_global_pool, work_global_pool);
