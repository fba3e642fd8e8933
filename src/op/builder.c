// SPDX-License-Identifier: Apache-2.0
#include "op/builder.h"

#include "op/op.h"

#include <inttypes.h>
#include <stdio.h>

/* "<name>.<role>", fresh, without numbers. */
static fet_status add_param(fet_graph *graph, const char *name, const char *role, const fet_shape *shape, bool trainable, fet_id *out_value)
{
    char text[512];
    snprintf(text, sizeof text, "%s.%s", name, role);
    return fet_graph_add_param(graph, text, FET_DTYPE_F32, shape, NULL, trainable, out_value);
}

static fet_status finish(fet_graph *graph, fet_id node, fet_id *out_value)
{
    FET_TRY(fet_graph_infer_node(graph, node));
    *out_value = graph->nodes[node].outputs[0];
    return FET_OK;
}

static fet_status set_pair(fet_graph *graph, fet_id node, fet_attr_key key, int64_t value)
{
    return fet_graph_set_ints(graph, node, key, (int64_t[]){value, value}, 2);
}

fet_status fet_build_conv(fet_graph *graph, const char *name, fet_id src, const fet_conv_options *options, fet_id *out_value)
{
    fet_shape shape = graph->values[src].shape;
    int64_t group = options->group ? options->group : 1, stride = options->stride ? options->stride : 1, pad = options->kernel / 2;
    if (shape.rank != 4 || group < 1 || shape.dim[1] % group != 0 || options->kernel < 1 || options->out_channels < 1)
        return fet_fail(FET_ERROR_ARG,
                        "convolution \"%s\": an input of rank %u, %" PRId64 " groups, kernel %" PRId64 ", %" PRId64 " channels", name,
                        shape.rank, group, options->kernel, options->out_channels);
    fet_shape weights = fet_shape_4d(options->out_channels, shape.dim[1] / group, options->kernel, options->kernel);
    fet_shape bias = fet_shape_1d(options->out_channels);
    fet_id inputs[3] = {src, FET_NONE, FET_NONE}, node = FET_NONE;
    FET_TRY(add_param(graph, name, "weight", &weights, true, &inputs[1]));
    if (options->bias) FET_TRY(add_param(graph, name, "bias", &bias, true, &inputs[2]));
    FET_TRY(fet_graph_add_node(graph, FET_OP_CONV, name, inputs, options->bias ? 3 : 2, 1, &node));
    FET_TRY(set_pair(graph, node, FET_ATTR_DILATIONS, 1));
    FET_TRY(fet_graph_set_int(graph, node, FET_ATTR_GROUP, group));
    FET_TRY(set_pair(graph, node, FET_ATTR_KERNEL_SHAPE, options->kernel));
    FET_TRY(fet_graph_set_ints(graph, node, FET_ATTR_PADS, (int64_t[]){pad, pad, pad, pad}, 4));
    FET_TRY(set_pair(graph, node, FET_ATTR_STRIDES, stride));
    return finish(graph, node, out_value);
}

fet_status fet_build_batch_norm(fet_graph *graph, const char *name, fet_id src, fet_id *out_value)
{
    const fet_shape *src_shape = &graph->values[src].shape;
    if (src_shape->rank < 2)
        return fet_fail(FET_ERROR_ARG, "batch norm \"%s\": an input of rank %u, expected N,C,...", name, src_shape->rank);
    fet_shape shape = fet_shape_1d(src_shape->dim[1]);
    fet_id inputs[5] = {src}, node = FET_NONE;
    FET_TRY(add_param(graph, name, "gamma", &shape, true, &inputs[1]));
    FET_TRY(add_param(graph, name, "beta", &shape, true, &inputs[2]));
    FET_TRY(add_param(graph, name, "mean", &shape, false, &inputs[3]));
    FET_TRY(add_param(graph, name, "variance", &shape, false, &inputs[4]));
    FET_TRY(fet_graph_add_node(graph, FET_OP_BATCH_NORMALIZATION, name, inputs, 5, 1, &node));
    FET_TRY(fet_graph_set_float(graph, node, FET_ATTR_EPSILON, 1e-5f));
    return finish(graph, node, out_value);
}

fet_status fet_build_unary(fet_graph *graph, fet_op_kind op, const char *name, fet_id src, fet_id *out_value)
{
    fet_id node = FET_NONE;
    FET_TRY(fet_graph_add_node(graph, op, name, &src, 1, 1, &node));
    return finish(graph, node, out_value);
}

fet_status fet_build_relu6(fet_graph *graph, const char *name, fet_id src, fet_id *out_value)
{
    static const char *const roles[2] = {"min", "max"};
    fet_id inputs[3] = {src}, node = FET_NONE;
    for (uint32_t i = 0; i < 2; i++) {
        fet_auto(fet_tensor) bound = NULL;
        FET_TRY(fet_tensor_create(FET_DTYPE_F32, &(fet_shape){0}, &bound));
        fet_tensor_f32(bound)[0] = i == 0 ? 0.0f : 6.0f;
        char text[512];
        snprintf(text, sizeof text, "%s.%s", name, roles[i]);
        FET_TRY(fet_graph_add_param(graph, text, FET_DTYPE_F32, &bound->shape, bound, false, &inputs[1 + i]));
    }
    FET_TRY(fet_graph_add_node(graph, FET_OP_CLIP, name, inputs, 3, 1, &node));
    return finish(graph, node, out_value);
}

fet_status fet_build_binary(fet_graph *graph, fet_op_kind op, const char *name, fet_id a, fet_id b, fet_id *out_value)
{
    fet_id inputs[2] = {a, b}, node = FET_NONE;
    FET_TRY(fet_graph_add_node(graph, op, name, inputs, 2, 1, &node));
    return finish(graph, node, out_value);
}

fet_status fet_build_gemm(fet_graph *graph, const char *name, fet_id src, int64_t out_features, fet_id *out_value)
{
    const fet_shape *src_shape = &graph->values[src].shape;
    if (src_shape->rank != 2 || out_features < 1)
        return fet_fail(FET_ERROR_ARG, "Gemm \"%s\": an input of rank %u and %" PRId64 " features, expected N,K and 1 or more", name,
                        src_shape->rank, out_features);
    fet_shape weights = fet_shape_2d(out_features, src_shape->dim[1]), bias = fet_shape_1d(out_features);
    fet_id inputs[3] = {src}, node = FET_NONE;
    FET_TRY(add_param(graph, name, "weight", &weights, true, &inputs[1]));
    FET_TRY(add_param(graph, name, "bias", &bias, true, &inputs[2]));
    FET_TRY(fet_graph_add_node(graph, FET_OP_GEMM, name, inputs, 3, 1, &node));
    FET_TRY(fet_graph_set_int(graph, node, FET_ATTR_TRANS_B, 1));
    return finish(graph, node, out_value);
}
