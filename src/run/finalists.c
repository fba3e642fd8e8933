// SPDX-License-Identifier: Apache-2.0
#include "run/finalists.h"

#include <math.h>
#include <stdlib.h>

static double latency_of(const fet_series_trial *trial)
{
    return trial->cost.metric[FET_METRIC_LATENCY];
}

/* What a trial must keep to be looked at: at most so much violation, and faster than the base. */
typedef struct trial_bounds {
    double violation, latency_ms;
} trial_bounds;

static bool is_usable(const fet_series_trial *trial, const trial_bounds *bounds)
{
    return !isnan(trial->quality) && trial->result.violation <= bounds->violation && latency_of(trial) < bounds->latency_ms;
}

/* No violation where something is feasible, else the least there is; the limit on latency falls when nothing keeps it. */
static trial_bounds find_bounds(const fet_series_trial *trials, uint32_t n, double latency_limit_ms)
{
    trial_bounds found = {INFINITY, latency_limit_ms};
    for (int round = 0; round < 2 && isinf(found.violation); round++) {
        if (round) found.latency_ms = INFINITY;
        for (uint32_t i = 0; i < n; i++) {
            bool usable = !isnan(trials[i].quality) && latency_of(&trials[i]) < found.latency_ms;
            if (usable && trials[i].result.violation < found.violation) found.violation = trials[i].result.violation;
        }
    }
    return found;
}

/* The front: no usable trial is at least as good in both figures and better in one; of equal ones the first. */
static bool is_on_front(const fet_series_trial *trials, uint32_t n, uint32_t i, const trial_bounds *bounds)
{
    for (uint32_t j = 0; j < n; j++) {
        if (j == i || !is_usable(&trials[j], bounds)) continue;
        double quality = trials[j].quality - trials[i].quality, latency = latency_of(&trials[i]) - latency_of(&trials[j]);
        bool equal = quality == 0 && latency == 0;
        if (equal ? j < i : quality >= 0 && latency >= 0) return false;
    }
    return true;
}

/* Insertion sort by latency: fronts are short. */
static void sort_by_latency(const fet_series_trial *trials, uint32_t *index, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t j = i; j > 0 && latency_of(&trials[index[j]]) < latency_of(&trials[index[j - 1]]); j--) {
            uint32_t swapped = index[j];
            index[j] = index[j - 1];
            index[j - 1] = swapped;
        }
}

/* What may become a finalist, fastest first: the front, or all where quality is preferred. */
static fet_status list_usable(const fet_series_trial *trials, uint32_t n, const fet_finalists_wanted *wanted, uint32_t **out_list,
                              uint32_t *out_n)
{
    trial_bounds kept = find_bounds(trials, n, wanted->latency_limit_ms);
    if (isinf(kept.violation)) return fet_fail(FET_ERROR_NOT_FOUND, "every one of %u trials failed", n);
    double best = -INFINITY;
    for (uint32_t i = 0; i < n; i++)
        if (is_usable(&trials[i], &kept) && trials[i].quality > best) best = trials[i].quality;
    FET_TRY(fet_alloc_zeroed(n, sizeof **out_list, "a front", out_list));
    for (uint32_t i = 0; i < n; i++) {
        if (!is_usable(&trials[i], &kept) || trials[i].quality < best - wanted->tolerance) continue;
        if (wanted->prefers_quality || is_on_front(trials, n, i, &kept)) (*out_list)[(*out_n)++] = i;
    }
    sort_by_latency(trials, *out_list, *out_n);
    return FET_OK;
}

/* The k most accurate stay, in their order; of equal ones the fastest. */
static uint32_t keep_most_accurate(const fet_series_trial *trials, const uint32_t *list, uint32_t n, uint32_t k, uint32_t *out_index)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t better = 0;
        for (uint32_t j = 0; j < n; j++) {
            double more = trials[list[j]].quality - trials[list[i]].quality;
            better += more > 0 || (more == 0 && j < i);
        }
        if (better < k) out_index[kept++] = list[i];
    }
    return kept;
}

fet_status fet_finalists_choose(const fet_series_trial *trials, uint32_t n, uint32_t k, const fet_finalists_wanted *wanted,
                                uint32_t *out_index, uint32_t *out_n)
{
    uint32_t *list = NULL, n_list = 0;
    FET_TRY(list_usable(trials, n, wanted, &list, &n_list));
    uint32_t chosen = n_list < k ? n_list : k;
    /* Of n in order, place i of k ends at n i / k: the last is the most accurate, and the fastest comes in only when all do. */
    if (wanted->prefers_quality) chosen = keep_most_accurate(trials, list, n_list, k, out_index);
    else
        for (uint32_t i = 0; i < chosen; i++) out_index[i] = list[(i + 1) * n_list / chosen - 1];
    *out_n = chosen;
    fet_free(list);
    return FET_OK;
}

fet_status fet_finalists_refine(const fet_series_trial *trials, uint32_t n, const fet_finalist_state *states,
                                const fet_finalists_wanted *wanted, uint32_t *out_index)
{
    uint32_t *list = NULL, n_list = 0;
    FET_TRY(list_usable(trials, n, wanted, &list, &n_list));
    uint32_t reached = 0, missed = 0; /* places: the fastest that reached, the one after the last faster one that missed */
    while (reached < n_list && states[list[reached]] != FET_FINALIST_REACHED) {
        if (states[list[reached]] == FET_FINALIST_MISSED) missed = reached + 1;
        reached++;
    }
    *out_index = reached < n_list && missed < reached ? list[missed + (reached - missed) / 2] : FET_NONE;
    fet_free(list);
    return FET_OK;
}

uint32_t fet_finalists_winner(const fet_finalist_figures *figures, uint32_t n, double bar)
{
    uint32_t winner = FET_NONE;
    for (uint32_t i = 0; i < n; i++) {
        if (isnan(figures[i].quality)) continue;
        if (winner == FET_NONE) {
            winner = i;
            continue;
        }
        bool reaches = figures[i].quality >= bar, best_reaches = figures[winner].quality >= bar;
        bool better = reaches != best_reaches ? reaches
                      : reaches               ? figures[i].latency_ms < figures[winner].latency_ms
                                              : figures[i].quality > figures[winner].quality;
        if (better) winner = i;
    }
    return winner;
}

uint32_t fet_finalists_best(const fet_finalist_figures *figures, uint32_t n, double error)
{
    double best = -INFINITY;
    uint32_t winner = FET_NONE;
    for (uint32_t i = 0; i < n; i++) best = fmax(best, figures[i].quality);
    for (uint32_t i = 0; i < n; i++) {
        const fet_finalist_figures *f = &figures[i], *w = &figures[winner == FET_NONE ? 0 : winner];
        if (!(f->quality >= best - error)) continue;
        if (winner == FET_NONE || f->expected > w->expected || (f->expected == w->expected && f->quality > w->quality)) winner = i;
    }
    return winner;
}
