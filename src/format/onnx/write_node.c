// SPDX-License-Identifier: Apache-2.0
/* Nodes into NodeProto, and the operators that are younger than the opset written, as what they mean. */
#include "format/onnx/writer.h"

#include <inttypes.h>
#include <string.h>

Onnx__NodeProto *fet_onnx_add_node(fet_onnx_writer *writer, const char *type, char *name, char *const *inputs, size_t n_inputs,
                                   char *const *outputs, size_t n_outputs)
{
    Onnx__NodeProto *node = fet_onnx_room(writer, 1, sizeof *node);
    char **in = fet_onnx_room(writer, n_inputs, sizeof *in), **out = fet_onnx_room(writer, n_outputs, sizeof *out);
    char *op_type = fet_onnx_text(writer, type);
    if (writer->status != FET_OK) return NULL;
    onnx__node_proto__init(node);
    if (n_inputs) memcpy(in, inputs, n_inputs * sizeof *in);
    memcpy(out, outputs, n_outputs * sizeof *out);
    node->name = name;
    node->op_type = op_type;
    node->n_input = n_inputs, node->input = in;
    node->n_output = n_outputs, node->output = out;
    writer->proto->node[writer->proto->n_node++] = node;
    return node;
}

static Onnx__AttributeProto *new_attr(fet_onnx_writer *writer, const char *name)
{
    Onnx__AttributeProto *attr = fet_onnx_room(writer, 1, sizeof *attr);
    char *own = fet_onnx_text(writer, name);
    if (writer->status != FET_OK) return NULL;
    onnx__attribute_proto__init(attr);
    attr->name = own;
    attr->has_type = 1;
    return attr;
}

static void append_attr(fet_onnx_writer *writer, Onnx__NodeProto *node, Onnx__AttributeProto *attr)
{
    if (!node || !attr) return;
    Onnx__AttributeProto **list = fet_onnx_room(writer, node->n_attribute + 1, sizeof(void *));
    if (!list) return;
    if (node->n_attribute) memcpy(list, node->attribute, node->n_attribute * sizeof(void *));
    list[node->n_attribute++] = attr;
    node->attribute = list;
}

static void add_float(fet_onnx_writer *writer, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *attr = new_attr(writer, name);
    if (!attr) return;
    attr->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    attr->has_f = 1, attr->f = value;
    append_attr(writer, node, attr);
}

static void add_int(fet_onnx_writer *writer, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *attr = new_attr(writer, name);
    if (!attr) return;
    attr->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    attr->has_i = 1, attr->i = value;
    append_attr(writer, node, attr);
}

static void add_ints(fet_onnx_writer *writer, Onnx__NodeProto *node, const char *name, const int64_t *values, uint32_t n)
{
    Onnx__AttributeProto *attr = new_attr(writer, name);
    int64_t *own = fet_onnx_room(writer, n, sizeof *own);
    if (!attr || !own) return;
    if (n) memcpy(own, values, n * sizeof *own);
    attr->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    attr->n_ints = n, attr->ints = own;
    append_attr(writer, node, attr);
}

static void write_attr(fet_onnx_writer *writer, Onnx__NodeProto *node, const fet_attr *attr)
{
    if (attr->type == FET_ATTR_TYPE_FLOAT) {
        add_float(writer, node, attr->name, attr->f);
        return;
    }
    if (attr->type == FET_ATTR_TYPE_INTS) {
        add_ints(writer, node, attr->name, attr->ints, attr->count);
        return;
    }
    if (attr->type == FET_ATTR_TYPE_INT) {
        add_int(writer, node, attr->name, attr->i);
        return;
    }
    Onnx__AttributeProto *proto = new_attr(writer, attr->name);
    void *copy = NULL;
    if (!proto) return;
    switch (attr->type) {
    case FET_ATTR_TYPE_FLOATS:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
        copy = fet_onnx_room(writer, attr->count, sizeof *attr->floats);
        if (copy && attr->count) memcpy(copy, attr->floats, attr->count * sizeof *attr->floats);
        proto->n_floats = attr->count, proto->floats = copy;
        break;
    case FET_ATTR_TYPE_STRING:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        copy = fet_onnx_room(writer, attr->count, 1);
        if (copy && attr->count) memcpy(copy, attr->string, attr->count);
        proto->has_s = 1, proto->s.len = attr->count, proto->s.data = copy;
        break;
    case FET_ATTR_TYPE_TENSOR:
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
        proto->t = fet_onnx_tensor_proto(writer, NULL, attr->tensor);
        break;
    default: break;
    }
    append_attr(writer, node, proto);
}

