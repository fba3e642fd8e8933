// SPDX-License-Identifier: Apache-2.0
#include "engine/infer/numbers.h"

#include "engine/reference/reference.h"

#include <math.h>
#include <string.h>

static fet_status f32_of(const fet_graph *graph, const fet_node *node, uint32_t input, const fet_tensor **out_tensor)
{
    const fet_value *value = fet_node_input(graph, node, input);
    const fet_tensor *tensor = value ? fet_graph_constant(graph, node->inputs[input]) : NULL;
    if (!tensor)
        return fet_fail(FET_ERROR_STATE, "node \"%s\": parameter \"%s\" has no numbers yet", node->name,
                        value ? value->name : "(left out)");
    if (tensor->dtype != FET_DTYPE_F32)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": parameter \"%s\" is %s, the engine takes f32", node->name, value->name,
                        fet_dtype_name(tensor->dtype));
    *out_tensor = tensor;
    return FET_OK;
}

/* y = scale[c] x + shift[c] of a batch norm, in double: folding must not cost accuracy. */
static fet_status batch_norm_of(const fet_graph *graph, const fet_node *node, int64_t channels, double *scale, double *shift)
{
    const fet_tensor *tensors[4];
    for (uint32_t i = 0; i < 4; i++) {
        FET_TRY(f32_of(graph, node, i + 1, &tensors[i]));
        if (fet_tensor_elements(tensors[i]) != channels)
            return fet_fail(FET_ERROR_SHAPE, "node \"%s\": a batch norm of %lld channels behind %lld", node->name,
                            (long long)fet_tensor_elements(tensors[i]), (long long)channels);
    }
    double epsilon = (double)fet_node_float(node, FET_ATTR_EPSILON, 1e-5f);
    for (int64_t c = 0; c < channels; c++) {
        scale[c] = (double)fet_tensor_f32(tensors[0])[c] / sqrt((double)fet_tensor_f32(tensors[3])[c] + epsilon);
        shift[c] = (double)fet_tensor_f32(tensors[1])[c] - (double)fet_tensor_f32(tensors[2])[c] * scale[c];
    }
    return FET_OK;
}

/* Element operation with a constant that is one number or one a channel. */
static fet_status constant_of(const fet_graph *graph, const fet_node *node, int64_t channels, double *scale, double *shift)
{
    uint32_t at = graph->values[node->inputs[0]].kind == FET_VALUE_PARAM ? 0 : 1;
    const fet_tensor *tensor = NULL;
    FET_TRY(f32_of(graph, node, at, &tensor));
    bool one = fet_tensor_elements(tensor) == 1;
    for (int64_t c = 0; c < channels; c++) {
        double k = (double)fet_tensor_f32(tensor)[one ? 0 : c];
        scale[c] = node->op == FET_OP_MUL || node->op == FET_OP_PRELU ? k : node->op == FET_OP_DIV ? 1.0 / k : 1.0;
        shift[c] = node->op == FET_OP_ADD ? k : node->op == FET_OP_SUB ? -k : 0.0;
    }
    return FET_OK;
}

/* weights[oc] of the anchor times factor, then scaled by output channel. */
static fet_status fold_conv(const fet_graph *graph, const fet_kernel *kernel, const double *scale, float *weights)
{
    const fet_kernel_key *key = &kernel->key;
    const fet_tensor *tensor = NULL;
    FET_TRY(f32_of(graph, &graph->nodes[kernel->anchor], 1, &tensor));
    int64_t window = (int64_t)key->kh * key->kw, o_g = key->oc / key->group, i_g = key->ic / key->group;
    bool transposed = key->op == FET_OP_CONV_TRANSPOSE;
    int64_t rows = transposed ? (int64_t)key->ic * o_g : key->oc, length = transposed ? window : i_g * window;
    for (int64_t r = 0; r < rows; r++) {
        int64_t oc = transposed ? r / o_g / i_g * o_g + r % o_g : r;
        for (int64_t i = 0; i < length; i++) weights[r * length + i] = (float)((double)fet_tensor_f32(tensor)[r * length + i] * scale[oc]);
    }
    return FET_OK;
}

