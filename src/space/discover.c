// SPDX-License-Identifier: Apache-2.0
/*
 * Decisions out of a graph. Stages: blocks whose outputs are one channel group, in order of their first block. Decisions stand stage by
 * stage: what there is to decide at its blocks, then its width; what concerns the whole network is last, the multiplier behind all. Names
 * count from stage 1 and block 0 and have nothing to do with the graph's names.
 */
#include "space/internal.h"

#include <stdio.h>

fet_status space_add_decision(fet_space *space, const fet_decision *decision, uint32_t *out_index)
{
    if (space->encoding.n_decisions >= FET_SPACE_MAX_DECISIONS)
        return fet_fail(FET_ERROR_LIMIT, "the base network has more decisions than the %d that a space can hold; the first left out is %s",
                        FET_SPACE_MAX_DECISIONS, decision->name);
    *out_index = space->encoding.n_decisions;
    space->decisions[space->encoding.n_decisions++] = *decision;
    return FET_OK;
}

/* A group that a width may change, or FET_NONE. */
static uint32_t free_group(const fet_space *space, fet_id value)
{
    uint32_t group = fet_channel_group_of_value(&space->groups, value);
    return group == FET_NONE || space->groups.groups[group].fixed ? FET_NONE : group;
}

static fet_status find_stages(fet_space *space)
{
    uint32_t n_blocks = space->blocks.count;
    space->stages = fet_arena_zalloc(space->arena, n_blocks + space->groups.n_groups + 1, sizeof *space->stages);
    space->block_stage = fet_arena_zalloc(space->arena, n_blocks + 1, sizeof *space->block_stage);
    if (!space->stages || !space->block_stage) return fet_arena_full();
    for (uint32_t b = 0; b < n_blocks; b++) {
        uint32_t trunk = fet_channel_group_of_value(&space->groups, space->blocks.items[b].output), s = 0;
        while (s < space->n_stages && (trunk == FET_NONE || space->stages[s].trunk != trunk)) s++;
        if (s == space->n_stages)
            space->stages[space->n_stages++] = (space_stage){.trunk = trunk, .inner_of = FET_NONE, .decision = FET_NONE};
        space->stages[s].n_blocks++;
        space->block_stage[b] = s;
    }
    return FET_OK;
}

/* A group belongs to the first stage that claims it; trunks come before hidden groups. */
static fet_status claim(fet_space *space, uint32_t stage, uint32_t group)
{
    if (group == FET_NONE || space->group_stage[group] != FET_NONE) return FET_OK;
    space->group_stage[group] = stage;
    space->stages[stage].groups[space->stages[stage].n_groups++] = group;
    return FET_OK;
}

static fet_status share_groups(fet_space *space, const fet_space_options *options)
{
    space->group_stage = fet_arena_alloc(space->arena, (space->groups.n_groups + 1) * sizeof *space->group_stage);
    if (!space->group_stage) return fet_arena_full();
    for (uint32_t g = 0; g < space->groups.n_groups; g++) space->group_stage[g] = FET_NONE;
    for (uint32_t s = 0; s < space->n_stages; s++) {
        space_stage *stage = &space->stages[s];
        stage->groups = fet_arena_alloc(space->arena, (2 * stage->n_blocks + 1) * sizeof *stage->groups);
        if (!stage->groups) return fet_arena_full();
        if (stage->trunk != FET_NONE && !space->groups.groups[stage->trunk].fixed) FET_TRY(claim(space, s, stage->trunk));
    }
    for (uint32_t b = 0; b < space->blocks.count; b++) {
        const fet_block *block = &space->blocks.items[b];
        uint32_t s = space->block_stage[b];
        bool has_width = space->stages[s].n_groups > 0 && !(options->kinds & FET_SPACE_INNER_WIDTH); /* its trunk may change */
        if (block->kind == FET_BLOCK_SEPARABLE || !has_width) continue; /* a separable block's middle is the trunk before it */
        FET_TRY(claim(space, s, free_group(space, space->base->nodes[block->depthwise.conv].outputs[0])));
        if (block->expand.conv != FET_NONE) FET_TRY(claim(space, s, free_group(space, space->base->nodes[block->expand.conv].outputs[0])));
    }
    return FET_OK;
}

/* A stage without blocks, for groups of one width; *out_decision: FET_NONE when there is nothing to choose. */
static fet_status add_width(fet_space *space, const space_stage *stage, const char *name, const fet_space_options *options,
                            uint32_t *out_decision)
{
    uint32_t s = space->n_stages;
    fet_decision decision = {.kind = FET_DECISION_WIDTH, .name = name};
    *out_decision = FET_NONE;
    if (!name) return fet_arena_full();
    space->stages[s] = *stage;
    space->stages[s].groups = fet_arena_copy(space->arena, stage->groups, stage->n_groups * sizeof *stage->groups);
    if (!space->stages[s].groups) return fet_arena_full();
    FET_TRY(space_width_options(space, s, options, &decision));
    if (decision.n_options < 2) return FET_OK;
    space->n_stages++;
    for (uint32_t i = 0; i < stage->n_groups; i++) space->group_stage[stage->groups[i]] = s;
    FET_TRY(space_add_decision(space, &decision, &space->stages[s].decision));
    *out_decision = space->stages[s].decision;
    return FET_OK;
}

