// SPDX-License-Identifier: Apache-2.0
/*
 * Bias correction. Rounding weights, and rounding and cutting off activations, shifts the mean of what a layer computes; the shift of each
 * output channel is taken out of its bias. A layer is linear in its source, so the mean over samples and places follows from the means of
 * the source under each weight alone: mean(w * x) = sum of w[i, ky, kx] mean(x under it). In running order, each layer with the source
 * that the corrected layers before it give: nothing is corrected twice.
 * Source: Nagel et al., Data-free quantization through weight equalization and bias correction, ICCV 2019 (the empirical form).
 */
#include "engine/infer/build.h"
#include "engine/infer/calibration.h"
#include "engine/infer/numbers.h"
#include "engine/infer/plan.h"

#include <math.h>
#include <string.h>

typedef struct correction {
    fet_calibration *calibration;
    const fet_graph *graph;
    const float *const *src;
    int64_t batch;
    fet_executor *f32, *s8;
} correction;

bool fet_kernel_is_correctable(const fet_kernel *kernel)
{
    const fet_kernel_key *key = &kernel->key;
    bool linear = key->op == FET_OP_CONV || key->op == FET_OP_GEMM || key->op == FET_OP_MATMUL;
    return linear && key->precision == FET_DTYPE_S8 && !(key->flags & FET_KERNEL_PLAIN_SRC);
}

/* A value's numbers in plain order, from an executor or, for an input of the graph that is not converted, from the caller. */
static fet_status numbers_of(const correction *c, fet_executor *executor, fet_id value, fet_tensor **out_tensor)
{
    const fet_value *v = &fet_executor_graph(executor)->values[value];
    fet_status status = fet_executor_value(executor, v->name, out_tensor);
    if (status != FET_ERROR_NOT_FOUND) return status;
    for (uint32_t i = 0; i < c->graph->n_inputs; i++) {
        if (c->graph->inputs[i] != value) continue;
        FET_TRY(fet_tensor_create(FET_DTYPE_F32, &v->shape, out_tensor));
        memcpy(fet_tensor_f32(*out_tensor), c->src[i], (size_t)fet_tensor_elements(*out_tensor) * sizeof(float));
        return FET_OK;
    }
    return status;
}

/* The mean of what stands under the weight of channel i at ky, kx, over all places of the output; means[ic * kh * kw]. */
static void means_of_window(const fet_kernel_key *k, const double *map, double *means)
{
    for (uint32_t c = 0; c < k->ic; c++)
        for (uint32_t ky = 0; ky < k->kh; ky++)
            for (uint32_t kx = 0; kx < k->kw; kx++) {
                double sum = 0.0;
                for (uint32_t y = 0; y < k->oh; y++) {
                    int64_t from_y = (int64_t)y * k->sh + (int64_t)ky * k->dh - k->pad_top;
                    if (from_y < 0 || from_y >= k->ih) continue;
                    for (uint32_t x = 0; x < k->ow; x++) {
                        int64_t from_x = (int64_t)x * k->sw + (int64_t)kx * k->dw - k->pad_left;
                        if (from_x >= 0 && from_x < k->iw) sum += map[((int64_t)c * k->ih + from_y) * k->iw + from_x];
                    }
                }
                *means++ = sum / ((double)k->oh * k->ow);
            }
}

/* Of a layer's source; *out_means: heap. For a Gemm every number is a channel of its own. */
static fet_status source_means(const correction *c, fet_executor *executor, const fet_kernel *kernel, double **out_means)
{
    fet_auto(fet_tensor) tensor = NULL;
    const fet_kernel_key *k = &kernel->key;
    bool conv = k->op == FET_OP_CONV;
    fet_id value = conv ? fet_kernel_operand(fet_executor_graph(executor), kernel, 0) : kernel->src;
    FET_TRY(numbers_of(c, executor, value, &tensor));
    int64_t items = fet_tensor_elements(tensor) / c->batch;
    double *map = NULL;
    FET_TRY(fet_alloc_zeroed((size_t)items, sizeof *map, "means of a source", &map));
    for (int64_t n = 0; n < c->batch; n++)
        for (int64_t i = 0; i < items; i++) map[i] += (double)fet_tensor_f32(tensor)[n * items + i] / (double)c->batch;
    *out_means = map;
    if (!conv) return FET_OK;
    double *means = NULL;
    fet_status status = fet_alloc_zeroed((size_t)k->ic * k->kh * k->kw, sizeof *means, "means of a source", &means);
    if (status == FET_OK) means_of_window(k, map, means);
    fet_free(map);
    *out_means = means;
    return status;
}

typedef struct layer {
    int64_t length; /* weights of an output channel */
    fet_numbers numbers;
    int8_t *quantised;
    float *scales, *shift, *bias;
    double *means[2]; /* of the source in f32, in int8 */
} layer;

static void clear(layer *l)
{
    fet_numbers_free(&l->numbers);
    fet_free(l->quantised);
    fet_free(l->scales);
    fet_free(l->means[0]);
    fet_free(l->means[1]);
}

