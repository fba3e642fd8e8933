// SPDX-License-Identifier: Apache-2.0
/*
 * int8: whole networks against f32 within the error that 8 bits leave; single convolutions against integer arithmetic, bit by bit;
 * calibration. The error of a network is not a matter of rounding luck: each bound is about twice what was seen when it was set.
 */
#include "check.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "engine/infer/calibration.h"
#include "nets.h"
#include "op/builder.h"
#include "op/op.h"
#include "slow.h"

#include <math.h>
#include <string.h>

static float *random_images(const net_kind *kind, int64_t batch, uint64_t seed)
{
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
    return slow_normal(&rng, batch * kind->channels * kind->height * kind->width);
}

static float **outputs_of(const fet_graph *graph)
{
    float **dst = calloc(graph->n_outputs, sizeof *dst);
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        dst[o] = calloc((size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape), sizeof(float));
    return dst;
}

static void free_outputs(const fet_graph *graph, float **dst)
{
    for (uint32_t o = 0; o < graph->n_outputs; o++) free(dst[o]);
    free(dst);
}

static void test_networks(void **state)
{
    (void)state;
    for (int k = 0; k < n_net_kinds; k++) {
        const net_kind *kind = &net_kinds[k];
        int64_t batch = 2;
        fet_graph *graph = net_make(kind, batch, 11);
        float *image = random_images(kind, batch, 3);
        const float *src[] = {image};
        fet_auto(fet_calibration) calibration = NULL;
        CHECK_OK(fet_calibration_create(NULL, &calibration));
        CHECK_OK(fet_calibration_observe(calibration, graph, src, batch));
        fet_auto(fet_executor) executor = NULL;
        fet_executor_options options = {.precision = FET_DTYPE_S8, .batch = batch, .calibration = calibration};
        CHECK_OK(fet_executor_create(graph, &options, &executor));
        float **expected = slow_run(graph, src), **dst = outputs_of(graph);
        CHECK_OK(fet_executor_run(executor, src, dst));
        for (uint32_t o = 0; o < graph->n_outputs; o++) {
            double error = slow_error(expected[graph->outputs[o]], dst[o], fet_shape_elements(&graph->values[graph->outputs[o]].shape));
            print_message("# %s output %u: %.3g\n", kind->name, o, error);
            double limit = fet_engine_has_vnni() ? 0.08 : 0.16;
            if (!(error <= limit)) fail_msg("%s, output %u: error %.3g of the largest, at most %.3g", kind->name, o, error, limit);
        }
        free_outputs(graph, dst);
        slow_free(graph, expected);
        free(image);
        fet_graph_destroy(graph);
    }
}

typedef struct conv_case {
    int64_t in, out, kernel, stride, group, size;
    bool unsigned_src; /* a ReLU in front, else a bare convolution */
    bool relu;
} conv_case;

static int8_t clamp8(float x)
{
    return (int8_t)fminf(127.0f, fmaxf(-128.0f, nearbyintf(x)));
}

