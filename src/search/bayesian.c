// SPDX-License-Identifier: Apache-2.0
/*
 * Archive local search that asks where most is expected: of unseen genomes around the front (one decision changed or a few, and what
 * repairs those beyond the limits) the one by which the front is expected to gain most. Quality is learned from the trials told
 * (search/gaussian_process.h); what a candidate costs is known without a trial, where the caller foretells it. A trial asked but not yet
 * told counts with the value expected of it, so that asks ahead of tells do not crowd. Sources: local search as the way to find what to
 * ask, white2021bananas; what is gained, emmerich2006single.
 */
#include "base/alloc.h"
#include "search/expected_gain.h"
#include "search/front.h"
#include "search/gaussian_process.h"
#include "search/strategies.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* INITIAL: trials before anything is learned; FEWEST_TOLD, MOST_TOLD: what it is learned of; CHOSEN_BY: trials that choose the kernel. */
enum { INITIAL = 8, POOL = 160, POOL_LOOKS = 192, FEWEST_MEMBERS = 4, MOST_MEMBERS = 64, FEWEST_TOLD = 4, MOST_TOLD = 256, CHOSEN_BY = 96 };

typedef struct candidate {
    double objective[FET_MAX_OBJECTIVES]; /* the first one is a mean */
    double deviation;
} candidate;

typedef struct bayesian_search {
    fet_archive archive;
    fet_front front;
    fet_gp_kernel kernel;
    uint32_t n_chosen; /* trials that the kernel was chosen by */
    /* Scratch of an ask. */
    fet_rng rng;
    fet_gp_point *pool; /* [POOL]: unseen, improved, within the limits; [i] is candidates[i] */
    candidate *candidates;
    uint32_t n_pool, looks_left;
    fet_gp_point *points; /* [capacity]: told trials */
    double *values;
    size_t points_capacity, values_capacity;
} bayesian_search;

static void destroy(void *state)
{
    bayesian_search *search = state;
    if (!search) return;
    fet_archive_deinit(&search->archive);
    fet_front_deinit(&search->front);
    fet_free(search->pool);
    fet_free(search->candidates);
    fet_free(search->points);
    fet_free(search->values);
    fet_free(search);
}

static fet_status create(const fet_encoding *encoding, const fet_searcher_options *options, void **out_state)
{
    bayesian_search *search = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *search, "the search", &search));
    fet_status status = fet_archive_init(encoding, options, &search->archive);
    if (status == FET_OK) status = fet_alloc_zeroed(POOL, sizeof *search->pool, "the search", &search->pool);
    if (status == FET_OK) status = fet_alloc_zeroed(POOL, sizeof *search->candidates, "the search", &search->candidates);
    if (status != FET_OK) {
        destroy(search);
        return status;
    }
    *out_state = search;
    return FET_OK;
}

static void foretell(const bayesian_search *search, const fet_genome *genome, double *objective, double *features)
{
    const fet_searcher_options *options = &search->archive.options;
    if (options->foretell) options->foretell(options->screen_context, genome, objective, features);
}

static bool in_pool(const bayesian_search *search, const fet_genome *genome)
{
    for (uint32_t i = 0; i < search->n_pool; i++)
        if (fet_genome_equal(&search->pool[i].genome, genome)) return true;
    return false;
}

/* Takes what a choice came to, if the screen has nothing against it. */
static void take(bayesian_search *search, const fet_choice *choice)
{
    search->looks_left -= choice->n_screened < search->looks_left ? choice->n_screened : search->looks_left;
    if (!choice->accepted || search->n_pool == POOL || in_pool(search, &choice->best)) return;
    fet_gp_point *point = &search->pool[search->n_pool];
    *point = (fet_gp_point){.genome = choice->best};
    foretell(search, &point->genome, search->candidates[search->n_pool++].objective, point->feature);
}

/* An unseen genome, and what repairs it where it is beyond the limits. */
static void collect(bayesian_search *search, const fet_genome *genome)
{
    fet_choice choice = fet_choice_start(&search->archive);
    if (fet_archive_find(&search->archive, genome) || in_pool(search, genome)) return;
    fet_choice_offer(&choice, genome);
    fet_choice_offer_repaired(&choice, genome, &search->rng);
    take(search, &choice);
}

