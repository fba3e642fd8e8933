// SPDX-License-Identifier: Apache-2.0
/*
 * From the file's opset to the form of opset 13: one function for each operator that changed, in a table. Mostly attributes that became
 * inputs (and, in opset 18, went on to become inputs where ours are still attributes).
 */
#include "format/onnx/reader.h"
#include "graph/limits.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const fet_node *node_of(const fet_onnx_reader *reader, fet_id node)
{
    return &reader->graph->nodes[node];
}

#define refuse(reader, node, ...) fet_failed_(FET_ERROR_UNSUPPORTED, refuse_at(__LINE__, node_of(reader, node), __VA_ARGS__))
static fet_status refuse_at(int line, const fet_node *node, const char *format, ...) FET_PRINTF(3, 4);
static fet_status refuse_at(int line, const fet_node *node, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fet_fail_at(FET_ERROR_UNSUPPORTED, __FILE__, line, "%s node \"%.200s\": %s", fet_op_onnx_name(node->op), node->name, text);
}

/* A constant "<node>.<role>". */
static fet_status add_constant(fet_onnx_reader *reader, fet_id node, const char *role, fet_dtype dtype, const fet_shape *shape,
                               const void *data, fet_id *out_value)
{
    fet_auto(fet_tensor) tensor = NULL;
    char *name = fet_arena_printf(reader->scratch, "%s.%s", node_of(reader, node)->name, role);
    if (!name) return fet_arena_full();
    FET_TRY(fet_tensor_create(dtype, shape, &tensor));
    if (tensor->bytes) memcpy(tensor->data, data, tensor->bytes);
    return fet_graph_add_param(reader->graph, name, dtype, shape, tensor, false, out_value);
}

/* Puts `value` at input `at`, with empty places before it if need be. */
static fet_status put_input(fet_onnx_reader *reader, fet_id node, uint32_t at, fet_id value)
{
    fet_id ids[FET_NODE_LIMIT_INPUTS + 8];
    uint32_t n = node_of(reader, node)->n_inputs;
    for (uint32_t i = 0; i < n; i++) ids[i] = node_of(reader, node)->inputs[i];
    while (n <= at) ids[n++] = FET_NONE;
    ids[at] = value;
    return fet_graph_set_inputs(reader->graph, node, ids, n);
}

static fet_status put_ints(fet_onnx_reader *reader, fet_id node, uint32_t at, const char *role, const int64_t *values, uint32_t n)
{
    fet_id value = FET_NONE;
    fet_shape shape = fet_shape_1d(n);
    FET_TRY(add_constant(reader, node, role, FET_DTYPE_S64, &shape, values, &value));
    return put_input(reader, node, at, value);
}

static fet_status put_scalar(fet_onnx_reader *reader, fet_id node, uint32_t at, const char *role, float number)
{
    fet_id value = FET_NONE;
    fet_shape shape = {0};
    FET_TRY(add_constant(reader, node, role, FET_DTYPE_F32, &shape, &number, &value));
    return put_input(reader, node, at, value);
}

/* A list attribute becomes input `at`. */
static fet_status attr_to_input(fet_onnx_reader *reader, fet_id node, fet_attr_key key, uint32_t at)
{
    const fet_attr *attr = fet_node_attr(node_of(reader, node), key);
    if (!attr) return FET_OK;
    if (attr->type != FET_ATTR_TYPE_INTS) return refuse(reader, node, "attribute %s is no list of integers", attr->name);
    FET_TRY(put_ints(reader, node, at, attr->name, attr->ints, attr->count));
    return fet_graph_remove_attr(reader->graph, node, key);
}

/* Cuts the inputs to the first n. */
static fet_status cut_inputs(fet_onnx_reader *reader, fet_id node, uint32_t n)
{
    const fet_node *at = node_of(reader, node);
    while (n > 0 && (n > at->n_inputs || at->inputs[n - 1] == FET_NONE)) n--;
    return fet_graph_set_inputs(reader->graph, node, at->inputs, n);
}

