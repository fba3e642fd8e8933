// SPDX-License-Identifier: Apache-2.0
/*
 * Depthwise -> grouped or standard convolution. A depthwise convolution keeps most of a wide MAC array idle; groups of `channels` fill it,
 * all channels in one group are a standard convolution. The new kernel holds the old one on its diagonal (FET_ORIGIN_SPREAD), so the
 * function stays, at every width; training fills the rest. Norms, activations and what stands before and behind are kept. Groups have at
 * most `channels` channels: the largest number that divides the candidate's width.
 */
#ifndef FET_REWRITE_WIDEN_DEPTHWISE_H
#define FET_REWRITE_WIDEN_DEPTHWISE_H

#include "rewrite/blocks.h"
#include "rewrite/patch.h"

#define FET_WIDEN_ALL UINT32_MAX /* one group: a standard convolution */

/* A depthwise convolution of multiplier 1 in the middle of the block, its weights its own. */
bool fet_widen_depthwise_applies(const fet_graph *graph, const fet_block *block);

/* Errors: ARG when it does not apply or for less than 2 channels; NOMEM. */
FET_MUST_CHECK fet_status fet_widen_depthwise_plan(const fet_graph *graph, const fet_channel_groups *groups, const fet_block *block,
                                                   uint32_t channels, fet_arena *arena, fet_patch *out_patch);

#endif
