// SPDX-License-Identifier: Apache-2.0
/*
 * Work at the end of a network that the answer does not need: a Softmax or LogSoftmax whose largest entry alone is asked for, and a
 * nearest-neighbour Resize of a map before its ArgMax, which is cheaper the other way round. Both keep the classes; the first changes the
 * numbers (logits come out), so the user asks for it.
 */
#ifndef FET_REWRITE_TRIM_TAIL_H
#define FET_REWRITE_TRIM_TAIL_H

#include "graph/graph.h"

/*
 * In place, on an inferred graph: each output made by a Softmax or LogSoftmax over its classes becomes what that reads; the output keeps
 * its name. Compacts. out_removed may be NULL. Errors: NOMEM, after which the graph is still sound.
 */
FET_MUST_CHECK fet_status fet_trim_softmax(fet_graph *graph, uint32_t *out_removed);

/*
 * In place, on an inferred graph: ArgMax over the channels of a map that a Resize (private to it) made comes first, and the Resize is of
 * its one map of class numbers, by nearest neighbour. Exact when the Resize was by nearest neighbour; others are moved only with
 * `any_mode`, where borders between classes shift by less than a source pixel. out_moved may be NULL. Errors: NOMEM, SHAPE.
 */
FET_MUST_CHECK fet_status fet_trim_resize(fet_graph *graph, bool any_mode, uint32_t *out_moved);

#endif
