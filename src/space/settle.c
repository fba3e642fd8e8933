// SPDX-License-Identifier: Apache-2.0
/*
 * What is decided about a block that is left out has no effect: its other decisions get their base options.
 *
 * Genomes that give the same widths become one. A pair of multiplier and stage widths may round to the channels of another pair; the first
 * such pair in a fixed order stands for all: the base's multiplier before the others in order, and for each stage the base's width before
 * the others. What it compares was put into classes by width.c, so the result depends on the widths alone: settling is idempotent and equal
 * networks meet.
 */
#include "space/internal.h"

/* The preferred option of the stage's width that, under multiplier m, gives the channels of `class`; FET_NONE when none does. */
static uint32_t find_width(const fet_space *space, uint32_t stage, uint32_t m, uint32_t class)
{
    const fet_decision *width = &space->decisions[space->stages[stage].decision];
    const uint32_t *row = &space->stage_class[stage][m * width->n_options];
    if (row[width->base_option] == class && !width->options[width->base_option].removed) return width->base_option;
    for (uint32_t w = 0; w < width->n_options; w++)
        if (row[w] == class && !width->options[w].removed) return w;
    return FET_NONE;
}

bool space_is_skipped(const fet_space *space, const fet_genome *genome, uint32_t block)
{
    uint32_t skip = space->sites[block].skip;
    return skip != FET_NONE && genome->option[skip] != space->decisions[skip].base_option;
}

/* Whether multiplier `m` can stand for the genome; writes the widths that it then needs. */
static bool try_multiplier(const fet_space *space, uint32_t from, uint32_t m, const fet_genome *genome, fet_genome *out_genome)
{
    if (space->rest_class[m] != space->rest_class[from]) return false;
    *out_genome = *genome;
    if (space->multiplier != FET_NONE) out_genome->option[space->multiplier] = (uint8_t)m;
    for (uint32_t s = 0; s < space->n_stages; s++) {
        uint32_t d = space->stages[s].decision;
        if (d == FET_NONE) continue;
        if (space->stages[s].inner_of != FET_NONE && space_is_skipped(space, genome, space->stages[s].inner_of)) continue;
        uint32_t w = find_width(space, s, m, space->stage_class[s][from * space->decisions[d].n_options + genome->option[d]]);
        if (w == FET_NONE) return false;
        out_genome->option[d] = (uint8_t)w;
    }
    return true;
}

static void settle_skipped(const fet_space *space, fet_genome *genome)
{
    for (uint32_t b = 0; b < space->blocks.count; b++) {
        const space_sites *sites = &space->sites[b];
        if (!space_is_skipped(space, genome, b)) continue;
        if (sites->form != FET_NONE) genome->option[sites->form] = space->decisions[sites->form].base_option;
        if (sites->inner != FET_NONE) genome->option[sites->inner] = space->decisions[sites->inner].base_option;
        if (sites->kernel != FET_NONE) genome->option[sites->kernel] = space->decisions[sites->kernel].base_option;
    }
}

void space_settle(const void *context, fet_genome *genome)
{
    const fet_space *space = context;
    settle_skipped(space, genome);
    space_settle_precisions(space, genome);
    const fet_decision *multiplier = space->multiplier == FET_NONE ? NULL : &space->decisions[space->multiplier];
    uint32_t from = multiplier ? genome->option[space->multiplier] : 0, base = multiplier ? multiplier->base_option : 0;
    fet_genome settled;
    for (uint32_t i = 0; i < space_n_multipliers(space); i++) {
        uint32_t m = i == 0 ? base : i <= base ? i - 1 : i;
        if (multiplier && multiplier->options[m].removed) continue;
        if (!try_multiplier(space, from, m, genome, &settled)) continue;
        *genome = settled;
        return;
    }
}