/* The width between a block's first and last convolution, where it has one of its own. */
static fet_status add_inner(fet_space *space, uint32_t b, uint32_t number_in_stage, const fet_space_options *options)
{
    const fet_block *block = &space->blocks.items[b];
    const fet_id convs[] = {block->depthwise.conv, block->expand.conv};
    uint32_t groups[2];
    space_stage stage = {.groups = groups, .inner_of = b, .decision = FET_NONE};
    if (!(options->kinds & FET_SPACE_INNER_WIDTH) || block->kind == FET_BLOCK_SEPARABLE) return FET_OK;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t group = convs[i] == FET_NONE ? FET_NONE : free_group(space, space->base->nodes[convs[i]].outputs[0]);
        bool is_own = group != FET_NONE && space->group_stage[group] == FET_NONE && (stage.n_groups == 0 || groups[0] != group);
        if (is_own) groups[stage.n_groups++] = group;
    }
    if (stage.n_groups == 0) return FET_OK;
    stage.trunk = groups[0];
    const char *name = fet_arena_printf(space->arena, "stage%u.block%u.inner", space->block_stage[b] + 1, number_in_stage);
    return add_width(space, &stage, name, options, &space->sites[b].inner);
}

static fet_status add_stage(fet_space *space, uint32_t s, const fet_space_options *options)
{
    uint32_t number = 0;
    for (uint32_t b = 0; b < space->blocks.count; b++) {
        if (space->block_stage[b] != s) continue;
        FET_TRY(space_add_block(space, b, number, options));
        FET_TRY(add_inner(space, b, number, options));
        if (options->kinds & FET_SPACE_PRECISION) FET_TRY(space_add_block_precision(space, b, number, options));
        number++;
    }
    if (space->stages[s].n_groups == 0) return FET_OK;
    fet_decision decision = {.kind = FET_DECISION_WIDTH};
    decision.name = fet_arena_printf(space->arena, "stage%u.width", s + 1);
    if (!decision.name) return fet_arena_full();
    FET_TRY(space_width_options(space, s, options, &decision));
    /* One option is no decision; the stage then follows the multiplier alone. */
    return decision.n_options < 2 ? FET_OK : space_add_decision(space, &decision, &space->stages[s].decision);
}

static bool may_have_width(const fet_space *space, uint32_t group)
{
    enum { FEWEST = 4 }; /* fewer channels are no matter of speed */
    return !space->groups.groups[group].fixed && space->group_stage[group] == FET_NONE && space->groups.groups[group].channels >= FEWEST;
}

/* The widest groups as far as there is room, named and listed in the order of the network. */
static fet_status add_groups(fet_space *space, const fet_space_options *options)
{
    uint32_t n = space->groups.n_groups, room = FET_SPACE_MAX_DECISIONS - space->encoding.n_decisions;
    uint8_t *chosen = fet_arena_zalloc(space->arena, n + 1, 1);
    if (!chosen) return fet_arena_full();
    for (uint32_t taken = 1; taken < room; taken++) { /* one is left for the multiplier */
        uint32_t best = FET_NONE;
        for (uint32_t g = 0; g < n; g++)
            if (!chosen[g] && may_have_width(space, g) &&
                (best == FET_NONE || space->groups.groups[g].channels > space->groups.groups[best].channels))
                best = g;
        if (best == FET_NONE) break;
        chosen[best] = 1;
    }
    for (uint32_t g = 0, number = 1; g < n; g++)
        if (chosen[g]) {
            uint32_t group[] = {g}, decision = FET_NONE;
            space_stage stage = {.trunk = g, .groups = group, .n_groups = 1, .inner_of = FET_NONE, .decision = FET_NONE};
            FET_TRY(add_width(space, &stage, fet_arena_printf(space->arena, "group%u.width", number++), options, &decision));
        }
    return FET_OK;
}

fet_status space_discover(fet_space *space, const fet_space_options *options)
{
    FET_TRY(fet_channel_groups_find(space->base, space->arena, &space->groups));
    FET_TRY(fet_blocks_find(space->base, space->arena, &space->blocks));
    space->patches = fet_arena_zalloc(space->arena, space_most_patches(space->blocks.count) + 1, sizeof *space->patches);
    space->sites = fet_arena_alloc(space->arena, (space->blocks.count + 1) * sizeof *space->sites);
    if (!space->patches || !space->sites) return fet_arena_full();
    FET_TRY(find_stages(space));
    FET_TRY(share_groups(space, options));
    if (options->kinds & FET_SPACE_PRECISIONS) FET_TRY(space_find_layers(space, options));
    for (uint32_t s = 0, n = space->n_stages; s < n; s++) FET_TRY(add_stage(space, s, options)); /* those of groups come behind */
    FET_TRY(space_add_network(space, options));
    if (options->kinds & FET_SPACE_RESOLUTION) FET_TRY(space_add_resolution(space, options));
    if (options->kinds & FET_SPACE_TAIL) FET_TRY(space_add_tail(space));
    if (options->kinds & FET_SPACE_PRECISIONS) FET_TRY(space_add_layer_precisions(space, options));
    if (options->kinds & FET_SPACE_GROUP_WIDTH) FET_TRY(add_groups(space, options));
    bool any_free = false;
    for (uint32_t g = 0; g < space->groups.n_groups; g++) any_free |= !space->groups.groups[g].fixed;
    if (!any_free) return FET_OK;
    fet_decision multiplier = {.name = "multiplier", .kind = FET_DECISION_MULTIPLIER};
    FET_TRY(space_multiplier_options(space, options, &multiplier));
    return multiplier.n_options < 2 ? FET_OK : space_add_decision(space, &multiplier, &space->multiplier);
}
