// SPDX-License-Identifier: Apache-2.0
/*
 * The reverse of fold_batchnorm: a batch norm behind every convolution that has none, with numbers that change nothing. Networks come with
 * their norms folded into the weights; a candidate that inherits such weights, some channels or a block less, has no means to find its
 * activations' range again but many steps of training. With norms, a few batches of data set their statistics anew (Li et al., AdaBN, 2017;
 * Yu et al., slimmable networks, 2019).
 */
#ifndef FET_REWRITE_UNFOLD_BATCHNORM_H
#define FET_REWRITE_UNFOLD_BATCHNORM_H

#include "graph/graph.h"

/*
 * In place, on an inferred graph. Each Conv with numbers whose map of more than one pixel no batch norm reads gets one, "<node>.norm":
 * mean 0, variance 1 (with epsilon), gamma 1, and the convolution's bias, which goes, as beta. The norm makes the value that the
 * convolution made, so names seen from outside stay. Such a norm is recognised by fet_batchnorm_is_neutral until it is given statistics.
 * Compacts; infer the graph anew. out_unfolded may be NULL. Errors: NOMEM, after which the graph can only be destroyed.
 */
FET_MUST_CHECK fet_status fet_unfold_batchnorm(fet_graph *graph, uint32_t *out_unfolded);

/* A batch norm with numbers that does nothing but add its beta. */
bool fet_batchnorm_is_neutral(const fet_graph *graph, const fet_node *norm);

/* Gives a neutral norm the mean and variance of its input, [channels], and the gamma and beta with which it still does the same. */
FET_MUST_CHECK fet_status fet_batchnorm_set_statistics(fet_graph *graph, fet_id norm, const double *mean, const double *variance);

#endif
