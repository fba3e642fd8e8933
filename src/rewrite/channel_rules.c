// SPDX-License-Identifier: Apache-2.0
/* How each operator ties the channels of what it reads, writes and learns. An operator without a line in `rules` cuts: its groups are
 * fixed. */
#include "rewrite/channel_trace.h"

#include <string.h>

static const fet_value *value_of(const channel_trace *trace, fet_id value)
{
    return value == FET_NONE ? NULL : &trace->graph->values[value];
}

static fet_id input_of(const fet_node *node, uint32_t i)
{
    return i < node->n_inputs ? node->inputs[i] : FET_NONE;
}

static bool is_param(const channel_trace *trace, fet_id value)
{
    return value != FET_NONE && trace->graph->values[value].kind == FET_VALUE_PARAM;
}

static const channel_labels *traced(const channel_trace *trace, fet_id value)
{
    return value != FET_NONE && trace->values[value].label ? &trace->values[value] : NULL;
}

/* Everything that touches the node keeps its size. */
static fet_status cut(channel_trace *trace, const fet_node *node)
{
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const fet_value *value = value_of(trace, node->inputs[i]);
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
        const fet_value *value = value_of(trace, node->outputs[o]);
        if (!value || value->shape.rank < 2) continue;
        FET_TRY(channel_fresh(trace, (uint32_t)value->shape.dim[1], &trace->values[node->outputs[o]]));
        channel_fix(trace, &trace->values[node->outputs[o]]);
    }
    return FET_OK;
}

/* Output channel i is made of input channel i alone: activations, pools, reductions over space, resizing. */
static fet_status pass(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = traced(trace, input_of(node, 0));
    const fet_value *dst = value_of(trace, node->outputs[0]);
    if (!src || !dst || dst->shape.rank < 2 || dst->shape.dim[1] != src->count) return cut(trace, node);
    trace->values[node->outputs[0]] = *src;
    return FET_OK;
}

/* Passes channels when it leaves dimensions 0 and 1 alone. axes of Squeeze, Unsqueeze, ReduceX: an attribute, or input 1 from opset 13 on.
 */
static fet_status pass_spatial(channel_trace *trace, const fet_node *node)
{
    const fet_value *src = value_of(trace, input_of(node, 0));
    const fet_attr *attr = fet_node_attr(node, FET_ATTR_AXES);
    const fet_tensor *given = fet_graph_constant(trace->graph, input_of(node, 1));
    const int64_t *axes = attr && attr->type == FET_ATTR_TYPE_INTS ? attr->ints
                          : given && given->dtype == FET_DTYPE_S64 ? given->data
                                                                   : NULL;
    int64_t n_axes = attr ? attr->count : given ? fet_tensor_elements(given) : 0;
    if (!src || !axes || n_axes == 0) return cut(trace, node);
    int64_t rank = src->shape.rank;
    if (node->op == FET_OP_UNSQUEEZE) rank += n_axes;
    for (int64_t i = 0; i < n_axes; i++)
        if ((axes[i] < 0 ? axes[i] + rank : axes[i]) < 2) return cut(trace, node);
    return pass(trace, node);
}

/* `sizes` (input 3) would hold the number of channels; scales do not. */
static fet_status resize(channel_trace *trace, const fet_node *node)
{
    return input_of(node, 3) == FET_NONE ? pass(trace, node) : cut(trace, node);
}

/* Operands of one input of an elementwise operator against its output's channels. */
static fet_status join_input(channel_trace *trace, fet_id input, uint32_t dst_rank, const channel_labels *dst)
{
    const fet_value *src = value_of(trace, input);
    if (!src) return FET_OK;
    int64_t axis = 1 - ((int64_t)dst_rank - src->shape.rank); /* of the input, under the output's dimension 1 */
    bool stretched = axis < 0 || (src->shape.dim[axis] == 1 && dst->count != 1);
    if (src->kind == FET_VALUE_PARAM) return stretched ? FET_OK : channel_state_param(trace, input, (uint32_t)axis, dst, false);
    const channel_labels *labels = traced(trace, input);
    if (stretched || axis != 1 || !labels) {
        /* What is stretched to all channels must stay one; what is not traced along this dimension cannot follow it. */
        channel_fix(trace, &trace->values[input]);
        if (!stretched) channel_fix(trace, dst);
        return FET_OK;
    }
    for (uint32_t i = 0; i < dst->count; i++) channel_unite(trace, dst->label[i], labels->label[i]);
    return FET_OK;
}

/* Elementwise with broadcasting: additions, multiplications, PRelu. */
static fet_status join(channel_trace *trace, const fet_node *node)
{
    const fet_value *dst = value_of(trace, node->outputs[0]);
    if (!dst || dst->shape.rank < 2) return cut(trace, node);
    channel_labels labels = {0};
    FET_TRY(channel_fresh(trace, (uint32_t)dst->shape.dim[1], &labels));
    for (uint32_t i = 0; i < node->n_inputs; i++) FET_TRY(join_input(trace, node->inputs[i], dst->shape.rank, &labels));
    trace->values[node->outputs[0]] = labels;
    return FET_OK;
}

