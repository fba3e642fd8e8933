// SPDX-License-Identifier: Apache-2.0
/*
 * A limit on latency is to hold as measured. Before any candidate is trained long, those that might be are measured whole, in turns with
 * the base, and keep the limit or do not by that.
 */
#include "run/search_internal.h"

#include "base/alloc.h"
#include "run/expected_quality.h"

#include <math.h>
#include <string.h>

/* Predicted beyond a limit by more than this share of it, a candidate is not expected to keep it as measured. */
static const double MAY_KEEP = 0.05;
enum { MOST_EACH = 48 }; /* of one search */

/* The most accurate of a search. */
static fet_status collect(fet_search *search, uint32_t v, fet_search_network *networks, uint32_t *n_networks)
{
    const fet_series_trial *trials = search->candidates[v];
    uint32_t n = search->n_candidates[v];
    bool *seen = NULL;
    FET_TRY(fet_alloc_zeroed(n + 1, sizeof *seen, "candidates", &seen));
    for (uint32_t left = MOST_EACH; left; left--) {
        uint32_t best = FET_NONE;
        for (uint32_t i = 0; i < n; i++)
            if (!seen[i] && !isnan(trials[i].quality) && trials[i].result.violation <= MAY_KEEP &&
                (best == FET_NONE || trials[i].quality > trials[best].quality))
                best = i;
        if (best == FET_NONE) break;
        seen[best] = true;
        networks[(*n_networks)++] = (fet_search_network){search->costs[v], trials[best].genome, trials[best].cost.hash};
    }
    fet_free(seen);
    return FET_OK;
}

/* Limits as measured, for every trial of which that is known. */
static void judge(fet_search *search, uint32_t v, const fet_whole_known *known)
{
    uint32_t n_known = 0, n_keep = 0;
    for (uint32_t i = 0; i < search->n_candidates[v]; i++) {
        fet_series_trial *trial = &search->candidates[v][i];
        const fet_whole_entry *entry = fet_whole_known_find(known, search->base_cost.hash, trial->cost.hash);
        if (!entry) continue;
        fet_candidate_cost cost = trial->cost, base = search->base_cost;
        cost.error = 0;
        cost.lesson = (fet_limit_lesson){0};
        cost.metric[FET_METRIC_LATENCY] = entry->network_ms;
        base.metric[FET_METRIC_LATENCY] = entry->base_ms;
        trial->result.violation = fet_costs_violation(search->job, &cost, &base);
        n_known++;
        n_keep += trial->result.violation == 0;
    }
    if (n_known)
        fet_search_news(search, "%s: %u of %u candidates keep the limits as measured whole", search->job->variants[v].name, n_keep,
                        n_known);
}

static fet_status measure_and_judge(fet_search *search, fet_search_network *networks)
{
    fet_whole_known known = {0};
    uint32_t n = 0;
    for (uint32_t v = 0; v < search->job->n_variants; v++) FET_TRY(collect(search, v, networks, &n));
    fet_status status = fet_search_measure_whole(search, networks, n, &known);
    if (status == FET_OK && !fet_search_is_stopped(search))
        for (uint32_t v = 0; v < search->job->n_variants; v++) judge(search, v, &known);
    fet_whole_known_clear(&known);
    return status;
}

fet_status fet_search_candidates(fet_search *search)
{
    for (uint32_t v = 0; v < search->job->n_variants; v++) {
        uint32_t n = 0;
        const fet_series_trial *trials = fet_series_trials(search->series[v], &n);
        FET_TRY(fet_alloc_zeroed(n + 1, sizeof *trials, "candidates", &search->candidates[v]));
        if (n) memcpy(search->candidates[v], trials, n * sizeof *trials);
        search->n_candidates[v] = n;
        FET_TRY(fet_expect_qualities(fet_space_encoding(search->workspace->spaces[v]), search->candidates[v], n));
    }
    if (!fet_search_measures_limits(search)) return FET_OK;
    fet_search_network *networks = NULL;
    FET_TRY(fet_alloc_zeroed((size_t)search->job->n_variants * MOST_EACH + 1, sizeof *networks, "candidates", &networks));
    fet_status status = measure_and_judge(search, networks);
    fet_free(networks);
    return status;
}
