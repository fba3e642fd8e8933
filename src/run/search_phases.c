// SPDX-License-Identifier: Apache-2.0
/* The phases that train the base and search: until the finalists are known. */
#include "run/search_internal.h"

#include "base/clock.h"
#include "run/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Candidates drawn to find the kernels to measure ahead: in a curated space a few thousand meet nearly every kernel there is. */
enum { MEASURE_DRAWS = 3000 };

static bool on_measured(void *context, size_t done, size_t total)
{
    fet_search *search = context;
    fet_search_progress(search, "measuring kernels: %zu of %zu", done, total);
    if (fet_pool_pump(search->pool, 0) != FET_OK) return false; /* told again by the next pump */
    return !fet_search_is_stopped(search);
}

static fet_status tell_base(fet_search *search)
{
    const char *device = fet_device_describe(search->device);
    double ms = search->base_cost.metric[FET_METRIC_LATENCY];
    fet_cost_source source = fet_device_source(search->device);
    if (isinf(ms)) return fet_fail(FET_ERROR_LIMIT, "%s: the base network does not fit into the memory of %s", search->job->path, device);
    if (source == FET_COST_SIMULATED) fet_search_news(search, "the base takes %.4f ms on %s", ms, device);
    else if (search->between.gains)
        fet_search_news(search,
                        "kernels of %s known; the base takes %.4f ms: kernels %.1f us + between them %.1f us (error on networks left out: "
                        "%.1f%% by kernels alone, %.1f%% so, which limits on latency have to spare)",
                        device, ms, 1e3 * (ms - search->base_cost.between_ms), 1e3 * search->base_cost.between_ms,
                        100 * search->between.error_before, 100 * search->between.error_after);
    else
        fet_search_news(search, "kernels of %s known; the base takes %.4f ms (sum of its kernels, %s)", device, ms,
                        fet_cost_source_name(source));
    return FET_OK;
}

