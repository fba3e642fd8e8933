// SPDX-License-Identifier: Apache-2.0
/* The window of a Conv, ConvTranspose or pooling node, read from its attributes and input shape with every default filled in. */
#ifndef FET_OP_CONV_H
#define FET_OP_CONV_H

#include "graph/graph.h"

typedef struct fet_window {
    int64_t kernel[2], stride[2], dilation[2]; /* height, width (1-D windows: height 1) */
    int64_t pad_begin[2], pad_end[2];          /* after auto_pad is resolved; only a ConvTranspose may have a negative pad_end */
    int64_t group;
    bool ceil_mode, count_include_pad;
} fet_window;

/* Errors: UNSUPPORTED for more than two spatial dimensions; ARG for values out of range; naming the node. */
FET_MUST_CHECK fet_status fet_op_window(const fet_graph *graph, const fet_node *node, fet_window *out_window);

/* A convolution whose every group has one input channel and as many outputs as inputs (or a multiple). */
bool fet_op_is_depthwise(const fet_graph *graph, const fet_node *node);

#endif
