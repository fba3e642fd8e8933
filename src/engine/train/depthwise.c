// SPDX-License-Identifier: Apache-2.0
/* Conv with one channel a group, where our loops of depthwise.h are the faster ones; f32 weights, tap by tap with neighbouring channels. */
#include "engine/train/depthwise.h"

#include "engine/train/kernels.h"
#include "engine/train/operators.h"
#include "op/conv.h"

#include <string.h>

enum { PAD = 16 }; /* channels of weights come in whole vectors */

typedef struct depthwise {
    fet_window window;
    fet_train_param *weights, *bias;
    fet_dw_pass pass; /* all but the pointers */
} depthwise;

/* oneDNN's loops for f32 and 3x3 in NHWC are twice as fast as ours; in bf16 and for larger kernels they are slower, by up to 40 times. */
static bool onednn_is_faster(const fet_trainer *trainer, const fet_node *node)
{
    fet_window w;
    if (trainer->values[node->inputs[0]].layout != FET_TRAIN_NHWC || trainer->options.dtype != FET_DTYPE_F32) return false;
    if (fet_op_window(trainer->graph, node, &w) != FET_OK) return false;
    return w.kernel[0] == 3 && w.kernel[1] == 3 && w.dilation[0] == 1 && w.dilation[1] == 1;
}

bool fet_train_own_depthwise(const fet_trainer *trainer, const fet_node *node)
{
    const fet_graph *graph = trainer->graph;
    const fet_value *src = fet_node_input(graph, node, 0), *weights = fet_node_input(graph, node, 1);
    if (!src || !weights || src->shape.rank != 4 || weights->shape.rank != 4 || src->shape.dim[1] == 1) return false;
    if (src->shape.dim[1] != fet_node_int(node, FET_ATTR_GROUP, 1) || weights->shape.dim[0] != src->shape.dim[1]) return false;
    return !onednn_is_faster(trainer, node);
}

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    depthwise *s = fet_train_state(trainer, sizeof *s);
    if (!s) return fet_arena_full();
    step->state = s;
    FET_TRY(fet_op_window(trainer->graph, step->node, &s->window));
    s->weights = fet_train_param_of(trainer, step->inputs[1]);
    s->bias = step->n_inputs > 2 ? fet_train_param_of(trainer, step->inputs[2]) : NULL;
    if (!s->weights || (step->n_inputs > 2 && step->inputs[2] != FET_NONE && !s->bias))
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": weights or bias of a Conv are computed, not parameters", step->name);
    step->needs[0] = s->weights->trainable;
    const fet_train_value *src = &trainer->values[step->inputs[0]], *dst = &trainer->values[step->dst];
    const fet_window *w = &s->window;
    s->pass = (fet_dw_pass){.dtype = src->dtype,
                            .blocked = src->layout == FET_TRAIN_BLOCKED,
                            .channels = fet_train_channels(trainer, step->inputs[0]),
                            .block = trainer->block,
                            .h = src->shape.dim[2],
                            .w = src->shape.dim[3],
                            .oh = dst->shape.dim[2],
                            .ow = dst->shape.dim[3],
                            .kh = w->kernel[0],
                            .kw = w->kernel[1],
                            .sh = w->stride[0],
                            .sw = w->stride[1],
                            .dh = w->dilation[0],
                            .dw = w->dilation[1],
                            .top = w->pad_begin[0],
                            .left = w->pad_begin[1]};
    s->pass.lanes = (s->pass.channels + PAD - 1) / PAD * PAD;
    return FET_OK;
}

static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    depthwise *s = step->state;
    const fet_dw_pass *p = &s->pass;
    int64_t c = trainer->values[step->dst].shape.dim[1];
    fet_train_view view = {.rank = 3, .dim = {c, p->kh, p->kw}}, biases = {.rank = 1, .dim = {c}};
    dnnl_dims_t dims = {p->lanes, p->kh, p->kw}, strides = {1, p->kw * p->lanes, p->lanes};
    dnnl_memory_desc_t taps;
    FET_TRY(fet_train_plain_desc(3, dims, &view.desc));
    FET_TRY(fet_train_plain_desc(1, dims, &biases.desc));
    FET_DNNL_TRY(dnnl_memory_desc_init_by_strides(&taps, 3, dims, dnnl_f32, strides), "describe a depthwise kernel");
    if (s->weights->n_uses > 1)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": a depthwise kernel that is shared cannot be trained", step->name);
    FET_TRY(fet_train_param_prepare(trainer, s->weights, &view, &taps));
    if (s->bias) FET_TRY(fet_train_param_prepare(trainer, s->bias, &biases, NULL));
    return fet_train_room(trainer, (size_t)fet_train_simd_get()->dw_room(p) * sizeof(float));
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const depthwise *s = step->state;
    fet_dw_pass pass = s->pass;
    pass.images = range->count;
    pass.weights = s->weights->master;
    pass.bias = s->bias ? s->bias->master : NULL;
    pass.src = fet_train_data(trainer, step->inputs[0], range);
    pass.dst = fet_train_data(trainer, step->dst, range);
    pass.room = trainer->room;
    fet_train_simd_get()->dw_forward(&pass);
    return FET_OK;
}

/* The loops add to gradients: the first chunk starts from zero, unless somebody shares the parameter. */
static float *gradient_of(const fet_train_param *param, const fet_train_range *range)
{
    if (!param || !param->gradient) return NULL;
    if (!fet_train_gradient_adds(param, range)) memset(param->gradient, 0, (size_t)param->items * sizeof(float));
    return param->gradient;
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const depthwise *s = step->state;
    fet_dw_pass pass = s->pass;
    pass.images = range->count;
    pass.weights = s->weights->master;
    pass.diff_dst = fet_train_diff(trainer, step->dst, range);
    pass.diff_weights = gradient_of(s->weights, range);
    pass.diff_bias = gradient_of(s->bias, range);
    if (pass.diff_weights) pass.src = fet_train_data(trainer, step->inputs[0], range);
    if (step->wants[0]) pass.diff_src = fet_train_diff_begin(trainer, step, 0, range);
    pass.room = trainer->room;
    fet_train_simd_get()->dw_backward(&pass);
    if (step->wants[0]) fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}

const fet_train_op fet_train_depthwise = {.kind = FET_OP_CONV, .plan = plan, .prepare = prepare, .forward = forward, .backward = backward};
