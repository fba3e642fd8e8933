// SPDX-License-Identifier: Apache-2.0
#include "run/evaluate.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "engine/init.h"
#include "format/safetensors/safetensors.h"
#include "run/evaluate_external.h"
#include "run/importance.h"
#include "run/renormalise.h"
#include "task/compare.h"
#include "task/refit.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Batches of training data that set the running statistics of inherited weights before they are trained: 8 of 64 fix mean and variance
 * well. */
enum { RECALIBRATION_BATCHES = 8 };

typedef struct call {
    fet_workspace *workspace;
    const fet_trial *trial;
    fet_evaluate_progress progress;
    void *context;
    fet_evaluation *out;
} call;

static void add_figure(call *c, const char *name, double value, const char *unit, const char *source)
{
    if (c->out->n_figures < FET_EVALUATE_MAX_FIGURES)
        c->out->figures[c->out->n_figures++] = (fet_figure){.name = name, .value = value, .unit = unit, .source = source};
}

void fet_evaluation_clear(fet_evaluation *evaluation)
{
    fet_free(evaluation->artifact);
    fet_free(evaluation->names);
    *evaluation = (fet_evaluation){0};
}

/* A string of the trial's parameters; "" when it is not there. `buffer` receives it. */
static fet_status parameter(const fet_trial *trial, const char *name, char *buffer, size_t bytes)
{
    json_error_t error;
    json_t *root = json_loads(trial->parameters[0] ? trial->parameters : "{}", 0, &error);
    if (!root) return fet_fail(FET_ERROR_CORRUPT, "trial %s %u: parameters are no JSON: %s", trial->series, trial->number, error.text);
    const char *text = json_string_value(json_object_get(root, name));
    snprintf(buffer, bytes, "%s", text ? text : "");
    json_decref(root);
    return FET_OK;
}

/* Streams of one trial never meet those of another series' trial of the same number. */
static uint64_t trial_key(const fet_trial *trial)
{
    return fet_hash_combine(fet_hash(trial->series, strlen(trial->series)), trial->number);
}

static fet_train_options train_options(call *c, double epochs, float learning_rate, const char *checkpoint)
{
    const fet_job *job = c->workspace->job;
    fet_train_options options = fet_train_default_options();
    options.epochs = epochs;
    options.learning_rate = learning_rate;
    options.label_smoothing = job->label_smoothing;
    options.seed = job->seed;
    options.trial = trial_key(c->trial);
    options.augment = job->augment;
    options.trainer.batch = job->batch;
    options.trainer.dtype = job->train_precision;
    options.distil = (fet_distil_options){.weight = job->distil_weight, .temperature = job->distil_temperature, .hints = job->distil_hints};
    options.checkpoint = checkpoint;
    options.progress = c->progress;
    options.context = c->context;
    return options;
}

/* The network that others are compared with, or learn from: the trained base; NULL before it is trained. */
static const fet_graph *original_of(const call *c)
{
    return c->workspace->base_trained ? c->workspace->base : NULL;
}

static fet_task_sight sight_of(const call *c, const fet_graph *graph, fet_task_figure figure)
{
    const fet_job *job = c->workspace->job;
    bool device = figure == FET_FIGURE_VAL_DEVICE || figure == FET_FIGURE_TEST_DEVICE;
    /* As it was trained; a job that says nothing trains in what this machine does best. */
    fet_dtype trained = job->train_precision == FET_DTYPE_NONE ? fet_engine_training_dtype() : job->train_precision;
    return (fet_task_sight){.split = figure >= FET_FIGURE_TEST ? FET_SPLIT_TEST : FET_SPLIT_VAL,
                            .precision = device ? job->device.precision : trained,
                            .quantise = job->quantise,
                            /* A base that has just been trained is its own original. */
                            .original = original_of(c) ? original_of(c) : graph};
}

