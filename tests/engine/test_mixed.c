// SPDX-License-Identifier: Apache-2.0
/*
 * int8 networks in which some layers stay in f32 or bf16, and biases corrected for what rounding does to means: against the slow
 * interpreter, and by definition.
 */
#include "check.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "engine/infer/calibration.h"
#include "engine/quantise/method.h"
#include "nets.h"
#include "op/builder.h"
#include "op/op.h"
#include "rewrite/mark_precision.h"
#include "slow.h"

#include <math.h>
#include <string.h>

static float **room_for(const fet_graph *graph)
{
    float **dst = calloc(graph->n_outputs, sizeof *dst);
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        dst[o] = calloc((size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape), sizeof(float));
    return dst;
}

static void free_room(const fet_graph *graph, float **dst)
{
    for (uint32_t o = 0; o < graph->n_outputs; o++) free(dst[o]);
    free(dst);
}

/* The largest error of an int8 executor of `graph` as it is marked. *out_text: the kernels, one a line; heap, NULL: not asked for. */
static double run(const fet_graph *graph, const fet_calibration *calibration, const float *const src[], float **expected, char **out_text)
{
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = {
        .precision = FET_DTYPE_S8, .batch = graph->values[graph->inputs[0]].shape.dim[0], .calibration = calibration};
    fet_status status = fet_executor_create(graph, &options, &executor);
    if (status != FET_OK) fail_msg("%s", fet_error_message());
    float **dst = room_for(graph);
    double worst = 0.0;
    CHECK_OK(fet_executor_run(executor, src, dst));
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        worst = fmax(worst, slow_error(expected[graph->outputs[o]], dst[o], fet_shape_elements(&graph->values[graph->outputs[o]].shape)));
    if (out_text) {
        size_t bytes = (fet_executor_n_steps(executor) + 1) * (FET_KERNEL_KEY_TEXT_BYTES + 1), used = 0;
        *out_text = calloc(bytes, 1);
        for (uint32_t s = 0; s < fet_executor_n_steps(executor); s++)
            used += (size_t)snprintf(*out_text + used, bytes - used, "%s\n", fet_executor_step_name(executor, s));
    }
    free_room(graph, dst);
    return worst;
}

static int n_layers(const fet_graph *graph)
{
    int n = 0;
    for (fet_id i = 0; i < graph->n_nodes; i++) n += fet_mark_precision_is_layer(graph, &graph->nodes[i]);
    return n;
}

/* All layers in f32 give f32; some of them, drawn at random, no worse than int8 may be; and none, int8 to the bit. */
static void test_random_marks(void **state)
{
    (void)state;
    bool bf16 = fet_engine_has_bf16();
    double sum[3] = {0};
    for (uint64_t seed = 0; seed < 40; seed++) {
        fet_graph *graph = net_random(seed, 2);
        fet_rng rng;
        fet_rng_init(&rng, seed, 1, FET_RNG_TEST);
        float *image = slow_normal(&rng, fet_shape_elements(&graph->values[graph->inputs[0]].shape));
        const float *src[] = {image};
        float **expected = slow_run(graph, src);
        fet_auto(fet_calibration) calibration = NULL;
        CHECK_OK(fet_calibration_create(fet_calibration_method_find("min-max"), &calibration));
        CHECK_OK(fet_calibration_observe(calibration, graph, src, 2));
        double error[3];
        for (int what = 0; what < 3; what++) {
            for (fet_id n = 0; n < graph->n_nodes; n++) {
                bool marked = fet_mark_precision_is_layer(graph, &graph->nodes[n]) && (what == 2 || (what == 1 && fet_rng_below(&rng, 2)));
                graph->nodes[n].precision =
                    marked ? (bf16 && what == 1 && fet_rng_below(&rng, 2) ? FET_DTYPE_BF16 : FET_DTYPE_F32) : FET_DTYPE_NONE;
            }
            char *text = NULL;
            error[what] = run(graph, calibration, src, expected, &text);
            sum[what] += error[what];
            if (what == 2 && (strstr(text, "conv s8") || strstr(text, "gemm s8"))) fail_msg("network %d, all in f32:\n%s", (int)seed, text);
            /* With everything in f32 nothing is rounded but what no layer stands in front of. */
            if (what == 2 && !strstr(text, "s8") && !(error[2] <= 1e-5)) fail_msg("network %d, all in f32: %g", (int)seed, error[2]);
            if (!(error[what] <= (fet_engine_has_vnni() ? 0.3 : 0.6)))
                fail_msg("network %d, %d: %g\n%s", (int)seed, what, error[what], text);
            free(text);
        }
        slow_free(graph, expected);
        free(image);
        fet_graph_destroy(graph);
    }
    print_message("# mean of the largest error: int8 %.3g, mixed %.3g, f32 %.3g\n", sum[0] / 40, sum[1] / 40, sum[2] / 40);
    assert_true(sum[2] < 0.2 * sum[0] && sum[1] < sum[0]);
}

