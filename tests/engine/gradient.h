// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests of gradients share: a small graph under construction, and its whole check: outputs against the f64 reference, gradients of
 * parameters and inputs against its central differences, in one chunk and in many, bf16 against f32.
 */
#ifndef FET_TESTS_ENGINE_GRADIENT_H
#define FET_TESTS_ENGINE_GRADIENT_H

#include "check.h"

#include "base/rng.h"
#include "engine/engine.h"
#include "engine/init.h"
#include "engine/trainer.h"
#include "op/builder.h"
#include "op/op.h"
#include "train_reference.h"

/* f32 sums of up to some thousand products of order one, relative to the largest gradient of the same array. */
static const double F32_TOLERANCE = 2e-4;
/* bf16 keeps 8 bits: every stored activation and gradient is off by up to 2^-9 of itself, and errors of a few layers add up. Relative L2
 * norm. */
static const double BF16_TOLERANCE = 0.04;

enum { SAMPLES = 4 }; /* numbers of an array whose slope is measured */

typedef struct net {
    fet_graph *graph;
    fet_rng rng;
    int64_t batch;
    uint32_t n_names;
} net;

static inline int64_t between(net *n, int64_t low, int64_t high)
{
    return low + fet_rng_below(&n->rng, (uint32_t)(high - low + 1));
}

static const char *name(net *n)
{
    static char text[32];
    snprintf(text, sizeof text, "n%u", n->n_names++);
    return text;
}

static inline net start(uint64_t seed)
{
    net n = {0};
    fet_rng_init(&n.rng, seed, 0, FET_RNG_TEST);
    CHECK_OK(fet_graph_create(NULL, &n.graph));
    n.batch = between(&n, 2, 4);
    return n;
}

static inline fet_id input(net *n, fet_shape shape)
{
    fet_id id = FET_NONE;
    CHECK_OK(fet_graph_add_input(n->graph, name(n), FET_DTYPE_F32, &shape, &id));
    return id;
}

/* A map of `low` to 7 on each side; drawn in order, so that every compiler draws the same. */
static inline fet_id image_from(net *n, int64_t channels, int64_t low)
{
    int64_t height = between(n, low, 7), width = between(n, low, 7);
    return input(n, fet_shape_4d(1, channels, height, width));
}

static inline fet_id image(net *n, int64_t channels)
{
    return image_from(n, channels, 4);
}

static inline fet_id node(net *n, fet_op_kind op, const fet_id *inputs, uint32_t n_inputs)
{
    fet_id id = FET_NONE;
    CHECK_OK(fet_graph_add_node(n->graph, op, name(n), inputs, n_inputs, 1, &id));
    return id;
}

static inline fet_id out_of(net *n, fet_id id)
{
    CHECK_OK(fet_graph_infer_node(n->graph, id));
    return n->graph->nodes[id].outputs[0];
}

static inline fet_id unary(net *n, fet_op_kind op, fet_id x)
{
    CHECK_OK(fet_build_unary(n->graph, op, name(n), x, &x));
    return x;
}

static inline fet_id conv(net *n, fet_id x, fet_conv_options options)
{
    CHECK_OK(fet_build_conv(n->graph, name(n), x, &options, &x));
    return x;
}

static inline fet_id batch_norm(net *n, fet_id x)
{
    CHECK_OK(fet_build_batch_norm(n->graph, name(n), x, &x));
    return x;
}

static inline fet_id binary(net *n, fet_op_kind op, fet_id a, fet_id b)
{
    CHECK_OK(fet_build_binary(n->graph, op, name(n), a, b, &a));
    return a;
}

static inline fet_id param(net *n, fet_shape shape, bool trainable)
{
    fet_auto(fet_tensor) tensor = NULL;
    fet_id id = FET_NONE;
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &shape, &tensor));
    for (int64_t i = 0; i < fet_tensor_elements(tensor); i++) fet_tensor_f32(tensor)[i] = 0.3f * (float)fet_rng_normal(&n->rng);
    CHECK_OK(fet_graph_add_param(n->graph, name(n), FET_DTYPE_F32, &shape, tensor, trainable, &id));
    return id;
}

/* Numbers for what has none; batch norms get some that are not 1 and 0. */
static inline void fill_params(net *n)
{
    fet_tensor *given[64] = {NULL};
    assert_true(n->graph->n_params <= 64);
    for (fet_id p = 0; p < n->graph->n_params; p++) given[p] = n->graph->params[p].tensor;
    CHECK_OK(fet_graph_init_params(n->graph, NULL, 7));
    for (fet_id p = 0; p < n->graph->n_params; p++) {
        bool fresh = given[p] == NULL;
        fet_tensor *tensor = n->graph->params[p].tensor;
        if (!fresh || tensor->shape.rank != 1) continue;
        for (int64_t i = 0; i < fet_tensor_elements(tensor); i++) fet_tensor_f32(tensor)[i] += 0.4f * (float)fet_rng_uniform(&n->rng);
    }
}