static void find_shift(const fet_kernel_key *k, const layer *l)
{
    int64_t groups = k->op == FET_OP_CONV ? k->group : 1, outputs = k->oc / groups;
    for (int64_t o = 0; o < k->oc; o++) {
        const double *exact = l->means[0] + o / outputs * l->length, *rounded = l->means[1] + o / outputs * l->length;
        double sum = 0.0;
        for (int64_t i = 0; i < l->length; i++) {
            int64_t at = o * l->length + i;
            sum += (double)l->quantised[at] * (double)l->scales[o] * rounded[i] - (double)l->numbers.weights[at] * exact[i];
        }
        l->shift[o] = (float)sum;
    }
}

static fet_status correct_layer(correction *c, uint32_t step, const fet_plan_step *planned, layer *l)
{
    const fet_kernel *kernel = planned->kernel;
    const fet_kernel_key *k = &kernel->key;
    const fet_graph *graph = fet_executor_graph(c->s8);
    FET_TRY(fet_numbers_fold(graph, kernel, &l->numbers));
    l->length = k->op == FET_OP_CONV ? (int64_t)(k->ic / k->group) * k->kh * k->kw : (int64_t)k->ic * k->ih * k->iw;
    FET_TRY(fet_alloc_zeroed((size_t)(k->oc * l->length), 1, "quantised weights", &l->quantised));
    FET_TRY(fet_alloc_zeroed(3 * (size_t)k->oc, sizeof *l->scales, "scales of weights", &l->scales));
    l->shift = l->scales + k->oc, l->bias = l->shift + k->oc;
    /* As the step does it: inner products never double their weights. */
    bool doubled = k->op == FET_OP_CONV && planned->operands[0].format.dtype == FET_DTYPE_S8;
    const fet_weights_source src = {doubled, planned->operands[0].format.scale, l->numbers.bias};
    fet_weights_quantise(l->numbers.weights, k->oc, l->length, &src, l->quantised, l->scales);
    FET_TRY(source_means(c, c->f32, kernel, &l->means[0]));
    FET_TRY(source_means(c, c->s8, kernel, &l->means[1]));
    find_shift(k, l);
    for (uint32_t o = 0; o < k->oc; o++) l->bias[o] = -nearbyintf(l->shift[o] / (planned->operands[0].format.scale * l->scales[o]));
    FET_TRY(fet_step_add_to_bias(fet_executor_step(c->s8, step), l->bias, k->oc));
    return fet_calibration_set_shift(c->calibration, graph->values[graph->nodes[kernel->anchor].outputs[0]].name, l->shift, k->oc);
}

static fet_status before_step(void *context, uint32_t step)
{
    correction *c = context;
    const fet_plan_step *planned = fet_executor_planned(c->s8, step);
    if (!fet_kernel_is_correctable(planned->kernel)) return FET_OK;
    layer l = {0};
    fet_status status = correct_layer(c, step, planned, &l);
    clear(&l);
    return status;
}

static fet_status run(correction *c, float **dst)
{
    fet_executor_options options = fet_executor_default_options();
    fet_fusion_rules rules = fet_fusion_rules_host;
    rules.add = false; /* as in calibration: every value that any precision computes is there */
    options.batch = c->batch;
    options.keep_all = true;
    FET_TRY(fet_executor_create_by(c->graph, &options, &rules, &c->f32));
    FET_TRY(fet_executor_run(c->f32, c->src, dst));
    options.precision = FET_DTYPE_S8;
    options.calibration = c->calibration;
    fet_calibration_begin_shifts(c->calibration);
    FET_TRY(fet_executor_create(c->graph, &options, &c->s8));
    return fet_executor_run_watched(c->s8, c->src, dst, before_step, c);
}

fet_status fet_calibration_correct(fet_calibration *calibration, const fet_graph *graph, const float *const src[], int64_t batch)
{
    correction c = {.calibration = calibration, .graph = graph, .src = src, .batch = batch};
    float **dst = NULL;
    FET_TRY(fet_alloc_zeroed(graph->n_outputs, sizeof *dst, "outputs of a correction", &dst));
    fet_status status = FET_OK;
    for (uint32_t o = 0; status == FET_OK && o < graph->n_outputs; o++) {
        const fet_shape *shape = &graph->values[graph->outputs[o]].shape;
        int64_t per_sample = shape->rank && shape->dim[0] > 0 ? fet_shape_elements(shape) / shape->dim[0] : 1;
        status = fet_alloc_zeroed((size_t)(per_sample * batch), sizeof(float), "outputs of a correction", &dst[o]);
    }
    if (status == FET_OK) status = run(&c, dst);
    for (uint32_t o = 0; o < graph->n_outputs; o++) fet_free(dst[o]);
    fet_free(dst);
    fet_executor_destroy(c.f32);
    fet_executor_destroy(c.s8);
    return status;
}
