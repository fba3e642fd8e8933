// SPDX-License-Identifier: Apache-2.0
/*
 * The state of a trainer as bytes: a head, then for each parameter in use a head and its arrays (master numbers, moments), in the layout
 * they have in memory. A trainer that would lay them out otherwise (another graph, another instruction set) refuses them.
 */
#include "base/hash.h"
#include "engine/train/train.h"

#include <string.h>

enum { MAX_ARRAYS = 3 };

typedef struct state_head {
    uint64_t n_params, n_steps_done;
} state_head;

typedef struct param_head {
    uint64_t id, items, layout; /* layout: hash of the oneDNN description */
    uint64_t arrays;            /* bit i: array i follows */
} param_head;

static uint32_t arrays_of(const fet_train_param *param, float *out_arrays[MAX_ARRAYS])
{
    float *const all[MAX_ARRAYS] = {param->master, param->moment[0], param->moment[1]};
    uint32_t bits = 0;
    for (uint32_t a = 0; a < MAX_ARRAYS; a++) {
        out_arrays[a] = all[a];
        if (all[a]) bits |= 1u << a;
    }
    return bits;
}

/* Of the description as oneDNN compares it: its bytes beyond the rank in use need not be the same. */
static uint64_t layout_of(const dnnl_memory_desc_t *desc)
{
    size_t rank = (size_t)desc->ndims;
    uint64_t hash = fet_hash(desc->dims, rank * sizeof desc->dims[0]);
    hash = fet_hash_combine(hash, fet_hash(desc->padded_dims, rank * sizeof desc->dims[0]));
    const dnnl_blocking_desc_t *blocks = &desc->format_desc.blocking;
    hash = fet_hash_combine(hash, fet_hash(blocks->strides, rank * sizeof blocks->strides[0]));
    hash = fet_hash_combine(hash, fet_hash(blocks->inner_blks, (size_t)blocks->inner_nblks * sizeof blocks->inner_blks[0]));
    return fet_hash_combine(hash, fet_hash(blocks->inner_idxs, (size_t)blocks->inner_nblks * sizeof blocks->inner_idxs[0]));
}

static param_head head_of(const fet_train_param *param)
{
    float *arrays[MAX_ARRAYS];
    return (param_head){
        .id = param->id, .items = (uint64_t)param->items, .layout = layout_of(&param->desc), .arrays = arrays_of(param, arrays)};
}

static size_t param_bytes(const fet_train_param *param)
{
    float *arrays[MAX_ARRAYS];
    return sizeof(param_head) + (size_t)__builtin_popcount(arrays_of(param, arrays)) * (size_t)param->items * sizeof(float);
}

fet_status fet_trainer_save_state(const fet_trainer *trainer, void **out_data, size_t *out_bytes)
{
    state_head head = {.n_params = trainer->graph->n_params, .n_steps_done = trainer->n_steps_done};
    size_t bytes = sizeof head;
    for (uint32_t p = 0; p < trainer->graph->n_params; p++)
        if (trainer->params[p].master) bytes += param_bytes(&trainer->params[p]);
    uint8_t *data = fet_malloc(bytes), *end = data;
    if (!data) return fet_fail(FET_ERROR_NOMEM, "no memory for a training state of %zu bytes", bytes);
    memcpy(end, &head, sizeof head);
    end += sizeof head;
    for (uint32_t p = 0; p < trainer->graph->n_params; p++) {
        const fet_train_param *param = &trainer->params[p];
        if (!param->master) continue;
        param_head ph = head_of(param);
        memcpy(end, &ph, sizeof ph);
        end += sizeof ph;
        float *arrays[MAX_ARRAYS];
        arrays_of(param, arrays);
        for (uint32_t a = 0; a < MAX_ARRAYS; a++) {
            if (!arrays[a]) continue;
            memcpy(end, arrays[a], (size_t)param->items * sizeof(float));
            end += (size_t)param->items * sizeof(float);
        }
    }
    *out_data = data;
    *out_bytes = bytes;
    return FET_OK;
}

/* Walks the bytes; copies only in the second walk, so that a state that does not fit changes nothing. */
static bool walk(fet_trainer *trainer, const uint8_t *data, size_t bytes, bool copy)
{
    const uint8_t *end = data + bytes;
    for (uint32_t p = 0; p < trainer->graph->n_params; p++) {
        const fet_train_param *param = &trainer->params[p];
        if (!param->master) continue;
        param_head head, expected = head_of(param);
        size_t part = param_bytes(param);
        if ((size_t)(end - data) < part) return false;
        memcpy(&head, data, sizeof head);
        if (memcmp(&head, &expected, sizeof head) != 0) return false;
        float *arrays[MAX_ARRAYS];
        arrays_of(param, arrays);
        const uint8_t *from = data + sizeof head;
        for (uint32_t a = 0; a < MAX_ARRAYS && copy; a++) {
            if (!arrays[a]) continue;
            memcpy(arrays[a], from, (size_t)param->items * sizeof(float));
            from += (size_t)param->items * sizeof(float);
        }
        data += part;
    }
    return data == end;
}

fet_status fet_trainer_load_state(fet_trainer *trainer, const void *data, size_t bytes)
{
    state_head head = {0};
    if (bytes >= sizeof head) memcpy(&head, data, sizeof head);
    const uint8_t *rest = (const uint8_t *)data + sizeof head;
    if (bytes < sizeof head || head.n_params != trainer->graph->n_params || !walk(trainer, rest, bytes - sizeof head, false))
        return fet_fail(FET_ERROR_CORRUPT, "a training state of %zu bytes does not fit this network, optimiser and instruction set", bytes);
    walk(trainer, rest, bytes - sizeof head, true);
    trainer->n_steps_done = head.n_steps_done;
    trainer->stale = true;
    trainer->has_forward = trainer->has_backward = false;
    return FET_OK;
}
