// SPDX-License-Identifier: Apache-2.0
/*
 * Inner product. The source is always seen as a row-major matrix: a map that is flattened on the way keeps its own layout, and the rows of
 * the weights are put into that order instead. oneDNN has its best form for matrices only.
 */
#include "engine/infer/build.h"

/* A flattened map whose own layout is not that of the weights' columns. */
static bool is_reordered(const fet_format *src, const fet_extent *e)
{
    return src->layout == FET_LAYOUT_NHWC && e->h * e->w > 1 && e->c > 1;
}

/* weights[c][position] -> ordered[position][c], in squares, for either side alone jumps from one cache line to the next */
static void order_row(const fet_extent *e, const float *weights, float *ordered)
{
    enum { SQUARE = 16 };
    int64_t image = e->h * e->w;
    for (int64_t c0 = 0; c0 < e->c; c0 += SQUARE)
        for (int64_t p0 = 0; p0 < image; p0 += SQUARE)
            for (int64_t p = p0; p < image && p < p0 + SQUARE; p++)
                for (int64_t c = c0; c < e->c && c < c0 + SQUARE; c++) ordered[p * e->c + c] = weights[c * image + p];
}

typedef struct gemm_numbers {
    float *ordered;    /* [K] for int8, else [O, K]; NULL where the weights given are in order */
    int8_t *quantised; /* [O, K], int8 only */
    float *scales;     /* [O], int8 only */
    float *bias;       /* [O], int8 only */
    const void *given; /* the weights that oneDNN is handed: either of these, or the network's own */
} gemm_numbers;

/* Row by row, for the ordered rows of a large layer would be half a gigabyte. oneDNN's inner products never halve their weights, so they
 * are never doubled: see weights.c. */
static void quantise(const fet_step_spec *spec, const fet_extent *e, const gemm_numbers *numbers)
{
    int64_t k = e->c * e->h * e->w;
    for (int64_t o = 0; o < spec->key->oc; o++) {
        const float *row = spec->weights + o * k;
        const fet_weights_source src = {false, spec->src[0].scale, spec->bias ? spec->bias + o : NULL};
        if (numbers->ordered) order_row(e, row, numbers->ordered), row = numbers->ordered;
        fet_weights_quantise(row, 1, k, &src, numbers->quantised + o * k, numbers->scales + o);
        numbers->bias[o] = spec->bias ? fet_weights_quantise_bias(spec->bias[o], spec->src[0].scale * numbers->scales[o]) : 0.0f;
    }
}

static fet_status finish(const fet_step_spec *spec, const gemm_numbers *numbers, int64_t k, fet_step *step)
{
    const fet_kernel_key *key = spec->key;
    bool s8 = key->precision == FET_DTYPE_S8;
    dnnl_memory_desc_t src, any, given, bias, dst;
    dnnl_dims_t weight_dims = {key->oc, k}, oc = {key->oc};
    FET_TRY(fet_format_rows_desc(&spec->src[0], &src));
    FET_TRY(fet_format_desc(&spec->dst, &dst));
    FET_DNNL_TRY(dnnl_memory_desc_init_by_tag(&any, 2, weight_dims, s8 ? dnnl_s8 : fet_format_dnnl_type((fet_dtype)key->precision),
                                              dnnl_format_tag_any),
                 "describe weights");
    FET_DNNL_TRY(dnnl_memory_desc_init_by_tag(&given, 2, weight_dims, s8 ? dnnl_s8 : dnnl_f32, dnnl_ab), "describe weights");
    FET_DNNL_TRY(dnnl_memory_desc_init_by_tag(&bias, 1, oc, dnnl_f32, dnnl_a), "describe a bias");
    dnnl_inner_product_desc_t operation;
    FET_DNNL_TRY(dnnl_inner_product_forward_desc_init(&operation, dnnl_forward_inference, &src, &any, spec->bias ? &bias : NULL, &dst),
                 "describe an inner product");
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t descriptor = NULL;
    FET_TRY(fet_step_attr_create(spec, s8 ? numbers->scales : NULL, key->oc, 1 << 1, &attr));
    fet_status status = fet_step_describe(spec, &operation, attr, &descriptor);
    dnnl_primitive_attr_destroy(attr);
    FET_TRY(status);
    status = fet_step_set_primitive(step, spec, descriptor, false);
    if (status == FET_OK) status = fet_step_add_operand(step, 0, DNNL_ARG_SRC, &src);
    if (status == FET_OK) status = fet_step_add_operand(step, step->n_src, DNNL_ARG_DST, &dst);
    if (status == FET_OK)
        status = fet_step_add_constant(step, DNNL_ARG_WEIGHTS, &given, numbers->given,
                                       dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0));
    if (status == FET_OK && spec->bias) status = fet_step_add_constant(step, DNNL_ARG_BIAS, &bias, s8 ? numbers->bias : spec->bias, &bias);
    dnnl_primitive_desc_destroy(descriptor);
    return status;
}

fet_status fet_step_build_gemm(const fet_step_spec *spec, fet_step *step)
{
    fet_extent e = fet_format_extent(&spec->src[0]);
    int64_t k = e.c * e.h * e.w, o = spec->key->oc;
    bool s8 = spec->key->precision == FET_DTYPE_S8;
    bool reordered = is_reordered(&spec->src[0], &e);
    gemm_numbers numbers = {.given = spec->weights};
    if (reordered) numbers.ordered = fet_large_malloc((size_t)((s8 ? 1 : o) * k) * sizeof(float));
    if (s8) numbers.quantised = fet_large_malloc((size_t)(o * k));
    if (s8) numbers.scales = fet_malloc(2 * (size_t)o * sizeof(float));
    fet_status status = FET_OK;
    if ((reordered && !numbers.ordered) || (s8 && (!numbers.quantised || !numbers.scales)))
        status = fet_fail(FET_ERROR_NOMEM, "no memory for the weights of \"%s\"", spec->name);
    if (status == FET_OK && s8) {
        numbers.bias = numbers.scales + o;
        numbers.given = numbers.quantised;
        quantise(spec, &e, &numbers);
    } else if (status == FET_OK && reordered) {
        numbers.given = numbers.ordered;
        for (int64_t i = 0; i < o; i++) order_row(&e, spec->weights + i * k, numbers.ordered + i * k);
    }
    if (status == FET_OK) status = finish(spec, &numbers, k, step);
    fet_free(numbers.ordered);
    fet_free(numbers.quantised);
    fet_free(numbers.scales);
    return status;
}
