// SPDX-License-Identifier: Apache-2.0
/* Which candidates are trained long, and their training: the base first, which the others learn from, then those that the searches found.
 */
#include "run/search_internal.h"

#include "base/alloc.h"
#include "run/evaluate.h"
#include "run/finalists.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Below the best of a search by this much after a short training, a candidate is not expected to catch up in a long one. */
static const double short_tolerance = 0.03;
/* A variant none of whose finalists reached the bar trains this many further candidates, the most accurate first. */
enum { MAX_EXTRA = 1 };

static fet_finalists_wanted wanted_of(const fet_search *search)
{
    return (fet_finalists_wanted){.latency_limit_ms = search->base_cost.metric[FET_METRIC_LATENCY],
                                  .tolerance = short_tolerance,
                                  .prefers_quality = search->job->prefers_quality};
}

/* Half of the finalists are chosen when the first ones are trained: by then it is known on which side of them to look. */
static uint32_t rounds_of_refinement(const fet_search *search)
{
    return search->job->prefers_quality ? 0 : search->job->finalists / 2;
}

static fet_status add_finalist(fet_search *search, const char *variant, const char *genome, const fet_candidate_cost *cost, double expected)
{
    char parameters[512];
    uint32_t number = search->n_finalists;
    if (number == FET_MAX_FINALISTS) return fet_fail(FET_ERROR_LIMIT, "more than %d finalists", FET_MAX_FINALISTS);
    fet_finalist *f = &search->finalists[number];
    *f = (fet_finalist){.cost = *cost,
                        .expected = expected,
                        .val = NAN,
                        .val_device = NAN,
                        .measured_ms = NAN,
                        .measured_spread = NAN,
                        .test = NAN,
                        .test_device = NAN,
                        .test_low = NAN,
                        .test_high = NAN,
                        .test_device_low = NAN,
                        .test_device_high = NAN,
                        .compared = NAN};
    snprintf(f->variant, sizeof f->variant, "%s", variant);
    snprintf(f->genome, sizeof f->genome, "%s", genome);
    if (search->teacher[0]) snprintf(parameters, sizeof parameters, "{\"variant\": \"%s\", \"teacher\": \"%s\"}", variant, search->teacher);
    else snprintf(parameters, sizeof parameters, "{\"variant\": \"%s\"}", variant);
    search->n_finalists++;
    return fet_search_propose(search, FET_SERIES_FINALISTS, number, FET_FIDELITY_FULL, genome, parameters);
}

static fet_status add_baseline(fet_search *search)
{
    char genome[FET_GENOME_TEXT_BYTES];
    fet_genome base;
    fet_space_base_genome(search->workspace->whole_space, &base);
    fet_genome_print(&base, genome, sizeof genome);
    return add_finalist(search, FET_SERIES_BASELINE, genome, &search->base_cost, NAN);
}

static fet_status add_trial(fet_search *search, const char *variant, const fet_series_trial *trial)
{
    char genome[FET_GENOME_TEXT_BYTES];
    fet_genome_print(&trial->genome, genome, sizeof genome);
    return add_finalist(search, variant, genome, &trial->cost, trial->quality);
}

/* Most often all fail for one reason. */
static fet_status all_failed(const fet_search *search, const char *series, uint32_t n)
{
    fet_trials trials = {0};
    const char *reason = NULL;
    fet_error_clear();
    FET_TRY(fet_study_trials(search->workspace->study, series, &trials));
    for (size_t t = 0; t < trials.count && !reason; t++)
        if (trials.items[t].state == FET_TRIAL_FAILED) reason = trials.items[t].reason;
    fet_status status = fet_fail(FET_ERROR_STATE, "%s: every one of %u trials failed, so there is nothing to train further; the first: %s",
                                 series, n, reason ? reason : "unknown");
    fet_trials_clear(&trials);
    return status;
}

