// SPDX-License-Identifier: Apache-2.0
#include "engine/trainer.h"

#include "engine/train/train.h"

#include <string.h>
#include <unistd.h>

fet_trainer_options fet_trainer_default_options(void)
{
    return (fet_trainer_options){
        .batch = 64, .optimizer = FET_OPTIMIZER_SGD, .momentum = 0.9f, .beta2 = 0.999f, .weight_decay = 1e-4f, .bn_momentum = 0.1f};
}

/* Half of the L2 cache: the other half is for weights and oneDNN's own buffers. */
static size_t cache_to_use(void)
{
    long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
    return l2 > 0 ? (size_t)l2 / 2 : (size_t)512 << 10;
}

static fet_status check_options(const fet_trainer_options *o)
{
    if (o->dtype != FET_DTYPE_NONE && o->dtype != FET_DTYPE_F32 && o->dtype != FET_DTYPE_BF16)
        return fet_fail(FET_ERROR_ARG, "training in %s: expected f32 or bf16", fet_dtype_name(o->dtype));
    if (o->batch < 1) return fet_fail(FET_ERROR_ARG, "a batch of %lld: expected at least 1", (long long)o->batch);
    if (!(o->momentum >= 0.0f && o->momentum < 1.0f))
        return fet_fail(FET_ERROR_ARG, "momentum %g: expected 0 to below 1", (double)o->momentum);
    if (!(o->beta2 >= 0.0f && o->beta2 < 1.0f)) return fet_fail(FET_ERROR_ARG, "beta2 %g: expected 0 to below 1", (double)o->beta2);
    if (!(o->bn_momentum >= 0.0f && o->bn_momentum <= 1.0f))
        return fet_fail(FET_ERROR_ARG, "batch norm momentum %g: expected 0 to 1", (double)o->bn_momentum);
    if (!(o->weight_decay >= 0.0f)) return fet_fail(FET_ERROR_ARG, "weight decay %g: expected 0 or more", (double)o->weight_decay);
    return FET_OK;
}

/* Scratchpads of all primitives are one memory: they run one after the other. */
static fet_status make_workspace(fet_trainer *trainer)
{
    int64_t bytes = trainer->workspace_bytes ? (int64_t)trainer->workspace_bytes : 1;
    dnnl_dims_t dims = {bytes};
    dnnl_memory_desc_t desc;
    FET_DNNL_TRY(dnnl_memory_desc_init_by_tag(&desc, 1, dims, dnnl_u8, dnnl_a), "describe the workspace");
    void *data = NULL;
    FET_TRY(fet_train_alloc(trainer, (size_t)bytes, "oneDNN's workspace", &data));
    return fet_train_memory(trainer, &desc, data, &trainer->workspace);
}

static fet_status build(fet_trainer *trainer)
{
    const fet_graph *graph = trainer->graph;
    FET_TRY(fet_arena_create(&trainer->arena));
    FET_TRY(fet_engine_get(&trainer->engine, &trainer->stream));
    trainer->outputs = fet_train_state(trainer, (graph->n_outputs + 1) * sizeof *trainer->outputs);
    trainer->input_diffs = fet_train_state(trainer, (graph->n_inputs + 1) * sizeof *trainer->input_diffs);
    if (!trainer->outputs || !trainer->input_diffs) return fet_arena_full();
    FET_TRY(fet_train_plan(trainer));
    FET_TRY(fet_train_schedule_build(trainer));
    for (uint32_t s = 0; s < trainer->n_steps; s++)
        if (trainer->steps[s].op->prepare) FET_TRY(trainer->steps[s].op->prepare(trainer, &trainer->steps[s]));
    FET_TRY(make_workspace(trainer));
    return fet_train_optimizer_prepare(trainer);
}

fet_status fet_trainer_create(fet_graph *graph, const fet_trainer_options *options, fet_trainer **out_trainer)
{
    fet_trainer_options o = options ? *options : fet_trainer_default_options();
    FET_TRY(check_options(&o));
    if (o.dtype == FET_DTYPE_NONE) o.dtype = fet_engine_training_dtype();
    if (o.cache_bytes == 0) o.cache_bytes = cache_to_use();
    fet_auto(fet_trainer) trainer = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *trainer, "a trainer", &trainer));
    trainer->graph = graph;
    trainer->options = o;
    trainer->batch = o.batch;
    trainer->cache_bytes = o.cache_bytes;
    trainer->block = fet_engine_channel_block();
    trainer->stale = true;
    FET_TRY(build(trainer));
    *out_trainer = fet_take(trainer);
    return FET_OK;
}

void fet_trainer_destroy(fet_trainer *trainer)
{
    if (!trainer) return;
    for (size_t i = 0; i < trainer->n_memories; i++) dnnl_memory_destroy(trainer->memories[i]);
    for (size_t i = 0; i < trainer->n_primitives; i++) dnnl_primitive_destroy(trainer->primitives[i]);
    for (size_t i = 0; i < trainer->n_buffers; i++) fet_free(trainer->buffers[i]);
    fet_free(trainer->memories);
    fet_free(trainer->primitives);
    fet_free(trainer->implementations);
    fet_free(trainer->buffers);
    fet_arena_destroy(trainer->arena);
    fet_free(trainer);
}

