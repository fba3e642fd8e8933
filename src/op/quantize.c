// SPDX-License-Identifier: Apache-2.0
/* QuantizeLinear and DequantizeLinear: whole steps of one size, or of one size a channel along `axis`. */
#include "op/infer.h"

/* The scale is one number or one an entry of the axis; the zero point, if any, has its shape. */
static fet_status check_scale(const fet_graph *graph, const fet_node *node)
{
    const fet_shape *src = &fet_op_src(graph, node, 0)->shape, *scale = &fet_op_src(graph, node, 1)->shape;
    char text[FET_SHAPE_TEXT_BYTES];
    if (fet_shape_elements(scale) != 1) {
        int64_t axis = fet_node_int(node, FET_ATTR_AXIS, 1);
        if (axis < 0) axis += src->rank;
        if (axis < 0 || axis >= src->rank)
            return fet_op_fail(node, FET_ERROR_ARG, "axis %" PRId64 " of a value of rank %u", axis, src->rank);
        if (scale->rank != 1 || scale->dim[0] != src->dim[axis])
            return fet_op_fail(node, FET_ERROR_SHAPE, "scale is %s, expected one number, or %" PRId64 " along axis %" PRId64,
                               fet_shape_print(scale, text, sizeof text), src->dim[axis], axis);
    }
    const fet_value *zero = fet_node_input(graph, node, 2);
    if (zero && fet_shape_elements(&zero->shape) != fet_shape_elements(scale))
        return fet_op_fail(node, FET_ERROR_SHAPE, "zero point is %s, expected the shape of the scale",
                           fet_shape_print(&zero->shape, text, sizeof text));
    return FET_OK;
}

static fet_status infer_quantize_linear(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    FET_TRY(check_scale(graph, node));
    const fet_value *zero = fet_node_input(graph, node, 2);
    fet_dtype dtype = zero ? zero->dtype : FET_DTYPE_U8;
    if (dtype != FET_DTYPE_U8 && dtype != FET_DTYPE_S8)
        return fet_op_fail(node, FET_ERROR_UNSUPPORTED, "quantises to %s, expected u8 or s8", fet_dtype_name(dtype));
    return fet_op_set(graph, node, 0, dtype, &fet_op_src(graph, node, 0)->shape);
}

static fet_status infer_dequantize_linear(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    fet_dtype dtype = fet_op_src(graph, node, 0)->dtype;
    FET_TRY(check_scale(graph, node));
    if (dtype != FET_DTYPE_U8 && dtype != FET_DTYPE_S8 && dtype != FET_DTYPE_S32)
        return fet_op_fail(node, FET_ERROR_UNSUPPORTED, "of %s, expected u8, s8 or s32", fet_dtype_name(dtype));
    return fet_op_set(graph, node, 0, FET_DTYPE_F32, &fet_op_src(graph, node, 0)->shape);
}

FET_OP_INFO(QUANTIZE_LINEAR, quantize_linear, 1, 0, infer_quantize_linear, NULL);
FET_OP_INFO(DEQUANTIZE_LINEAR, dequantize_linear, 1, 0, infer_dequantize_linear, NULL);
