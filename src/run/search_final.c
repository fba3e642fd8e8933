// SPDX-License-Identifier: Apache-2.0
/* The phases after the finalists' training: whole networks measured, the final table's rows on the test split. */
#include "run/search_internal.h"

#include "base/alloc.h"
#include "base/file.h"
#include "format/onnx/onnx.h"
#include "rewrite/fold_batchnorm.h"
#include "run/evaluate.h"
#include "run/finalists.h"
#include "run/whole.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_MEASURED = 5 };

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
            if (taken || f->val_device < fet_search_quality_bar(search)) continue;
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
    if (status == FET_OK)
        status = fet_whole_measure(search->device, (const char *const *)paths, n, FET_WHOLE_TOGETHER, measured_ms, spread);
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
        f->compared = fet_trial_figure(trial, FET_FIGURE_COMPARED, NAN);
        f->only_it = fet_trial_figure(trial, FET_FIGURE_ONLY_IT, NAN);
        f->only_base = fet_trial_figure(trial, FET_FIGURE_ONLY_BASE, NAN);
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
        char parameters[700], against[300] = "";
        if (search->rows[r]) snprintf(against, sizeof against, ", \"against\": \"%s\"", search->finalists[0].weights);
        snprintf(parameters, sizeof parameters, "{\"variant\": \"%s\", \"weights\": \"%s\"%s}", f->variant, f->weights, against);
        FET_TRY(fet_search_propose(search, FET_SERIES_TEST, r, FET_FIDELITY_TEST, f->genome, parameters));
    }
    FET_TRY(fet_search_wait(search, FET_SERIES_TEST));
    if (fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(read_tests(search));
    choose(search);
    return FET_OK;
}
