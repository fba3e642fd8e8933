// SPDX-License-Identifier: Apache-2.0
#include "engine/train/operand.h"

#include "engine/train/boundary.h"
#include "engine/train/kernels.h"

/* Strides of the operand over the output's axes 1, ...: 0 where it is broadcast. */
static fet_status operand_strides(const fet_train_step *step, const fet_shape *dst, const fet_shape *from, bool param, int64_t *strides)
{
    int64_t at = 1;
    for (uint32_t a = dst->rank; a-- > 0;) {
        int64_t axis = (int64_t)a - (int64_t)(dst->rank - from->rank);
        int64_t dim = axis < 0 ? 1 : from->dim[axis];
        bool batch = a == 0 && !param;
        if (!batch && dim != 1 && dim != dst->dim[a])
            return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": %s does not broadcast so in training", step->name,
                            fet_op_onnx_name(step->node->op));
        strides[a] = dim == 1 ? 0 : at;
        at *= dim;
    }
    if ((!param && from->rank != dst->rank) || (param && strides[0] != 0) || from->rank > dst->rank)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": %s that broadcasts over the batch cannot be trained", step->name,
                        fet_op_onnx_name(step->node->op));
    return FET_OK;
}

fet_status fet_train_operand_map(fet_trainer *trainer, const fet_train_step *step, const uint32_t *position, fet_train_operand *o)
{
    const fet_train_value *dst = &trainer->values[step->dst];
    const fet_shape *from = o->param ? &trainer->graph->values[o->value].shape : &trainer->values[o->value].shape;
    if (!o->param && fet_shape_equal(from, &dst->shape)) return FET_OK;
    int64_t strides[FET_MAX_RANK] = {0};
    FET_TRY(operand_strides(step, &dst->shape, from, o->param != NULL, strides));
    uint32_t *own = NULL;
    if (!o->param) FET_TRY(fet_train_positions(trainer, o->value, &own));
    o->map = fet_train_state(trainer, ((size_t)dst->items + 1) * sizeof *o->map);
    if (!o->map) return fet_arena_full();
    int64_t plain = fet_shape_elements(&dst->shape) / trainer->batch;
    for (int64_t i = 0; i < plain; i++) {
        int64_t rest = i, at = 0;
        for (uint32_t a = dst->shape.rank; a-- > 1; rest /= dst->shape.dim[a]) at += rest % dst->shape.dim[a] * strides[a];
        o->map[position[i]] = own ? own[at] : (uint32_t)at;
    }
    return FET_OK;
}

int64_t fet_train_operand_items(const fet_trainer *trainer, const fet_train_operand *o)
{
    return o->param ? fet_shape_elements(&trainer->graph->values[o->value].shape) : trainer->values[o->value].items;
}

const float *fet_train_operand_widen(const fet_trainer *trainer, const fet_train_operand *o, const fet_train_range *range, int64_t n,
                                     float *room)
{
    if (o->param) return o->param->master;
    const fet_train_value *v = &trainer->values[o->value];
    const char *data = fet_train_data(trainer, o->value, range);
    fet_train_simd_get()->to_f32(v->dtype, v->items, data + (size_t)n * v->image_bytes, room);
    return room;
}
