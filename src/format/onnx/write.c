// SPDX-License-Identifier: Apache-2.0
/*
 * A graph into a file. protobuf-c structures are laid out in an arena and point into the graph (weights are not copied until they are
 * packed). Names are made unique and non-empty on the way, because ONNX refers by name where the graph has ids.
 */
#include "base/file.h"
#include "base/hash.h"
#include "format/onnx/onnx.h"
#include "format/onnx/writer.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define FILE_LIMIT_BYTES ((size_t)INT32_MAX) /* of protobuf itself */

void *fet_onnx_room(fet_onnx_writer *writer, size_t count, size_t item_bytes)
{
    void *room = fet_arena_zalloc(writer->arena, count ? count : 1, item_bytes);
    if (!room && writer->status == FET_OK) writer->status = fet_arena_full();
    return room;
}

char *fet_onnx_text(fet_onnx_writer *writer, const char *text)
{
    char *own = fet_onnx_room(writer, strlen(text) + 1, 1);
    return own ? memcpy(own, text, strlen(text) + 1) : NULL;
}

/* `wanted`, or it with a number behind it if it is taken; reserved from now on. NULL without memory. */
char *fet_onnx_unique(fet_onnx_writer *writer, const char *wanted)
{
    const char *text = *wanted ? wanted : "unnamed";
    size_t mask = writer->n_slots - 1;
    for (uint32_t again = 1;; again++) {
        size_t at = (size_t)fet_hash(text, strlen(text)) & mask;
        while (writer->taken[at] && strcmp(writer->taken[at], text) != 0) at = (at + 1) & mask;
        if (!writer->taken[at]) {
            char *own = fet_onnx_text(writer, text);
            writer->taken[at] = own;
            return own;
        }
        text = fet_arena_printf(writer->arena, "%s_%u", *wanted ? wanted : "unnamed", again + 1);
        if (!text) {
            if (writer->status == FET_OK) writer->status = fet_arena_full();
            return NULL;
        }
    }
}

/*
 * Inputs and outputs of the graph keep their names whatever happens, so they choose first. A parameter that is an output goes through an
 * Identity: the output has its name, the initializer another.
 */
static void choose_names(fet_onnx_writer *writer)
{
    const fet_graph *graph = writer->graph;
    size_t count = (size_t)graph->n_values + graph->n_outputs + (size_t)graph->n_nodes * FET_ONNX_VALUES_FOR_NODE;
    writer->n_slots = 16;
    while (writer->n_slots < 2 * count) writer->n_slots *= 2;
    writer->taken = fet_onnx_room(writer, writer->n_slots, sizeof *writer->taken);
    writer->names = fet_onnx_room(writer, graph->n_values, sizeof *writer->names);
    writer->output_names = fet_onnx_room(writer, graph->n_outputs, sizeof *writer->output_names);
    if (writer->status != FET_OK) return;
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        writer->names[graph->inputs[i]] = fet_onnx_unique(writer, graph->values[graph->inputs[i]].name);
    for (uint32_t i = 0; i < graph->n_outputs && writer->status == FET_OK; i++) {
        const fet_value *value = &graph->values[graph->outputs[i]];
        writer->output_names[i] = fet_onnx_unique(writer, value->name);
        if (value->kind == FET_VALUE_COMPUTED && !writer->names[graph->outputs[i]])
            writer->names[graph->outputs[i]] = writer->output_names[i];
    }
    for (fet_id v = 0; v < graph->n_values && writer->status == FET_OK; v++)
        if (!writer->names[v]) writer->names[v] = fet_onnx_unique(writer, graph->values[v].name);
}

