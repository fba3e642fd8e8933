// SPDX-License-Identifier: Apache-2.0
/*
 * A network in which channels meet in every way we trace: concat under a residual add, a grouped convolution, a depthwise with multiplier
 * 2, squeeze-excite, a scale a channel, a flatten of maps into a matrix. Its output values have the names used in the tests.
 */
#ifndef FET_TESTS_REWRITE_ZOO_H
#define FET_TESTS_REWRITE_ZOO_H

#include "check.h"

#include "op/builder.h"
#include "op/op.h"

static inline fet_id zoo_conv(fet_graph *graph, const char *name, fet_id src, int64_t channels, int64_t kernel, int64_t group)
{
    fet_id value = FET_NONE;
    CHECK_OK(fet_build_conv(graph, name, src, &(fet_conv_options){.out_channels = channels, .kernel = kernel, .group = group, .bias = true},
                            &value));
    return value;
}

static inline fet_id zoo_unary(fet_graph *graph, fet_op_kind op, const char *name, fet_id src)
{
    fet_id value = FET_NONE;
    CHECK_OK(fet_build_unary(graph, op, name, src, &value));
    return value;
}

static inline fet_id zoo_binary(fet_graph *graph, fet_op_kind op, const char *name, fet_id a, fet_id b)
{
    fet_id value = FET_NONE;
    CHECK_OK(fet_build_binary(graph, op, name, a, b, &value));
    return value;
}

static inline fet_id zoo_norm(fet_graph *graph, const char *name, fet_id src)
{
    fet_id value = FET_NONE;
    CHECK_OK(fet_build_batch_norm(graph, name, src, &value));
    return value;
}

static inline fet_id zoo_concat(fet_graph *graph, const char *name, fet_id a, fet_id b)
{
    fet_id node = FET_NONE;
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CONCAT, name, (fet_id[]){a, b}, 2, 1, &node));
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_AXIS, 1));
    CHECK_OK(fet_graph_infer_node(graph, node));
    return graph->nodes[node].outputs[0];
}

static inline fet_graph *zoo_network(void)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape shape = fet_shape_4d(1, 3, 6, 5), per_channel = {.rank = 3, .dim = {16, 1, 1}};
    fet_id image = FET_NONE, scale = FET_NONE, value = FET_NONE;
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &image));
    fet_id a = zoo_unary(graph, FET_OP_RELU, "a.act", zoo_norm(graph, "a.bn", zoo_conv(graph, "a", image, 6, 3, 1)));
    fet_id b = zoo_conv(graph, "b", image, 6, 3, 1);
    fet_id cat = zoo_concat(graph, "cat", a, b);
    fet_id add = zoo_binary(graph, FET_OP_ADD, "add", zoo_conv(graph, "c", cat, 12, 1, 1), cat);
    fet_id grouped = zoo_unary(graph, FET_OP_RELU, "grouped.act", zoo_conv(graph, "grouped", add, 8, 3, 4));
    fet_id twice = zoo_conv(graph, "twice", grouped, 16, 3, 8);
    fet_id gate = zoo_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", twice);
    gate = zoo_unary(graph, FET_OP_RELU, "squeeze.act", zoo_conv(graph, "squeeze", gate, 4, 1, 1));
    gate = zoo_unary(graph, FET_OP_SIGMOID, "excite.act", zoo_conv(graph, "excite", gate, 16, 1, 1));
    value = zoo_binary(graph, FET_OP_MUL, "gated", twice, gate);
    CHECK_OK(fet_graph_add_param(graph, "scale", FET_DTYPE_F32, &per_channel, NULL, true, &scale));
    value = zoo_binary(graph, FET_OP_MUL, "scaled", value, scale);
    value = zoo_conv(graph, "wide", value, 7, 1, 1);
    value = zoo_concat(graph, "cat2", value, zoo_conv(graph, "side", a, 5, 1, 1));
    value = zoo_unary(graph, FET_OP_FLATTEN, "flat", value);
    CHECK_OK(fet_build_gemm(graph, "hidden", value, 10, &value));
    value = zoo_unary(graph, FET_OP_RELU, "hidden.act", value);
    CHECK_OK(fet_build_gemm(graph, "out", value, 4, &value));
    CHECK_OK(fet_graph_add_output(graph, value));
    CHECK_OK(fet_graph_verify(graph));
    return graph;
}

#endif