/* One number a channel in inputs 1.. */
static fet_status per_channel(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = traced(trace, input_of(node, 0));
    bool fits = src != NULL;
    for (uint32_t i = 1; i < node->n_inputs; i++) fits = fits && is_param(trace, node->inputs[i]);
    if (!fits) return cut(trace, node);
    channel_labels copy = *src;
    for (uint32_t i = 1; i < node->n_inputs; i++) FET_TRY(channel_state_param(trace, node->inputs[i], 0, &copy, false));
    return pass(trace, node);
}

/* `count` classes of which the p-th of each of `groups` equal parts are one. */
static fet_status fresh_tied(channel_trace *trace, uint32_t count, uint32_t groups, channel_labels *out_labels)
{
    FET_TRY(channel_fresh(trace, count, out_labels));
    for (uint32_t i = count / groups; i < count; i++) channel_unite(trace, out_labels->label[i], out_labels->label[i % (count / groups)]);
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
    *out_labels = (channel_labels){.label = fet_arena_alloc(trace->arena, count * sizeof(uint32_t)), .count = count};
    if (!out_labels->label) return fet_arena_full();
    for (uint32_t j = 0; j < count; j++) out_labels->label[j] = src->label[j / (count / src->count)];
    return FET_OK;
}

static fet_status conv(channel_trace *trace, const fet_node *node)
{
    const channel_labels *found = traced(trace, input_of(node, 0));
    fet_id weight = input_of(node, 1), bias = input_of(node, 2);
    int64_t group = fet_node_int(node, FET_ATTR_GROUP, 1);
    if (!found || !is_param(trace, weight) || (bias != FET_NONE && !is_param(trace, bias))) return cut(trace, node);
    channel_labels src = *found, dst = {0};
    bool transposed = node->op == FET_OP_CONV_TRANSPOSE;
    const int64_t *shape = trace->graph->values[weight].shape.dim;
    uint32_t dst_count = (uint32_t)(transposed ? shape[1] * group : shape[0]);
    uint32_t out_axis = transposed ? 1 : 0;
    if (group > 1 && group == src.count && dst_count % src.count == 0 && (!transposed || shape[1] == 1)) {
        FET_TRY(depthwise_labels(trace, &src, dst_count, &dst));
        FET_TRY(channel_state_param(trace, weight, 0, &dst, false));
    } else if (transposed && group > 1) {
        return cut(trace, node);
    } else {
        uint32_t groups = (uint32_t)group, per_group = src.count / groups;
        for (uint32_t i = per_group; i < src.count; i++) channel_unite(trace, src.label[i], src.label[i % per_group]);
        channel_labels part = {.label = src.label, .count = per_group};
        FET_TRY(channel_state_param(trace, weight, 1 - out_axis, &part, true));
        FET_TRY(fresh_tied(trace, dst_count, groups, &dst));
        FET_TRY(channel_state_param(trace, weight, out_axis, &dst, false));
    }
    if (bias != FET_NONE) FET_TRY(channel_state_param(trace, bias, 0, &dst, false));
    trace->values[node->outputs[0]] = dst;
    return FET_OK;
}

/* Gemm and MatMul with a matrix of parameters on the right. */
static fet_status matrix(channel_trace *trace, const fet_node *node)
{
    const channel_labels *found = traced(trace, input_of(node, 0));
    fet_id weight = input_of(node, 1), bias = input_of(node, 2);
    const fet_value *src_value = value_of(trace, input_of(node, 0));
    bool fits = found && is_param(trace, weight) && src_value->shape.rank == 2 && trace->graph->values[weight].shape.rank == 2 &&
                fet_node_int(node, FET_ATTR_TRANS_A, 0) == 0 && (bias == FET_NONE || is_param(trace, bias));
    if (!fits) return cut(trace, node);
    channel_labels src = *found, dst = {0};
    uint32_t out_axis = node->op == FET_OP_GEMM && fet_node_int(node, FET_ATTR_TRANS_B, 0) ? 0 : 1;
    FET_TRY(channel_state_param(trace, weight, 1 - out_axis, &src, true));
    FET_TRY(channel_fresh(trace, (uint32_t)trace->graph->values[weight].shape.dim[out_axis], &dst));
    FET_TRY(channel_state_param(trace, weight, out_axis, &dst, false));
    if (bias != FET_NONE) FET_TRY(join_input(trace, bias, 2, &dst));
    trace->values[node->outputs[0]] = dst;
    return FET_OK;
}