/* The integers of a constant input; *out = NULL when there is none, refused when it is computed. */
static fet_status constant_input(fet_onnx_reader *reader, fet_id node, uint32_t at, const char *role, const fet_tensor **out)
{
    const fet_node *n = node_of(reader, node);
    *out = NULL;
    if (!fet_node_input(reader->graph, n, at)) return FET_OK;
    *out = fet_graph_constant(reader->graph, n->inputs[at]);
    if (!*out || (*out)->dtype != FET_DTYPE_S64 || (*out)->shape.rank > 1)
        return refuse(reader, node, "its %s (input %u) are no constant list of int64", role, at);
    return FET_OK;
}

static bool takes(const fet_node *node, const char *name, int64_t *out)
{
    for (uint32_t a = 0; a < node->n_attrs; a++)
        if (strcmp(node->attrs[a].name, name) == 0 && node->attrs[a].type == FET_ATTR_TYPE_INT) {
            *out = node->attrs[a].i;
            return true;
        }
    return false;
}

/* Removes an attribute known by name only. */
static void drop_other(fet_onnx_reader *reader, fet_id node, const char *name)
{
    fet_node *n = &reader->graph->nodes[node];
    for (uint32_t a = 0; a < n->n_attrs; a++)
        if (n->attrs[a].key == FET_ATTR_OTHER && strcmp(n->attrs[a].name, name) == 0 && n->attrs[a].type != FET_ATTR_TYPE_TENSOR) {
            memmove(&n->attrs[a], &n->attrs[a + 1], (n->n_attrs - a - 1u) * sizeof *n->attrs); /* just made: shared with nobody */
            n->n_attrs--;
            return;
        }
}

/* Retargets `node` to a fresh value and gives the old one, for rules that append something behind. */
static fet_status detach_output(fet_onnx_reader *reader, fet_id node, const char *role, fet_id *out_fresh, fet_id *out_old)
{
    char *name = fet_arena_printf(reader->scratch, "%s.%s", node_of(reader, node)->name, role);
    if (!name) return fet_arena_full();
    FET_TRY(fet_graph_add_value(reader->graph, name, FET_DTYPE_NONE, out_fresh));
    *out_old = reader->graph->nodes[node].outputs[0];
    reader->graph->values[*out_old].node = FET_NONE;
    reader->graph->values[*out_fresh].node = node;
    reader->graph->nodes[node].outputs[0] = *out_fresh;
    return FET_OK;
}

static fet_status fix_clip(fet_onnx_reader *reader, fet_id node)
{
    static const fet_attr_key keys[2] = {FET_ATTR_MIN, FET_ATTR_MAX};
    if (reader->opset >= 11) return FET_OK;
    for (uint32_t i = 0; i < 2; i++) {
        const fet_attr *attr = fet_node_attr(node_of(reader, node), keys[i]);
        if (!attr) continue;
        if (attr->type != FET_ATTR_TYPE_FLOAT) return refuse(reader, node, "attribute %s is no float", attr->name);
        FET_TRY(put_scalar(reader, node, 1 + i, attr->name, attr->f));
        FET_TRY(fet_graph_remove_attr(reader->graph, node, keys[i]));
    }
    return FET_OK;
}

/* The mask of a Dropout that drops nothing: all true. */
static fet_status fix_mask(fet_onnx_reader *reader, fet_id node)
{
    fet_node *n = &reader->graph->nodes[node]; /* just made: shared with nobody */
    if (n->n_outputs < 2 || n->outputs[1] == FET_NONE) return FET_OK;
    fet_id mask = n->outputs[1];
    fet_auto(fet_tensor) ones = NULL;
    FET_TRY(fet_tensor_create(FET_DTYPE_BOOL, &reader->graph->values[n->inputs[0]].shape, &ones));
    if (ones->bytes) memset(ones->data, 1, ones->bytes);
    n->n_outputs = 1;
    reader->graph->values[mask].node = FET_NONE;
    return fet_graph_make_constant(reader->graph, mask, ones);
}

