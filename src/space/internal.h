// SPDX-License-Identifier: Apache-2.0
/* Inside of a space. create: discover.c (decisions; sites.c, resolution.c, precision.c) -> width.c (channels for each pair of options) ->
 * lock.c; use: derive.c, settle.c. */
#ifndef FET_SPACE_INTERNAL_H
#define FET_SPACE_INTERNAL_H

#include "rewrite/blocks.h"
#include "rewrite/blueprint.h"
#include "space/space.h"

/* Blocks whose outputs are one channel group, the trunk; or, without blocks, a group that has a width of its own. */
typedef struct space_stage {
    uint32_t trunk; /* group; FET_NONE when the outputs are no single group */
    uint32_t n_blocks;
    uint32_t inner_of; /* the block whose middle it is, or FET_NONE */
    uint32_t *groups;  /* that its width scales: the trunk and its blocks' hidden groups */
    uint32_t n_groups;
    uint32_t decision; /* of its width, or FET_NONE */
} space_stage;

/* Decisions at a block; FET_NONE for what it has not. */
typedef struct space_sites {
    uint32_t form, kernel, skip, inner, precision;
} space_sites;

enum { SPACE_FORM_SPLIT = 5 }; /* the value of the form "ibn" of a fused block */

/* A layer (rewrite/mark_precision.h) whose precision may be decided. */
typedef struct space_layer {
    fet_id node;       /* of the base */
    uint32_t number;   /* among all layers of the base, from 1 */
    uint32_t block;    /* or FET_NONE */
    uint32_t decision; /* on its precision, alone or with its block; FET_NONE */
    uint64_t gone;     /* bit o: it is not there when its block has form o; 0 where the decision is about the block */
} space_layer;

struct fet_space {
    fet_arena *arena;
    const fet_graph *base;
    fet_channel_groups groups;
    fet_blocks blocks;
    fet_patch *patches;
    uint32_t n_patches;
    fet_blueprint blueprint;
    uint32_t resolution;                          /* decision, or FET_NONE: the base's size */
    fet_graph *resized[FET_DECISION_MAX_OPTIONS]; /* by option of it: the base at that size; NULL: as it is */
    fet_blueprint resized_blueprint[FET_DECISION_MAX_OPTIONS];

    space_stage *stages;
    uint32_t n_stages;
    uint32_t *block_stage; /* [blocks] */
    uint32_t *group_stage; /* [groups]: the stage whose width scales it, or FET_NONE */

    fet_encoding encoding;
    fet_decision decisions[FET_SPACE_MAX_DECISIONS];
    const uint32_t *patch_of[FET_SPACE_MAX_DECISIONS]; /* by option: the patch that it switches on, or FET_NONE; NULL: no patches */
    space_sites *sites;                                /* [blocks] */
    uint32_t multiplier;                               /* decision, or FET_NONE: there is one multiplier, 1 */
    uint32_t tail;                                     /* decision, or FET_NONE */
    space_layer *layers;
    uint32_t n_layers;
    bool decides_precision;
    fet_dtype first, last; /* what the first and the last layers of every candidate are computed in; FET_DTYPE_NONE: as the network */

    /* [groups]: channels for each pair (multiplier, width option of the group's stage); NULL for a fixed group. */
    uint32_t **channels;
    /* What settle.c compares: pairs of one stage with equal channels have equal numbers, [stages][pairs]; likewise multipliers for all
     * other groups. */
    uint32_t **stage_class;
    uint32_t *rest_class;
};

static inline uint32_t space_n_multipliers(const fet_space *space)
{
    return space->multiplier == FET_NONE ? 1 : space->decisions[space->multiplier].n_options;
}

/* Width options of the stage that scales a group; 1 for a group without. */
static inline uint32_t space_n_widths(const fet_space *space, uint32_t stage)
{
    return stage == FET_NONE || space->stages[stage].decision == FET_NONE ? 1 : space->decisions[space->stages[stage].decision].n_options;
}

/* Appends a decision; LIMIT when there are too many. Its name and options are the caller's, in the arena. */
fet_status space_add_decision(fet_space *space, const fet_decision *decision, uint32_t *out_index);

/* How many patches may be planned for so many blocks. */
uint32_t space_most_patches(uint32_t n_blocks);
/* The decisions at one block, and those of the whole network. */
fet_status space_add_block(fet_space *space, uint32_t block, uint32_t number_in_stage, const fet_space_options *options);
fet_status space_add_network(fet_space *space, const fet_space_options *options);

/* The decision on the input's size, if there is any size but the base's. */
fet_status space_add_resolution(fet_space *space, const fet_space_options *options);
/* Blueprints of the other sizes, behind that of the base. */
fet_status space_rebase_resolutions(fet_space *space);
/* A candidate whose output maps have another size gets the base's inputs and outputs. */
fet_status space_keep_interface(const fet_space *space, const fet_genome *genome, fet_graph *graph);

/* The decision on the end of the network, if something there can go; and what a genome says of it, done to its candidate. */
fet_status space_add_tail(fet_space *space);
fet_status space_trim_tail(const fet_space *space, const fet_genome *genome, fet_graph *graph);

/* Layers that may be computed in another precision than the network; those that options->first and last name are decided already. */
fet_status space_find_layers(fet_space *space, const fet_space_options *options);
/* The decision on all layers of a block; those on layers of no block, and where so wished on every single one. */
fet_status space_add_block_precision(fet_space *space, uint32_t block, uint32_t number_in_stage, const fet_space_options *options);
fet_status space_add_layer_precisions(fet_space *space, const fet_space_options *options);
/* By node of the base, for a blueprint; NULL where nothing is decided. */
fet_status space_precisions(const fet_space *space, const fet_genome *genome, fet_arena *arena, const uint16_t **out_precisions);
/* Decisions on layers that are not there have no effect. */
void space_settle_precisions(const fet_space *space, fet_genome *genome);

fet_status space_discover(fet_space *space, const fet_space_options *options);

/* Options of a stage's width: trunk channels from low to high shares of the base's. */
fet_status space_width_options(fet_space *space, uint32_t stage, const fet_space_options *options, fet_decision *decision);
fet_status space_multiplier_options(fet_space *space, const fet_space_options *options, fet_decision *decision);
/* Fills channels, stage_class, rest_class. */
fet_status space_tabulate_widths(fet_space *space, const fet_space_options *options);

/* Whether the genome leaves this block out. */
bool space_is_skipped(const fet_space *space, const fet_genome *genome, uint32_t block);

/* The settle function of the encoding; `context` is the space. */
void space_settle(const void *context, fet_genome *genome);

/* Removes what the locks and the switches leave out. */
fet_status space_lock(fet_space *space, const fet_space_options *options);

#endif
