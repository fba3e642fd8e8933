// SPDX-License-Identifier: Apache-2.0
/*
 * The trainer as a whole: trainings whose loss falls, the same bits twice, optimisers against scalar arithmetic, what sync gives back,
 * running statistics, images of few channels, which implementations were chosen, misuse, NaN, allocation failures.
 */
#include "check.h"

#include "base/rng.h"
#include "engine/engine.h"
#include "engine/init.h"
#include "engine/trainer.h"
#include "op/builder.h"
#include "op/op.h"

#include <math.h>
#include <string.h>

enum { BATCH = 16, SIDE = 8, CLASSES = 3 };

static fet_id layer(fet_graph *graph, const char *name, fet_id x, fet_conv_options options, bool relu)
{
    char text[32];
    CHECK_OK(fet_build_conv(graph, name, x, &options, &x));
    snprintf(text, sizeof text, "%s.bn", name);
    CHECK_OK(fet_build_batch_norm(graph, text, x, &x));
    snprintf(text, sizeof text, "%s.relu", name);
    if (relu) CHECK_OK(fet_build_unary(graph, FET_OP_RELU, text, x, &x));
    return x;
}

/* A stem, an inverted bottleneck with its residual, a head. */
static fet_graph *make_net(int64_t channels, uint64_t seed)
{
    fet_graph *graph = NULL;
    fet_id x = FET_NONE;
    fet_shape shape = fet_shape_4d(1, channels, SIDE, SIDE);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &x));
    x = layer(graph, "stem", x, (fet_conv_options){.out_channels = 12, .kernel = 3}, true);
    fet_id h = layer(graph, "expand", x, (fet_conv_options){.out_channels = 40, .kernel = 1}, true);
    h = layer(graph, "depthwise", h, (fet_conv_options){.out_channels = 40, .kernel = 3, .group = 40}, true);
    h = layer(graph, "project", h, (fet_conv_options){.out_channels = 12, .kernel = 1}, false);
    CHECK_OK(fet_build_binary(graph, FET_OP_ADD, "add", x, h, &x));
    x = layer(graph, "head", x, (fet_conv_options){.out_channels = 24, .kernel = 3, .stride = 2}, true);
    CHECK_OK(fet_build_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", x, &x));
    CHECK_OK(fet_build_unary(graph, FET_OP_FLATTEN, "flat", x, &x));
    CHECK_OK(fet_build_gemm(graph, "classify", x, CLASSES, &x));
    CHECK_OK(fet_graph_add_output(graph, x));
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_graph_init_params(graph, NULL, seed));
    return graph;
}

/* Images of class k have stripes of period k + 2, under noise. */
static void make_batch(uint64_t number, int64_t channels, float *images, uint32_t *labels)
{
    fet_rng rng;
    fet_rng_init(&rng, 3, number, FET_RNG_TEST);
    for (int n = 0; n < BATCH; n++) {
        labels[n] = fet_rng_below(&rng, CLASSES);
        for (int64_t i = 0; i < channels * SIDE * SIDE; i++)
            *images++ = (i % SIDE % (labels[n] + 2) == 0 ? 1.0f : 0.0f) + 0.3f * (float)fet_rng_normal(&rng);
    }
}

/* Mean cross-entropy and its gradient by the logits. */
static double loss_of(const float *logits, const uint32_t *labels, float *diff)
{
    double loss = 0;
    for (int n = 0; n < BATCH; n++, logits += CLASSES, diff += CLASSES) {
        double sum = 0;
        for (int c = 0; c < CLASSES; c++) sum += exp((double)logits[c]);
        for (int c = 0; c < CLASSES; c++) diff[c] = (float)((exp((double)logits[c]) / sum - (c == (int)labels[n])) / BATCH);
        loss += (log(sum) - (double)logits[labels[n]]) / BATCH;
    }
    return loss;
}

typedef struct data {
    float images[BATCH * 3 * SIDE * SIDE], diff[BATCH * CLASSES];
    uint32_t labels[BATCH];
} data;

static double one_step(fet_trainer *trainer, data *d, uint64_t number, int64_t channels, float rate)
{
    make_batch(number, channels, d->images, d->labels);
    const float *src[] = {d->images}, *diff[] = {d->diff};
    CHECK_OK(fet_trainer_forward(trainer, src));
    double loss = loss_of(fet_trainer_output(trainer, 0), d->labels, d->diff);
    CHECK_OK(fet_trainer_backward(trainer, diff));
    CHECK_OK(fet_trainer_step(trainer, rate));
    return loss;
}

