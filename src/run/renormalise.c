// SPDX-License-Identifier: Apache-2.0
/* The inputs of the norms are made outputs of a copy, which the executor then gives for a few hundred samples. */
#include "run/renormalise.h"

#include "data/loader.h"
#include "engine/executor.h"
#include "rewrite/unfold_batchnorm.h"

/* Every map before a norm is kept for a whole batch, so batches are small; 256 samples fix mean and variance well. */
enum { BATCH = 8, N_BATCHES = 32 };

typedef struct moments {
    fet_id norm; /* node of the graph */
    fet_shape shape;
    double *sum, *square; /* [channels]; one block */
    float *map;           /* [BATCH, C, H, W] */
} moments;

static void moments_clear(moments *list, uint32_t n)
{
    for (uint32_t i = 0; list && i < n; i++) {
        fet_free(list[i].sum);
        fet_free(list[i].map);
    }
    fet_free(list);
}

static fet_status prepare(const fet_graph *graph, fet_id norm, moments *m)
{
    *m = (moments){.norm = norm, .shape = graph->values[graph->nodes[norm].inputs[0]].shape};
    size_t channels = (size_t)m->shape.dim[1];
    FET_TRY(fet_alloc_zeroed(2 * channels, sizeof *m->sum, "statistics", &m->sum));
    m->square = m->sum + channels;
    return fet_alloc_zeroed((size_t)BATCH * channels * (size_t)(m->shape.dim[2] * m->shape.dim[3]), sizeof *m->map, "a batch of maps",
                            &m->map);
}

static fet_status find_norms(const fet_graph *graph, moments **out_list, uint32_t *out_n)
{
    FET_TRY(fet_alloc_zeroed(graph->n_nodes, sizeof **out_list, "statistics", out_list));
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        if (!fet_batchnorm_is_neutral(graph, &graph->nodes[n])) continue;
        FET_TRY(prepare(graph, n, &(*out_list)[(*out_n)++]));
    }
    return FET_OK;
}

static void add_batch(moments *m, uint32_t count)
{
    int64_t channels = m->shape.dim[1], plane = m->shape.dim[2] * m->shape.dim[3];
    for (int64_t i = 0; i < (int64_t)count; i++)
        for (int64_t c = 0; c < channels; c++) {
            const float *at = m->map + (i * channels + c) * plane;
            for (int64_t p = 0; p < plane; p++) {
                m->sum[c] += (double)at[p];
                m->square[c] += (double)at[p] * (double)at[p];
            }
        }
}

/* The copy's outputs are the graph's own, then the maps. */
static fet_status make_copy(const fet_graph *graph, const moments *list, uint32_t n, fet_graph **out_copy)
{
    fet_auto(fet_graph) copy = NULL;
    FET_TRY(fet_graph_copy(graph, NULL, 0, &copy));
    for (uint32_t i = 0; i < n; i++) FET_TRY(fet_graph_add_output(copy, graph->nodes[list[i].norm].inputs[0]));
    *out_copy = fet_take(copy);
    return FET_OK;
}

static fet_status run_batches(fet_executor *executor, fet_loader *loader, float **dst, moments *list, uint32_t n, uint32_t *out_samples)
{
    uint32_t samples = 0, per_epoch = fet_loader_batches_per_epoch(loader);
    for (uint32_t b = 0; b < N_BATCHES && b < per_epoch; b++) {
        fet_batch batch;
        FET_TRY(fet_loader_batch(loader, 0, b, &batch));
        FET_TRY(fet_executor_run(executor, &batch.images, dst));
        for (uint32_t i = 0; i < n; i++) add_batch(&list[i], batch.count);
        samples += batch.count;
    }
    *out_samples = samples;
    return FET_OK;
}

static fet_status observe(const fet_graph *graph, const fet_dataset *dataset, uint64_t seed, moments *list, uint32_t n, float **dst,
                          uint32_t *out_samples)
{
    fet_auto(fet_graph) copy = NULL;
    fet_auto(fet_loader) loader = NULL;
    fet_auto(fet_executor) executor = NULL;
    fet_loader_options loading = {.split = FET_SPLIT_TRAIN, .batch = BATCH, .shuffle = true, .seed = seed};
    fet_executor_options options = fet_executor_default_options();
    const fet_shape *input = &graph->values[graph->inputs[0]].shape;
    if (fet_dataset_has_images(dataset)) loading.height = input->dim[2], loading.width = input->dim[3];
    options.precision = FET_DTYPE_F32;
    options.batch = BATCH;
    FET_TRY(make_copy(graph, list, n, &copy));
    FET_TRY(fet_loader_create(dataset, &loading, &loader));
    FET_TRY(fet_executor_create(copy, &options, &executor));
    for (uint32_t i = 0; i < n; i++) dst[graph->n_outputs + i] = list[i].map;
    return run_batches(executor, loader, dst, list, n, out_samples);
}

/* Room for the graph's own outputs, in one block, which nobody reads. */
static fet_status with_outputs(const fet_graph *graph, const fet_dataset *dataset, uint64_t seed, moments *list, uint32_t n,
                               uint32_t *out_samples)
{
    float **dst = NULL, *unread = NULL;
    size_t total = 0;
    for (uint32_t o = 0; o < graph->n_outputs; o++) total += (size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape) * BATCH;
    FET_TRY(fet_alloc_zeroed((size_t)graph->n_outputs + n, sizeof *dst, "outputs", &dst));
    fet_status status = fet_alloc_zeroed(total, sizeof *unread, "outputs", &unread);
    size_t used = 0;
    for (uint32_t o = 0; status == FET_OK && o < graph->n_outputs; o++) {
        dst[o] = unread + used;
        used += (size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape) * BATCH;
    }
    if (status == FET_OK) status = observe(graph, dataset, seed, list, n, dst, out_samples);
    fet_free(unread);
    fet_free(dst);
    return status;
}

static fet_status set_statistics(fet_graph *graph, moments *m, uint32_t samples)
{
    double count = (double)samples * (double)(m->shape.dim[2] * m->shape.dim[3]);
    for (int64_t c = 0; c < m->shape.dim[1]; c++) {
        m->sum[c] /= count;
        m->square[c] = m->square[c] / count - m->sum[c] * m->sum[c];
    }
    return fet_batchnorm_set_statistics(graph, m->norm, m->sum, m->square);
}

fet_status fet_renormalise(fet_graph *graph, const fet_dataset *dataset, uint64_t seed)
{
    moments *list = NULL;
    uint32_t n = 0, samples = 0;
    fet_status status = find_norms(graph, &list, &n);
    if (status == FET_OK && n > 0) status = with_outputs(graph, dataset, seed, list, n, &samples);
    for (uint32_t i = 0; i < n && status == FET_OK && samples > 0; i++) status = set_statistics(graph, &list[i], samples);
    moments_clear(list, n);
    return status;
}
