// SPDX-License-Identifier: Apache-2.0
/*
 * Sizes of the input. Wished shares of the base's height are rounded to whole steps (rewrite/input_size.h);
 * a size that the network cannot have (its head is a matrix over the map) is no option. Where outputs are maps, maps inside alone change:
 * the candidate resizes what comes in and what goes out (rewrite/inner_size.h). The base at each other size is kept with a blueprint of its
 * own, so deriving a candidate costs the same.
 */
#include "space/internal.h"

#include "rewrite/inner_size.h"
#include "rewrite/input_size.h"

#include <math.h>

/* *out_resized stays NULL when the network cannot have the size. */
static fet_status resize(fet_space *space, uint32_t take, uint32_t steps, fet_graph **out_resized)
{
    fet_auto(fet_graph) graph = NULL;
    fet_channel_groups groups;
    fet_status status = fet_input_size_set(space->base, take, steps, true, space->arena, &graph);
    if (status == FET_ERROR_SHAPE) return FET_OK;
    FET_TRY(status);
    if (fet_inner_size_needs_wrap(space->base, graph) && take > steps) return FET_OK; /* more pixels than the image has tell nothing new */
    FET_TRY(fet_channel_groups_find(graph, space->arena, &groups));
    if (fet_channel_groups_same(&groups, &space->groups)) *out_resized = fet_take(graph);
    return FET_OK;
}

static fet_status add_size(fet_space *space, uint32_t take, uint32_t steps, fet_decision *decision)
{
    uint32_t o = decision->n_options;
    const fet_graph *base = space->base;
    const fet_shape *full = &base->values[base->inputs[0]].shape;
    if (take == steps) {
        decision->base_option = (uint8_t)o;
    } else {
        FET_TRY(resize(space, take, steps, &space->resized[o]));
        if (!space->resized[o]) return FET_OK;
    }
    const char *label = fet_arena_printf(space->arena, "%dx%d", (int)(full->dim[2] / steps * take), (int)(full->dim[3] / steps * take));
    if (!label) return fet_arena_full();
    decision->options[o] = (fet_option){.label = label, .value = (double)take / steps};
    decision->n_options++;
    return FET_OK;
}

fet_status space_add_resolution(fet_space *space, const fet_space_options *options)
{
    uint32_t steps = fet_input_size_steps(space->base);
    fet_decision decision = {.name = "resolution", .kind = FET_DECISION_RESOLUTION};
    enum { MOST_TIMES = 4 }; /* a larger image than four times the base's is surely a slip */
    if (options->n_resolutions >= FET_DECISION_MAX_OPTIONS)
        return fet_fail(FET_ERROR_ARG, "%u resolutions, at most %d are possible", options->n_resolutions, FET_DECISION_MAX_OPTIONS - 1);
    for (uint32_t i = 0; i < options->n_resolutions; i++)
        if (!(options->resolutions[i] > 0 && options->resolutions[i] <= MOST_TIMES))
            return fet_fail(FET_ERROR_ARG, "resolution %g: expected a share of the base's above 0, at most %d", options->resolutions[i],
                            MOST_TIMES);
    if (steps < 2) return FET_OK;
    decision.options = fet_arena_zalloc(space->arena, FET_DECISION_MAX_OPTIONS, sizeof *decision.options);
    uint8_t *wanted = fet_arena_zalloc(space->arena, (size_t)MOST_TIMES * steps + 2, 1);
    if (!decision.options || !wanted) return fet_arena_full();
    for (uint32_t i = 0; i < options->n_resolutions; i++) {
        double take = floor(options->resolutions[i] * steps + 0.5); /* of two equally near the larger one, which loses less */
        wanted[take < 1 ? 1 : (uint32_t)take] = 1;
    }
    wanted[steps] = 1;
    for (uint32_t take = 1; take <= MOST_TIMES * steps; take++)
        if (wanted[take]) FET_TRY(add_size(space, take, steps, &decision));
    return decision.n_options < 2 ? FET_OK : space_add_decision(space, &decision, &space->resolution);
}

fet_status space_rebase_resolutions(fet_space *space)
{
    for (uint32_t o = 0; space->resolution != FET_NONE && o < FET_DECISION_MAX_OPTIONS; o++) {
        if (!space->resized[o]) continue;
        FET_TRY(fet_blueprint_rebase(&space->blueprint, space->resized[o], space->arena, &space->resized_blueprint[o]));
    }
    return FET_OK;
}

fet_status space_keep_interface(const fet_space *space, const fet_genome *genome, fet_graph *graph)
{
    const fet_graph *resized = space->resolution == FET_NONE ? NULL : space->resized[genome->option[space->resolution]];
    return resized && fet_inner_size_needs_wrap(space->base, resized) ? fet_inner_size_wrap(graph, space->base) : FET_OK;
}
