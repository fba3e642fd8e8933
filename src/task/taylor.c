// SPDX-License-Identifier: Apache-2.0
#include "task/taylor.h"

#include "base/rng.h"
#include "task/internal.h"

#include <math.h>

fet_taylor_options fet_taylor_default_options(void)
{
    return (fet_taylor_options){.batches = 64, .batch = 8, .labels = true};
}

typedef struct taylor {
    const fet_graph *graph;
    const fet_channel_groups *groups;
    const fet_taylor_options *options;
    double *const *score;
    int64_t batch;
    fet_trainer *trainer;
    fet_arena *scratch;
    float *diffs[FET_TASK_MAX_OUTPUTS]; /* [batch, ...] */
    fet_tensor **gradients;             /* [n_params] */
} taylor;

/* Samples past `count` repeat others, and must not be heard twice. */
static void draw_signs(const taylor *t, fet_rng *rng, uint32_t output, uint32_t count)
{
    size_t items = fet_task_output_items(t->graph, output);
    const float *numbers = fet_trainer_output(t->trainer, output);
    double sum = 0;
    for (size_t i = 0; i < items * count; i++) sum += (double)numbers[i] * (double)numbers[i];
    float size = sum > 0 ? (float)(1 / sqrt(sum / count)) : 0;
    for (size_t i = 0; i < items * (size_t)t->batch; i++)
        t->diffs[output][i] = i >= items * count ? 0 : fet_rng_below(rng, 2) ? size : -size;
}

static fet_status set_diffs(taylor *t, fet_rng *rng, const fet_batch *batch)
{
    double loss = 0;
    if (t->options->labels)
        return fet_classify_loss(fet_trainer_output(t->trainer, 0), batch, (uint32_t)t->batch, (uint32_t)fet_task_output_items(t->graph, 0),
                                 0, t->diffs[0], &loss);
    for (uint32_t o = 0; o < t->graph->n_outputs; o++) draw_signs(t, rng, o, batch->count);
    return FET_OK;
}

static void release_gradients(taylor *t)
{
    for (fet_id p = 0; p < t->graph->n_params; p++) {
        fet_tensor_release(t->gradients[p]);
        t->gradients[p] = NULL;
    }
}

static fet_status read_gradients(taylor *t)
{
    for (fet_id p = 0; p < t->graph->n_params; p++) {
        const fet_param *param = &t->graph->params[p];
        if (!param->trainable || !param->tensor || param->tensor->dtype != FET_DTYPE_F32) continue;
        fet_status status = fet_trainer_param_gradient(t->trainer, p, &t->gradients[p]);
        if (status == FET_ERROR_NOT_FOUND) fet_error_clear(); /* it is in no layer that trains */
        else FET_TRY(status);
    }
    return FET_OK;
}

static fet_status add_batch(taylor *t, fet_rng *rng, const fet_batch *batch)
{
    FET_TRY(fet_trainer_forward(t->trainer, &batch->images));
    FET_TRY(set_diffs(t, rng, batch));
    FET_TRY(fet_trainer_backward(t->trainer, (const float *const *)t->diffs));
    FET_TRY(read_gradients(t));
    fet_arena_reset(t->scratch);
    for (uint32_t g = 0; g < t->groups->n_groups; g++)
        if (t->score[g])
            FET_TRY(fet_channel_taylor(t->graph, t->groups, g, (const fet_tensor *const *)t->gradients, t->scratch, t->score[g]));
    release_gradients(t);
    return FET_OK;
}

static fet_status run(taylor *t, const fet_dataset *dataset)
{
    fet_auto(fet_loader) loader = NULL;
    fet_loader_options loading = fet_task_loading(t->graph, dataset, FET_SPLIT_TRAIN, t->batch);
    loading.shuffle = true;
    loading.seed = t->options->seed;
    FET_TRY(fet_loader_create(dataset, &loading, &loader));
    uint32_t per_epoch = fet_loader_batches_per_epoch(loader);
    for (uint32_t b = 0; b < t->options->batches; b++) {
        fet_batch batch;
        fet_rng rng;
        fet_rng_init(&rng, t->options->seed, b, FET_RNG_SAMPLE);
        FET_TRY(fet_loader_batch(loader, b / per_epoch, b % per_epoch, &batch));
        FET_TRY(add_batch(t, &rng, &batch));
    }
    return FET_OK;
}

static fet_status set_up(taylor *t, fet_graph *graph)
{
    fet_trainer_options options = fet_trainer_default_options();
    options.batch = t->batch;
    options.dtype = FET_DTYPE_F32;
    options.freeze_bn_stats = true; /* the network as it is used */
    FET_TRY(fet_trainer_create(graph, &options, &t->trainer));
    FET_TRY(fet_arena_create(&t->scratch));
    FET_TRY(fet_alloc_zeroed(graph->n_params, sizeof *t->gradients, "gradients", &t->gradients));
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        FET_TRY(fet_alloc_zeroed(fet_task_output_items(graph, o), (size_t)t->batch * sizeof(float), "gradients of the loss", &t->diffs[o]));
    return FET_OK;
}

static void tear_down(taylor *t)
{
    fet_trainer_destroy(t->trainer);
    fet_arena_destroy(t->scratch);
    if (t->gradients) release_gradients(t);
    fet_free(t->gradients);
    for (uint32_t o = 0; o < FET_TASK_MAX_OUTPUTS; o++) fet_free(t->diffs[o]);
}

fet_status fet_task_taylor(const fet_graph *graph, const fet_channel_groups *groups, const fet_dataset *dataset,
                           const fet_taylor_options *options, double *const *score)
{
    fet_auto(fet_graph) copy = NULL;
    if (options->labels) FET_TRY(fet_task_check_graph(graph, dataset));
    else FET_TRY(fet_task_check_input(graph, dataset));
    FET_TRY(fet_task_check_outputs(graph, graph));
    FET_TRY(fet_graph_copy(graph, NULL, 0, &copy));
    uint32_t size = fet_dataset_size(dataset, FET_SPLIT_TRAIN);
    taylor t = {.graph = graph, .groups = groups, .options = options, .score = score};
    t.batch = size < options->batch ? size : options->batch;
    fet_status status = set_up(&t, copy);
    if (status == FET_OK) status = run(&t, dataset);
    tear_down(&t);
    return status;
}
