// SPDX-License-Identifier: Apache-2.0
/*
 * Activations that exporters spell out become one operator, which kernels fuse behind a convolution and swap_activation.h can replace:
 *
 *     clip(x + a, 0, c) / c, clip(x * s + b, 0, 1), in any order of the sums and with / c or * 1/c   ->  HardSigmoid
 *     x * HardSigmoid(x) of slope 1/6 and offset 1/2, also x * clip(x + 3, 0, 6) / 6                   ->  HardSwish
 *     x * Sigmoid(x)                                                                               ->  Swish
 *
 * Keeps the function to rounding.
 */
#ifndef FET_REWRITE_RECOGNISE_ACTIVATION_H
#define FET_REWRITE_RECOGNISE_ACTIVATION_H

#include "graph/graph.h"

/*
 * In place, on an inferred graph; what others read between the parts keeps a pattern from being one operator. The last node of a pattern
 * becomes the operator, so values seen from outside keep their names. Compacts. out_found may be NULL. Errors: NOMEM, after which the graph
 * is still sound.
 */
FET_MUST_CHECK fet_status fet_recognise_activation(fet_graph *graph, uint32_t *out_found);

#endif