static fet_status evaluate_as(call *c, const fet_graph *graph, fet_task_figure figure, const char *source)
{
    const fet_job *job = c->workspace->job;
    const fet_task_figure_names *names = &job->task->figures[figure];
    const fet_task_sight sight = sight_of(c, graph, figure);
    fet_task_quality quality;
    FET_TRY(job->task->evaluate(graph, c->workspace->dataset, &sight, &quality));
    add_figure(c, names->value, quality.share, "share", source);
    for (uint32_t e = 0; e < quality.n_errors; e++) add_figure(c, names->error[e], quality.error[e], "share", "against the original");
    if (isnan(quality.low) || figure == FET_FIGURE_VAL) return FET_OK;
    add_figure(c, names->low, quality.low, "share", "95% Wilson interval");
    add_figure(c, names->high, quality.high, "share", "95% Wilson interval");
    return FET_OK;
}

/* An unchanged network that is compared with itself has nothing to learn; nor has one whose layers are computed in other precisions. */
static fet_status is_original(const call *c, bool *out_is)
{
    char variant[64];
    const fet_space *space = NULL;
    fet_genome genome;
    *out_is = false;
    if (!c->workspace->job->task->needs_original || !original_of(c)) return FET_OK;
    FET_TRY(parameter(c->trial, "variant", variant, sizeof variant));
    *out_is = strcmp(variant, FET_SERIES_BASELINE) == 0;
    if (*out_is || !c->trial->genome[0]) return FET_OK;
    FET_TRY(fet_workspace_space(c->workspace, variant, &space));
    FET_TRY(fet_genome_parse(space, c->trial->genome, &genome));
    *out_is = fet_genome_is_base_network(space, &genome);
    return FET_OK;
}

/* Trains as the job's task does, the base itself as a classifier: there is nobody it could learn from. No epochs: nothing happens. */
static fet_status train(call *c, fet_graph *graph, const fet_train_options *options)
{
    const fet_task_ops *task = original_of(c) ? c->workspace->job->task : &fet_task_classify;
    bool unchanged = false;
    FET_TRY(is_original(c, &unchanged));
    if (unchanged || options->epochs == 0) return FET_OK;
    fet_train_result trained;
    FET_TRY(task->train(graph, c->workspace->dataset, options, &trained));
    add_figure(c, "train_loss", trained.loss, task->loss_unit, "trained");
    add_figure(c, "train_speed", trained.images_per_s, "images/s", "measured");
    return FET_OK;
}

static fet_status evaluate_on_device(call *c, const fet_graph *graph)
{
    return evaluate_as(c, graph, FET_FIGURE_VAL_DEVICE, fet_job_is_quantised(c->workspace->job) ? "trained, quantised" : "trained");
}

/* Trains, evaluates on val as trained and at the device's precision, and keeps the weights. */
static fet_status train_and_keep(call *c, fet_graph *graph, const fet_graph *teacher, double epochs, float learning_rate)
{
    fet_workspace *w = c->workspace;
    char *checkpoint = NULL, *weights = NULL, *artifact = NULL;
    fet_status status = fet_workspace_path(w, &checkpoint, "trials/%s-%u.checkpoint", c->trial->series, c->trial->number);
    fet_train_options options = train_options(c, epochs, learning_rate, checkpoint);
    options.distil.teacher = teacher;
    if (status == FET_OK) status = train(c, graph, &options);
    if (status == FET_OK) status = evaluate_as(c, graph, FET_FIGURE_VAL, "trained");
    if (status == FET_OK) status = evaluate_on_device(c, graph);
    if (status == FET_OK) status = fet_workspace_path(w, &weights, "trials/%s-%u.safetensors", c->trial->series, c->trial->number);
    if (status == FET_OK) status = fet_safetensors_write(graph, weights);
    if (status == FET_OK) status = fet_strdup_checked(weights + strlen(w->dir) + 1, &artifact);
    if (status == FET_OK) remove(checkpoint);
    c->out->artifact = artifact;
    fet_free(checkpoint);
    fet_free(weights);
    return status;
}

