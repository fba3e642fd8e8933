// SPDX-License-Identifier: Apache-2.0
/* The training loop. What batch b is, and how it is augmented, depends on b alone, so a run may stop after any batch and go on from a
 * checkpoint. */
#include "task/internal.h"

#include "base/clock.h"
#include "task/teacher.h"

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
        .distil = {.weight = 0.5f, .temperature = 4.0f},
    };
}

double fet_train_learning_rate(const fet_train_options *options, uint64_t b, uint64_t n)
{
    double warmup = floor(options->warmup_share * (double)n);
    if ((double)b < warmup) return options->learning_rate * ((double)b + 1.0) / warmup;
    return 0.5 * options->learning_rate * (1.0 + cos(PI * ((double)b - warmup) / ((double)n - warmup)));
}

static fet_status check_options(const fet_train_options *options)
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
    fet_trainer *trainer;
    fet_loader *loader;
    fet_teacher *teacher;       /* NULL: labels alone */
    fet_loader *teacher_loader; /* the same images in the size that the teacher takes; NULL: as the network takes them */
    uint32_t per_epoch, n_classes;
    uint64_t n_batches, first, fingerprint;
    fet_task_progress at;
    float *diff; /* [batch, classes] */
    double started_s, shown_s, saved_s, loss;
} training;

static fet_status loss_of(training *t, const fet_batch *batch)
{
    const fet_train_options *o = t->options;
    const float *logits = fet_trainer_output(t->trainer, 0);
    uint32_t size = (uint32_t)o->trainer.batch;
    if (!t->teacher)
        return fet_classify_loss(logits, batch->labels, batch->count, size, t->n_classes, o->label_smoothing, t->diff, &t->loss);
    fet_batch seen = *batch;
    uint64_t b = t->at.batches_done;
    if (t->teacher_loader) FET_TRY(fet_loader_batch(t->teacher_loader, (uint32_t)(b / t->per_epoch), (uint32_t)(b % t->per_epoch), &seen));
    FET_TRY(fet_teacher_run(t->teacher, seen.images));
    return fet_distil_loss(logits, fet_teacher_output(t->teacher, 0), batch->labels, batch->count, size, t->n_classes, o->label_smoothing,
                           &o->distil, t->diff, &t->loss);
}

static fet_status train_batch(training *t)
{
    uint64_t b = t->at.batches_done;
    fet_batch batch;
    FET_TRY(fet_loader_batch(t->loader, (uint32_t)(b / t->per_epoch), (uint32_t)(b % t->per_epoch), &batch));
    FET_TRY(fet_trainer_forward(t->trainer, &batch.images));
    const float *diff = t->diff;
    FET_TRY(loss_of(t, &batch));
    FET_TRY(fet_trainer_backward(t->trainer, &diff));
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

/* A loader of its own for a teacher whose input has another size; else none. The same stream gives the same samples and augmentations. */
static fet_status teacher_loading(const fet_graph *teacher, const fet_dataset *dataset, const fet_loader_options *of_network,
                                  fet_loader **out_loader)
{
    const fet_shape *input = &teacher->values[teacher->inputs[0]].shape;
    if (input->rank == 4 && input->dim[2] == of_network->height && input->dim[3] == of_network->width) return FET_OK;
    fet_loader_options loading = *of_network;
    loading.height = input->dim[2];
    loading.width = input->dim[3];
    return fet_loader_create(dataset, &loading, out_loader);
}

static fet_status train_logits(fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options, fet_train_result *out_result)
{
    fet_auto(fet_loader) loader = NULL;
    fet_auto(fet_trainer) trainer = NULL;
    fet_auto(fet_teacher) teacher = NULL;
    fet_auto(fet_loader) teacher_loader = NULL;
    fet_loader_options loading = fet_task_loading(graph, FET_SPLIT_TRAIN, options->trainer.batch);
    loading.shuffle = true;
    loading.seed = options->seed;
    loading.trial = options->trial;
    loading.augment = options->augment;
    FET_TRY(fet_loader_create(dataset, &loading, &loader));
    training t = {.options = options,
                  .loader = loader,
                  .per_epoch = fet_loader_batches_per_epoch(loader),
                  .n_classes = fet_dataset_n_classes(dataset)};
    t.n_batches = (uint64_t)fmax(1.0, floor(options->epochs * t.per_epoch + 0.5));
    if (options->checkpoint) FET_TRY(fet_task_fingerprint(graph, dataset, options, t.n_batches, &t.fingerprint));
    FET_TRY(fet_trainer_create(graph, &options->trainer, &trainer));
    if (fet_distil_active(&options->distil)) {
        FET_TRY(fet_teacher_create(options->distil.teacher, options->trainer.batch, &teacher));
        FET_TRY(teacher_loading(options->distil.teacher, dataset, &loading, &teacher_loader));
    }
    t.trainer = trainer;
    t.teacher = teacher;
    t.teacher_loader = teacher_loader;
    bool resumed = false;
    if (options->checkpoint) FET_TRY(fet_task_checkpoint_read(options->checkpoint, t.fingerprint, trainer, &t.at, &resumed));
    t.first = t.at.batches_done;
    FET_TRY(fet_alloc_zeroed((size_t)options->trainer.batch * t.n_classes, sizeof *t.diff, "gradients of the loss", &t.diff));
    fet_status status = run(&t);
    fet_free(t.diff);
    FET_TRY(status);
    FET_TRY(fet_trainer_sync_params(trainer));
    double now_s = fet_clock_monotonic_s();
    *out_result = (fet_train_result){
        .loss = t.at.loss_count ? t.at.loss_sum / (double)t.at.loss_count : (double)NAN,
        .images_per_s = images_per_s(&t, now_s),
        .seconds = now_s - t.started_s,
        .n_batches = t.n_batches,
        .resumed_batch = t.first,
    };
    return FET_OK;
}

fet_status fet_classify_train(fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options, fet_train_result *out_result)
{
    FET_TRY(check_options(options));
    FET_TRY(fet_task_check_graph(graph, dataset));
    if (fet_distil_active(&options->distil)) {
        fet_status fits = fet_task_check_graph(options->distil.teacher, dataset);
        if (fits != FET_OK) return fet_note(fits, "the network that is learnt from");
    }
    /* Networks made for inference often end in Softmax. The loss has its own, so it stands aside while training: the gradient through both
     * would vanish. */
    fet_node *softmax = fet_task_softmax_at_end(graph);
    if (softmax) softmax->op = FET_OP_IDENTITY;
    fet_status status = train_logits(graph, dataset, options, out_result);
    if (softmax) softmax->op = FET_OP_SOFTMAX;
    return status;
}