static fet_trainer_options options_for(fet_dtype dtype)
{
    fet_trainer_options options = fet_trainer_default_options();
    options.dtype = dtype;
    options.batch = BATCH;
    return options;
}

/* f32, and bf16 where the machine trains in it. */
static int n_dtypes(void)
{
    return fet_engine_training_dtype() == FET_DTYPE_BF16 ? 2 : 1;
}
static const fet_dtype dtypes[] = {FET_DTYPE_F32, FET_DTYPE_BF16};

static void test_training(void **state)
{
    (void)state;
    data d;
    for (int t = 0; t < n_dtypes(); t++)
        for (int adam = 0; adam < 2; adam++) {
            fet_graph *graph = make_net(1, 1);
            fet_trainer_options options = options_for(dtypes[t]);
            options.optimizer = adam ? FET_OPTIMIZER_ADAMW : FET_OPTIMIZER_SGD;
            fet_trainer *trainer = NULL;
            CHECK_OK(fet_trainer_create(graph, &options, &trainer));
            double first = 0, last = 0;
            for (uint64_t s = 0; s < 60; s++) {
                double loss = one_step(trainer, &d, s, 1, adam ? 0.01f : 0.1f);
                if (s < 5) first += loss / 5;
                if (s >= 50) last += loss / 10;
            }
            if (!(first > 0.7 && last < 0.15)) fail_msg("%s: the loss went from %g to %g", fet_dtype_name(dtypes[t]), first, last);
            fet_trainer_destroy(trainer);
            fet_graph_destroy(graph);
        }
}

/* Two trainings give the same bits; so does one that sees other chunk sizes only where sums are ordered alike. */
static void test_deterministic(void **state)
{
    (void)state;
    data d;
    for (int t = 0; t < n_dtypes(); t++) {
        float outputs[2][BATCH * CLASSES];
        for (int run = 0; run < 2; run++) {
            fet_graph *graph = make_net(3, 1);
            fet_trainer_options options = options_for(dtypes[t]);
            fet_trainer *trainer = NULL;
            CHECK_OK(fet_trainer_create(graph, &options, &trainer));
            for (uint64_t s = 0; s < 5; s++) one_step(trainer, &d, s, 3, 0.1f);
            memcpy(outputs[run], fet_trainer_output(trainer, 0), sizeof outputs[run]);
            fet_trainer_destroy(trainer);
            fet_graph_destroy(graph);
        }
        assert_memory_equal(outputs[0], outputs[1], sizeof outputs[0]);
    }
}

/* Sync gives the numbers back: a new trainer from them goes on with the same bits, and whoever shared the tensors sees no change. */
static void test_sync(void **state)
{
    (void)state;
    data d;
    for (int t = 0; t < n_dtypes(); t++) {
        fet_graph *graph = make_net(3, 1), *other = NULL;
        CHECK_OK(fet_graph_copy(graph, NULL, 0, &other));
        fet_tensor *before = fet_tensor_retain(other->params[0].tensor);
        fet_auto(fet_tensor) numbers = NULL;
        CHECK_OK(fet_tensor_copy(before, &numbers));
        fet_trainer_options options = options_for(dtypes[t]);
        options.momentum = 0; /* a new trainer has no velocity */
        fet_trainer *a = NULL, *b = NULL;
        CHECK_OK(fet_trainer_create(graph, &options, &a));
        for (uint64_t s = 0; s < 3; s++) one_step(a, &d, s, 3, 0.1f);
        CHECK_OK(fet_trainer_sync_params(a));
        assert_memory_equal(before->data, numbers->data, numbers->bytes);
        assert_memory_not_equal(graph->params[0].tensor->data, numbers->data, numbers->bytes);
        CHECK_OK(fet_trainer_create(graph, &options, &b));
        for (uint64_t s = 3; s < 5; s++) {
            double la = one_step(a, &d, s, 3, 0.1f), lb = one_step(b, &d, s, 3, 0.1f);
            assert_true(la == lb);
        }
        fet_trainer_destroy(a);
        fet_trainer_destroy(b);
        fet_tensor_release(before);
        fet_graph_destroy(other);
        fet_graph_destroy(graph);
    }
}

