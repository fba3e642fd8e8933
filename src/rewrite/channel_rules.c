// SPDX-License-Identifier: Apache-2.0
/* How each operator ties the channels of what it reads, writes and learns. An operator without a line in `rules` cuts: its groups are
 * fixed. */
#include "rewrite/channel_trace.h"

static bool is_param(const channel_trace *trace, fet_id value)
{
    return value != FET_NONE && trace->graph->values[value].kind == FET_VALUE_PARAM;
}

fet_status channel_cut(channel_trace *trace, const fet_node *node)
{
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const fet_value *value = channel_value(trace, node->inputs[i]);
        if (!value) continue;
        channel_fix(trace, &trace->values[node->inputs[i]]);
        for (uint32_t a = 0; value->kind == FET_VALUE_PARAM && a < value->shape.rank && a < FET_ORIGIN_AXES; a++) {
            channel_labels labels = {0};
            FET_TRY(channel_fresh(trace, (uint32_t)value->shape.dim[a], &labels));
            channel_fix(trace, &labels);
            FET_TRY(channel_state_param(trace, node->inputs[i], a, &labels, false));
        }
    }
    for (uint32_t o = 0; o < node->n_outputs; o++) {
        const fet_value *value = channel_value(trace, node->outputs[o]);
        if (!value || value->shape.rank < 2) continue;
        FET_TRY(channel_fresh(trace, (uint32_t)value->shape.dim[1], &trace->values[node->outputs[o]]));
        channel_fix(trace, &trace->values[node->outputs[o]]);
    }
    return FET_OK;
}

fet_status channel_along(channel_trace *trace, fet_id value, uint32_t axis, channel_labels *out_labels)
{
    *out_labels = (channel_labels){0};
    const channel_labels *labels = channel_traced(trace, value);
    if (!labels || axis >= channel_value(trace, value)->shape.rank) return FET_OK;
    if (labels->span != 1 || labels->axis != axis) {
        channel_fix(trace, labels);
        FET_TRY(channel_fresh(trace, (uint32_t)channel_value(trace, value)->shape.dim[axis], &trace->values[value]));
        trace->values[value].first = trace->values[value].axis = (uint8_t)axis;
        channel_fix(trace, &trace->values[value]);
    }
    *out_labels = trace->values[value];
    return FET_OK;
}

/* Output channel i is made of input channel i alone, whatever happens in the dimensions behind: pools, resizing, padding. */
static fet_status pass(channel_trace *trace, const fet_node *node)
{
    channel_labels src;
    FET_TRY(channel_along(trace, channel_input(node, 0), 1, &src));
    const fet_value *dst = channel_value(trace, node->outputs[0]);
    if (!src.label || !dst || dst->shape.rank < 2 || dst->shape.dim[1] != src.count) return channel_cut(trace, node);
    trace->values[node->outputs[0]] = src;
    return FET_OK;
}

/* Element by element, so wherever the channels stand. */
static fet_status pass_elements(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = channel_traced(trace, channel_input(node, 0));
    if (!src || node->outputs[0] == FET_NONE) return channel_cut(trace, node);
    trace->values[node->outputs[0]] = *src;
    return FET_OK;
}

/* Across neighbouring channels: any width will do, but copies of channels change the result. */
static fet_status pass_mixed(channel_trace *trace, const fet_node *node)
{
    FET_TRY(pass(trace, node));
    channel_mark(trace, &trace->values[node->outputs[0]], CHANNEL_MIXED);
    return FET_OK;
}

static bool covers(const channel_labels *labels, int64_t axis)
{
    return axis >= labels->first && axis < labels->first + labels->span;
}

/* Elementwise but for one axis, along which it normalises. */
static fet_status pass_softmax(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = channel_traced(trace, channel_input(node, 0));
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, -1);
    if (src && axis < 0) axis += channel_value(trace, node->inputs[0])->shape.rank;
    return !src || covers(src, axis) ? channel_cut(trace, node) : pass_elements(trace, node);
}

