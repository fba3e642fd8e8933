// SPDX-License-Identifier: Apache-2.0
/* First numbers for the parameters of a graph: by origin from a base graph's tensors, or fresh (Kaiming normal fan-out for convolutions,
 * gamma 1, beta 0, mean 0, variance 1). */
#ifndef FET_ENGINE_INIT_H
#define FET_ENGINE_INIT_H

#include "base/rng.h"
#include "graph/graph.h"

/*
 * Gives every parameter of `graph` that has no tensor yet its numbers. Origins refer to `base` (may be NULL when all are FRESH).
 * Roles (gamma, variance, ...) are read from the node that uses the parameter. Each parameter has a random stream of its own, keyed by
 * (seed, its name).
 */
FET_MUST_CHECK fet_status fet_graph_init_params(fet_graph *graph, const fet_graph *base, uint64_t seed);

/* What an origin gives, plain f32. Errors: SHAPE when the result is not of `shape`. */
FET_MUST_CHECK fet_status fet_origin_apply(const fet_origin *origin, const fet_graph *base, const fet_shape *shape,
                                           fet_tensor **out_tensor);

#endif