static fet_status add_finalists(fet_search *search)
{
    const fet_finalists_wanted wanted = wanted_of(search);
    uint32_t n_first = search->job->finalists - rounds_of_refinement(search);
    for (uint32_t v = 0; v < search->job->n_variants; v++) {
        uint32_t n = search->n_candidates[v], chosen[FET_MAX_FINALISTS], n_chosen = 0;
        const fet_series_trial *trials = search->candidates[v];
        const char *name = search->job->variants[v].name;
        fet_status status = fet_finalists_choose(trials, n, n_first, &wanted, chosen, &n_chosen);
        if (status == FET_ERROR_NOT_FOUND) return all_failed(search, name, n);
        if (status != FET_OK) return fet_note(status, "%s", name);
        for (uint32_t i = 0; i < n_chosen; i++) FET_TRY(add_trial(search, name, &trials[chosen[i]]));
    }
    return FET_OK;
}

static fet_status read_finalists(fet_search *search)
{
    const fet_task_figure_names *names = search->job->task->figures;
    fet_trials trials = {0};
    FET_TRY(fet_study_trials(search->workspace->study, FET_SERIES_FINALISTS, &trials));
    for (size_t t = 0; t < trials.count; t++) {
        const fet_trial *trial = &trials.items[t];
        if (trial->state != FET_TRIAL_DONE || trial->number >= search->n_finalists) continue;
        fet_finalist *f = &search->finalists[trial->number];
        f->val = fet_trial_figure(trial, names[FET_FIGURE_VAL].value, NAN);
        f->val_device = fet_trial_figure(trial, names[FET_FIGURE_VAL_DEVICE].value, NAN);
        double low = fet_trial_figure(trial, names[FET_FIGURE_VAL_DEVICE].low, NAN),
               high = fet_trial_figure(trial, names[FET_FIGURE_VAL_DEVICE].high, NAN);
        f->val_error = isnan(low) || isnan(high) ? 0 : (high - low) / (2 * FET_TASK_Z);
        snprintf(f->weights, sizeof f->weights, "%s", trial->artifact);
    }
    fet_trials_clear(&trials);
    return FET_OK;
}

