// SPDX-License-Identifier: Apache-2.0
/*
 * Every operator that a CNN uses, as a clear loop over plain row-major f32: what the executor falls back to for the long tail, and what computes
 * constant subgraphs. Integers and booleans are numbers too here (exact up to 2^24).
 */
#ifndef FET_ENGINE_REFERENCE_REFERENCE_H
#define FET_ENGINE_REFERENCE_REFERENCE_H

#include "graph/graph.h"

/* src[i]: input i, or NULL where it is left out; dst[o]: output o, or NULL when nobody asked for it. Shapes are those of the graph's values. */
typedef struct fet_reference_call {
    const fet_graph *graph;
    const fet_node *node;
    const float *const *src;
    float *const *dst;
} fet_reference_call;

typedef void (*fet_reference_fn)(const fet_reference_call *call);

/* NULL when the operator has none. */
fet_reference_fn fet_reference_find(fet_op_kind op);

#endif
