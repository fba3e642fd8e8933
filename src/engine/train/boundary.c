// SPDX-License-Identifier: Apache-2.0
#include "engine/train/boundary.h"

#include "engine/train/kernels.h"
#include "engine/train/operators.h"

#include <string.h>

typedef struct boundary {
    uint32_t index;
} boundary;

fet_status fet_train_boundary_set_index(fet_trainer *trainer, fet_train_step *step, uint32_t index)
{
    boundary *state = fet_train_state(trainer, sizeof *state);
    if (!state) return fet_arena_full();
    state->index = index;
    step->state = state;
    return FET_OK;
}

/* Number i of an array of f32 or bf16. */
static inline void put(void *data, bool half, int64_t i, float value)
{
    if (half) ((uint16_t *)data)[i] = fet_bf16_from_f32(value);
    else ((float *)data)[i] = value;
}

static inline float get(const void *data, bool half, int64_t i)
{
    return half ? fet_f32_from_bf16(((const uint16_t *)data)[i]) : ((const float *)data)[i];
}

static bool same_order(const fet_train_value *v)
{
    if (v->layout == FET_TRAIN_PLAIN) return true;
    int64_t spatial = v->shape.dim[2] * v->shape.dim[3];
    if (v->layout == FET_TRAIN_NHWC) return v->shape.dim[1] == 1 || spatial == 1;
    return spatial == 1 && v->items == v->shape.dim[1];
}

bool fet_train_is_plain(const fet_trainer *trainer, fet_id value)
{
    return same_order(&trainer->values[value]);
}

void fet_train_clear_padding(const fet_trainer *trainer, fet_id value, int64_t count, void *data)
{
    const fet_train_value *v = &trainer->values[value];
    if (v->layout != FET_TRAIN_BLOCKED || v->shape.dim[1] % trainer->block == 0) return;
    int64_t spatial = v->shape.dim[2] * v->shape.dim[3], block = trainer->block, used = v->shape.dim[1] % block;
    size_t item = fet_dtype_bytes(v->dtype);
    for (int64_t n = 0; n < count; n++) {
        char *rows = (char *)data + (size_t)((n + 1) * v->items - spatial * block) * item;
        for (int64_t s = 0; s < spatial; s++) memset(rows + (size_t)(s * block + used) * item, 0, (size_t)(block - used) * item);
    }
}

fet_status fet_train_positions(fet_trainer *trainer, fet_id value, uint32_t **out_positions)
{
    const fet_train_value *v = &trainer->values[value];
    int64_t count = fet_shape_elements(&v->shape) / trainer->batch, block = trainer->block;
    if (v->items > INT32_MAX) return fet_fail(FET_ERROR_LIMIT, "value \"%s\" is too large", trainer->graph->values[value].name);
    uint32_t *position = fet_train_state(trainer, ((size_t)count + 1) * sizeof *position);
    if (!position) return fet_arena_full();
    int64_t c_count = v->shape.dim[1], spatial = v->layout == FET_TRAIN_PLAIN ? 1 : v->shape.dim[2] * v->shape.dim[3];
    for (int64_t i = 0; i < count; i++) {
        int64_t c = i / spatial, s = i % spatial, at = i;
        if (v->layout == FET_TRAIN_NHWC) at = s * c_count + c;
        if (v->layout == FET_TRAIN_BLOCKED) at = (c / block * spatial + s) * block + c % block;
        position[i] = (uint32_t)at;
    }
    *out_positions = position;
    return FET_OK;
}

void fet_train_pack(const fet_trainer *trainer, fet_id value, int64_t count, const float *plain, void *packed)
{
    const fet_train_value *v = &trainer->values[value];
    bool half = v->dtype == FET_DTYPE_BF16;
    if (same_order(v)) {
        fet_train_simd_get()->from_f32(v->dtype, count * v->items, plain, packed);
        return;
    }
    int64_t c_count = v->shape.dim[1], spatial = v->shape.dim[2] * v->shape.dim[3], block = trainer->block;
    bool blocked = v->layout == FET_TRAIN_BLOCKED;
    if (blocked && v->items != c_count * spatial) memset(packed, 0, (size_t)count * v->image_bytes);
    for (int64_t n = 0; n < count; n++)
        for (int64_t c = 0; c < c_count; c++) {
            const float *from = plain + (n * c_count + c) * spatial;
            int64_t to = n * v->items + (blocked ? c / block * block * spatial + c % block : c), step = blocked ? block : c_count;
            for (int64_t s = 0; s < spatial; s++) put(packed, half, to + s * step, from[s]);
        }
}