/* One Gemm: its parameters after five steps against the update rules in f64. */
static void test_optimizers(void **state)
{
    (void)state;
    enum { K = 37, M = 5 };
    for (int adam = 0; adam < 2; adam++) {
        fet_graph *graph = NULL;
        fet_id x = FET_NONE;
        fet_shape shape = fet_shape_2d(1, K);
        CHECK_OK(fet_graph_create(NULL, &graph));
        CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &shape, &x));
        CHECK_OK(fet_build_gemm(graph, "fc", x, M, &x));
        CHECK_OK(fet_graph_add_output(graph, x));
        CHECK_OK(fet_graph_infer(graph));
        CHECK_OK(fet_graph_init_params(graph, NULL, 1));
        fet_trainer_options o = options_for(FET_DTYPE_F32);
        o.optimizer = adam ? FET_OPTIMIZER_ADAMW : FET_OPTIMIZER_SGD;
        o.weight_decay = 0.01f;
        double w[2][K * M] = {{0}}, m[2][K * M] = {{0}}, v[2][K * M] = {{0}};
        for (fet_id p = 0; p < 2; p++)
            for (int64_t i = 0; i < fet_tensor_elements(graph->params[p].tensor); i++)
                w[p][i] = (double)fet_tensor_f32(graph->params[p].tensor)[i];
        fet_trainer *trainer = NULL;
        CHECK_OK(fet_trainer_create(graph, &o, &trainer));
        float images[BATCH * K], diff[BATCH * M];
        fet_rng rng;
        fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
        const double rate = (double)0.05f, b1 = (double)o.momentum, b2 = (double)o.beta2;
        for (int step = 1; step <= 5; step++) {
            for (int i = 0; i < BATCH * K; i++) images[i] = (float)fet_rng_normal(&rng);
            for (int i = 0; i < BATCH * M; i++) diff[i] = (float)fet_rng_normal(&rng);
            const float *src[] = {images}, *given[] = {diff};
            CHECK_OK(fet_trainer_forward(trainer, src));
            CHECK_OK(fet_trainer_backward(trainer, given));
            for (fet_id p = 0; p < 2; p++) {
                fet_auto(fet_tensor) gradient = NULL;
                CHECK_OK(fet_trainer_param_gradient(trainer, p, &gradient));
                double decay = gradient->shape.rank > 1 ? (double)o.weight_decay : 0; /* not of biases */
                for (int64_t i = 0; i < fet_tensor_elements(gradient); i++) {
                    double g = (double)fet_tensor_f32(gradient)[i];
                    if (adam) {
                        m[p][i] = b1 * m[p][i] + (1 - b1) * g;
                        v[p][i] = b2 * v[p][i] + (1 - b2) * g * g;
                        w[p][i] -= rate * decay * w[p][i];
                        w[p][i] -= rate * (m[p][i] / (1 - pow(b1, step))) / (sqrt(v[p][i] / (1 - pow(b2, step))) + 1e-8);
                    } else {
                        g += decay * w[p][i];
                        m[p][i] = b1 * m[p][i] + g;
                        w[p][i] -= rate * (g + b1 * m[p][i]);
                    }
                }
            }
            CHECK_OK(fet_trainer_step(trainer, 0.05f));
        }
        CHECK_OK(fet_trainer_sync_params(trainer));
        for (fet_id p = 0; p < 2; p++)
            for (int64_t i = 0; i < fet_tensor_elements(graph->params[p].tensor); i++)
                CHECK_NEAR(fet_tensor_f32(graph->params[p].tensor)[i], w[p][i], 2e-5 * (1 + fabs(w[p][i])));
        fet_trainer_destroy(trainer);
        fet_graph_destroy(graph);
    }
}

