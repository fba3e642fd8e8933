// SPDX-License-Identifier: Apache-2.0
/*
 * Our own vectorised loops: one source (kernels.inc), compiled for AVX-512, AVX2 and the plain machine; the best one this process may use
 * is chosen at run time and honours ONEDNN_MAX_CPU_ISA. Everything computes in f32 and reads and writes f32 or bf16.
 */
#ifndef FET_ENGINE_TRAIN_KERNELS_H
#define FET_ENGINE_TRAIN_KERNELS_H

#include "engine/train/depthwise.h"
#include "graph/graph.h"

#include <stdbool.h>
#include <stdint.h>

/* Arrays of one number a channel are padded to a multiple of this with zeros: no panel is wider. */
enum { FET_TRAIN_CHANNEL_PAD = 64, FET_TRAIN_LANES = 16 /* the widest vector */ };

/*
 * One pass of batch norm over some samples. Memory is a list of panels: rows of `width` neighbouring channels, `stride` numbers apart.
 * BLOCKED: a panel is one block of one sample; NHWC: up to four vectors of channels of all rows.
 */
typedef struct fet_bn_pass {
    fet_dtype dtype;
    bool blocked;
    int64_t images, spatial, channels, block; /* block: channels of a block when blocked */
    const void *x;                            /* input of the batch norm */
    const float *shift;                       /* stats: something near the mean; keeps the sums of squares accurate */
    const float *scale, *offset;              /* y = scale x + offset */
    float low, high;                          /* then clipped: a fused Relu or Clip; -inf, inf: none. low <= 0 <= high */
    const void *residual;                     /* forward: added before clipping; NULL: none */
    void *y;                                  /* forward */
    const void *dy;                           /* reduce, backward */
    const void *z;                            /* reduce, backward: the output, when a residual was added; NULL: the mask comes from x */
    float *sum, *product;     /* stats: sums of (x - shift) and its square; reduce: sums of dy and dy (x - shift); added to */
    const float *keep, *lean; /* backward: dx = scale dy + keep x + lean */
    void *dx;
    void *dresidual; /* backward: dy after the mask; NULL: not wanted */
} fet_bn_pass;

typedef struct fet_train_simd {
    const char *name;
    void (*bn_stats)(const fet_bn_pass *pass);
    void (*bn_forward)(const fet_bn_pass *pass);
    void (*bn_reduce)(const fet_bn_pass *pass);
    void (*bn_backward)(const fet_bn_pass *pass);
    void (*add)(fet_dtype dtype, int64_t n, const void *a, const void *b, void *dst); /* dst may be a or b */
    void (*to_f32)(fet_dtype dtype, int64_t n, const void *src, float *dst);
    void (*from_f32)(fet_dtype dtype, int64_t n, const float *src, void *dst);
    void (*accumulate)(int64_t n, const float *src, float *dst); /* dst += src */
    void (*add_scaled)(int64_t n, float factor, const float *src, float *dst);
    /* dst[c] = factor * sum over rows of src[row * channels + c]; and the reverse, dst[row, c] = factor * src[c] */
    void (*sum_rows)(fet_dtype dtype, int64_t rows, int64_t channels, float factor, const void *src, void *dst);
    void (*fill_rows)(fet_dtype dtype, int64_t rows, int64_t channels, float factor, const void *src, void *dst);
    /* dst[row, c] = src[row, c] * scale[c]; dst[c] = sum over rows of a[row, c] * b[row, c] */
    void (*scale_rows)(fet_dtype dtype, int64_t rows, int64_t channels, const void *src, const void *scale, void *dst);
    void (*dot_rows)(fet_dtype dtype, int64_t rows, int64_t channels, const void *a, const void *b, void *dst);
    void (*sgd)(int64_t n, float rate, float momentum, float decay, const float *gradient, float *velocity, float *weights);
    void (*adamw)(int64_t n, float rate, float beta1, float beta2, float decay, float correction1, float correction2, const float *gradient,
                  float *mean, float *square, float *weights);
    void (*dw_forward)(const fet_dw_pass *pass);
    void (*dw_backward)(const fet_dw_pass *pass);
    int64_t (*dw_room)(const fet_dw_pass *pass); /* numbers of working space, for both directions */
    /* Windows as for dw_*; backward of a maximum reads src and dst. */
    void (*pool_forward)(const fet_dw_pass *pass, bool most, bool count_padding);
    void (*pool_backward)(const fet_dw_pass *pass, bool most, bool count_padding);
    /* Functions of unary.inc with their attributes; src and dst do not overlap. */
    void (*unary)(fet_op_kind op, float a, float b, int64_t n, const float *src, float *dst);
    void (*unary_backward)(fet_op_kind op, float a, float b, int64_t n, const float *src, const float *diff_dst, float *diff_src);
} fet_train_simd;

const fet_train_simd *fet_train_simd_get(void);

extern const fet_train_simd fet_train_simd_plain;
#if defined(__x86_64__)
extern const fet_train_simd fet_train_simd_avx2, fet_train_simd_avx512;
#endif

#endif
