// SPDX-License-Identifier: Apache-2.0
/* Building ONNX files of any opset in tests, straight from protobuf structures, so that the reader is not tested with the writer's idea of
 * a file. */
#ifndef FET_TESTS_FORMAT_MODEL_H
#define FET_TESTS_FORMAT_MODEL_H

#include "check.h"

#include "base/arena.h"
#include "base/rng.h"
#include "format/onnx/onnx.pb-c.h"

#include <string.h>

enum { MODEL_ITEMS = 64 };

typedef struct model {
    fet_arena *arena;
    fet_rng rng;
    Onnx__ModelProto proto;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opsets[1];
    Onnx__NodeProto *nodes[MODEL_ITEMS];
    Onnx__TensorProto *initializers[MODEL_ITEMS];
    Onnx__ValueInfoProto *inputs[MODEL_ITEMS], *outputs[MODEL_ITEMS];
} model;

static inline void *model_room(model *m, size_t bytes)
{
    void *room = fet_arena_zalloc(m->arena, 1, bytes ? bytes : 1);
    assert_non_null(room);
    return room;
}

static inline char *model_text(model *m, const char *text)
{
    return memcpy(model_room(m, strlen(text) + 1), text, strlen(text));
}

static inline void model_begin(model *m, int64_t opset)
{
    memset(m, 0, sizeof *m);
    CHECK_OK(fet_arena_create(&m->arena));
    fet_rng_init(&m->rng, 5, (uint64_t)opset, FET_RNG_TEST);
    onnx__model_proto__init(&m->proto);
    onnx__graph_proto__init(&m->graph);
    onnx__operator_set_id_proto__init(&m->opset);
    m->opset.domain = model_text(m, "");
    m->opset.has_version = 1, m->opset.version = opset;
    m->opsets[0] = &m->opset;
    m->proto.has_ir_version = 1, m->proto.ir_version = opset >= 15 ? 8 : opset >= 9 ? 4 : 3;
    m->proto.n_opset_import = 1, m->proto.opset_import = m->opsets;
    m->proto.graph = &m->graph;
    m->graph.name = model_text(m, "test");
    m->graph.node = m->nodes, m->graph.initializer = m->initializers, m->graph.input = m->inputs, m->graph.output = m->outputs;
}

static inline void model_end(model *m)
{
    fet_arena_destroy(m->arena);
}

/* dims: -1 stands for a symbolic dimension called "batch", -2 for "height"; NULL: no shape. */
static inline Onnx__ValueInfoProto *model_info(model *m, const char *name, int type, const int64_t *dims, size_t rank)
{
    Onnx__ValueInfoProto *info = model_room(m, sizeof *info);
    Onnx__TypeProto *value = model_room(m, sizeof *value);
    Onnx__TypeProto__Tensor *tensor = model_room(m, sizeof *tensor);
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(value);
    onnx__type_proto__tensor__init(tensor);
    info->name = model_text(m, name), info->type = value;
    value->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE, value->tensor_type = tensor;
    tensor->has_elem_type = 1, tensor->elem_type = type;
    if (!dims) return info;
    tensor->shape = model_room(m, sizeof *tensor->shape);
    onnx__tensor_shape_proto__init(tensor->shape);
    tensor->shape->n_dim = rank;
    tensor->shape->dim = model_room(m, rank * sizeof *tensor->shape->dim);
    for (size_t i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *dim = tensor->shape->dim[i] = model_room(m, sizeof *dim);
        onnx__tensor_shape_proto__dimension__init(dim);
        if (dims[i] < 0) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = model_text(m, dims[i] == -1 ? "batch" : "height");
        } else {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = dims[i];
        }
    }
    return info;
}

#define MODEL_DIMS(...) (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)

static inline void model_input(model *m, const char *name, const int64_t *dims, size_t rank)
{
    m->inputs[m->graph.n_input++] = model_info(m, name, 1, dims, rank);
}

/* The type is given, the shape left open: the reader finds it. */
static inline void model_output(model *m, const char *name, int type)
{
    m->outputs[m->graph.n_output++] = model_info(m, name, type, NULL, 0);
}

static inline Onnx__TensorProto *model_tensor(model *m, const char *name, int type, const int64_t *dims, size_t rank, const void *data,
                                              size_t bytes)
{
    Onnx__TensorProto *t = model_room(m, sizeof *t);
    onnx__tensor_proto__init(t);
    t->name = model_text(m, name);
    t->n_dims = rank, t->dims = model_room(m, rank * sizeof *dims);
    if (rank) memcpy(t->dims, dims, rank * sizeof *dims);
    t->has_data_type = 1, t->data_type = type;
    t->has_raw_data = 1, t->raw_data.len = bytes, t->raw_data.data = memcpy(model_room(m, bytes), data, bytes);
    return t;
}