/* Members of the front, and where there are few the best of the rest, by the first objective. */
static uint32_t choose_members(bayesian_search *search, uint32_t *members)
{
    const fet_archive *archive = &search->archive;
    uint32_t n = 0;
    for (size_t i = 0; i < search->front.n && n < MOST_MEMBERS; i++) members[n++] = search->front.members[i];
    while (n < FEWEST_MEMBERS) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < archive->n; i++) {
            const fet_archive_entry *entry = &archive->entries[i];
            bool taken = !entry->told || entry->result.violation > 0 || !isfinite(entry->result.objective[0]);
            for (uint32_t m = 0; m < n; m++) taken |= members[m] == i;
            if (!taken && (best == UINT32_MAX || entry->result.objective[0] < archive->entries[best].result.objective[0])) best = i;
        }
        if (best == UINT32_MAX) break;
        members[n++] = best;
    }
    return n;
}

/* Around the members in turns, one decision changed or a few. */
static void gather(bayesian_search *search)
{
    enum { DRAWS = 2 * POOL };
    uint32_t members[MOST_MEMBERS], n = choose_members(search, members);
    const fet_encoding *encoding = search->archive.encoding;
    search->n_pool = 0;
    search->looks_left = POOL_LOOKS;
    fet_rng_shuffle(&search->rng, members, n);
    for (uint32_t i = 0; i < DRAWS && n > 0 && search->n_pool < POOL && search->looks_left > 0; i++) {
        fet_genome genome = search->archive.entries[members[i % n]].genome;
        fet_encoding_mutate(encoding, &search->rng, 1.0 / (encoding->n_decisions ? encoding->n_decisions : 1), &genome);
        collect(search, &genome);
    }
}

/* Told trials, the latest first, then those not told yet; failed ones left out. */
static fet_status collect_points(bayesian_search *search, uint32_t *out_told, uint32_t *out_n)
{
    double unused[FET_MAX_OBJECTIVES];
    fet_archive *archive = &search->archive;
    FET_TRY(fet_grow(&search->points, &search->points_capacity, archive->n, sizeof *search->points));
    FET_TRY(fet_grow(&search->values, &search->values_capacity, archive->n, sizeof *search->values));
    uint32_t n = 0;
    for (int told = 1; told >= 0; told--) {
        for (size_t i = archive->n; i-- > 0 && (n < MOST_TOLD || !told);) {
            const fet_archive_entry *entry = &archive->entries[i];
            if (entry->told != told || (told && !isfinite(entry->result.objective[0]))) continue;
            search->points[n].genome = entry->genome;
            foretell(search, &entry->genome, unused, search->points[n].feature);
            search->values[n++] = entry->result.objective[0];
        }
        if (told) *out_told = n;
    }
    *out_n = n;
    return FET_OK;
}

static fet_status learn(bayesian_search *search, uint32_t n_told, uint32_t n, fet_gp **out_gp)
{
    const fet_archive *archive = &search->archive;
    uint32_t n_features = archive->options.foretell ? archive->options.n_features : 0;
    if (n_told >= search->n_chosen + search->n_chosen / 8 + 1) {
        /* The latest say enough of it; a choice costs dozens of fits. */
        fet_gp_kernel kernel = {0};
        uint32_t enough = n_told < CHOSEN_BY ? n_told : CHOSEN_BY;
        FET_TRY(fet_gp_create(archive->encoding, n_features, search->points, search->values, enough, &kernel, out_gp));
        fet_gp_destroy(*out_gp);
        *out_gp = NULL;
        search->kernel = kernel;
        search->n_chosen = n_told;
    }
    FET_TRY(fet_gp_create(archive->encoding, n_features, search->points, search->values, n_told, &search->kernel, out_gp));
    if (n == n_told) return FET_OK;
    double *deviation = NULL;
    FET_TRY(fet_alloc_zeroed(n, sizeof *deviation, "the search", &deviation));
    fet_status status = fet_gp_predict(*out_gp, search->points + n_told, n - n_told, search->values + n_told, deviation);
    fet_free(deviation);
    fet_gp_destroy(*out_gp);
    *out_gp = NULL;
    FET_TRY(status);
    return fet_gp_create(archive->encoding, n_features, search->points, search->values, n, &search->kernel, out_gp);
}

