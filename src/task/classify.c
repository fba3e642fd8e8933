// SPDX-License-Identifier: Apache-2.0
/* Training a classifier: from labels alone, or from labels and a teacher. */
#include "task/compare.h"
#include "task/internal.h"
#include "task/task.h"
#include "task/teacher.h"

#include <math.h>

typedef struct labelled {
    const fet_train_options *options;
    fet_teacher *teacher; /* NULL: labels alone */
    uint32_t n_classes;
} labelled;

static fet_status loss(void *context, const fet_lesson *lesson, const fet_trainer *trainer, float *const diffs[], double *out_loss)
{
    const labelled *l = context;
    const fet_batch *batch = &lesson->batch;
    const fet_train_options *o = l->options;
    const float *logits = fet_trainer_output(trainer, 0);
    uint32_t size = (uint32_t)o->trainer.batch;
    if (!l->teacher) return fet_classify_loss(logits, batch, size, l->n_classes, o->label_smoothing, diffs[0], out_loss);
    FET_TRY(fet_teacher_answer(l->teacher, lesson));
    return fet_distil_loss(logits, fet_teacher_output(l->teacher, 0), batch, size, l->n_classes, o->label_smoothing, &o->distil, diffs[0],
                           out_loss);
}

fet_status fet_classify_train(fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options, fet_train_result *out_result)
{
    fet_auto(fet_teacher) teacher = NULL;
    FET_TRY(fet_task_check_training(options));
    FET_TRY(fet_task_check_graph(graph, dataset));
    if (fet_distil_active(&options->distil)) {
        fet_status fits = fet_task_check_graph(options->distil.teacher, dataset);
        if (fits != FET_OK) return fet_note(fits, "the network that is learnt from");
        fet_teacher_options answers = {.precision = fet_teacher_quick_precision()};
        FET_TRY(fet_teacher_create(options->distil.teacher, graph, dataset, options, &answers, &teacher));
    }
    labelled l = {.options = options, .teacher = teacher, .n_classes = fet_dataset_n_classes(dataset)};
    /* Networks made for inference often end in Softmax. The loss has its own, so it stands aside while training: the gradient through both
     * would vanish. */
    fet_node *softmax = fet_task_softmax_of(graph, 0);
    if (softmax) softmax->op = FET_OP_IDENTITY;
    fet_status status = fet_task_train(graph, dataset, options, &(fet_objective){.context = &l, .loss = loss}, out_result);
    if (softmax) softmax->op = FET_OP_SOFTMAX;
    return status;
}

static fet_status evaluate(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight, fet_task_quality *out_quality)
{
    fet_accuracy accuracy;
    FET_TRY(fet_classify_eval(graph, dataset, sight->split, sight->precision, &sight->quantise, sight->limit, &accuracy));
    *out_quality = (fet_task_quality){.share = accuracy.share, .low = accuracy.low, .high = accuracy.high, .n = accuracy.n};
    return FET_OK;
}

const fet_task_ops fet_task_classify = {
    .name = "classify",
    .help = "name the class of a sample; needs labels",
    .measure = "accuracy",
    .loss_unit = "nats",
    .figures = FET_TASK_FIGURES("accuracy"),
    .needs_labels = true,
    .train = fet_classify_train,
    .evaluate = evaluate,
    .compare = fet_classify_compare,
};
