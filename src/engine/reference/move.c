// SPDX-License-Identifier: Apache-2.0
/* Operators that only move, pick, repeat or make numbers. */
#include "engine/reference/families.h"

#include <string.h>

void fet_reference_concat(const fet_reference_call *call)
{
    const fet_shape *out = fet_reference_out(call, 0);
    int64_t axis = fet_node_int(call->node, FET_ATTR_AXIS, 1), first = 0;
    fet_lines to = fet_lines_of(out, axis);
    for (uint32_t i = 0; i < call->node->n_inputs; i++) {
        fet_lines from = fet_lines_of(fet_reference_in(call, i), axis);
        int64_t run = from.length * from.inner;
        for (int64_t o = 0; o < to.outer; o++)
            memcpy(call->dst[0] + o * to.length * to.inner + first * to.inner, call->src[i] + o * run, (size_t)run * sizeof(float));
        first += from.length;
    }
}

void fet_reference_split(const fet_reference_call *call)
{
    int64_t axis = fet_node_int(call->node, FET_ATTR_AXIS, 0), first = 0;
    fet_lines from = fet_lines_of(fet_reference_in(call, 0), axis);
    for (uint32_t i = 0; i < call->node->n_outputs; i++) {
        if (call->node->outputs[i] == FET_NONE) continue;
        fet_lines to = fet_lines_of(fet_reference_out(call, i), axis);
        int64_t run = to.length * to.inner;
        for (int64_t o = 0; call->dst[i] && o < to.outer; o++)
            memcpy(call->dst[i] + o * run, call->src[0] + o * from.length * from.inner + first * from.inner, (size_t)run * sizeof(float));
        first += to.length;
    }
}

/* Where a slice starts, clamped as numpy does: to 0 .. dim going up, to 0 .. dim - 1 going down. */
static int64_t slice_start(int64_t start, int64_t dim, int64_t step)
{
    if (start < 0) start = start < -dim ? 0 : start + dim;
    int64_t last = step > 0 ? dim : dim - 1;
    return start > last ? last : start;
}

void fet_reference_slice(const fet_reference_call *call)
{
    const fet_shape *in = fet_reference_in(call, 0);
    int64_t starts[FET_MAX_RANK], axes[FET_MAX_RANK], steps[FET_MAX_RANK];
    uint32_t n = fet_reference_ints(call, 1, FET_ATTR_STARTS, FET_MAX_RANK, starts);
    uint32_t n_axes = fet_reference_ints(call, 3, FET_ATTR_AXES, FET_MAX_RANK, axes);
    uint32_t n_steps = fet_reference_ints(call, 4, FET_ATTR_OTHER, FET_MAX_RANK, steps);
    fet_strides strides = fet_strides_row_major(in);
    const float *src = call->src[0];
    for (uint32_t i = 0; i < n; i++) {
        int64_t axis = i < n_axes ? axes[i] : i, step = i < n_steps ? steps[i] : 1;
        if (axis < 0) axis += in->rank;
        src += slice_start(starts[i], in->dim[axis], step) * strides.at[axis];
        strides.at[axis] *= step;
    }
    fet_walk_read(fet_reference_out(call, 0), src, &strides, call->dst[0]);
}

void fet_reference_gather(const fet_reference_call *call)
{
    fet_lines l = fet_lines_of(fet_reference_in(call, 0), fet_node_int(call->node, FET_ATTR_AXIS, 0));
    int64_t n = fet_shape_elements(fet_reference_in(call, 1));
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < n; i++) {
            int64_t at = (int64_t)call->src[1][i];
            if (at < 0) at += l.length;
            at = at < 0 ? 0 : at >= l.length ? l.length - 1 : at; /* an index out of range must not read beyond */
            memcpy(call->dst[0] + (o * n + i) * l.inner, call->src[0] + (o * l.length + at) * l.inner, (size_t)l.inner * sizeof(float));
        }
}

typedef enum pad_mode { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT, PAD_WRAP } pad_mode;

/* Where position `at` of a padded axis comes from; -1: the constant. */
static int64_t padded_from(int64_t at, int64_t dim, pad_mode mode)
{
    if (at >= 0 && at < dim) return at;
    switch (mode) {
    case PAD_CONSTANT: return -1;
    case PAD_EDGE: return at < 0 ? 0 : dim - 1;
    case PAD_WRAP: return (at % dim + dim) % dim;
    case PAD_REFLECT: break;
    }
    if (dim == 1) return 0;
    int64_t period = 2 * (dim - 1);
    at = (at % period + period) % period;
    return at < dim ? at : period - at;
}

void fet_reference_pad(const fet_reference_call *call)
{
    const fet_shape *in = fet_reference_in(call, 0), *out = fet_reference_out(call, 0);
    const char *text = fet_node_string(call->node, FET_ATTR_MODE, "constant");
    pad_mode mode = text[0] == 'e' ? PAD_EDGE : text[0] == 'r' ? PAD_REFLECT : text[0] == 'w' ? PAD_WRAP : PAD_CONSTANT;
    const float *value = fet_reference_src(call, 2);
    float filler = value ? *value : fet_node_float(call->node, FET_ATTR_VALUE, 0.0f);
    int64_t pads[2 * FET_MAX_RANK] = {0}, count = fet_shape_elements(out);
    fet_reference_ints(call, 1, FET_ATTR_PADS, 2 * FET_MAX_RANK, pads);
    fet_strides strides = fet_strides_row_major(in);
    uint32_t last = out->rank - 1;
    int64_t width = out->rank ? out->dim[last] : 1;
    for (int64_t o = 0; o < count; o += width) {
        int64_t offset = 0, rest = o / width;
        bool inside = true;
        for (uint32_t i = last; out->rank && i-- > 0; rest /= out->dim[i]) {
            int64_t from = padded_from(rest % out->dim[i] - pads[i], in->dim[i], mode);
            inside = inside && from >= 0;
            offset += from * strides.at[i];
        }
        for (int64_t x = 0; x < width; x++) {
            int64_t from = out->rank && inside ? padded_from(x - pads[last], in->dim[last], mode) : inside ? 0 : -1;
            call->dst[0][o + x] = from >= 0 ? call->src[0][offset + from] : filler;
        }
    }
}