/* The device's kernels are measured while the first worker trains the base. */
static fet_status measure_kernels(fet_search *search)
{
    search->phase = "measure";
    size_t missing = 0;
    FET_TRY(fet_costs_create(search->workspace->whole_space, search->device, &search->whole_costs));
    FET_TRY(fet_costs_measure_ahead(search->whole_costs, MEASURE_DRAWS, search->job->seed, on_measured, search, &missing));
    if (fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(fet_search_between(search));
    if (fet_search_is_stopped(search)) return FET_OK;
    fet_genome genome;
    fet_space_base_genome(search->workspace->whole_space, &genome);
    FET_TRY(fet_costs_of(search->whole_costs, &genome, &search->base_cost));
    return tell_base(search);
}

static fet_status base_trial(fet_search *search, bool *out_done)
{
    const fet_task_figure_names *names = search->job->task->figures;
    fet_trials trials = {0};
    FET_TRY(fet_study_trials(search->workspace->study, FET_SERIES_BASE, &trials));
    fet_status status = FET_OK;
    *out_done = trials.count == 1 && trials.items[0].state == FET_TRIAL_DONE;
    if (trials.count == 1 && trials.items[0].state == FET_TRIAL_FAILED)
        status = fet_fail(FET_ERROR_STATE, "the base network could not be trained: %s", trials.items[0].reason);
    if (*out_done)
        fet_search_news(search, "base trained: %s on val %.2f%%, %.2f%% at the device's precision", search->job->task->measure,
                        100 * fet_trial_figure(&trials.items[0], names[FET_FIGURE_VAL].value, NAN),
                        100 * fet_trial_figure(&trials.items[0], names[FET_FIGURE_VAL_DEVICE].value, NAN));
    fet_trials_clear(&trials);
    return status;
}

/* What a given network is fed with is a guess unless the job says it, and a wrong one costs accuracy silently. */
static void show_normalisation(fet_search *search)
{
    const fet_job *job = search->job;
    char mean[96] = "", std[96] = "";
    if (!job->base_onnx) return;
    for (uint32_t i = 0; i < job->data.n_mean; i++)
        snprintf(mean + strlen(mean), sizeof mean - strlen(mean), "%s%.6g", i ? ", " : "", job->data.mean[i]);
    for (uint32_t i = 0; i < job->data.n_std; i++)
        snprintf(std + strlen(std), sizeof std - strlen(std), "%s%.6g", i ? ", " : "", job->data.std[i]);
    fet_search_news(search, "images are given to the network as (pixel - mean) / std, with pixels of 0 to 255, mean %s, std %s", mean, std);
}

/* Said before anything is trained. */
static fet_status check_space(const fet_search *search)
{
    const char *network = search->job->base_onnx;
    if (fet_space_n_decisions(search->workspace->whole_space) > 0) return FET_OK;
    return fet_fail(FET_ERROR_ARG, "%s: none of the decisions asked for is found in it, so there is nothing to search%s%s%s",
                    network ? network : "the base network", network ? "; `fettle space " : "", network ? network : "",
                    network ? "` lists those that are" : "");
}

fet_status fet_search_phase_base(fet_search *search)
{
    search->phase = "base";
    FET_TRY(check_space(search));
    show_normalisation(search);
    FET_TRY(fet_search_propose(search, FET_SERIES_BASE, 0, FET_FIDELITY_BASE, "", "{\"variant\": \"baseline\"}"));
    FET_TRY(measure_kernels(search));
    search->phase = "base";
    FET_TRY(fet_search_wait(search, FET_SERIES_BASE));
    bool done = false;
    FET_TRY(base_trial(search, &done));
    return done ? fet_workspace_base(search->workspace) : FET_OK;
}

/*
 * The base's own genome at the short fidelity: what an unchanged network reaches there. And at the full one, as the first finalist, which
 * the others are compared with and learn from: one core trains it while the others search.
 */
static fet_status propose_baseline(fet_search *search)
{
    char genome[FET_GENOME_TEXT_BYTES];
    fet_genome base;
    fet_space_base_genome(search->workspace->whole_space, &base);
    fet_genome_print(&base, genome, sizeof genome);
    FET_TRY(fet_search_propose(search, FET_SERIES_BASELINE, 0, FET_FIDELITY_SHORT, genome, "{\"variant\": \"baseline\"}"));
    return fet_search_propose(search, FET_SERIES_FINALISTS, 0, FET_FIDELITY_FULL, genome, "{\"variant\": \"baseline\"}");
}

static fet_status create_costs(fet_search *search)
{
    fet_costs_destroy(search->whole_costs); /* it refers to the space of the untrained base */
    search->whole_costs = NULL;
    FET_TRY(fet_costs_create(search->workspace->whole_space, search->device, &search->whole_costs));
    fet_costs_set_between(search->whole_costs, &search->between);
    for (uint32_t v = 0; v < search->job->n_variants; v++) {
        FET_TRY(fet_costs_create(search->workspace->spaces[v], search->device, &search->costs[v]));
        fet_costs_set_between(search->costs[v], &search->between);
    }
    return fet_search_limits(search);
}

static fet_status create_series(fet_search *search)
{
    for (uint32_t v = 0; v < search->job->n_variants; v++) {
        const fet_space *space = search->workspace->spaces[v];
        FET_TRY(fet_series_create(search->workspace, &search->job->variants[v], space, search->costs[v], &search->base_cost,
                                  &search->series[v]));
        fet_search_news(search, "%s searches %u decisions, 10^%.1f networks, with \"%s\"", search->job->variants[v].name,
                        fet_space_n_decisions(space), fet_space_log10_size(space), search->job->strategy);
    }
    return FET_OK;
}

static double best_quality(const fet_series *series)
{
    uint32_t n = 0;
    const fet_series_trial *trials = fet_series_trials(series, &n);
    double best = NAN;
    for (uint32_t i = 0; i < n; i++)
        if (!(trials[i].quality <= best) && !isnan(trials[i].quality)) best = trials[i].quality;
    return best;
}

static const char *end_text(fet_series_end end)
{
    switch (end) {
    case FET_SERIES_RUNNING: break;
    case FET_SERIES_TRIALS: return "as many as the job allows";
    case FET_SERIES_EXHAUSTED: return "every network of its space";
    case FET_SERIES_BUDGET: return "the time was up";
    }
    return "running";
}

static void show_series(fet_search *search)
{
    char text[256];
    size_t used = 0;
    for (uint32_t v = 0; v < search->job->n_variants && used < sizeof text; v++) {
        double best = best_quality(search->series[v]);
        char quality[32] = "";
        if (!isnan(best)) snprintf(quality, sizeof quality, " (best %.2f%%)", 100 * best);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %u/%u%s", v ? ", " : "", search->job->variants[v].name,
                                 fet_series_n_finished(search->series[v]), search->job->trials, quality);
    }
    fet_search_progress(search, "%s", text);
}

static fet_status advance_all(fet_search *search, bool *out_done)
{
    *out_done = true;
    for (uint32_t v = 0; v < search->job->n_variants; v++) {
        FET_TRY(fet_series_advance(search->series[v]));
        *out_done &= fet_series_is_done(search->series[v]);
    }
    return FET_OK;
}

fet_status fet_search_phase_series(fet_search *search)
{
    search->phase = "search";
    FET_TRY(create_costs(search)); /* measures, so nothing is trained meanwhile */
    if (fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(propose_baseline(search));
    FET_TRY(create_series(search));
    double start_s = fet_clock_monotonic_s();
    bool done = false;
    FET_TRY(advance_all(search, &done));
    while (!done) {
        if (fet_search_is_stopped(search)) return FET_OK;
        FET_TRY(fet_pool_pump(search->pool, 0.1));
        FET_TRY(advance_all(search, &done));
        if (search->job->budget_s > 0 && fet_clock_monotonic_s() - start_s > search->job->budget_s)
            for (uint32_t v = 0; v < search->job->n_variants; v++) FET_TRY(fet_series_close(search->series[v]));
        uint32_t open = 0;
        FET_TRY(fet_search_look(search, NULL, &open));
        show_series(search);
    }
    for (uint32_t v = 0; v < search->job->n_variants; v++)
        fet_search_news(search, "%s: %u trials (%s), best val %.2f%% after short training", search->job->variants[v].name,
                        fet_series_n_finished(search->series[v]), end_text(fet_series_ended(search->series[v])),
                        100 * best_quality(search->series[v]));
    return fet_search_wait(search, FET_SERIES_BASELINE);
}
