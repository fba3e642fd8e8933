// SPDX-License-Identifier: Apache-2.0
/* Operators that speak of types and shapes rather than of data: Cast, Shape, ConstantOfShape, Range. */
#include "op/infer.h"

#include <math.h>

/* ONNX TensorProto.DataType, as the attribute `to` holds it. */
static fet_dtype dtype_of_onnx(int64_t type)
{
    static const fet_dtype dtypes[] = {
        [1] = FET_DTYPE_F32, [2] = FET_DTYPE_U8,   [3] = FET_DTYPE_S8,   [5] = FET_DTYPE_S16,  [6] = FET_DTYPE_S32,
        [7] = FET_DTYPE_S64, [9] = FET_DTYPE_BOOL, [10] = FET_DTYPE_F16, [11] = FET_DTYPE_F64, [16] = FET_DTYPE_BF16};
    return type >= 0 && type < (int64_t)(sizeof dtypes / sizeof *dtypes) ? dtypes[type] : FET_DTYPE_NONE;
}

static fet_status infer_cast(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    int64_t to = fet_node_int(node, FET_ATTR_TO, 0);
    fet_dtype dtype = dtype_of_onnx(to);
    if (dtype == FET_DTYPE_NONE)
        return fet_op_fail(node, FET_ERROR_UNSUPPORTED, "casts to ONNX type %" PRId64 ", which is not supported", to);
    return fet_op_set(graph, node, 0, dtype, &fet_op_src(graph, node, 0)->shape);
}

static fet_status infer_shape(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    fet_shape dst = fet_shape_1d(fet_op_src(graph, node, 0)->shape.rank);
    return fet_op_set(graph, node, 0, FET_DTYPE_S64, &dst);
}

static fet_status infer_constant_of_shape(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_attr *value = fet_node_attr(node, FET_ATTR_VALUE);
    fet_shape dst = {0};
    FET_TRY(fet_op_ints_of_input(graph, node, 0, "shape", FET_MAX_RANK, dst.dim, &dst.rank));
    return fet_op_set(graph, node, 0, value && value->type == FET_ATTR_TYPE_TENSOR ? value->tensor->dtype : FET_DTYPE_F32, &dst);
}

static fet_status read_scalar(const fet_graph *graph, const fet_node *node, uint32_t input, double *out)
{
    const fet_tensor *tensor = fet_graph_constant(graph, node->inputs[input]);
    if (!tensor || fet_tensor_elements(tensor) != 1)
        return fet_op_fail(node, FET_ERROR_UNSUPPORTED, "input %u (\"%s\") is not a constant scalar", input,
                           graph->values[node->inputs[input]].name);
    switch (tensor->dtype) {
    case FET_DTYPE_F32: *out = (double)fet_tensor_f32(tensor)[0]; return FET_OK;
    case FET_DTYPE_F64: *out = ((const double *)tensor->data)[0]; return FET_OK;
    case FET_DTYPE_S32: *out = ((const int32_t *)tensor->data)[0]; return FET_OK;
    case FET_DTYPE_S64: *out = (double)fet_tensor_s64(tensor)[0]; return FET_OK;
    default: return fet_op_fail(node, FET_ERROR_UNSUPPORTED, "input %u has type %s", input, fet_dtype_name(tensor->dtype));
    }
}

static fet_status infer_range(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    double start = 0, limit = 0, delta = 0;
    FET_TRY(read_scalar(graph, node, 0, &start));
    FET_TRY(read_scalar(graph, node, 1, &limit));
    FET_TRY(read_scalar(graph, node, 2, &delta));
    double count = ceil((limit - start) / delta);
    if (!(count < 0x1p31)) return fet_op_fail(node, FET_ERROR_ARG, "from %g to %g by %g has no end", start, limit, delta);
    fet_shape dst = fet_shape_1d(count > 0 ? (int64_t)count : 0);
    return fet_op_set(graph, node, 0, fet_op_src(graph, node, 0)->dtype, &dst);
}

static void work_none(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    (void)graph, (void)node;
    work->other_ops = 0;
}

FET_OP_INFO(CAST, cast, 1, FET_OP_ELEMENTWISE, infer_cast, NULL);
FET_OP_INFO(SHAPE, shape, 1, 0, infer_shape, work_none);
FET_OP_INFO(CONSTANT_OF_SHAPE, constant_of_shape, 1, 0, infer_constant_of_shape, work_none);
FET_OP_INFO(RANGE, range, 1, 0, infer_range, work_none);
