// SPDX-License-Identifier: Apache-2.0
/* A file into a graph: header, names, inputs, initializers, nodes in order, outputs. Single nodes are read by node.c and brought to opset
 * 13 by normalise.c. */
#include "base/file.h"
#include "format/onnx/reader.h"
#include "graph/limits.h"
#include "op/op.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FILE_LIMIT_BYTES ((size_t)2 << 30) /* of protobuf itself */

fet_onnx_options fet_onnx_default_options(void)
{
    return (fet_onnx_options){.batch = 1, .fold_limit_bytes = (size_t)1 << 30};
}

static const fet_onnx_binding *binding_of(const fet_onnx_options *options, const char *name)
{
    for (uint32_t i = 0; i < options->n_bindings; i++)
        if (options->bindings[i].name && strcmp(options->bindings[i].name, name) == 0) return &options->bindings[i];
    return NULL;
}

/* By the input's name, else the shape that is for any. */
static const fet_onnx_binding *binding_of_input(const fet_onnx_options *options, const char *name)
{
    const fet_onnx_binding *binding = binding_of(options, name);
    for (uint32_t i = 0; i < options->n_bindings && !binding; i++)
        if (!options->bindings[i].name) binding = &options->bindings[i];
    return binding;
}

static fet_status read_opset(fet_onnx_reader *reader, const Onnx__ModelProto *model)
{
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *set = model->opset_import[i];
        if (!set->domain || !*set->domain || strcmp(set->domain, "ai.onnx") == 0) reader->opset = set->version;
    }
    if (reader->opset < FET_ONNX_OPSET_LOWEST || reader->opset > FET_ONNX_OPSET_HIGHEST)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: opset %" PRId64 ", expected %d to %d; convert it with onnx.version_converter",
                        reader->file, reader->opset, FET_ONNX_OPSET_LOWEST, FET_ONNX_OPSET_HIGHEST);
    return FET_OK;
}

/* One dimension of an input: a number, a bound name, or the batch. */
static fet_status read_dim(const fet_onnx_reader *reader, const char *input, uint32_t i, const Onnx__TensorShapeProto__Dimension *dim,
                           int64_t *out)
{
    bool known = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && dim->dim_value > 0;
    bool named = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && dim->dim_param;
    const fet_onnx_binding *binding = named ? binding_of(reader->options, dim->dim_param) : NULL;
    if (binding && binding->shape.rank != 1)
        return fet_fail(FET_ERROR_ARG, "%s: dimension \"%s\" is bound to a shape of rank %u, expected one number", reader->file,
                        binding->name, binding->shape.rank);
    if (!known && !binding && i > 0)
        return fet_fail(FET_ERROR_UNSUPPORTED,
                        "%s: input \"%.200s\": dimension %u (\"%.80s\") is open; give --input %.80s=SIZE or --input %.200s=SHAPE",
                        reader->file, input, i, named ? dim->dim_param : "?", named ? dim->dim_param : "NAME", input);
    *out = known ? dim->dim_value : binding ? binding->shape.dim[0] : reader->options->batch;
    return FET_OK;
}

