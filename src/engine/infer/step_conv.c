// SPDX-License-Identifier: Apache-2.0
/*
 * Convolution, transposed convolution, and what is expressed as one: a scale and shift per channel is a depthwise 1x1 convolution, so a
 * batch norm that stands alone gets activation and requantisation for free.
 */
#include "engine/infer/build.h"

#include <string.h>

/* The weights as the caller has them, and how oneDNN should see them before it chooses a layout. */
typedef struct kernel_weights {
    dnnl_memory_desc_t given;
    dnnl_memory_desc_t any;
    int64_t rows, length; /* for quantising: output channels (convolution) */
} kernel_weights;

static fet_status describe_weights(const fet_kernel_key *key, dnnl_data_type_t type, bool transposed, kernel_weights *out)
{
    int64_t g = key->group, o = key->oc / g, i = key->ic / g;
    dnnl_dims_t grouped = {g, o, i, key->kh, key->kw}, dense = {o, i, key->kh, key->kw};
    int n_dims = g > 1 ? 5 : 4;
    int64_t *dims = g > 1 ? grouped : dense;
    dnnl_format_tag_t tag = g > 1 ? (transposed ? dnnl_acbde : dnnl_abcde) : transposed ? dnnl_bacd : dnnl_abcd;
    FET_DNNL_TRY(dnnl_memory_desc_init_by_tag(&out->given, n_dims, dims, type, tag), "describe weights");
    FET_DNNL_TRY(dnnl_memory_desc_init_by_tag(&out->any, n_dims, dims, type, dnnl_format_tag_any), "describe weights");
    out->rows = key->oc;
    out->length = i * key->kh * key->kw;
    return FET_OK;
}

typedef struct conv_descs {
    dnnl_memory_desc_t src, dst, bias;
    kernel_weights weights;
    bool has_bias;
} conv_descs;

static fet_status describe(const fet_step_spec *spec, const fet_kernel_key *key, bool transposed, conv_descs *out)
{
    bool s8 = key->precision == FET_DTYPE_S8;
    FET_TRY(fet_format_desc(&spec->src[0], &out->src));
    FET_TRY(fet_format_desc(&spec->dst, &out->dst));
    FET_TRY(describe_weights(key, s8 ? dnnl_s8 : fet_format_dnnl_type((fet_dtype)key->precision), transposed, &out->weights));
    dnnl_dims_t oc = {key->oc};
    FET_DNNL_TRY(dnnl_memory_desc_init_by_tag(&out->bias, 1, oc, dnnl_f32, dnnl_a), "describe a bias");
    out->has_bias = spec->bias != NULL;
    return FET_OK;
}

static fet_status make(const fet_step_spec *spec, const fet_kernel_key *key, bool transposed, const conv_descs *d,
                       const_dnnl_primitive_attr_t attr, dnnl_primitive_desc_t *out_descriptor)
{
    dnnl_dims_t stride = {key->sh, key->sw}, dilation = {key->dh - 1, key->dw - 1};
    dnnl_dims_t begin = {key->pad_top, key->pad_left}, end = {key->pad_bottom, key->pad_right};
    const dnnl_memory_desc_t *bias = d->has_bias ? &d->bias : NULL;
    if (!transposed) {
        dnnl_convolution_desc_t operation;
        FET_DNNL_TRY(dnnl_dilated_convolution_forward_desc_init(&operation, dnnl_forward_inference, dnnl_convolution_direct, &d->src,
                                                                &d->weights.any, bias, &d->dst, stride, dilation, begin, end),
                     "describe a convolution");
        return fet_step_describe(spec, &operation, attr, out_descriptor);
    }
    dnnl_deconvolution_desc_t operation;
    FET_DNNL_TRY(dnnl_dilated_deconvolution_forward_desc_init(&operation, dnnl_forward_inference, dnnl_deconvolution_direct, &d->src,
                                                              &d->weights.any, bias, &d->dst, stride, dilation, begin, end),
                 "describe a transposed convolution");
    return fet_step_describe(spec, &operation, attr, out_descriptor);
}

