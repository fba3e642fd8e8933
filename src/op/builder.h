// SPDX-License-Identifier: Apache-2.0
/*
 * Short forms for building graphs by hand (templates, tests, examples). Each appends the node and its fresh parameters ("<name>.weight",
 * "<name>.bias",
 * "<name>.gamma", ".beta", ".mean", ".variance"; FRESH, without numbers) and gives the output value. Shapes are inferred at once.
 */
#ifndef FET_OP_BUILDER_H
#define FET_OP_BUILDER_H

#include "graph/graph.h"

typedef struct fet_conv_options {
    int64_t out_channels;
    int64_t kernel; /* square */
    int64_t stride; /* 0: 1 */
    int64_t group;  /* 0: 1; the number of input channels makes it depthwise */
    bool bias;
} fet_conv_options;

/* Padding is kernel / 2 on every side. `src` is N,C,H,W with a known shape. */
FET_MUST_CHECK fet_status fet_build_conv(fet_graph *graph, const char *name, fet_id src, const fet_conv_options *options,
                                         fet_id *out_value);
FET_MUST_CHECK fet_status fet_build_batch_norm(fet_graph *graph, const char *name, fet_id src, fet_id *out_value);
/* One input, one output, no attributes: Relu, GlobalAveragePool, Flatten, ... */
FET_MUST_CHECK fet_status fet_build_unary(fet_graph *graph, fet_op_kind op, const char *name, fet_id src, fet_id *out_value);
FET_MUST_CHECK fet_status fet_build_relu6(fet_graph *graph, const char *name, fet_id src,
                                          fet_id *out_value); /* Clip with constants 0 and 6 */
FET_MUST_CHECK fet_status fet_build_binary(fet_graph *graph, fet_op_kind op, const char *name, fet_id a, fet_id b, fet_id *out_value);
/* Gemm with transB = 1: weights out x in. `src` is N,K. */
FET_MUST_CHECK fet_status fet_build_gemm(fet_graph *graph, const char *name, fet_id src, int64_t out_features, fet_id *out_value);

#endif
