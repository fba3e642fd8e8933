// SPDX-License-Identifier: Apache-2.0
/*
 * Every operator's forward and backward, alone and fused, over random shapes: outputs against the f64 reference, gradients of parameters
 * and inputs against its central differences; bf16 against the same with a stated tolerance; in one chunk and in many.
 */
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

static int64_t between(net *n, int64_t low, int64_t high)
{
    return low + fet_rng_below(&n->rng, (uint32_t)(high - low + 1));
}

static const char *name(net *n)
{
    static char text[32];
    snprintf(text, sizeof text, "n%u", n->n_names++);
    return text;
}

static net start(uint64_t seed)
{
    net n = {0};
    fet_rng_init(&n.rng, seed, 0, FET_RNG_TEST);
    CHECK_OK(fet_graph_create(NULL, &n.graph));
    n.batch = between(&n, 2, 4);
    return n;
}

static fet_id input(net *n, fet_shape shape)
{
    fet_id id = FET_NONE;
    CHECK_OK(fet_graph_add_input(n->graph, name(n), FET_DTYPE_F32, &shape, &id));
    return id;
}

/* A map of `low` to 7 on each side; drawn in order, so that every compiler draws the same. */
static fet_id image_from(net *n, int64_t channels, int64_t low)
{
    int64_t height = between(n, low, 7), width = between(n, low, 7);
    return input(n, fet_shape_4d(1, channels, height, width));
}

static fet_id image(net *n, int64_t channels)
{
    return image_from(n, channels, 4);
}

static fet_id node(net *n, fet_op_kind op, const fet_id *inputs, uint32_t n_inputs)
{
    fet_id id = FET_NONE;
    CHECK_OK(fet_graph_add_node(n->graph, op, name(n), inputs, n_inputs, 1, &id));
    return id;
}

static fet_id out_of(net *n, fet_id id)
{
    CHECK_OK(fet_graph_infer_node(n->graph, id));
    return n->graph->nodes[id].outputs[0];
}

static fet_id unary(net *n, fet_op_kind op, fet_id x)
{
    CHECK_OK(fet_build_unary(n->graph, op, name(n), x, &x));
    return x;
}

static fet_id conv(net *n, fet_id x, fet_conv_options options)
{
    CHECK_OK(fet_build_conv(n->graph, name(n), x, &options, &x));
    return x;
}

static fet_id batch_norm(net *n, fet_id x)
{
    CHECK_OK(fet_build_batch_norm(n->graph, name(n), x, &x));
    return x;
}

static fet_id binary(net *n, fet_op_kind op, fet_id a, fet_id b)
{
    CHECK_OK(fet_build_binary(n->graph, op, name(n), a, b, &a));
    return a;
}

static fet_id param(net *n, fet_shape shape, bool trainable)
{
    fet_auto(fet_tensor) tensor = NULL;
    fet_id id = FET_NONE;
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &shape, &tensor));
    for (int64_t i = 0; i < fet_tensor_elements(tensor); i++) fet_tensor_f32(tensor)[i] = 0.3f * (float)fet_rng_normal(&n->rng);
    CHECK_OK(fet_graph_add_param(n->graph, name(n), FET_DTYPE_F32, &shape, tensor, trainable, &id));
    return id;
}

/* Numbers for what has none; batch norms get some that are not 1 and 0. */
static void fill_params(net *n)
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

static run train(const net *n, fet_trainer_options options, const float *const *src, const float *const *diff)
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

static void free_run(const net *n, run *r)
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
static void check_slopes(net *n, const reference *ref, double *const *weight, fet_id value, const float *gradient, int64_t count)
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
static void check_close(const float *a, const float *b, int64_t count, double tolerance, const char *what)
{
    double apart = 0, size = 1e-6;
    for (int64_t i = 0; i < count; i++) apart += pow((double)a[i] - (double)b[i], 2), size += pow((double)a[i], 2);
    if (!(sqrt(apart) <= tolerance * sqrt(size))) fail_msg("%s: relative distance %.3g, allowed %.3g", what, sqrt(apart / size), tolerance);
}

