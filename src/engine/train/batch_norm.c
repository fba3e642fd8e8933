// SPDX-License-Identifier: Apache-2.0
/*
 * With s = gamma / sqrt(variance + epsilon): y = s x + (beta - s mean), and, over the M numbers of a channel,
 * dx = s (dy - mean(dy) - xhat mean(dy xhat)), which is scale dy + keep x + lean with constants a channel.
 */
#include "engine/train/batch_norm.h"

#include "engine/train/kernels.h"

#include <math.h>
#include <string.h>

typedef struct batch_norm {
    fet_bn_fusion fusion;
    int64_t channels, padded; /* padded: to FET_TRAIN_CHANNEL_PAD */
    float epsilon;
    fet_train_param *gamma, *beta, *mean, *variance;
    float *shift, *scale, *offset, *keep, *lean, *sum, *product; /* [padded] */
    double *total, *total_product;                               /* [padded] over the chunks */
    float *batch_mean, *rstd;
    bool frozen;
} batch_norm;

fet_bn_fusion fet_bn_alone(const fet_graph *graph, fet_id node)
{
    (void)graph;
    return (fet_bn_fusion){.n_nodes = 1, .nodes = {node}, .residual = FET_NONE, .low = -INFINITY, .high = INFINITY};
}

/* A scalar constant at input i; `otherwise` when it is left out; false when it is computed. */
static bool scalar(const fet_graph *graph, const fet_node *node, uint32_t i, float otherwise, float *out_value)
{
    *out_value = otherwise;
    if (i >= node->n_inputs || node->inputs[i] == FET_NONE) return true;
    const fet_tensor *tensor = fet_graph_constant(graph, node->inputs[i]);
    if (!tensor || tensor->dtype != FET_DTYPE_F32 || fet_tensor_elements(tensor) != 1) return false;
    *out_value = fet_tensor_f32(tensor)[0];
    return true;
}

/* Relu or Clip around zero: padding channels, which are zero, then stay zero. */
static bool clips(const fet_graph *graph, const fet_node *node, float *out_low, float *out_high)
{
    if (node->op == FET_OP_RELU) {
        *out_low = 0.0f, *out_high = INFINITY;
        return true;
    }
    if (node->op != FET_OP_CLIP) return false;
    return scalar(graph, node, 1, -INFINITY, out_low) && scalar(graph, node, 2, INFINITY, out_high) && *out_low <= 0.0f &&
           *out_high >= 0.0f;
}

fet_bn_fusion fet_bn_find_fusion(const fet_graph *graph, const fet_graph_uses *uses, fet_id node,
                                 fet_id (*only_reader)(const fet_graph *graph, const fet_graph_uses *uses, fet_id value))
{
    fet_bn_fusion fusion = fet_bn_alone(graph, node);
    fet_id y = graph->nodes[node].outputs[0];
    fet_id reader = only_reader(graph, uses, y);
    if (reader != FET_NONE && graph->nodes[reader].op == FET_OP_ADD) {
        const fet_node *add = &graph->nodes[reader];
        fet_id other = add->inputs[0] == y ? add->inputs[1] : add->inputs[0];
        const fet_value *r = &graph->values[other];
        if (r->kind == FET_VALUE_PARAM || r->dtype != FET_DTYPE_F32 || !fet_shape_equal(&r->shape, &graph->values[y].shape)) return fusion;
        fusion.nodes[fusion.n_nodes++] = reader;
        fusion.residual = other;
        reader = only_reader(graph, uses, add->outputs[0]);
    }
    if (reader != FET_NONE && clips(graph, &graph->nodes[reader], &fusion.low, &fusion.high)) {
        fusion.nodes[fusion.n_nodes++] = reader;
        fusion.clipped = true;
    } else {
        fusion.low = -INFINITY, fusion.high = INFINITY;
    }
    return fusion;
}

fet_status fet_bn_set_fusion(fet_trainer *trainer, fet_train_step *step, const fet_bn_fusion *fusion)
{
    batch_norm *bn = fet_train_state(trainer, sizeof *bn);
    if (!bn) return fet_arena_full();
    bn->fusion = *fusion;
    step->state = bn;
    return FET_OK;
}