/* The integer picture of "clip" or nothing, exactly as the library computes it: (acc + bias) * scale in f32, to nearest even, saturated. */
static void check_conv(const conv_case *c, uint64_t seed)
{
    fet_graph *graph = NULL;
    fet_id x = FET_NONE, mid = FET_NONE, out = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 5, c->size, c->size);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &x));
    CHECK_OK(fet_build_conv(graph, "first", x, &(fet_conv_options){.out_channels = c->in, .kernel = 1, .bias = true}, &x));
    if (c->unsigned_src) CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "first.relu", x, &x));
    CHECK_OK(fet_build_conv(
        graph, "tested", x,
        &(fet_conv_options){.out_channels = c->out, .kernel = c->kernel, .stride = c->stride, .group = c->group, .bias = true}, &mid));
    fet_id w_value = graph->nodes[graph->values[mid].node].inputs[1], b_value = graph->nodes[graph->values[mid].node].inputs[2];
    if (c->relu) CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "tested.relu", mid, &mid));
    CHECK_OK(fet_build_conv(graph, "last", mid, &(fet_conv_options){.out_channels = 4, .kernel = 1}, &out));
    CHECK_OK(fet_graph_add_output(graph, out));
    slow_fill(graph, seed);
    CHECK_OK(fet_graph_infer(graph));

    fet_rng rng;
    fet_rng_init(&rng, seed, 1, FET_RNG_TEST);
    float *image = slow_normal(&rng, fet_shape_elements(&shape));
    const float *src[] = {image};
    fet_auto(fet_calibration) calibration = NULL;
    CHECK_OK(fet_calibration_create(NULL, &calibration));
    CHECK_OK(fet_calibration_observe(calibration, graph, src, 1));
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = {.precision = FET_DTYPE_S8, .batch = 1, .calibration = calibration, .keep_all = true};
    CHECK_OK(fet_executor_create(graph, &options, &executor));
    float **dst = outputs_of(graph);
    CHECK_OK(fet_executor_run(executor, src, dst));

    fet_auto(fet_tensor) before = NULL;
    fet_auto(fet_tensor) after = NULL;
    CHECK_OK(fet_executor_value(executor, graph->values[x].name, &before));
    CHECK_OK(fet_executor_value(executor, graph->values[mid].name, &after));
    float range;
    CHECK_OK(fet_calibration_range(calibration, graph->values[x].name, c->unsigned_src, &range));
    float src_scale = c->unsigned_src ? range / 255.0f : range / 127.0f;
    CHECK_OK(fet_calibration_range(calibration, graph->values[mid].name, c->relu, &range));
    float dst_scale = c->relu ? range / 255.0f : range / 127.0f;

    const float *w = fet_tensor_f32(fet_graph_constant(graph, w_value)), *b = fet_tensor_f32(fet_graph_constant(graph, b_value));
    int64_t ig = c->in / c->group, length = ig * c->kernel * c->kernel, size = c->size, o_size = graph->values[mid].shape.dim[2],
            pad = c->kernel / 2;
    int bits = fet_engine_has_vnni() ? 127 : 63, twice = !fet_engine_has_vnni() && !c->unsigned_src ? 2 : 1;
    int64_t wrong = 0, count = 0;
    for (int64_t o = 0; o < c->out; o++) {
        float largest = 0.0f;
        for (int64_t i = 0; i < length; i++) largest = fmaxf(largest, fabsf(w[o * length + i]));
        float step = largest / (float)bits, w_scale = step / (float)twice;
        float bias = nearbyintf(b[o] / (src_scale * w_scale)), scale = src_scale * w_scale / dst_scale;
        for (int64_t y = 0; y < o_size; y++)
            for (int64_t xx = 0; xx < o_size; xx++) {
                int64_t acc = 0;
                for (int64_t i = 0; i < ig; i++)
                    for (int64_t ky = 0; ky < c->kernel; ky++)
                        for (int64_t kx = 0; kx < c->kernel; kx++) {
                            int64_t fy = y * c->stride + ky - pad, fx = xx * c->stride + kx - pad;
                            if (fy < 0 || fx < 0 || fy >= size || fx >= size) continue;
                            int64_t ic = o / (c->out / c->group) * ig + i;
                            int q = (int)nearbyintf(fet_tensor_f32(before)[(ic * size + fy) * size + fx] / src_scale);
                            acc += q * (clamp8(w[o * length + (i * c->kernel + ky) * c->kernel + kx] / step) * twice);
                        }
                float real = ((float)acc + bias) * scale;
                int expected = c->relu ? (int)fminf(255.0f, fmaxf(0.0f, nearbyintf(real))) : clamp8(real);
                int got = (int)nearbyintf(fet_tensor_f32(after)[(o * o_size + y) * o_size + xx] / dst_scale);
                wrong += got != expected;
                count++;
            }
    }
    const char *implementation = "";
    for (uint32_t s = 0; s < fet_executor_n_steps(executor); s++)
        if (strstr(fet_executor_step_name(executor, s), c->relu ? "relu" : "conv"))
            implementation = fet_executor_step_implementation(executor, s);
    if (wrong)
        fail_msg("%lld of %lld wrong: %lld>%lld k%lld s%lld g%lld %s%s (%s)", (long long)wrong, (long long)count, (long long)c->in,
                 (long long)c->out, (long long)c->kernel, (long long)c->stride, (long long)c->group, c->unsigned_src ? "u8" : "s8",
                 c->relu ? " relu" : "", implementation);
    free_outputs(graph, dst);
    free(image);
    fet_graph_destroy(graph);
}

