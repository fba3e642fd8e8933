// SPDX-License-Identifier: Apache-2.0
/*
 * Every operator that a CNN uses, as a clear loop over plain row-major f32: what the executor falls back to for the long tail, and what
 * computes constant subgraphs. Integers and booleans are numbers too here (exact up to 2^24).
 */
#ifndef FET_ENGINE_REFERENCE_REFERENCE_H
#define FET_ENGINE_REFERENCE_REFERENCE_H

#include "kernel/kernel.h"

/* src[i]: input i, or NULL where it is left out; dst[o]: output o, or NULL when nobody asked for it. Shapes are those of the graph's
 * values. */
typedef struct fet_reference_call {
    const fet_graph *graph;
    const fet_node *node;
    const float *const *src;
    float *const *dst;
} fet_reference_call;

typedef void (*fet_reference_fn)(const fet_reference_call *call);

/* What an output position of a Resize is made of on one axis: a weighted sum of up to four input positions. Needs the shapes and, if they
 * are given, the scales (src[2]) of the call. */
enum { FET_RESIZE_TAPS = 4 };
typedef struct fet_resize_taps {
    int n;
    int64_t at[FET_RESIZE_TAPS];
    double weight[FET_RESIZE_TAPS];
} fet_resize_taps;
fet_resize_taps fet_reference_resize_taps(const fet_reference_call *call, uint32_t axis, int64_t position);

/* An activation as a function of numbers, for these loops and for the tables of int8. */
float fet_activation_apply(const fet_activation *activation, float x);

/* NULL when the operator has none. */
fet_reference_fn fet_reference_find(fet_op_kind op);

#endif