static bool has_residual(const batch_norm *bn)
{
    return bn->fusion.residual != FET_NONE;
}

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    batch_norm *bn = step->state;
    const fet_train_value *x = &trainer->values[step->inputs[0]];
    if (x->shape.rank != 4 && x->shape.rank != 2)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": BatchNormalization of %u dimensions cannot be trained", step->name,
                        x->shape.rank);
    bn->channels = x->shape.dim[1];
    bn->padded = (bn->channels + FET_TRAIN_CHANNEL_PAD - 1) / FET_TRAIN_CHANNEL_PAD * FET_TRAIN_CHANNEL_PAD;
    bn->epsilon = fet_node_float(step->node, FET_ATTR_EPSILON, 1e-5f);
    bn->frozen = trainer->options.freeze_bn_stats;
    fet_train_param **params[] = {&bn->gamma, &bn->beta, &bn->mean, &bn->variance};
    for (uint32_t i = 0; i < 4; i++) {
        *params[i] = fet_train_param_of(trainer, step->inputs[i + 1]);
        if (!*params[i])
            return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": input %u of a batch norm is computed, not a parameter", step->name, i + 1);
        int64_t count = fet_shape_elements(&trainer->graph->values[step->inputs[i + 1]].shape);
        if (count != bn->channels)
            return fet_fail(FET_ERROR_SHAPE, "node \"%s\": input %u has %lld numbers for %lld channels", step->name, i + 1,
                            (long long)count, (long long)bn->channels);
    }
    step->needs[0] = true;
    step->needs_dst = has_residual(bn) && bn->fusion.clipped; /* otherwise the mask comes from x */
    /* A plain sum passes its gradient on as it is; the other summand's readers then add to the same buffer. */
    if (has_residual(bn) && step->wants[5] && !step->accumulate[5] && !bn->fusion.clipped)
        trainer->values[bn->fusion.residual].diff_of = step->dst;
    return FET_OK;
}

static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    batch_norm *bn = step->state;
    float **arrays[] = {&bn->shift, &bn->scale, &bn->offset, &bn->keep, &bn->lean, &bn->sum, &bn->product, &bn->batch_mean, &bn->rstd};
    size_t n = (size_t)bn->padded, count = sizeof arrays / sizeof *arrays;
    float *block = NULL;
    FET_TRY(fet_train_alloc(trainer, n * count * sizeof(float), "a batch norm", &block));
    for (size_t i = 0; i < count; i++) *arrays[i] = block + i * n;
    FET_TRY(fet_train_alloc(trainer, n * 2 * sizeof(double), "a batch norm", &bn->total));
    bn->total_product = bn->total + n;
    FET_TRY(fet_train_param_prepare(trainer, bn->gamma, NULL, NULL));
    FET_TRY(fet_train_param_prepare(trainer, bn->beta, NULL, NULL));
    FET_TRY(fet_train_param_prepare(trainer, bn->mean, NULL, NULL));
    return fet_train_param_prepare(trainer, bn->variance, NULL, NULL);
}

static fet_bn_pass make_pass(const fet_trainer *trainer, const fet_train_step *step, const fet_train_range *range)
{
    const batch_norm *bn = step->state;
    const fet_train_value *x = &trainer->values[step->inputs[0]];
    return (fet_bn_pass){
        .dtype = x->dtype,
        .blocked = x->layout == FET_TRAIN_BLOCKED,
        .images = range->count,
        .spatial = x->shape.rank == 4 ? x->shape.dim[2] * x->shape.dim[3] : 1,
        .channels = bn->channels,
        .block = trainer->block,
        .x = fet_train_data(trainer, step->inputs[0], range),
        .shift = bn->shift,
        .scale = bn->scale,
        .offset = bn->offset,
        .low = bn->fusion.low,
        .high = bn->fusion.high,
        .sum = bn->sum,
        .product = bn->product,
        .keep = bn->keep,
        .lean = bn->lean,
    };
}

/* The first number of each channel is near enough to the mean to keep sums of squares accurate. */
static void choose_shift(const fet_train_value *x, const batch_norm *bn, const fet_bn_pass *pass)
{
    for (int64_t c = 0; c < bn->channels; c++) {
        int64_t i = pass->blocked ? c / pass->block * pass->block * pass->spatial + c % pass->block : c;
        bn->shift[c] = x->dtype == FET_DTYPE_BF16 ? fet_f32_from_bf16(((const uint16_t *)pass->x)[i]) : ((const float *)pass->x)[i];
    }
}

/* One chunk's sums go into f64, so that the sum over a large batch is exact enough. */
static void sum_chunk(batch_norm *bn, const fet_bn_pass *pass, const fet_train_range *range, void (*kernel)(const fet_bn_pass *pass))
{
    size_t n = (size_t)bn->padded;
    if (range->first == 0) memset(bn->total, 0, 2 * n * sizeof(double));
    memset(bn->sum, 0, n * sizeof(float));
    memset(bn->product, 0, n * sizeof(float));
    kernel(pass);
    for (int64_t c = 0; c < bn->channels; c++) bn->total[c] += (double)bn->sum[c], bn->total_product[c] += (double)bn->product[c];
}

static fet_status observe(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    batch_norm *bn = step->state;
    if (bn->frozen) return FET_OK;
    fet_bn_pass pass = make_pass(trainer, step, range);
    if (range->first == 0) choose_shift(&trainer->values[step->inputs[0]], bn, &pass);
    sum_chunk(bn, &pass, range, fet_train_simd_get()->bn_stats);
    return FET_OK;
}

static double numbers_per_channel(const fet_trainer *trainer, const fet_train_step *step)
{
    const fet_train_value *x = &trainer->values[step->inputs[0]];
    return (double)(trainer->batch * (x->shape.rank == 4 ? x->shape.dim[2] * x->shape.dim[3] : 1));
}