static fet_status fix_dropout(fet_onnx_reader *reader, fet_id node)
{
    FET_TRY(fix_mask(reader, node));
    const fet_node *n = node_of(reader, node);
    if (reader->opset < 12) {
        for (uint32_t a = 0; a < n->n_attrs; a++)
            if (strcmp(n->attrs[a].name, "ratio") == 0 && n->attrs[a].type == FET_ATTR_TYPE_FLOAT) {
                FET_TRY(put_scalar(reader, node, 1, "ratio", n->attrs[a].f));
                drop_other(reader, node, "ratio");
                break;
            }
        return FET_OK;
    }
    if (!fet_node_input(reader->graph, n, 2)) return FET_OK;
    const fet_tensor *training = fet_graph_constant(reader->graph, n->inputs[2]);
    const fet_tensor *ratio = fet_node_input(reader->graph, n, 1) ? fet_graph_constant(reader->graph, n->inputs[1]) : NULL;
    bool nothing = ratio && ratio->dtype == FET_DTYPE_F32 && fet_tensor_elements(ratio) == 1 && fet_tensor_f32(ratio)[0] == 0.0f;
    if (nothing) return cut_inputs(reader, node, 2);
    if (!training || training->dtype != FET_DTYPE_BOOL || fet_tensor_elements(training) != 1 || *(const uint8_t *)training->data)
        return refuse(reader, node, "training_mode is on or computed; export the model in evaluation mode");
    return cut_inputs(reader, node, 2);
}

static fet_status fix_batch_normalization(fet_onnx_reader *reader, fet_id node)
{
    int64_t value = 0;
    const fet_node *n = node_of(reader, node);
    if (takes(n, "training_mode", &value) && value != 0)
        return refuse(reader, node, "training_mode is on; export the model in evaluation mode");
    drop_other(reader, node, "training_mode");
    if (takes(n, "spatial", &value) && value == 0) return refuse(reader, node, "spatial = 0 (statistics for each pixel)");
    drop_other(reader, node, "spatial");
    return FET_OK;
}

static fet_status fix_axes(fet_onnx_reader *reader, fet_id node)
{
    return reader->opset < 13 ? attr_to_input(reader, node, FET_ATTR_AXES, 1) : FET_OK;
}

/* noop_with_empty_axes = 1 means nothing is reduced without axes. */
static fet_status fix_noop(fet_onnx_reader *reader, fet_id node, bool has_axes)
{
    int64_t noop = 0;
    if (takes(node_of(reader, node), "noop_with_empty_axes", &noop) && noop != 0 && !has_axes) {
        fet_node *n = &reader->graph->nodes[node]; /* just made: shared with nobody */
        n->op = FET_OP_IDENTITY, n->n_attrs = 0;
        return FET_OK;
    }
    drop_other(reader, node, "noop_with_empty_axes");
    return FET_OK;
}

static fet_status fix_reduce_sum(fet_onnx_reader *reader, fet_id node)
{
    FET_TRY(fix_axes(reader, node));
    const fet_tensor *axes = NULL;
    FET_TRY(constant_input(reader, node, 1, "axes", &axes));
    bool has_axes = axes && fet_tensor_elements(axes) > 0;
    FET_TRY(fix_noop(reader, node, has_axes));
    return has_axes ? FET_OK : cut_inputs(reader, node, 1);
}

/* Opset 18 moved the axes into an input; ours are still an attribute. */
static fet_status fix_reduce(fet_onnx_reader *reader, fet_id node)
{
    const fet_tensor *axes = NULL;
    FET_TRY(constant_input(reader, node, 1, "axes", &axes));
    bool has_axes = axes && fet_tensor_elements(axes) > 0;
    if (has_axes)
        FET_TRY(fet_graph_set_ints(reader->graph, node, FET_ATTR_AXES, fet_tensor_s64(axes), (uint32_t)fet_tensor_elements(axes)));
    FET_TRY(fix_noop(reader, node, has_axes || fet_node_attr(node_of(reader, node), FET_ATTR_AXES)));
    return cut_inputs(reader, node, 1);
}

