// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/families.h"

#include <string.h>

fet_strides fet_strides_row_major(const fet_shape *shape)
{
    fet_strides strides = {{0}};
    int64_t step = 1;
    for (uint32_t i = shape->rank; i-- > 0;) {
        strides.at[i] = step;
        step *= shape->dim[i];
    }
    return strides;
}

fet_strides fet_strides_broadcast(const fet_shape *in, const fet_shape *out)
{
    fet_strides own = fet_strides_row_major(in), strides = {{0}};
    for (uint32_t i = 0; i < in->rank; i++)
        if (in->dim[i] != 1) strides.at[i + out->rank - in->rank] = own.at[i];
    return strides;
}

/* Calls for each line along the last dimension: where it starts in row-major order and by the strides. */
typedef struct walk {
    const fet_shape *shape;
    const fet_strides *strides;
    int64_t index[FET_MAX_RANK];
    int64_t offset;
} walk;

static bool next_line(walk *w)
{
    for (uint32_t i = w->shape->rank - 1; i-- > 0;) {
        w->offset += w->strides->at[i];
        if (++w->index[i] < w->shape->dim[i]) return true;
        w->offset -= w->shape->dim[i] * w->strides->at[i];
        w->index[i] = 0;
    }
    return false;
}

void fet_walk_read(const fet_shape *shape, const float *src, const fet_strides *strides, float *dst)
{
    if (fet_shape_elements(shape) == 0) return;
    if (shape->rank == 0) {
        *dst = *src;
        return;
    }
    walk w = {.shape = shape, .strides = strides};
    int64_t length = shape->dim[shape->rank - 1], step = strides->at[shape->rank - 1];
    do {
        if (step == 1) memcpy(dst, src + w.offset, (size_t)length * sizeof *dst);
        else
            for (int64_t i = 0; i < length; i++) dst[i] = src[w.offset + i * step];
        dst += length;
    } while (next_line(&w));
}

fet_lines fet_lines_of(const fet_shape *shape, int64_t axis)
{
    fet_lines lines = {1, 1, 1};
    if (axis < 0) axis += shape->rank;
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (i < axis) lines.outer *= shape->dim[i];
        else if (i == axis) lines.length = shape->dim[i];
        else lines.inner *= shape->dim[i];
    }
    return lines;
}

uint32_t fet_reference_ints(const fet_reference_call *call, uint32_t i, fet_attr_key key, uint32_t room, int64_t *values)
{
    const fet_attr *attr = key == FET_ATTR_OTHER ? NULL : fet_node_attr(call->node, key);
    if (attr && attr->type == FET_ATTR_TYPE_INT) {
        values[0] = attr->i;
        return 1;
    }
    if (attr && attr->type == FET_ATTR_TYPE_INTS) {
        uint32_t n = attr->count < room ? attr->count : room;
        for (uint32_t k = 0; k < n; k++) values[k] = attr->ints[k];
        return n;
    }
    const float *numbers = fet_reference_src(call, i);
    if (!numbers) return 0;
    int64_t count = fet_shape_elements(fet_reference_in(call, i));
    uint32_t n = count < room ? (uint32_t)count : room;
    for (uint32_t k = 0; k < n; k++)
        values[k] = numbers[k] >= 0x1p62f ? INT64_MAX : numbers[k] <= -0x1p62f ? INT64_MIN : (int64_t)numbers[k];
    return n;
}