static fet_status observe_finish(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    (void)range;
    batch_norm *bn = step->state;
    double m = numbers_per_channel(trainer, step);
    float share = trainer->options.bn_momentum;
    for (int64_t c = 0; c < bn->channels; c++) {
        double mean = (double)bn->mean->master[c], variance = (double)bn->variance->master[c];
        if (!bn->frozen) {
            double moved = bn->total[c] / m;
            mean = (double)bn->shift[c] + moved;
            variance = bn->total_product[c] / m - moved * moved;
            if (variance < 0.0) variance = 0.0; /* rounding; NaN stays */
            double unbiased = m > 1.0 ? variance * m / (m - 1.0) : variance;
            bn->mean->master[c] += share * ((float)mean - bn->mean->master[c]);
            bn->variance->master[c] += share * ((float)unbiased - bn->variance->master[c]);
        }
        bn->batch_mean[c] = (float)mean;
        bn->rstd[c] = (float)(1.0 / sqrt(variance + (double)bn->epsilon));
        bn->scale[c] = bn->gamma->master[c] * bn->rstd[c];
        bn->offset[c] = bn->beta->master[c] - (float)mean * bn->scale[c];
    }
    return FET_OK;
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    batch_norm *bn = step->state;
    fet_bn_pass pass = make_pass(trainer, step, range);
    pass.y = fet_train_data(trainer, step->dst, range);
    if (has_residual(bn)) pass.residual = fet_train_data(trainer, bn->fusion.residual, range);
    fet_train_simd_get()->bn_forward(&pass);
    return FET_OK;
}

static fet_status reduce(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    batch_norm *bn = step->state;
    fet_bn_pass pass = make_pass(trainer, step, range);
    pass.shift = bn->batch_mean;
    pass.dy = fet_train_diff(trainer, step->dst, range);
    if (step->needs_dst) pass.z = fet_train_data(trainer, step->dst, range);
    sum_chunk(bn, &pass, range, fet_train_simd_get()->bn_reduce);
    return FET_OK;
}

static void add_gradient(const fet_train_param *param, int64_t c, float gradient)
{
    if (!param->trainable) return;
    if (param->n_uses > 1) param->gradient[c] += gradient;
    else param->gradient[c] = gradient;
}

static fet_status reduce_finish(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    (void)range;
    batch_norm *bn = step->state;
    double m = numbers_per_channel(trainer, step);
    for (int64_t c = 0; c < bn->channels; c++) {
        double scale = (double)bn->scale[c], rstd = (double)bn->rstd[c];
        double dxhat = bn->total_product[c] * rstd;
        add_gradient(bn->gamma, c, (float)dxhat);
        add_gradient(bn->beta, c, (float)bn->total[c]);
        double keep = bn->frozen ? 0.0 : -scale * rstd * dxhat / m;
        double lean = bn->frozen ? 0.0 : -scale * bn->total[c] / m - keep * (double)bn->batch_mean[c];
        bn->keep[c] = (float)keep;
        bn->lean[c] = (float)lean;
    }
    return FET_OK;
}

/* A sum hands its gradient on unchanged, unless both share a buffer anyhow. */
static void pass_on(const fet_trainer *trainer, const fet_train_step *step, const fet_train_range *range, const void *dy)
{
    if (trainer->values[step->inputs[5]].diff_of != FET_NONE && !step->accumulate[5]) return;
    const fet_train_value *r = &trainer->values[step->inputs[5]];
    void *diff = fet_train_diff(trainer, step->inputs[5], range);
    if (step->accumulate[5]) fet_train_simd_get()->add(r->dtype, range->count * r->items, diff, dy, diff);
    else memcpy(diff, dy, (size_t)range->count * r->image_bytes);
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    batch_norm *bn = step->state;
    fet_bn_pass pass = make_pass(trainer, step, range);
    pass.dy = fet_train_diff(trainer, step->dst, range);
    if (step->needs_dst) pass.z = fet_train_data(trainer, step->dst, range);
    bool residual = has_residual(bn) && step->wants[5];
    if (residual && !bn->fusion.clipped) pass_on(trainer, step, range, pass.dy);
    bool masked = residual && bn->fusion.clipped;
    if (masked) pass.dresidual = fet_train_diff_begin(trainer, step, 5, range);
    if (!step->wants[0]) { /* x needs no gradient: write it where nobody looks */
        pass.dx = trainer->temporary[0];
        if (masked) fet_train_simd_get()->bn_backward(&pass);
    } else {
        pass.dx = fet_train_diff_begin(trainer, step, 0, range);
        fet_train_simd_get()->bn_backward(&pass);
        fet_train_diff_end(trainer, step, 0, range);
    }
    if (masked) fet_train_diff_end(trainer, step, 5, range);
    return FET_OK;
}

const fet_train_op fet_train_batch_normalization = {
    .kind = FET_OP_BATCH_NORMALIZATION,
    .plan = plan,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .observe = observe,
    .observe_finish = observe_finish,
    .reduce = reduce,
    .reduce_finish = reduce_finish,
};