static fet_status fold_gemm(const fet_graph *graph, const fet_kernel *kernel, const double *scale, float *weights)
{
    const fet_node *node = &graph->nodes[kernel->anchor];
    const fet_tensor *tensor = NULL;
    FET_TRY(f32_of(graph, node, 1, &tensor));
    bool transposed = node->op == FET_OP_GEMM && fet_node_int(node, FET_ATTR_TRANS_B, 0) != 0;
    double alpha = node->op == FET_OP_GEMM ? (double)fet_node_float(node, FET_ATTR_ALPHA, 1.0f) : 1.0;
    int64_t o_n = kernel->key.oc, k_n = o_n ? fet_tensor_elements(tensor) / o_n : 0;
    for (int64_t o = 0; o < o_n; o++)
        for (int64_t k = 0; k < k_n; k++)
            weights[o * k_n + k] = (float)((double)fet_tensor_f32(tensor)[transposed ? o * k_n + k : k * o_n + o] * alpha * scale[o]);
    return FET_OK;
}

/* The anchor's own bias goes through the scale: y = scale (w x + b) + shift. */
static fet_status fold_bias(const fet_graph *graph, const fet_kernel *kernel, const double *scale, const double *shift, float *bias)
{
    const fet_node *node = &graph->nodes[kernel->anchor];
    int64_t channels = kernel->key.oc;
    bool has = node->op != FET_OP_MATMUL && node->n_inputs > 2 && node->inputs[2] != FET_NONE;
    const fet_tensor *tensor = NULL;
    if (has) FET_TRY(f32_of(graph, node, 2, &tensor));
    bool one = has && fet_tensor_elements(tensor) == 1;
    double beta = node->op == FET_OP_GEMM ? (double)fet_node_float(node, FET_ATTR_BETA, 1.0f) : 1.0;
    for (int64_t c = 0; c < channels; c++)
        bias[c] = (float)((has ? (double)fet_tensor_f32(tensor)[one ? 0 : c] * beta * scale[c] : 0.0) + shift[c]);
    return FET_OK;
}

static size_t count_weights(const fet_kernel *kernel)
{
    const fet_kernel_key *k = &kernel->key;
    switch ((fet_op_kind)k->op) {
    case FET_OP_CONV:
    case FET_OP_CONV_TRANSPOSE: return (size_t)k->oc * (k->ic / k->group) * k->kh * k->kw;
    case FET_OP_GEMM:
    case FET_OP_MATMUL: return (size_t)k->oc * k->ic * k->ih * k->iw;
    default: return k->oc;
    }
}

static fet_status fold(const fet_graph *graph, const fet_kernel *kernel, double *scale, double *shift, fet_numbers *numbers)
{
    const fet_node *node = &graph->nodes[kernel->anchor];
    int64_t channels = kernel->key.oc;
    for (int64_t c = 0; c < channels; c++) scale[c] = 1.0, shift[c] = 0.0;
    if (kernel->batch_norm != FET_NONE) FET_TRY(batch_norm_of(graph, &graph->nodes[kernel->batch_norm], channels, scale, shift));
    switch (node->op) {
    case FET_OP_CONV:
    case FET_OP_CONV_TRANSPOSE: FET_TRY(fold_conv(graph, kernel, scale, numbers->weights)); break;
    case FET_OP_GEMM:
    case FET_OP_MATMUL: FET_TRY(fold_gemm(graph, kernel, scale, numbers->weights)); break;
    case FET_OP_BATCH_NORMALIZATION: FET_TRY(batch_norm_of(graph, node, channels, scale, shift)); break;
    default: FET_TRY(constant_of(graph, node, channels, scale, shift)); break;
    }
    if (kernel->key.op == FET_OP_BATCH_NORMALIZATION || kernel->key.flags & FET_KERNEL_CONST) {
        for (int64_t c = 0; c < channels; c++) numbers->weights[c] = (float)scale[c], numbers->bias[c] = (float)shift[c];
        return FET_OK;
    }
    return numbers->bias ? fold_bias(graph, kernel, scale, shift, numbers->bias) : FET_OK;
}

