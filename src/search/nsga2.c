// SPDX-License-Identifier: Apache-2.0
/*
 * NSGA-II on categorical genomes: binary tournaments, uniform crossover, one gene in n mutated, the best mu of mu + lambda survive, no
 * genome twice. Asked and told in turn it is the generational algorithm. Asked ahead, it breeds from the generation that is complete: the
 * asks after the last of a generation still use the one before, and their results belong to the next. Source: Deb et al. 2002; constraint
 * domination as there.
 */
#include "base/alloc.h"
#include "search/archive.h"
#include "search/nsga2_core.h"
#include "search/strategies.h"

#include <math.h>
#include <string.h>

enum {
    BREED_TRIES = 64,       /* children that were seen before are thrown away: near the end of a small space most are */
    CROSSOVER_PERCENT = 90, /* Deb's p_c */
};

typedef struct nsga2 {
    fet_archive archive;
    uint32_t *members;  /* [2 population]: the parents, best first, then the told children of the generation under way */
    uint32_t n_parents; /* 0 until the first generation is told */
    uint32_t n_members;
    uint32_t *order;               /* [2 population], scratch */
    uint32_t *sorted;              /* [2 population], scratch */
    double *points;                /* [2 population][n_objectives], scratch */
    double *violation;             /* [2 population], scratch */
    fet_nsga2_standing *standings; /* [2 population]; of the parents */
} nsga2;

static void destroy(void *state)
{
    nsga2 *search = state;
    if (!search) return;
    fet_archive_deinit(&search->archive);
    fet_free(search->members);
    fet_free(search->order);
    fet_free(search->sorted);
    fet_free(search->points);
    fet_free(search->violation);
    fet_free(search->standings);
    fet_free(search);
}

static fet_status init(nsga2 *search, const fet_encoding *encoding, const fet_searcher_options *options)
{
    static const char what[] = "a population";
    size_t n = 2 * (size_t)options->population;
    FET_TRY(fet_archive_init(encoding, options, &search->archive));
    FET_TRY(fet_alloc_zeroed(n, sizeof *search->members, what, &search->members));
    FET_TRY(fet_alloc_zeroed(n, sizeof *search->order, what, &search->order));
    FET_TRY(fet_alloc_zeroed(n, sizeof *search->sorted, what, &search->sorted));
    FET_TRY(fet_alloc_zeroed(n * options->n_objectives, sizeof *search->points, what, &search->points));
    FET_TRY(fet_alloc_zeroed(n, sizeof *search->violation, what, &search->violation));
    return fet_alloc_zeroed(n, sizeof *search->standings, what, &search->standings);
}

static fet_status create(const fet_encoding *encoding, const fet_searcher_options *options, void **out_state)
{
    nsga2 *search = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *search, "NSGA-II", &search));
    fet_status status = init(search, encoding, options);
    if (status != FET_OK) {
        destroy(search);
        return status;
    }
    *out_state = search;
    return FET_OK;
}

static void breed(nsga2 *search, fet_rng *rng, fet_genome *child)
{
    const fet_encoding *encoding = search->archive.encoding;
    uint32_t mother = fet_nsga2_tournament(search->standings, search->n_parents, rng);
    uint32_t father = fet_nsga2_tournament(search->standings, search->n_parents, rng);
    *child = search->archive.entries[search->members[mother]].genome;
    if (fet_rng_below(rng, 100) < CROSSOVER_PERCENT) {
        const fet_genome *other = &search->archive.entries[search->members[father]].genome;
        for (uint32_t d = 0; d < child->n; d++)
            if (fet_rng_below(rng, 2)) child->option[d] = other->option[d];
        fet_encoding_canonicalise(encoding, child);
    }
    /* At a rate of 1/n a gene, (1 - 1/n)^n of the children have no gene mutated; fet_encoding_mutate always changes one. */
    double n = encoding->n_decisions;
    if (n > 0 && fet_rng_uniform(rng) >= pow(1 - 1 / n, n)) fet_encoding_mutate(encoding, rng, 1 / n, child);
}

static fet_status ask(void *state, fet_genome *out_genome, bool *out_done)
{
    nsga2 *search = state;
    fet_rng rng = fet_archive_rng(&search->archive);
    fet_choice choice = fet_choice_start(&search->archive);
    fet_choice_offer_start(&choice);
    for (int i = 0; i < BREED_TRIES && search->n_parents > 0 && !choice.accepted; i++) {
        fet_genome child;
        breed(search, &rng, &child);
        fet_choice_offer(&choice, &child);
    }
    fet_choice_offer_random(&choice, &rng);
    return fet_choice_take(&choice, &rng, &search->archive, out_genome, out_done);
}

static void gather(nsga2 *search, const uint32_t *members, uint32_t n)
{
    uint32_t n_objectives = search->archive.options.n_objectives;
    for (uint32_t i = 0; i < n; i++) {
        const fet_result *result = &search->archive.entries[members[i]].result;
        memcpy(search->points + (size_t)i * n_objectives, result->objective, n_objectives * sizeof *search->points);
        search->violation[i] = fet_archive_failed(&search->archive, result) ? INFINITY : result->violation;
    }
}

/* Once a whole generation of children is told, the best of parents and children become the parents of the next. */
static fet_status select_parents(nsga2 *search)
{
    uint32_t n_objectives = search->archive.options.n_objectives, n = search->archive.options.population;
    if (search->n_members - search->n_parents < n) return FET_OK;
    gather(search, search->members, search->n_members);
    FET_TRY(fet_nsga2_order(search->points, search->violation, search->n_members, n_objectives, search->order));
    for (uint32_t i = 0; i < n; i++) search->sorted[i] = search->members[search->order[i]];
    gather(search, search->sorted, n);
    FET_TRY(fet_nsga2_standings(search->points, search->violation, n, n_objectives, search->standings));
    memcpy(search->members, search->sorted, n * sizeof *search->members);
    search->n_parents = search->n_members = n;
    return FET_OK;
}

static fet_status tell(void *state, const fet_genome *genome, const fet_result *result)
{
    nsga2 *search = state;
    uint32_t index;
    FET_TRY(select_parents(search)); /* again, when there was no memory for it last time */
    FET_TRY(fet_archive_tell(&search->archive, genome, result, &index));
    search->members[search->n_members++] = index;
    return select_parents(search);
}

const fet_searcher_ops fet_search_nsga2 = {
    .name = "nsga2",
    .cite = "deb2002nsga2",
    .help = "NSGA-II: non-dominated sorting, crowding, crossover and mutation",
    .create = create,
    .ask = ask,
    .tell = tell,
    .destroy = destroy,
};
