// SPDX-License-Identifier: Apache-2.0
#include "run/series.h"

#include "base/hash.h"
#include "run/evaluate.h"
#include "run/expected_quality.h"
#include "run/free_capacity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct fet_series {
    fet_workspace *workspace;
    const fet_variant *variant;
    const fet_space *space;
    fet_costs *costs;
    fet_candidate_cost base_cost;
    fet_searcher *searcher;
    fet_series_trial *trials; /* [capacity]; genome and cost from the ask on, the rest once finished */
    bool *finished;
    size_t capacity;
    uint32_t n_asked, n_told, n_in_order; /* n_in_order: finished without a gap */
    uint32_t n_limit;                     /* the job's trials, or fewer when the series was closed */
    fet_series_end end;
    fet_status screen_status; /* the first error of a screen; a callback cannot return it */
};

/* The strategy's cheap look at a candidate: how far its cost is beyond the limits. */
static double screen(void *context, const fet_genome *genome)
{
    fet_series *s = context;
    fet_candidate_cost cost;
    if (s->screen_status == FET_OK) s->screen_status = fet_costs_of(s->costs, genome, &cost);
    return s->screen_status == FET_OK ? fet_costs_violation(s->workspace->job, &cost, &s->base_cost) : 0.0;
}

static void improve(void *context, fet_genome *genome)
{
    fet_series *s = context;
    if (s->screen_status == FET_OK)
        s->screen_status = fet_free_capacity_take(s->costs, fet_space_encoding(s->space), s->workspace->job, &s->base_cost, genome);
}

/* What a candidate costs is known without training it, and of its quality that larger networks tend to be better. */
static void foretell(void *context, const fet_genome *genome, double *objective, double *features)
{
    fet_series *s = context;
    fet_candidate_cost cost = {.macs = 1, .metric = {[FET_METRIC_PARAMS] = 1}};
    const fet_job *job = s->workspace->job;
    if (s->screen_status == FET_OK) s->screen_status = fet_costs_of(s->costs, genome, &cost);
    for (uint32_t o = 1; o < job->n_objectives; o++) objective[o] = cost.metric[job->objectives[o]];
    fet_quality_features(&cost, features);
}

/* A series closed by the time budget keeps its length, so that a resumed one is the same. */
static fet_status read_limit(fet_series *s)
{
    char name[96], *text = NULL;
    snprintf(name, sizeof name, "%s.trials", s->variant->name);
    s->n_limit = s->workspace->job->trials;
    fet_status status = fet_study_get(s->workspace->study, name, &text);
    if (status == FET_ERROR_NOT_FOUND) {
        fet_error_clear();
        return FET_OK;
    }
    FET_TRY(status);
    unsigned limit = 0;
    if (sscanf(text, "%u", &limit) == 1 && limit <= s->n_limit) s->n_limit = limit, s->end = FET_SERIES_BUDGET;
    fet_free(text);
    return FET_OK;
}

fet_status fet_series_create(fet_workspace *workspace, const fet_variant *variant, const fet_space *space, fet_costs *costs,
                             const fet_candidate_cost *base_cost, fet_series **out_series)
{
    const fet_job *job = workspace->job;
    const fet_searcher_ops *ops = NULL;
    FET_TRY(fet_searcher_find(job->strategy, &ops));
    fet_auto(fet_series) s = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *s, "a series", &s));
    *s = (fet_series){.workspace = workspace, .variant = variant, .space = space, .costs = costs, .base_cost = *base_cost};
    FET_TRY(read_limit(s));
    FET_TRY(fet_alloc_zeroed(job->trials, sizeof *s->trials, "a series", &s->trials));
    FET_TRY(fet_alloc_zeroed(job->trials, sizeof *s->finished, "a series", &s->finished));
    s->capacity = job->trials;
    fet_searcher_options options = {
        /* Quality is the first. Who prefers it has limits for the rest: a front of fast networks would only cost trials. */
        .n_objectives = job->prefers_quality ? 1 : job->n_objectives,
        .seed = fet_hash_combine(job->seed, fet_hash(variant->name, strlen(variant->name))),
        .screen = job->n_limits || strcmp(job->device.name, "host") != 0 ? screen : NULL, /* other devices have memories to fit into */
        .improve = job->curate ? improve : NULL,
        .foretell = foretell,
        .n_features = FET_N_QUALITY_FEATURES,
        .screen_context = s,
    };
    FET_TRY(fet_searcher_create(ops, fet_space_encoding(space), &options, &s->searcher));
    *out_series = fet_take(s);
    return FET_OK;
}

void fet_series_destroy(fet_series *series)
{
    if (!series) return;
    fet_searcher_destroy(series->searcher);
    fet_free(series->trials);
    fet_free(series->finished);
    fet_free(series);
}

/* What a finished trial of the store means to the strategy. */
static void take_result(fet_series *s, const fet_trial *trial)
{
    fet_series_trial *t = &s->trials[trial->number];
    const fet_job *job = s->workspace->job;
    double quality = trial->state == FET_TRIAL_DONE ? fet_trial_figure(trial, job->task->figures[FET_FIGURE_VAL_DEVICE].value, NAN) : NAN;
    t->quality = quality;
    t->finished_s = trial->finished_s;
    t->result.violation = fet_costs_violation(job, &t->cost, &s->base_cost);
    for (uint32_t o = 0; o < job->n_objectives; o++) {
        double value = job->objectives[o] == FET_METRIC_QUALITY ? -quality : t->cost.metric[job->objectives[o]];
        t->result.objective[o] = isnan(quality) ? INFINITY : value;
    }
    s->finished[trial->number] = true;
}

