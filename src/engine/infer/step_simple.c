// SPDX-License-Identifier: Apache-2.0
/* Kernels that oneDNN has in a good form for every layout: binary operations of two maps, activations, resizing, casts between the worlds.
 */
#include "base/clones.h"
#include "engine/infer/build.h"
#include "engine/reference/reference.h"

#include <math.h>

typedef struct operand_desc {
    uint32_t operand;
    int arg;
    dnnl_memory_desc_t desc;
} operand_desc;

/* The common end: descriptor, primitive, operands. `attr` is consumed. */
static fet_status finish(const fet_step_spec *spec, const void *operation, dnnl_primitive_attr_t attr, const operand_desc *operands, int n,
                         fet_step *step)
{
    dnnl_primitive_desc_t descriptor = NULL;
    fet_status status = fet_step_describe(spec, operation, attr, &descriptor);
    dnnl_primitive_attr_destroy(attr);
    FET_TRY(status);
    status = fet_step_set_primitive(step, spec, descriptor, false);
    for (int i = 0; i < n && status == FET_OK; i++)
        status = fet_step_add_operand(step, operands[i].operand, operands[i].arg, &operands[i].desc);
    dnnl_primitive_desc_destroy(descriptor);
    return status;
}

/* int8: (sa * a) op (sb * b) in units of the result; a product carries both scales on one side. */
static fet_status set_binary_scales(const fet_step_spec *spec, dnnl_primitive_attr_t attr)
{
    float a = spec->src[0].scale / spec->dst.scale, b = spec->src[1].scale / spec->dst.scale;
    if (spec->key->op == FET_OP_MUL) a = spec->src[0].scale * spec->src[1].scale / spec->dst.scale, b = 1.0f;
    FET_DNNL_TRY(dnnl_primitive_attr_set_scales(attr, DNNL_ARG_SRC_0, 1, 0, &a), "set scales");
    return fet_engine_check(dnnl_primitive_attr_set_scales(attr, DNNL_ARG_SRC_1, 1, 0, &b), "set scales");
}

fet_status fet_step_build_binary(const fet_step_spec *spec, fet_step *step)
{
    operand_desc operands[] = {{0, DNNL_ARG_SRC_0, {0}}, {1, DNNL_ARG_SRC_1, {0}}, {2, DNNL_ARG_DST, {0}}};
    FET_TRY(fet_format_desc(&spec->src[0], &operands[0].desc));
    FET_TRY(fet_format_desc(&spec->src[1], &operands[1].desc));
    FET_TRY(fet_format_desc(&spec->dst, &operands[2].desc));
    dnnl_alg_kind_t algorithm = spec->key->op == FET_OP_ADD   ? dnnl_binary_add
                                : spec->key->op == FET_OP_SUB ? dnnl_binary_sub
                                                              : dnnl_binary_mul;
    dnnl_binary_desc_t operation;
    FET_DNNL_TRY(dnnl_binary_desc_init(&operation, algorithm, &operands[0].desc, &operands[1].desc, &operands[2].desc),
                 "describe a binary operation");
    dnnl_primitive_attr_t attr = NULL;
    FET_TRY(fet_step_attr_create(spec, NULL, 0, 0, &attr));
    fet_status status = spec->key->precision == FET_DTYPE_S8 ? set_binary_scales(spec, attr) : FET_OK;
    if (status != FET_OK) {
        dnnl_primitive_attr_destroy(attr);
        return status;
    }
    return finish(spec, &operation, attr, operands, 3, step);
}

/* An int8 activation is a table of 256 results. */
typedef struct table_state {
    uint8_t result[256];
    size_t count;
} table_state;

static void run_table(const fet_step *step)
{
    const table_state *s = step->state;
    const uint8_t *src = step->data[0];
    uint8_t *dst = step->data[1];
    for (size_t i = 0; i < s->count; i++) dst[i] = s->result[src[i]];
}

static fet_status build_table(const fet_step_spec *spec, fet_step *step)
{
    FET_TRY(fet_step_set_own(step, run_table, sizeof(table_state)));
    table_state *s = step->state;
    bool is_signed = spec->src[0].dtype == FET_DTYPE_S8;
    for (int i = 0; i < 256; i++) {
        float x = spec->src[0].scale * (float)(is_signed && i > 127 ? i - 256 : i);
        float steps = nearbyintf(fet_activation_apply(&spec->activation, x) / spec->dst.scale);
        s->result[i] = spec->dst.dtype == FET_DTYPE_U8 ? (uint8_t)fminf(255.0f, fmaxf(0.0f, steps))
                                                       : (uint8_t)(int8_t)fminf(127.0f, fmaxf(-128.0f, steps));
    }
    s->count = fet_format_bytes(&spec->src[0]);
    return FET_OK;
}