static fet_status concat(channel_trace *trace, const fet_node *node)
{
    const fet_value *dst = value_of(trace, node->outputs[0]);
    if (!dst || dst->shape.rank < 2) return cut(trace, node);
    for (uint32_t i = 0; i < node->n_inputs; i++)
        if (!traced(trace, node->inputs[i])) return cut(trace, node);
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, 1);
    if (axis < 0) axis += dst->shape.rank;
    if (axis != 1) return join(trace, node);
    channel_labels labels = {.label = fet_arena_alloc(trace->arena, (size_t)dst->shape.dim[1] * sizeof(uint32_t)),
                             .count = (uint32_t)dst->shape.dim[1]};
    if (!labels.label) return fet_arena_full();
    for (uint32_t i = 0, at = 0; i < node->n_inputs; at += trace->values[node->inputs[i]].count, i++)
        memcpy(labels.label + at, trace->values[node->inputs[i]].label, trace->values[node->inputs[i]].count * sizeof(uint32_t));
    trace->values[node->outputs[0]] = labels;
    return FET_OK;
}

/* N,C,H,W to N,C*H*W: each channel becomes H * W entries. A Reshape does the same when its shape leaves that size open (-1). */
static fet_status flatten(channel_trace *trace, const fet_node *node)
{
    const channel_labels *src = traced(trace, input_of(node, 0));
    const fet_value *from = value_of(trace, input_of(node, 0)), *dst = value_of(trace, node->outputs[0]);
    bool fits = src && dst && dst->shape.rank == 2 && dst->shape.dim[0] == from->shape.dim[0] && dst->shape.dim[1] % src->count == 0;
    if (fits && node->op == FET_OP_RESHAPE) {
        const fet_tensor *shape = fet_graph_constant(trace->graph, input_of(node, 1));
        fits = shape && shape->dtype == FET_DTYPE_S64 && fet_tensor_elements(shape) == 2 && fet_tensor_s64(shape)[1] == -1;
    }
    if (!fits) return cut(trace, node);
    channel_labels labels = {.label = fet_arena_alloc(trace->arena, (size_t)dst->shape.dim[1] * sizeof(uint32_t)),
                             .count = (uint32_t)dst->shape.dim[1]};
    if (!labels.label) return fet_arena_full();
    uint32_t inner = labels.count / src->count;
    for (uint32_t i = 0; i < labels.count; i++) labels.label[i] = src->label[i / inner];
    trace->values[node->outputs[0]] = labels;
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
    [FET_OP_PRELU] = join,
    [FET_OP_ADD] = join,
    [FET_OP_SUB] = join,
    [FET_OP_MUL] = join,
    [FET_OP_DIV] = join,
    [FET_OP_POW] = join,
    [FET_OP_MIN] = join,
    [FET_OP_MAX] = join,
    [FET_OP_SUM] = join,
    [FET_OP_MEAN] = join,
    [FET_OP_CONCAT] = concat,
    [FET_OP_FLATTEN] = flatten,
    [FET_OP_RESHAPE] = flatten,
    [FET_OP_RESIZE] = resize,
    [FET_OP_SQUEEZE] = pass_spatial,
    [FET_OP_UNSQUEEZE] = pass_spatial,
    [FET_OP_REDUCE_MEAN] = pass_spatial,
    [FET_OP_REDUCE_SUM] = pass_spatial,
    [FET_OP_REDUCE_MAX] = pass_spatial,
    [FET_OP_REDUCE_MIN] = pass_spatial,
    [FET_OP_MAX_POOL] = pass,
    [FET_OP_AVERAGE_POOL] = pass,
    [FET_OP_GLOBAL_AVERAGE_POOL] = pass,
    [FET_OP_GLOBAL_MAX_POOL] = pass,
    [FET_OP_RELU] = pass,
    [FET_OP_CLIP] = pass,
    [FET_OP_LEAKY_RELU] = pass,
    [FET_OP_ELU] = pass,
    [FET_OP_SELU] = pass,
    [FET_OP_CELU] = pass,
    [FET_OP_SIGMOID] = pass,
    [FET_OP_HARD_SIGMOID] = pass,
    [FET_OP_HARD_SWISH] = pass,
    [FET_OP_SWISH] = pass,
    [FET_OP_GELU] = pass,
    [FET_OP_TANH] = pass,
    [FET_OP_SOFTPLUS] = pass,
    [FET_OP_SOFTSIGN] = pass,
    [FET_OP_ABS] = pass,
    [FET_OP_NEG] = pass,
    [FET_OP_EXP] = pass,
    [FET_OP_LOG] = pass,
    [FET_OP_SQRT] = pass,
    [FET_OP_RECIPROCAL] = pass,
    [FET_OP_FLOOR] = pass,
    [FET_OP_CEIL] = pass,
    [FET_OP_ROUND] = pass,
    [FET_OP_ERF] = pass,
    [FET_OP_SIGN] = pass,
    [FET_OP_PAD] = pass,
    [FET_OP_IDENTITY] = pass,
    [FET_OP_DROPOUT] = pass,
    [FET_OP_CAST] = pass,
};

fet_status channel_trace_node(channel_trace *trace, const fet_node *node)
{
    return rules[node->op] ? rules[node->op](trace, node) : cut(trace, node);
}