void fet_train_unpack(const fet_trainer *trainer, fet_id value, int64_t count, const void *packed, float *plain)
{
    const fet_train_value *v = &trainer->values[value];
    bool half = v->dtype == FET_DTYPE_BF16;
    if (same_order(v)) {
        fet_train_simd_get()->to_f32(v->dtype, count * v->items, packed, plain);
        return;
    }
    int64_t c_count = v->shape.dim[1], spatial = v->shape.dim[2] * v->shape.dim[3], block = trainer->block;
    bool blocked = v->layout == FET_TRAIN_BLOCKED;
    for (int64_t n = 0; n < count; n++)
        for (int64_t c = 0; c < c_count; c++) {
            float *to = plain + (n * c_count + c) * spatial;
            int64_t from = n * v->items + (blocked ? c / block * block * spatial + c % block : c), step = blocked ? block : c_count;
            for (int64_t s = 0; s < spatial; s++) to[s] = get(packed, half, from + s * step);
        }
}

static int64_t plain_items(const fet_train_value *v)
{
    return fet_shape_elements(&v->shape) / v->shape.dim[0];
}

static fet_status import_forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const boundary *state = step->state;
    const float *src = trainer->sources[state->index] + range->first * plain_items(&trainer->values[step->dst]);
    fet_train_pack(trainer, step->dst, range->count, src, fet_train_data(trainer, step->dst, range));
    return FET_OK;
}

static fet_status import_backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const boundary *state = step->state;
    float *diff = trainer->input_diffs[state->index] + range->first * plain_items(&trainer->values[step->dst]);
    fet_train_unpack(trainer, step->dst, range->count, fet_train_diff(trainer, step->dst, range), diff);
    return FET_OK;
}

static fet_status import_prepare(fet_trainer *trainer, fet_train_step *step)
{
    const boundary *state = step->state;
    if (!trainer->options.input_gradients) return FET_OK;
    size_t bytes = (size_t)fet_shape_elements(&trainer->values[step->dst].shape) * sizeof(float);
    return fet_train_alloc(trainer, bytes, "the gradient of an input", &trainer->input_diffs[state->index]);
}

static fet_status export_prepare(fet_trainer *trainer, fet_train_step *step)
{
    const boundary *state = step->state;
    size_t bytes = (size_t)fet_shape_elements(&trainer->values[step->inputs[0]].shape) * sizeof(float);
    return fet_train_alloc(trainer, bytes, "an output", &trainer->outputs[state->index]);
}

static fet_status export_forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const boundary *state = step->state;
    float *dst = trainer->outputs[state->index] + range->first * plain_items(&trainer->values[step->inputs[0]]);
    fet_train_unpack(trainer, step->inputs[0], range->count, fet_train_data(trainer, step->inputs[0], range), dst);
    return FET_OK;
}

/* The task's gradient comes in; none given means zero. */
static fet_status export_backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    const boundary *state = step->state;
    const fet_train_value *v = &trainer->values[step->inputs[0]];
    const float *given = trainer->output_diffs[state->index];
    void *diff = fet_train_diff_begin(trainer, step, 0, range);
    if (given) fet_train_pack(trainer, step->inputs[0], range->count, given + range->first * plain_items(v), diff);
    else memset(diff, 0, (size_t)range->count * v->image_bytes);
    fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}

const fet_train_op fet_train_import = {.prepare = import_prepare, .forward = import_forward, .backward = import_backward};
const fet_train_op fet_train_export = {.prepare = export_prepare, .forward = export_forward, .backward = export_backward};
