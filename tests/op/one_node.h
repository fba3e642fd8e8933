// SPDX-License-Identifier: Apache-2.0
/* Graphs of one node, for tests of shape rules and of folding. */
#ifndef FET_TESTS_OP_ONE_NODE_H
#define FET_TESTS_OP_ONE_NODE_H

#include "check.h"

#include "base/rng.h"
#include "graph/graph.h"
#include "op/op.h"

#include <string.h>

typedef struct one_node {
    fet_graph *graph;
    fet_id inputs[16];
    uint32_t n_inputs;
    fet_id node;
} one_node;

static inline one_node one_begin(void)
{
    one_node one = {.node = FET_NONE};
    CHECK_OK(fet_graph_create(NULL, &one.graph));
    return one;
}

static inline void one_input(one_node *one, fet_dtype dtype, fet_shape shape)
{
    char name[16];
    snprintf(name, sizeof name, "in%u", one->n_inputs);
    CHECK_OK(fet_graph_add_input(one->graph, name, dtype, &shape, &one->inputs[one->n_inputs++]));
}

static inline void one_f32(one_node *one, fet_shape shape)
{
    one_input(one, FET_DTYPE_F32, shape);
}

static inline void one_missing(one_node *one)
{
    one->inputs[one->n_inputs++] = FET_NONE;
}

/* A constant list (rank 1) of int64. */
static inline void one_ints(one_node *one, const int64_t *values, uint32_t n)
{
    fet_shape shape = fet_shape_1d(n);
    fet_tensor *tensor = NULL;
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &shape, &tensor));
    for (uint32_t i = 0; i < n; i++) fet_tensor_s64(tensor)[i] = values[i];
    CHECK_OK(fet_graph_add_param(one->graph, "ints", FET_DTYPE_S64, &shape, tensor, false, &one->inputs[one->n_inputs++]));
    fet_tensor_release(tensor);
}

/* A constant with numbers small enough for every type. */
static inline fet_tensor *one_random(one_node *one, fet_rng *rng, fet_dtype dtype, fet_shape shape)
{
    fet_tensor *tensor = NULL;
    CHECK_OK(fet_tensor_create(dtype, &shape, &tensor));
    for (int64_t i = 0; i < fet_shape_elements(&shape); i++) {
        int64_t value = (int64_t)fet_rng_below(rng, 19) - 9;
        switch (dtype) {
        case FET_DTYPE_F32: fet_tensor_f32(tensor)[i] = (float)value / 4.0f; break;
        case FET_DTYPE_S64: fet_tensor_s64(tensor)[i] = value; break;
        case FET_DTYPE_S32: ((int32_t *)tensor->data)[i] = (int32_t)value; break;
        case FET_DTYPE_BOOL: ((uint8_t *)tensor->data)[i] = value > 0; break;
        default: fail_msg("no random numbers of that type");
        }
    }
    CHECK_OK(fet_graph_add_param(one->graph, "constant", dtype, &shape, tensor, false, &one->inputs[one->n_inputs++]));
    fet_tensor_release(tensor); /* the graph has it */
    return tensor;
}

static inline fet_node *one_op(one_node *one, fet_op_kind op, uint32_t n_outputs)
{
    CHECK_OK(fet_graph_add_node(one->graph, op, "it", one->inputs, one->n_inputs, n_outputs, &one->node));
    for (uint32_t i = 0; i < n_outputs; i++) CHECK_OK(fet_graph_add_output(one->graph, one->graph->nodes[one->node].outputs[i]));
    return &one->graph->nodes[one->node];
}

static inline void one_end(one_node *one)
{
    fet_graph_destroy(one->graph);
    one->graph = NULL;
}

static inline const fet_value *one_output(const one_node *one, uint32_t i)
{
    return &one->graph->values[one->graph->nodes[one->node].outputs[i]];
}

static inline void check_shape(const fet_shape *is, const fet_shape *should)
{
    if (fet_shape_equal(is, should)) return;
    char a[FET_SHAPE_TEXT_BYTES], b[FET_SHAPE_TEXT_BYTES];
    fail_msg("shape is %s, expected %s", fet_shape_print(is, a, sizeof a), fet_shape_print(should, b, sizeof b));
}

/* Infers and compares output 0. */
static inline void one_expect(one_node *one, fet_shape shape)
{
    CHECK_OK(fet_graph_infer(one->graph));
    check_shape(&one_output(one, 0)->shape, &shape);
    CHECK_OK(fet_graph_verify(one->graph));
    one_end(one);
}

static inline void one_refused(one_node *one, fet_status code)
{
    CHECK_FAILS(code, fet_graph_infer(one->graph));
    if (!strstr(fet_error_message(), "\"it\"")) fail_msg("the message does not name the node: %s", fet_error_message());
    one_end(one);
}

static inline int64_t between(fet_rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)fet_rng_below(rng, (uint32_t)(high - low + 1));
}

static inline fet_shape random_shape(fet_rng *rng, uint32_t rank, int64_t low, int64_t high)
{
    fet_shape shape = {.rank = rank};
    for (uint32_t i = 0; i < rank; i++) shape.dim[i] = between(rng, low, high);
    return shape;
}

#endif
