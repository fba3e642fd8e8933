// SPDX-License-Identifier: Apache-2.0
/*
 * Running statistics of batch norm from data, weights untouched. Each batch's mean and variance are read after a forward pass whose running
 * statistics are replaced whole, then pooled: mean of means, and mean of variances plus the variance of the means.
 */
#include "task/internal.h"

#include <string.h>

/* One running statistic of one batch norm: sums over batches, in the parameter's place. */
typedef struct statistic {
    fet_id mean, variance; /* parameter ids */
    int64_t n;
    double *sum_mean, *sum_square, *sum_variance; /* [n]; one block at sum_mean */
} statistic;

static fet_status collect(const fet_graph *graph, statistic **out_list, uint32_t *out_count)
{
    statistic *list = NULL;
    uint32_t count = 0;
    FET_TRY(fet_alloc_zeroed(graph->n_nodes, sizeof *list, "statistics", &list));
    fet_status status = FET_OK;
    for (uint32_t i = 0; i < graph->n_nodes && status == FET_OK; i++) {
        const fet_node *node = &graph->nodes[i];
        if (node->op != FET_OP_BATCH_NORMALIZATION) continue;
        const fet_value *mean = fet_node_input(graph, node, 3), *variance = fet_node_input(graph, node, 4);
        if (!mean || !variance || mean->kind != FET_VALUE_PARAM || variance->kind != FET_VALUE_PARAM) continue;
        statistic *s = &list[count++];
        *s = (statistic){.mean = mean->param, .variance = variance->param, .n = fet_shape_elements(&mean->shape)};
        status = fet_alloc_zeroed((size_t)s->n * 3, sizeof *s->sum_mean, "statistics", &s->sum_mean);
        if (status != FET_OK) break;
        s->sum_square = s->sum_mean + s->n;
        s->sum_variance = s->sum_square + s->n;
    }
    *out_list = list;
    *out_count = count;
    return status;
}

static void observe(const fet_graph *graph, statistic *s)
{
    const float *mean = fet_tensor_f32(graph->params[s->mean].tensor), *variance = fet_tensor_f32(graph->params[s->variance].tensor);
    for (int64_t c = 0; c < s->n; c++) {
        s->sum_mean[c] += mean[c];
        s->sum_square[c] += (double)mean[c] * mean[c];
        s->sum_variance[c] += variance[c];
    }
}

static fet_status pool(fet_graph *graph, const statistic *s, uint32_t n_batches)
{
    fet_auto(fet_tensor) mean = NULL;
    fet_auto(fet_tensor) variance = NULL;
    FET_TRY(fet_tensor_copy(graph->params[s->mean].tensor, &mean));
    FET_TRY(fet_tensor_copy(graph->params[s->variance].tensor, &variance));
    for (int64_t c = 0; c < s->n; c++) {
        double m = s->sum_mean[c] / n_batches, between = s->sum_square[c] / n_batches - m * m;
        fet_tensor_f32(mean)[c] = (float)m;
        fet_tensor_f32(variance)[c] = (float)(s->sum_variance[c] / n_batches + (between > 0.0 ? between : 0.0));
    }
    fet_graph_set_tensor(graph, s->mean, mean);
    fet_graph_set_tensor(graph, s->variance, variance);
    return FET_OK;
}

static fet_status run_batches(fet_graph *graph, const fet_dataset *dataset, uint32_t n_batches, uint64_t seed, statistic *list,
                              uint32_t count)
{
    fet_auto(fet_loader) loader = NULL;
    fet_auto(fet_trainer) trainer = NULL;
    fet_trainer_options options = fet_trainer_default_options();
    options.batch = fet_task_batch_of(graph, dataset, FET_SPLIT_TRAIN);
    options.bn_momentum = 1.0f; /* the running statistics are those of the last batch */
    fet_loader_options loading = fet_task_loading(graph, dataset, FET_SPLIT_TRAIN, options.batch);
    loading.shuffle = true;
    loading.seed = seed;
    FET_TRY(fet_loader_create(dataset, &loading, &loader));
    FET_TRY(fet_trainer_create(graph, &options, &trainer));
    uint32_t per_epoch = fet_loader_batches_per_epoch(loader);
    for (uint32_t b = 0; b < n_batches; b++) {
        fet_batch batch;
        FET_TRY(fet_loader_batch(loader, b / per_epoch, b % per_epoch, &batch));
        FET_TRY(fet_trainer_forward(trainer, &batch.images));
        FET_TRY(fet_trainer_sync_params(trainer));
        for (uint32_t i = 0; i < count; i++) observe(graph, &list[i]);
    }
    return FET_OK;
}

fet_status fet_task_recalibrate(fet_graph *graph, const fet_dataset *dataset, uint32_t n_batches, uint64_t seed)
{
    if (n_batches == 0) return fet_fail(FET_ERROR_ARG, "recalibration: 0 batches, expected at least 1");
    FET_TRY(fet_task_check_input(graph, dataset));
    statistic *list = NULL;
    uint32_t count = 0;
    fet_status status = collect(graph, &list, &count);
    if (status == FET_OK && count > 0) status = run_batches(graph, dataset, n_batches, seed, list, count);
    for (uint32_t i = 0; i < count && status == FET_OK; i++) status = pool(graph, &list[i], n_batches);
    for (uint32_t i = 0; i < count; i++) fet_free(list[i].sum_mean);
    fet_free(list);
    return status;
}