/* "<node>/<role>", a fresh value. */
static char *middle(fet_onnx_writer *writer, const fet_node *node, const char *role)
{
    char *wanted = fet_arena_printf(writer->arena, "%s/%s", node->name, role);
    if (!wanted) {
        if (writer->status == FET_OK) writer->status = fet_arena_full();
        return NULL;
    }
    return fet_onnx_unique(writer, wanted);
}

/* A scalar constant as a Constant node. */
static char *scalar(fet_onnx_writer *writer, const fet_node *node, const char *role, float value)
{
    char *name = middle(writer, node, role);
    Onnx__NodeProto *proto = fet_onnx_add_node(writer, "Constant", name, NULL, 0, &name, 1);
    add_float(writer, proto, "value_float", value);
    return name;
}

static char *apply(fet_onnx_writer *writer, const fet_node *node, const char *type, const char *role, char *a, char *b)
{
    char *in[2] = {a, b}, *out = middle(writer, node, role);
    fet_onnx_add_node(writer, type, out, in, b ? 2 : 1, &out, 1);
    return out;
}

static void finish(fet_onnx_writer *writer, const fet_node *node, const char *type, char *a, char *b)
{
    char *in[2] = {a, b}, *out = writer->names[node->outputs[0]], *name = fet_onnx_text(writer, node->name);
    fet_onnx_add_node(writer, type, name, in, 2, &out, 1);
}

/* x * sigmoid(x), or x * clip(x / 6 + 1/2, 0, 1). */
static void write_swish(fet_onnx_writer *writer, const fet_node *node, bool hard)
{
    char *x = writer->names[node->inputs[0]], *gate = middle(writer, node, "gate");
    Onnx__NodeProto *proto = fet_onnx_add_node(writer, hard ? "HardSigmoid" : "Sigmoid", gate, &x, 1, &gate, 1);
    if (hard) add_float(writer, proto, "alpha", 1.0f / 6.0f), add_float(writer, proto, "beta", 0.5f);
    finish(writer, node, "Mul", x, gate);
}

/* x / 2 * (1 + erf(x / sqrt 2)), or with tanh when the node asks for that. */
static fet_status write_gelu(fet_onnx_writer *writer, const fet_node *node)
{
    char *x = writer->names[node->inputs[0]], *inner = NULL;
    if (strcmp(fet_node_string(node, FET_ATTR_APPROXIMATE, "none"), "tanh") == 0) {
        char *square = apply(writer, node, "Mul", "square", x, x);
        char *cube = apply(writer, node, "Mul", "cube", square, x);
        char *part = apply(writer, node, "Mul", "part", cube, scalar(writer, node, "c3", 0.044715f));
        char *sum = apply(writer, node, "Add", "sum", x, part);
        inner =
            apply(writer, node, "Tanh", "tanh", apply(writer, node, "Mul", "scaled", sum, scalar(writer, node, "c1", 0.7978845608f)), NULL);
    } else {
        inner = apply(writer, node, "Erf", "erf", apply(writer, node, "Mul", "scaled", x, scalar(writer, node, "c1", 0.7071067812f)), NULL);
    }
    char *gate = apply(writer, node, "Add", "gate", inner, scalar(writer, node, "one", 1.0f));
    char *half = apply(writer, node, "Mul", "half", x, scalar(writer, node, "c2", 0.5f));
    finish(writer, node, "Mul", half, gate);
    return writer->status;
}

static fet_status write_layer_norm(fet_onnx_writer *writer, const fet_node *node)
{
    const fet_shape *src = &writer->graph->values[node->inputs[0]].shape;
    int64_t axis = fet_node_int(node, FET_ATTR_AXIS, -1), axes[FET_MAX_RANK];
    uint32_t n = 0;
    if (axis < 0) axis += src->rank;
    for (int64_t i = axis; i < src->rank; i++) axes[n++] = i;
    char *x = writer->names[node->inputs[0]], *scale = writer->names[node->inputs[1]];
    char *mean = middle(writer, node, "mean");
    add_ints(writer, fet_onnx_add_node(writer, "ReduceMean", mean, &x, 1, &mean, 1), "axes", axes, n);
    char *centred = apply(writer, node, "Sub", "centred", x, mean);
    char *square = apply(writer, node, "Mul", "square", centred, centred), *variance = middle(writer, node, "variance");
    add_ints(writer, fet_onnx_add_node(writer, "ReduceMean", variance, &square, 1, &variance, 1), "axes", axes, n);
    char *safe =
        apply(writer, node, "Add", "safe", variance, scalar(writer, node, "epsilon", fet_node_float(node, FET_ATTR_EPSILON, 1e-5f)));
    char *normal = apply(writer, node, "Div", "normal", centred, apply(writer, node, "Sqrt", "deviation", safe, NULL));
    bool has_bias = node->n_inputs > 2 && node->inputs[2] != FET_NONE;
    if (has_bias) finish(writer, node, "Add", apply(writer, node, "Mul", "scaled", normal, scale), writer->names[node->inputs[2]]);
    else finish(writer, node, "Mul", normal, scale);
    return writer->status;
}

