// SPDX-License-Identifier: Apache-2.0
/* Batch norm with what is fused into it: a residual added to its output, a Relu or Clip behind that. */
#ifndef FET_ENGINE_TRAIN_BATCH_NORM_H
#define FET_ENGINE_TRAIN_BATCH_NORM_H

#include "engine/train/train.h"

typedef struct fet_bn_fusion {
    uint32_t n_nodes; /* 0: none */
    fet_id nodes[3];  /* in running order: batch norm, then add, then activation, as far as they are there */
    fet_id residual;  /* value, FET_NONE without */
    bool clipped;
    float low, high;
} fet_bn_fusion;

extern const fet_train_op fet_train_batch_normalization;

fet_bn_fusion fet_bn_alone(const fet_graph *graph, fet_id node);
/* What may be fused behind batch norm `node`; only_reader gives the one node that reads a value, or FET_NONE. */
fet_bn_fusion fet_bn_find_fusion(const fet_graph *graph, const fet_graph_uses *uses, fet_id node,
                                 fet_id (*only_reader)(const fet_graph *graph, const fet_graph_uses *uses, fet_id value));
FET_MUST_CHECK fet_status fet_bn_set_fusion(fet_trainer *trainer, fet_train_step *step, const fet_bn_fusion *fusion);

#endif