/* Reductions over other dimensions than the channels'. axes: an attribute, or input 1 from opset 13 on. */
static fet_status reduce(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = channel_traced(trace, channel_input(node, 0));
    const fet_attr *attr = fet_node_attr(node, FET_ATTR_AXES);
    const fet_tensor *given = channel_integers(trace, node, 1);
    const int64_t *axes = attr && attr->type == FET_ATTR_TYPE_INTS ? attr->ints : given ? given->data : NULL;
    int64_t n_axes = attr ? attr->count : given ? fet_tensor_elements(given) : 0;
    if (!src || src->span != 1 || !axes || n_axes == 0) return channel_cut(trace, node);
    channel_labels dst = *src;
    bool keeps = fet_node_int(node, FET_ATTR_KEEPDIMS, 1) != 0;
    for (int64_t i = 0; i < n_axes; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + channel_value(trace, node->inputs[0])->shape.rank : axes[i];
        if (axis == src->axis) return channel_cut(trace, node);
        if (axis < src->axis && !keeps) dst.axis--, dst.first--;
    }
    trace->values[node->outputs[0]] = dst;
    return FET_OK;
}

/*
 * An operand of an elementwise operator against its output's labels. Shapes are aligned at their ends, so the operand's dimensions are
 * `shift` less than the output's.
 */
static fet_status join_input(channel_trace *trace, fet_id input, uint32_t dst_rank, const channel_labels *dst)
{
    const fet_value *src = channel_value(trace, input);
    if (!src) return FET_OK;
    int64_t shift = (int64_t)dst_rank - src->shape.rank, first = dst->first - shift, entries = 1;
    for (int64_t a = first; a < first + dst->span; a++) entries *= a < 0 ? 1 : src->shape.dim[a];
    bool stretched = entries == 1 && dst->count != 1, whole = entries == dst->count && first >= 0;
    if (src->kind == FET_VALUE_PARAM) {
        if (stretched) return FET_OK;
        if (whole && dst->span == 1 && first < FET_ORIGIN_AXES) return channel_state_param(trace, input, (uint32_t)first, dst, false);
        channel_fix(trace, dst);
        return FET_OK;
    }
    const channel_labels *labels = channel_traced(trace, input);
    if (!stretched && whole && labels && labels->first == first && labels->span == dst->span && labels->axis + shift == dst->axis) {
        for (uint32_t i = 0; i < dst->count; i++) channel_unite(trace, dst->label[i], labels->label[i]);
        return FET_OK;
    }
    /* What is stretched to all channels must stay one; what is traced along another dimension cannot follow it. */
    channel_fix(trace, &trace->values[input]);
    if (!stretched) channel_fix(trace, dst);
    return FET_OK;
}

/* Whether the labels, seen in a result of this shape, cover it without stretching. */
static bool fills(const channel_labels *labels, uint32_t rank, const fet_shape *dst)
{
    int64_t entries = 1;
    for (uint32_t a = 0; a < labels->span; a++) entries *= dst->dim[labels->first + a];
    return rank == dst->rank && entries == labels->count;
}

fet_status channel_join(channel_trace *trace, const fet_node *node)
{
    const fet_value *dst = channel_value(trace, node->outputs[0]);
    if (!dst || dst->shape.rank < 2) return channel_cut(trace, node);
    const channel_labels *like = NULL;
    for (uint32_t i = 0; i < node->n_inputs && !like; i++) {
        like = channel_traced(trace, node->inputs[i]);
        if (like && !fills(like, channel_value(trace, node->inputs[i])->shape.rank, &dst->shape)) like = NULL;
    }
    channel_labels labels = {0};
    FET_TRY(channel_fresh(trace, like ? like->count : (uint32_t)dst->shape.dim[1], &labels));
    if (like) labels.first = like->first, labels.span = like->span, labels.axis = like->axis, labels.divide = like->divide;
    for (uint32_t i = 0; i < node->n_inputs; i++) FET_TRY(join_input(trace, node->inputs[i], dst->shape.rank, &labels));
    trace->values[node->outputs[0]] = labels;
    return FET_OK;
}

/* One number a channel in inputs 1.. */
static fet_status per_channel(channel_trace *trace, const fet_node *node)
{
    channel_labels src;
    FET_TRY(channel_along(trace, channel_input(node, 0), 1, &src));
    bool fits = src.label != NULL;
    for (uint32_t i = 1; i < node->n_inputs; i++) fits = fits && is_param(trace, node->inputs[i]);
    if (!fits) return channel_cut(trace, node);
    for (uint32_t i = 1; i < node->n_inputs; i++) FET_TRY(channel_state_param(trace, node->inputs[i], 0, &src, false));
    return pass(trace, node);
}

