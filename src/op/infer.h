// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of src/op share: the definition of a fet_op_info, and short forms for shape rules. Private to this folder.
 * A shape rule is on the hot path of a search, so on success it allocates nothing and touches no text.
 */
#ifndef FET_OP_INFER_H
#define FET_OP_INFER_H

#include "op/conv.h"
#include "op/op.h"

#include <inttypes.h>

/* Names and arities of ops.def, and one fet_op_info an operator, defined with FET_OP_INFO in the file of its family. */
#define FET_OP(id, info, onnx_name, min, max)                                                                                              \
    enum { FET_OP_MIN_##id = (min), FET_OP_MAX_##id = (max) };                                                                             \
    extern const char fet_op_name_##info[];                                                                                                \
    extern const fet_op_info fet_op_##info;
#include "graph/ops.def"
#undef FET_OP

#define FET_OP_INFO(id, info, n_outputs, op_flags, infer_function, work_function)                                                          \
    const fet_op_info fet_op_##info = {.op = FET_OP_##id,                                                                                  \
                                       .onnx_name = fet_op_name_##info,                                                                    \
                                       .min_inputs = FET_OP_MIN_##id,                                                                      \
                                       .max_inputs = FET_OP_MAX_##id,                                                                      \
                                       .max_outputs = (n_outputs),                                                                         \
                                       .flags = (op_flags),                                                                                \
                                       .infer = (infer_function),                                                                          \
                                       .work = (work_function)}

/* return fet_op_fail(node, FET_ERROR_SHAPE, "..."): the message is led by the operator and the node's name. */
#define fet_op_fail(node, code, ...) fet_failed_((code), fet_op_fail_at((node), (code), __FILE__, __LINE__, __VA_ARGS__))
fet_status fet_op_fail_at(const fet_node *node, fet_status code, const char *file, int line, const char *format, ...) FET_PRINTF(5, 6);

/* Required inputs are there when a rule is called (fet_graph_infer_node has looked). */
static inline const fet_value *fet_op_src(const fet_graph *graph, const fet_node *node, uint32_t i)
{
    return &graph->values[node->inputs[i]];
}

/* Sets output i, if anybody asked for it. LIMIT when a tensor of that shape would be too large. */
FET_MUST_CHECK fet_status fet_op_set(fet_graph *graph, const fet_node *node, uint32_t i, fet_dtype dtype, const fet_shape *shape);

/* A list of integers out of a constant input (s64 or s32, rank 0 or 1), at most `room`; UNSUPPORTED when the input is not constant; `what`
 * names it. */
FET_MUST_CHECK fet_status fet_op_ints_of_input(const fet_graph *graph, const fet_node *node, uint32_t input, const char *what,
                                               uint32_t room, int64_t *values, uint32_t *out_n);
/* The same out of an attribute (INT or INTS); found = false when it is not set. */
FET_MUST_CHECK fet_status fet_op_ints_of_attr(const fet_node *node, fet_attr_key key, uint32_t room, int64_t *values, uint32_t *out_n,
                                              bool *out_found);

/* An axis counted from the end when negative, made 0 .. rank - 1. */
FET_MUST_CHECK fet_status fet_op_axis(const fet_node *node, int64_t axis, uint32_t rank, uint32_t *out_axis);
/* Axes as a bit set; refuses doubles. */
FET_MUST_CHECK fet_status fet_op_axes(const fet_node *node, const int64_t *axes, uint32_t n, uint32_t rank, uint32_t *out_mask);

/* numpy's rule: shapes are aligned at the end, 1 stretches. */
FET_MUST_CHECK fet_status fet_op_broadcast(const fet_node *node, const fet_shape *a, const fet_shape *b, fet_shape *out_shape);

/* For each axis of the input of a Slice node: where it starts and how it steps. */
FET_MUST_CHECK fet_status fet_op_slice_steps(const fet_graph *graph, const fet_node *node, int64_t starts[FET_MAX_RANK],
                                             int64_t steps[FET_MAX_RANK], fet_shape *out_shape);

/* What an inferred node with one output gives for constant inputs; *out_tensor stays NULL for operators that are not computed here
 * (evaluate.c). */
FET_MUST_CHECK fet_status fet_op_evaluate(const fet_graph *graph, const fet_node *node, fet_tensor **out_tensor);

/* Output 0 is like input 0. */
fet_status fet_op_infer_same(fet_graph *graph, fet_id node);

static inline int64_t fet_op_elements_out(const fet_graph *graph, const fet_node *node)
{
    const fet_value *dst = fet_node_output(graph, node, 0);
    return dst ? fet_shape_elements(&dst->shape) : 0;
}

#endif