/* Running statistics against their definition, with a share of 1 and then of a half. */
static void test_running_statistics(void **state)
{
    (void)state;
    fet_graph *graph = NULL;
    fet_id x = FET_NONE;
    enum { C = 5 };
    fet_shape shape = fet_shape_4d(1, C, SIDE, SIDE);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &shape, &x));
    CHECK_OK(fet_build_batch_norm(graph, "bn", x, &x));
    CHECK_OK(fet_graph_add_output(graph, x));
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_graph_init_params(graph, NULL, 1));
    fet_trainer_options options = options_for(FET_DTYPE_F32);
    options.bn_momentum = 1;
    fet_trainer *trainer = NULL;
    CHECK_OK(fet_trainer_create(graph, &options, &trainer));
    static float images[BATCH * C * SIDE * SIDE];
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    double mean[C] = {0}, variance[C] = {0};
    for (int round = 0; round < 2; round++) {
        double share = round ? 0.5 : 1;
        for (size_t i = 0; i < sizeof images / sizeof *images; i++)
            images[i] = 100.0f + (float)fet_rng_normal(&rng); /* far from zero: sums must not cancel */
        const float *src[] = {images};
        CHECK_OK(fet_trainer_set_bn_momentum(trainer, (float)share));
        CHECK_OK(fet_trainer_forward(trainer, src));
        const int count = BATCH * SIDE * SIDE;
        for (int c = 0; c < C; c++) {
            double sum = 0, squares = 0;
            for (int i = 0; i < count; i++) sum += (double)images[(i / (SIDE * SIDE) * C + c) * SIDE * SIDE + i % (SIDE * SIDE)];
            for (int i = 0; i < count; i++)
                squares += pow((double)images[(i / (SIDE * SIDE) * C + c) * SIDE * SIDE + i % (SIDE * SIDE)] - sum / count, 2);
            mean[c] += share * (sum / count - mean[c]);
            variance[c] += share * (squares / (count - 1) - variance[c]);
        }
    }
    CHECK_OK(fet_trainer_sync_params(trainer));
    for (int c = 0; c < C; c++) {
        CHECK_NEAR(fet_tensor_f32(graph->params[2].tensor)[c], mean[c], 1e-4);
        CHECK_NEAR(fet_tensor_f32(graph->params[3].tensor)[c], variance[c], 1e-4);
    }
    CHECK_FAILS(FET_ERROR_ARG, fet_trainer_set_bn_momentum(trainer, 2));
    fet_trainer_destroy(trainer);
    fet_graph_destroy(graph);
}

/* The stem reads an image of few channels in another layout when nobody asks for the image's gradient. The weights' gradients are the same.
 */
static void test_images(void **state)
{
    (void)state;
    for (int64_t channels = 1; channels <= 3; channels++) {
        static data d;
        fet_tensor *gradient[2] = {NULL, NULL};
        fet_graph *graph = make_net(channels, 1);
        for (int asked = 0; asked < 2; asked++) {
            fet_trainer_options options = options_for(FET_DTYPE_F32);
            options.input_gradients = asked;
            fet_trainer *trainer = NULL;
            fet_auto(fet_tensor) by_image = NULL;
            CHECK_OK(fet_trainer_create(graph, &options, &trainer));
            make_batch(0, channels, d.images, d.labels);
            const float *src[] = {d.images}, *diff[] = {d.diff};
            CHECK_OK(fet_trainer_forward(trainer, src));
            loss_of(fet_trainer_output(trainer, 0), d.labels, d.diff);
            CHECK_OK(fet_trainer_backward(trainer, diff));
            CHECK_OK(fet_trainer_param_gradient(trainer, 0, &gradient[asked]));
            if (asked) CHECK_OK(fet_trainer_input_gradient(trainer, 0, &by_image));
            else CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_trainer_input_gradient(trainer, 0, &by_image));
            fet_trainer_destroy(trainer);
        }
        for (int64_t i = 0; i < fet_tensor_elements(gradient[0]); i++)
            CHECK_NEAR(fet_tensor_f32(gradient[0])[i], fet_tensor_f32(gradient[1])[i], 1e-5);
        fet_tensor_release(gradient[0]);
        fet_tensor_release(gradient[1]);
        fet_graph_destroy(graph);
    }
}

/* None of oneDNN's slow implementations. Creation refuses them already; this looks at what it let through. */
static void test_implementations(void **state)
{
    (void)state;
    for (int t = 0; t < n_dtypes(); t++) {
        fet_graph *graph = make_net(3, 1);
        fet_trainer_options options = options_for(dtypes[t]);
        fet_trainer *trainer = NULL;
        CHECK_OK(fet_trainer_create(graph, &options, &trainer));
        assert_true(fet_trainer_n_primitives(trainer) >= 12); /* four dense convolutions and the matrix, forward and backward */
        for (uint32_t i = 0; i < fet_trainer_n_primitives(trainer); i++) {
            const char *text = fet_trainer_primitive_implementation(trainer, i);
            if (strstr(text, " ref") || strstr(text, ":ref")) fail_msg("slow: %s", text);
        }
        assert_null(fet_trainer_primitive_implementation(trainer, fet_trainer_n_primitives(trainer)));
        fet_trainer_destroy(trainer);
        fet_graph_destroy(graph);
    }
}

