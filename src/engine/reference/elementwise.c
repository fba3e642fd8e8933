// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/families.h"

#include "base/clones.h"

#include <math.h>

static float clip(const fet_reference_call *call, float x)
{
    const float *low = fet_reference_src(call, 1), *high = fet_reference_src(call, 2);
    x = fmaxf(x, low ? *low : fet_node_float(call->node, FET_ATTR_MIN, -INFINITY));
    return fminf(x, high ? *high : fet_node_float(call->node, FET_ATTR_MAX, INFINITY));
}

static float selu(const fet_node *node, float x)
{
    float alpha = fet_node_float(node, FET_ATTR_ALPHA, 1.67326319217681884765625f);
    float gamma = fet_node_float(node, FET_ATTR_GAMMA, 1.05070102214813232421875f);
    return gamma * (x > 0.0f ? x : alpha * expm1f(x));
}

static float celu(const fet_node *node, float x)
{
    float alpha = fet_node_float(node, FET_ATTR_ALPHA, 1.0f);
    return fmaxf(0.0f, x) + fminf(0.0f, alpha * expm1f(x / alpha));
}

/* To an integer type: towards zero; to BOOL: 0 or 1. */
static float cast(fet_dtype to, float x)
{
    switch (to) {
    case FET_DTYPE_F32:
    case FET_DTYPE_F64:
    case FET_DTYPE_F16: return x;
    case FET_DTYPE_BF16: return fet_f32_from_bf16(fet_bf16_from_f32(x));
    case FET_DTYPE_BOOL: return x != 0.0f ? 1.0f : 0.0f;
    default: return truncf(x);
    }
}

float fet_activation_apply(const fet_activation *a, float x)
{
    switch (a->kind) {
    case FET_ACTIVATION_NONE:
    case FET_ACTIVATION_COUNT: return x;
    case FET_ACTIVATION_RELU: return fmaxf(x, 0.0f);
    case FET_ACTIVATION_CLIP: return fminf(a->beta, fmaxf(a->alpha, x));
    case FET_ACTIVATION_LEAKY_RELU: return x >= 0.0f ? x : a->alpha * x;
    case FET_ACTIVATION_ELU: return x >= 0.0f ? x : a->alpha * expm1f(x);
    case FET_ACTIVATION_SIGMOID: return 1.0f / (1.0f + expf(-x));
    case FET_ACTIVATION_HARD_SIGMOID: return fminf(1.0f, fmaxf(0.0f, a->alpha * x + a->beta));
    case FET_ACTIVATION_HARD_SWISH: return x * fminf(1.0f, fmaxf(0.0f, x / 6.0f + 0.5f));
    case FET_ACTIVATION_SWISH: return x / (1.0f + expf(-a->alpha * x));
    case FET_ACTIVATION_GELU:
        return a->alpha != 0.0f ? 0.5f * x * (1.0f + tanhf(0.7978845608f * (x + 0.044715f * x * x * x)))
                                : 0.5f * x * (1.0f + erff(x * 0.7071067812f));
    case FET_ACTIVATION_TANH: return tanhf(x);
    }
    return x;
}

static float unary(const fet_reference_call *call, const fet_activation *a, float x)
{
    switch (call->node->op) {
    case FET_OP_CLIP: return clip(call, x);
    case FET_OP_SELU: return selu(call->node, x);
    case FET_OP_CELU: return celu(call->node, x);
    case FET_OP_SOFTPLUS: return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
    case FET_OP_SOFTSIGN: return x / (1.0f + fabsf(x));
    case FET_OP_ABS: return fabsf(x);
    case FET_OP_NEG: return -x;
    case FET_OP_EXP: return expf(x);
    case FET_OP_LOG: return logf(x);
    case FET_OP_SQRT: return sqrtf(x);
    case FET_OP_RECIPROCAL: return 1.0f / x;
    case FET_OP_FLOOR: return floorf(x);
    case FET_OP_CEIL: return ceilf(x);
    case FET_OP_ROUND: return rintf(x); /* halves to even */
    case FET_OP_ERF: return erff(x);
    case FET_OP_SIN: return sinf(x);
    case FET_OP_COS: return cosf(x);
    case FET_OP_SIGN: return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x;
    case FET_OP_NOT: return x == 0.0f ? 1.0f : 0.0f;
    case FET_OP_CAST: return cast(call->graph->values[call->node->outputs[0]].dtype, x);
    default: return fet_activation_apply(a, x);
    }
}

