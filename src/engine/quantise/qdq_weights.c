// SPDX-License-Identifier: Apache-2.0
/*
 * Weights come folded from infer/numbers.h and are quantised as the executor's steps do it. Conv keeps its layout, ConvTranspose too (its
 * output channels stand on axis 1), Gemm gets rows of outputs (transB), a MatMul of rank 2 becomes such a Gemm, of higher rank its bias is
 * an Add behind it.
 */
#include "engine/quantise/qdq_weights.h"

#include "engine/infer/build.h"
#include "engine/infer/calibration.h"
#include "engine/infer/numbers.h"

#include <math.h>
#include <string.h>

typedef struct weights {
    const fet_kernel *kernel;
    fet_numbers numbers;
    fet_shape shape; /* as the graph will have them */
    int64_t axis;    /* of output channels */
    int64_t length;  /* numbers of one output channel */
    int8_t *quantised;
    float *scales; /* [oc] */
} weights;

/* Where number i of output channel o stands. Conv and Gemm: rows. ConvTranspose I, O/G, KH, KW; MatMul K, O. */
static int64_t place(const weights *w, int64_t o, int64_t i)
{
    const fet_kernel_key *k = &w->kernel->key;
    if (w->axis == 0) return o * w->length + i;
    if (k->op == FET_OP_MATMUL) return i * k->oc + o;
    int64_t window = (int64_t)k->kh * k->kw, o_g = k->oc / k->group, i_g = k->ic / k->group;
    return ((o / o_g * i_g + i / window) * o_g + o % o_g) * window + i % window;
}

/* One row at a time, as infer/step_conv.c and step_gemm.c do it. */
static fet_status quantise(weights *w, const fet_format *src)
{
    const fet_kernel_key *k = &w->kernel->key;
    bool conv = k->op == FET_OP_CONV || k->op == FET_OP_CONV_TRANSPOSE, transposed = k->op == FET_OP_CONV_TRANSPOSE;
    size_t count = (size_t)(k->oc * w->length);
    float *row = NULL;
    FET_TRY(fet_alloc_zeroed(count, 1, "quantised weights", &w->quantised));
    FET_TRY(fet_alloc_zeroed(k->oc, sizeof *w->scales, "scales of weights", &w->scales));
    FET_TRY(fet_alloc_zeroed((size_t)w->length, sizeof *row + 1, "a row of weights", &row));
    int8_t *steps = (int8_t *)(row + w->length);
    for (int64_t o = 0; o < k->oc; o++) {
        /* numbers.h has MatMul's as rows of outputs, too. */
        for (int64_t i = 0; i < w->length; i++) row[i] = w->numbers.weights[transposed ? place(w, o, i) : o * w->length + i];
        const fet_weights_source from = {conv && src->dtype == FET_DTYPE_S8, src->scale, w->numbers.bias ? &w->numbers.bias[o] : NULL};
        fet_weights_quantise(row, 1, w->length, &from, steps, &w->scales[o]);
        for (int64_t i = 0; i < w->length; i++) w->quantised[place(w, o, i)] = steps[i];
    }
    fet_free(row);
    return FET_OK;
}

static fet_status add_param(fet_graph *out, const char *of, const char *what, fet_dtype dtype, const fet_shape *shape, const void *data,
                            fet_id *out_value)
{
    fet_auto(fet_tensor) tensor = NULL;
    FET_TRY(fet_tensor_create(dtype, shape, &tensor));
    if (data) memcpy(tensor->data, data, tensor->bytes);
    const char *name = fet_arena_printf(out->arena, "%s/%s", of, what);
    if (!name) return fet_arena_full();
    return fet_graph_add_param(out, name, dtype, shape, tensor, false, out_value);
}

/* Steps behind a DequantizeLinear with one scale an output channel. */
static fet_status add_dequantised(fet_graph *out, const char *of, const char *what, fet_dtype dtype, const fet_shape *shape,
                                  const void *steps, const fet_shape *scales_shape, const float *scales, int64_t axis, fet_id *out_value)
{
    fet_id inputs[3], node = FET_NONE;
    const char *stem = fet_arena_printf(out->arena, "%s/%s", of, what);
    if (!stem) return fet_arena_full();
    FET_TRY(add_param(out, stem, "quantized", dtype, shape, steps, &inputs[0]));
    FET_TRY(add_param(out, stem, "scale", FET_DTYPE_F32, scales_shape, scales, &inputs[1]));
    FET_TRY(add_param(out, stem, "zero", dtype, scales_shape, NULL, &inputs[2]));
    FET_TRY(fet_graph_add_node(out, FET_OP_DEQUANTIZE_LINEAR, stem, inputs, 3, 1, &node));
    FET_TRY(fet_graph_set_int(out, node, FET_ATTR_AXIS, axis));
    *out_value = out->nodes[node].outputs[0];
    return FET_OK;
}

static fet_status add_weights(fet_graph *out, const weights *w, fet_id *out_value)
{
    const fet_kernel_key *k = &w->kernel->key;
    const char *of = out->nodes[w->kernel->anchor].name;
    fet_shape channels = fet_shape_1d(k->oc);
    if (k->op != FET_OP_CONV_TRANSPOSE || k->group == 1)
        return add_dequantised(out, of, "weights", FET_DTYPE_S8, &w->shape, w->quantised, &channels, w->scales, w->axis, out_value);
    /* Channels of several groups share an entry of the axis: no scale can say it, the numbers themselves can. */
    for (int64_t o = 0; o < k->oc; o++)
        for (int64_t i = 0; i < w->length; i++) w->numbers.weights[place(w, o, i)] = (float)w->quantised[place(w, o, i)] * w->scales[o];
    return add_param(out, of, "weights", FET_DTYPE_F32, &w->shape, w->numbers.weights, out_value);
}