static void check_same_run(const net *n, const run *a, const run *b, double tolerance, const char *what)
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
static void check_net(net *n, fet_id output, double bf16_tolerance, bool frozen)
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
    if (bf16_tolerance > 0 && fet_engine_training_dtype() == FET_DTYPE_BF16) {
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

static void test_conv(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        net n = start(seed);
        int64_t kernel = (int64_t[]){1, 3, 5}[fet_rng_below(&n.rng, 3)];
        /* On AVX2 oneDNN has only a reference loop for the gradient of a window larger than its map, and the trainer refuses that. */
        bool window_fits = strcmp(fet_engine_isa_name(), "AVX2") == 0;
        fet_id x = image_from(&n, between(&n, 1, 36), window_fits && kernel > 4 ? kernel : 4);
        int64_t out = between(&n, 1, 40), stride = between(&n, 1, 2);
        check_net(&n, conv(&n, x, (fet_conv_options){.out_channels = out, .kernel = kernel, .stride = stride, .bias = seed % 2}),
                  BF16_TOLERANCE, false);
    }
}

static void test_depthwise(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        net n = start(100 + seed);
        int64_t kernel = (int64_t[]){3, 5, 7}[seed % 3], channels = between(&n, 1, 4) * (seed % 4 == 3 ? 5 : 16);
        fet_id x = image(&n, channels);
        check_net(&n,
                  conv(&n, x,
                       (fet_conv_options){
                           .out_channels = channels, .kernel = kernel, .stride = between(&n, 1, 2), .group = channels, .bias = seed % 2}),
                  BF16_TOLERANCE, false);
    }
}

static void test_grouped(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        net n = start(200 + seed);
        int64_t groups = between(&n, 2, 3), width = (int64_t[]){16, 32}[seed % 2];
        fet_id x = image(&n, groups * width);
        check_net(&n, conv(&n, x, (fet_conv_options){.out_channels = groups * width, .kernel = 3, .group = groups}), BF16_TOLERANCE, false);
    }
}

static void test_gemm(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        net n = start(300 + seed);
        int64_t k = between(&n, 1, 70), m = between(&n, 1, 20);
        fet_id x = input(&n, fet_shape_2d(1, k));
        if (seed % 3 == 0) {
            CHECK_OK(fet_build_gemm(n.graph, "fc", x, m, &x));
        } else {
            fet_id in[] = {x, param(&n, fet_shape_2d(k, m), true), seed % 3 == 1 ? param(&n, fet_shape_1d(m), true) : FET_NONE};
            x = out_of(&n, node(&n, seed % 3 == 1 ? FET_OP_GEMM : FET_OP_MATMUL, in, seed % 3 == 1 ? 3 : 2));
        }
        check_net(&n, x, BF16_TOLERANCE, false);
    }
}

/* conv -> batch norm, alone or with what is fused into it, then something behind it, so that its output is made again in the backward pass.
 */
static void test_batch_norm(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 16; seed++) {
        net n = start(400 + seed);
        int64_t channels = between(&n, 1, 40);
        fet_id x = image(&n, channels), r = x;
        x = batch_norm(&n, conv(&n, x, (fet_conv_options){.out_channels = channels, .kernel = 1}));
        if (seed & 1) x = binary(&n, FET_OP_ADD, seed & 4 ? r : x, seed & 4 ? x : r);
        if (seed & 2) {
            if (seed & 8) CHECK_OK(fet_build_relu6(n.graph, name(&n), x, &x));
            else x = unary(&n, FET_OP_RELU, x);
        }
        if (seed & 4) x = conv(&n, x, (fet_conv_options){.out_channels = 16, .kernel = 1});
        check_net(&n, x, 2 * BF16_TOLERANCE, seed == 9 || seed == 14);
    }
}

static void test_batch_norm_of_rows(void **state)
{
    (void)state;
    net n = start(450);
    n.batch = 16;
    fet_id x = input(&n, fet_shape_2d(1, 37));
    check_net(&n, unary(&n, FET_OP_RELU, batch_norm(&n, x)), 2 * BF16_TOLERANCE, false);
}

