// SPDX-License-Identifier: Apache-2.0
#include "task/refit.h"

#include "task/internal.h"

fet_task_refit_options fet_task_refit_default_options(void)
{
    return (fet_task_refit_options){.images = 128, .fit = fet_refit_default_options()};
}

/* Images as asked for, at most the split's, and fewer where what the base computes of them would not fit memory well. */
static uint32_t images_of(const fet_graph *base, const fet_dataset *dataset, const fet_task_refit_options *options)
{
    uint32_t size = fet_dataset_size(dataset, FET_SPLIT_TRAIN), images = options->images < size ? options->images : size;
    int64_t batch = fet_task_batch_of(base, dataset, FET_SPLIT_TRAIN);
    return batch < FET_TASK_BATCH && batch < images ? (uint32_t)batch : images;
}

/* The first batch of a shuffled epoch; the loader owns it. */
static fet_status load(const fet_graph *graph, const fet_dataset *dataset, uint32_t images, uint64_t seed, fet_loader **out_loader,
                       const float **out_images)
{
    fet_auto(fet_loader) loader = NULL;
    fet_batch batch;
    fet_loader_options loading = fet_task_loading(graph, dataset, FET_SPLIT_TRAIN, images);
    loading.shuffle = true;
    loading.seed = seed;
    FET_TRY(fet_loader_create(dataset, &loading, &loader));
    FET_TRY(fet_loader_batch(loader, 0, 0, &batch));
    *out_images = batch.images;
    *out_loader = fet_take(loader);
    return FET_OK;
}

fet_status fet_task_refit(fet_graph *graph, const fet_graph *base, const fet_dataset *dataset, const fet_task_refit_options *options,
                          fet_refit **kept, fet_refit_result *out_result)
{
    fet_task_refit_options defaults = fet_task_refit_default_options();
    if (!options) options = &defaults;
    FET_TRY(fet_task_check_input(graph, dataset));
    FET_TRY(fet_task_check_input(base, dataset));
    const float *images = NULL;
    fet_refit_result result;
    fet_refit_options fit = options->fit;
    uint32_t n = images_of(base, dataset, options);
    fit.batch = n;
    fit.seed = options->seed;
    if (!*kept) {
        fet_auto(fet_loader) loader = NULL;
        FET_TRY(load(base, dataset, n, options->seed, &loader, &images));
        FET_TRY(fet_refit_create(base, images, &fit, kept));
    }
    fet_auto(fet_loader) loader = NULL;
    FET_TRY(load(graph, dataset, n, options->seed, &loader, &images));
    FET_TRY(fet_refit_params(*kept, graph, images, &result));
    if (out_result) *out_result = result;
    return FET_OK;
}
