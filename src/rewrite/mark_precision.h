// SPDX-License-Identifier: Apache-2.0
/* Which layers of an int8 network stay in another precision (fet_node.precision). A layer here is a node with weights: Conv, Gemm and
 * alike.
 */
#ifndef FET_REWRITE_MARK_PRECISION_H
#define FET_REWRITE_MARK_PRECISION_H

#include "graph/graph.h"

/* Conv, ConvTranspose, Gemm or MatMul with a parameter for weights, with numbers or still without. */
bool fet_mark_precision_is_layer(const fet_graph *graph, const fet_node *node);

/*
 * Marks the first layers (those with no layer before them) and the last ones (with none behind). FET_DTYPE_NONE: leaves them. A network may
 * have several of either. Errors: ARG for any other type than F32 and BF16.
 */
FET_MUST_CHECK fet_status fet_mark_precision_ends(fet_graph *graph, fet_dtype first, fet_dtype last);

/* Every layer but node `only` in `precision`. */
void fet_mark_precision_others(fet_graph *graph, fet_id only, fet_dtype precision);

#endif