static fet_id conv(fet_graph *g, const char *name, fet_id x, int64_t out, int64_t kernel, int64_t group)
{
    fet_id y = FET_NONE;
    CHECK_OK(fet_build_conv(g, name, x, &(fet_conv_options){.out_channels = out, .kernel = kernel, .group = group, .bias = true}, &y));
    return y;
}

/* image -> a -> relu -> depthwise b -> c, flattened, -> fc; every layer's result is a value of its own. */
static fet_graph *make_chain(uint64_t seed, int64_t batch)
{
    fet_graph *g = NULL;
    fet_id x = FET_NONE;
    fet_shape shape = fet_shape_4d(batch, 3, 9, 9);
    CHECK_OK(fet_graph_create(NULL, &g));
    CHECK_OK(fet_graph_add_input(g, "image", FET_DTYPE_F32, &shape, &x));
    x = conv(g, "a", x, 16, 3, 1);
    CHECK_OK(fet_build_unary(g, FET_OP_RELU, "relu", x, &x));
    x = conv(g, "b", x, 16, 3, 16);
    x = conv(g, "c", x, 8, 1, 1);
    CHECK_OK(fet_build_unary(g, FET_OP_FLATTEN, "flat", x, &x));
    CHECK_OK(fet_build_gemm(g, "fc", x, 5, &x));
    CHECK_OK(fet_graph_add_output(g, x));
    slow_fill(g, seed);
    CHECK_OK(fet_graph_infer(g));
    return g;
}

/* --- one layer after the other by definition --- */

enum { SIDE = 9, PLACES = SIDE * SIDE, A = 16, C = 8, TAPS = 9 };

static float round_bf16(float x)
{
    return fet_f32_from_bf16(fet_bf16_from_f32(x));
}

static float scale_of(const fet_calibration *calibration, const fet_graph *graph, fet_id value, bool is_unsigned)
{
    float range = 0.0f;
    CHECK_OK(fet_calibration_range(calibration, graph->values[value].name, is_unsigned, &range));
    return range / (is_unsigned ? 255.0f : 127.0f);
}

/* A dense (group 1) or depthwise convolution of 3x3 or 1x1 in exact arithmetic, on numbers as they are stored. */
static double sum_at(const float *src, const float *weights, int64_t inputs, int64_t first, int64_t taps, int64_t o, int64_t at)
{
    double sum = 0.0;
    int64_t reach = taps == TAPS ? 1 : 0, side = 2 * reach + 1;
    for (int64_t i = 0; i < inputs; i++)
        for (int64_t k = 0; k < taps; k++) {
            int64_t y = at / SIDE + k / side - reach, x = at % SIDE + k % side - reach;
            if (y < 0 || x < 0 || y >= SIDE || x >= SIDE) continue;
            sum += (double)src[(first + i) * PLACES + y * SIDE + x] * (double)weights[(o * inputs + i) * taps + k];
        }
    return sum;
}

/* Whole steps of a channel's weights, and their size. */
static float quantise_weights(const float *from, int64_t n, float *to)
{
    float largest = 0.0f;
    for (int64_t i = 0; i < n; i++) largest = fmaxf(largest, fabsf(from[i]));
    for (int64_t i = 0; i < n; i++) to[i] = nearbyintf(from[i] / (largest / 127.0f));
    return largest / 127.0f;
}

static const float *constant_of(const fet_graph *graph, const char *node, uint32_t input)
{
    return fet_tensor_f32(fet_graph_constant(graph, graph->nodes[fet_graph_find_node(graph, node)].inputs[input]));
}

static fet_id result_of(const fet_graph *graph, const char *node)
{
    return graph->nodes[fet_graph_find_node(graph, node)].outputs[0];
}

