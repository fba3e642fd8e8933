// SPDX-License-Identifier: Apache-2.0
#include "space/space.h"

#include "space/internal.h"

static const fet_dtype default_precisions[] = {FET_DTYPE_BF16};
static const double default_multipliers[] = {0.5, 0.75, 1, 1.25}, default_resolutions[] = {0.5, 0.625, 0.75, 1};

fet_space_options fet_space_default_options(void)
{
    return (fet_space_options){
        .kinds = FET_SPACE_FUSE,
        .search_block_form = true,
        .search_width = true,
        .width_low = 0.5,
        .width_high = 1.5,
        .multipliers = default_multipliers,
        .n_multipliers = sizeof default_multipliers / sizeof *default_multipliers,
        .resolutions = default_resolutions,
        .n_resolutions = sizeof default_resolutions / sizeof *default_resolutions,
        .precisions = default_precisions,
        .n_precisions = sizeof default_precisions / sizeof *default_precisions,
        .curate = true,
        .parallelism = {1, 1},
    };
}

static fet_status fill(fet_space *space, const fet_space_options *options)
{
    FET_TRY(space_discover(space, options));
    space->groups.scores = options->scores;
    FET_TRY(fet_blueprint_init(space->base, &space->groups, space->patches, space->n_patches, space->arena, &space->blueprint));
    FET_TRY(space_rebase_resolutions(space));
    space->groups.scores = NULL; /* the caller's; every order is in the blueprints now */
    FET_TRY(space_tabulate_widths(space, options));
    FET_TRY(space_lock(space, options));
    space->encoding.decisions = space->decisions;
    space->encoding.settle = space_settle;
    space->encoding.settle_context = space;
    return fet_encoding_check(&space->encoding);
}

fet_status fet_space_create(const fet_graph *base, const fet_space_options *options, fet_space **out_space)
{
    fet_space_options defaults = fet_space_default_options();
    fet_auto(fet_space) space = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *space, "a search space", &space));
    FET_TRY(fet_arena_create(&space->arena));
    space->base = base;
    if (!options) options = &defaults;
    space->multiplier = space->resolution = space->tail = FET_NONE;
    space->first = options->first;
    space->last = options->last;
    FET_TRY(fill(space, options));
    *out_space = fet_take(space);
    return FET_OK;
}

void fet_space_destroy(fet_space *space)
{
    if (!space) return;
    for (uint32_t o = 0; o < FET_DECISION_MAX_OPTIONS; o++) fet_graph_destroy(space->resized[o]);
    fet_arena_destroy(space->arena);
    fet_free(space);
}

const fet_graph *fet_space_base(const fet_space *space)
{
    return space->base;
}

const fet_encoding *fet_space_encoding(const fet_space *space)
{
    return &space->encoding;
}

const fet_block *fet_space_block(const fet_space *space, uint32_t decision)
{
    for (uint32_t b = 0; b < space->blocks.count; b++) {
        const space_sites *sites = &space->sites[b];
        if (sites->form == decision || sites->kernel == decision || sites->skip == decision || sites->inner == decision ||
            sites->precision == decision)
            return &space->blocks.items[b];
    }
    return NULL;
}
