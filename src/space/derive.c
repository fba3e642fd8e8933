// SPDX-License-Identifier: Apache-2.0
#include "rewrite/mark_precision.h"
#include "rewrite/split_fused.h"
#include "space/internal.h"

#include <stdio.h>
#include <string.h>

/* Fused blocks of the base that are to be inverted bottlenecks, and are there. */
static fet_status split_blocks(const fet_space *space, const fet_genome *genome, fet_graph *graph)
{
    for (uint32_t b = 0; b < space->blocks.count; b++) {
        uint32_t form = space->sites[b].form, skip = space->sites[b].skip;
        if (form == FET_NONE || space->decisions[form].options[genome->option[form]].value != SPACE_FORM_SPLIT) continue;
        if (skip != FET_NONE && genome->option[skip] != space->decisions[skip].base_option) continue;
        FET_TRY(fet_split_fused_apply(graph, space->base->nodes[space->blocks.items[b].depthwise.conv].name));
    }
    return FET_OK;
}

fet_status fet_space_derive(const fet_space *space, const fet_genome *genome, fet_arena *arena, fet_graph **out_graph)
{
    if (genome->n != space->encoding.n_decisions)
        return fet_fail(FET_ERROR_ARG, "a genome of %u decisions for a space of %u", genome->n, space->encoding.n_decisions);
    for (uint32_t d = 0; d < genome->n; d++)
        if (genome->option[d] >= space->decisions[d].n_options)
            return fet_fail(FET_ERROR_ARG, "a genome has option %u of %s, which has %u", genome->option[d], space->decisions[d].name,
                            space->decisions[d].n_options);
    uint32_t *channels = fet_arena_alloc(arena, (space->groups.n_groups + 1) * sizeof *channels);
    uint8_t *patch_on = fet_arena_zalloc(arena, space->n_patches + 1, 1);
    if (!channels || !patch_on) return fet_arena_full();
    uint32_t size = space->resolution == FET_NONE ? FET_NONE : genome->option[space->resolution];
    fet_blueprint blueprint = size == FET_NONE || !space->resized[size] ? space->blueprint : space->resized_blueprint[size];
    uint32_t m = space->multiplier == FET_NONE ? 0 : genome->option[space->multiplier];
    for (uint32_t g = 0; g < space->groups.n_groups; g++) {
        uint32_t stage = space->group_stage[g], n_w = space_n_widths(space, stage);
        uint32_t w = n_w > 1 ? genome->option[space->stages[stage].decision] : 0;
        channels[g] = space->channels[g] ? space->channels[g][m * n_w + w] : blueprint.groups->groups[g].channels;
    }
    for (uint32_t d = 0; d < genome->n; d++)
        if (space->patch_of[d] && space->patch_of[d][genome->option[d]] != FET_NONE) patch_on[space->patch_of[d][genome->option[d]]] = 1;
    FET_TRY(space_precisions(space, genome, arena, &blueprint.precisions));
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_blueprint_make(&blueprint, channels, patch_on, arena, &graph));
    FET_TRY(split_blocks(space, genome, graph));
    FET_TRY(space_trim_tail(space, genome, graph));
    FET_TRY(space_keep_interface(space, genome, graph));
    FET_TRY(fet_mark_precision_ends(graph, space->first, space->last));
    *out_graph = fet_take(graph);
    return FET_OK;
}

fet_status fet_genome_describe(const fet_space *space, const fet_genome *genome, char **out_text)
{
    if (genome->n != space->encoding.n_decisions)
        return fet_fail(FET_ERROR_ARG, "a genome of %u decisions for a space of %u", genome->n, space->encoding.n_decisions);
    static const char form[] = ".form";
    size_t room = 8, used = 0;
    for (uint32_t d = 0; d < genome->n; d++) {
        const fet_decision *decision = &space->decisions[d];
        if (genome->option[d] >= decision->n_options)
            return fet_fail(FET_ERROR_ARG, "a genome has option %u of %s, which has %u", genome->option[d], decision->name,
                            decision->n_options);
        room += strlen(decision->name) + strlen(decision->options[genome->option[d]].label) + 2;
    }
    char *text = NULL;
    FET_TRY(fet_alloc_zeroed(room, 1, "a description", &text));
    for (uint32_t d = 0; d < genome->n; d++) {
        const fet_decision *decision = &space->decisions[d];
        if (genome->option[d] == decision->base_option) continue;
        size_t length = strlen(decision->name);
        if (decision->kind == FET_DECISION_BLOCK_FORM) length -= sizeof form - 1;
        int written = snprintf(text + used, room - used, "%s%.*s=%s", used ? " " : "", (int)length, decision->name,
                               decision->options[genome->option[d]].label);
        used += written > 0 ? (size_t)written : 0;
    }
    if (used == 0) snprintf(text, room, "base");
    *out_text = text;
    return FET_OK;
}