typedef struct run {
    fet_trainer *trainer;
    float **output;      /* copies */
    fet_tensor **params; /* gradients, NULL where there is none */
    fet_tensor **inputs;
} run;

static inline run train(const net *n, fet_trainer_options options, const float *const *src, const float *const *diff)
{
    run r = {0};
    const fet_graph *graph = n->graph;
    options.batch = n->batch;
    options.input_gradients = true;
    CHECK_OK(fet_trainer_create(n->graph, &options, &r.trainer));
    CHECK_OK(fet_trainer_forward(r.trainer, src));
    CHECK_OK(fet_trainer_backward(r.trainer, diff));
    r.output = calloc(graph->n_outputs, sizeof *r.output);
    r.params = calloc(graph->n_params, sizeof *r.params);
    r.inputs = calloc(graph->n_inputs, sizeof *r.inputs);
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        const fet_shape *shape = &graph->values[graph->outputs[o]].shape;
        size_t bytes = (size_t)(fet_shape_elements(shape) / shape->dim[0] * n->batch) * sizeof(float);
        r.output[o] = malloc(bytes);
        memcpy(r.output[o], fet_trainer_output(r.trainer, o), bytes);
    }
    for (fet_id p = 0; p < graph->n_params; p++)
        if (graph->params[p].trainable && graph->params[p].tensor->dtype == FET_DTYPE_F32)
            CHECK_OK(fet_trainer_param_gradient(r.trainer, p, &r.params[p]));
    for (uint32_t i = 0; i < graph->n_inputs; i++) CHECK_OK(fet_trainer_input_gradient(r.trainer, i, &r.inputs[i]));
    return r;
}

static inline void free_run(const net *n, run *r)
{
    fet_trainer_destroy(r->trainer);
    for (uint32_t o = 0; o < n->graph->n_outputs; o++) free(r->output[o]);
    for (fet_id p = 0; p < n->graph->n_params; p++) fet_tensor_release(r->params[p]);
    for (uint32_t i = 0; i < n->graph->n_inputs; i++) fet_tensor_release(r->inputs[i]);
    free(r->output);
    free(r->params);
    free(r->inputs);
}

/* Sampled numbers of a gradient against the slope of the reference. */
static inline void check_slopes(net *n, const reference *ref, double *const *weight, fet_id value, const float *gradient, int64_t count)
{
    double largest = 1e-3;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)gradient[i]));
    for (int s = 0; s < SAMPLES; s++) {
        int64_t i = between(n, 0, count - 1);
        double slope = reference_slope(ref, weight, value, i);
        if (!(fabs(slope - (double)gradient[i]) <= F32_TOLERANCE * fmax(largest, 1.0) * 5))
            fail_msg("gradient %lld of %lld of \"%s\" is %.7g, its slope %.7g (largest %.3g)", (long long)i, (long long)count,
                     n->graph->values[value].name, (double)gradient[i], slope, largest);
    }
}

/* |a - b| <= tolerance |a|, as vectors. */
static inline void check_close(const float *a, const float *b, int64_t count, double tolerance, const char *what)
{
    double apart = 0, size = 1e-6;
    for (int64_t i = 0; i < count; i++) apart += pow((double)a[i] - (double)b[i], 2), size += pow((double)a[i], 2);
    if (!(sqrt(apart) <= tolerance * sqrt(size))) fail_msg("%s: relative distance %.3g, allowed %.3g", what, sqrt(apart / size), tolerance);
}

static inline void check_same_run(const net *n, const run *a, const run *b, double tolerance, const char *what)
{
    const fet_graph *g = n->graph;
    for (uint32_t o = 0; o < g->n_outputs; o++) {
        const fet_shape *shape = &g->values[g->outputs[o]].shape;
        check_close(a->output[o], b->output[o], fet_shape_elements(shape) / shape->dim[0] * n->batch, tolerance, what);
    }
    for (fet_id p = 0; p < g->n_params; p++)
        if (a->params[p])
            check_close(fet_tensor_f32(a->params[p]), fet_tensor_f32(b->params[p]), fet_tensor_elements(a->params[p]), tolerance,
                        g->values[g->params[p].value].name);
    for (uint32_t i = 0; i < g->n_inputs; i++)
        check_close(fet_tensor_f32(a->inputs[i]), fet_tensor_f32(b->inputs[i]), fet_tensor_elements(a->inputs[i]), tolerance, what);
}

