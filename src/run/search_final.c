// SPDX-License-Identifier: Apache-2.0
/* The phases after the searches: long training of the finalists, whole networks measured, the final table's rows on the test split. */
#include "run/search_internal.h"

#include "base/alloc.h"
#include "base/file.h"
#include "format/onnx/onnx.h"
#include "rewrite/fold_batchnorm.h"
#include "run/evaluate.h"
#include "run/finalists.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Below the best of a search by this much after a short training, a candidate is not expected to catch up in a long one. */
static const double short_tolerance = 0.03;
/* A variant none of whose finalists reached the bar trains this many further candidates, the most accurate first. */
enum { MAX_EXTRA = 1, N_MEASURED = 5 };

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

static fet_status add_finalist(fet_search *search, const char *variant, const char *genome, const fet_candidate_cost *cost,
                               double short_quality)
{
    char parameters[512];
    uint32_t number = search->n_finalists;
    if (number == FET_MAX_FINALISTS) return fet_fail(FET_ERROR_LIMIT, "more than %d finalists", FET_MAX_FINALISTS);
    fet_finalist *f = &search->finalists[number];
    *f = (fet_finalist){.cost = *cost,
                        .short_quality = short_quality,
                        .val = NAN,
                        .val_device = NAN,
                        .measured_ms = NAN,
                        .measured_spread = NAN,
                        .test = NAN,
                        .test_device = NAN,
                        .test_low = NAN,
                        .test_high = NAN,
                        .test_device_low = NAN,
                        .test_device_high = NAN};
    snprintf(f->variant, sizeof f->variant, "%s", variant);
    snprintf(f->genome, sizeof f->genome, "%s", genome);
    if (search->teacher[0]) snprintf(parameters, sizeof parameters, "{\"variant\": \"%s\", \"teacher\": \"%s\"}", variant, search->teacher);
    else snprintf(parameters, sizeof parameters, "{\"variant\": \"%s\"}", variant);
    search->n_finalists++;
    return fet_search_propose(search, FET_SERIES_FINALISTS, number, FET_FIDELITY_FULL, genome, parameters);
}

static fet_status add_baseline(fet_search *search)
{
    fet_trials trials = {0};
    FET_TRY(fet_study_trials(search->workspace->study, FET_SERIES_BASELINE, &trials));
    double quality = trials.count ? fet_trial_figure(&trials.items[0], search->job->task->figures[FET_FIGURE_VAL_DEVICE].value, NAN) : NAN;
    fet_trials_clear(&trials);
    char genome[FET_GENOME_TEXT_BYTES];
    fet_genome base;
    fet_space_base_genome(search->workspace->whole_space, &base);
    fet_genome_print(&base, genome, sizeof genome);
    return add_finalist(search, FET_SERIES_BASELINE, genome, &search->base_cost, quality);
}

static fet_status add_trial(fet_search *search, const char *variant, const fet_series_trial *trial)
{
    char genome[FET_GENOME_TEXT_BYTES];
    fet_genome_print(&trial->genome, genome, sizeof genome);
    return add_finalist(search, variant, genome, &trial->cost, trial->quality);
}

