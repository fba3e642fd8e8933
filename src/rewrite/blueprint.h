// SPDX-License-Identifier: Apache-2.0
/*
 * A base graph made ready for fast rewriting: patches planned, channels ordered by importance, what each parameter, value and node depends
 * on looked up once. make() then writes a candidate in one pass over the base: some patches on, each channel group at a width. This is the
 * hot path of a search: no heap after the arena is warm, no inference (shapes follow from the widths; tests compare them with a fresh
 * inference).
 *
 * init -> make, any number of times, from any number of threads with an arena each. Immutable after init.
 */
#ifndef FET_REWRITE_BLUEPRINT_H
#define FET_REWRITE_BLUEPRINT_H

#include "rewrite/patch.h"

typedef struct fet_blueprint {
    const fet_graph *base;
    const fet_channel_groups *groups;
    const fet_patch *patches;
    uint32_t n_patches;
    uint32_t *const *order;       /* [n_groups]: channels by importance */
    uint32_t *const *rank;        /* [n_groups]: place of each channel in that order */
    const fet_param_plan *plans;  /* [n_params] */
    const uint8_t *keeps_tensor;  /* [n_params]: constants of the structure, which keep their numbers */
    const uint8_t *follows_group; /* [n_nodes]: a depthwise convolution, whose group attribute is its input's channels */
    const fet_id *tensor_nodes;   /* nodes with a tensor in an attribute */
    uint32_t n_tensor_nodes;
    const uint16_t
        *precisions; /* [n_nodes]: fet_node.precision of a candidate's nodes; NULL: as the base's. For a caller to set in a copy */
} fet_blueprint;

/*
 * `base` (inferred), `groups` and `patches` are borrowed and, like `arena`, outlive the blueprint. Patches that are on together are applied
 * in their order: two may drop the same things and edit what another drops (which then has no effect), but not edit the same node, save
 * that kernel edits may come behind other edits of their convolution. Aliases follow the order of the network.
 */
FET_MUST_CHECK fet_status fet_blueprint_init(const fet_graph *base, const fet_channel_groups *groups, const fet_patch *patches,
                                             uint32_t n_patches, fet_arena *arena, fet_blueprint *out_blueprint);

/*
 * The same blueprint over `resized`, a copy of its base with the same ids and another input size (rewrite/input_size.h). Errors: SHAPE when
 * other dimensions change together there; NOMEM.
 */
FET_MUST_CHECK fet_status fet_blueprint_rebase(const fet_blueprint *blueprint, const fet_graph *resized, fet_arena *arena,
                                               fet_blueprint *out_blueprint);

/*
 * channels[n_groups]: the width of each group; patch_on[n_patches] or NULL for none. The graph lives in `arena` and borrows names,
 * attributes and constants from the base and the blueprint; destroy it before the arena is reset (it retains the constants' tensors).
 * Errors: ARG a fixed group with another width, or 0; NOMEM.
 */
FET_MUST_CHECK fet_status fet_blueprint_make(const fet_blueprint *blueprint, const uint32_t *channels, const uint8_t *patch_on,
                                             fet_arena *arena, fet_graph **out_graph);

#endif