/* An operator that cannot be trained would fail every candidate that is not the network itself: said first. */
static fet_status check_trainable(const fet_job *job, fet_graph *graph)
{
    if (job->short_epochs == 0 && job->full_epochs == 0) return FET_OK;
    fet_trainer_options options = fet_trainer_default_options();
    options.batch = 1;
    fet_auto(fet_trainer) trainer = NULL;
    return fet_trainer_create(graph, &options, &trainer);
}

static fet_status run_base(call *c)
{
    fet_workspace *w = c->workspace;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_graph_copy(w->base, NULL, 0, &graph));
    FET_TRY(fet_graph_init_params(graph, NULL, w->job->seed));
    FET_TRY(check_trainable(w->job, graph));
    if (w->job->base_onnx) FET_TRY(fet_renormalise(graph, w->dataset, w->job->seed));
    FET_TRY(train_and_keep(c, graph, NULL, w->job->base_epochs, w->job->base_learning_rate));
    return w->job->taylor ? fet_importance_make(w, graph) : FET_OK;
}

static fet_status derive(fet_workspace *w, const char *variant, const char *genome_text, fet_arena *arena, fet_graph **out_graph)
{
    const fet_space *space = NULL;
    fet_genome genome;
    FET_TRY(fet_workspace_base(w));
    if (!w->base_trained) return fet_fail(FET_ERROR_STATE, "%s: the base network is not trained yet", w->dir);
    FET_TRY(fet_workspace_space(w, variant, &space));
    FET_TRY(fet_genome_parse(space, genome_text, &genome));
    return fet_space_derive(space, &genome, arena, out_graph);
}

/* Weights by linear fit to the base, on the same images whatever the trial. */
static fet_status fit(call *c, fet_graph *graph)
{
    fet_workspace *w = c->workspace;
    fet_task_refit_options options = fet_task_refit_default_options();
    fet_refit_result result;
    options.seed = w->job->seed;
    double began_s = fet_clock_monotonic_s();
    FET_TRY(fet_task_refit(graph, w->base, w->dataset, &options, &w->fit, &result));
    add_figure(c, "fit_time", fet_clock_monotonic_s() - began_s, "s", "measured");
    return FET_OK;
}

/* The candidate with inherited numbers, its running statistics set anew. */
static fet_status inherit(call *c, const fet_graph *from, fet_arena *arena, fet_graph **out_graph)
{
    char variant[64];
    FET_TRY(parameter(c->trial, "variant", variant, sizeof variant));
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(derive(c->workspace, variant, c->trial->genome, arena, &graph));
    FET_TRY(fet_graph_init_params(graph, from, c->workspace->job->seed));
    bool unchanged = false;
    FET_TRY(is_original(c, &unchanged));
    if (!unchanged && c->workspace->job->fit) FET_TRY(fit(c, graph));
    if (!unchanged) FET_TRY(fet_task_recalibrate(graph, c->workspace->dataset, RECALIBRATION_BATCHES, c->workspace->job->seed));
    *out_graph = fet_take(graph);
    return FET_OK;
}

static fet_status run_short(call *c)
{
    fet_workspace *w = c->workspace;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(inherit(c, w->base, arena, &graph));
    fet_train_options options = train_options(c, w->job->short_epochs, w->job->short_learning_rate, NULL);
    /* Short trainings only rank candidates; where labels do that, a teacher's time is better spent on another candidate. */
    if (w->job->task->needs_original) options.distil.teacher = original_of(c);
    FET_TRY(train(c, graph, &options));
    return evaluate_on_device(c, graph);
}

/* The base with the numbers that a parameter of the trial names; NULL when it names none. */
static fet_status find_base(const call *c, const char *name, fet_graph **out_base)
{
    char weights[256], *path = NULL;
    fet_auto(fet_graph) base = NULL;
    FET_TRY(parameter(c->trial, name, weights, sizeof weights));
    if (!weights[0]) return FET_OK;
    FET_TRY(fet_graph_copy(c->workspace->base, NULL, 0, &base));
    FET_TRY(fet_path_join(c->workspace->dir, weights, &path));
    fet_status status = fet_safetensors_read(path, base);
    fet_free(path);
    FET_TRY(status);
    *out_base = fet_take(base);
    return FET_OK;
}

