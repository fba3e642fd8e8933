// SPDX-License-Identifier: Apache-2.0
/*
 * Which tensor dimensions change together when one width changes: through residual adds, depthwise and grouped convolutions, batch norms,
 * activations, concats, global pools, flattens into a matrix, squeeze-excite multiplies.
 *
 * Every entry of every traced dimension is given a class; entries that must be kept or dropped together share one. A group is a longest run
 * of classes that stand in the same order, side by side, wherever any of them stands; so each traced dimension is a sequence of whole
 * groups, and giving a group another number of channels gives every tensor a consistent shape whatever channels are chosen.
 *
 * Each value is traced along one dimension, its channels: dimension 1, or wherever reshapes, transposes, splits and slices have moved it.
 * A reshape may have cut it into two dimensions of which one keeps its size (channel shuffle: the number of groups). Where a constant names
 * a size that changes (a Reshape's target, a Split's parts, a Slice's bounds, a Resize's sizes), it is listed in `sizes`. Operators that
 * mix channels in a way we do not follow (softmax over channels, products of two computed matrices, ...) and the graph's own inputs and
 * outputs make their groups fixed; nothing is wrong then, only fewer widths can change.
 *
 * A grouped convolution (neither dense nor depthwise) ties the p-th channel of all its groups, so its number of groups never changes.
 * Cost: O(sum of traced dimensions). Immutable after create, all in the caller's arena.
 */
#ifndef FET_REWRITE_CHANNEL_GROUPS_H
#define FET_REWRITE_CHANNEL_GROUPS_H

#include "graph/graph.h"

/* One whole group inside a dimension; each channel takes `inner` consecutive entries (Flatten of C,H,W: H * W). */
typedef struct fet_channel_run {
    uint32_t group;
    uint32_t inner;
} fet_channel_run;

typedef struct fet_channel_dim {
    const fet_channel_run *runs;
    uint32_t n_runs; /* 0: not traced, a fixed size */
    bool summed;     /* a weight's input axis: its consumer adds up over it, so a channel that is repeated must share its weight */
    uint8_t axis;    /* of a value: the dimension that changes */
    uint32_t divide; /* of a value: what the entries stand beside in a second dimension that keeps its size (1: nothing) */
} fet_channel_dim;

/* An entry of a constant that names a size: the entries of `dim`, divided. */
typedef struct fet_channel_size {
    fet_id param;
    uint32_t entry;
    fet_channel_dim dim;
} fet_channel_size;

/* One axis of one parameter in which the group stands. */
typedef struct fet_channel_member {
    fet_id param;
    uint32_t axis;
} fet_channel_member;

typedef struct fet_channel_group {
    uint32_t channels; /* in the graph as it is */
    bool fixed;        /* must keep them all */
    bool mixed;        /* an operator between neighbouring channels (LRN) stands in it: growth does not keep the function */
    const fet_channel_member *members;
    uint32_t n_members;
} fet_channel_group;

typedef struct fet_channel_groups {
    fet_channel_group *groups;
    uint32_t n_groups;
    fet_channel_dim *values; /* [n_values]: the traced dimension of each computed value or input */
    fet_channel_dim *params; /* [n_params * FET_ORIGIN_AXES] */
    fet_channel_size *sizes; /* each entry of each constant at most once */
    uint32_t n_sizes;
    const float *const
        *scores; /* [n_groups] of [channels]: what orders a group's channels instead of magnitudes, or NULL; see importance.h */
} fet_channel_groups;

/* `graph`: inferred. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_channel_groups_find(const fet_graph *graph, fet_arena *arena, fet_channel_groups *out_groups);

/* The same groups, found in two graphs of the same ids, with the same channels but of fixed ones, which may be places of a flattened map.
 */
bool fet_channel_groups_same(const fet_channel_groups *a, const fet_channel_groups *b);

static inline const fet_channel_dim *fet_channel_param_dim(const fet_channel_groups *groups, fet_id param, uint32_t axis)
{
    return &groups->params[(size_t)param * FET_ORIGIN_AXES + axis];
}

/* The one group that dimension 1 of a value is, entry for entry; FET_NONE when there is none such. */
uint32_t fet_channel_group_of_value(const fet_channel_groups *groups, fet_id value);

/* The entries of a dimension when group g has channels[g]. */
static inline int64_t fet_channel_dim_size(const fet_channel_dim *dim, const uint32_t *channels)
{
    int64_t size = 0;
    for (uint32_t r = 0; r < dim->n_runs; r++) size += (int64_t)channels[dim->runs[r].group] * dim->runs[r].inner;
    return size;
}

#endif