static fet_status add_bias(fet_graph *out, const weights *w, float src_scale, fet_id *out_value)
{
    const fet_kernel_key *k = &w->kernel->key;
    const char *of = out->nodes[w->kernel->anchor].name;
    fet_shape channels = fet_shape_1d(k->oc);
    int32_t *steps = NULL;
    FET_TRY(fet_alloc_zeroed(2 * (size_t)k->oc, sizeof *steps, "a bias", &steps));
    float *scales = (float *)(void *)(steps + k->oc);
    bool fits = true;
    for (uint32_t o = 0; o < k->oc; o++) {
        scales[o] = src_scale * w->scales[o];
        float step = fet_weights_quantise_bias(w->numbers.bias[o], scales[o]);
        fits = fits && fabsf(step) < 0x1p30f;
        steps[o] = fits ? (int32_t)step : 0;
    }
    fet_status status = fits ? add_dequantised(out, of, "bias", FET_DTYPE_S32, &channels, steps, &channels, scales, 0, out_value)
                             : add_param(out, of, "bias", FET_DTYPE_F32, &channels, w->numbers.bias, out_value);
    fet_free(steps);
    return status;
}

/* The result of `node` plus the bias, in the node's place. */
static fet_status add_behind(fet_graph *out, fet_id node, fet_id bias)
{
    fet_id result = out->nodes[node].outputs[0], sum = FET_NONE, bare = FET_NONE;
    const char *name = fet_arena_printf(out->arena, "%s/biased", out->nodes[node].name);
    if (!name) return fet_arena_full();
    FET_TRY(fet_graph_add_value(out, name, FET_DTYPE_F32, &bare));
    out->nodes[node].outputs[0] = bare;
    out->values[bare].node = node;
    out->values[bare].kind = FET_VALUE_COMPUTED;
    out->values[result].node = FET_NONE;
    return fet_graph_add_node_to(out, FET_OP_ADD, name, (const fet_id[]){bare, bias}, 2, &result, 1, &sum);
}

static fet_status rewire(fet_graph *out, const weights *w, fet_id data, fet_id bias)
{
    fet_id node = w->kernel->anchor, inputs[3] = {out->nodes[node].inputs[0], data, bias};
    uint32_t n = bias == FET_NONE ? 2 : 3;
    if (w->axis == 1 && w->kernel->key.op == FET_OP_MATMUL) {
        FET_TRY(fet_graph_set_inputs(out, node, inputs, 2));
        return bias == FET_NONE ? FET_OK : add_behind(out, node, bias);
    }
    FET_TRY(fet_graph_set_inputs(out, node, inputs, n));
    if (w->kernel->key.op != FET_OP_GEMM && w->kernel->key.op != FET_OP_MATMUL) return FET_OK;
    out->nodes[node].op = FET_OP_GEMM;
    FET_TRY(fet_graph_set_int(out, node, FET_ATTR_TRANS_B, 1));
    FET_TRY(fet_graph_set_float(out, node, FET_ATTR_ALPHA, 1.0f));
    return fet_graph_set_float(out, node, FET_ATTR_BETA, 1.0f);
}

static fet_status set_weights(fet_graph *out, const fet_graph *graph, weights *w, const fet_format *src, const fet_calibration *calibration)
{
    const fet_kernel_key *k = &w->kernel->key;
    const fet_node *node = &graph->nodes[w->kernel->anchor];
    FET_TRY(fet_numbers_fold(graph, w->kernel, &w->numbers));
    bool product = k->op == FET_OP_GEMM || k->op == FET_OP_MATMUL, wide = graph->values[node->inputs[0]].shape.rank != 2;
    w->shape = graph->values[node->inputs[1]].shape;
    w->length = fet_shape_elements(&w->shape) / k->oc;
    w->axis = k->op == FET_OP_CONV_TRANSPOSE || (k->op == FET_OP_MATMUL && wide) ? 1 : 0;
    if (product) w->shape = w->axis ? fet_shape_2d(w->length, k->oc) : fet_shape_2d(k->oc, w->length);
    bool wanted = false;
    const float *shift = fet_kernel_is_correctable(w->kernel)
                             ? fet_calibration_shift(calibration, graph->values[node->outputs[0]].name, k->oc, &wanted)
                             : NULL;
    if (shift && !w->numbers.bias) FET_TRY(fet_alloc_zeroed(k->oc, sizeof(float), "a bias", &w->numbers.bias));
    for (uint32_t o = 0; shift && o < k->oc; o++) w->numbers.bias[o] -= shift[o];
    FET_TRY(quantise(w, src));
    fet_id data = FET_NONE, bias = FET_NONE;
    FET_TRY(add_weights(out, w, &data));
    if (w->numbers.bias) FET_TRY(add_bias(out, w, src->scale, &bias));
    return rewire(out, w, data, bias);
}

fet_status fet_qdq_set_weights(fet_graph *out, const fet_graph *graph, const fet_kernel *kernel, const fet_format *src,
                               const fet_calibration *calibration)
{
    weights w = {.kernel = kernel};
    fet_status status = set_weights(out, graph, &w, src, calibration);
    fet_numbers_free(&w.numbers);
    fet_free(w.quantised);
    fet_free(w.scales);
    return status;
}
