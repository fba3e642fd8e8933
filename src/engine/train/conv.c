// SPDX-License-Identifier: Apache-2.0
/* Conv: dense, grouped and depthwise, over oneDNN; by our own matrix products what oneDNN has no quick form of. */
#include "engine/train/lowered.h"
#include "engine/train/operators.h"
#include "engine/train/weighted.h"

typedef struct conv {
    fet_weighted w;
    fet_window window;
    bool own; /* by `lowered` */
    fet_lowered lowered;
} conv;

static fet_status describe(const fet_train_step *step, fet_weighted_direction direction, const fet_weighted_descs *d, void *out_desc)
{
    const conv *c = step->state;
    const fet_window *win = &c->window;
    dnnl_dims_t dilation = {win->dilation[0] - 1, win->dilation[1] - 1}; /* oneDNN counts the holes */
    dnnl_dims_t stride = {win->stride[0], win->stride[1]};
    dnnl_dims_t begin = {win->pad_begin[0], win->pad_begin[1]}, end = {win->pad_end[0], win->pad_end[1]};
    const dnnl_memory_desc_t *bias = d->has_bias ? &d->bias : NULL;
    const dnnl_alg_kind_t direct = dnnl_convolution_direct;
    dnnl_status_t status = dnnl_success;
    if (direction == FET_WEIGHTED_FORWARD)
        status = dnnl_dilated_convolution_forward_desc_init(out_desc, dnnl_forward_training, direct, &d->src, &d->weights, bias, &d->dst,
                                                            stride, dilation, begin, end);
    else if (direction == FET_WEIGHTED_DATA)
        status =
            dnnl_dilated_convolution_backward_data_desc_init(out_desc, direct, &d->src, &d->weights, &d->dst, stride, dilation, begin, end);
    else
        status = dnnl_dilated_convolution_backward_weights_desc_init(out_desc, direct, &d->src, &d->weights, bias, &d->dst, stride,
                                                                     dilation, begin, end);
    return fet_engine_check(status, step->name);
}

/* The kernel as oneDNN sees it: with a group axis, and with zeros for the channels that pad feature maps. */
static fet_status make_view(const fet_trainer *trainer, const fet_train_step *step, conv *c)
{
    const int64_t *dim = trainer->graph->values[step->inputs[1]].shape.dim;
    int64_t g = c->window.group, in = fet_train_channels(trainer, step->inputs[0]), out = fet_train_channels(trainer, step->dst);
    fet_train_view view = {.rank = 4, .dim = {dim[0], dim[1], dim[2], dim[3]}};
    int64_t padded[] = {out, in, dim[2], dim[3], 0};
    if (g > 1) {
        view = (fet_train_view){.rank = 5, .dim = {g, dim[0] / g, dim[1], dim[2], dim[3]}};
        c->own = in != g * dim[1] || out != dim[0]; /* groups would have to be padded one by one */
        for (int a = 0; a < 5; a++) padded[a] = view.dim[a];
    }
    FET_TRY(fet_train_plain_desc(view.rank, padded, &view.desc));
    c->w.view = view;
    return FET_OK;
}

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    conv *c = fet_train_state(trainer, sizeof *c);
    if (!c) return fet_arena_full();
    step->state = c;
    FET_TRY(fet_op_window(trainer->graph, step->node, &c->window));
    c->own = trainer->values[step->inputs[0]].shape.rank != 4;
    fet_weighted *w = &c->w;
    w->weights = fet_train_param_of(trainer, step->inputs[1]);
    w->bias = step->n_inputs > 2 ? fet_train_param_of(trainer, step->inputs[2]) : NULL;
    if (!w->weights || (step->n_inputs > 2 && step->inputs[2] != FET_NONE && !w->bias))
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": weights or bias of a Conv are computed, not parameters", step->name);
    if (!c->own) FET_TRY(make_view(trainer, step, c));
    w->depthwise = fet_op_is_depthwise(trainer->graph, step->node) && c->window.group > 1;
    w->describe = describe;
    step->needs[0] = w->weights->trainable || (w->bias && w->bias->trainable);
    return FET_OK;
}

static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    conv *c = step->state;
    if (!c->own) FET_TRY(fet_weighted_prepare(trainer, step, &c->w, &c->own));
    if (!c->own) return FET_OK;
    c->lowered = (fet_lowered){.window = c->window, .weights = c->w.weights, .bias = c->w.bias};
    return fet_lowered_prepare(trainer, step, &c->lowered);
}

static fet_status refresh(fet_trainer *trainer, fet_train_step *step)
{
    conv *c = step->state;
    return c->own ? FET_OK : fet_weighted_refresh(trainer, &c->w);
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    conv *c = step->state;
    return c->own ? fet_lowered_forward(trainer, step, &c->lowered, range) : fet_weighted_forward(trainer, step, &c->w, range);
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    conv *c = step->state;
    return c->own ? fet_lowered_backward(trainer, step, &c->lowered, range) : fet_weighted_backward(trainer, step, &c->w, range);
}

const fet_train_op fet_train_conv = {
    .kind = FET_OP_CONV, .plan = plan, .prepare = prepare, .refresh = refresh, .forward = forward, .backward = backward};