/* Weights have changed since the primitives' copies were made. */
static fet_status refresh(fet_trainer *trainer)
{
    if (!trainer->stale) return FET_OK;
    for (uint32_t s = 0; s < trainer->n_steps; s++)
        if (trainer->steps[s].op->refresh) FET_TRY(trainer->steps[s].op->refresh(trainer, &trainer->steps[s]));
    trainer->stale = false;
    return FET_OK;
}

fet_status fet_trainer_forward(fet_trainer *trainer, const float *const src[])
{
    FET_TRY(refresh(trainer));
    trainer->sources = src;
    trainer->has_backward = false;
    FET_TRY(fet_train_schedule_run(trainer, FET_FORWARD));
    trainer->sources = NULL;
    trainer->has_forward = true;
    return FET_OK;
}

const float *fet_trainer_output(const fet_trainer *trainer, uint32_t output)
{
    return output < trainer->graph->n_outputs ? trainer->outputs[output] : NULL;
}

fet_status fet_trainer_backward(fet_trainer *trainer, const float *const diff[])
{
    if (!trainer->has_forward) return fet_fail(FET_ERROR_STATE, "backward of a trainer without a forward before it");
    for (fet_id p = 0; p < trainer->graph->n_params; p++) {
        const fet_train_param *param = &trainer->params[p];
        if (param->gradient && param->n_uses > 1) memset(param->gradient, 0, (size_t)param->items * sizeof(float));
    }
    trainer->output_diffs = diff;
    trainer->has_forward = false; /* gradient buffers are used up */
    FET_TRY(fet_train_schedule_run(trainer, FET_BACKWARD));
    trainer->output_diffs = NULL;
    trainer->has_backward = true;
    return FET_OK;
}

fet_status fet_trainer_set_bn_momentum(fet_trainer *trainer, float share)
{
    if (!(share >= 0.0f && share <= 1.0f)) return fet_fail(FET_ERROR_ARG, "batch norm momentum %g: expected 0 to 1", (double)share);
    trainer->options.bn_momentum = share;
    return FET_OK;
}

fet_status fet_trainer_step(fet_trainer *trainer, float learning_rate)
{
    if (!trainer->has_backward) return fet_fail(FET_ERROR_STATE, "a step of a trainer without a backward before it");
    fet_train_optimizer_step(trainer, learning_rate);
    trainer->has_backward = false;
    return FET_OK;
}

static fet_status read_plain(const fet_trainer *trainer, const fet_train_param *param, const float *from, fet_tensor **out_tensor)
{
    fet_auto(fet_tensor) tensor = NULL;
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &trainer->graph->values[trainer->graph->params[param->id].value].shape, &tensor));
    FET_TRY(fet_train_param_read(trainer, param, from, tensor->data));
    *out_tensor = fet_take(tensor);
    return FET_OK;
}

fet_status fet_trainer_sync_params(fet_trainer *trainer)
{
    for (fet_id p = 0; p < trainer->graph->n_params; p++) {
        const fet_train_param *param = &trainer->params[p];
        if (!param->master) continue;
        fet_auto(fet_tensor) tensor = NULL;
        FET_TRY(read_plain(trainer, param, param->master, &tensor));
        fet_graph_set_tensor(trainer->graph, p, tensor);
    }
    return FET_OK;
}

fet_status fet_trainer_param_gradient(fet_trainer *trainer, fet_id param, fet_tensor **out_gradient)
{
    if (param >= trainer->graph->n_params || !trainer->params[param].gradient)
        return fet_fail(FET_ERROR_NOT_FOUND, "parameter %u has no gradient", param);
    if (!trainer->has_backward) return fet_fail(FET_ERROR_STATE, "a gradient is asked for without a backward before it");
    return read_plain(trainer, &trainer->params[param], trainer->params[param].gradient, out_gradient);
}

fet_status fet_trainer_input_gradient(fet_trainer *trainer, uint32_t input, fet_tensor **out_gradient)
{
    if (input >= trainer->graph->n_inputs || !trainer->input_diffs[input])
        return fet_fail(FET_ERROR_NOT_FOUND, "input %u has no gradient: was the option input_gradients set?", input);
    if (!trainer->has_backward) return fet_fail(FET_ERROR_STATE, "a gradient is asked for without a backward before it");
    fet_tensor *tensor = NULL;
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &trainer->values[trainer->graph->inputs[input]].shape, &tensor));
    memcpy(tensor->data, trainer->input_diffs[input], tensor->bytes);
    *out_gradient = tensor;
    return FET_OK;
}

uint32_t fet_trainer_n_primitives(const fet_trainer *trainer)
{
    return (uint32_t)trainer->n_primitives;
}

const char *fet_trainer_primitive_implementation(const fet_trainer *trainer, uint32_t i)
{
    return i < trainer->n_primitives ? trainer->implementations[i] : NULL;
}