static int by_first(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The pool's candidate of the largest expected gain is offered. */
static fet_status offer_best(bayesian_search *search, fet_choice *choice)
{
    const fet_archive *archive = &search->archive;
    uint32_t m = archive->options.n_objectives, best = 0;
    double reference[FET_MAX_OBJECTIVES], most = -INFINITY, *front = NULL;
    size_t n_front = 0;
    for (uint32_t o = 0; o < m; o++) {
        reference[o] = -INFINITY;
        for (size_t i = 0; i < archive->n; i++)
            if (archive->entries[i].told && isfinite(archive->entries[i].result.objective[o]))
                reference[o] = fmax(reference[o], archive->entries[i].result.objective[o]);
        reference[o] += 0.02 * fabs(reference[o]);
    }
    FET_TRY(fet_alloc_zeroed(search->front.n * m + 1, sizeof *front, "a front", &front));
    for (size_t i = 0; i < search->front.n; i++) {
        const fet_result *result = &archive->entries[search->front.members[i]].result;
        if (result->violation <= 0) memcpy(front + m * n_front++, result->objective, m * sizeof *front);
    }
    qsort(front, n_front, m * sizeof *front, by_first);
    /* Every other ask counts only what is better than the best: who wants networks of the same quality needs that end of the front. */
    if (archive->n % 2 && n_front > 0) reference[0] = front[0];
    fet_status status = FET_OK;
    for (uint32_t i = 0; i < search->n_pool && status == FET_OK; i++) {
        double gain = 0;
        const candidate *c = &search->candidates[i];
        status = fet_expected_gain(front, n_front, m, reference, c->objective, c->deviation, &gain);
        if (gain > most) most = gain, best = i;
    }
    fet_free(front);
    FET_TRY(status);
    if (search->n_pool > 0) fet_choice_offer(choice, &search->pool[best].genome);
    return FET_OK;
}

/* Whether all but the first objective is known of a candidate that was not tried. */
static bool is_foretold(const bayesian_search *search)
{
    const fet_archive *archive = &search->archive;
    bool foretold = archive->options.foretell || archive->options.n_objectives == 1;
    for (size_t i = 0; i < archive->n && !archive->options.screen; i++)
        foretold = foretold && !(archive->entries[i].told && archive->entries[i].result.violation > 0);
    return foretold;
}

/* Any of the front's neighbours, as local search does. */
static void offer_any(bayesian_search *search, fet_choice *choice)
{
    if (search->n_pool > 0) fet_choice_offer(choice, &search->pool[fet_rng_below(&search->rng, search->n_pool)].genome);
}

static fet_status offer_learned(bayesian_search *search, fet_choice *choice)
{
    uint32_t n_told = 0, n = 0;
    FET_TRY(collect_points(search, &n_told, &n));
    gather(search);
    if (n_told < FEWEST_TOLD || !is_foretold(search)) {
        offer_any(search, choice);
        return FET_OK;
    }
    fet_auto(fet_gp) gp = NULL;
    double mean[POOL], deviation[POOL];
    FET_TRY(learn(search, n_told, n, &gp));
    FET_TRY(fet_gp_predict(gp, search->pool, search->n_pool, mean, deviation));
    for (uint32_t i = 0; i < search->n_pool; i++) {
        search->candidates[i].objective[0] = mean[i];
        search->candidates[i].deviation = deviation[i];
    }
    return offer_best(search, choice);
}

static fet_status ask(void *state, fet_genome *out_genome, bool *out_done)
{
    bayesian_search *search = state;
    fet_choice choice = fet_choice_start(&search->archive);
    search->rng = fet_archive_rng(&search->archive);
    fet_choice_offer_start(&choice);
    if (search->archive.n > INITIAL) FET_TRY(offer_learned(search, &choice));
    if (search->archive.n % 2 || search->archive.options.n_objectives == 1) fet_choice_offer_descent(&choice, &search->rng);
    fet_choice_offer_random(&choice, &search->rng);
    return fet_choice_take(&choice, &search->rng, &search->archive, out_genome, out_done);
}

static fet_status tell(void *state, const fet_genome *genome, const fet_result *result)
{
    bayesian_search *search = state;
    return fet_front_tell(&search->front, &search->archive, genome, result);
}

const fet_searcher_ops fet_search_bayesian = {
    .name = "bayesian",
    .cite = "white2021bananas",
    .help = "the neighbour of the Pareto front that is expected to enlarge it most, by what was learned of quality so far",
    .create = create,
    .ask = ask,
    .tell = tell,
    .destroy = destroy,
};