/* oneDNN 2.6 has no hard sigmoid, and none of its eltwise forms takes a second one behind it. */
typedef struct hard_sigmoid_state {
    float alpha, beta;
    size_t count;
    bool bf16;
} hard_sigmoid_state;

FET_CLONES static void hard_sigmoid_f32(const float *src, float *dst, size_t count, float alpha, float beta)
{
    for (size_t i = 0; i < count; i++) {
        float x = alpha * src[i] + beta;
        dst[i] = x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x;
    }
}

static void run_hard_sigmoid(const fet_step *step)
{
    const hard_sigmoid_state *s = step->state;
    if (!s->bf16) {
        hard_sigmoid_f32(step->data[0], step->data[1], s->count, s->alpha, s->beta);
        return;
    }
    const uint16_t *src = step->data[0];
    uint16_t *dst = step->data[1];
    for (size_t i = 0; i < s->count; i++)
        dst[i] = fet_bf16_from_f32(fminf(1.0f, fmaxf(0.0f, s->alpha * fet_f32_from_bf16(src[i]) + s->beta)));
}

static fet_status build_hard_sigmoid(const fet_step_spec *spec, fet_step *step)
{
    FET_TRY(fet_step_set_own(step, run_hard_sigmoid, sizeof(hard_sigmoid_state)));
    *(hard_sigmoid_state *)step->state = (hard_sigmoid_state){.alpha = spec->activation.alpha,
                                                              .beta = spec->activation.beta,
                                                              .count = fet_format_bytes(&spec->dst) / fet_dtype_bytes(spec->dst.dtype),
                                                              .bf16 = spec->dst.dtype == FET_DTYPE_BF16};
    return FET_OK;
}

fet_status fet_step_build_activation(const fet_step_spec *spec, fet_step *step)
{
    if (spec->key->precision == FET_DTYPE_S8) return build_table(spec, step);
    if (spec->activation.kind == FET_ACTIVATION_HARD_SIGMOID) return build_hard_sigmoid(spec, step);
    operand_desc operands[] = {{0, DNNL_ARG_SRC, {0}}, {1, DNNL_ARG_DST, {0}}};
    FET_TRY(fet_format_desc(&spec->src[0], &operands[0].desc));
    FET_TRY(fet_format_desc(&spec->dst, &operands[1].desc));
    const fet_activation *a = &spec->activation;
    dnnl_alg_kind_t algorithm = dnnl_eltwise_linear;
    float alpha = 1.0f, beta = 0.0f;
    switch (a->kind) {
    case FET_ACTIVATION_RELU: algorithm = dnnl_eltwise_relu, alpha = 0.0f; break;
    case FET_ACTIVATION_LEAKY_RELU: algorithm = dnnl_eltwise_relu, alpha = a->alpha; break;
    case FET_ACTIVATION_CLIP: algorithm = dnnl_eltwise_clip, alpha = a->alpha, beta = a->beta; break;
    case FET_ACTIVATION_ELU: algorithm = dnnl_eltwise_elu, alpha = a->alpha; break;
    case FET_ACTIVATION_SIGMOID: algorithm = dnnl_eltwise_logistic, alpha = 0.0f; break;
    case FET_ACTIVATION_HARD_SWISH: algorithm = dnnl_eltwise_hardswish, alpha = 0.0f; break;
    case FET_ACTIVATION_SWISH: algorithm = dnnl_eltwise_swish, alpha = a->alpha; break;
    case FET_ACTIVATION_TANH: algorithm = dnnl_eltwise_tanh, alpha = 0.0f; break;
    case FET_ACTIVATION_GELU: algorithm = a->alpha != 0.0f ? dnnl_eltwise_gelu_tanh : dnnl_eltwise_gelu_erf, alpha = 0.0f; break;
    default: break;
    }
    dnnl_eltwise_desc_t operation;
    FET_DNNL_TRY(dnnl_eltwise_forward_desc_init(&operation, dnnl_forward_inference, algorithm, &operands[0].desc, alpha, beta),
                 "describe an activation");
    fet_step_spec plain = *spec;
    plain.activation = (fet_activation){0};
    dnnl_primitive_attr_t attr = NULL;
    FET_TRY(fet_step_attr_create(&plain, NULL, 0, 0, &attr));
    return finish(spec, &operation, attr, operands, 2, step);
}