static fet_status read_input(fet_onnx_reader *reader, const Onnx__ValueInfoProto *info)
{
    const Onnx__TypeProto *type = info->type;
    if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: input \"%.200s\" is no tensor", reader->file, info->name);
    fet_dtype dtype = fet_onnx_dtype(type->tensor_type->elem_type);
    if (dtype == FET_DTYPE_NONE)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: input \"%.200s\" is %s", reader->file, info->name,
                        fet_onnx_data_type_name(type->tensor_type->elem_type));
    const Onnx__TensorShapeProto *shape_proto = type->tensor_type->shape;
    const fet_onnx_binding *binding = binding_of_input(reader->options, info->name);
    fet_shape shape = {0};
    if (shape_proto && shape_proto->n_dim > FET_MAX_RANK)
        return fet_fail(FET_ERROR_LIMIT, "%s: input \"%.200s\" has rank %zu, at most %d", reader->file, info->name, shape_proto->n_dim,
                        FET_MAX_RANK);
    if (binding) {
        if (shape_proto && shape_proto->n_dim != binding->shape.rank)
            return fet_fail(FET_ERROR_ARG, "%s: input \"%.200s\" has rank %zu, the shape given for it rank %u", reader->file, info->name,
                            shape_proto->n_dim, binding->shape.rank);
        shape = binding->shape;
    } else if (!shape_proto) {
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: input \"%.200s\" has no shape; give --input %.200s=SHAPE", reader->file, info->name,
                        info->name);
    } else {
        shape.rank = (uint32_t)shape_proto->n_dim;
        for (uint32_t i = 0; i < shape.rank; i++) FET_TRY(read_dim(reader, info->name, i, shape_proto->dim[i], &shape.dim[i]));
    }
    fet_onnx_name *slot = fet_onnx_name_find(reader, info->name);
    if (slot->value != FET_NONE) return fet_fail(FET_ERROR_CORRUPT, "%s: input \"%.200s\" is listed twice", reader->file, info->name);
    return fet_graph_add_input(reader->graph, info->name, dtype, &shape, &slot->value);
}

static fet_status read_initializers(fet_onnx_reader *reader)
{
    for (size_t i = 0; i < reader->proto->n_initializer; i++) {
        const Onnx__TensorProto *proto = reader->proto->initializer[i];
        fet_onnx_name *slot = fet_onnx_name_find(reader, proto->name);
        fet_auto(fet_tensor) tensor = NULL;
        char what[256];
        snprintf(what, sizeof what, "%.80s: initializer \"%.120s\"", reader->file, proto->name);
        if (slot->value != FET_NONE) return fet_fail(FET_ERROR_CORRUPT, "%s stands twice", what);
        FET_TRY(fet_onnx_tensor(proto, what, &tensor));
        FET_TRY(fet_graph_add_param(reader->graph, proto->name, tensor->dtype, &tensor->shape, tensor, false, &slot->value));
    }
    return FET_OK;
}

/* Parameters that training changes: f32 weights of operators that have them, and vectors that are added. Statistics, bounds and shapes are
 * not. */
static void mark_trainable(fet_graph *graph)
{
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            const fet_value *value = fet_node_input(graph, node, i);
            if (!value || value->kind != FET_VALUE_PARAM || value->dtype != FET_DTYPE_F32) continue;
            bool yes = false;
            switch (node->op) {
            case FET_OP_CONV:
            case FET_OP_CONV_TRANSPOSE:
            case FET_OP_GEMM:
            case FET_OP_MATMUL:
            case FET_OP_PRELU: yes = true; break;
            case FET_OP_BATCH_NORMALIZATION:
            case FET_OP_INSTANCE_NORMALIZATION:
            case FET_OP_LAYER_NORMALIZATION: yes = i == 1 || i == 2; break;
            case FET_OP_ADD: yes = fet_shape_elements(&value->shape) > 1; break;
            default: break;
            }
            if (yes) graph->params[value->param].trainable = true;
        }
    }
}

static fet_status read_outputs(fet_onnx_reader *reader)
{
    for (size_t i = 0; i < reader->proto->n_output; i++) {
        const char *name = reader->proto->output[i]->name ? reader->proto->output[i]->name : "";
        const fet_onnx_name *slot = fet_onnx_name_find(reader, name);
        if (!slot || slot->value == FET_NONE)
            return fet_fail(FET_ERROR_CORRUPT, "%s: output \"%.200s\" is made by no node", reader->file, name);
        FET_TRY(fet_graph_add_output(reader->graph, slot->value));
    }
    if (reader->graph->n_outputs == 0) return fet_fail(FET_ERROR_CORRUPT, "%s: the graph has no outputs", reader->file);
    return FET_OK;
}

