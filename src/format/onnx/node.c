// SPDX-License-Identifier: Apache-2.0
/* One node of a file into the graph: operator, attributes, inputs, outputs; then normalised, inferred and, if constant, folded. */
#include "format/onnx/reader.h"
#include "graph/limits.h"
#include "op/op.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What to use instead of an operator we do not have. */
static const struct {
    const char *type, *instead;
} hints[] = {
    {"TopK", "ArgMax"},
    {"NonMaxSuppression", "end the network before it and select boxes outside"},
    {"If", "export without branches that depend on data"},
    {"Loop", "export with the loop unrolled"},
    {"Scan", "export with the loop unrolled"},
    {"LSTM", "Conv over time"},
    {"GRU", "Conv over time"},
    {"RNN", "Conv over time"},
    {"Hardmax", "ArgMax"},
    {"MeanVarianceNormalization", "InstanceNormalization"},
    {"LpPool", "AveragePool"},
    {"GridSample", "Resize"},
    {"RoiAlign", "Resize"},
    {"MaxRoiPool", "MaxPool"},
    {"GatherND", "Gather"},
    {"GatherElements", "Gather"},
    {"ConvInteger", "the float model; int8 is made here by calibration"},
    {"QLinearConv", "QuantizeLinear and DequantizeLinear around a Conv"},
    {"DynamicQuantizeLinear", "the float model; int8 is made here by calibration"},
};

static fet_status unsupported(const fet_onnx_reader *reader, const Onnx__NodeProto *proto, const char *name)
{
    const char *type = proto->op_type ? proto->op_type : "", *domain = proto->domain ? proto->domain : "", *instead = NULL;
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (strcmp(hints[i].type, type) == 0) instead = hints[i].instead;
    if (!instead) instead = *domain ? "operators of the domain ai.onnx" : "those of src/graph/ops.def";
    return fet_fail(FET_ERROR_UNSUPPORTED,
                    "%s: node \"%.200s\": operator %.80s%s%.80s (opset %" PRId64 ") is not supported; nearest that works: %s", reader->file,
                    name, domain, *domain ? "." : "", type, reader->opset, instead);
}

fet_status fet_onnx_note(const fet_onnx_reader *reader, fet_status status)
{
    return status == FET_OK ? status : fet_note(status, "%s (opset %" PRId64 ")", reader->file, reader->opset);
}

/* Files before IR version 2 have no type field. */
static Onnx__AttributeProto__AttributeType type_of(const Onnx__AttributeProto *a)
{
    if (a->has_type && a->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED) return a->type;
    if (a->has_f) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    if (a->has_i) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    if (a->has_s) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    if (a->t) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    if (a->n_floats) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
    return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
}

static fet_status set_attr(fet_onnx_reader *reader, fet_id node, const Onnx__AttributeProto *proto)
{
    const char *name = proto->name ? proto->name : "";
    fet_attr attr = {.key = fet_attr_by_onnx_name(name), .name = name, .count = 1};
    fet_auto(fet_tensor) tensor = NULL;
    char what[256];
    snprintf(what, sizeof what, "node \"%.120s\", attribute %.80s", reader->graph->nodes[node].name, name);
    if (strlen(name) > FET_NAME_LIMIT_BYTES || proto->n_ints > FET_ATTR_LIMIT_ITEMS || proto->n_floats > FET_ATTR_LIMIT_ITEMS ||
        proto->s.len > FET_ATTR_LIMIT_ITEMS)
        return fet_fail(FET_ERROR_LIMIT, "%s: longer than %d", what, FET_ATTR_LIMIT_ITEMS);
    switch (type_of(proto)) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT: attr.type = FET_ATTR_TYPE_INT, attr.i = proto->i; break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT: attr.type = FET_ATTR_TYPE_FLOAT, attr.f = proto->f; break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        attr.type = FET_ATTR_TYPE_INTS, attr.ints = proto->ints, attr.count = (uint32_t)proto->n_ints;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        attr.type = FET_ATTR_TYPE_FLOATS, attr.floats = proto->floats, attr.count = (uint32_t)proto->n_floats;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        attr.type = FET_ATTR_TYPE_STRING, attr.string = proto->s.data ? (const char *)proto->s.data : "",
        attr.count = (uint32_t)proto->s.len;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        if (!proto->t) return fet_fail(FET_ERROR_CORRUPT, "%s: it is missing", what);
        FET_TRY(fet_onnx_tensor(proto->t, what, &tensor));
        attr.type = FET_ATTR_TYPE_TENSOR, attr.tensor = tensor;
        break;
    default:
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: of type %d; graphs, texts in lists and sparse tensors are not supported", what,
                        (int)proto->type);
    }
    return fet_graph_set_attr(reader->graph, node, &attr);
}