fet_status fet_step_build_resize(const fet_step_spec *spec, fet_step *step)
{
    /* oneDNN's vectors run along the channels. Of two or three it takes up to twice as long as our own where maps get larger. */
    bool few = spec->key->extra & 1 && spec->key->ic < FET_RESIZE_FEW_CHANNELS && spec->key->oh > spec->key->ih;
    if (spec->key->extra & 6 || few) return fet_step_build_taps(spec, step);
    operand_desc operands[] = {{0, DNNL_ARG_SRC, {0}}, {1, DNNL_ARG_DST, {0}}};
    FET_TRY(fet_format_desc(&spec->src[0], &operands[0].desc));
    FET_TRY(fet_format_desc(&spec->dst, &operands[1].desc));
    dnnl_resampling_desc_t operation;
    FET_DNNL_TRY(dnnl_resampling_forward_desc_init(&operation, dnnl_forward_inference,
                                                   spec->key->extra & 1 ? dnnl_resampling_linear : dnnl_resampling_nearest, NULL,
                                                   &operands[0].desc, &operands[1].desc),
                 "describe a resampling");
    dnnl_primitive_attr_t attr = NULL;
    FET_TRY(fet_step_attr_create(spec, NULL, 0, 0, &attr));
    return finish(spec, &operation, attr, operands, 2, step);
}

/* Images of a few channels to channels innermost: oneDNN's reorder takes single elements here. */
typedef struct interleave_state {
    int64_t n, pixels;
    int channels;
} interleave_state;

#define FET_INTERLEAVE(name, count)                                                                                                        \
    FET_CLONES static void name(const float *src, float *dst, int64_t pixels)                                                              \
    {                                                                                                                                      \
        for (int64_t p = 0; p < pixels; p++)                                                                                               \
            for (int c = 0; c < (count); c++) dst[p * (count) + c] = src[c * pixels + p];                                                  \
    }
FET_INTERLEAVE(interleave_2, 2)
FET_INTERLEAVE(interleave_3, 3)
FET_INTERLEAVE(interleave_4, 4)

static void run_interleave(const fet_step *step)
{
    const interleave_state *s = step->state;
    const float *src = step->data[0];
    float *dst = step->data[1];
    for (int64_t n = 0; n < s->n; n++, src += s->channels * s->pixels, dst += s->channels * s->pixels) {
        if (s->channels == 2) interleave_2(src, dst, s->pixels);
        else if (s->channels == 3) interleave_3(src, dst, s->pixels);
        else interleave_4(src, dst, s->pixels);
    }
}

fet_status fet_step_build_cast(const fet_step_spec *spec, fet_step *step)
{
    fet_extent e = fet_format_extent(&spec->dst);
    bool inward = spec->src[0].layout == FET_LAYOUT_PLAIN && spec->dst.layout == FET_LAYOUT_NHWC;
    if (inward && spec->dst.dtype == FET_DTYPE_F32 && e.c >= 2 && e.c <= 4) {
        FET_TRY(fet_step_set_own(step, run_interleave, sizeof(interleave_state)));
        *(interleave_state *)step->state = (interleave_state){.n = e.n, .pixels = e.h * e.w, .channels = (int)e.c};
        return FET_OK;
    }
    dnnl_engine_t engine;
    FET_TRY(fet_engine_get(&engine, NULL));
    operand_desc operands[] = {{0, DNNL_ARG_FROM, {0}}, {1, DNNL_ARG_TO, {0}}};
    FET_TRY(fet_format_desc(&spec->src[0], &operands[0].desc));
    FET_TRY(fet_format_desc(&spec->dst, &operands[1].desc));
    dnnl_primitive_attr_t attr = NULL;
    FET_TRY(fet_step_attr_create(spec, NULL, 0, 0, &attr));
    float factor = spec->src[0].scale / spec->dst.scale;
    dnnl_status_t made = factor != 1.0f ? dnnl_primitive_attr_set_output_scales(attr, 1, 0, &factor) : dnnl_success;
    dnnl_primitive_desc_t descriptor = NULL;
    if (made == dnnl_success)
        made = dnnl_reorder_primitive_desc_create(&descriptor, &operands[0].desc, engine, &operands[1].desc, engine, attr);
    dnnl_primitive_attr_destroy(attr);
    FET_DNNL_TRY(made, "create a reorder");
    fet_status status = fet_step_set_primitive(step, spec, descriptor, false);
    for (uint32_t i = 0; i < 2 && status == FET_OK; i++)
        status = fet_step_add_operand(step, operands[i].operand, operands[i].arg, &operands[i].desc);
    dnnl_primitive_desc_destroy(descriptor);
    return status;
}
