// SPDX-License-Identifier: Apache-2.0
/* The training loop, whatever the loss. What batch b is, and how it is augmented, depends on b alone, so a run may stop after any batch and
 * go on from a checkpoint. */
#include "task/internal.h"

#include "base/clock.h"

#include <math.h>

static const double PI = 3.14159265358979323846, PROGRESS_EVERY_S = 0.5, CHECKPOINT_EVERY_S = 60.0;

fet_train_options fet_train_default_options(void)
{
    return (fet_train_options){
        .epochs = 1.0,
        .learning_rate = 0.1f,
        .warmup_share = 0.1,
        .label_smoothing = 0.05f,
        .trainer = fet_trainer_default_options(),
        .distil = {.weight = 0.5f, .temperature = 4.0f, .hints = 1.0f},
    };
}

double fet_train_learning_rate(const fet_train_options *options, uint64_t b, uint64_t n)
{
    double warmup = floor(options->warmup_share * (double)n);
    if ((double)b < warmup) return options->learning_rate * ((double)b + 1.0) / warmup;
    return 0.5 * options->learning_rate * (1.0 + cos(PI * ((double)b - warmup) / ((double)n - warmup)));
}

fet_status fet_task_check_training(const fet_train_options *options)
{
    if (!(options->epochs > 0.0 && options->epochs <= 1e6))
        return fet_fail(FET_ERROR_ARG, "training: epochs is %g, expected above 0", options->epochs);
    if (!(options->learning_rate > 0.0f && options->learning_rate < 1e6f))
        return fet_fail(FET_ERROR_ARG, "training: learning rate is %g, expected above 0", (double)options->learning_rate);
    if (!(options->warmup_share >= 0.0 && options->warmup_share < 1.0))
        return fet_fail(FET_ERROR_ARG, "training: warmup share is %g, expected 0 up to 1", options->warmup_share);
    return FET_OK;
}

/* One training, as its loop sees it. */
typedef struct training {
    const fet_train_options *options;
    const fet_objective *objective;
    fet_trainer *trainer;
    fet_loader *loader;
    uint32_t per_epoch, n_outputs;
    uint64_t n_batches, first, fingerprint;
    fet_task_progress at;
    float **diffs; /* [n_outputs] of [batch, ...] */
    double started_s, shown_s, saved_s, loss;
} training;

static fet_status train_batch(training *t)
{
    uint64_t b = t->at.batches_done;
    fet_lesson lesson = {.epoch = (uint32_t)(b / t->per_epoch), .b = (uint32_t)(b % t->per_epoch)};
    FET_TRY(fet_loader_batch(t->loader, lesson.epoch, lesson.b, &lesson.batch));
    FET_TRY(fet_trainer_forward(t->trainer, &lesson.batch.images));
    FET_TRY(t->objective->loss(t->objective->context, &lesson, t->trainer, t->diffs, &t->loss));
    FET_TRY(fet_trainer_backward(t->trainer, (const float *const *)t->diffs));
    FET_TRY(fet_trainer_step(t->trainer, (float)fet_train_learning_rate(t->options, b, t->n_batches)));
    t->at.batches_done++;
    /* The last tenth, at least one batch. */
    if (t->at.batches_done * 10 > t->n_batches * 9 || t->at.batches_done == t->n_batches) t->at.loss_sum += t->loss, t->at.loss_count++;
    return FET_OK;
}

static double images_per_s(const training *t, double now_s)
{
    return (double)(t->at.batches_done - t->first) * (double)t->options->trainer.batch / fmax(now_s - t->started_s, 1e-9);
}

static fet_status save(training *t)
{
    return t->options->checkpoint ? fet_task_checkpoint_write(t->options->checkpoint, t->fingerprint, t->trainer, &t->at) : FET_OK;
}

/* Reports and saves when it is time. */
static fet_status look_up(training *t)
{
    const fet_train_options *options = t->options;
    double now_s = fet_clock_monotonic_s();
    bool finished = t->at.batches_done == t->n_batches;
    if (options->progress && (now_s - t->shown_s >= PROGRESS_EVERY_S || finished)) {
        t->shown_s = now_s;
        bool go_on = options->progress(options->context, t->at.batches_done, t->n_batches, t->loss, images_per_s(t, now_s));
        if (!go_on && !finished) {
            FET_TRY(save(t));
            return fet_fail(FET_ERROR_STATE, "interrupted after batch %llu of %llu%s%s", (unsigned long long)t->at.batches_done,
                            (unsigned long long)t->n_batches, options->checkpoint ? "; the same command goes on from " : "",
                            options->checkpoint ? options->checkpoint : "");
        }
    }
    if (!finished && now_s - t->saved_s >= CHECKPOINT_EVERY_S) {
        t->saved_s = now_s;
        FET_TRY(save(t));
    }
    return FET_OK;
}