/* The tensor that a Constant node holds, in one of its forms. */
static fet_status constant_tensor(const Onnx__NodeProto *proto, const char *name, fet_tensor **out_tensor)
{
    char what[256];
    snprintf(what, sizeof what, "Constant node \"%.120s\"", name);
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const Onnx__AttributeProto *a = proto->attribute[i];
        const char *key = a->name ? a->name : "";
        if (strcmp(key, "value") == 0 && a->t) return fet_onnx_tensor(a->t, what, out_tensor);
        bool ints = strcmp(key, "value_ints") == 0, floats = strcmp(key, "value_floats") == 0;
        if (!ints && !floats && strcmp(key, "value_int") != 0 && strcmp(key, "value_float") != 0) continue;
        fet_shape shape = {0};
        if (ints || floats) shape = fet_shape_1d((int64_t)(ints ? a->n_ints : a->n_floats));
        bool whole = ints || strcmp(key, "value_int") == 0;
        fet_auto(fet_tensor) tensor = NULL;
        FET_TRY(fet_tensor_create(whole ? FET_DTYPE_S64 : FET_DTYPE_F32, &shape, &tensor));
        const void *from = ints     ? (const void *)a->ints
                           : floats ? (const void *)a->floats
                           : whole  ? (const void *)&a->i
                                    : (const void *)&a->f;
        if (tensor->bytes) memcpy(tensor->data, from, tensor->bytes);
        *out_tensor = fet_take(tensor);
        return FET_OK;
    }
    return fet_fail(FET_ERROR_UNSUPPORTED, "%s: no value, or one that is sparse or text", what);
}

static fet_status read_constant(fet_onnx_reader *reader, const Onnx__NodeProto *proto, const char *name)
{
    if (proto->n_output != 1 || proto->n_input != 0 || !proto->output[0][0])
        return fet_fail(FET_ERROR_CORRUPT, "Constant node \"%s\": %zu inputs and %zu outputs", name, proto->n_input, proto->n_output);
    fet_auto(fet_tensor) tensor = NULL;
    fet_onnx_name *slot = fet_onnx_name_find(reader, proto->output[0]);
    FET_TRY(constant_tensor(proto, name, &tensor));
    return fet_graph_add_param(reader->graph, proto->output[0], tensor->dtype, &tensor->shape, tensor, false, &slot->value);
}

/* Ids of inputs: trailing empty names are dropped, others are optional inputs left out. */
static fet_status find_inputs(const fet_onnx_reader *reader, const Onnx__NodeProto *proto, const char *name, fet_id *ids, uint32_t *out_n)
{
    size_t n = proto->n_input;
    while (n > 0 && !proto->input[n - 1][0]) n--;
    if (n > FET_NODE_LIMIT_INPUTS) return fet_fail(FET_ERROR_LIMIT, "node \"%s\": %zu inputs, at most %d", name, n, FET_NODE_LIMIT_INPUTS);
    for (size_t i = 0; i < n; i++) {
        ids[i] = FET_NONE;
        if (!proto->input[i][0]) continue;
        const fet_onnx_name *from = fet_onnx_name_find(reader, proto->input[i]);
        if (!from || from->value == FET_NONE)
            return fet_fail(FET_ERROR_CORRUPT, "node \"%s\" reads \"%.200s\", which is no input, no initializer and made by no node", name,
                            proto->input[i]);
        ids[i] = from->value;
    }
    *out_n = (uint32_t)n;
    return FET_OK;
}

