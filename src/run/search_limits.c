// SPDX-License-Identifier: Apache-2.0
/*
 * What networks near a limit on latency take, by what is predicted of them: learned before the first trial from the networks that the
 * searches would begin with, measured whole in turns with the base. Kept in the study; what was measured, beside the kernel table too.
 */
#include "run/search_internal.h"

#include "base/alloc.h"
#include "base/median.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_NETWORKS = 12, FEWEST_EACH = 4, MOST_NETWORKS = FET_JOB_MAX_VARIANTS * N_NETWORKS, TEXT_BYTES = 96 };
/* Further from a limit than this, as a share of it, a network says little of those at it. */
static const double NEAR = 0.15;

/* Networks, and what is predicted of them. */
typedef struct sample {
    fet_search_network networks[MOST_NETWORKS];
    double ms[MOST_NETWORKS];
    uint32_t n;
} sample;

static bool is_near(const fet_search *search, const fet_candidate_cost *cost)
{
    const fet_job *job = search->job;
    for (uint32_t l = 0; l < job->n_limits; l++) {
        const fet_limit *limit = &job->limits[l];
        double base = limit->relative ? search->base_cost.metric[FET_METRIC_LATENCY] : 1;
        if (limit->metric == FET_METRIC_LATENCY && fabs(cost->metric[FET_METRIC_LATENCY] / base / limit->value - 1) <= NEAR) return true;
    }
    return false;
}

static fet_status collect(fet_search *search, uint32_t v, sample *s)
{
    const fet_space *space = search->workspace->spaces[v];
    uint32_t n = N_NETWORKS / search->job->n_variants, n_asked = 0;
    fet_genome genomes[N_NETWORKS];
    fet_auto(fet_series) series = NULL;
    FET_TRY(fet_series_create(search->workspace, &search->job->variants[v], space, search->costs[v], &search->base_cost, &series));
    FET_TRY(fet_series_preview(series, n < FEWEST_EACH ? FEWEST_EACH : n, genomes, &n_asked));
    for (uint32_t i = 0; i < n_asked; i++) {
        fet_candidate_cost cost;
        FET_TRY(fet_costs_of(search->costs[v], &genomes[i], &cost));
        if (!is_near(search, &cost)) continue;
        s->networks[s->n] = (fet_search_network){search->costs[v], genomes[i], cost.hash};
        s->ms[s->n++] = cost.metric[FET_METRIC_LATENCY];
    }
    return FET_OK;
}

static fet_limit_lesson lesson_of(const fet_search *search, const sample *s, const fet_whole_known *known)
{
    double alone[MOST_NETWORKS], against[MOST_NETWORKS], off[MOST_NETWORKS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        const fet_whole_entry *entry = fet_whole_known_find(known, search->base_cost.hash, s->networks[i].hash);
        if (!entry) continue;
        alone[n] = entry->network_ms / s->ms[i];
        against[n] = alone[n] * search->base_cost.metric[FET_METRIC_LATENCY] / entry->base_ms;
        n++;
    }
    if (n < FEWEST_EACH) return (fet_limit_lesson){0};
    fet_limit_lesson lesson = {.alone = fet_median(alone, n), .against_base = fet_median(against, n)};
    for (uint32_t i = 0; i < n; i++) off[i] = fabs(against[i] / lesson.against_base - 1);
    lesson.error = fet_median(off, n);
    return lesson;
}

static fet_status learn(fet_search *search, sample *s, fet_limit_lesson *out_lesson)
{
    fet_whole_known known = {0};
    for (uint32_t v = 0; v < search->job->n_variants; v++) FET_TRY(collect(search, v, s));
    fet_status status = fet_search_measure_whole(search, s->networks, s->n, &known);
    if (status == FET_OK) *out_lesson = lesson_of(search, s, &known);
    fet_whole_known_clear(&known);
    return status;
}

static fet_status keep(fet_search *search, const fet_limit_lesson *lesson)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%.9g %.9g %.9g", lesson->alone, lesson->against_base, lesson->error);
    return fet_study_set(search->workspace->study, "limits", text);
}

/* NOT_FOUND: the study has none yet. */
static fet_status read_kept(const fet_search *search, fet_limit_lesson *out_lesson)
{
    char *text = NULL;
    fet_limit_lesson l = {0};
    FET_TRY(fet_study_get(search->workspace->study, "limits", &text));
    bool good = sscanf(text, "%lf %lf %lf", &l.alone, &l.against_base, &l.error) == 3;
    fet_status status =
        good ? FET_OK
             : fet_fail(FET_ERROR_CORRUPT, "%s: setting \"limits\" is \"%.60s\": expected three numbers", search->workspace->dir, text);
    fet_free(text);
    *out_lesson = l;
    return status;
}

static void tell(fet_search *search, const fet_limit_lesson *lesson)
{
    if (lesson->alone > 0)
        fet_search_news(search,
                        "measured whole, networks near the limit take %+.1f%% against what is predicted of them, and %+.1f%% with what the "
                        "base is off by (give or take %.1f%%); limits go by that",
                        100 * (lesson->alone - 1), 100 * (lesson->against_base - 1), 100 * lesson->error);
}

fet_status fet_search_limits(fet_search *search)
{
    fet_limit_lesson lesson = {0};
    if (!fet_search_measures_limits(search)) return FET_OK;
    fet_status status = read_kept(search, &lesson);
    if (status == FET_ERROR_NOT_FOUND) {
        fet_error_clear();
        sample *s = NULL;
        FET_TRY(fet_alloc_zeroed(1, sizeof *s, "networks near the limits", &s));
        status = learn(search, s, &lesson);
        fet_free(s);
        if (status == FET_OK && !fet_search_is_stopped(search)) status = keep(search, &lesson);
    }
    FET_TRY(status);
    for (uint32_t v = 0; v < search->job->n_variants; v++) fet_costs_set_lesson(search->costs[v], &lesson);
    tell(search, &lesson);
    return FET_OK;
}
