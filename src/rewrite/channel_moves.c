// SPDX-License-Identifier: Apache-2.0
/* Where channels go when an operator moves, cuts or joins them without computing anything: reshapes, transposes, concats, splits, slices.
 */
#include "rewrite/channel_trace.h"

#include <string.h>

/* --- reshape --- */

/* How the labels of the source lie in the result: entry ((m * count) + c) * k of one dimension, or over two dimensions. */
typedef struct placement {
    uint32_t first, span, axis;
    int64_t outer, inner; /* m in [0, outer), k in [0, inner) */
} placement;

static int64_t product(const fet_shape *shape, uint32_t from, uint32_t to)
{
    int64_t n = 1;
    for (uint32_t a = from; a < to; a++) n *= shape->dim[a];
    return n;
}

/* `target`: the constant that a Reshape reads, or NULL; its -1 says which of two dimensions is open. */
static bool place(const channel_labels *src, const fet_shape *from, const fet_shape *to, const fet_tensor *target, placement *out)
{
    int64_t outer = product(from, 0, src->first), inner = product(from, src->first + src->span, from->rank);
    for (uint32_t b = 1; b < to->rank; b++) {
        int64_t before = product(to, 0, b), behind = product(to, b + 1, to->rank);
        if (before == 0 || behind == 0 || outer % before != 0) continue;
        if (inner % behind == 0 && to->dim[b] == outer / before * src->count * (inner / behind)) {
            *out = (placement){.first = b, .span = 1, .axis = b, .outer = outer / before, .inner = inner / behind};
            return true;
        }
        if (b + 1 == to->rank || before != outer || to->dim[b] * to->dim[b + 1] != src->count) continue;
        if (product(to, b + 2, to->rank) != inner) continue;
        /* Nothing said, the smaller one is taken for the number of groups. */
        bool open_first = target ? fet_tensor_s64(target)[b] == -1 : false,
             open_second = target ? fet_tensor_s64(target)[b + 1] == -1 : false;
        bool first_varies = open_first || (!open_second && to->dim[b] > to->dim[b + 1]);
        *out = (placement){.first = b, .span = 2, .axis = first_varies ? b : b + 1, .outer = 1, .inner = 1};
        return true;
    }
    return false;
}

/* The part with a size of its own stays; entries that differ only in it are one channel. */
static void tie_two(channel_trace *trace, const channel_labels *labels, uint32_t columns)
{
    bool first_varies = labels->axis == labels->first;
    for (uint32_t i = 0; i < labels->count; i++)
        channel_unite(trace, labels->label[i], labels->label[first_varies ? i / columns * columns : i % columns]);
    channel_mark(trace, labels, CHANNEL_TIED);
}

/* Says what of a Reshape's target follows; false when it cannot. */
static bool states_target(const channel_trace *trace, const fet_node *node, const channel_labels *src, const channel_labels *dst,
                          bool *out_state)
{
    const fet_tensor *target = channel_integers(trace, node, 1);
    if (!target || fet_node_int(node, FET_ATTR_ALLOWZERO, 0) != 0) return false;
    const fet_shape *from = &channel_value(trace, node->inputs[0])->shape, *to = &channel_value(trace, node->outputs[0])->shape;
    int64_t wish = fet_tensor_s64(target)[dst->axis];
    /* 0 copies the source's dimension of that place, so that must vary in the same way and no other may. */
    bool same = dst->axis == src->axis && from->dim[src->axis] == to->dim[dst->axis] && dst->count == src->count;
    if (wish == 0 && !same) return false;
    if (src->axis < to->rank && src->axis != dst->axis && fet_tensor_s64(target)[src->axis] == 0) return false;
    *out_state = wish > 0;
    return true;
}

fet_status channel_reshape(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = channel_traced(trace, channel_input(node, 0));
    const fet_value *dst = channel_value(trace, node->outputs[0]);
    const fet_tensor *target = node->op == FET_OP_RESHAPE ? channel_integers(trace, node, 1) : NULL;
    placement at = {0};
    if (!src || !dst || src->count < 2 || !place(src, &channel_value(trace, node->inputs[0])->shape, &dst->shape, target, &at))
        return channel_cut(trace, node);
    channel_labels labels = {0};
    FET_TRY(channel_labels_alloc(trace, (uint32_t)(at.outer * src->count * at.inner), at.axis, &labels));
    for (uint32_t i = 0; i < labels.count; i++) labels.label[i] = src->label[i / at.inner % src->count];
    labels.first = (uint8_t)at.first, labels.span = (uint8_t)at.span;
    if (at.span == 2) labels.divide = (uint32_t)dst->shape.dim[at.axis == at.first ? at.first + 1 : at.first];
    bool state = false;
    if (node->op == FET_OP_RESHAPE && !states_target(trace, node, src, &labels, &state)) return channel_cut(trace, node);
    if (at.span == 2) tie_two(trace, &labels, (uint32_t)dst->shape.dim[at.first + 1]);
    trace->values[node->outputs[0]] = labels;
    return state ? channel_state_size(trace, node, 1, labels.axis, &labels) : FET_OK;
}

