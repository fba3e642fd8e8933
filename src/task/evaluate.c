// SPDX-License-Identifier: Apache-2.0
/* Accuracy at a precision, and running statistics set anew. */
#include "task/internal.h"

#include "op/op.h"
#include "rewrite/mark_precision.h"

#include <math.h>
#include <string.h>

enum { DEFAULT_CALIBRATION_BATCHES = 8 };
/* Calibration reads the same shuffled training images whatever the training's seed: a network's int8 accuracy is a property of the network.
 */
static const uint64_t CALIBRATION_SEED = 0;

int64_t fet_task_batch(const fet_dataset *dataset, fet_split split)
{
    uint32_t size = fet_dataset_size(dataset, split);
    return size < FET_TASK_BATCH ? (size ? size : 1) : FET_TASK_BATCH;
}

int64_t fet_task_batch_of(const fet_graph *graph, const fet_dataset *dataset, fet_split split)
{
    const size_t room_bytes = (size_t)1 << 30;
    size_t sample_bytes = 1;
    for (fet_id v = 0; v < graph->n_values; v++) {
        const fet_shape *shape = &graph->values[v].shape;
        if (graph->values[v].kind != FET_VALUE_PARAM && shape->rank && shape->dim[0] > 0)
            sample_bytes += (size_t)(fet_shape_elements(shape) / shape->dim[0]) * sizeof(float);
    }
    int64_t most = (int64_t)(room_bytes / sample_bytes), batch = fet_task_batch(dataset, split);
    return most < 1 ? 1 : most < batch ? most : batch;
}

fet_status fet_task_check_input(const fet_graph *graph, const fet_dataset *dataset)
{
    char has[FET_SHAPE_TEXT_BYTES], wants[FET_SHAPE_TEXT_BYTES];
    if (graph->n_inputs != 1)
        return fet_fail(FET_ERROR_SHAPE, "the network has %u inputs, expected one, which takes the samples", graph->n_inputs);
    const fet_value *input = &graph->values[graph->inputs[0]];
    fet_shape sample = fet_dataset_sample_shape(dataset), expected = {.rank = sample.rank + 1, .dim = {1}};
    for (uint32_t i = 0; i < sample.rank; i++) expected.dim[i + 1] = sample.dim[i];
    /* Any number of samples at once, images in any size: the loader resizes them. */
    if (input->shape.rank == expected.rank) expected.dim[0] = input->shape.dim[0];
    if (input->shape.rank == 4 && fet_dataset_has_images(dataset))
        expected = fet_shape_4d(input->shape.dim[0], sample.dim[0], input->shape.dim[2], input->shape.dim[3]);
    if (!fet_shape_equal(&input->shape, &expected))
        return fet_fail(FET_ERROR_SHAPE, "the network's input \"%s\" is %s, expected %s as the data has it", input->name,
                        fet_shape_print(&input->shape, has, sizeof has), fet_shape_print(&expected, wants, sizeof wants));
    return FET_OK;
}

fet_status fet_task_check_graph(const fet_graph *graph, const fet_dataset *dataset)
{
    char has[FET_SHAPE_TEXT_BYTES];
    if (graph->n_inputs != 1 || graph->n_outputs != 1)
        return fet_fail(FET_ERROR_SHAPE, "the network has %u inputs and %u outputs, expected one each to classify", graph->n_inputs,
                        graph->n_outputs);
    FET_TRY(fet_task_check_input(graph, dataset));
    if (fet_dataset_n_classes(dataset) == 0)
        return fet_fail(FET_ERROR_ARG,
                        "the data has no labels, expected them to classify; without labels, the task \"imitate\" learns from "
                        "the original network");
    const fet_value *output = &graph->values[graph->outputs[0]];
    if (fet_task_output_items(graph, 0) != fet_dataset_n_classes(dataset))
        return fet_fail(FET_ERROR_SHAPE, "the network's output \"%s\" is %s, expected %u numbers a sample, one for each class of the data",
                        output->name, fet_shape_print(&output->shape, has, sizeof has), fet_dataset_n_classes(dataset));
    return FET_OK;
}

void fet_wilson_interval(uint32_t n_correct, uint32_t n, double *out_low, double *out_high)
{
    const double z = FET_TASK_Z;
    if (n == 0) {
        *out_low = 0.0;
        *out_high = 1.0;
        return;
    }
    double p = (double)n_correct / n, z2 = z * z / n;
    double centre = (p + z2 / 2.0) / (1.0 + z2), half = z * sqrt(p * (1.0 - p) / n + z2 / (4.0 * n)) / (1.0 + z2);
    *out_low = n_correct == 0 ? 0.0 : centre - half;
    *out_high = n_correct == n ? 1.0 : centre + half;
}

fet_loader_options fet_task_loading(const fet_graph *graph, const fet_dataset *dataset, fet_split split, int64_t batch)
{
    const fet_shape *input = &graph->values[graph->inputs[0]].shape;
    fet_loader_options loading = {.split = split, .batch = batch};
    if (input->rank == 4 && fet_dataset_has_images(dataset)) loading.height = input->dim[2], loading.width = input->dim[3];
    return loading;
}

static fet_loader_options calibration_loading(const fet_graph *graph, const fet_dataset *dataset)
{
    fet_loader_options options = fet_task_loading(graph, dataset, FET_SPLIT_TRAIN, fet_task_batch_of(graph, dataset, FET_SPLIT_TRAIN));
    options.shuffle = true;
    options.seed = CALIBRATION_SEED;
    return options;
}