/* int8 weights are quantised by us in the caller's order; a bias is in units of the accumulator. */
static fet_status add_numbers(const fet_step_spec *spec, const conv_descs *d, const int8_t *quantised, const float *scaled_bias,
                              const_dnnl_primitive_desc_t descriptor, fet_step *step)
{
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0);
    dnnl_memory_desc_t given = d->weights.given;
    given.data_type = quantised ? dnnl_s8 : dnnl_f32;
    FET_TRY(fet_step_add_constant(step, DNNL_ARG_WEIGHTS, &given, quantised ? (const void *)quantised : spec->weights, wanted));
    if (d->has_bias) FET_TRY(fet_step_add_constant(step, DNNL_ARG_BIAS, &d->bias, quantised ? scaled_bias : spec->bias, &d->bias));
    return FET_OK;
}

static fet_status finish(const fet_step_spec *spec, const fet_kernel_key *key, bool transposed, const conv_descs *d,
                         const int8_t *quantised, const float *weight_scales, const float *scaled_bias, fet_step *step)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t descriptor = NULL;
    FET_TRY(fet_step_attr_create(spec, weight_scales, key->oc, 1 << 1, &attr));
    fet_status status = make(spec, key, transposed, d, attr, &descriptor);
    dnnl_primitive_attr_destroy(attr);
    FET_TRY(status);
    bool depthwise = key->group > 1 && key->group == key->ic && key->group == key->oc;
    status = fet_step_set_primitive(step, spec, descriptor, depthwise);
    if (status == FET_OK) status = fet_step_add_operand(step, 0, DNNL_ARG_SRC, &d->src);
    if (status == FET_OK) status = fet_step_add_operand(step, step->n_src, DNNL_ARG_DST, &d->dst);
    if (status == FET_OK) status = add_numbers(spec, d, quantised, scaled_bias, descriptor, step);
    dnnl_primitive_desc_destroy(descriptor);
    return status;
}

/* ConvTranspose weights come as I, O/G, ...: gathers output channel o's numbers for the scale, quantises in place of the same order. */
static void quantise_transposed(const fet_kernel_key *key, const float *weights, const fet_weights_source *src, int8_t *quantised,
                                float *scales, float *row, int8_t *row_s8)
{
    int64_t window = (int64_t)key->kh * key->kw, g = key->group, o_g = key->oc / g, i_g = key->ic / g;
    for (int64_t oc = 0; oc < key->oc; oc++) {
        int64_t group = oc / o_g, o = oc % o_g;
        for (int64_t i = 0; i < i_g; i++)
            memcpy(row + i * window, weights + (((group * i_g + i) * o_g) + o) * window, (size_t)window * sizeof *row);
        fet_weights_source one = *src;
        if (one.bias) one.bias += oc;
        fet_weights_quantise(row, 1, i_g * window, &one, row_s8, scales + oc);
        for (int64_t i = 0; i < i_g; i++) memcpy(quantised + (((group * i_g + i) * o_g) + o) * window, row_s8 + i * window, (size_t)window);
    }
}

static fet_status quantise(const fet_step_spec *spec, const fet_kernel_key *key, bool transposed, int64_t length, int8_t *quantised,
                           float *scales)
{
    const fet_weights_source src = {spec->src[0].dtype == FET_DTYPE_S8, spec->src[0].scale, spec->bias};
    if (!transposed) {
        fet_weights_quantise(spec->weights, key->oc, length, &src, quantised, scales);
        return FET_OK;
    }
    float *row = fet_malloc((size_t)length * sizeof *row);
    int8_t *row_s8 = fet_malloc((size_t)length);
    bool ok = row && row_s8;
    if (ok) quantise_transposed(key, spec->weights, &src, quantised, scales, row, row_s8);
    fet_free(row);
    fet_free(row_s8);
    return ok ? FET_OK : fet_fail(FET_ERROR_NOMEM, "no memory to quantise the weights of \"%s\"", spec->name);
}

