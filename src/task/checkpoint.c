// SPDX-License-Identifier: Apache-2.0
/*
 * A training on disk: a head (magic number, fingerprint of the training, where it stands), the trainer's state, and a checksum over all of
 * it. Written at once or not at all. It is for resuming on the same machine: layouts and numbers are as they are in memory.
 */
#include "task/internal.h"

#include "base/file.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "op/op.h"

#include <string.h>

static const uint64_t MAGIC = 0x31544B4354454646; /* "FFETCKT1" */
static const size_t LIMIT_BYTES = (size_t)8 << 30;

typedef struct head {
    uint64_t magic, fingerprint, state_bytes;
    fet_task_progress progress;
} head;

static uint64_t hash_params(const fet_graph *graph, uint64_t hash)
{
    for (uint32_t p = 0; p < graph->n_params; p++)
        if (graph->params[p].tensor) hash = fet_hash_combine(hash, fet_hash(graph->params[p].tensor->data, graph->params[p].tensor->bytes));
    return hash;
}

/* The training images themselves, not only their number: ten megabytes hash in a millisecond. */
static uint64_t hash_data(const fet_dataset *dataset, uint64_t hash)
{
    fet_shape shape = fet_dataset_sample_shape(dataset);
    bool images = fet_dataset_has_images(dataset);
    size_t bytes = (size_t)fet_shape_elements(&shape) * (images ? 1 : sizeof(float));
    uint32_t n = fet_dataset_size(dataset, FET_SPLIT_TRAIN);
    hash = fet_hash_combine(hash, fet_hash(&shape, sizeof shape));
    for (uint32_t i = 0; i < n; i++) {
        hash = fet_hash_combine(hash, fet_hash(images ? (const void *)fet_dataset_pixels(dataset, FET_SPLIT_TRAIN, i)
                                                      : (const void *)fet_dataset_numbers(dataset, FET_SPLIT_TRAIN, i),
                                               bytes));
        hash = fet_hash_combine(hash, fet_dataset_label(dataset, FET_SPLIT_TRAIN, i));
    }
    return hash;
}

fet_status fet_task_fingerprint(const fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options, uint64_t n_batches,
                                uint64_t *out_fingerprint)
{
    const fet_trainer_options *t = &options->trainer;
    fet_dtype dtype = t->dtype == FET_DTYPE_NONE ? fet_engine_training_dtype() : t->dtype;
    const char *isa = fet_engine_isa_name(); /* other instructions round differently */
    const fet_augment_options *a = &options->augment;
    const double augment[] = {a->flip, a->shift, (double)a->erase, (double)a->zoom, (double)a->light, (double)a->mix};
    const double numbers[] = {
        (double)n_batches, options->learning_rate,  options->warmup_share,  options->label_smoothing,
        (double)dtype,     (double)t->batch,        t->optimizer,           (double)t->momentum,
        (double)t->beta2,  (double)t->weight_decay, (double)t->bn_momentum, t->freeze_bn_stats,
    };
    uint64_t hash = fet_hash_combine(fet_graph_hash(graph), fet_hash(numbers, sizeof numbers));
    hash = fet_hash_combine(hash, fet_hash(augment, sizeof augment));
    hash = fet_hash_combine(hash, fet_hash(isa, strlen(isa)));
    hash = fet_hash_combine(fet_hash_combine(hash, options->seed), options->trial);
    const fet_distil_options *distil = &options->distil;
    if (distil->teacher) {
        const double parts[] = {(double)distil->weight, (double)distil->temperature, (double)distil->hints};
        hash = hash_params(distil->teacher, fet_hash_combine(hash, fet_graph_hash(distil->teacher)));
        hash = fet_hash_combine(hash, fet_hash(parts, sizeof parts));
    }
    *out_fingerprint = hash_data(dataset, hash_params(graph, hash));
    return FET_OK;
}

fet_status fet_task_checkpoint_write(const char *path, uint64_t fingerprint, const fet_trainer *trainer, const fet_task_progress *progress)
{
    void *state = NULL;
    head h = {.magic = MAGIC, .fingerprint = fingerprint, .progress = *progress};
    size_t state_bytes = 0;
    FET_TRY(fet_trainer_save_state(trainer, &state, &state_bytes));
    h.state_bytes = state_bytes;
    size_t bytes = sizeof h + state_bytes + sizeof(uint64_t);
    uint8_t *file = fet_malloc(bytes);
    if (!file) {
        fet_free(state);
        return fet_fail(FET_ERROR_NOMEM, "%s: no memory for a checkpoint of %zu bytes", path, bytes);
    }
    memcpy(file, &h, sizeof h);
    memcpy(file + sizeof h, state, state_bytes);
    uint64_t sum = fet_hash(file, bytes - sizeof sum);
    memcpy(file + bytes - sizeof sum, &sum, sizeof sum);
    fet_free(state);
    fet_status status = fet_file_replace(path, file, bytes);
    fet_free(file);
    return status;
}

static bool fits(const uint8_t *file, size_t bytes, uint64_t fingerprint, head *out_head)
{
    uint64_t sum = 0;
    if (bytes < sizeof *out_head + sizeof sum) return false;
    memcpy(out_head, file, sizeof *out_head);
    memcpy(&sum, file + bytes - sizeof sum, sizeof sum);
    return out_head->magic == MAGIC && out_head->fingerprint == fingerprint &&
           out_head->state_bytes == bytes - sizeof *out_head - sizeof sum && fet_hash(file, bytes - sizeof sum) == sum;
}

fet_status fet_task_checkpoint_read(const char *path, uint64_t fingerprint, fet_trainer *trainer, fet_task_progress *out_progress,
                                    bool *out_found)
{
    *out_found = false;
    if (!fet_file_exists(path)) return FET_OK;
    void *file = NULL;
    size_t bytes = 0;
    head h;
    FET_TRY(fet_file_read(path, LIMIT_BYTES, &file, &bytes));
    fet_status status = FET_OK;
    if (fits(file, bytes, fingerprint, &h)) {
        status = fet_trainer_load_state(trainer, (uint8_t *)file + sizeof h, h.state_bytes);
        if (status == FET_OK) {
            *out_progress = h.progress;
            *out_found = true;
        }
    }
    fet_free(file);
    return status;
}
