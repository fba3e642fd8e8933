// SPDX-License-Identifier: Apache-2.0
/* ConvTranspose: the convolution of the reverse direction run backwards, as matrix products. */
#include "engine/train/lowered.h"
#include "engine/train/operators.h"

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    fet_lowered *l = fet_train_state(trainer, sizeof *l);
    if (!l) return fet_arena_full();
    step->state = l;
    FET_TRY(fet_op_window(trainer->graph, step->node, &l->window));
    l->transposed = true;
    l->weights = fet_train_param_of(trainer, step->inputs[1]);
    l->bias = step->n_inputs > 2 ? fet_train_param_of(trainer, step->inputs[2]) : NULL;
    if (!l->weights || (step->n_inputs > 2 && step->inputs[2] != FET_NONE && !l->bias))
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": weights or bias of a ConvTranspose are computed, not parameters", step->name);
    step->needs[0] = l->weights->trainable;
    return FET_OK;
}

static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    return fet_lowered_prepare(trainer, step, step->state);
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    return fet_lowered_forward(trainer, step, step->state, range);
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    return fet_lowered_backward(trainer, step, step->state, range);
}

const fet_train_op fet_train_conv_transpose = {
    .kind = FET_OP_CONV_TRANSPOSE, .plan = plan, .prepare = prepare, .forward = forward, .backward = backward};