static fet_status run_full(call *c)
{
    fet_auto(fet_graph) trained = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(find_base(c, "teacher", &trained));
    /* What the base has learned since the search began is a better start, too; a linear fit goes by the base as it was then. */
    FET_TRY(inherit(c, trained && !c->workspace->job->fit ? trained : c->workspace->base, arena, &graph));
    const fet_graph *teacher = c->workspace->job->task->needs_original ? original_of(c) : trained;
    return train_and_keep(c, graph, teacher, c->workspace->job->full_epochs, c->workspace->job->full_learning_rate);
}

static fet_status compare_with_base(call *c, const fet_graph *graph)
{
    const fet_task_ops *task = c->workspace->job->task;
    fet_auto(fet_graph) base = NULL;
    fet_comparison comparison;
    if (task->compare) FET_TRY(find_base(c, "against", &base));
    if (!base) return FET_OK;
    const fet_task_sight sight = sight_of(c, graph, FET_FIGURE_TEST_DEVICE);
    const fet_compared it = {graph, c->workspace->dataset}, other = {base, c->workspace->dataset};
    FET_TRY(task->compare(&it, &other, &sight, &comparison));
    add_figure(c, FET_FIGURE_COMPARED, comparison.n, "samples", "test split");
    add_figure(c, FET_FIGURE_ONLY_IT, comparison.only_one, "samples", "test split");
    add_figure(c, FET_FIGURE_ONLY_BASE, comparison.only_other, "samples", "test split");
    return FET_OK;
}

static fet_status run_test(call *c)
{
    char variant[64], weights[256];
    FET_TRY(parameter(c->trial, "variant", variant, sizeof variant));
    FET_TRY(parameter(c->trial, "weights", weights, sizeof weights));
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_evaluate_load(c->workspace, variant, c->trial->genome, weights, arena, &graph));
    FET_TRY(evaluate_as(c, graph, FET_FIGURE_TEST, "test split"));
    FET_TRY(
        evaluate_as(c, graph, FET_FIGURE_TEST_DEVICE, fet_job_is_quantised(c->workspace->job) ? "test split, quantised" : "test split"));
    return compare_with_base(c, graph);
}

/* --- somebody else's program says what a candidate is worth --- */

static fet_status keep_weights(call *c, const fet_graph *graph)
{
    char *weights = NULL;
    FET_TRY(fet_workspace_path(c->workspace, &weights, "trials/%s-%u.safetensors", c->trial->series, c->trial->number));
    fet_status status = fet_safetensors_write(graph, weights);
    if (status == FET_OK) status = fet_strdup_checked(weights + strlen(c->workspace->dir) + 1, &c->out->artifact);
    fet_free(weights);
    return status;
}

static fet_status ask_evaluator(call *c, const fet_external_candidate *candidate, fet_task_figure figure, fet_task_figure same)
{
    const fet_task_figure_names *names = c->workspace->job->task->figures;
    fet_external_result *result = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *result, "an evaluator's answer", &result));
    c->out->names = result;
    FET_TRY(fet_evaluate_external(c->workspace, c->trial, candidate, c->progress, c->context, result));
    add_figure(c, names[figure].value, result->quality, "share", "evaluator");
    if (same != figure) add_figure(c, names[same].value, result->quality, "share", "evaluator");
    for (uint32_t m = 0; m < result->n_metrics; m++) add_figure(c, result->metrics[m].name, result->metrics[m].value, "", "evaluator");
    return FET_OK;
}

/* The base as it is given (a template's with first numbers), the candidate with what it inherits from it, or with the weights kept of it.
 */