/* Layer a in int8, unsigned behind its ReLU: steps of `*out_scale`. */
static void layer_a(const fet_graph *g, const fet_calibration *calibration, const float *image, float *steps, float *out_scale)
{
    float src[3 * PLACES], weights[A * 3 * TAPS], scale = scale_of(calibration, g, g->inputs[0], false);
    *out_scale = scale_of(calibration, g, result_of(g, "relu"), true);
    for (int i = 0; i < 3 * PLACES; i++) src[i] = fminf(127.0f, fmaxf(-128.0f, nearbyintf(image[i] / scale)));
    for (int64_t o = 0; o < A; o++) {
        int64_t n = 3 * TAPS;
        float step = quantise_weights(constant_of(g, "a", 1) + o * n, n, weights + o * n), unit = scale * step;
        double bias = (double)nearbyintf(constant_of(g, "a", 2)[o] / unit);
        for (int64_t at = 0; at < PLACES; at++) {
            float sum = (float)(sum_at(src, weights, 3, 0, TAPS, o, at) + bias);
            steps[o * PLACES + at] = fminf(255.0f, fmaxf(0.0f, nearbyintf(sum * (unit / *out_scale))));
        }
    }
}

/* Layer b, depthwise, in bf16: operands and result rounded, sums not. */
static void layer_b(const fet_graph *g, const float *src, float *dst)
{
    float weights[A * TAPS];
    for (int i = 0; i < A * TAPS; i++) weights[i] = round_bf16(constant_of(g, "b", 1)[i]);
    for (int64_t o = 0; o < A; o++)
        for (int64_t at = 0; at < PLACES; at++)
            dst[o * PLACES + at] = round_bf16((float)(sum_at(src, weights, 1, o, TAPS, o, at) + (double)constant_of(g, "b", 2)[o]));
}

/* Layer c, 1x1, in int8 again, its result in f32. *out_step: by how much one step of a source changes a result at most. */
static void layer_c(const fet_graph *g, const fet_calibration *calibration, const float *from, float *dst, double *out_step)
{
    float src[A * PLACES], weights[C * A], scale = scale_of(calibration, g, result_of(g, "b"), false);
    for (int i = 0; i < A * PLACES; i++) src[i] = fminf(127.0f, fmaxf(-128.0f, nearbyintf(from[i] / scale)));
    *out_step = 0.0;
    for (int64_t o = 0; o < C; o++) {
        float step = quantise_weights(constant_of(g, "c", 1) + o * A, A, weights + o * A), unit = scale * step;
        double bias = (double)nearbyintf(constant_of(g, "c", 2)[o] / unit);
        *out_step = fmax(*out_step, 127.0 * (double)unit);
        for (int64_t at = 0; at < PLACES; at++) dst[o * PLACES + at] = (float)(sum_at(src, weights, A, 0, 1, o, at) + bias) * unit;
    }
}

/* int8, bf16, int8: what comes out is what each layer by itself gives in its precision, values rounded where they pass from one to the
 * next. Sums in another order may put a number of bf16 on the other side of a half, and so a source of c a step further. */
static void test_by_definition(void **state)
{
    (void)state;
    if (!fet_engine_has_vnni() || fet_engine_channel_block() != 16) {
        print_message("# skipped: bf16 and 8-bit weights need AVX-512 with VNNI\n");
        return;
    }
    int64_t exact = 0, count = 0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        fet_graph *graph = NULL;
        fet_id x = FET_NONE;
        fet_shape shape = fet_shape_4d(1, 3, SIDE, SIDE);
        CHECK_OK(fet_graph_create(NULL, &graph));
        CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &x));
        x = conv(graph, "a", x, A, 3, 1);
        CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "relu", x, &x));
        x = conv(graph, "b", x, A, 3, A);
        x = conv(graph, "c", x, C, 1, 1);
        CHECK_OK(fet_graph_add_output(graph, x));
        slow_fill(graph, seed);
        CHECK_OK(fet_graph_infer(graph));
        graph->nodes[fet_graph_find_node(graph, "b")].precision = FET_DTYPE_BF16;
        fet_rng rng;
        fet_rng_init(&rng, seed, 7, FET_RNG_TEST);
        float *image = slow_normal(&rng, 3 * PLACES), a[A * PLACES], b[A * PLACES], c[C * PLACES], got[C * PLACES], scale = 0.0f;
        const float *src[] = {image};
        float *dst[] = {got};
        double step = 0.0;
        fet_auto(fet_calibration) calibration = NULL;
        fet_auto(fet_executor) executor = NULL;
        CHECK_OK(fet_calibration_create(NULL, &calibration));
        CHECK_OK(fet_calibration_observe(calibration, graph, src, 1));
        fet_executor_options options = {.precision = FET_DTYPE_S8, .batch = 1, .calibration = calibration};
        CHECK_OK(fet_executor_create(graph, &options, &executor));
        CHECK_OK(fet_executor_run(executor, src, dst));
        layer_a(graph, calibration, image, a, &scale);
        for (int i = 0; i < A * PLACES; i++) a[i] = round_bf16(a[i] * scale);
        layer_b(graph, a, b);
        layer_c(graph, calibration, b, c, &step);
        for (int i = 0; i < C * PLACES; i++, count++) {
            double difference = fabs((double)got[i] - (double)c[i]);
            exact += difference <= 1e-5 * step;
            if (!(difference <= 1.001 * step))
                fail_msg("network %d, number %d: %g, by definition %g", (int)seed, i, (double)got[i], (double)c[i]);
        }
        free(image);
        fet_graph_destroy(graph);
    }
    print_message("# %d of %d numbers as by definition, the others within one step\n", (int)exact, (int)count);
    assert_true(exact > count * 97 / 100);
}