static Onnx__ValueInfoProto *value_info(fet_onnx_writer *writer, char *name, const fet_value *value)
{
    Onnx__ValueInfoProto *info = fet_onnx_room(writer, 1, sizeof *info);
    Onnx__TypeProto *type = fet_onnx_room(writer, 1, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = fet_onnx_room(writer, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = fet_onnx_room(writer, 1, sizeof *shape);
    Onnx__TensorShapeProto__Dimension *dims = fet_onnx_room(writer, value->shape.rank, sizeof *dims);
    Onnx__TensorShapeProto__Dimension **list = fet_onnx_room(writer, value->shape.rank, sizeof(void *));
    if (writer->status != FET_OK) return NULL;
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    for (uint32_t i = 0; i < value->shape.rank; i++) {
        onnx__tensor_shape_proto__dimension__init(&dims[i]);
        dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dims[i].dim_value = value->shape.dim[i];
        list[i] = &dims[i];
    }
    shape->n_dim = value->shape.rank;
    shape->dim = list;
    tensor->has_elem_type = 1;
    tensor->elem_type = fet_onnx_data_type(value->dtype);
    tensor->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->name = name;
    info->type = type;
    return info;
}

Onnx__TensorProto *fet_onnx_tensor_proto(fet_onnx_writer *writer, char *name, const fet_tensor *tensor)
{
    Onnx__TensorProto *proto = fet_onnx_room(writer, 1, sizeof *proto);
    int64_t *dims = fet_onnx_room(writer, tensor->shape.rank, sizeof *dims);
    if (writer->status != FET_OK) return NULL;
    onnx__tensor_proto__init(proto);
    if (tensor->shape.rank) memcpy(dims, tensor->shape.dim, tensor->shape.rank * sizeof *dims);
    proto->name = name;
    proto->n_dims = tensor->shape.rank;
    proto->dims = dims;
    proto->has_data_type = 1;
    proto->data_type = fet_onnx_data_type(tensor->dtype);
    proto->has_raw_data = 1;
    proto->raw_data.len = tensor->bytes;
    proto->raw_data.data = tensor->data;
    return proto;
}

static fet_status add_initializers(fet_onnx_writer *writer, const uint8_t *used)
{
    const fet_graph *graph = writer->graph;
    writer->proto->initializer = fet_onnx_room(writer, graph->n_params, sizeof(void *));
    FET_TRY(writer->status);
    for (fet_id p = 0; p < graph->n_params; p++) {
        const fet_param *param = &graph->params[p];
        if (!used[param->value]) continue;
        if (!param->tensor)
            return fet_fail(FET_ERROR_STATE, "parameter \"%s\" has no numbers yet, so the network cannot be written",
                            graph->values[param->value].name);
        writer->proto->initializer[writer->proto->n_initializer++] =
            fet_onnx_tensor_proto(writer, writer->names[param->value], param->tensor);
    }
    return writer->status;
}

/* What is no fresh result of a node (an input, a parameter, an output that stands twice) goes through an Identity, as ONNX demands. */
static void add_output(fet_onnx_writer *writer, uint32_t i)
{
    fet_id v = writer->graph->outputs[i];
    char *name = writer->output_names[i];
    if (name != writer->names[v]) fet_onnx_add_node(writer, "Identity", name, &writer->names[v], 1, &name, 1);
    if (writer->status == FET_OK) writer->proto->output[writer->proto->n_output++] = value_info(writer, name, &writer->graph->values[v]);
}

static fet_status build_graph(fet_onnx_writer *writer)
{
    const fet_graph *graph = writer->graph;
    Onnx__GraphProto *proto = writer->proto;
    onnx__graph_proto__init(proto);
    choose_names(writer);
    proto->name = fet_onnx_text(writer, *graph->name ? graph->name : "fettle");
    uint8_t *used = fet_onnx_room(writer, graph->n_values, 1);
    proto->input = fet_onnx_room(writer, graph->n_inputs, sizeof(void *));
    proto->output = fet_onnx_room(writer, graph->n_outputs, sizeof(void *));
    proto->value_info = fet_onnx_room(writer, graph->n_values, sizeof(void *));
    proto->node = fet_onnx_room(writer, (size_t)graph->n_nodes * FET_ONNX_NODES_FOR_NODE + graph->n_outputs, sizeof(void *));
    FET_TRY(writer->status);
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] != FET_NONE) used[graph->nodes[n].inputs[i]] = 1;
    for (uint32_t i = 0; i < graph->n_outputs; i++) used[graph->outputs[i]] = 2;
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        proto->input[proto->n_input++] = value_info(writer, writer->names[graph->inputs[i]], &graph->values[graph->inputs[i]]);
    FET_TRY(add_initializers(writer, used));
    for (fet_id n = 0; n < graph->n_nodes; n++) FET_TRY(fet_onnx_write_node(writer, &graph->nodes[n]));
    for (uint32_t i = 0; i < graph->n_outputs; i++) add_output(writer, i);
    for (fet_id v = 0; v < graph->n_values && writer->status == FET_OK; v++)
        if (used[v] == 1 && graph->values[v].kind == FET_VALUE_COMPUTED)
            proto->value_info[proto->n_value_info++] = value_info(writer, writer->names[v], &graph->values[v]);
    return writer->status;
}

static fet_status pack(fet_onnx_writer *writer, void **out_data, size_t *out_bytes)
{
    Onnx__ModelProto model;
    Onnx__OperatorSetIdProto opset, *opsets = &opset;
    char no_domain[] = "", producer[] = "fettle", version[] = FET_VERSION;
    onnx__model_proto__init(&model);
    onnx__operator_set_id_proto__init(&opset);
    opset.domain = no_domain;
    opset.has_version = 1;
    opset.version = writer->opset;
    model.has_ir_version = 1;
    model.ir_version = writer->opset >= 15 ? 8 : 7;
    model.producer_name = producer;
    model.producer_version = version;
    model.n_opset_import = 1;
    model.opset_import = &opsets;
    model.graph = writer->proto;
    fet_onnx_write_precisions(writer, &model);
    FET_TRY(writer->status);
    size_t bytes = onnx__model_proto__get_packed_size(&model);
    if (bytes > FILE_LIMIT_BYTES)
        return fet_fail(FET_ERROR_LIMIT, "a model of %zu bytes; an ONNX file holds at most %zu", bytes, FILE_LIMIT_BYTES);
    void *data = fet_malloc(bytes);
    if (!data) return fet_fail(FET_ERROR_NOMEM, "no memory for a model of %zu bytes", bytes);
    onnx__model_proto__pack(&model, data);
    *out_data = data;
    *out_bytes = bytes;
    return FET_OK;
}

fet_status fet_onnx_write_buffer(const fet_graph *graph, int64_t opset, void **out_data, size_t *out_bytes)
{
    fet_auto(fet_arena) arena = NULL;
    if (opset < FET_ONNX_OPSET_WRITTEN || opset > FET_ONNX_OPSET_HIGHEST)
        return fet_fail(FET_ERROR_ARG, "opset %" PRId64 ", written are %d to %d", opset, FET_ONNX_OPSET_WRITTEN, FET_ONNX_OPSET_HIGHEST);
    FET_TRY(fet_arena_create(&arena));
    Onnx__GraphProto proto;
    fet_onnx_writer writer = {.graph = graph, .opset = opset, .arena = arena, .proto = &proto};
    FET_TRY(build_graph(&writer));
    return pack(&writer, out_data, out_bytes);
}

fet_status fet_onnx_write(const fet_graph *graph, const char *path, int64_t opset)
{
    void *data = NULL;
    size_t bytes = 0;
    fet_status status = fet_onnx_write_buffer(graph, opset, &data, &bytes);
    if (status != FET_OK) return fet_note(status, "%s", path);
    status = fet_file_replace(path, data, bytes);
    fet_free(data);
    return status;
}
