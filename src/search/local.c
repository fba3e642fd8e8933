// SPDX-License-Identifier: Apache-2.0
/*
 * Archive local search: ask an unseen neighbour (one decision changed) of a random non-dominated member; when every neighbour
 * of every member was seen, restart from a random genome. The member is the least crowded of three drawn at random, so that the front grows
 * where it is thin; on the tables of bench/search_tables that beats a plain draw at every budget. Asynchronous by nature: an asked genome
 * is seen at once, and a step needs only the results that are there. Source: White, Nolen, Savani, UAI 2021 (single objective); Paquete,
 * Chiarandini, Stuetzle 2004 for the archive of non-dominated solutions.
 */
#include "base/alloc.h"
#include "search/front.h"
#include "search/pareto.h"
#include "search/strategies.h"

#include <string.h>

enum { INITIAL = 8 }; /* trials before the first step */

typedef struct local_search {
    fet_archive archive;
    fet_front front;
    /* Scratch of an ask: the front's objectives, places and crowding; the unseen neighbours of one member. */
    double *points;
    uint32_t *places;
    double *crowding;
    size_t points_capacity, places_capacity, crowding_capacity;
    fet_genome *neighbours; /* [max_neighbours] */
    uint32_t *neighbour_order;
    uint32_t n_neighbours, max_neighbours;
} local_search;

static void destroy(void *state)
{
    local_search *search = state;
    if (!search) return;
    fet_archive_deinit(&search->archive);
    fet_front_deinit(&search->front);
    fet_free(search->points);
    fet_free(search->places);
    fet_free(search->crowding);
    fet_free(search->neighbours);
    fet_free(search->neighbour_order);
    fet_free(search);
}

static fet_status init(local_search *search, const fet_encoding *encoding, const fet_searcher_options *options)
{
    FET_TRY(fet_archive_init(encoding, options, &search->archive));
    for (uint32_t d = 0; d < encoding->n_decisions; d++) search->max_neighbours += encoding->decisions[d].n_options - 1u;
    FET_TRY(fet_alloc_zeroed(search->max_neighbours, sizeof *search->neighbours, "the local search", &search->neighbours));
    return fet_alloc_zeroed(search->max_neighbours, sizeof *search->neighbour_order, "the local search", &search->neighbour_order);
}

static fet_status create(const fet_encoding *encoding, const fet_searcher_options *options, void **out_state)
{
    local_search *search = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *search, "the local search", &search));
    fet_status status = init(search, encoding, options);
    if (status != FET_OK) {
        destroy(search);
        return status;
    }
    *out_state = search;
    return FET_OK;
}

static bool collect_unseen(void *context, const fet_genome *neighbour)
{
    local_search *search = context;
    if (!fet_archive_find(&search->archive, neighbour)) search->neighbours[search->n_neighbours++] = *neighbour;
    return true;
}

/* Unseen neighbours of one member, in random order, and what repairs those beyond the limits, until one is accepted. */
static void offer_neighbours(local_search *search, const fet_genome *member, fet_rng *rng, fet_choice *choice)
{
    search->n_neighbours = 0;
    fet_encoding_neighbours(search->archive.encoding, member, collect_unseen, search);
    for (uint32_t i = 0; i < search->n_neighbours; i++) search->neighbour_order[i] = i;
    fet_rng_shuffle(rng, search->neighbour_order, search->n_neighbours);
    for (uint32_t i = 0; i < search->n_neighbours && !choice->accepted && choice->n_screened < FET_CHOICE_LOOKS; i++) {
        const fet_genome *neighbour = &search->neighbours[search->neighbour_order[i]];
        fet_choice_offer(choice, neighbour);
        fet_choice_offer_repaired(choice, neighbour, rng);
    }
}

/* places[0..n_front) = 0, 1, ...; crowding of each place. */
static fet_status measure_crowding(local_search *search)
{
    uint32_t n_objectives = search->archive.options.n_objectives;
    FET_TRY(fet_grow(&search->points, &search->points_capacity, search->front.n * n_objectives, sizeof *search->points));
    FET_TRY(fet_grow(&search->places, &search->places_capacity, search->front.n, sizeof *search->places));
    FET_TRY(fet_grow(&search->crowding, &search->crowding_capacity, search->front.n, sizeof *search->crowding));
    for (size_t i = 0; i < search->front.n; i++) {
        const fet_result *result = &search->archive.entries[search->front.members[i]].result;
        memcpy(search->points + i * n_objectives, result->objective, n_objectives * sizeof *search->points);
        search->places[i] = (uint32_t)i;
    }
    return fet_pareto_crowding(search->points, search->places, search->front.n, n_objectives, search->crowding);
}

/* Draws one of places[first..n_front), the least crowded of DRAWS, and puts it first. */
static uint32_t draw_member(local_search *search, size_t first, fet_rng *rng)
{
    enum { DRAWS = 3 };
    size_t best = first + fet_rng_below(rng, (uint32_t)(search->front.n - first));
    for (int i = 1; i < DRAWS; i++) {
        size_t other = first + fet_rng_below(rng, (uint32_t)(search->front.n - first));
        if (search->crowding[search->places[other]] > search->crowding[search->places[best]]) best = other;
    }
    uint32_t place = search->places[best];
    search->places[best] = search->places[first];
    search->places[first] = place;
    return search->front.members[place];
}

static fet_status offer_steps(local_search *search, fet_rng *rng, fet_choice *choice)
{
    FET_TRY(measure_crowding(search));
    for (size_t i = 0; i < search->front.n && !choice->accepted && choice->n_screened < FET_CHOICE_LOOKS; i++)
        offer_neighbours(search, &search->archive.entries[draw_member(search, i, rng)].genome, rng, choice);
    return FET_OK;
}

static fet_status ask(void *state, fet_genome *out_genome, bool *out_done)
{
    local_search *search = state;
    fet_rng rng = fet_archive_rng(&search->archive);
    fet_choice choice = fet_choice_start(&search->archive);
    fet_choice_offer_start(&choice);
    if (search->archive.n > INITIAL) FET_TRY(offer_steps(search, &rng, &choice));
    /* In turns: descents keep more of the base, random genomes see more of the front (bench/search_tables, the rows with a limit), where
     * there is one. */
    if (search->archive.n % 2 || search->archive.options.n_objectives == 1) fet_choice_offer_descent(&choice, &rng);
    fet_choice_offer_random(&choice, &rng);
    return fet_choice_take(&choice, &rng, &search->archive, out_genome, out_done);
}

static fet_status tell(void *state, const fet_genome *genome, const fet_result *result)
{
    local_search *search = state;
    return fet_front_tell(&search->front, &search->archive, genome, result);
}

const fet_searcher_ops fet_search_local = {
    .name = "local",
    .cite = "white2021local",
    .help = "archive local search: unseen neighbours of the current Pareto front",
    .create = create,
    .ask = ask,
    .tell = tell,
    .destroy = destroy,
};