static fet_status run(training *t)
{
    t->started_s = t->shown_s = t->saved_s = fet_clock_monotonic_s();
    while (t->at.batches_done < t->n_batches) {
        uint64_t b = t->at.batches_done;
        fet_status status = train_batch(t);
        if (status != FET_OK)
            return fet_note(status, "training: batch %llu of %llu (learning rate %.3g)", (unsigned long long)b,
                            (unsigned long long)t->n_batches, fet_train_learning_rate(t->options, b, t->n_batches));
        FET_TRY(look_up(t));
    }
    return FET_OK;
}

fet_loader_options fet_task_lessons(const fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options)
{
    fet_loader_options loading = fet_task_loading(graph, dataset, FET_SPLIT_TRAIN, options->trainer.batch);
    loading.shuffle = true;
    loading.seed = options->seed;
    loading.trial = options->trial;
    loading.augment = options->augment;
    return loading;
}

static fet_status make_diffs(training *t, const fet_graph *graph)
{
    FET_TRY(fet_alloc_zeroed(graph->n_outputs, sizeof *t->diffs, "gradients of the loss", &t->diffs));
    t->n_outputs = graph->n_outputs;
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        FET_TRY(fet_alloc_zeroed(fet_task_output_items(graph, o), (size_t)t->options->trainer.batch * sizeof(float),
                                 "gradients of the loss", &t->diffs[o]));
    return FET_OK;
}

static void free_diffs(training *t)
{
    for (uint32_t o = 0; t->diffs && o < t->n_outputs; o++) fet_free(t->diffs[o]);
    fet_free(t->diffs);
}

size_t fet_task_output_items(const fet_graph *graph, uint32_t output)
{
    const fet_shape *shape = &graph->values[graph->outputs[output]].shape;
    return shape->rank && shape->dim[0] > 0 ? (size_t)(fet_shape_elements(shape) / shape->dim[0]) : 0;
}

static fet_status train_with(training *t, fet_graph *graph, const fet_dataset *dataset, fet_train_result *out_result)
{
    const fet_train_options *options = t->options;
    fet_auto(fet_loader) loader = NULL;
    fet_auto(fet_trainer) trainer = NULL;
    fet_loader_options loading = fet_task_lessons(graph, dataset, options);
    FET_TRY(fet_loader_create(dataset, &loading, &loader));
    t->loader = loader;
    t->per_epoch = fet_loader_batches_per_epoch(loader);
    t->n_batches = (uint64_t)fmax(1.0, floor(options->epochs * t->per_epoch + 0.5));
    if (options->checkpoint) FET_TRY(fet_task_fingerprint(graph, dataset, options, t->n_batches, &t->fingerprint));
    FET_TRY(fet_trainer_create(graph, &options->trainer, &trainer));
    t->trainer = trainer;
    bool resumed = false;
    if (options->checkpoint) FET_TRY(fet_task_checkpoint_read(options->checkpoint, t->fingerprint, trainer, &t->at, &resumed));
    t->first = t->at.batches_done;
    FET_TRY(make_diffs(t, graph));
    FET_TRY(run(t));
    FET_TRY(fet_trainer_sync_params(trainer));
    double now_s = fet_clock_monotonic_s();
    *out_result = (fet_train_result){
        .loss = t->at.loss_count ? t->at.loss_sum / (double)t->at.loss_count : (double)NAN,
        .images_per_s = images_per_s(t, now_s),
        .seconds = now_s - t->started_s,
        .n_batches = t->n_batches,
        .resumed_batch = t->first,
    };
    return FET_OK;
}

fet_status fet_task_train(fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options, const fet_objective *objective,
                          fet_train_result *out_result)
{
    training t = {.options = options, .objective = objective};
    fet_status status = train_with(&t, graph, dataset, out_result);
    free_diffs(&t);
    return status;
}