/* A value read by several: two branches, sums of sums, the same value twice, batch norm of what is added to it. */
static void test_shared_values(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        net n = start(500 + seed);
        fet_id x = image(&n, 16);
        fet_conv_options same = {.out_channels = 16, .kernel = 3};
        fet_id a = unary(&n, FET_OP_RELU, batch_norm(&n, conv(&n, x, same)));
        fet_id b = seed == 2 || seed == 3 ? a : batch_norm(&n, conv(&n, a, same));
        if (seed == 0) b = binary(&n, FET_OP_ADD, b, a);
        if (seed == 1) b = binary(&n, FET_OP_ADD, binary(&n, FET_OP_ADD, b, a), conv(&n, a, same));
        if (seed == 2) b = binary(&n, FET_OP_ADD, a, a);
        if (seed == 3) b = binary(&n, FET_OP_ADD, batch_norm(&n, a), a);
        if (seed == 4) b = unary(&n, FET_OP_RELU, binary(&n, FET_OP_ADD, b, batch_norm(&n, conv(&n, a, same))));
        if (seed == 5) {
            CHECK_OK(fet_graph_add_output(n.graph, a));
            fet_id c = binary(&n, FET_OP_ADD, b, a);
            b = binary(&n, FET_OP_ADD, batch_norm(&n, conv(&n, unary(&n, FET_OP_RELU, c), same)), c);
        }
        check_net(&n, b, 3 * BF16_TOLERANCE, false);
    }
}

/* Two convolutions with one kernel: its gradient is the sum of both. */
static void test_shared_parameter(void **state)
{
    (void)state;
    net n = start(550);
    fet_id x = image(&n, 16), w = param(&n, fet_shape_4d(16, 16, 1, 1), true);
    fet_id a = out_of(&n, node(&n, FET_OP_CONV, (fet_id[]){x, w}, 2));
    check_net(&n, out_of(&n, node(&n, FET_OP_CONV, (fet_id[]){a, w}, 2)), BF16_TOLERANCE, false);
}

static void test_activations(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_RELU,    FET_OP_LEAKY_RELU,   FET_OP_ELU,      FET_OP_SELU,       FET_OP_CELU,
                                      FET_OP_SIGMOID, FET_OP_HARD_SIGMOID, FET_OP_SWISH,    FET_OP_HARD_SWISH, FET_OP_GELU,
                                      FET_OP_TANH,    FET_OP_ERF,          FET_OP_SOFTPLUS, FET_OP_SOFTSIGN,   FET_OP_ABS,
                                      FET_OP_NEG,     FET_OP_EXP,          FET_OP_IDENTITY, FET_OP_DROPOUT};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        net n = start(600 + i);
        fet_id x = image(&n, between(&n, 4, 20));
        x = conv(&n, x, (fet_conv_options){.out_channels = between(&n, 1, 20), .kernel = 1});
        x = unary(&n, ops[i], x);
        check_net(&n, conv(&n, x, (fet_conv_options){.out_channels = 8, .kernel = 1}), 2 * BF16_TOLERANCE, false);
    }
    static const fet_op_kind positive[] = {FET_OP_LOG, FET_OP_SQRT, FET_OP_RECIPROCAL};
    for (size_t i = 0; i < 3; i++) { /* of numbers above 0.3 */
        net n = start(650 + i);
        fet_id x = unary(&n, FET_OP_SIGMOID, image(&n, 7));
        check_net(&n, unary(&n, positive[i], x), 2 * BF16_TOLERANCE, false);
    }
}

static void test_clip(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        net n = start(660 + (uint64_t)i);
        fet_id bounds[2];
        for (int b = 0; b < 2; b++) {
            fet_auto(fet_tensor) tensor = NULL;
            fet_shape scalar = {0};
            CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &scalar, &tensor));
            fet_tensor_f32(tensor)[0] = b ? 0.8f : i ? -0.5f : 0.25f; /* a low bound above zero must not touch padding channels */
            CHECK_OK(fet_graph_add_param(n.graph, name(&n), FET_DTYPE_F32, &scalar, tensor, false, &bounds[b]));
        }
        fet_id x = batch_norm(&n, conv(&n, image(&n, 5), (fet_conv_options){.out_channels = 21, .kernel = 1}));
        x = out_of(&n, node(&n, FET_OP_CLIP, (fet_id[]){x, bounds[0], bounds[1]}, 3));
        check_net(&n, conv(&n, x, (fet_conv_options){.out_channels = 8, .kernel = 3}), 3 * BF16_TOLERANCE, false);
    }
}