void fet_reference_unary(const fet_reference_call *call)
{
    fet_activation a = fet_activation_of_node(call->graph, call->node);
    int64_t count = fet_shape_elements(fet_reference_out(call, 0));
    for (int64_t i = 0; i < count; i++) call->dst[0][i] = unary(call, &a, call->src[0][i]);
}

static float binary(fet_op_kind op, float a, float b)
{
    switch (op) {
    case FET_OP_ADD:
    case FET_OP_SUM:
    case FET_OP_MEAN: return a + b;
    case FET_OP_SUB: return a - b;
    case FET_OP_MUL: return a * b;
    case FET_OP_DIV: return a / b;
    case FET_OP_POW: return powf(a, b);
    case FET_OP_MIN: return fminf(a, b);
    case FET_OP_MAX: return fmaxf(a, b);
    case FET_OP_PRELU: return a >= 0.0f ? a : a * b;
    case FET_OP_EQUAL: return a == b ? 1.0f : 0.0f;
    case FET_OP_GREATER: return a > b ? 1.0f : 0.0f;
    case FET_OP_LESS: return a < b ? 1.0f : 0.0f;
    case FET_OP_GREATER_OR_EQUAL: return a >= b ? 1.0f : 0.0f;
    case FET_OP_LESS_OR_EQUAL: return a <= b ? 1.0f : 0.0f;
    case FET_OP_AND: return a != 0.0f && b != 0.0f ? 1.0f : 0.0f;
    case FET_OP_OR: return a != 0.0f || b != 0.0f ? 1.0f : 0.0f;
    default: return NAN;
    }
}

/* dst = dst op src along a line, src one after the other or one for all: the operators that networks are full of, so that they become
 * vector instructions. false: another operator or step. */
#define FET_LINE(expression)                                                                                                               \
    do {                                                                                                                                   \
        if (step == 1)                                                                                                                     \
            for (int64_t i = 0; i < length; i++) {                                                                                         \
                float a = dst[i], b = src[i];                                                                                              \
                dst[i] = (expression);                                                                                                     \
            }                                                                                                                              \
        else                                                                                                                               \
            for (int64_t i = 0; i < length; i++) {                                                                                         \
                float a = dst[i], b = *src;                                                                                                \
                dst[i] = (expression);                                                                                                     \
            }                                                                                                                              \
        return true;                                                                                                                       \
    } while (0)

FET_CLONES static bool apply_line(fet_op_kind op, const float *src, int64_t step, int64_t length, float *dst)
{
    if (step > 1) return false;
    switch (op) {
    case FET_OP_ADD:
    case FET_OP_SUM:
    case FET_OP_MEAN: FET_LINE(a + b);
    case FET_OP_SUB: FET_LINE(a - b);
    case FET_OP_MUL: FET_LINE(a * b);
    case FET_OP_DIV: FET_LINE(a / b);
    case FET_OP_PRELU: FET_LINE((a > 0.0f ? a : 0.0f) + b * (a > 0.0f ? 0.0f : a));
    default: return false;
    }
}

/* Dimensions that are walked alike in both are one. */
static fet_shape joined(const fet_shape *out, const fet_strides *strides, fet_strides *out_strides)
{
    fet_shape shape = {.rank = 0};
    for (uint32_t i = 0; i < out->rank; i++) {
        if (out->dim[i] == 1) continue;
        if (shape.rank && out_strides->at[shape.rank - 1] == strides->at[i] * out->dim[i]) {
            shape.dim[shape.rank - 1] *= out->dim[i];
            out_strides->at[shape.rank - 1] = strides->at[i];
            continue;
        }
        shape.dim[shape.rank] = out->dim[i];
        out_strides->at[shape.rank++] = strides->at[i];
    }
    return shape;
}