/* `count` classes of which the p-th of each of `groups` equal parts are one. */
static fet_status fresh_tied(channel_trace *trace, uint32_t count, uint32_t groups, channel_labels *out_labels)
{
    FET_TRY(channel_fresh(trace, count, out_labels));
    for (uint32_t i = count / groups; i < count; i++) channel_unite(trace, out_labels->label[i], out_labels->label[i % (count / groups)]);
    if (groups > 1) channel_mark(trace, out_labels, CHANNEL_TIED);
    return FET_OK;
}

/* A depthwise convolution's output channel j comes from input channel j / multiplier. */
static fet_status depthwise_labels(channel_trace *trace, const channel_labels *src, uint32_t count, channel_labels *out_labels)
{
    if (count == src->count) {
        *out_labels = *src;
        out_labels->summed = false;
        return FET_OK;
    }
    FET_TRY(channel_labels_alloc(trace, count, 1, out_labels));
    for (uint32_t j = 0; j < count; j++) out_labels->label[j] = src->label[j / (count / src->count)];
    return FET_OK;
}

static fet_status conv(channel_trace *trace, const fet_node *node)
{
    channel_labels src, dst = {0};
    FET_TRY(channel_along(trace, channel_input(node, 0), 1, &src));
    fet_id weight = channel_input(node, 1), bias = channel_input(node, 2);
    int64_t group = fet_node_int(node, FET_ATTR_GROUP, 1);
    if (!src.label || !is_param(trace, weight) || (bias != FET_NONE && !is_param(trace, bias))) return channel_cut(trace, node);
    bool transposed = node->op == FET_OP_CONV_TRANSPOSE;
    const int64_t *shape = trace->graph->values[weight].shape.dim;
    uint32_t dst_count = (uint32_t)(transposed ? shape[1] * group : shape[0]);
    uint32_t out_axis = transposed ? 1 : 0;
    if (group > 1 && group == src.count && dst_count % src.count == 0 && (!transposed || shape[1] == 1)) {
        FET_TRY(depthwise_labels(trace, &src, dst_count, &dst));
        FET_TRY(channel_state_param(trace, weight, 0, &dst, false));
    } else if (transposed && group > 1) {
        return channel_cut(trace, node);
    } else {
        uint32_t groups = (uint32_t)group, per_group = src.count / groups;
        for (uint32_t i = per_group; i < src.count; i++) channel_unite(trace, src.label[i], src.label[i % per_group]);
        if (groups > 1) channel_mark(trace, &src, CHANNEL_TIED);
        channel_labels part = {.label = src.label, .count = per_group};
        FET_TRY(channel_state_param(trace, weight, 1 - out_axis, &part, true));
        FET_TRY(fresh_tied(trace, dst_count, groups, &dst));
        FET_TRY(channel_state_param(trace, weight, out_axis, &dst, false));
    }
    if (bias != FET_NONE) FET_TRY(channel_state_param(trace, bias, 0, &dst, false));
    trace->values[node->outputs[0]] = dst;
    return FET_OK;
}

/* Gemm and MatMul with a matrix of parameters on the right, the channels in the last dimension. */
static fet_status matrix(channel_trace *trace, const fet_node *node)
{
    channel_labels src = {0}, dst = {0};
    fet_id weight = channel_input(node, 1), bias = channel_input(node, 2);
    uint32_t rank = channel_value(trace, node->inputs[0])->shape.rank;
    if (rank > 1) FET_TRY(channel_along(trace, node->inputs[0], rank - 1, &src));
    bool fits = src.label && is_param(trace, weight) && trace->graph->values[weight].shape.rank == 2 &&
                fet_node_int(node, FET_ATTR_TRANS_A, 0) == 0 && (bias == FET_NONE || is_param(trace, bias));
    if (!fits) return channel_cut(trace, node);
    uint32_t out_axis = node->op == FET_OP_GEMM && fet_node_int(node, FET_ATTR_TRANS_B, 0) ? 0 : 1;
    FET_TRY(channel_state_param(trace, weight, 1 - out_axis, &src, true));
    FET_TRY(channel_fresh(trace, (uint32_t)trace->graph->values[weight].shape.dim[out_axis], &dst));
    dst.first = dst.axis = src.axis;
    FET_TRY(channel_state_param(trace, weight, out_axis, &dst, false));
    if (bias != FET_NONE) FET_TRY(join_input(trace, bias, 2, &dst));
    trace->values[node->outputs[0]] = dst;
    return FET_OK;
}

