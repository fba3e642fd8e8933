// SPDX-License-Identifier: Apache-2.0
/* One step of SGD with Nesterov momentum, or of AdamW, over all trainable parameters. */
#include "engine/train/kernels.h"
#include "engine/train/train.h"

#include <math.h>

fet_status fet_train_optimizer_prepare(fet_trainer *trainer)
{
    int moments = trainer->options.optimizer == FET_OPTIMIZER_ADAMW ? 2 : 1;
    for (fet_id p = 0; p < trainer->graph->n_params; p++) {
        fet_train_param *param = &trainer->params[p];
        for (int m = 0; m < moments && param->gradient; m++)
            FET_TRY(fet_train_alloc(trainer, (size_t)param->items * sizeof(float), "the optimiser's state", &param->moment[m]));
    }
    return FET_OK;
}

void fet_train_optimizer_step(fet_trainer *trainer, float learning_rate)
{
    const fet_trainer_options *o = &trainer->options;
    const fet_train_simd *simd = fet_train_simd_get();
    double t = (double)++trainer->n_steps_done;
    float correction1 = (float)(1.0 - pow((double)o->momentum, t)), correction2 = (float)(1.0 - pow((double)o->beta2, t));
    for (fet_id p = 0; p < trainer->graph->n_params; p++) {
        fet_train_param *param = &trainer->params[p];
        if (!param->gradient) continue;
        float decay = param->decay ? o->weight_decay : 0.0f;
        if (o->optimizer == FET_OPTIMIZER_ADAMW)
            simd->adamw(param->items, learning_rate, o->momentum, o->beta2, decay, correction1, correction2, param->gradient,
                        param->moment[0], param->moment[1], param->master);
        else simd->sgd(param->items, learning_rate, o->momentum, decay, param->gradient, param->moment[0], param->master);
    }
    trainer->stale = true;
}