static inline void model_initializer(model *m, Onnx__TensorProto *tensor)
{
    m->initializers[m->graph.n_initializer++] = tensor;
    /* Before IR version 4 an initializer had to be an input too. */
    if (m->proto.ir_version < 4)
        m->inputs[m->graph.n_input++] = model_info(m, tensor->name, tensor->data_type, tensor->dims, tensor->n_dims);
}

static inline void model_ints(model *m, const char *name, const int64_t *values, size_t n)
{
    int64_t dims[1] = {(int64_t)n};
    model_initializer(m, model_tensor(m, name, 7, dims, 1, values, n * sizeof *values));
}

static inline void model_floats(model *m, const char *name, const float *values, size_t n)
{
    int64_t dims[1] = {(int64_t)n};
    model_initializer(m, model_tensor(m, name, 1, dims, 1, values, n * sizeof *values));
}

static inline void model_scalar(model *m, const char *name, float value)
{
    model_initializer(m, model_tensor(m, name, 1, NULL, 0, &value, sizeof value));
}

/* Random weights in -1 .. 1; positive: 0.5 .. 1.5 (variances). */
static inline void model_weights(model *m, const char *name, bool positive, const int64_t *dims, size_t rank)
{
    size_t n = 1;
    for (size_t i = 0; i < rank; i++) n *= (size_t)dims[i];
    float *data = model_room(m, n * sizeof *data);
    for (size_t i = 0; i < n; i++) data[i] = (float)(positive ? fet_rng_uniform(&m->rng) + 0.5 : fet_rng_uniform(&m->rng) * 2 - 1);
    model_initializer(m, model_tensor(m, name, 1, dims, rank, data, n * sizeof *data));
}

/* Names joined by commas; an empty one is an input left out. */
static inline size_t model_names(model *m, const char *list, char ***out)
{
    size_t n = *list ? 1 : 0;
    for (const char *c = list; *c; c++) n += *c == ',';
    *out = model_room(m, n * sizeof **out);
    for (size_t i = 0; i < n; i++) {
        size_t length = strcspn(list, ",");
        (*out)[i] = memcpy(model_room(m, length + 1), list, length);
        list += length + (list[length] == ',');
    }
    return n;
}

static inline Onnx__NodeProto *model_node(model *m, const char *type, const char *inputs, const char *outputs)
{
    Onnx__NodeProto *node = model_room(m, sizeof *node);
    onnx__node_proto__init(node);
    node->op_type = model_text(m, type);
    node->n_input = model_names(m, inputs, &node->input);
    node->n_output = model_names(m, outputs, &node->output);
    node->attribute = model_room(m, 16 * sizeof *node->attribute);
    m->nodes[m->graph.n_node++] = node;
    return node;
}

static inline Onnx__AttributeProto *model_attr(model *m, Onnx__NodeProto *node, const char *name, int type)
{
    Onnx__AttributeProto *attr = model_room(m, sizeof *attr);
    onnx__attribute_proto__init(attr);
    attr->name = model_text(m, name);
    attr->has_type = 1, attr->type = (Onnx__AttributeProto__AttributeType)type;
    node->attribute[node->n_attribute++] = attr;
    return attr;
}

static inline void attr_int(model *m, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *attr = model_attr(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attr->has_i = 1, attr->i = value;
}

static inline void attr_float(model *m, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *attr = model_attr(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    attr->has_f = 1, attr->f = value;
}

static inline void attr_text(model *m, Onnx__NodeProto *node, const char *name, const char *value)
{
    Onnx__AttributeProto *attr = model_attr(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    attr->has_s = 1, attr->s.len = strlen(value), attr->s.data = (uint8_t *)model_text(m, value);
}

static inline void attr_ints(model *m, Onnx__NodeProto *node, const char *name, const int64_t *values, size_t n)
{
    Onnx__AttributeProto *attr = model_attr(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    attr->n_ints = n, attr->ints = memcpy(model_room(m, n * sizeof *values), values, n * sizeof *values);
}

static inline void attr_floats(model *m, Onnx__NodeProto *node, const char *name, const float *values, size_t n)
{
    Onnx__AttributeProto *attr = model_attr(m, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    attr->n_floats = n, attr->floats = memcpy(model_room(m, n * sizeof *values), values, n * sizeof *values);
}

/* The file's bytes, in the model's arena. */
static inline const void *model_pack(model *m, size_t *out_bytes)
{
    *out_bytes = onnx__model_proto__get_packed_size(&m->proto);
    uint8_t *data = model_room(m, *out_bytes);
    onnx__model_proto__pack(&m->proto, data);
    return data;
}

#endif
