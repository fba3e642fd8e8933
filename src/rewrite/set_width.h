// SPDX-License-Identifier: Apache-2.0
/*
 * Which channels of the base a group of another width is made of.
 *
 * Narrower: the most important ones, in their old order. Wider: all of them, then copies of the most important ones, again and again.
 * Whoever sums over a channel with m copies (the input axis of a convolution or matrix) takes shares of its weight that add up to one, so
 * growth keeps the function. The shares are unequal, (1 + 0.2 t) / m with t from 1 down to -1: copies with equal shares would get equal
 * gradients for ever and never become two channels (Chen, Goodfellow, Shlens: Net2Net, ICLR 2016, add noise for the same reason).
 */
#ifndef FET_REWRITE_SET_WIDTH_H
#define FET_REWRITE_SET_WIDTH_H

#include "rewrite/blueprint.h"

/*
 * order[n_base]: the group's channels by importance; rank[n_base] its inverse. out_index[n_wanted]; out_scale[n_wanted] is only written
 * when n_wanted > n_base (the caller then passes room for it).
 */
void fet_channel_choose(const uint32_t *order, const uint32_t *rank, uint32_t n_base, uint32_t n_wanted, uint32_t *out_index,
                        float *out_scale);

/*
 * `base` with one group at `channels` (>= 1): an inferred graph without numbers, parameters with origins, in `arena`. For candidates with
 * many groups changed see blueprint.h. Errors: ARG for a fixed group or 0 channels; NOMEM.
 */
FET_MUST_CHECK fet_status fet_set_width(const fet_graph *base, const fet_channel_groups *groups, uint32_t group, uint32_t channels,
                                        fet_arena *arena, fet_graph **out_graph);

#endif