static fet_status external_graph(call *c, fet_arena *arena, fet_graph **out_graph, const fet_space **out_space, fet_genome *genome)
{
    char variant[64];
    fet_workspace *w = c->workspace;
    fet_auto(fet_graph) graph = NULL;
    *out_space = NULL;
    if (strcmp(c->trial->fidelity, FET_FIDELITY_BASE) == 0) {
        FET_TRY(fet_graph_copy(w->base, NULL, 0, &graph));
        FET_TRY(fet_graph_init_params(graph, NULL, w->job->seed));
    } else {
        char weights[256];
        FET_TRY(parameter(c->trial, "variant", variant, sizeof variant));
        FET_TRY(parameter(c->trial, "weights", weights, sizeof weights)); /* of a test alone */
        if (weights[0]) FET_TRY(fet_evaluate_load(w, variant, c->trial->genome, weights, arena, &graph));
        else FET_TRY(derive(w, variant, c->trial->genome, arena, &graph));
        if (!weights[0]) FET_TRY(fet_graph_init_params(graph, w->base, w->job->seed));
        FET_TRY(fet_workspace_space(w, variant, out_space));
        FET_TRY(fet_genome_parse(*out_space, c->trial->genome, genome));
    }
    *out_graph = fet_take(graph);
    return FET_OK;
}

static fet_status run_external(call *c)
{
    const fet_job *job = c->workspace->job;
    const char *fidelity = c->trial->fidelity;
    bool base = strcmp(fidelity, FET_FIDELITY_BASE) == 0, is_short = strcmp(fidelity, FET_FIDELITY_SHORT) == 0,
         test = strcmp(fidelity, FET_FIDELITY_TEST) == 0;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    fet_genome genome;
    fet_external_candidate candidate = {.genome = &genome, .split = test ? "test" : "val"};
    candidate.epochs = base ? job->base_epochs : is_short ? job->short_epochs : job->full_epochs;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(external_graph(c, arena, &graph, &candidate.space, &genome));
    candidate.graph = graph;
    candidate.take_back = !is_short && !test;
    fet_task_figure device = test ? FET_FIGURE_TEST_DEVICE : FET_FIGURE_VAL_DEVICE, plain = test ? FET_FIGURE_TEST : FET_FIGURE_VAL;
    FET_TRY(ask_evaluator(c, &candidate, device, is_short ? device : plain));
    return is_short || test ? FET_OK : keep_weights(c, graph);
}

static const struct {
    const char *name;
    fet_status (*run)(call *c);
} fidelities[] = {
    {FET_FIDELITY_BASE, run_base},
    {FET_FIDELITY_SHORT, run_short},
    {FET_FIDELITY_FULL, run_full},
    {FET_FIDELITY_TEST, run_test},
};

fet_status fet_evaluate_load(fet_workspace *workspace, const char *variant, const char *genome, const char *weights, fet_arena *arena,
                             fet_graph **out_graph)
{
    fet_auto(fet_graph) graph = NULL;
    char *path = NULL;
    FET_TRY(derive(workspace, variant, genome, arena, &graph));
    FET_TRY(fet_path_join(workspace->dir, weights, &path));
    fet_status status = fet_safetensors_read(path, graph);
    fet_free(path);
    FET_TRY(status);
    *out_graph = fet_take(graph);
    return FET_OK;
}

fet_status fet_evaluate(fet_workspace *workspace, const fet_trial *trial, fet_evaluate_progress progress, void *context,
                        fet_evaluation *out_evaluation)
{
    fet_evaluation evaluation = {0};
    call c = {.workspace = workspace, .trial = trial, .progress = progress, .context = context, .out = &evaluation};
    FET_TRY(fet_workspace_data(workspace));
    for (size_t f = 0; f < sizeof fidelities / sizeof *fidelities; f++) {
        if (strcmp(fidelities[f].name, trial->fidelity) != 0) continue;
        fet_status status = workspace->job->evaluate.n_words ? run_external(&c) : fidelities[f].run(&c);
        if (status != FET_OK) {
            fet_evaluation_clear(&evaluation);
            return status;
        }
        *out_evaluation = evaluation;
        return FET_OK;
    }
    return fet_fail(FET_ERROR_UNSUPPORTED, "trial %s %u: unknown fidelity \"%s\"", trial->series, trial->number, trial->fidelity);
}
