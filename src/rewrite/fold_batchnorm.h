// SPDX-License-Identifier: Apache-2.0
/*
 * Batch norm into the convolution or matrix in front of it, with numbers: weights times gamma / sqrt(variance + epsilon) a channel, bias =
 * beta + (bias - mean) * that. The function stays (to rounding), one pass over the activations goes. For export and int8; training wants
 * the norms apart.
 */
#ifndef FET_REWRITE_FOLD_BATCHNORM_H
#define FET_REWRITE_FOLD_BATCHNORM_H

#include "graph/graph.h"

/*
 * In place. Folds every batch norm whose input comes from a Conv, ConvTranspose (one group) or Gemm that nobody else reads, with weights of
 * its own in f32; others stay. The convolution then makes the batch norm's output value, so names seen from outside stay; a new bias is
 * called "<weights>.folded_bias". Changed numbers are new tensors: a graph that shares them is not touched. Compacts. out_folded may be
 * NULL. Errors: NOMEM, after which the graph is still sound.
 */
FET_MUST_CHECK fet_status fet_fold_batchnorm(fet_graph *graph, uint32_t *out_folded);

#endif
