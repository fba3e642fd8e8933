// SPDX-License-Identifier: Apache-2.0
/*
 * A limit on latency is to hold as measured. Before any candidate is trained long, those that might be are measured whole, in turns with
 * the base, and keep the limit or do not by that; what was measured is kept, so that neither a resumed study nor the same job once more
 * chooses otherwise.
 */
#include "run/search_internal.h"

#include "base/alloc.h"
#include "run/expected_quality.h"
#include "run/whole.h"
#include "run/whole_known.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* Predicted beyond a limit by more than this share of it, a candidate is not expected to keep it as measured. */
static const double MAY_KEEP = 0.05;
enum { MOST_EACH = 48 }; /* of one search */

/* Candidates to measure, of all searches; [0] is the base. */
typedef struct due {
    char *paths[FET_WHOLE_MAX]; /* ONNX files in the study's folder, gone afterwards */
    uint64_t hash[FET_WHOLE_MAX];
    double ms[FET_WHOLE_MAX], spread[FET_WHOLE_MAX];
    uint32_t n;
} due;

static bool limits_latency(const fet_job *job)
{
    for (uint32_t l = 0; l < job->n_limits; l++)
        if (job->limits[l].metric == FET_METRIC_LATENCY) return true;
    return false;
}

static bool is_due(const due *d, uint64_t hash)
{
    for (uint32_t i = 0; i < d->n; i++)
        if (d->hash[i] == hash) return true;
    return false;
}

static fet_status write_network(fet_search *search, fet_costs *costs, const fet_genome *genome, uint32_t place, due *d)
{
    fet_between_sample sample;
    FET_TRY(fet_workspace_path(search->workspace, &d->paths[place], "whole-%u.onnx", place));
    FET_TRY(fet_costs_sample(costs, genome, d->paths[place], &sample));
    return fet_pool_pump(search->pool, 0);
}

/* The most accurate of a search that are not known yet. */
static fet_status collect(fet_search *search, uint32_t v, const fet_whole_known *known, due *d)
{
    const fet_series_trial *trials = search->candidates[v];
    uint32_t n = search->n_candidates[v], left = MOST_EACH;
    bool *seen = NULL;
    FET_TRY(fet_alloc_zeroed(n + 1, sizeof *seen, "candidates", &seen));
    fet_status status = FET_OK;
    for (; left && d->n < FET_WHOLE_MAX && status == FET_OK; left--) {
        uint32_t best = FET_NONE;
        for (uint32_t i = 0; i < n; i++)
            if (!seen[i] && !isnan(trials[i].quality) && trials[i].result.violation <= MAY_KEEP &&
                (best == FET_NONE || trials[i].quality > trials[best].quality))
                best = i;
        if (best == FET_NONE || fet_search_is_stopped(search)) break;
        seen[best] = true;
        uint64_t hash = trials[best].cost.hash;
        if (is_due(d, hash) || fet_whole_known_find(known, search->base_cost.hash, hash)) continue;
        d->hash[d->n] = hash;
        status = write_network(search, search->costs[v], &trials[best].genome, d->n++, d);
    }
    fet_free(seen);
    return status;
}

static fet_status measure(fet_search *search, due *d, fet_whole_known *known)
{
    fet_genome base;
    fet_space_base_genome(search->workspace->whole_space, &base);
    d->hash[d->n++] = search->base_cost.hash;
    for (uint32_t v = 0; v < search->job->n_variants; v++) FET_TRY(collect(search, v, known, d));
    if (d->n == 1 || fet_search_is_stopped(search)) return FET_OK;
    FET_TRY(write_network(search, search->whole_costs, &base, 0, d));
    fet_search_progress(search, "measuring %u candidates whole, in turns with the base", d->n - 1);
    FET_TRY(fet_whole_measure(search->device, (const char *const *)d->paths, d->n, FET_WHOLE_TOGETHER, d->ms, d->spread));
    for (uint32_t i = 1; i < d->n; i++) {
        fet_whole_entry entry = {.base = d->hash[0], .network = d->hash[i], .base_ms = d->ms[0], .network_ms = d->ms[i]};
        FET_TRY(fet_whole_known_add(known, &entry));
    }
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

/* The study's own lines first: what it chose by stays. */
static fet_status read_known(fet_search *search, const char *path, fet_whole_known *known)
{
    char *text = NULL;
    fet_status status = fet_study_get(search->workspace->study, "whole", &text);
    if (status == FET_OK) status = fet_whole_known_parse(search->workspace->dir, text, known);
    fet_free(text);
    if (status == FET_ERROR_NOT_FOUND) {
        fet_error_clear();
        status = FET_OK;
    }
    return status == FET_OK && path ? fet_whole_known_read(path, fet_device_describe(search->device), known) : status;
}

static fet_status keep_known(fet_search *search, const char *path, const fet_whole_known *known)
{
    char *text = NULL;
    FET_TRY(fet_whole_known_print(known, search->base_cost.hash, &text));
    fet_status status = fet_study_set(search->workspace->study, "whole", text);
    fet_free(text);
    return status == FET_OK && path ? fet_whole_known_write(path, fet_device_describe(search->device), known) : status;
}

static fet_status measure_and_judge(fet_search *search, const char *path)
{
    fet_whole_known known = {0};
    due *d = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *d, "networks to measure", &d));
    fet_status status = read_known(search, path, &known);
    if (status == FET_OK) status = measure(search, d, &known);
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->paths[i]) unlink(d->paths[i]);
        fet_free(d->paths[i]);
    }
    fet_free(d);
    if (status == FET_OK && !fet_search_is_stopped(search)) status = keep_known(search, path, &known);
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
    if (fet_device_source(search->device) != FET_COST_MEASURED || !limits_latency(search->job)) return FET_OK;
    char *path = NULL;
    FET_TRY(fet_device_side_file(search->device, "whole", &path));
    fet_status status = measure_and_judge(search, path);
    fet_free(path);
    return status;
}
