// SPDX-License-Identifier: Apache-2.0
/*
 * How much each channel of a group matters, so that a narrower width keeps the best ones:
 *     (what it is made with: |gamma| of its batch norms, or the L1 norm of its filters where no batch norm follows)
 *   x (what is done with it: L1 norm of the weights that read it),
 * each a sum over the group's layers of values divided by the layer's mean, so that every layer of a residual trunk has one voice.
 * The filters in front of a batch norm do not count, since it undoes their scale. Sources: |gamma|, Liu et al., Network Slimming, ICCV
 * 2017; L1 norms, Li et al., ICLR 2017; sorting channels before slicing them, Cai et al., Once-for-All, ICLR 2020.
 */
#ifndef FET_REWRITE_IMPORTANCE_H
#define FET_REWRITE_IMPORTANCE_H

#include "rewrite/channel_groups.h"

/*
 * The other rule (`space.importance: taylor` in a job), where a batch of data has given gradients: how much the loss would change, to
 * first order, without the channel. Whatever makes the channel (gamma and beta of its batch norms; filters and biases where no batch norm
 * follows) is scaled by one factor a; then
 *     score[c] += (d loss / d a at a = 1)^2 = (sum of weight * gradient)^2
 * gradients[p]: of the loss by parameter p, in its shape; NULL: none. Once a batch; scores start at 0. To be used, they are set as
 * groups->scores. Source: Molchanov et al., Importance Estimation for Neural Network Pruning, CVPR 2019.
 */
FET_MUST_CHECK fet_status fet_channel_taylor(const fet_graph *graph, const fet_channel_groups *groups, uint32_t group,
                                             const fet_tensor *const *gradients, fet_arena *scratch, double *score);

/* score[channels of the group]; all 1 where the graph has no numbers. Memory for a moment from `scratch`. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_channel_importance(const fet_graph *graph, const fet_channel_groups *groups, uint32_t group,
                                                 fet_arena *scratch, float *score);

/* The channels of the group from the most to the least important (by groups->scores, if there are any), the lower index first on a tie (so
 * without numbers 0, 1, 2, ...). */
FET_MUST_CHECK fet_status fet_channel_order(const fet_graph *graph, const fet_channel_groups *groups, uint32_t group, fet_arena *scratch,
                                            uint32_t *order);

#endif