/* The whole check of one graph whose last value is the output. bf16: 0 leaves it out. */
static inline void check_net(net *n, fet_id output, double bf16_tolerance, bool frozen)
{
    fet_graph *g = n->graph;
    CHECK_OK(fet_graph_add_output(g, output));
    CHECK_OK(fet_graph_infer(g));
    fill_params(n);
    reference ref = reference_make(g, n->batch);
    ref.frozen = frozen;
    float **src = calloc(g->n_inputs, sizeof *src), **diff = calloc(g->n_outputs, sizeof *diff);
    double **weight = calloc(g->n_outputs, sizeof *weight);
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        int64_t count = ref_count(&ref, g->inputs[i]);
        src[i] = malloc((size_t)count * sizeof **src);
        for (int64_t k = 0; k < count; k++) src[i][k] = fet_f32_from_bf16(fet_bf16_from_f32((float)fet_rng_normal(&n->rng)));
        for (int64_t k = 0; k < count; k++) ref.value[g->inputs[i]][k] = (double)src[i][k];
    }
    for (uint32_t o = 0; o < g->n_outputs; o++) {
        int64_t count = ref_count(&ref, g->outputs[o]);
        diff[o] = malloc((size_t)count * sizeof **diff);
        weight[o] = malloc((size_t)count * sizeof **weight);
        for (int64_t k = 0; k < count; k++) weight[o][k] = (double)(diff[o][k] = (float)fet_rng_normal(&n->rng));
    }
    fet_trainer_options options = fet_trainer_default_options();
    options.dtype = FET_DTYPE_F32;
    options.freeze_bn_stats = frozen;
    run f32 = train(n, options, (const float *const *)src, (const float *const *)diff);
    reference_run(&ref);
    for (uint32_t o = 0; o < g->n_outputs; o++) {
        int64_t count = ref_count(&ref, g->outputs[o]);
        float *expected = malloc((size_t)count * sizeof *expected);
        for (int64_t k = 0; k < count; k++) expected[k] = (float)ref.value[g->outputs[o]][k];
        check_close(expected, f32.output[o], count, F32_TOLERANCE, "output");
        free(expected);
    }
    for (fet_id p = 0; p < g->n_params; p++)
        if (f32.params[p])
            check_slopes(n, &ref, weight, g->params[p].value, fet_tensor_f32(f32.params[p]), fet_tensor_elements(f32.params[p]));
    for (uint32_t i = 0; i < g->n_inputs; i++)
        check_slopes(n, &ref, weight, g->inputs[i], fet_tensor_f32(f32.inputs[i]), fet_tensor_elements(f32.inputs[i]));
    options.cache_bytes = 1; /* one sample at a time */
    run chunked = train(n, options, (const float *const *)src, (const float *const *)diff);
    check_same_run(n, &f32, &chunked, F32_TOLERANCE, "in chunks");
    free_run(n, &chunked);
    if (bf16_tolerance > 0 && fet_engine_has_bf16()) {
        options.dtype = FET_DTYPE_BF16;
        for (int chunks = 0; chunks < 2; chunks++) {
            options.cache_bytes = chunks ? 1 : 0;
            run half = train(n, options, (const float *const *)src, (const float *const *)diff);
            check_same_run(n, &f32, &half, bf16_tolerance, "bf16");
            free_run(n, &half);
        }
    }
    free_run(n, &f32);
    for (uint32_t i = 0; i < g->n_inputs; i++) free(src[i]);
    for (uint32_t o = 0; o < g->n_outputs; o++) free(diff[o]), free(weight[o]);
    free(src);
    free(diff);
    free(weight);
    reference_free(&ref);
    fet_graph_destroy(g);
}

static inline fet_id constants(net *n, fet_dtype dtype, const double *numbers, int64_t count)
{
    fet_auto(fet_tensor) tensor = NULL;
    fet_shape shape = fet_shape_1d(count);
    fet_id id = FET_NONE;
    CHECK_OK(fet_tensor_create(dtype, &shape, &tensor));
    for (int64_t i = 0; i < count; i++) {
        if (dtype == FET_DTYPE_F32) fet_tensor_f32(tensor)[i] = (float)numbers[i];
        else fet_tensor_s64(tensor)[i] = (int64_t)numbers[i];
    }
    CHECK_OK(fet_graph_add_param(n->graph, name(n), dtype, &shape, tensor, false, &id));
    return id;
}

/* conv -> x -> conv, with the operator under test in the middle: its input and output then lie as feature maps do. */
static inline fet_id before(net *n, int64_t channels)
{
    return conv(n, image(n, between(n, 1, 6)), (fet_conv_options){.out_channels = channels, .kernel = 1});
}

static inline fet_id after(net *n, fet_id x)
{
    return conv(n, x, (fet_conv_options){.out_channels = 4, .kernel = 1});
}

#endif
