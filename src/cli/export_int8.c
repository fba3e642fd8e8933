// SPDX-License-Identifier: Apache-2.0
#include "cli/export_int8.h"

#include "data/loader.h"
#include "engine/quantise/qdq.h"
#include "format/onnx/onnx.h"
#include "format/ort/ort.h"
#include "rewrite/mark_precision.h"
#include "task/task.h"

#include <math.h>
#include <string.h>

enum { CHECKED_SAMPLES = 32 };

fet_status fet_export_int8(fet_graph *graph, const fet_dataset *dataset, const fet_quantise_options *options, const char *path,
                           int64_t opset, fet_calibration **out_calibration)
{
    fet_auto(fet_calibration) calibration = NULL;
    fet_auto(fet_graph) whole = NULL;
    FET_TRY(fet_mark_precision_ends(graph, options->first, options->last));
    FET_TRY(fet_task_calibrate(graph, dataset, options, &calibration));
    FET_TRY(fet_quantise_to_qdq(graph, calibration, &whole));
    FET_TRY(fet_onnx_write(whole, path, opset));
    *out_calibration = fet_take(calibration);
    return FET_OK;
}

typedef struct check {
    const fet_graph *graph;
    fet_ort_session *session;
    fet_executor *executor;
    fet_loader *loader;
    fet_tensor *input;
    float **dst;     /* [n_outputs] */
    double *steps;   /* [n_outputs] largest difference */
    uint32_t *agree; /* [n_outputs] samples */
    int64_t batch;
    uint32_t n; /* samples seen */
} check;

/* The place of the largest of `n` numbers. */
static size_t largest(const float *numbers, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (numbers[i] > numbers[best]) best = i;
    return best;
}

static fet_status compare(check *c, const fet_calibration *calibration, uint32_t o, uint32_t count)
{
    fet_auto(fet_tensor) theirs = NULL;
    const fet_value *value = &c->graph->values[c->graph->outputs[o]];
    float step = 0.0f;
    FET_TRY(fet_calibration_step(calibration, value->name, &step));
    FET_TRY(fet_ort_output(c->session, o, &theirs));
    if (theirs->dtype != FET_DTYPE_F32 || !fet_shape_equal(&theirs->shape, &value->shape))
        return fet_fail(FET_ERROR_STATE, "--check: output \"%s\" has another type or shape in ONNX Runtime", value->name);
    size_t items = (size_t)(fet_tensor_elements(theirs) / c->batch);
    const float *a = c->dst[o], *b = fet_tensor_f32(theirs);
    for (size_t i = 0; i < items * count; i++) c->steps[o] = fmax(c->steps[o], fabs((double)a[i] - (double)b[i]) / (double)step);
    for (uint32_t s = 0; s < count; s++) c->agree[o] += largest(a + s * items, items) == largest(b + s * items, items);
    return FET_OK;
}

static fet_status run_samples(check *c, const fet_calibration *calibration)
{
    const fet_graph *g = c->graph;
    uint32_t n_batches = fet_loader_batches_per_epoch(c->loader);
    for (uint32_t b = 0; b < n_batches && c->n < CHECKED_SAMPLES; b++) {
        fet_batch batch;
        FET_TRY(fet_loader_batch(c->loader, 0, b, &batch));
        memcpy(c->input->data, batch.images, c->input->bytes);
        FET_TRY(fet_executor_run(c->executor, &batch.images, c->dst));
        FET_TRY(fet_ort_run(c->session));
        for (uint32_t o = 0; o < g->n_outputs; o++) FET_TRY(compare(c, calibration, o, batch.count));
        c->n += batch.count;
    }
    return FET_OK;
}

static fet_status prepare(check *c, const fet_calibration *calibration, const fet_dataset *dataset)
{
    const fet_graph *g = c->graph;
    const fet_shape *input = &g->values[g->inputs[0]].shape;
    fet_executor_options options = {.precision = FET_DTYPE_S8, .batch = c->batch, .calibration = calibration};
    fet_loader_options loading = {.split = FET_SPLIT_VAL, .batch = c->batch};
    if (input->rank == 4 && fet_dataset_has_images(dataset)) loading.height = input->dim[2], loading.width = input->dim[3];
    if (fet_ort_n_outputs(c->session) != g->n_outputs || fet_ort_n_inputs(c->session) != 1)
        return fet_fail(FET_ERROR_STATE, "--check: %u inputs and %u outputs in ONNX Runtime, 1 and %u here", fet_ort_n_inputs(c->session),
                        fet_ort_n_outputs(c->session), g->n_outputs);
    FET_TRY(fet_executor_create(g, &options, &c->executor));
    FET_TRY(fet_loader_create(dataset, &loading, &c->loader));
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, input, &c->input));
    FET_TRY(fet_ort_set_input(c->session, 0, c->input));
    FET_TRY(fet_alloc_zeroed(g->n_outputs, sizeof *c->steps, "differences", &c->steps));
    FET_TRY(fet_alloc_zeroed(g->n_outputs, sizeof *c->agree, "agreements", &c->agree));
    FET_TRY(fet_alloc_zeroed(g->n_outputs, sizeof *c->dst, "outputs", &c->dst));
    for (uint32_t o = 0; o < g->n_outputs; o++)
        FET_TRY(fet_alloc_zeroed((size_t)fet_shape_elements(&g->values[g->outputs[o]].shape), sizeof(float), "outputs", &c->dst[o]));
    return run_samples(c, calibration);
}

static void clear(check *c)
{
    for (uint32_t o = 0; c->dst && o < c->graph->n_outputs; o++) fet_free(c->dst[o]);
    fet_free(c->dst);
    fet_free(c->steps);
    fet_free(c->agree);
    fet_tensor_release(c->input);
    fet_loader_destroy(c->loader);
    fet_executor_destroy(c->executor);
    fet_ort_session_destroy(c->session);
}

fet_status fet_export_int8_check(const fet_cli *cli, const fet_graph *graph, const fet_calibration *calibration, const fet_dataset *dataset,
                                 const char *path, const char *library, double *out_steps)
{
    char found[FET_ORT_PATH_BYTES];
    fet_auto(fet_ort) ort = NULL;
    const fet_shape *input = &graph->values[graph->inputs[0]].shape;
    check c = {.graph = graph, .batch = input->rank && input->dim[0] > 0 ? input->dim[0] : 1};
    FET_TRY(fet_ort_find(library, found));
    FET_TRY(fet_ort_open(found, &ort));
    /* All optimisations: the file's purpose is that pairs become integer kernels. */
    FET_TRY(fet_ort_session_create(ort, path, true, &c.session));
    fet_status status = prepare(&c, calibration, dataset);
    *out_steps = 0;
    if (status == FET_OK) fprintf(cli->out, "checked against ONNX Runtime %s on %u val samples\n", fet_ort_version(ort), c.n);
    for (uint32_t o = 0; status == FET_OK && o < graph->n_outputs; o++) {
        fprintf(cli->out, "output \"%s\": largest difference %.2f quantisation steps, the largest number at the same place in %u of %u\n",
                graph->values[graph->outputs[o]].name, c.steps[o], c.agree[o], c.n);
        *out_steps = fmax(*out_steps, c.steps[o]);
    }
    clear(&c);
    return status;
}