void fet_reference_tile(const fet_reference_call *call)
{
    const fet_shape *in = fet_reference_in(call, 0), *out = fet_reference_out(call, 0);
    fet_strides strides = fet_strides_row_major(in);
    int64_t count = fet_shape_elements(out);
    for (int64_t o = 0; o < count; o++) {
        int64_t offset = 0, rest = o;
        for (uint32_t i = out->rank; i-- > 0; rest /= out->dim[i]) offset += rest % out->dim[i] % in->dim[i] * strides.at[i];
        call->dst[0][o] = call->src[0][offset];
    }
}

void fet_reference_expand(const fet_reference_call *call)
{
    fet_strides strides = fet_strides_broadcast(fet_reference_in(call, 0), fet_reference_out(call, 0));
    fet_walk_read(fet_reference_out(call, 0), call->src[0], &strides, call->dst[0]);
}

void fet_reference_transpose(const fet_reference_call *call)
{
    const fet_shape *in = fet_reference_in(call, 0);
    fet_strides from = fet_strides_row_major(in), strides = {{0}};
    int64_t perm[FET_MAX_RANK];
    uint32_t n = 0;
    const fet_attr *attr = fet_node_attr(call->node, FET_ATTR_PERM);
    if (attr) n = fet_reference_ints(call, UINT32_MAX, FET_ATTR_PERM, FET_MAX_RANK, perm);
    for (uint32_t i = 0; i < in->rank; i++) strides.at[i] = from.at[n ? perm[i] : in->rank - 1 - i];
    fet_walk_read(fet_reference_out(call, 0), call->src[0], &strides, call->dst[0]);
}

/* N, B, B, C, H, W (or N, C, B, B, H, W with mode CRD) -> N, C, H, B, W, B */
void fet_reference_depth_to_space(const fet_reference_call *call)
{
    const int64_t *d = fet_reference_in(call, 0)->dim;
    int64_t b = fet_node_int(call->node, FET_ATTR_BLOCKSIZE, 1), c = d[1] / (b * b), image = d[2] * d[3];
    bool crd = strcmp(fet_node_string(call->node, FET_ATTR_MODE, "DCR"), "CRD") == 0;
    fet_shape walked = {.rank = 6, .dim = {d[0], c, d[2], b, d[3], b}};
    fet_strides strides = {{d[1] * image, crd ? b * b * image : image, d[3], crd ? b * image : b * c * image, 1, crd ? image : c * image}};
    fet_walk_read(&walked, call->src[0], &strides, call->dst[0]);
}

/* N, C, H, B, W, B -> N, B, B, C, H, W */
void fet_reference_space_to_depth(const fet_reference_call *call)
{
    const int64_t *d = fet_reference_in(call, 0)->dim;
    int64_t b = fet_node_int(call->node, FET_ATTR_BLOCKSIZE, 1), h = d[2] / b, w = d[3] / b;
    fet_shape walked = {.rank = 6, .dim = {d[0], b, b, d[1], h, w}};
    fet_strides strides = {{d[1] * d[2] * d[3], d[3], 1, d[2] * d[3], b * d[3], b}};
    fet_walk_read(&walked, call->src[0], &strides, call->dst[0]);
}

void fet_reference_shape(const fet_reference_call *call)
{
    const fet_shape *in = fet_reference_in(call, 0);
    for (uint32_t i = 0; i < in->rank; i++) call->dst[0][i] = (float)in->dim[i];
}

void fet_reference_constant_of_shape(const fet_reference_call *call)
{
    const fet_attr *attr = fet_node_attr(call->node, FET_ATTR_VALUE);
    float value = 0.0f;
    if (attr && attr->type == FET_ATTR_TYPE_TENSOR) {
        if (attr->tensor->dtype == FET_DTYPE_F32) value = *(const float *)attr->tensor->data;
        else if (attr->tensor->dtype == FET_DTYPE_S64) value = (float)*(const int64_t *)attr->tensor->data;
        else if (attr->tensor->dtype == FET_DTYPE_S32) value = (float)*(const int32_t *)attr->tensor->data;
        else if (fet_dtype_bytes(attr->tensor->dtype) == 1) value = *(const uint8_t *)attr->tensor->data;
    }
    int64_t count = fet_shape_elements(fet_reference_out(call, 0));
    for (int64_t i = 0; i < count; i++) call->dst[0][i] = value;
}

void fet_reference_range(const fet_reference_call *call)
{
    int64_t count = fet_shape_elements(fet_reference_out(call, 0));
    for (int64_t i = 0; i < count; i++) call->dst[0][i] = call->src[0][0] + (float)i * call->src[2][0];
}
