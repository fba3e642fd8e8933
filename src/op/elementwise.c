// SPDX-License-Identifier: Apache-2.0
/* Operators whose output element depends on one element of each input: unary functions, and those of several inputs with broadcasting. */
#include "op/infer.h"

static fet_status check_same_dtype(const fet_graph *graph, const fet_node *node, uint32_t first)
{
    const fet_value *a = fet_op_src(graph, node, first);
    for (uint32_t i = first + 1; i < node->n_inputs; i++) {
        const fet_value *b = fet_node_input(graph, node, i);
        if (b && b->dtype != a->dtype)
            return fet_op_fail(node, FET_ERROR_SHAPE, "input %u is %s but input %u is %s", i, fet_dtype_name(b->dtype), first,
                               fet_dtype_name(a->dtype));
    }
    return FET_OK;
}

/* The shape all inputs stretch to. */
static fet_status broadcast_all(const fet_graph *graph, const fet_node *node, fet_shape *out_shape)
{
    fet_shape shape = fet_op_src(graph, node, 0)->shape;
    for (uint32_t i = 1; i < node->n_inputs; i++) {
        if (node->inputs[i] == FET_NONE) return fet_op_fail(node, FET_ERROR_ARG, "input %u is missing", i);
        const fet_shape *more = &fet_op_src(graph, node, i)->shape;
        if (!fet_shape_equal(&shape, more)) FET_TRY(fet_op_broadcast(node, &shape, more, &shape));
    }
    *out_shape = shape;
    return FET_OK;
}

static fet_status infer_broadcast(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    fet_shape shape;
    FET_TRY(broadcast_all(graph, node, &shape));
    FET_TRY(check_same_dtype(graph, node, 0));
    return fet_op_set(graph, node, 0, fet_op_src(graph, node, 0)->dtype, &shape);
}

/* The exponent of Pow may be of another type. */
static fet_status infer_pow(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    fet_shape shape;
    FET_TRY(broadcast_all(graph, node, &shape));
    return fet_op_set(graph, node, 0, fet_op_src(graph, node, 0)->dtype, &shape);
}

static fet_status infer_compare(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    fet_shape shape;
    FET_TRY(broadcast_all(graph, node, &shape));
    FET_TRY(check_same_dtype(graph, node, 0));
    return fet_op_set(graph, node, 0, FET_DTYPE_BOOL, &shape);
}

static fet_status infer_where(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    fet_shape shape;
    if (fet_op_src(graph, node, 0)->dtype != FET_DTYPE_BOOL)
        return fet_op_fail(node, FET_ERROR_SHAPE, "its condition is %s, expected bool", fet_dtype_name(fet_op_src(graph, node, 0)->dtype));
    FET_TRY(broadcast_all(graph, node, &shape));
    FET_TRY(check_same_dtype(graph, node, 1));
    return fet_op_set(graph, node, 0, fet_op_src(graph, node, 1)->dtype, &shape);
}

/* Bounds are scalars; some writers give lists of one. */
static fet_status infer_clip(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    for (uint32_t i = 1; i < node->n_inputs; i++) {
        const fet_value *bound = fet_node_input(graph, node, i);
        if (bound && fet_shape_elements(&bound->shape) != 1) {
            char text[FET_SHAPE_TEXT_BYTES];
            return fet_op_fail(node, FET_ERROR_SHAPE, "bound %u (\"%s\") is %s, expected a scalar", i, bound->name,
                               fet_shape_print(&bound->shape, text, sizeof text));
        }
    }
    return fet_op_infer_same(graph, id);
}

/* The slope stretches to the input, never the other way round. */
static fet_status infer_prelu(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    const fet_shape *src = &fet_op_src(graph, node, 0)->shape;
    fet_shape shape;
    FET_TRY(broadcast_all(graph, node, &shape));
    if (!fet_shape_equal(&shape, src)) {
        char text[FET_SHAPE_TEXT_BYTES];
        return fet_op_fail(node, FET_ERROR_SHAPE, "a slope of %s does not stretch to the input",
                           fet_shape_print(&fet_op_src(graph, node, 1)->shape, text, sizeof text));
    }
    return fet_op_infer_same(graph, id);
}