/* Values for the outputs; an output behind the first that nobody reads is left out. */
static fet_status make_outputs(fet_onnx_reader *reader, const Onnx__NodeProto *proto, const char *name, bool keep_all, fet_id *ids,
                               uint32_t *out_n)
{
    size_t n = proto->n_output;
    if (n > FET_NODE_LIMIT_INPUTS) return fet_fail(FET_ERROR_LIMIT, "node \"%s\": %zu outputs, at most %d", name, n, FET_NODE_LIMIT_INPUTS);
    for (size_t i = 0; i < n; i++) {
        ids[i] = FET_NONE;
        if (!proto->output[i][0]) continue;
        fet_onnx_name *slot = fet_onnx_name_find(reader, proto->output[i]);
        if (i > 0 && !keep_all && !slot->used) continue;
        FET_TRY(fet_graph_add_value(reader->graph, proto->output[i], FET_DTYPE_NONE, &slot->value));
        ids[i] = slot->value;
    }
    while (n > 1 && ids[n - 1] == FET_NONE && !keep_all) n--;
    if (n == 0 || ids[0] == FET_NONE) return fet_fail(FET_ERROR_CORRUPT, "node \"%s\" has no output", name);
    *out_n = (uint32_t)n;
    return FET_OK;
}

static fet_status read_known(fet_onnx_reader *reader, const Onnx__NodeProto *proto, fet_op_kind op, const char *name)
{
    fet_id inputs[FET_NODE_LIMIT_INPUTS], outputs[FET_NODE_LIMIT_INPUTS], node = FET_NONE;
    uint32_t n_inputs = 0, n_outputs = 0, first = reader->graph->n_nodes;
    FET_TRY(find_inputs(reader, proto, name, inputs, &n_inputs));
    FET_TRY(make_outputs(reader, proto, name, op == FET_OP_SPLIT, outputs, &n_outputs));
    FET_TRY(fet_graph_add_node_to(reader->graph, op, name, inputs, n_inputs, outputs, n_outputs, &node));
    for (size_t i = 0; i < proto->n_attribute; i++) FET_TRY(set_attr(reader, node, proto->attribute[i]));
    FET_TRY(fet_onnx_normalise(reader, node, proto->op_type));
    for (fet_id n = first; n < reader->graph->n_nodes; n++) FET_TRY(fet_graph_fold_node(reader->graph, n, &reader->fold_bytes_left));
    return FET_OK;
}

fet_status fet_onnx_read_node(fet_onnx_reader *reader, const Onnx__NodeProto *proto)
{
    const char *type = proto->op_type ? proto->op_type : "";
    const char *name = proto->name && *proto->name ? proto->name : proto->n_output > 0 ? proto->output[0] : "";
    if (strlen(name) > FET_NAME_LIMIT_BYTES)
        return fet_fail(FET_ERROR_LIMIT, "%s: a node's name is longer than %d bytes", reader->file, FET_NAME_LIMIT_BYTES);
    bool standard = !proto->domain || !*proto->domain || strcmp(proto->domain, "ai.onnx") == 0;
    if (standard && strcmp(type, "Constant") == 0) return fet_onnx_note(reader, read_constant(reader, proto, name));
    fet_op_kind op = standard ? fet_op_by_onnx_name(strcmp(type, "Upsample") == 0 ? "Resize" : type) : FET_OP_NONE;
    if (standard && fet_onnx_can_decompose(reader, proto, type)) return fet_onnx_note(reader, fet_onnx_decompose(reader, proto, name));
    if (op == FET_OP_NONE) return unsupported(reader, proto, name);
    return fet_onnx_note(reader, read_known(reader, proto, op, name));
}