static fet_status fix_split(fet_onnx_reader *reader, fet_id node)
{
    int64_t parts = 0;
    if (reader->opset < 13) FET_TRY(attr_to_input(reader, node, FET_ATTR_SPLIT, 1));
    const fet_node *n = node_of(reader, node);
    if (!takes(n, "num_outputs", &parts)) return FET_OK;
    if (parts != n->n_outputs) return refuse(reader, node, "num_outputs is %" PRId64 " but it has %u outputs", parts, n->n_outputs);
    drop_other(reader, node, "num_outputs");
    /* The last part may be smaller, which opset 13 needs spelled out. */
    const fet_shape *src = &reader->graph->values[n->inputs[0]].shape;
    int64_t axis = fet_node_int(n, FET_ATTR_AXIS, 0), sizes[FET_NODE_LIMIT_INPUTS];
    if (axis < 0) axis += src->rank;
    if (axis < 0 || axis >= src->rank) return refuse(reader, node, "axis %" PRId64 " of a tensor of rank %u", axis, src->rank);
    if (parts < 1 || src->dim[axis] % parts == 0) return FET_OK;
    int64_t each = (src->dim[axis] + parts - 1) / parts;
    for (int64_t i = 0; i < parts; i++) sizes[i] = i + 1 < parts ? each : src->dim[axis] - each * (parts - 1);
    return put_ints(reader, node, 1, "split", sizes, (uint32_t)parts);
}

static fet_status fix_slice(fet_onnx_reader *reader, fet_id node)
{
    if (reader->opset >= 10) return FET_OK;
    FET_TRY(attr_to_input(reader, node, FET_ATTR_STARTS, 1));
    FET_TRY(attr_to_input(reader, node, FET_ATTR_ENDS, 2));
    return attr_to_input(reader, node, FET_ATTR_AXES, 3);
}

static fet_status fix_pad(fet_onnx_reader *reader, fet_id node)
{
    if (reader->opset < 11) {
        FET_TRY(attr_to_input(reader, node, FET_ATTR_PADS, 1));
        const fet_attr *value = fet_node_attr(node_of(reader, node), FET_ATTR_VALUE);
        if (value && value->type == FET_ATTR_TYPE_FLOAT && value->f != 0) FET_TRY(put_scalar(reader, node, 2, "value", value->f));
        return fet_graph_remove_attr(reader->graph, node, FET_ATTR_VALUE);
    }
    const fet_tensor *axes = NULL, *pads = NULL;
    FET_TRY(constant_input(reader, node, 3, "axes", &axes));
    if (!axes) return FET_OK;
    FET_TRY(constant_input(reader, node, 1, "pads", &pads));
    const fet_shape *src = &reader->graph->values[node_of(reader, node)->inputs[0]].shape;
    int64_t all[2 * FET_MAX_RANK] = {0}, n = fet_tensor_elements(axes);
    if (!pads || fet_tensor_elements(pads) != 2 * n) return refuse(reader, node, "%" PRId64 " axes and pads that do not fit", n);
    for (int64_t i = 0; i < n; i++) {
        int64_t axis = fet_tensor_s64(axes)[i] < 0 ? fet_tensor_s64(axes)[i] + src->rank : fet_tensor_s64(axes)[i];
        if (axis < 0 || axis >= src->rank) return refuse(reader, node, "axis %" PRId64 " of a tensor of rank %u", axis, src->rank);
        all[axis] = fet_tensor_s64(pads)[i];
        all[axis + src->rank] = fet_tensor_s64(pads)[i + n];
    }
    FET_TRY(put_ints(reader, node, 1, "pads", all, 2 * src->rank));
    return cut_inputs(reader, node, 3);
}