static void test_head(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        net n = start(700 + seed);
        fet_id x = image(&n, between(&n, 2, 40));
        if (seed % 2) x = unary(&n, FET_OP_GLOBAL_AVERAGE_POOL, x);
        x = unary(&n, FET_OP_FLATTEN, x);
        CHECK_OK(fet_build_gemm(n.graph, "fc", x, 5, &x));
        check_net(&n, x, BF16_TOLERANCE, false);
    }
}

static fet_id constants(net *n, fet_dtype dtype, const double *numbers, int64_t count)
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
static fet_id before(net *n, int64_t channels)
{
    return conv(n, image(n, between(n, 1, 6)), (fet_conv_options){.out_channels = channels, .kernel = 1});
}

static fet_id after(net *n, fet_id x)
{
    return conv(n, x, (fet_conv_options){.out_channels = 4, .kernel = 1});
}

static void test_pool(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_MAX_POOL, FET_OP_AVERAGE_POOL};
    for (uint64_t seed = 0; seed < 8; seed++) {
        net n = start(800 + seed);
        fet_id x = before(&n, between(&n, 3, 20)), pool = node(&n, ops[seed % 2], &x, 1);
        int64_t kernel = between(&n, 2, 3), stride = between(&n, 1, 2), pad = between(&n, 0, 1);
        CHECK_OK(fet_graph_set_ints(n.graph, pool, FET_ATTR_KERNEL_SHAPE, (int64_t[]){kernel, kernel}, 2));
        CHECK_OK(fet_graph_set_ints(n.graph, pool, FET_ATTR_STRIDES, (int64_t[]){stride, stride}, 2));
        CHECK_OK(fet_graph_set_ints(n.graph, pool, FET_ATTR_PADS, (int64_t[]){pad, pad, pad, pad}, 4));
        if (seed & 4) CHECK_OK(fet_graph_set_int(n.graph, pool, FET_ATTR_COUNT_INCLUDE_PAD, 1));
        check_net(&n, after(&n, out_of(&n, pool)), seed % 2 ? BF16_TOLERANCE : 0, false); /* rounding moves a maximum to another tap */
    }
    net n = start(820);
    check_net(&n, after(&n, unary(&n, FET_OP_GLOBAL_MAX_POOL, before(&n, 18))), 0, false);
}

static void test_binary(void **state)
{
    (void)state;
    static const fet_op_kind ops[] = {FET_OP_ADD, FET_OP_SUB, FET_OP_MUL, FET_OP_DIV};
    for (uint64_t seed = 0; seed < 16; seed++) {
        net n = start(830 + seed);
        int64_t channels = between(&n, 1, 20);
        fet_id a = before(&n, channels), b = FET_NONE;
        fet_op_kind op = ops[seed % 4];
        if (seed / 4 == 0) b = conv(&n, a, (fet_conv_options){.out_channels = channels, .kernel = 1}); /* equal shapes */
        if (seed / 4 == 1) b = unary(&n, FET_OP_GLOBAL_AVERAGE_POOL, a);                               /* one number a channel */
        if (seed / 4 == 2 && op != FET_OP_DIV) b = param(&n, fet_shape_4d(1, channels, 1, 1), true);
        if (seed / 4 == 3) b = conv(&n, a, (fet_conv_options){.out_channels = 1, .kernel = 1}); /* one channel for all */
        if (op == FET_OP_DIV) b = unary(&n, FET_OP_SIGMOID, b == FET_NONE ? a : b);             /* keep the divisor away from zero */
        bool swapped = fet_rng_below(&n.rng, 2) && op != FET_OP_DIV;
        check_net(&n, after(&n, binary(&n, op, swapped ? b : a, swapped ? a : b)), 2 * BF16_TOLERANCE, false);
    }
    net n = start(850);
    fet_id x = before(&n, 7);
    check_net(&n, after(&n, binary(&n, FET_OP_MUL, x, x)), 2 * BF16_TOLERANCE, false); /* the square: both gradients go to one value */
    n = start(851);
    x = before(&n, 9);
    check_net(&n, after(&n, out_of(&n, node(&n, FET_OP_PRELU, (fet_id[]){x, param(&n, fet_shape_make(3, (int64_t[]){9, 1, 1}), true)}, 2))),
              2 * BF16_TOLERANCE, false);
}