/* --- transpose --- */

/* Rows and columns of two dimensions change places. */
static fet_status swap_two(channel_trace *trace, const channel_labels *src, uint32_t rows, uint32_t columns, channel_labels *out_labels)
{
    FET_TRY(channel_labels_alloc(trace, src->count, 0, out_labels));
    for (uint32_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < columns; c++) out_labels->label[c * rows + r] = src->label[r * columns + c];
    return FET_OK;
}

fet_status channel_transpose(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = channel_traced(trace, channel_input(node, 0));
    const fet_attr *perm = fet_node_attr(node, FET_ATTR_PERM);
    if (!src || node->outputs[0] == FET_NONE) return channel_cut(trace, node);
    const fet_shape *from = &channel_value(trace, node->inputs[0])->shape;
    uint32_t place_of[FET_MAX_RANK] = {0}; /* of each source dimension in the result */
    for (uint32_t i = 0; i < from->rank; i++)
        place_of[perm && perm->type == FET_ATTR_TYPE_INTS ? (uint32_t)perm->ints[i] : from->rank - 1 - i] = i;
    channel_labels labels = *src;
    if (src->span == 2) {
        uint32_t first = place_of[src->first], second = place_of[src->first + 1];
        if (second != first + 1 && first != second + 1) return channel_cut(trace, node);
        if (first > second) {
            FET_TRY(swap_two(trace, src, (uint32_t)from->dim[src->first], (uint32_t)from->dim[src->first + 1], &labels));
            labels.divide = src->divide, labels.span = 2;
        }
        labels.first = (uint8_t)(first < second ? first : second);
    } else {
        labels.first = (uint8_t)place_of[src->first];
    }
    labels.axis = (uint8_t)place_of[src->axis];
    trace->values[node->outputs[0]] = labels;
    return FET_OK;
}

/* --- several tensors and one --- */

static int64_t axis_of(const fet_node *node, int64_t otherwise, uint32_t rank)
{
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, otherwise);
    return axis < 0 ? axis + rank : axis;
}

fet_status channel_concat(channel_trace *trace, const fet_node *node)
{
    const fet_value *dst = channel_value(trace, node->outputs[0]);
    if (!dst || dst->shape.rank < 2) return channel_cut(trace, node);
    int64_t axis = axis_of(node, 1, dst->shape.rank);
    const channel_labels *first = channel_traced(trace, node->inputs[0]);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const channel_labels *labels = channel_traced(trace, node->inputs[i]);
        if (!labels || labels->span != 1 || labels->axis != first->axis) return channel_cut(trace, node);
    }
    if (axis != first->axis) return channel_join(trace, node);
    channel_labels labels = {0};
    FET_TRY(channel_labels_alloc(trace, (uint32_t)dst->shape.dim[axis], (uint32_t)axis, &labels));
    for (uint32_t i = 0, at = 0; i < node->n_inputs; at += trace->values[node->inputs[i]].count, i++)
        memcpy(labels.label + at, trace->values[node->inputs[i]].label, trace->values[node->inputs[i]].count * sizeof(uint32_t));
    trace->values[node->outputs[0]] = labels;
    return FET_OK;
}

static channel_labels part_of(const channel_labels *labels, uint32_t from, uint32_t count)
{
    channel_labels part = *labels;
    part.label += from;
    part.count = count;
    return part;
}

fet_status channel_split(channel_trace *trace, const fet_node *node)
{
    const channel_labels *found = channel_traced(trace, channel_input(node, 0));
    const fet_tensor *sizes = channel_integers(trace, node, 1);
    if (!found || found->span != 1 || (channel_input(node, 1) != FET_NONE && !sizes)) return channel_cut(trace, node);
    channel_labels src = *found;
    int64_t axis = axis_of(node, 0, channel_value(trace, node->inputs[0])->shape.rank);
    for (uint32_t o = 0; o < node->n_outputs; o++)
        if (node->outputs[o] == FET_NONE) return channel_cut(trace, node);
    for (uint32_t o = 0, from = 0; o < node->n_outputs; o++) {
        if (axis != src.axis) {
            trace->values[node->outputs[o]] = src;
            continue;
        }
        channel_labels part = part_of(&src, from, (uint32_t)channel_value(trace, node->outputs[o])->shape.dim[axis]);
        trace->values[node->outputs[o]] = part;
        from += part.count;
        if (sizes) {
            FET_TRY(channel_state_size(trace, node, 1, o, &part));
        } else {
            /* Equal parts that no number names must stay equal. */
            for (uint32_t c = 0; c < part.count; c++) channel_unite(trace, part.label[c], src.label[c]);
        }
    }
    return FET_OK;
}