/* Upsample, and Resize of opset 10: out = floor(in * scale), positions in / scale, nearest rounds down. */
static fet_status fix_old_resize(fet_onnx_reader *reader, fet_id node)
{
    const fet_node *n = node_of(reader, node);
    fet_id inputs[3] = {n->inputs[0], FET_NONE, n->n_inputs > 1 ? n->inputs[1] : FET_NONE};
    const fet_attr *scales = fet_node_attr(n, FET_ATTR_SCALES);
    if (scales && scales->type == FET_ATTR_TYPE_FLOATS) {
        fet_shape shape = fet_shape_1d(scales->count);
        FET_TRY(add_constant(reader, node, "scales", FET_DTYPE_F32, &shape, scales->floats, &inputs[2]));
        FET_TRY(fet_graph_remove_attr(reader->graph, node, FET_ATTR_SCALES));
    }
    if (inputs[2] == FET_NONE) return refuse(reader, node, "has no scales");
    FET_TRY(fet_graph_set_inputs(reader->graph, node, inputs, 3));
    FET_TRY(fet_graph_set_string(reader->graph, node, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "asymmetric"));
    FET_TRY(fet_graph_set_string(reader->graph, node, FET_ATTR_NEAREST_MODE, "floor"));
    /* Opset 9 wrote "bilinear" in some exporters. */
    const char *mode = fet_node_string(n, FET_ATTR_MODE, "nearest");
    return strcmp(mode, "bilinear") == 0 ? fet_graph_set_string(reader->graph, node, FET_ATTR_MODE, "linear") : FET_OK;
}

static fet_status fix_upsample(fet_onnx_reader *reader, fet_id node)
{
    return fix_old_resize(reader, node);
}

static fet_status fix_resize(fet_onnx_reader *reader, fet_id node)
{
    static const char *const young[] = {"antialias", "axes", "keep_aspect_ratio_policy"};
    if (reader->opset < 11) return fix_old_resize(reader, node);
    const fet_node *n = node_of(reader, node);
    int64_t antialias = 0;
    if (takes(n, young[0], &antialias) && antialias != 0) return refuse(reader, node, "antialias; resize without it");
    if (fet_node_attr(n, FET_ATTR_AXES)) return refuse(reader, node, "attribute axes; give scales or sizes for all dimensions");
    for (uint32_t a = 0; a < n->n_attrs; a++)
        if (strcmp(n->attrs[a].name, young[2]) == 0 &&
            (n->attrs[a].type != FET_ATTR_TYPE_STRING || strcmp(n->attrs[a].string, "stretch") != 0))
            return refuse(reader, node, "keep_aspect_ratio_policy; only stretch");
    for (size_t i = 0; i < sizeof young / sizeof *young; i++) drop_other(reader, node, young[i]);
    return FET_OK;
}

/* Up to opset 12 everything from `axis` on was normalised together. */
static fet_status fix_softmax(fet_onnx_reader *reader, fet_id node)
{
    if (reader->opset >= 13) return FET_OK;
    const fet_node *n = node_of(reader, node);
    fet_shape src = reader->graph->values[n->inputs[0]].shape;
    int64_t axis = fet_node_int(n, FET_ATTR_AXIS, 1), behind = 1;
    if (axis < 0) axis += src.rank;
    if (axis < 0 || axis >= src.rank) return refuse(reader, node, "axis %" PRId64 " of a tensor of rank %u", axis, src.rank);
    for (int64_t i = axis + 1; i < src.rank; i++) behind *= src.dim[i];
    if (behind == 1) return fet_graph_set_int(reader->graph, node, FET_ATTR_AXIS, axis);
    /* Flatten -> Softmax -> Reshape: this node becomes the Flatten, the others follow. */
    fet_op_kind op = n->op;
    fet_id flat = FET_NONE, old = FET_NONE, middle = FET_NONE, softmax = FET_NONE, reshape = FET_NONE, target = FET_NONE;
    char *name = fet_arena_printf(reader->scratch, "%s.softmax", n->name), *back = fet_arena_printf(reader->scratch, "%s.reshape", n->name);
    if (!name || !back) return fet_arena_full();
    FET_TRY(detach_output(reader, node, "flat", &flat, &old));
    reader->graph->nodes[node].op = FET_OP_FLATTEN;
    FET_TRY(fet_graph_set_int(reader->graph, node, FET_ATTR_AXIS, axis));
    FET_TRY(fet_graph_add_node(reader->graph, op, name, &flat, 1, 1, &softmax));
    FET_TRY(fet_graph_set_int(reader->graph, softmax, FET_ATTR_AXIS, 1));
    middle = reader->graph->nodes[softmax].outputs[0];
    fet_shape shape = fet_shape_1d(src.rank);
    FET_TRY(add_constant(reader, node, "shape", FET_DTYPE_S64, &shape, src.dim, &target));
    return fet_graph_add_node_to(reader->graph, FET_OP_RESHAPE, back, (fet_id[]){middle, target}, 2, &old, 1, &reshape);
}

