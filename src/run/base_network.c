// SPDX-License-Identifier: Apache-2.0
#include "run/base_network.h"

#include "base/file.h"
#include "base/hash.h"
#include "format/onnx/onnx.h"
#include "op/op.h"
#include "rewrite/recognise_activation.h"
#include "rewrite/unfold_batchnorm.h"

#include <inttypes.h>

fet_status fet_base_network_hash(const char *path, uint64_t *out_hash)
{
    void *data = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, FET_BASE_LIMIT_BYTES, &data, &bytes));
    *out_hash = fet_hash(data, bytes);
    fet_free(data);
    return FET_OK;
}

static fet_status check_ends(const fet_job *job, const fet_graph *graph)
{
    char text[FET_SHAPE_TEXT_BYTES];
    if (job->evaluate.n_words) return FET_OK; /* only its evaluator runs it */
    if (job->task->needs_original && graph->n_inputs != 1)
        return fet_fail(FET_ERROR_SHAPE, "%s: it has %u inputs: expected one, which takes the samples", job->base_onnx, graph->n_inputs);
    if (!job->task->needs_original && (graph->n_inputs != 1 || graph->n_outputs != 1))
        return fet_fail(FET_ERROR_SHAPE, "%s: it has %u inputs and %u outputs: expected one of each to classify images", job->base_onnx,
                        graph->n_inputs, graph->n_outputs);
    const fet_value *input = &graph->values[graph->inputs[0]];
    bool tensors = fet_dataset_kind_is_tensors(job->data.kind);
    if (tensors && (input->dtype != FET_DTYPE_F32 || input->shape.rank < 2 || input->shape.dim[0] != 1))
        return fet_fail(FET_ERROR_SHAPE, "%s: its input \"%s\" is %s %s: expected float tensors, 1 x the shape of a sample", job->base_onnx,
                        input->name, fet_dtype_name(input->dtype), fet_shape_print(&input->shape, text, sizeof text));
    if (!tensors && (input->dtype != FET_DTYPE_F32 || input->shape.rank != 4 || input->shape.dim[0] != 1))
        return fet_fail(FET_ERROR_SHAPE, "%s: its input \"%s\" is %s %s: expected float images, 1 x channels x height x width",
                        job->base_onnx, input->name, fet_dtype_name(input->dtype), fet_shape_print(&input->shape, text, sizeof text));
    return FET_OK;
}

static fet_status read_onnx(const fet_job *job, const char *path, fet_graph **out_graph)
{
    void *data = NULL;
    size_t bytes = 0;
    fet_onnx_binding binding = {.shape = job->base_input};
    fet_onnx_options options = fet_onnx_default_options();
    if (job->base_input.rank) options.bindings = &binding, options.n_bindings = 1;
    FET_TRY(fet_file_read(path, FET_BASE_LIMIT_BYTES, &data, &bytes));
    fet_status status = FET_OK;
    if (fet_hash(data, bytes) != job->base_hash)
        status =
            fet_fail(FET_ERROR_STATE, "%s: its content has changed since the job was read: put the file back, or begin a new study", path);
    /* In messages the file is the user's, not the study's copy of it. */
    if (status == FET_OK) status = fet_onnx_read_buffer(data, bytes, job->base_onnx, &options, out_graph);
    fet_free(data);
    return status;
}

fet_status fet_base_network_build(const fet_job *job, const char *onnx_path, fet_graph **out_graph)
{
    fet_auto(fet_graph) graph = NULL;
    if (!job->base_onnx) return fet_template_build(job->base_template, &job->base_options, out_graph);
    FET_TRY(read_onnx(job, onnx_path, &graph));
    FET_TRY(check_ends(job, graph));
    FET_TRY(fet_recognise_activation(graph, NULL));
    FET_TRY(fet_unfold_batchnorm(graph, NULL)); /* their statistics come with the base's training: run/renormalise.h */
    FET_TRY(fet_graph_infer(graph));
    *out_graph = fet_take(graph);
    return FET_OK;
}

/* Every sample has the shape of the network's input; a kind that cannot be resized says so itself or is caught here. */
static fet_status check_sample(const fet_job *job, const fet_value *input, const fet_dataset *dataset)
{
    char has[FET_SHAPE_TEXT_BYTES], wants[FET_SHAPE_TEXT_BYTES];
    fet_shape sample = fet_dataset_sample_shape(dataset), shape = {.rank = input->shape.rank - 1};
    for (uint32_t i = 0; i < shape.rank; i++) shape.dim[i] = input->shape.dim[i + 1];
    bool smaller = (job->kinds & FET_SPACE_RESOLUTION) && fet_dataset_has_images(dataset) && sample.dim[0] == shape.dim[0] &&
                   sample.dim[1] < shape.dim[1] && sample.dim[2] < shape.dim[2];
    if (smaller || fet_shape_equal(&sample, &shape)) return FET_OK;
    return fet_fail(FET_ERROR_SHAPE, "%s: field \"base.%s\" is %s but the samples of %s are %s", job->path,
                    job->base_onnx ? "onnx" : "input", fet_shape_print(&shape, wants, sizeof wants), job->data.path,
                    fet_shape_print(&sample, has, sizeof has));
}

static fet_status check_classes(const fet_job *job, const fet_value *output, const fet_dataset *dataset)
{
    uint32_t n = fet_dataset_n_classes(dataset);
    int64_t given = fet_shape_elements(&output->shape);
    if (given == n) return FET_OK;
    if (!job->base_onnx)
        return fet_fail(FET_ERROR_ARG, "%s: field \"base.classes\" is %" PRId64 " but %s has %u classes", job->path, given, job->data.path,
                        n);
    return fet_fail(FET_ERROR_ARG, "%s: output \"%s\" gives %" PRId64 " numbers an image, but %s has %u classes: expected one for each",
                    job->base_onnx, output->name, given, job->data.path, n);
}

fet_status fet_base_network_data(const fet_job *job, const fet_graph *base, fet_dataset **out_dataset)
{
    fet_auto(fet_dataset) dataset = NULL;
    const fet_value *input = &base->values[base->inputs[0]], *output = &base->values[base->outputs[0]];
    fet_dataset_options options = job->data;
    options.channels = input->shape.dim[1];
    options.height = input->shape.dim[2];
    options.width = input->shape.dim[3];
    /* Candidates of another input size shall see images that were resized once, as whoever runs them will do. */
    options.keep_smaller = (job->kinds & FET_SPACE_RESOLUTION) != 0;
    bool tensors = fet_dataset_kind_is_tensors(job->data.kind);
    options.sample = (fet_shape){.rank = input->shape.rank - 1};
    for (uint32_t i = 1; i < input->shape.rank; i++) options.sample.dim[i - 1] = input->shape.dim[i];
    if (!tensors && options.channels != 1 && options.channels != 3)
        return fet_fail(FET_ERROR_SHAPE, "%s: its input has %" PRId64 " channels: expected 1 (gray) or 3 (RGB)", job->base_onnx,
                        options.channels);
    FET_TRY(fet_dataset_open(&options, &dataset));
    FET_TRY(check_sample(job, input, dataset));
    if (job->task->needs_labels) FET_TRY(check_classes(job, output, dataset));
    *out_dataset = fet_take(dataset);
    return FET_OK;
}
