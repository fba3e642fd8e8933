// SPDX-License-Identifier: Apache-2.0
/* The functions of the files of this folder, and the walk over strides that most of them are. Private to it. */
#ifndef FET_ENGINE_REFERENCE_FAMILIES_H
#define FET_ENGINE_REFERENCE_FAMILIES_H

#include "engine/reference/reference.h"

/* elementwise.c */
void fet_reference_unary(const fet_reference_call *call);
void fet_reference_binary(const fet_reference_call *call); /* also PRelu and comparisons */
void fet_reference_mod(const fet_reference_call *call);
void fet_reference_variadic(const fet_reference_call *call); /* Min, Max, Sum, Mean */
void fet_reference_where(const fet_reference_call *call);

/* normalize.c */
void fet_reference_softmax(const fet_reference_call *call);
void fet_reference_batch_norm(const fet_reference_call *call);
void fet_reference_instance_norm(const fet_reference_call *call);
void fet_reference_layer_norm(const fet_reference_call *call);
void fet_reference_lp_norm(const fet_reference_call *call);
void fet_reference_lrn(const fet_reference_call *call);

/* quantize.c */
void fet_reference_quantize(const fet_reference_call *call);
void fet_reference_dequantize(const fet_reference_call *call);

/* reduce.c */
void fet_reference_reduce(const fet_reference_call *call);
void fet_reference_arg(const fet_reference_call *call);

/* window.c */
void fet_reference_conv(const fet_reference_call *call);
void fet_reference_conv_transpose(const fet_reference_call *call);
void fet_reference_pool(const fet_reference_call *call);
void fet_reference_global_pool(const fet_reference_call *call);

/* matrix.c */
void fet_reference_gemm(const fet_reference_call *call);
void fet_reference_matmul(const fet_reference_call *call);

/* move.c */
void fet_reference_concat(const fet_reference_call *call);
void fet_reference_split(const fet_reference_call *call);
void fet_reference_slice(const fet_reference_call *call);
void fet_reference_gather(const fet_reference_call *call);
void fet_reference_pad(const fet_reference_call *call);
void fet_reference_tile(const fet_reference_call *call);
void fet_reference_expand(const fet_reference_call *call);
void fet_reference_transpose(const fet_reference_call *call);
void fet_reference_depth_to_space(const fet_reference_call *call);
void fet_reference_space_to_depth(const fet_reference_call *call);
void fet_reference_shape(const fet_reference_call *call);
void fet_reference_constant_of_shape(const fet_reference_call *call);
void fet_reference_range(const fet_reference_call *call);

/* resize.c */
void fet_reference_resize(const fet_reference_call *call);

/* walk.c: shapes of a call, strides, and the walk itself */
static inline const fet_shape *fet_reference_in(const fet_reference_call *call, uint32_t i)
{
    return &call->graph->values[call->node->inputs[i]].shape;
}
static inline const fet_shape *fet_reference_out(const fet_reference_call *call, uint32_t o)
{
    return &call->graph->values[call->node->outputs[o]].shape;
}
static inline const float *fet_reference_src(const fet_reference_call *call, uint32_t i)
{
    return i < call->node->n_inputs && call->node->inputs[i] != FET_NONE ? call->src[i] : NULL;
}

typedef struct fet_strides {
    int64_t at[FET_MAX_RANK];
} fet_strides;

fet_strides fet_strides_row_major(const fet_shape *shape);
/* Strides over `out` that read `in` as numpy broadcasts it: 0 where it is stretched. */
fet_strides fet_strides_broadcast(const fet_shape *in, const fet_shape *out);
/* dst[i, j, ..] (row-major, of `shape`) = src[i * strides[0] + j * strides[1] + ..] */
void fet_walk_read(const fet_shape *shape, const float *src, const fet_strides *strides, float *dst);

/* Elements before, along and behind an axis (counted from the end when negative). */
typedef struct fet_lines {
    int64_t outer, length, inner;
} fet_lines;
fet_lines fet_lines_of(const fet_shape *shape, int64_t axis);

/* Integers from input `i` when it is there, else from attribute `key`; returns how many (0: neither). */
uint32_t fet_reference_ints(const fet_reference_call *call, uint32_t i, fet_attr_key key, uint32_t room, int64_t *values);

#endif