/* Opset 15: a part of the shape. */
static fet_status fix_shape(fet_onnx_reader *reader, fet_id node)
{
    int64_t start = 0, end = INT64_MAX;
    bool has_start = takes(node_of(reader, node), "start", &start), has_end = takes(node_of(reader, node), "end", &end);
    drop_other(reader, node, "start");
    drop_other(reader, node, "end");
    if ((!has_start || start == 0) && !has_end) return FET_OK;
    fet_id whole = FET_NONE, old = FET_NONE, inputs[3], slice = FET_NONE;
    fet_shape one = fet_shape_1d(1);
    char *name = fet_arena_printf(reader->scratch, "%s.slice", node_of(reader, node)->name);
    if (!name) return fet_arena_full();
    FET_TRY(detach_output(reader, node, "whole", &whole, &old));
    inputs[0] = whole;
    FET_TRY(add_constant(reader, node, "start", FET_DTYPE_S64, &one, &start, &inputs[1]));
    FET_TRY(add_constant(reader, node, "end", FET_DTYPE_S64, &one, &end, &inputs[2]));
    return fet_graph_add_node_to(reader->graph, FET_OP_SLICE, name, inputs, 3, &old, 1, &slice);
}

static fet_status fix_reshape(fet_onnx_reader *reader, fet_id node)
{
    if (fet_node_int(node_of(reader, node), FET_ATTR_ALLOWZERO, 0) != 0) return refuse(reader, node, "allowzero");
    return fet_graph_remove_attr(reader->graph, node, FET_ATTR_ALLOWZERO);
}

static const struct {
    const char *type;
    fet_status (*fix)(fet_onnx_reader *, fet_id);
} fixes[] = {
    {"BatchNormalization", fix_batch_normalization},
    {"Clip", fix_clip},
    {"Dropout", fix_dropout},
    {"LogSoftmax", fix_softmax},
    {"Pad", fix_pad},
    {"ReduceL1", fix_reduce},
    {"ReduceL2", fix_reduce},
    {"ReduceMax", fix_reduce},
    {"ReduceMean", fix_reduce},
    {"ReduceMin", fix_reduce},
    {"ReduceProd", fix_reduce},
    {"ReduceSum", fix_reduce_sum},
    {"ReduceSumSquare", fix_reduce},
    {"Reshape", fix_reshape},
    {"Resize", fix_resize},
    {"Shape", fix_shape},
    {"Slice", fix_slice},
    {"Softmax", fix_softmax},
    {"Split", fix_split},
    {"Squeeze", fix_axes},
    {"Unsqueeze", fix_axes},
    {"Upsample", fix_upsample},
};

fet_status fet_onnx_normalise(fet_onnx_reader *reader, fet_id node, const char *type)
{
    if (node_of(reader, node)->n_inputs < 1 || node_of(reader, node)->inputs[0] == FET_NONE) return FET_OK; /* inference refuses it */
    for (size_t i = 0; i < sizeof fixes / sizeof *fixes; i++)
        if (strcmp(fixes[i].type, type) == 0) return fixes[i].fix(reader, node);
    return FET_OK;
}