fet_status fet_task_correct(const fet_graph *graph, const fet_dataset *dataset, fet_calibration *calibration)
{
    fet_auto(fet_loader) loader = NULL;
    fet_batch batch;
    fet_loader_options options = calibration_loading(graph, dataset);
    FET_TRY(fet_loader_create(dataset, &options, &loader));
    FET_TRY(fet_loader_batch(loader, 0, 0, &batch));
    return fet_calibration_correct(calibration, graph, &batch.images, options.batch);
}

fet_status fet_task_calibrate(const fet_graph *graph, const fet_dataset *dataset, const fet_quantise_options *quantise,
                              fet_calibration **out_calibration)
{
    fet_auto(fet_loader) loader = NULL;
    fet_auto(fet_calibration) calibration = NULL;
    fet_loader_options options = calibration_loading(graph, dataset);
    FET_TRY(fet_loader_create(dataset, &options, &loader));
    FET_TRY(fet_calibration_create(quantise ? quantise->method : NULL, &calibration));
    uint32_t limit = fet_loader_batches_per_epoch(loader), n_batches = quantise ? quantise->batches : 0;
    if (n_batches == 0) n_batches = DEFAULT_CALIBRATION_BATCHES;
    if (n_batches > limit) n_batches = limit;
    for (uint32_t b = 0; b < n_batches; b++) {
        fet_batch batch;
        FET_TRY(fet_loader_batch(loader, 0, b, &batch));
        FET_TRY(fet_calibration_observe(calibration, graph, &batch.images, options.batch));
    }
    if (!quantise || !quantise->keep_shift) FET_TRY(fet_task_correct(graph, dataset, calibration));
    *out_calibration = fet_take(calibration);
    return FET_OK;
}

fet_status fet_task_executor_create(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight, int64_t batch,
                                    fet_executor **out_executor)
{
    fet_auto(fet_graph) marked = NULL;
    fet_auto(fet_calibration) calibration = NULL;
    fet_executor_options options = fet_executor_default_options();
    options.precision = sight->precision;
    options.batch = batch;
    options.calibration = sight->calibration;
    if (sight->precision == FET_DTYPE_S8 && !sight->calibration) {
        if (sight->quantise.first != FET_DTYPE_NONE || sight->quantise.last != FET_DTYPE_NONE) {
            FET_TRY(fet_graph_copy(graph, NULL, 0, &marked));
            FET_TRY(fet_mark_precision_ends(marked, sight->quantise.first, sight->quantise.last));
            graph = marked;
        }
        FET_TRY(fet_task_calibrate(graph, dataset, &sight->quantise, &calibration));
        options.calibration = calibration;
    }
    return fet_executor_create(graph, &options, out_executor);
}

/* The first of the largest; a logit that is no number never wins. */
uint32_t fet_task_largest(const float *logits, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t k = 1; k < n; k++)
        if (logits[k] > logits[best] || isnan(logits[best])) best = k;
    return best;
}

static fet_status see(fet_executor *executor, fet_loader *loader, uint32_t n_classes, uint32_t limit, float *logits, uint8_t *right)
{
    uint32_t seen = 0;
    for (uint32_t b = 0; seen < limit; b++) {
        fet_batch batch;
        FET_TRY(fet_loader_batch(loader, 0, b, &batch));
        FET_TRY(fet_executor_run(executor, &batch.images, &logits));
        for (uint32_t i = 0; i < batch.count && seen < limit; i++, seen++)
            right[seen] = fet_task_largest(logits + (size_t)i * n_classes, n_classes) == batch.labels[i];
    }
    return FET_OK;
}

fet_status fet_task_right(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight, uint8_t **out_right,
                          uint32_t *out_n)
{
    fet_auto(fet_loader) loader = NULL;
    fet_auto(fet_executor) executor = NULL;
    FET_TRY(fet_task_check_graph(graph, dataset));
    fet_loader_options loading = fet_task_loading(graph, dataset, sight->split, fet_task_batch_of(graph, dataset, sight->split));
    FET_TRY(fet_loader_create(dataset, &loading, &loader));
    FET_TRY(fet_task_executor_create(graph, dataset, sight, loading.batch, &executor));
    uint32_t n = fet_dataset_size(dataset, sight->split), n_classes = fet_dataset_n_classes(dataset);
    if (sight->limit > 0 && sight->limit < n) n = sight->limit;
    float *logits = NULL;
    uint8_t *right = NULL;
    FET_TRY(fet_alloc_zeroed((size_t)loading.batch * n_classes, sizeof *logits, "logits", &logits));
    fet_status status = fet_alloc_zeroed(n, sizeof *right, "answers", &right);
    if (status == FET_OK) status = see(executor, loader, n_classes, n, logits, right);
    fet_free(logits);
    if (status != FET_OK) {
        fet_free(right);
        return status;
    }
    *out_right = right;
    *out_n = n;
    return FET_OK;
}

fet_status fet_classify_eval(const fet_graph *graph, const fet_dataset *dataset, fet_split split, fet_dtype precision,
                             const fet_quantise_options *quantise, uint32_t limit, fet_accuracy *out_accuracy)
{
    fet_task_sight sight = {.split = split, .precision = precision, .limit = limit};
    if (quantise) sight.quantise = *quantise;
    fet_accuracy accuracy = {.n = 0};
    uint8_t *right = NULL;
    FET_TRY(fet_task_right(graph, dataset, &sight, &right, &accuracy.n));
    for (uint32_t i = 0; i < accuracy.n; i++) accuracy.n_correct += right[i];
    fet_free(right);
    accuracy.share = (double)accuracy.n_correct / accuracy.n;
    fet_wilson_interval(accuracy.n_correct, accuracy.n, &accuracy.low, &accuracy.high);
    *out_accuracy = accuracy;
    return FET_OK;
}
