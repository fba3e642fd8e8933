// SPDX-License-Identifier: Apache-2.0
/* Inference over a graph, and the short forms its shape rules use. */
#include "op/infer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

fet_status fet_op_fail_at(const fet_node *node, fet_status code, const char *file, int line, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fet_fail_at(code, file, line, "%s node \"%s\": %s", fet_op_onnx_name(node->op), node->name, text);
}

fet_status fet_op_set(fet_graph *graph, const fet_node *node, uint32_t i, fet_dtype dtype, const fet_shape *shape)
{
    if (i >= node->n_outputs || node->outputs[i] == FET_NONE) return FET_OK;
    fet_value *value = &graph->values[node->outputs[i]];
    size_t bytes = fet_dtype_bytes(dtype);
    for (uint32_t d = 0; d < shape->rank; d++)
        if (shape->dim[d] < 0 || __builtin_mul_overflow(bytes, (size_t)shape->dim[d], &bytes) || bytes > FET_TENSOR_LIMIT_BYTES) {
            char text[FET_SHAPE_TEXT_BYTES];
            return fet_op_fail(node, FET_ERROR_LIMIT, "its output would be %s %s, over the limit of %zu bytes for a tensor",
                               fet_shape_print(shape, text, sizeof text), fet_dtype_name(dtype), FET_TENSOR_LIMIT_BYTES);
        }
    value->dtype = dtype;
    value->shape.rank = shape->rank;
    for (uint32_t d = 0; d < shape->rank; d++) value->shape.dim[d] = shape->dim[d];
    return FET_OK;
}

fet_status fet_op_ints_of_input(const fet_graph *graph, const fet_node *node, uint32_t input, const char *what, uint32_t room,
                                int64_t *values, uint32_t *out_n)
{
    const fet_tensor *tensor = fet_graph_constant(graph, node->inputs[input]);
    if (!tensor)
        return fet_op_fail(node, FET_ERROR_UNSUPPORTED, "its %s (input %u, \"%s\") is computed; only a constant is supported", what, input,
                           graph->values[node->inputs[input]].name);
    int64_t n = fet_tensor_elements(tensor);
    if (tensor->shape.rank > 1 || (tensor->dtype != FET_DTYPE_S64 && tensor->dtype != FET_DTYPE_S32))
        return fet_op_fail(node, FET_ERROR_SHAPE, "its %s (input %u) has type %s and rank %u, expected a list of s64", what, input,
                           fet_dtype_name(tensor->dtype), tensor->shape.rank);
    if (n > room) return fet_op_fail(node, FET_ERROR_SHAPE, "its %s (input %u) has %" PRId64 " entries, at most %u", what, input, n, room);
    if (tensor->dtype == FET_DTYPE_S64) {
        if (n > 0) memcpy(values, tensor->data, (size_t)n * sizeof *values);
    } else {
        for (int64_t i = 0; i < n; i++) values[i] = ((const int32_t *)tensor->data)[i];
    }
    *out_n = (uint32_t)n;
    return FET_OK;
}

fet_status fet_op_ints_of_attr(const fet_node *node, fet_attr_key key, uint32_t room, int64_t *values, uint32_t *out_n, bool *out_found)
{
    const fet_attr *attr = fet_node_attr(node, key);
    *out_found = attr != NULL;
    *out_n = 0;
    if (!attr) return FET_OK;
    if (attr->type == FET_ATTR_TYPE_INT) {
        values[0] = attr->i;
        *out_n = 1;
        return FET_OK;
    }
    if (attr->type != FET_ATTR_TYPE_INTS) return fet_op_fail(node, FET_ERROR_ARG, "attribute %s is no list of integers", attr->name);
    if (attr->count > room)
        return fet_op_fail(node, FET_ERROR_ARG, "attribute %s has %u entries, at most %u", attr->name, attr->count, room);
    if (attr->count) memcpy(values, attr->ints, attr->count * sizeof *values);
    *out_n = attr->count;
    return FET_OK;
}

fet_status fet_op_axis(const fet_node *node, int64_t axis, uint32_t rank, uint32_t *out_axis)
{
    int64_t from_start = axis < 0 ? axis + rank : axis;
    if (from_start < 0 || from_start >= rank)
        return fet_op_fail(node, FET_ERROR_SHAPE, "axis %" PRId64 " of a tensor of rank %u", axis, rank);
    *out_axis = (uint32_t)from_start;
    return FET_OK;
}

fet_status fet_op_axes(const fet_node *node, const int64_t *axes, uint32_t n, uint32_t rank, uint32_t *out_mask)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t axis = 0;
        FET_TRY(fet_op_axis(node, axes[i], rank, &axis));
        if (mask >> axis & 1u) return fet_op_fail(node, FET_ERROR_SHAPE, "axis %u is named twice", axis);
        mask |= 1u << axis;
    }
    *out_mask = mask;
    return FET_OK;
}

fet_status fet_op_broadcast(const fet_node *node, const fet_shape *a, const fet_shape *b, fet_shape *out_shape)
{
    if (a->rank < b->rank) {
        const fet_shape *t = a;
        a = b;
        b = t;
    }
    fet_shape shape = *a;
    uint32_t shift = a->rank - b->rank;
    for (uint32_t i = 0; i < b->rank; i++) {
        int64_t x = a->dim[i + shift], y = b->dim[i];
        if (x == y || y == 1) continue;
        if (x != 1) {
            char text_a[FET_SHAPE_TEXT_BYTES], text_b[FET_SHAPE_TEXT_BYTES];
            return fet_op_fail(node, FET_ERROR_SHAPE, "%s and %s do not fit together: dimensions from the end must be equal or 1",
                               fet_shape_print(a, text_a, sizeof text_a), fet_shape_print(b, text_b, sizeof text_b));
        }
        shape.dim[i + shift] = y;
    }
    *out_shape = shape;
    return FET_OK;
}

fet_status fet_op_infer_same(fet_graph *graph, fet_id node)
{
    const fet_node *n = &graph->nodes[node];
    const fet_value *src = fet_op_src(graph, n, 0);
    return fet_op_set(graph, n, 0, src->dtype, &src->shape);
}

static fet_status check_arity(const fet_node *node, const fet_op_info *info)
{
    if (node->n_inputs < info->min_inputs || node->n_inputs > info->max_inputs)
        return fet_op_fail(node, FET_ERROR_ARG, "%u inputs, expected %u to %u", node->n_inputs, info->min_inputs, info->max_inputs);
    for (uint32_t i = 0; i < info->min_inputs; i++)
        if (node->inputs[i] == FET_NONE) return fet_op_fail(node, FET_ERROR_ARG, "input %u is missing", i);
    for (uint32_t i = info->max_outputs; i < node->n_outputs; i++)
        if (node->outputs[i] != FET_NONE)
            return fet_op_fail(node, FET_ERROR_UNSUPPORTED, "output %u is used; only the first %u are supported", i, info->max_outputs);
    return FET_OK;
}

fet_status fet_graph_infer_node(fet_graph *graph, fet_id node)
{
    const fet_node *n = &graph->nodes[node];
    const fet_op_info *info = fet_op_find(n->op);
    FET_TRY(check_arity(n, info));
    return info->infer(graph, node);
}

fet_status fet_graph_infer(fet_graph *graph)
{
    for (fet_id n = 0; n < graph->n_nodes; n++) FET_TRY(fet_graph_infer_node(graph, n));
    return FET_OK;
}
