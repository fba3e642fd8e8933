// SPDX-License-Identifier: Apache-2.0
/*
 * IBN -> fused IBN: one dense k x k convolution, with the depthwise's kernel, stride, padding and dilation, in place of expand 1x1, norm,
 * activation and depthwise. What follows the depthwise stays: its norm, activation, squeeze-excite, project and residual.
 *
 * The dense kernel is composed: w[e,i,y,x] = expand[e,i] * gamma[e] / sqrt(variance[e] + epsilon) * depthwise[e,y,x] (FET_ORIGIN_COMPOSE).
 * It computes what the two did when no activation stands between them and the expand's norm shifts nothing (beta = mean * gamma /
 * sqrt(variance + epsilon), no biases). A shift s[e] would add s[e] * sum(depthwise[e]), a constant a channel, everywhere but at the padded
 * border; it is dropped, since the norm behind the depthwise takes constants out again once its statistics are renewed. With an activation
 * between, the composed kernel is a start for training.
 */
#ifndef FET_REWRITE_FUSE_IBN_H
#define FET_REWRITE_FUSE_IBN_H

#include "rewrite/blocks.h"
#include "rewrite/patch.h"

/* An IBN whose expand and depthwise weights are their own (not shared with other nodes), depth multiplier 1. */
bool fet_fuse_ibn_applies(const fet_graph *graph, const fet_block *block);

/*
 * IBN -> group-conv IBN, between the depthwise and the fused form: the dense kernel in `groups` groups (at most; the largest number that
 * divides the candidate's widths), each with its own part of the input. What other inputs gave is dropped, so it is never exact. Published
 * for mobile accelerators by Gupta & Akin 2020 and Xiong et al., MobileDets, 2021. Errors: ARG when it does not apply or for less than 2
 * groups; NOMEM.
 */
FET_MUST_CHECK fet_status fet_group_ibn_plan(const fet_graph *graph, const fet_channel_groups *groups, const fet_block *block,
                                             uint32_t n_groups, fet_arena *arena, fet_patch *out_patch);

/* Errors: ARG when it does not apply; NOMEM. */
FET_MUST_CHECK fet_status fet_fuse_ibn_plan(const fet_graph *graph, const fet_channel_groups *groups, const fet_block *block,
                                            fet_arena *arena, fet_patch *out_patch);

#endif