static void test_softmax(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        net n = start(860 + seed);
        fet_id x = seed < 2 ? input(&n, fet_shape_2d(1, 11)) : before(&n, 9);
        fet_id soft = node(&n, seed % 2 ? FET_OP_LOG_SOFTMAX : FET_OP_SOFTMAX, &x, 1);
        CHECK_OK(fet_graph_set_int(n.graph, soft, FET_ATTR_AXIS, seed == 3 ? -1 : 1));
        check_net(&n, out_of(&n, soft), 2 * BF16_TOLERANCE, false);
    }
}

static void test_reduce(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        net n = start(870 + seed);
        fet_id x = before(&n, 18), mean = node(&n, FET_OP_REDUCE_MEAN, &x, 1);
        CHECK_OK(fet_graph_set_ints(n.graph, mean, FET_ATTR_AXES, seed & 1 ? (int64_t[]){2, 3} : (int64_t[]){-3, 1}, seed & 1 ? 2 : 1));
        CHECK_OK(fet_graph_set_int(n.graph, mean, FET_ATTR_KEEPDIMS, seed > 1));
        check_net(&n, out_of(&n, mean), BF16_TOLERANCE, false);
    }
}

static void test_moves(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) { /* channels that do and do not fill blocks */
        net n = start(880 + seed);
        fet_id a = before(&n, (int64_t[]){16, 5, 20}[seed]);
        fet_id b = conv(&n, a, (fet_conv_options){.out_channels = (int64_t[]){32, 19, 3}[seed], .kernel = 1});
        fet_id cat = node(&n, FET_OP_CONCAT, (fet_id[]){a, b, a}, 3);
        CHECK_OK(fet_graph_set_int(n.graph, cat, FET_ATTR_AXIS, 1));
        check_net(&n, after(&n, out_of(&n, cat)), 2 * BF16_TOLERANCE, false);
    }
    net n = start(885);
    fet_id x = before(&n, 11), scales = constants(&n, FET_DTYPE_F32, (double[]){1, 1, 2, 2}, 4);
    fet_id resize = node(&n, FET_OP_RESIZE, (fet_id[]){x, FET_NONE, scales}, 3);
    CHECK_OK(fet_graph_set_string(n.graph, resize, FET_ATTR_MODE, "nearest"));
    CHECK_OK(fet_graph_set_string(n.graph, resize, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "asymmetric"));
    CHECK_OK(fet_graph_set_string(n.graph, resize, FET_ATTR_NEAREST_MODE, "floor"));
    check_net(&n, after(&n, out_of(&n, resize)), 2 * BF16_TOLERANCE, false);
    n = start(886);
    x = before(&n, 6);
    fet_id transpose = node(&n, FET_OP_TRANSPOSE, &x, 1); /* as detection heads have it: to N, H, W, C, then to rows */
    CHECK_OK(fet_graph_set_ints(n.graph, transpose, FET_ATTR_PERM, (int64_t[]){0, 2, 3, 1}, 4));
    x = out_of(&n, transpose);
    x = out_of(&n, node(&n, FET_OP_RESHAPE, (fet_id[]){x, constants(&n, FET_DTYPE_S64, (double[]){0, -1, 2}, 3)}, 2));
    check_net(&n, x, BF16_TOLERANCE, false);
}

/* What cannot be trained says so, by name, and leaves nothing behind. */
static void test_unsupported(void **state)
{
    (void)state;
    net n = start(890);
    fet_id x = unary(&n, FET_OP_FLOOR, image(&n, 3));
    CHECK_OK(fet_graph_add_output(n.graph, x));
    fet_trainer_options options = fet_trainer_default_options();
    fet_trainer *trainer = NULL;
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_trainer_create(n.graph, &options, &trainer));
    assert_non_null(strstr(fet_error_message(), "Floor"));
    options.batch = 0;
    CHECK_FAILS(FET_ERROR_ARG, fet_trainer_create(n.graph, &options, &trainer));
    fet_graph_destroy(n.graph);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),          cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_grouped),       cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_batch_norm),    cmocka_unit_test(test_batch_norm_of_rows),
        cmocka_unit_test(test_shared_values), cmocka_unit_test(test_shared_parameter),
        cmocka_unit_test(test_activations),   cmocka_unit_test(test_clip),
        cmocka_unit_test(test_head),          cmocka_unit_test(test_pool),
        cmocka_unit_test(test_binary),        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_reduce),        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_unsupported),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* one test by its name */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