/* Every way from one precision to another is a kernel that can be measured by itself. */
static void test_crossings_run(void **state)
{
    (void)state;
    static const fet_dtype precisions[] = {FET_DTYPE_F32, FET_DTYPE_BF16, FET_DTYPE_S8};
    for (int from = 0; from < 3; from++)
        for (int to = 0; to < 3; to++)
            for (int sign = 0; sign < (precisions[from] == FET_DTYPE_S8 ? 2 : 1); sign++) {
                fet_auto(fet_kernel_runner) runner = NULL;
                fet_kernel_key key, again;
                char text[FET_KERNEL_KEY_TEXT_BYTES];
                memset(&key, 0, sizeof key);
                key.op = FET_OP_CAST;
                key.precision = (uint8_t)precisions[to];
                key.n = 1, key.ic = key.oc = 24, key.ih = key.oh = 7, key.iw = key.ow = 5;
                key.flags = sign ? FET_KERNEL_SIGNED_SRC : 0;
                key.extra = (uint32_t)precisions[from] << 1;
                assert_int_equal(fet_kernel_cast_source(&key), precisions[from]);
                CHECK_OK(fet_kernel_key_parse(fet_kernel_key_print(&key, text, sizeof text), &again));
                assert_true(fet_kernel_key_equal(&key, &again));
                CHECK_OK(fet_kernel_runner_create(&key, &runner));
                CHECK_OK(fet_kernel_runner_run(runner));
            }
}

static void test_ends(void **state)
{
    (void)state;
    fet_graph *graph = make_chain(3, 1);
    assert_int_equal(n_layers(graph), 4);
    CHECK_OK(fet_mark_precision_ends(graph, FET_DTYPE_F32, FET_DTYPE_BF16));
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        bool first = strcmp(node->name, "a") == 0, last = strcmp(node->name, "fc") == 0;
        assert_int_equal(node->precision, first ? FET_DTYPE_F32 : last ? FET_DTYPE_BF16 : FET_DTYPE_NONE);
    }
    CHECK_FAILS(FET_ERROR_ARG, fet_mark_precision_ends(graph, FET_DTYPE_S16, FET_DTYPE_NONE));
    fet_id b = FET_NONE;
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (strcmp(graph->nodes[n].name, "b") == 0) b = n;
    fet_mark_precision_others(graph, b, FET_DTYPE_F32);
    float image[3 * 81];
    for (int i = 0; i < 3 * 81; i++) image[i] = (float)(i % 7) - 3.0f;
    const float *src[] = {image};
    float **expected = slow_run(graph, src);
    fet_auto(fet_calibration) calibration = NULL;
    CHECK_OK(fet_calibration_create(NULL, &calibration));
    CHECK_OK(fet_calibration_observe(calibration, graph, src, 1));
    char *text = NULL;
    run(graph, calibration, src, expected, &text);
    /* One layer in int8, what it reads converted from plain f32, without a sign. */
    const char *at = strstr(text, "conv s8 1x16x9x9>16x9x9 k3x3");
    if (!at || strstr(at + 1, "conv s8") || !strstr(text, "conv f32 1x16x9x9>8x9x9") || strstr(at, "signed\n") == strchr(at, '\n') - 6)
        fail_msg("%s", text);
    free(text);
    slow_free(graph, expected);
    fet_graph_destroy(graph);
}

