// SPDX-License-Identifier: Apache-2.0
/* What the readers of graphs accept; one place, so that a malicious file cannot ask for more. FET_TENSOR_LIMIT_BYTES stands in tensor.h. */
#ifndef FET_GRAPH_LIMITS_H
#define FET_GRAPH_LIMITS_H

enum {
    FET_GRAPH_LIMIT_ITEMS = 1 << 20, /* nodes, values or parameters of a graph */
    FET_NODE_LIMIT_INPUTS = 256,     /* inputs or outputs of a node */
    FET_NODE_LIMIT_ATTRS = 64,
    FET_ATTR_LIMIT_ITEMS = 1 << 16, /* numbers in one attribute */
    FET_NAME_LIMIT_BYTES = 4096,
};

#endif
