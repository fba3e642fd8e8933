// SPDX-License-Identifier: Apache-2.0
#include "run/evaluate.h"

#include "base/file.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "engine/init.h"
#include "format/safetensors/safetensors.h"

#include <jansson.h>
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
    /* The base itself has nobody to learn from: its numbers are not there yet. */
    options.distil = (fet_distil_options){.teacher = c->workspace->base_trained ? c->workspace->base : NULL,
                                          .weight = job->distil_weight,
                                          .temperature = job->distil_temperature};
    options.checkpoint = checkpoint;
    options.progress = c->progress;
    options.context = c->context;
    return options;
}

static fet_status evaluate_split(call *c, const fet_graph *graph, fet_split split, fet_dtype precision, const char *name,
                                 const char *source)
{
    fet_accuracy accuracy;
    FET_TRY(fet_classify_eval(graph, c->workspace->dataset, split, precision, 0, 0, &accuracy));
    add_figure(c, name, accuracy.share, "share", source);
    if (split != FET_SPLIT_TEST) return FET_OK;
    static const char *const bounds[][2] = {{"test_accuracy_low", "test_accuracy_high"},
                                            {"test_device_accuracy_low", "test_device_accuracy_high"}};
    const char *const *pair = bounds[strstr(name, "device") != NULL];
    add_figure(c, pair[0], accuracy.low, "share", "95% Wilson interval");
    add_figure(c, pair[1], accuracy.high, "share", "95% Wilson interval");
    return FET_OK;
}

/* Trains, evaluates on val as trained and at the device's precision, and keeps the weights. */
static fet_status train_and_keep(call *c, fet_graph *graph, double epochs, float learning_rate)
{
    fet_workspace *w = c->workspace;
    char *checkpoint = NULL, *weights = NULL, *artifact = NULL;
    fet_train_result trained;
    fet_status status = fet_workspace_path(w, &checkpoint, "trials/%s-%u.checkpoint", c->trial->series, c->trial->number);
    fet_train_options options = train_options(c, epochs, learning_rate, checkpoint);
    if (status == FET_OK && epochs > 0) status = fet_classify_train(graph, w->dataset, &options, &trained);
    if (status == FET_OK && epochs > 0) add_figure(c, "train_loss", trained.loss, "nats", "trained");
    if (status == FET_OK && epochs > 0) add_figure(c, "train_speed", trained.images_per_s, "images/s", "measured");
    if (status == FET_OK) status = evaluate_split(c, graph, FET_SPLIT_VAL, fet_engine_training_dtype(), "val_accuracy", "trained");
    if (status == FET_OK)
        status = evaluate_split(c, graph, FET_SPLIT_VAL, w->job->device.precision, "val_device_accuracy", "trained, quantised");
    if (status == FET_OK) status = fet_workspace_path(w, &weights, "trials/%s-%u.safetensors", c->trial->series, c->trial->number);
    if (status == FET_OK) status = fet_safetensors_write(graph, weights);
    if (status == FET_OK) status = fet_strdup_checked(weights + strlen(w->dir) + 1, &artifact);
    if (status == FET_OK) remove(checkpoint);
    c->out->artifact = artifact;
    fet_free(checkpoint);
    fet_free(weights);
    return status;
}

static fet_status run_base(call *c)
{
    fet_workspace *w = c->workspace;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_graph_copy(w->base, NULL, 0, &graph));
    FET_TRY(fet_graph_init_params(graph, NULL, w->job->seed));
    return train_and_keep(c, graph, w->job->base_epochs, w->job->base_learning_rate);
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

/* The candidate with inherited numbers, its running statistics set anew. */
static fet_status inherit(call *c, fet_arena *arena, fet_graph **out_graph)
{
    char variant[64];
    FET_TRY(parameter(c->trial, "variant", variant, sizeof variant));
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(derive(c->workspace, variant, c->trial->genome, arena, &graph));
    FET_TRY(fet_graph_init_params(graph, c->workspace->base, c->workspace->job->seed));
    FET_TRY(fet_classify_recalibrate(graph, c->workspace->dataset, RECALIBRATION_BATCHES, c->workspace->job->seed));
    *out_graph = fet_take(graph);
    return FET_OK;
}

static fet_status run_short(call *c)
{
    fet_workspace *w = c->workspace;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(inherit(c, arena, &graph));
    fet_train_result trained;
    fet_train_options options = train_options(c, w->job->short_epochs, w->job->short_learning_rate, NULL);
    FET_TRY(fet_classify_train(graph, w->dataset, &options, &trained));
    add_figure(c, "train_loss", trained.loss, "nats", "trained");
    return evaluate_split(c, graph, FET_SPLIT_VAL, w->job->device.precision, "val_device_accuracy", "trained, quantised");
}

static fet_status run_full(call *c)
{
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(inherit(c, arena, &graph));
    return train_and_keep(c, graph, c->workspace->job->full_epochs, c->workspace->job->full_learning_rate);
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
    FET_TRY(evaluate_split(c, graph, FET_SPLIT_TEST, fet_engine_training_dtype(), "test_accuracy", "test split"));
    return evaluate_split(c, graph, FET_SPLIT_TEST, c->workspace->job->device.precision, "test_device_accuracy", "test split, quantised");
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
        fet_status status = fidelities[f].run(&c);
        if (status != FET_OK) {
            fet_evaluation_clear(&evaluation);
            return status;
        }
        *out_evaluation = evaluation;
        return FET_OK;
    }
    return fet_fail(FET_ERROR_UNSUPPORTED, "trial %s %u: unknown fidelity \"%s\"", trial->series, trial->number, trial->fidelity);
}