static void test_conv_is_exact(void **state)
{
    (void)state;
    const conv_case cases[] = {
        {16, 24, 1, 1, 1, 9, true, true},   {16, 24, 1, 1, 1, 9, false, true},  {20, 37, 3, 1, 1, 8, true, true},
        {20, 37, 3, 2, 1, 9, false, false}, {64, 64, 3, 1, 1, 7, true, false},  {64, 64, 3, 1, 1, 7, false, true},
        {24, 24, 3, 1, 24, 9, true, true},  {24, 24, 3, 2, 24, 9, false, true}, {32, 32, 5, 1, 32, 10, true, true},
        {32, 64, 3, 1, 2, 8, true, true},   {32, 64, 3, 1, 2, 8, false, false}, {7, 5, 3, 1, 1, 6, true, false},
        {160, 96, 1, 1, 1, 7, true, false}, {160, 96, 1, 2, 1, 7, false, true}, {20, 40, 3, 1, 4, 8, true, false},
        {20, 40, 3, 1, 4, 8, false, true},  {12, 24, 3, 1, 12, 8, true, true},  {12, 24, 3, 2, 12, 8, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check_conv(&cases[i], 100 + i);
}

/* An inner product writes f32: the sum is exact, so the result is (acc + bias) * scale to the last bit but one. */
static void check_gemm(int64_t in, int64_t out, bool unsigned_src, uint64_t seed)
{
    fet_graph *graph = NULL;
    fet_id x = FET_NONE, y = FET_NONE;
    fet_shape shape = fet_shape_4d(3, 5, 2, 3);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &x));
    CHECK_OK(fet_build_conv(graph, "first", x, &(fet_conv_options){.out_channels = in / 6, .kernel = 1, .bias = true}, &x));
    if (unsigned_src) CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "first.relu", x, &x));
    CHECK_OK(fet_build_unary(graph, FET_OP_FLATTEN, "flat", x, &y));
    CHECK_OK(fet_build_gemm(graph, "fc", y, out, &y));
    const fet_node *node = &graph->nodes[graph->values[y].node];
    fet_id w_value = node->inputs[1], b_value = node->inputs[2];
    CHECK_OK(fet_graph_add_output(graph, y));
    slow_fill(graph, seed);
    CHECK_OK(fet_graph_infer(graph));
    fet_rng rng;
    fet_rng_init(&rng, seed, 1, FET_RNG_TEST);
    float *image = slow_normal(&rng, fet_shape_elements(&shape));
    const float *src[] = {image};
    fet_auto(fet_calibration) calibration = NULL;
    CHECK_OK(fet_calibration_create(NULL, &calibration));
    CHECK_OK(fet_calibration_observe(calibration, graph, src, 3));
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = {.precision = FET_DTYPE_S8, .batch = 3, .calibration = calibration, .keep_all = true};
    CHECK_OK(fet_executor_create(graph, &options, &executor));
    float **dst = outputs_of(graph);
    CHECK_OK(fet_executor_run(executor, src, dst));
    fet_auto(fet_tensor) before = NULL;
    CHECK_OK(fet_executor_value(executor, graph->values[x].name, &before));
    float range;
    CHECK_OK(fet_calibration_range(calibration, graph->values[x].name, unsigned_src, &range));
    float src_scale = unsigned_src ? range / 255.0f : range / 127.0f;
    const float *w = fet_tensor_f32(fet_graph_constant(graph, w_value)), *b = fet_tensor_f32(fet_graph_constant(graph, b_value));
    int bits = fet_engine_has_vnni() ? 127 : 63;
    for (int64_t n = 0; n < 3; n++)
        for (int64_t o = 0; o < out; o++) {
            float largest = 0.0f;
            int64_t acc = 0;
            for (int64_t i = 0; i < in; i++) largest = fmaxf(largest, fabsf(w[o * in + i]));
            for (int64_t i = 0; i < in; i++)
                acc += (int)nearbyintf(fet_tensor_f32(before)[n * in + i] / src_scale) * clamp8(w[o * in + i] / (largest / (float)bits));
            double step = (double)src_scale * (double)(largest / (float)bits);
            double real = ((double)acc + nearbyint((double)b[o] / step)) * step;
            CHECK_NEAR(dst[0][n * out + o], real, 1e-6 * (fabs(real) + 1.0));
        }
    free_outputs(graph, dst);
    free(image);
    fet_graph_destroy(graph);
}