typedef fet_status (*rule)(channel_trace *trace, const fet_node *node);

static const rule rules[FET_OP_COUNT] = {
    [FET_OP_CONV] = conv,
    [FET_OP_CONV_TRANSPOSE] = conv,
    [FET_OP_GEMM] = matrix,
    [FET_OP_MATMUL] = matrix,
    [FET_OP_BATCH_NORMALIZATION] = per_channel,
    [FET_OP_INSTANCE_NORMALIZATION] = per_channel,
    [FET_OP_PRELU] = channel_join,
    [FET_OP_ADD] = channel_join,
    [FET_OP_SUB] = channel_join,
    [FET_OP_MUL] = channel_join,
    [FET_OP_DIV] = channel_join,
    [FET_OP_POW] = channel_join,
    [FET_OP_MOD] = channel_join,
    [FET_OP_MIN] = channel_join,
    [FET_OP_MAX] = channel_join,
    [FET_OP_SUM] = channel_join,
    [FET_OP_MEAN] = channel_join,
    [FET_OP_CONCAT] = channel_concat,
    [FET_OP_FLATTEN] = channel_reshape,
    [FET_OP_RESHAPE] = channel_reshape,
    [FET_OP_RESIZE] = channel_resize,
    [FET_OP_SQUEEZE] = channel_reshape,
    [FET_OP_UNSQUEEZE] = channel_reshape,
    [FET_OP_REDUCE_MEAN] = reduce,
    [FET_OP_REDUCE_SUM] = reduce,
    [FET_OP_REDUCE_MAX] = reduce,
    [FET_OP_REDUCE_MIN] = reduce,
    [FET_OP_MAX_POOL] = pass,
    [FET_OP_AVERAGE_POOL] = pass,
    [FET_OP_GLOBAL_AVERAGE_POOL] = pass,
    [FET_OP_GLOBAL_MAX_POOL] = pass,
    [FET_OP_RELU] = pass_elements,
    [FET_OP_CLIP] = pass_elements,
    [FET_OP_LEAKY_RELU] = pass_elements,
    [FET_OP_ELU] = pass_elements,
    [FET_OP_SELU] = pass_elements,
    [FET_OP_CELU] = pass_elements,
    [FET_OP_SIGMOID] = pass_elements,
    [FET_OP_HARD_SIGMOID] = pass_elements,
    [FET_OP_HARD_SWISH] = pass_elements,
    [FET_OP_SWISH] = pass_elements,
    [FET_OP_GELU] = pass_elements,
    [FET_OP_TANH] = pass_elements,
    [FET_OP_SOFTPLUS] = pass_elements,
    [FET_OP_SOFTSIGN] = pass_elements,
    [FET_OP_ABS] = pass_elements,
    [FET_OP_NEG] = pass_elements,
    [FET_OP_EXP] = pass_elements,
    [FET_OP_LOG] = pass_elements,
    [FET_OP_SQRT] = pass_elements,
    [FET_OP_RECIPROCAL] = pass_elements,
    [FET_OP_FLOOR] = pass_elements,
    [FET_OP_CEIL] = pass_elements,
    [FET_OP_ROUND] = pass_elements,
    [FET_OP_ERF] = pass_elements,
    [FET_OP_SIN] = pass_elements,
    [FET_OP_COS] = pass_elements,
    [FET_OP_SIGN] = pass_elements,
    [FET_OP_PAD] = pass,
    [FET_OP_LRN] = pass_mixed,
    [FET_OP_SOFTMAX] = pass_softmax,
    [FET_OP_LOG_SOFTMAX] = pass_softmax,
    [FET_OP_TRANSPOSE] = channel_transpose,
    [FET_OP_SPLIT] = channel_split,
    [FET_OP_SLICE] = channel_slice,
    [FET_OP_DEPTH_TO_SPACE] = channel_depth_to_space,
    [FET_OP_SPACE_TO_DEPTH] = channel_space_to_depth,
    [FET_OP_IDENTITY] = pass_elements,
    [FET_OP_DROPOUT] = pass_elements,
    [FET_OP_CAST] = pass_elements,
};

fet_status channel_trace_node(channel_trace *trace, const fet_node *node)
{
    return rules[node->op] ? rules[node->op](trace, node) : channel_cut(trace, node);
}