static fet_status add_finalists(fet_search *search)
{
    const fet_finalists_wanted wanted = wanted_of(search);
    uint32_t n_first = search->job->finalists - rounds_of_refinement(search);
    for (uint32_t v = 0; v < search->job->n_variants; v++) {
        uint32_t n = 0, chosen[FET_MAX_FINALISTS], n_chosen = 0;
        const fet_series_trial *trials = fet_series_trials(search->series[v], &n);
        const char *name = search->job->variants[v].name;
        fet_status status = fet_finalists_choose(trials, n, n_first, &wanted, chosen, &n_chosen);
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
static double quality_bar(const fet_search *search)
{
    return search->finalists[0].val_device - search->job->quality_margin / 2;
}

/* The finalist that answers for a variant; FET_NONE when all its trainings failed. */
static uint32_t winner_of(const fet_search *search, const char *variant)
{
    fet_finalist_figures figures[FET_MAX_FINALISTS];
    uint32_t index[FET_MAX_FINALISTS], n = 0;
    for (uint32_t i = 1; i < search->n_finalists; i++) {
        const fet_finalist *f = &search->finalists[i];
        if (strcmp(f->variant, variant) != 0) continue;
        figures[n] = (fet_finalist_figures){.quality = f->val_device, .latency_ms = f->cost.metric[FET_METRIC_LATENCY]};
        index[n++] = i;
    }
    /* No bar is reached where the best in quality is wanted. */
    uint32_t winner = n ? fet_finalists_winner(figures, n, search->job->prefers_quality ? INFINITY : quality_bar(search)) : FET_NONE;
    return winner == FET_NONE ? FET_NONE : index[winner];
}

static fet_finalist_state state_of(const fet_search *search, const char *variant, const fet_series_trial *trial)
{
    char genome[FET_GENOME_TEXT_BYTES];
    fet_genome_print(&trial->genome, genome, sizeof genome);
    for (uint32_t i = 1; i < search->n_finalists; i++) {
        const fet_finalist *f = &search->finalists[i];
        if (strcmp(f->variant, variant) == 0 && strcmp(f->genome, genome) == 0)
            return f->val_device >= quality_bar(search) ? FET_FINALIST_REACHED : FET_FINALIST_MISSED;
    }
    return FET_FINALIST_UNTRAINED;
}

/* Between a finalist that reached the bar and one that missed it, the next of the front. */
static fet_status add_refined(fet_search *search, uint32_t v)
{
    uint32_t n = 0, next = FET_NONE;
    const char *variant = search->job->variants[v].name;
    const fet_finalists_wanted wanted = wanted_of(search);
    const fet_series_trial *trials = fet_series_trials(search->series[v], &n);
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
    uint32_t n = 0, best = FET_NONE;
    const fet_series_trial *trials = fet_series_trials(search->series[v], &n);
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
            bool is_reached = winner != FET_NONE && search->finalists[winner].val_device >= quality_bar(search);
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

static void mark_front(fet_search *search)
{
    for (uint32_t i = 0; i < search->n_finalists; i++) {
        fet_finalist *f = &search->finalists[i];
        f->on_front = !isnan(f->val_device);
        for (uint32_t j = 0; j < search->n_finalists && f->on_front; j++) {
            const fet_finalist *g = &search->finalists[j];
            double quality = g->val_device - f->val_device,
                   latency = f->cost.metric[FET_METRIC_LATENCY] - g->cost.metric[FET_METRIC_LATENCY];
            if (j != i && !isnan(g->val_device) && quality >= 0 && latency >= 0 && (quality > 0 || latency > 0 || j < i))
                f->on_front = false;
        }
    }
}

static bool is_row(const fet_search *search, uint32_t finalist)
{
    for (uint32_t r = 0; r < search->n_rows; r++)
        if (search->rows[r] == finalist) return true;
    return false;
}

static fet_status export_finalist(fet_search *search, uint32_t i)
{
    fet_finalist *f = &search->finalists[i];
    char *path = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_evaluate_load(search->workspace, f->variant, f->genome, f->weights, arena, &graph));
    if (i == 0) snprintf(f->file, sizeof f->file, "front/baseline.onnx");
    else snprintf(f->file, sizeof f->file, "front/%s-%u.onnx", f->variant, i);
    FET_TRY(fet_path_join(search->workspace->dir, f->file, &path));
    /* A given network came without norms, or had them folded by whoever runs it; with them it was trained. */
    fet_status status = search->job->base_onnx ? fet_fold_batchnorm(graph, NULL) : FET_OK;
    if (status == FET_OK) status = fet_onnx_write(graph, path, FET_ONNX_OPSET_WRITTEN);
    fet_free(path);
    return status;
}

/* The baseline, every row, and the fastest others of the base's quality, up to five beside the baseline. */
static uint32_t choose_measured(const fet_search *search, uint32_t *index)
{
    uint32_t n = 0;
    for (uint32_t r = 0; r < search->n_rows; r++) index[n++] = search->rows[r];
    while (n < N_MEASURED + 1) {
        uint32_t best = FET_NONE;
        for (uint32_t i = 1; i < search->n_finalists; i++) {
            const fet_finalist *f = &search->finalists[i];
            bool taken = f->file[0] == '\0';
            for (uint32_t k = 0; k < n; k++) taken |= index[k] == i;
            if (taken || f->val_device < quality_bar(search)) continue;
            if (best == FET_NONE || f->cost.metric[FET_METRIC_LATENCY] < search->finalists[best].cost.metric[FET_METRIC_LATENCY]) best = i;
        }
        if (best == FET_NONE) return n;
        index[n++] = best;
    }
    return n;
}

static fet_status measure_whole(fet_search *search)
{
    uint32_t index[FET_MAX_FINALISTS], n = choose_measured(search, index);
    char *paths[FET_MAX_FINALISTS] = {0};
    double measured_ms[FET_MAX_FINALISTS], spread[FET_MAX_FINALISTS];
    fet_status status = FET_OK;
    for (uint32_t i = 0; i < n && status == FET_OK; i++)
        status = fet_path_join(search->workspace->dir, search->finalists[index[i]].file, &paths[i]);
    if (status == FET_OK) status = fet_device_measure_networks(search->device, (const char *const *)paths, n, measured_ms, spread);
    for (uint32_t i = 0; i < n; i++) {
        if (status == FET_OK)
            search->finalists[index[i]].measured_ms = measured_ms[i], search->finalists[index[i]].measured_spread = spread[i];
        fet_free(paths[i]);
    }
    return status;
}

fet_status fet_search_phase_networks(fet_search *search)
{
    char *front = NULL;
    search->phase = "networks";
    mark_front(search);
    FET_TRY(fet_path_join(search->workspace->dir, "front", &front));
    fet_status status = fet_dir_make(front);
    fet_free(front);
    FET_TRY(status);
    for (uint32_t i = 0; i < search->n_finalists; i++)
        if (search->finalists[i].weights[0] && (search->finalists[i].on_front || is_row(search, i))) FET_TRY(export_finalist(search, i));
    if (fet_device_source(search->device) == FET_COST_MEASURED)
        fet_search_progress(search, "measuring whole networks against the base, in turns");
    return measure_whole(search);
}

static fet_status read_tests(fet_search *search)
{
    const fet_task_figure_names *names = search->job->task->figures;
    fet_trials trials = {0};
    FET_TRY(fet_study_trials(search->workspace->study, FET_SERIES_TEST, &trials));
    fet_status status = FET_OK;
    for (size_t t = 0; t < trials.count && status == FET_OK; t++) {
        const fet_trial *trial = &trials.items[t];
        if (trial->number >= search->n_rows) continue;
        fet_finalist *f = &search->finalists[search->rows[trial->number]];
        if (trial->state == FET_TRIAL_FAILED)
            status = fet_fail(FET_ERROR_STATE, "%s could not be evaluated on the test split: %s", f->variant, trial->reason);
        f->test = fet_trial_figure(trial, names[FET_FIGURE_TEST].value, NAN);
        f->test_low = fet_trial_figure(trial, names[FET_FIGURE_TEST].low, NAN);
        f->test_high = fet_trial_figure(trial, names[FET_FIGURE_TEST].high, NAN);
        f->test_device = fet_trial_figure(trial, names[FET_FIGURE_TEST_DEVICE].value, NAN);
        f->test_device_low = fet_trial_figure(trial, names[FET_FIGURE_TEST_DEVICE].low, NAN);
        f->test_device_high = fet_trial_figure(trial, names[FET_FIGURE_TEST_DEVICE].high, NAN);
    }
    fet_trials_clear(&trials);
    return status;
}

/* The network to take: the fastest row, as measured, within the margin of the base at the device's precision on test. */
static void choose(fet_search *search)
{
    fet_finalist_figures figures[FET_MAX_ROWS];
    for (uint32_t r = 0; r < search->n_rows; r++) {
        const fet_finalist *f = &search->finalists[search->rows[r]];
        figures[r] = (fet_finalist_figures){.quality = f->test_device, .latency_ms = f->measured_ms};
    }
    uint32_t winner = fet_finalists_winner(figures, search->n_rows, search->finalists[0].test_device - search->job->quality_margin);
    search->chosen = winner == FET_NONE ? 0 : search->rows[winner];
}

fet_status fet_search_phase_test(fet_search *search)
{
    search->phase = "test";
    for (uint32_t r = 0; r < search->n_rows; r++) {
        const fet_finalist *f = &search->finalists[search->rows[r]];
        char parameters[400];
        snprintf(parameters, sizeof parameters, "{\"variant\": \"%s\", \"weights\": \"%s\"}", f->variant, f->weights);
        FET_TRY(fet_search_propose(search, FET_SERIES_TEST, r, FET_FIDELITY_TEST, f->genome, parameters));
    }
    FET_TRY(fet_search_wait(search, FET_SERIES_TEST));
    if (fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(read_tests(search));
    choose(search);
    return FET_OK;
}