static fet_status build(const fet_step_spec *spec, const fet_kernel_key *key, bool transposed, fet_step *step)
{
    conv_descs d;
    memset(&d, 0, sizeof d);
    FET_TRY(describe(spec, key, transposed, &d));
    if (key->precision != FET_DTYPE_S8) return finish(spec, key, transposed, &d, NULL, NULL, NULL, step);
    int8_t *quantised = fet_malloc((size_t)(d.weights.rows * d.weights.length));
    float *scales = fet_malloc(2 * (size_t)key->oc * sizeof *scales);
    fet_status status = FET_OK;
    if (!quantised || !scales) status = fet_fail(FET_ERROR_NOMEM, "no memory to quantise the weights of \"%s\"", spec->name);
    if (status == FET_OK) status = quantise(spec, key, transposed, d.weights.length, quantised, scales);
    if (status == FET_OK) {
        float *bias = scales + key->oc;
        for (uint32_t o = 0; o < key->oc; o++)
            bias[o] = spec->bias ? fet_weights_quantise_bias(spec->bias[o], spec->src[0].scale * scales[o]) : 0.0f;
        status = finish(spec, key, transposed, &d, quantised, scales, bias, step);
    }
    fet_free(scales);
    fet_free(quantised);
    return status;
}

/* The same convolution with one group: zeros where a group does not look. Convolution: O, I, window; transposed: I, O, window. */
static void spread_groups(const fet_kernel_key *key, bool transposed, const float *weights, float *dense)
{
    int64_t window = (int64_t)key->kh * key->kw, g = key->group;
    int64_t rows = transposed ? key->ic : key->oc, columns = transposed ? key->oc : key->ic, rows_g = rows / g, columns_g = columns / g;
    memset(dense, 0, (size_t)(rows * columns * window) * sizeof *dense);
    for (int64_t r = 0; r < rows; r++)
        memcpy(dense + (r * columns + r / rows_g * columns_g) * window, weights + r * columns_g * window,
               (size_t)(columns_g * window) * sizeof *dense);
}

static fet_status build_dense(const fet_step_spec *spec, bool transposed, fet_step *step)
{
    fet_kernel_key key = *spec->key;
    float *dense = fet_malloc((size_t)key.oc * key.ic * key.kh * key.kw * sizeof *dense);
    if (!dense) return fet_fail(FET_ERROR_NOMEM, "no memory for the weights of \"%s\" without groups", spec->name);
    spread_groups(&key, transposed, spec->weights, dense);
    key.group = 1;
    fet_step_spec whole = *spec;
    whole.weights = dense;
    fet_status status = build(&whole, &key, transposed, step);
    fet_free(dense);
    return status;
}

/*
 * Groups that are no multiple of what the instruction set multiplies at once may have no fast form. Done densely they cost `group` times
 * the multiplications, still far less than the reference loop.
 */
static fet_status build_any(const fet_step_spec *spec, bool transposed, fet_step *step)
{
    fet_status status = build(spec, spec->key, transposed, step);
    bool no_fast_form = (status == FET_ERROR_STATE || status == FET_ERROR_UNSUPPORTED) && !step->primitive;
    if (!no_fast_form || spec->key->group <= 1) return status;
    return build_dense(spec, transposed, step);
}

fet_status fet_step_build_conv(const fet_step_spec *spec, fet_step *step)
{
    return build_any(spec, false, step);
}

fet_status fet_step_build_deconv(const fet_step_spec *spec, fet_step *step)
{
    return build_any(spec, true, step);
}

fet_status fet_step_build_scale(const fet_step_spec *spec, fet_step *step)
{
    fet_kernel_key key = *spec->key;
    key.group = key.oc;
    key.kh = key.kw = key.sh = key.sw = key.dh = key.dw = 1;
    return build(spec, &key, false, step);
}