static fet_status write_as_it_is(fet_onnx_writer *writer, const fet_node *node)
{
    char **in = fet_onnx_room(writer, node->n_inputs, sizeof *in), **out = fet_onnx_room(writer, node->n_outputs, sizeof *out);
    char *nothing = fet_onnx_text(writer, ""), *name = fet_onnx_text(writer, node->name);
    FET_TRY(writer->status);
    for (uint32_t i = 0; i < node->n_inputs; i++) in[i] = node->inputs[i] == FET_NONE ? nothing : writer->names[node->inputs[i]];
    for (uint32_t i = 0; i < node->n_outputs; i++) out[i] = node->outputs[i] == FET_NONE ? nothing : writer->names[node->outputs[i]];
    Onnx__NodeProto *proto = fet_onnx_add_node(writer, fet_op_onnx_name(node->op), name, in, node->n_inputs, out, node->n_outputs);
    for (uint32_t a = 0; a < node->n_attrs; a++) write_attr(writer, proto, &node->attrs[a]);
    return writer->status;
}

/* From opset 18 on the axes of reductions are an input (of ReduceSum they always are in the graph). */
static fet_status write_reduction(fet_onnx_writer *writer, const fet_node *node)
{
    const fet_attr *axes = fet_node_attr(node, FET_ATTR_AXES);
    if (!axes || axes->type != FET_ATTR_TYPE_INTS) return write_as_it_is(writer, node);
    char *list = middle(writer, node, "axes"), *in[2] = {writer->names[node->inputs[0]], list}, *out = writer->names[node->outputs[0]];
    add_ints(writer, fet_onnx_add_node(writer, "Constant", list, NULL, 0, &list, 1), "value_ints", axes->ints, axes->count);
    Onnx__NodeProto *proto = fet_onnx_add_node(writer, fet_op_onnx_name(node->op), fet_onnx_text(writer, node->name), in, 2, &out, 1);
    for (uint32_t a = 0; a < node->n_attrs; a++)
        if (&node->attrs[a] != axes) write_attr(writer, proto, &node->attrs[a]);
    return writer->status;
}

/* Opset 18 wants the number of parts named where their sizes are not. */
static fet_status write_split(fet_onnx_writer *writer, const fet_node *node)
{
    FET_TRY(write_as_it_is(writer, node));
    if (node->n_inputs < 2) add_int(writer, writer->proto->node[writer->proto->n_node - 1], "num_outputs", node->n_outputs);
    return writer->status;
}

fet_status fet_onnx_write_node(fet_onnx_writer *writer, const fet_node *node)
{
    FET_TRY(writer->status);
    switch (node->op) {
    case FET_OP_NONE: return FET_OK;
    case FET_OP_HARD_SWISH:
        if (writer->opset >= 14) break;
        write_swish(writer, node, true);
        return writer->status;
    case FET_OP_SWISH: write_swish(writer, node, false); return writer->status;
    case FET_OP_GELU: return write_gelu(writer, node);
    case FET_OP_LAYER_NORMALIZATION:
        if (writer->opset >= 17) break;
        return write_layer_norm(writer, node);
    case FET_OP_REDUCE_MEAN:
    case FET_OP_REDUCE_MAX:
    case FET_OP_REDUCE_MIN:
    case FET_OP_REDUCE_PROD:
    case FET_OP_REDUCE_L1:
    case FET_OP_REDUCE_L2:
    case FET_OP_REDUCE_SUM_SQUARE:
        if (writer->opset < 18) break;
        return write_reduction(writer, node);
    case FET_OP_SPLIT:
        if (writer->opset < 18) break;
        return write_split(writer, node);
    default: break;
    }
    return write_as_it_is(writer, node);
}