static void test_gemm_is_exact(void **state)
{
    (void)state;
    check_gemm(96, 10, true, 1);
    check_gemm(96, 10, false, 2);
    check_gemm(780, 33, true, 3);
    check_gemm(780, 33, false, 4);
}

/* Half a step of what comes in, as the slope scales it, and half a step of what goes out. */
static void check_prelu(int64_t channels, int64_t height, int64_t width)
{
    fet_graph *graph = NULL;
    fet_shape shape = fet_shape_4d(1, channels, height, width), slope_shape = {.rank = 3, .dim = {channels, 1, 1}};
    fet_id image = FET_NONE, slopes = FET_NONE, node = FET_NONE;
    fet_tensor *slope = NULL;
    fet_rng rng;
    fet_rng_init(&rng, 9, (uint64_t)channels, FET_RNG_TEST);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &shape, &image));
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &slope_shape, &slope));
    for (int64_t c = 0; c < channels; c++) fet_tensor_f32(slope)[c] = (float)(1.5 * fet_rng_uniform(&rng) - 0.5);
    CHECK_OK(fet_graph_add_param(graph, "slope", FET_DTYPE_F32, &slope_shape, slope, true, &slopes));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_PRELU, "prelu", (fet_id[]){image, slopes}, 2, 1, &node));
    CHECK_OK(fet_graph_infer_node(graph, node));
    CHECK_OK(fet_graph_add_output(graph, graph->nodes[node].outputs[0]));
    int64_t pixels = height * width;
    float *x = slow_normal(&rng, channels * pixels), *y = calloc((size_t)(channels * pixels), sizeof *y);
    fet_auto(fet_calibration) calibration = NULL;
    fet_auto(fet_executor) executor = NULL;
    CHECK_OK(fet_calibration_create(NULL, &calibration));
    CHECK_OK(fet_calibration_observe(calibration, graph, (const float *[]){x}, 1));
    fet_executor_options options = {.precision = FET_DTYPE_S8, .batch = 1, .calibration = calibration};
    CHECK_OK(fet_executor_create(graph, &options, &executor));
    CHECK_OK(fet_executor_run(executor, (const float *[]){x}, (float *[]){y}));
    double most_in = 0, most_out = 0;
    for (int64_t i = 0; i < channels * pixels; i++) {
        double a = (double)fet_tensor_f32(slope)[i / pixels], v = (double)x[i];
        most_in = fmax(most_in, fabs(v));
        most_out = fmax(most_out, fabs(v > 0 ? v : a * v));
    }
    for (int64_t i = 0; i < channels * pixels; i++) {
        double a = (double)fet_tensor_f32(slope)[i / pixels], v = (double)x[i], wanted = v > 0 ? v : a * v;
        double allowed = (fmax(1, fabs(a)) * most_in + most_out) / 127 / 2 * 1.001;
        if (!(fabs((double)y[i] - wanted) <= allowed))
            fail_msg("%lld channels, entry %lld: %g, not %g", (long long)channels, (long long)i, (double)y[i], wanted);
    }
    fet_tensor_release(slope);
    free(x), free(y);
    fet_graph_destroy(graph);
}

static void test_prelu(void **state)
{
    (void)state;
    check_prelu(3, 5, 7);
    check_prelu(24, 40, 33); /* several blocks, the last one smaller */
    check_prelu(5000, 2, 1); /* a pixel is more than a block */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv_is_exact),
        cmocka_unit_test(test_gemm_is_exact),
        cmocka_unit_test(test_prelu),
        cmocka_unit_test(test_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