fet_status fet_numbers_fold(const fet_graph *graph, const fet_kernel *kernel, fet_numbers *out_numbers)
{
    size_t channels = kernel->key.oc;
    fet_numbers numbers = {0};
    double *scale = NULL;
    FET_TRY(fet_alloc_zeroed(2 * channels, sizeof *scale, "folded scales", &scale));
    fet_status status = fet_alloc_zeroed(count_weights(kernel), sizeof(float), "folded weights", &numbers.weights);
    if (status == FET_OK && kernel->key.flags & (FET_KERNEL_BIAS | FET_KERNEL_CONST))
        status = fet_alloc_zeroed(channels, sizeof(float), "a folded bias", &numbers.bias);
    if (status == FET_OK) status = fold(graph, kernel, scale, scale + channels, &numbers);
    fet_free(scale);
    if (status != FET_OK) fet_numbers_free(&numbers);
    else *out_numbers = numbers;
    return status;
}

void fet_numbers_free(fet_numbers *numbers)
{
    fet_free(numbers->weights);
    fet_free(numbers->bias);
    *numbers = (fet_numbers){0};
}

static float as_f32(const fet_tensor *tensor, int64_t i)
{
    switch (tensor->dtype) {
    case FET_DTYPE_F32: return ((const float *)tensor->data)[i];
    case FET_DTYPE_F64: return (float)((const double *)tensor->data)[i];
    case FET_DTYPE_BF16: return fet_f32_from_bf16(((const uint16_t *)tensor->data)[i]);
    case FET_DTYPE_F16: return fet_f32_from_f16(((const uint16_t *)tensor->data)[i]);
    case FET_DTYPE_S8: return ((const int8_t *)tensor->data)[i];
    case FET_DTYPE_BOOL:
    case FET_DTYPE_U8: return ((const uint8_t *)tensor->data)[i];
    case FET_DTYPE_S16: return ((const int16_t *)tensor->data)[i];
    case FET_DTYPE_S32: return (float)((const int32_t *)tensor->data)[i];
    case FET_DTYPE_S64: return (float)((const int64_t *)tensor->data)[i];
    default: return NAN;
    }
}

static fet_status compute_constant(const fet_graph *graph, const fet_value *value, fet_arena *arena, const float **out_numbers)
{
    const fet_node *node = &graph->nodes[value->node];
    if (fet_kernel_is_view(node->op)) return fet_numbers_constant(graph, node->inputs[0], arena, out_numbers);
    fet_reference_fn compute = fet_reference_find(node->op);
    if (!compute) return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": the engine has no %s", node->name, fet_op_onnx_name(node->op));
    const float **src = fet_arena_zalloc(arena, node->n_inputs + 1u, sizeof *src);
    float **dst = fet_arena_zalloc(arena, node->n_outputs, sizeof *dst);
    if (!src || !dst) return fet_arena_full();
    for (uint32_t i = 0; node->op != FET_OP_SHAPE && i < node->n_inputs; i++)
        if (node->inputs[i] != FET_NONE) FET_TRY(fet_numbers_constant(graph, node->inputs[i], arena, &src[i]));
    for (uint32_t o = 0; o < node->n_outputs; o++) {
        if (node->outputs[o] == FET_NONE) continue;
        dst[o] = fet_arena_zalloc(arena, (size_t)fet_shape_elements(&graph->values[node->outputs[o]].shape), sizeof(float));
        if (!dst[o]) return fet_arena_full();
        if (&graph->values[node->outputs[o]] == value) *out_numbers = dst[o];
    }
    compute(&(fet_reference_call){graph, node, src, dst});
    return FET_OK;
}

fet_status fet_numbers_constant(const fet_graph *graph, fet_id id, fet_arena *arena, const float **out_numbers)
{
    const fet_value *value = &graph->values[id];
    if (value->kind == FET_VALUE_COMPUTED) return compute_constant(graph, value, arena, out_numbers);
    const fet_tensor *tensor = fet_graph_constant(graph, id);
    if (!tensor) return fet_fail(FET_ERROR_STATE, "parameter \"%s\" has no numbers yet", value->name);
    int64_t count = fet_tensor_elements(tensor);
    float *numbers = fet_arena_alloc(arena, (size_t)(count ? count : 1) * sizeof *numbers);
    if (!numbers) return fet_arena_full();
    for (int64_t i = 0; i < count; i++) numbers[i] = as_f32(tensor, i);
    *out_numbers = numbers;
    return FET_OK;
}