static fet_status infer_not(fet_graph *graph, fet_id id)
{
    const fet_node *node = &graph->nodes[id];
    return fet_op_set(graph, node, 0, FET_DTYPE_BOOL, &fet_op_src(graph, node, 0)->shape);
}

/* n inputs take n - 1 operations. */
static void work_variadic(const fet_graph *graph, const fet_node *node, fet_op_work *work)
{
    work->other_ops = fet_op_elements_out(graph, node) * (node->n_inputs > 2 ? node->n_inputs - 1 : 1);
}

#define ACTIVATION(id, info) FET_OP_INFO(id, info, 1, FET_OP_ELEMENTWISE | FET_OP_ACTIVATION, fet_op_infer_same, NULL)
#define FUNCTION(id, info) FET_OP_INFO(id, info, 1, FET_OP_ELEMENTWISE, fet_op_infer_same, NULL)
#define COMPARISON(id, info, flags) FET_OP_INFO(id, info, 1, FET_OP_ELEMENTWISE | (flags), infer_compare, NULL)
#define BINARY(id, info, flags) FET_OP_INFO(id, info, 1, FET_OP_ELEMENTWISE | (flags), infer_broadcast, work_variadic)

ACTIVATION(RELU, relu);
FET_OP_INFO(CLIP, clip, 1, FET_OP_ELEMENTWISE | FET_OP_ACTIVATION, infer_clip, NULL);
ACTIVATION(LEAKY_RELU, leaky_relu);
FET_OP_INFO(PRELU, prelu, 1, FET_OP_ELEMENTWISE, infer_prelu, NULL);
ACTIVATION(ELU, elu);
ACTIVATION(SELU, selu);
ACTIVATION(CELU, celu);
ACTIVATION(SIGMOID, sigmoid);
ACTIVATION(HARD_SIGMOID, hard_sigmoid);
ACTIVATION(HARD_SWISH, hard_swish);
ACTIVATION(SWISH, swish);
ACTIVATION(GELU, gelu);
ACTIVATION(TANH, tanh);
ACTIVATION(SOFTPLUS, softplus);
ACTIVATION(SOFTSIGN, softsign);
FUNCTION(ABS, abs);
FUNCTION(NEG, neg);
FUNCTION(EXP, exp);
FUNCTION(LOG, log);
FUNCTION(SQRT, sqrt);
FUNCTION(RECIPROCAL, reciprocal);
FUNCTION(FLOOR, floor);
FUNCTION(CEIL, ceil);
FUNCTION(ROUND, round);
FUNCTION(ERF, erf);
FUNCTION(SIN, sin);
FUNCTION(COS, cos);
FUNCTION(SIGN, sign);
FET_OP_INFO(NOT, not, 1, FET_OP_ELEMENTWISE, infer_not, NULL);
BINARY(ADD, add, FET_OP_COMMUTATIVE);
BINARY(SUB, sub, 0);
BINARY(MUL, mul, FET_OP_COMMUTATIVE);
BINARY(DIV, div, 0);
BINARY(MOD, mod, 0);
FET_OP_INFO(POW, pow, 1, FET_OP_ELEMENTWISE, infer_pow, NULL);
BINARY(MIN, min, FET_OP_COMMUTATIVE);
BINARY(MAX, max, FET_OP_COMMUTATIVE);
BINARY(SUM, sum, FET_OP_COMMUTATIVE);
BINARY(MEAN, mean, FET_OP_COMMUTATIVE);
COMPARISON(EQUAL, equal, FET_OP_COMMUTATIVE);
COMPARISON(GREATER, greater, 0);
COMPARISON(LESS, less, 0);
COMPARISON(GREATER_OR_EQUAL, greater_or_equal, 0);
COMPARISON(LESS_OR_EQUAL, less_or_equal, 0);
COMPARISON(AND, and, FET_OP_COMMUTATIVE);
COMPARISON(OR, or, FET_OP_COMMUTATIVE);
FET_OP_INFO(WHERE, where, 1, FET_OP_ELEMENTWISE, infer_where, NULL);
