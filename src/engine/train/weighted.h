// SPDX-License-Identifier: Apache-2.0
/*
 * What convolution and inner product have in common: three primitives (forward, gradient of the input, gradient of the weights), weights
 * packed for the first two, and the master weights in the layout in which the third gives its gradient.
 */
#ifndef FET_ENGINE_TRAIN_WEIGHTED_H
#define FET_ENGINE_TRAIN_WEIGHTED_H

#include "engine/train/train.h"

typedef enum fet_weighted_direction {
    FET_WEIGHTED_FORWARD = 0,
    FET_WEIGHTED_DATA,
    FET_WEIGHTED_WEIGHTS,
    FET_WEIGHTED_DIRECTIONS
} fet_weighted_direction;

typedef struct fet_weighted_descs {
    dnnl_memory_desc_t src, weights, bias, dst;
    bool has_bias;
} fet_weighted_descs;

/* Weights as one direction wants them. */
typedef struct fet_weighted_pack {
    dnnl_memory_t memory;     /* what the primitive reads */
    dnnl_primitive_t reorder; /* NULL: it reads the master numbers themselves */
} fet_weighted_pack;

typedef struct fet_weighted {
    fet_train_param *weights, *bias;
    fet_train_view view; /* the kernel in oneDNN's logical dimensions */
    bool depthwise;
    /* Fills an op descriptor (of at most the given bytes) for one direction; memory descriptions come with weights of any layout. */
    fet_status (*describe)(const fet_train_step *step, fet_weighted_direction direction, const fet_weighted_descs *descs, void *out_desc);

    dnnl_primitive_t primitive[FET_WEIGHTED_DIRECTIONS];
    fet_weighted_pack pack[2];
    dnnl_memory_t master, src, dst, diff_src, diff_dst, back_src, diff_weights, bias_memory, diff_bias;
    dnnl_memory_desc_t diff_weights_desc;
    float *partial, *partial_bias; /* the gradient of one chunk, before it is added */
    float *plain;                  /* the same in plain order, for a shared parameter */
    bool own_layout;               /* the parameter lies as diff_weights does */
} fet_weighted;

/*
 * After `weights`, `bias`, `view`, `depthwise` and `describe` are set. dst channels: dimension 1 of the output. out_slow: oneDNN has only
 * a slow fallback, or a wrong implementation, for one of the directions; nothing is prepared then.
 */
FET_MUST_CHECK fet_status fet_weighted_prepare(fet_trainer *trainer, fet_train_step *step, fet_weighted *w, bool *out_slow);
FET_MUST_CHECK fet_status fet_weighted_refresh(fet_trainer *trainer, fet_weighted *w);
FET_MUST_CHECK fet_status fet_weighted_forward(fet_trainer *trainer, fet_train_step *step, fet_weighted *w, const fet_train_range *range);
FET_MUST_CHECK fet_status fet_weighted_backward(fet_trainer *trainer, fet_train_step *step, fet_weighted *w, const fet_train_range *range);

#endif