/* The base, trained on as long as the finalists will be, is the best that there is to learn from; they wait for it. */
static fet_status find_teacher(fet_search *search)
{
    const fet_job *job = search->job;
    if (job->task->needs_original || job->distil_weight == 0 || job->full_epochs == 0) return FET_OK;
    FET_TRY(fet_search_wait(search, FET_SERIES_FINALISTS));
    if (fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(read_finalists(search));
    snprintf(search->teacher, sizeof search->teacher, "%s", search->finalists[0].weights);
    return FET_OK;
}

/* Half the margin: val is about as noisy as the margin is wide, so the other half is left to what test will show. */
double fet_search_quality_bar(const fet_search *search)
{
    return search->finalists[0].val_device - search->job->quality_margin / 2;
}

/* The finalist that answers for a variant; FET_NONE when all its trainings failed. */
static uint32_t winner_of(const fet_search *search, const char *variant)
{
    fet_finalist_figures figures[FET_MAX_FINALISTS];
    uint32_t index[FET_MAX_FINALISTS], n = 0;
    double error = 0;
    for (uint32_t i = 1; i < search->n_finalists; i++) {
        const fet_finalist *f = &search->finalists[i];
        if (strcmp(f->variant, variant) != 0) continue;
        figures[n] =
            (fet_finalist_figures){.quality = f->val_device, .latency_ms = f->cost.metric[FET_METRIC_LATENCY], .expected = f->expected};
        error = fmax(error, f->val_error);
        index[n++] = i;
    }
    uint32_t winner = search->job->prefers_quality ? fet_finalists_best(figures, n, error)
                                                   : fet_finalists_winner(figures, n, fet_search_quality_bar(search));
    return winner == FET_NONE ? FET_NONE : index[winner];
}

static fet_finalist_state state_of(const fet_search *search, const char *variant, const fet_series_trial *trial)
{
    char genome[FET_GENOME_TEXT_BYTES];
    fet_genome_print(&trial->genome, genome, sizeof genome);
    for (uint32_t i = 1; i < search->n_finalists; i++) {
        const fet_finalist *f = &search->finalists[i];
        if (strcmp(f->variant, variant) == 0 && strcmp(f->genome, genome) == 0)
            return f->val_device >= fet_search_quality_bar(search) ? FET_FINALIST_REACHED : FET_FINALIST_MISSED;
    }
    return FET_FINALIST_UNTRAINED;
}

/* Between a finalist that reached the bar and one that missed it, the next of the front. */
static fet_status add_refined(fet_search *search, uint32_t v)
{
    uint32_t n = search->n_candidates[v], next = FET_NONE;
    const char *variant = search->job->variants[v].name;
    const fet_finalists_wanted wanted = wanted_of(search);
    const fet_series_trial *trials = search->candidates[v];
    fet_finalist_state *states = NULL;
    FET_TRY(fet_alloc_zeroed(n, sizeof *states, "the finalists", &states));
    for (uint32_t i = 0; i < n; i++) states[i] = state_of(search, variant, &trials[i]);
    fet_status status = fet_finalists_refine(trials, n, states, &wanted, &next);
    fet_free(states);
    return status != FET_OK || next == FET_NONE ? status : add_trial(search, variant, &trials[next]);
}

/* The most accurate feasible trial that is no finalist yet joins them. */
static fet_status add_extra(fet_search *search, uint32_t v)
{
    uint32_t n = search->n_candidates[v], best = FET_NONE;
    const fet_series_trial *trials = search->candidates[v];
    for (uint32_t i = 0; i < n; i++) {
        if (isnan(trials[i].quality) || trials[i].result.violation > 0 ||
            state_of(search, search->job->variants[v].name, &trials[i]) != FET_FINALIST_UNTRAINED)
            continue;
        if (best == FET_NONE || trials[i].quality > trials[best].quality) best = i;
    }
    return best == FET_NONE ? FET_OK : add_trial(search, search->job->variants[v].name, &trials[best]);
}

static fet_status train_further(fet_search *search)
{
    uint32_t n_refinements = rounds_of_refinement(search);
    for (uint32_t round = 0; round < n_refinements + MAX_EXTRA; round++) {
        uint32_t before = search->n_finalists;
        for (uint32_t v = 0; v < search->job->n_variants; v++) {
            uint32_t winner = winner_of(search, search->job->variants[v].name);
            bool is_reached = winner != FET_NONE && search->finalists[winner].val_device >= fet_search_quality_bar(search);
            if (!is_reached) FET_TRY(add_extra(search, v));
            else if (round < n_refinements) FET_TRY(add_refined(search, v));
        }
        if (search->n_finalists == before) return FET_OK;
        fet_search_news(search, "training %u more, near the edge of the base's quality", search->n_finalists - before);
        FET_TRY(fet_search_wait(search, FET_SERIES_FINALISTS));
        if (fet_search_is_stopped(search)) return FET_OK;
        FET_TRY(read_finalists(search));
    }
    return FET_OK;
}

fet_status fet_search_phase_finalists(fet_search *search)
{
    search->phase = "finalists";
    FET_TRY(add_baseline(search));
    FET_TRY(find_teacher(search));
    if (fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(fet_search_candidates(search));
    if (fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(add_finalists(search));
    fet_search_news(search, "training %u finalists, %s", search->n_finalists - 1,
                    search->teacher[0] ? "which learn from the base as well" : "and the base as long as they");
    FET_TRY(fet_search_wait(search, FET_SERIES_FINALISTS));
    if (fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(read_finalists(search));
    if (isnan(search->finalists[0].val_device))
        return fet_fail(FET_ERROR_STATE, "%s: the base could not be trained as a finalist; `fettle study show %s` says why",
                        search->workspace->dir, search->workspace->dir);
    FET_TRY(train_further(search));
    search->rows[search->n_rows++] = 0;
    for (uint32_t v = 0; v < search->job->n_variants; v++) {
        uint32_t winner = winner_of(search, search->job->variants[v].name);
        if (winner != FET_NONE) search->rows[search->n_rows++] = winner;
    }
    return FET_OK;
}