/* dst = dst op src, src broadcast over the output. */
static void accumulate(const fet_shape *out, fet_op_kind op, const fet_shape *in, const float *src, float *dst)
{
    fet_strides whole = fet_strides_broadcast(in, out), strides = {{0}};
    fet_shape walked = joined(out, &whole, &strides);
    out = &walked;
    int64_t length = out->rank ? out->dim[out->rank - 1] : 1, step = out->rank ? strides.at[out->rank - 1] : 0;
    int64_t lines = length ? fet_shape_elements(out) / length : 0;
    for (int64_t line = 0; line < lines; line++, dst += length) {
        int64_t offset = 0, rest = line;
        for (uint32_t i = out->rank; i-- > 1;) {
            offset += rest % out->dim[i - 1] * strides.at[i - 1];
            rest /= out->dim[i - 1];
        }
        if (apply_line(op, src + offset, step, length, dst)) continue;
        for (int64_t i = 0; i < length; i++) dst[i] = binary(op, dst[i], src[offset + i * step]);
    }
}

/* Whole division for integers, as ONNX has it. */
static void truncate_quotient(const fet_reference_call *call)
{
    fet_dtype dtype = call->graph->values[call->node->outputs[0]].dtype;
    if (call->node->op != FET_OP_DIV || (dtype != FET_DTYPE_S64 && dtype != FET_DTYPE_S32)) return;
    int64_t count = fet_shape_elements(fet_reference_out(call, 0));
    for (int64_t i = 0; i < count; i++) call->dst[0][i] = truncf(call->dst[0][i]);
}

void fet_reference_binary(const fet_reference_call *call)
{
    const fet_shape *out = fet_reference_out(call, 0);
    fet_strides strides = fet_strides_broadcast(fet_reference_in(call, 0), out);
    fet_walk_read(out, call->src[0], &strides, call->dst[0]);
    accumulate(out, call->node->op, fet_reference_in(call, 1), call->src[1], call->dst[0]);
    truncate_quotient(call);
}

/* The sign of the divisor, as Python has it; of the dividend with fmod = 1, as C has it. */
void fet_reference_mod(const fet_reference_call *call)
{
    const fet_shape *out = fet_reference_out(call, 0);
    fet_strides strides[2] = {fet_strides_broadcast(fet_reference_in(call, 0), out), fet_strides_broadcast(fet_reference_in(call, 1), out)};
    bool as_c = fet_node_int(call->node, FET_ATTR_FMOD, 0) != 0;
    int64_t count = fet_shape_elements(out);
    for (int64_t at = 0; at < count; at++) {
        int64_t a = 0, b = 0, rest = at;
        for (uint32_t i = out->rank; i-- > 0; rest /= out->dim[i])
            a += rest % out->dim[i] * strides[0].at[i], b += rest % out->dim[i] * strides[1].at[i];
        float divisor = call->src[1][b], y = fmodf(call->src[0][a], divisor);
        call->dst[0][at] = !as_c && y != 0.0f && (y < 0.0f) != (divisor < 0.0f) ? y + divisor : y;
    }
}

void fet_reference_variadic(const fet_reference_call *call)
{
    const fet_shape *out = fet_reference_out(call, 0);
    fet_strides strides = fet_strides_broadcast(fet_reference_in(call, 0), out);
    fet_walk_read(out, call->src[0], &strides, call->dst[0]);
    for (uint32_t i = 1; i < call->node->n_inputs; i++)
        accumulate(out, call->node->op, fet_reference_in(call, i), call->src[i], call->dst[0]);
    if (call->node->op != FET_OP_MEAN) return;
    int64_t count = fet_shape_elements(out);
    for (int64_t i = 0; i < count; i++) call->dst[0][i] /= (float)call->node->n_inputs;
}

void fet_reference_where(const fet_reference_call *call)
{
    const fet_shape *out = fet_reference_out(call, 0);
    fet_strides strides[3];
    for (uint32_t i = 0; i < 3; i++) strides[i] = fet_strides_broadcast(fet_reference_in(call, i), out);
    int64_t count = fet_shape_elements(out);
    for (int64_t at = 0; at < count; at++) {
        int64_t offset[3] = {0}, rest = at;
        for (uint32_t i = out->rank; i-- > 0; rest /= out->dim[i])
            for (uint32_t k = 0; k < 3; k++) offset[k] += rest % out->dim[i] * strides[k].at[i];
        call->dst[0][at] = call->src[0][offset[0]] != 0.0f ? call->src[1][offset[1]] : call->src[2][offset[2]];
    }
}