/* How far the mean of each channel of value `name` is from that in f32, in steps of its int8 form: the root of the mean square. */
static double shift_of(const fet_graph *graph, const fet_calibration *calibration, const float *const src[], float **expected,
                       const char *name)
{
    fet_auto(fet_executor) executor = NULL;
    fet_auto(fet_tensor) got = NULL;
    fet_id value = fet_graph_find_value(graph, name);
    const fet_shape *shape = &graph->values[value].shape;
    int64_t batch = shape->dim[0], channels = shape->dim[1], image = fet_shape_elements(shape) / batch / channels;
    fet_executor_options options = {.precision = FET_DTYPE_S8, .batch = batch, .calibration = calibration, .keep_all = true};
    CHECK_OK(fet_executor_create(graph, &options, &executor));
    float **dst = room_for(graph);
    CHECK_OK(fet_executor_run(executor, src, dst));
    CHECK_OK(fet_executor_value(executor, name, &got));
    double sum = 0.0;
    float range = 0.0f;
    CHECK_OK(fet_calibration_range(calibration, name, false, &range));
    for (int64_t c = 0; c < channels; c++) {
        double mean = 0.0;
        for (int64_t n = 0; n < batch; n++)
            for (int64_t i = 0; i < image; i++) {
                int64_t at = (n * channels + c) * image + i;
                mean += ((double)fet_tensor_f32(got)[at] - (double)expected[value][at]) / (double)(batch * image);
            }
        sum += mean * mean;
    }
    free_room(graph, dst);
    return sqrt(sum / (double)channels) / ((double)range / 127.0);
}

/* By definition: on the samples it saw, the corrected network's channels have the means they have in f32, but for rounding of results. */
static void test_correction(void **state)
{
    (void)state;
    enum { BATCH = 16 };
    fet_graph *graph = make_chain(5, BATCH);
    fet_rng rng;
    fet_rng_init(&rng, 6, 0, FET_RNG_TEST);
    const float *src[] = {slow_normal(&rng, BATCH * 3 * 81)};
    float **expected = slow_run(graph, src);
    /* A range that cuts much off makes large shifts. */
    for (int cut = 0; cut < 2; cut++) {
        fet_auto(fet_calibration) calibration = NULL;
        CHECK_OK(fet_calibration_create(fet_calibration_method_find(cut ? "percentile-99.9" : "mse"), &calibration));
        CHECK_OK(fet_calibration_observe(calibration, graph, src, BATCH));
        static const char *const layers[] = {"b", "c"};
        double before[2];
        for (int l = 0; l < 2; l++) {
            fet_id value = FET_NONE;
            for (fet_id n = 0; n < graph->n_nodes; n++)
                if (strcmp(graph->nodes[n].name, layers[l]) == 0) value = graph->nodes[n].outputs[0];
            before[l] = shift_of(graph, calibration, src, expected, graph->values[value].name);
        }
        double error = run(graph, calibration, src, expected, NULL);
        CHECK_OK(fet_calibration_correct(calibration, graph, src, BATCH));
        CHECK_OK(fet_calibration_correct(calibration, graph, src, BATCH)); /* starts anew */
        for (int l = 0; l < 2; l++) {
            fet_id value = FET_NONE;
            for (fet_id n = 0; n < graph->n_nodes; n++)
                if (strcmp(graph->nodes[n].name, layers[l]) == 0) value = graph->nodes[n].outputs[0];
            double after = shift_of(graph, calibration, src, expected, graph->values[value].name);
            print_message("# layer %s: means off by %.3f of a step, corrected %.3f\n", layers[l], before[l], after);
            /* A thousand roundings to whole steps, each off by up to a half, leave about 0.01; outliers cut off at this layer's own result
             * stay. */
            if (!(after < 0.05) || !(after < 0.6 * before[l])) fail_msg("layer %s: %g steps before, %g after", layers[l], before[l], after);
        }
        print_message("# largest error %.4f, corrected %.4f\n", error, run(graph, calibration, src, expected, NULL));
    }
    free((void *)src[0]);
    slow_free(graph, expected);
    fet_graph_destroy(graph);
}

static void test_no_memory(void **state)
{
    (void)state;
    fet_graph *graph = make_chain(9, 1);
    float image[3 * 81];
    for (int i = 0; i < 3 * 81; i++) image[i] = (float)(i % 5) - 2.0f;
    fet_auto(fet_calibration) calibration = NULL;
    CHECK_OK(fet_calibration_create(NULL, &calibration));
    CHECK_OK(fet_calibration_observe(calibration, graph, (const float *const[]){image}, 1));
    for (uint64_t n = 0;; n++) {
        fet_alloc_fail_after(n);
        fet_status status = fet_calibration_correct(calibration, graph, (const float *const[]){image}, 1);
        if (status == FET_OK) status = fet_mark_precision_ends(graph, FET_DTYPE_F32, FET_DTYPE_F32);
        bool done = fet_alloc_fail_after(UINT64_MAX) <= n;
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        if (done) {
            CHECK_OK(status);
            break;
        }
    }
    fet_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_marks), cmocka_unit_test(test_by_definition), cmocka_unit_test(test_crossings_run),
        cmocka_unit_test(test_ends),         cmocka_unit_test(test_correction),    cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
