// SPDX-License-Identifier: Apache-2.0
/*
 * Attributes of a convolution or inner product: output scales, sum and activation.
 *
 * int8: acc * src_scale * weight_scale is the real number. Where the activation commutes with a positive factor (ReLU, Leaky ReLU, clip)
 * everything is done in units of the result, so that the requantisation costs nothing; else the activation sees real numbers and its own
 * scale divides by the result's. A u8 result needs no ReLU and no clip at all: saturation does it, for the result's scale never reaches
 * beyond the clip's upper bound (quantise.c).
 */
#include "engine/infer/build.h"

#include <float.h>

fet_status fet_step_append_activation(dnnl_post_ops_t ops, const fet_activation *a, float in_scale, float out_scale)
{
    /* Homogeneous ones: in_scale == out_scale; clip's bounds are in units of it. */
    float low = a->alpha <= -FLT_MAX ? -FLT_MAX : a->alpha / in_scale, high = a->beta >= FLT_MAX ? FLT_MAX : a->beta / in_scale;
    float factor = in_scale / out_scale;
    dnnl_status_t s = dnnl_success;
    switch (a->kind) {
    case FET_ACTIVATION_NONE:
    case FET_ACTIVATION_COUNT: break;
    case FET_ACTIVATION_RELU: s = dnnl_post_ops_append_eltwise(ops, factor, dnnl_eltwise_relu, 0.0f, 0.0f); break;
    case FET_ACTIVATION_LEAKY_RELU: s = dnnl_post_ops_append_eltwise(ops, factor, dnnl_eltwise_relu, a->alpha, 0.0f); break;
    case FET_ACTIVATION_CLIP: s = dnnl_post_ops_append_eltwise(ops, factor, dnnl_eltwise_clip, low, high); break;
    case FET_ACTIVATION_ELU: s = dnnl_post_ops_append_eltwise(ops, 1.0f / out_scale, dnnl_eltwise_elu, a->alpha, 0.0f); break;
    case FET_ACTIVATION_SIGMOID: s = dnnl_post_ops_append_eltwise(ops, 1.0f / out_scale, dnnl_eltwise_logistic, 0.0f, 0.0f); break;
    case FET_ACTIVATION_HARD_SIGMOID:
        s = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_linear, a->alpha, a->beta);
        if (s == dnnl_success) s = dnnl_post_ops_append_eltwise(ops, 1.0f / out_scale, dnnl_eltwise_clip, 0.0f, 1.0f);
        break;
    case FET_ACTIVATION_HARD_SWISH: s = dnnl_post_ops_append_eltwise(ops, 1.0f / out_scale, dnnl_eltwise_hardswish, 0.0f, 0.0f); break;
    case FET_ACTIVATION_SWISH: s = dnnl_post_ops_append_eltwise(ops, 1.0f / out_scale, dnnl_eltwise_swish, a->alpha, 0.0f); break;
    case FET_ACTIVATION_GELU:
        s = dnnl_post_ops_append_eltwise(ops, 1.0f / out_scale, a->alpha != 0.0f ? dnnl_eltwise_gelu_tanh : dnnl_eltwise_gelu_erf, 0.0f,
                                         0.0f);
        break;
    case FET_ACTIVATION_TANH: s = dnnl_post_ops_append_eltwise(ops, 1.0f / out_scale, dnnl_eltwise_tanh, 0.0f, 0.0f); break;
    }
    return fet_engine_check(s, "append an activation");
}

static bool is_homogeneous(fet_activation_kind kind)
{
    return kind == FET_ACTIVATION_NONE || kind == FET_ACTIVATION_RELU || kind == FET_ACTIVATION_LEAKY_RELU || kind == FET_ACTIVATION_CLIP;
}

static bool is_saturation(const fet_step_spec *spec)
{
    return spec->dst.dtype == FET_DTYPE_U8 && (spec->activation.kind == FET_ACTIVATION_RELU ||
                                               (spec->activation.kind == FET_ACTIVATION_CLIP && spec->activation.alpha == 0.0f));
}

/* Residual in units of what stands in the accumulator at that point. */
static fet_status append_sum(dnnl_post_ops_t ops, const fet_step_spec *spec, float unit)
{
    float scale = spec->residual.scale / unit;
    bool same = spec->residual.dtype == spec->dst.dtype;
    if (same) return fet_engine_check(dnnl_post_ops_append_sum(ops, scale), "append a sum");
    return fet_engine_check(dnnl_post_ops_append_sum_v2(ops, scale, fet_format_dnnl_type(spec->residual.dtype)), "append a sum");
}

static fet_status append_all(dnnl_post_ops_t ops, const fet_step_spec *spec, float unit)
{
    if (spec->key->flags & FET_KERNEL_ADD) FET_TRY(append_sum(ops, spec, unit));
    if (!is_saturation(spec)) FET_TRY(fet_step_append_activation(ops, &spec->activation, unit, spec->dst.scale));
    return FET_OK;
}

static fet_status fill(dnnl_primitive_attr_t attr, const fet_step_spec *spec, const float *weight_scales, uint32_t n_scales, int scale_mask)
{
    FET_DNNL_TRY(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user), "set a scratchpad mode");
    float unit = is_homogeneous(spec->activation.kind) ? spec->dst.scale : 1.0f;
    if (weight_scales) {
        float *scales = NULL;
        FET_TRY(fet_alloc_zeroed(n_scales, sizeof *scales, "output scales", &scales));
        for (uint32_t i = 0; i < n_scales; i++) scales[i] = spec->src[0].scale * weight_scales[i] / unit;
        dnnl_status_t status = dnnl_primitive_attr_set_output_scales(attr, n_scales, scale_mask, scales);
        fet_free(scales);
        FET_DNNL_TRY(status, "set output scales");
    }
    dnnl_post_ops_t ops = NULL;
    FET_DNNL_TRY(dnnl_post_ops_create(&ops), "create post-operations");
    fet_status filled = append_all(ops, spec, unit);
    dnnl_status_t set = filled == FET_OK ? dnnl_primitive_attr_set_post_ops(attr, ops) : dnnl_success;
    dnnl_post_ops_destroy(ops);
    FET_TRY(filled);
    return fet_engine_check(set, "set post-operations");
}

fet_status fet_step_attr_create(const fet_step_spec *spec, const float *weight_scales, uint32_t n_scales, int scale_mask,
                                dnnl_primitive_attr_t *out_attr)
{
    dnnl_primitive_attr_t attr = NULL;
    FET_DNNL_TRY(dnnl_primitive_attr_create(&attr), "create attributes");
    fet_status status = fill(attr, spec, weight_scales, n_scales, scale_mask);
    if (status != FET_OK) {
        dnnl_primitive_attr_destroy(attr);
        return status;
    }
    *out_attr = attr;
    return FET_OK;
}
