// SPDX-License-Identifier: Apache-2.0
/*
 * Fused IBN -> IBN, the way back of fuse_ibn.h: the dense k x k convolution to more channels becomes a 1x1 convolution, its activation
 * again, and a depthwise k x k convolution. What follows stays. Where a device has little use for a wide array on small maps, that is less
 * work.
 *
 * The two kernels are, output channel by output channel, the product nearest to the dense one in least squares (FET_ORIGIN_FACTOR): exact
 * where the dense kernel is such a product and no activation stands between, else a start for training.
 */
#ifndef FET_REWRITE_SPLIT_FUSED_H
#define FET_REWRITE_SPLIT_FUSED_H

#include "rewrite/blocks.h"

/* A fused block whose dense kernel is its own, in one group, without an explicit Pad before it. */
bool fet_split_fused_applies(const fet_graph *graph, const fet_block *block);

/*
 * In place, on a finished candidate (inferred): the convolution of this name. New parameters have their origins in the base, as the dense
 * kernel had. Compacts and infers. Errors: ARG no such convolution; NOMEM, after which the graph is still sound to destroy.
 */
FET_MUST_CHECK fet_status fet_split_fused_apply(fet_graph *graph, const char *conv);

#endif
