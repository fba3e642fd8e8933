// SPDX-License-Identifier: Apache-2.0
/*
 * Smaller maps inside of a network whose outputs are maps (segmentation, depth): the image is resized at the entry, what comes out is
 * resized back, and whoever uses the network sees the inputs and outputs it had. Cost falls with the square of the size and every weight
 * keeps its meaning, so little training brings back most of the quality; fine borders are what it costs.
 */
#ifndef FET_REWRITE_INNER_SIZE_H
#define FET_REWRITE_INNER_SIZE_H

#include "graph/graph.h"

/* Whether an output of `resized` (fet_input_size_set with maps_follow) has another size than the base's: it needs the wrap. */
bool fet_inner_size_needs_wrap(const fet_graph *base, const fet_graph *resized);

/*
 * In place, on an inferred graph made from `resized`: its input gets the base's size and name, a bilinear Resize behind it; each output
 * that is a map gets the base's size. That Resize stands before what is computed place by place at the end (Softmax over classes, ArgMax,
 * activations), and one that stands there already is given the size instead. Stays inferred; compacts. Errors: NOMEM; SHAPE.
 */
FET_MUST_CHECK fet_status fet_inner_size_wrap(fet_graph *graph, const fet_graph *base);

#endif
