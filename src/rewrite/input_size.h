// SPDX-License-Identifier: Apache-2.0
/*
 * Another height and width of the input. Weights stay as they are; maps get smaller or larger with the image. Constants and windows that
 * name a size of a map follow: targets of Reshape and Expand, sizes of Resize, a pool over the whole map. The function changes (a network
 * sees smaller things), so it is a start for training; a resolution is among the cheapest ways to less latency (Howard et al. 2017; Tan &
 * Le 2019).
 *
 * Sizes are counted in parts: H and W of every map are whole numbers of the same share of the input's, so a size of k / parts of the
 * input's keeps every stride integral. An input of 128x128 with maps down to 4x4 has 4 parts of 32, one of 28x28 with 7x7 has 7 of 4.
 * Between such sizes a deep map is off by less than a pixel, which a network whose outputs do not hang on the map may learn to live with;
 * 80x80 lies usefully between 64x64 and 96x96.
 */
#ifndef FET_REWRITE_INPUT_SIZE_H
#define FET_REWRITE_INPUT_SIZE_H

#include "graph/graph.h"

/* Into how many equal parts the size may be cut; 0 when the network has not one image (N,C,H,W) as its input. */
uint32_t fet_input_size_parts(const fet_graph *graph);

/* The same in steps worth trying: parts are halved while they are few and a step is 32 pixels or more. 0 as above. */
uint32_t fet_input_size_steps(const fet_graph *graph);

/*
 * A copy of `base` (inferred) in `arena`, same ids, with take / of of its height and width, which must be whole; inferred. Where that is a
 * whole number of parts, every map follows exactly, else within a pixel. Changed constants are tensors of the copy's own, of origin FRESH.
 * maps_follow: outputs that are maps (the last two of 3 or 4 dimensions) may follow the input's size; rewrite/inner_size.h then gives the
 * network its old inputs and outputs back. Errors: ARG no such size; SHAPE, naming the node, where the network cannot have the size:
 * weights that depend on it (a matrix over a flattened map), outputs that would change, a map whose size would not follow; NOMEM.
 */
FET_MUST_CHECK fet_status fet_input_size_set(const fet_graph *base, uint32_t take, uint32_t of, bool maps_follow, fet_arena *arena,
                                             fet_graph **out_graph);

#endif
