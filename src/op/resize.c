// SPDX-License-Identifier: Apache-2.0
/* Resize, DepthToSpace, SpaceToDepth. */
#include "op/infer.h"

#include <math.h>
#include <string.h>

static bool has_numbers(const fet_graph *graph, const fet_node *node, uint32_t input)
{
    return input < node->n_inputs && node->inputs[input] != FET_NONE && fet_shape_elements(&fet_op_src(graph, node, input)->shape) > 0;
}

/* Inputs: X, roi, scales, sizes; exactly one of scales and sizes counts. An empty tensor is an input left out. */
static fet_status infer_resize(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    bool scales = has_numbers(graph, node, 2), sizes = has_numbers(graph, node, 3);
    fet_shape dst = src->shape;
    if (strcmp(fet_node_string(node, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, ""), "tf_crop_and_resize") == 0)
        return fet_op_fail(node, FET_ERROR_UNSUPPORTED, "tf_crop_and_resize; nearest that works: Slice, then Resize with half_pixel");
    if (scales == sizes) return fet_op_fail(node, FET_ERROR_ARG, "needs either scales (input 2) or sizes (input 3)");
    if (sizes) {
        uint32_t n = 0;
        FET_TRY(fet_op_ints_of_input(graph, node, 3, "sizes", FET_MAX_RANK, dst.dim, &n));
        if (n != dst.rank) return fet_op_fail(node, FET_ERROR_SHAPE, "%u sizes for a tensor of rank %u", n, dst.rank);
    } else {
        const fet_tensor *tensor = fet_graph_constant(graph, node->inputs[2]);
        if (!tensor || tensor->dtype != FET_DTYPE_F32)
            return fet_op_fail(node, FET_ERROR_UNSUPPORTED, "its scales (input 2, \"%s\") are not constant f32",
                               fet_op_src(graph, node, 2)->name);
        if (fet_tensor_elements(tensor) != dst.rank)
            return fet_op_fail(node, FET_ERROR_SHAPE, "%" PRId64 " scales for a tensor of rank %u", fet_tensor_elements(tensor), dst.rank);
        for (uint32_t i = 0; i < dst.rank; i++) {
            double size = floor((double)dst.dim[i] * (double)fet_tensor_f32(tensor)[i]);
            if (!(size >= 0 && size < 0x1p31))
                return fet_op_fail(node, FET_ERROR_SHAPE, "scale %u is %g", i, (double)fet_tensor_f32(tensor)[i]);
            dst.dim[i] = (int64_t)size;
        }
    }
    for (uint32_t i = 0; i < dst.rank; i++)
        if (dst.dim[i] < 1) return fet_op_fail(node, FET_ERROR_SHAPE, "dimension %u would be %" PRId64, i, dst.dim[i]);
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

/* Linear interpolation takes about seven operations for each element, nearest none. */
static void work_resize(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    const char *mode = fet_node_string(node, FET_ATTR_MODE, "nearest");
    int64_t each = mode[0] == 'n' ? 1 : mode[0] == 'l' ? 7 : 32;
    work->other_ops = each * fet_op_elements_out(graph, node);
}

static fet_status read_block(const fet_graph *graph, const fet_node *node, int64_t *out_block)
{
    const fet_shape *src = &fet_op_src(graph, node, 0)->shape;
    int64_t block = fet_node_int(node, FET_ATTR_BLOCKSIZE, 0);
    if (src->rank != 4) return fet_op_fail(node, FET_ERROR_SHAPE, "an input of rank %u, expected N,C,H,W", src->rank);
    if (block < 1 || block > 4096) return fet_op_fail(node, FET_ERROR_ARG, "blocksize is %" PRId64 ", expected 1 to 4096", block);
    *out_block = block;
    return FET_OK;
}

static fet_status infer_depth_to_space(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    int64_t block = 0;
    FET_TRY(read_block(graph, node, &block));
    const int64_t *d = src->shape.dim;
    if (d[1] % (block * block) != 0)
        return fet_op_fail(node, FET_ERROR_SHAPE, "%" PRId64 " channels do not divide by blocksize %" PRId64 " squared", d[1], block);
    fet_shape dst = fet_shape_4d(d[0], d[1] / (block * block), d[2] * block, d[3] * block);
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

static fet_status infer_space_to_depth(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_value *src = fet_op_src(graph, node, 0);
    int64_t block = 0;
    FET_TRY(read_block(graph, node, &block));
    const int64_t *d = src->shape.dim;
    if (d[2] % block != 0 || d[3] % block != 0)
        return fet_op_fail(node, FET_ERROR_SHAPE, "%" PRId64 "x%" PRId64 " does not divide by blocksize %" PRId64, d[2], d[3], block);
    fet_shape dst = fet_shape_4d(d[0], d[1] * block * block, d[2] / block, d[3] / block);
    return fet_op_set(graph, node, 0, src->dtype, &dst);
}

FET_OP_INFO(RESIZE, resize, 1, 0, infer_resize, work_resize);
FET_OP_INFO(DEPTH_TO_SPACE, depth_to_space, 1, 0, infer_depth_to_space, NULL);
FET_OP_INFO(SPACE_TO_DEPTH, space_to_depth, 1, 0, infer_space_to_depth, NULL);