static void test_misuse(void **state)
{
    (void)state;
    static data d;
    fet_graph *graph = make_net(1, 1);
    fet_trainer_options options = options_for(FET_DTYPE_F32);
    fet_trainer *trainer = NULL;
    const float *src[] = {d.images}, *diff[] = {NULL};
    fet_tensor *none = NULL;
    CHECK_OK(fet_trainer_create(graph, &options, &trainer));
    CHECK_FAILS(FET_ERROR_STATE, fet_trainer_backward(trainer, diff));
    CHECK_FAILS(FET_ERROR_STATE, fet_trainer_step(trainer, 0.1f));
    CHECK_FAILS(FET_ERROR_STATE, fet_trainer_param_gradient(trainer, 0, &none));
    CHECK_OK(fet_trainer_forward(trainer, src));
    CHECK_OK(fet_trainer_backward(trainer, diff)); /* no gradient given: zero */
    CHECK_OK(fet_trainer_param_gradient(trainer, 0, &none));
    for (int64_t i = 0; i < fet_tensor_elements(none); i++) assert_true(fet_tensor_f32(none)[i] == 0);
    fet_tensor_release(none);
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_trainer_param_gradient(trainer, 9999, &none));
    assert_null(fet_trainer_output(trainer, 1));
    fet_trainer_destroy(trainer);
    fet_trainer_destroy(NULL);
    options.momentum = 1.5f;
    CHECK_FAILS(FET_ERROR_ARG, fet_trainer_create(graph, &options, &trainer));
    options = options_for(FET_DTYPE_S8);
    CHECK_FAILS(FET_ERROR_ARG, fet_trainer_create(graph, &options, &trainer));
    fet_tensor_release(graph->params[0].tensor);
    graph->params[0].tensor = NULL;
    options = options_for(FET_DTYPE_F32);
    CHECK_FAILS(FET_ERROR_STATE, fet_trainer_create(graph, &options, &trainer));
    fet_graph_destroy(graph);
}

/* A number that is none goes through and comes out as one, so that the task sees it in the loss; nothing crashes. */
static void test_nan(void **state)
{
    (void)state;
    static data d;
    for (int t = 0; t < n_dtypes(); t++) {
        fet_graph *graph = make_net(1, 1);
        fet_trainer_options options = options_for(dtypes[t]);
        fet_trainer *trainer = NULL;
        CHECK_OK(fet_trainer_create(graph, &options, &trainer));
        make_batch(0, 1, d.images, d.labels);
        d.images[7] = NAN;
        const float *src[] = {d.images}, *diff[] = {d.diff};
        CHECK_OK(fet_trainer_forward(trainer, src));
        assert_true(isnan(loss_of(fet_trainer_output(trainer, 0), d.labels, d.diff)));
        CHECK_OK(fet_trainer_backward(trainer, diff));
        CHECK_OK(fet_trainer_step(trainer, 0.1f));
        fet_trainer_destroy(trainer);
        fet_graph_destroy(graph);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    fet_graph *graph = make_net(3, 1);
    fet_trainer_options options = options_for(FET_DTYPE_NONE);
    uint64_t n = 0;
    for (;; n++) {
        fet_trainer *trainer = NULL;
        fet_alloc_fail_after(n);
        fet_status status = fet_trainer_create(graph, &options, &trainer);
        uint64_t calls = fet_alloc_fail_after(UINT64_MAX);
        fet_trainer_destroy(trainer);
        if (calls <= n) {
            CHECK_OK(status);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
    assert_true(n > 30);
    fet_trainer *trainer = NULL;
    CHECK_OK(fet_trainer_create(graph, &options, &trainer));
    for (n = 0;; n++) {
        fet_alloc_fail_after(n);
        fet_status status = fet_trainer_sync_params(trainer);
        uint64_t calls = fet_alloc_fail_after(UINT64_MAX);
        if (calls <= n) {
            CHECK_OK(status);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
    fet_trainer_destroy(trainer);
    fet_graph_destroy(graph);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_sync),
        cmocka_unit_test(test_optimizers),
        cmocka_unit_test(test_running_statistics),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_implementations),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_no_memory),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* one test by its name */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