static fet_status read_finished(fet_series *s)
{
    fet_trials trials = {0};
    FET_TRY(fet_study_trials(s->workspace->study, s->variant->name, &trials));
    for (size_t i = 0; i < trials.count; i++) {
        const fet_trial *trial = &trials.items[i];
        bool over = trial->state == FET_TRIAL_DONE || trial->state == FET_TRIAL_FAILED;
        if (over && trial->number < s->n_asked && !s->finished[trial->number]) take_result(s, trial);
    }
    fet_trials_clear(&trials);
    while (s->n_in_order < s->n_asked && s->finished[s->n_in_order]) s->n_in_order++;
    return FET_OK;
}

/* The store holds this trial from an earlier run: it must be the one we would propose now. */
static fet_status compare_with_store(fet_series *s, uint32_t number, const char *genome)
{
    fet_trials trials = {0};
    FET_TRY(fet_study_trials(s->workspace->study, s->variant->name, &trials));
    fet_status status = FET_OK;
    for (size_t i = 0; i < trials.count; i++)
        if (trials.items[i].number == number && strcmp(trials.items[i].genome, genome) != 0)
            status = fet_fail(FET_ERROR_STATE,
                              "%s: trial %u of %s is %s in the study but would be %s now: the kernel table or the program changed since; "
                              "use a new output folder",
                              s->workspace->dir, number, s->variant->name, trials.items[i].genome, genome);
    fet_trials_clear(&trials);
    return status;
}

static fet_status propose(fet_series *s, const fet_genome *genome)
{
    char text[FET_GENOME_TEXT_BYTES], parameters[128];
    uint32_t number = s->n_asked;
    FET_TRY(fet_costs_of(s->costs, genome, &s->trials[number].cost));
    s->trials[number].genome = *genome;
    fet_genome_print(genome, text, sizeof text);
    snprintf(parameters, sizeof parameters, "{\"variant\": \"%s\"}", s->variant->name);
    fet_status status = fet_study_propose(s->workspace->study, s->variant->name, number, FET_FIDELITY_SHORT, text, parameters);
    if (status == FET_ERROR_EXISTS) status = compare_with_store(s, number, text);
    FET_TRY(status);
    s->n_asked++;
    return FET_OK;
}

fet_status fet_series_advance(fet_series *s)
{
    FET_TRY(read_finished(s));
    uint32_t lookahead = s->workspace->job->lookahead;
    while (s->n_asked < s->n_limit && s->end != FET_SERIES_EXHAUSTED) {
        uint32_t due = s->n_asked >= lookahead ? s->n_asked - lookahead + 1 : 0;
        if (s->n_told < due) {
            if (s->n_told >= s->n_in_order) return FET_OK;
            FET_TRY(fet_searcher_tell(s->searcher, &s->trials[s->n_told].genome, &s->trials[s->n_told].result));
            s->n_told++;
            continue;
        }
        fet_genome genome;
        bool exhausted = false;
        FET_TRY(fet_searcher_ask(s->searcher, &genome, &exhausted));
        FET_TRY(s->screen_status);
        if (exhausted) s->end = FET_SERIES_EXHAUSTED, s->n_limit = s->n_asked;
        else FET_TRY(propose(s, &genome));
        if (!exhausted) FET_TRY(read_finished(s)); /* on a resume it is finished already */
    }
    if (s->end == FET_SERIES_RUNNING) s->end = FET_SERIES_TRIALS;
    return FET_OK;
}

fet_status fet_series_preview(fet_series *s, uint32_t n, fet_genome *out_genomes, uint32_t *out_n)
{
    bool exhausted = false;
    for (*out_n = 0; *out_n < n;) {
        FET_TRY(fet_searcher_ask(s->searcher, &out_genomes[*out_n], &exhausted));
        FET_TRY(s->screen_status);
        if (exhausted) break;
        ++*out_n;
    }
    return FET_OK;
}

fet_status fet_series_close(fet_series *s)
{
    if (s->n_asked >= s->n_limit) return FET_OK;
    char name[96], text[32];
    snprintf(name, sizeof name, "%s.trials", s->variant->name);
    snprintf(text, sizeof text, "%u", s->n_asked);
    FET_TRY(fet_study_set(s->workspace->study, name, text));
    s->n_limit = s->n_asked;
    s->end = FET_SERIES_BUDGET;
    return FET_OK;
}

bool fet_series_is_done(const fet_series *s)
{
    return s->n_asked >= s->n_limit && s->n_in_order == s->n_asked;
}

fet_series_end fet_series_ended(const fet_series *s)
{
    return s->end;
}

uint32_t fet_series_n_finished(const fet_series *s)
{
    return s->n_in_order;
}

const fet_series_trial *fet_series_trials(const fet_series *s, uint32_t *out_n)
{
    *out_n = s->n_in_order;
    return s->trials;
}