fet_status channel_slice(channel_trace *trace, const fet_node *node)
{
    enum { TO_THE_END = 1 << 30 }; /* what exporters write for it is larger */
    const channel_labels *found = channel_traced(trace, channel_input(node, 0));
    const fet_tensor *starts = channel_integers(trace, node, 1), *ends = channel_integers(trace, node, 2);
    const fet_tensor *axes = channel_integers(trace, node, 3), *steps = channel_integers(trace, node, 4);
    bool unknown = (channel_input(node, 3) != FET_NONE && !axes) || (channel_input(node, 4) != FET_NONE && !steps);
    if (!found || !starts || !ends || unknown || found->span != 1) return channel_cut(trace, node);
    channel_labels src = *found, part = src;
    for (uint32_t i = 0; i < fet_tensor_elements(starts); i++) {
        int64_t axis = axes ? fet_tensor_s64(axes)[i] : i, start = fet_tensor_s64(starts)[i], end = fet_tensor_s64(ends)[i];
        if (axis < 0) axis += channel_value(trace, node->inputs[0])->shape.rank;
        if (axis != src.axis) continue;
        bool open = end >= TO_THE_END;
        if (start < 0 || end < 0 || start >= src.count || (!open && (end > src.count || end <= start)) ||
            (steps && fet_tensor_s64(steps)[i] != 1))
            return channel_cut(trace, node);
        part = part_of(&src, (uint32_t)start, (open ? src.count : (uint32_t)end) - (uint32_t)start);
        channel_labels before = part_of(&src, 0, (uint32_t)start), until = part_of(&src, 0, (uint32_t)start + part.count);
        if (start > 0) FET_TRY(channel_state_size(trace, node, 1, i, &before));
        if (!open) FET_TRY(channel_state_size(trace, node, 2, i, &until));
    }
    trace->values[node->outputs[0]] = part;
    return FET_OK;
}

/* --- between channels and space --- */

fet_status channel_depth_to_space(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = channel_plain(trace, channel_input(node, 0));
    int64_t block = fet_node_int(node, FET_ATTR_BLOCKSIZE, 1);
    if (!src) return channel_cut(trace, node);
    uint32_t pixels = (uint32_t)(block * block), count = src->count / pixels;
    bool channel_first = strcmp(fet_node_string(node, FET_ATTR_MODE, "DCR"), "CRD") == 0;
    channel_labels labels = {0};
    FET_TRY(channel_labels_alloc(trace, count, 1, &labels));
    for (uint32_t i = 0; i < src->count; i++)
        channel_unite(trace, src->label[i], src->label[channel_first ? i / pixels * pixels : i % count]);
    channel_mark(trace, src, CHANNEL_TIED);
    for (uint32_t c = 0; c < count; c++) labels.label[c] = src->label[channel_first ? c * pixels : c];
    trace->values[node->outputs[0]] = labels;
    return FET_OK;
}

fet_status channel_space_to_depth(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = channel_plain(trace, channel_input(node, 0));
    int64_t block = fet_node_int(node, FET_ATTR_BLOCKSIZE, 1);
    if (!src) return channel_cut(trace, node);
    channel_labels labels = {0};
    FET_TRY(channel_labels_alloc(trace, src->count * (uint32_t)(block * block), 1, &labels));
    for (uint32_t i = 0; i < labels.count; i++) labels.label[i] = src->label[i % src->count];
    trace->values[node->outputs[0]] = labels;
    return FET_OK;
}

/* Sizes (input 3) hold the number of channels; scales do not. */
fet_status channel_resize(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = channel_plain(trace, channel_input(node, 0));
    const fet_value *dst = channel_value(trace, node->outputs[0]);
    bool sized = channel_input(node, 3) != FET_NONE;
    if (!src || !dst || dst->shape.dim[1] != src->count || (sized && !channel_integers(trace, node, 3))) return channel_cut(trace, node);
    trace->values[node->outputs[0]] = *src;
    return sized ? channel_state_size(trace, node, 3, 1, src) : FET_OK;
}
