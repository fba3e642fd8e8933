// SPDX-License-Identifier: Apache-2.0
/* Shared by the files of this folder only: which world a node runs in, and how its key is filled. */
#ifndef FET_KERNEL_INTERNAL_H
#define FET_KERNEL_INTERNAL_H

#include "kernel/kernel.h"

/* What a node is to the split. FAST ones are anchors in the device's own layout; EITHER follows where its first input already is. */
typedef enum fet_kernel_class {
    FET_CLASS_UNSUPPORTED = 0,
    FET_CLASS_VIEW,       /* no kernel */
    FET_CLASS_CONV,       /* Conv, ConvTranspose with constant weights */
    FET_CLASS_GEMM,       /* Gemm, MatMul with a constant second operand */
    FET_CLASS_POOL,       /* MaxPool, AveragePool */
    FET_CLASS_GLOBAL,     /* GlobalAveragePool, GlobalMaxPool */
    FET_CLASS_RESIZE,     /* either: of height and width, in any mode */
    FET_CLASS_PAD,        /* either: height and width, by a constant */
    FET_CLASS_FOLDED,     /* a Pad that the convolution behind it does; no kernel */
    FET_CLASS_SHUFFLE,    /* either: channels in another order, spelled Reshape, Transpose, Reshape; the Transpose is the anchor */
    FET_CLASS_SLICE,      /* either: a run of channels */
    FET_CLASS_PRELU,      /* either: one slope, or one a channel */
    FET_CLASS_CONCAT,     /* of channels */
    FET_CLASS_SCALE,      /* either: batch norm, or Add, Sub, Mul, Div with one constant a channel */
    FET_CLASS_BINARY,     /* either: Add, Sub, Mul of two computed values, the second perhaps N x C x 1 x 1 */
    FET_CLASS_ACTIVATION, /* either */
    FET_CLASS_PLAIN,      /* everything else, in plain f32 */
} fet_kernel_class;

/* From operator, shapes and which inputs are parameters; FET_CLASS_PLAIN when the special case does not hold. */
fet_kernel_class fet_kernel_classify(const fet_graph *graph, const fet_node *node);
/* BINARY and SCALE: which input is the one of the output's shape (the other is broadcast or constant). */
uint32_t fet_kernel_main_input(const fet_graph *graph, const fet_node *node);

/* A run of zeros around height and width that a convolution could do itself. */
bool fet_kernel_is_zero_pad(const fet_graph *graph, const fet_node *node);
/* Rows and columns before and behind that a Pad adds; false when it does anything else, or what it does is not constant. */
bool fet_kernel_pads(const fet_graph *graph, const fet_node *node, int64_t begin[2], int64_t end[2]);
/* A Resize that a plain nearest or half-pixel linear resampling does. */
bool fet_kernel_resize_is_simple(const fet_graph *graph, const fet_node *node);
/* First channel of a Slice of channels. */
int64_t fet_kernel_slice_start(const fet_graph *graph, const fet_node *node);

/* The first two fill everything but activation and fusion flags; fast: reads and writes fast values. */
FET_MUST_CHECK fet_status fet_kernel_fill_key(const fet_graph *graph, const fet_node *node, fet_kernel_class class, fet_id src, bool fast,
                                              fet_dtype precision, fet_kernel_key *key);
/* Adds the rows and columns of a folded Pad to a convolution's key. */
FET_MUST_CHECK fet_status fet_kernel_fold_pad(const fet_graph *graph, const fet_node *pad, fet_kernel_key *key);
void fet_kernel_fill_cast_key(const fet_shape *shape, fet_dtype precision, fet_kernel_key *key);

/* A shape as N, C, H, W: absent dimensions are 1; from rank 5 on the last ones are multiplied together. Rank 3 is N, C, 1, W. */
void fet_kernel_dims4(const fet_shape *shape, uint32_t out_dims[4]);

#endif
