// SPDX-License-Identifier: Apache-2.0
#include "device/kit/fusion_network.h"

#include "engine/init.h"
#include "op/builder.h"
#include "op/op.h"

#include <stdio.h>

/* A map large enough that an activation by itself takes longer than calling it, small enough for the second-level cache in f32. */
enum { CHANNELS = 48, SIDE = 48 };

const char *fet_piece_name(int piece)
{
    static const char *const names[] = {"", "conv", "depthwise", "max pool", "batch norm", "add"};
    return piece >= FET_PIECE_ACTIVATION ? fet_activation_name((fet_activation_kind)(piece - FET_PIECE_ACTIVATION)) : names[piece];
}

static fet_status add_pool(fet_graph *graph, const char *name, fet_id *value)
{
    fet_id node = FET_NONE;
    FET_TRY(fet_graph_add_node(graph, FET_OP_MAX_POOL, name, value, 1, 1, &node));
    FET_TRY(fet_graph_set_ints(graph, node, FET_ATTR_KERNEL_SHAPE, (int64_t[]){3, 3}, 2));
    FET_TRY(fet_graph_set_ints(graph, node, FET_ATTR_STRIDES, (int64_t[]){1, 1}, 2));
    FET_TRY(fet_graph_set_ints(graph, node, FET_ATTR_PADS, (int64_t[]){1, 1, 1, 1}, 4));
    FET_TRY(fet_graph_infer_node(graph, node));
    *value = graph->nodes[node].outputs[0];
    return FET_OK;
}

static fet_status add_activation(fet_graph *graph, const char *name, int kind, fet_id *value)
{
    static const fet_op_kind ops[FET_ACTIVATION_COUNT] = {
        [FET_ACTIVATION_RELU] = FET_OP_RELU,
        [FET_ACTIVATION_LEAKY_RELU] = FET_OP_LEAKY_RELU,
        [FET_ACTIVATION_ELU] = FET_OP_ELU,
        [FET_ACTIVATION_SIGMOID] = FET_OP_SIGMOID,
        [FET_ACTIVATION_HARD_SIGMOID] = FET_OP_HARD_SIGMOID,
        [FET_ACTIVATION_HARD_SWISH] = FET_OP_HARD_SWISH,
        [FET_ACTIVATION_SWISH] = FET_OP_SWISH,
        [FET_ACTIVATION_GELU] = FET_OP_GELU,
        [FET_ACTIVATION_TANH] = FET_OP_TANH,
    };
    return kind == FET_ACTIVATION_CLIP ? fet_build_relu6(graph, name, *value, value)
                                       : fet_build_unary(graph, ops[kind], name, *value, value);
}

static fet_status add_piece(fet_graph *graph, const char *name, int piece, fet_id start, fet_id *value)
{
    switch (piece) {
    case FET_PIECE_NONE: return FET_OK;
    case FET_PIECE_CONV:
        return fet_build_conv(graph, name, *value, &(fet_conv_options){.out_channels = CHANNELS, .kernel = 1, .bias = true}, value);
    case FET_PIECE_DEPTHWISE:
        return fet_build_conv(graph, name, *value,
                              &(fet_conv_options){.out_channels = CHANNELS, .kernel = 3, .group = CHANNELS, .bias = true}, value);
    case FET_PIECE_POOL: return add_pool(graph, name, value);
    case FET_PIECE_BATCH_NORM: return fet_build_batch_norm(graph, name, *value, value);
    case FET_PIECE_ADD: return fet_build_binary(graph, FET_OP_ADD, name, start, *value, value);
    default: return add_activation(graph, name, piece - FET_PIECE_ACTIVATION, value);
    }
}

static fet_status add_end(fet_graph *graph, const char *name, fet_id value)
{
    FET_TRY(fet_build_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, name, value, &value));
    return fet_graph_add_output(graph, value);
}

static fet_status build(const fet_fusion_chain *chain, fet_graph *graph)
{
    fet_shape shape = fet_shape_4d(1, 3, SIDE, SIDE);
    fet_id value = FET_NONE, start = FET_NONE, watched = FET_NONE;
    FET_TRY(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &value));
    FET_TRY(fet_build_conv(graph, "start", value, &(fet_conv_options){.out_channels = CHANNELS, .kernel = 1, .bias = true}, &value));
    /* A pooling stands before the pieces, so that none of them is fused with the start. */
    FET_TRY(add_pool(graph, "apart", &value));
    start = value;
    for (int p = 0; p < FET_PIECES; p++) {
        char name[16];
        if (chain->watched == p) watched = value;
        snprintf(name, sizeof name, "piece%d", p);
        FET_TRY(add_piece(graph, name, chain->pieces[p], start, &value));
    }
    FET_TRY(add_end(graph, "end", value));
    if (watched != FET_NONE) FET_TRY(add_end(graph, "watched", watched));
    return fet_graph_init_params(graph, NULL, 1);
}

fet_status fet_fusion_network(const fet_fusion_chain *chain, fet_graph **out_graph)
{
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_graph_create(NULL, &graph));
    graph->name = "fusion";
    FET_TRY(build(chain, graph));
    *out_graph = fet_take(graph);
    return FET_OK;
}