/* Limits that the graph's own functions do not see. */
static fet_status check_counts(const fet_onnx_reader *reader)
{
    const Onnx__GraphProto *proto = reader->proto;
    if (proto->n_node > FET_GRAPH_LIMIT_ITEMS || proto->n_initializer > FET_GRAPH_LIMIT_ITEMS || proto->n_input > FET_GRAPH_LIMIT_ITEMS ||
        proto->n_output > FET_GRAPH_LIMIT_ITEMS)
        return fet_fail(FET_ERROR_LIMIT, "%s: more than %d nodes, initializers, inputs or outputs", reader->file, FET_GRAPH_LIMIT_ITEMS);
    if (proto->n_sparse_initializer > 0) return fet_fail(FET_ERROR_UNSUPPORTED, "%s: sparse initializers; save them dense", reader->file);
    return FET_OK;
}

static fet_status read_graph(fet_onnx_reader *reader)
{
    const Onnx__GraphProto *proto = reader->proto;
    uint32_t *order = NULL;
    FET_TRY(check_counts(reader));
    FET_TRY(fet_onnx_names_create(reader));
    FET_TRY(read_initializers(reader));
    for (size_t i = 0; i < proto->n_input; i++) {
        const fet_onnx_name *slot = fet_onnx_name_find(reader, proto->input[i]->name);
        bool initialised = slot->value != FET_NONE && reader->graph->values[slot->value].kind == FET_VALUE_PARAM;
        if (!initialised) FET_TRY(read_input(reader, proto->input[i]));
    }
    FET_TRY(fet_onnx_order(reader, &order));
    for (size_t i = 0; i < proto->n_node; i++) FET_TRY(fet_onnx_read_node(reader, proto->node[order[i]]));
    FET_TRY(read_outputs(reader));
    FET_TRY(fet_onnx_read_precisions(reader));
    FET_TRY(fet_onnx_join_gates(reader));
    reader->graph->name = fet_arena_strdup(reader->graph->arena, proto->name ? proto->name : "");
    if (!reader->graph->name) return fet_arena_full();
    FET_TRY(fet_graph_compact(reader->graph));
    mark_trainable(reader->graph);
    return fet_onnx_note(reader, fet_graph_verify(reader->graph));
}

static fet_status read_model(const Onnx__ModelProto *model, const char *name, const fet_onnx_options *options, fet_graph **out_graph)
{
    fet_auto(fet_arena) scratch = NULL;
    fet_auto(fet_graph) graph = NULL;
    if (!model->graph) return fet_fail(FET_ERROR_CORRUPT, "%s: not an ONNX model: it holds no graph", name);
    if (model->n_functions > 0) return fet_fail(FET_ERROR_UNSUPPORTED, "%s: local functions; inline them", name);
    FET_TRY(fet_arena_create(&scratch));
    FET_TRY(fet_graph_create(NULL, &graph));
    fet_onnx_reader reader = {.file = name,
                              .proto = model->graph,
                              .model = model,
                              .options = options,
                              .graph = graph,
                              .scratch = scratch,
                              .fold_bytes_left = options->fold_limit_bytes};
    FET_TRY(read_opset(&reader, model));
    FET_TRY(read_graph(&reader));
    *out_graph = fet_take(graph);
    return FET_OK;
}

fet_status fet_onnx_read_buffer(const void *data, size_t bytes, const char *name, const fet_onnx_options *options, fet_graph **out_graph)
{
    fet_onnx_options defaults = fet_onnx_default_options();
    Onnx__ModelProto *model = NULL;
    if (!options) options = &defaults;
    if (options->batch < 1) return fet_fail(FET_ERROR_ARG, "%s: a batch of %" PRId64 ", expected 1 or more", name, options->batch);
    FET_TRY(fet_onnx_unpack(data, bytes, name, &model));
    fet_status status = read_model(model, name, options, out_graph);
    fet_onnx_free(model);
    return status;
}

fet_status fet_onnx_read(const char *path, const fet_onnx_options *options, fet_graph **out_graph)
{
    void *data = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, FILE_LIMIT_BYTES, &data, &bytes));
    fet_status status = fet_onnx_read_buffer(data, bytes, path, options, out_graph);
    fet_free(data);
    return status;
}
