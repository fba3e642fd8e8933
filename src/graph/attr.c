// SPDX-License-Identifier: Apache-2.0
#include "graph/graph.h"
#include "graph/limits.h"

#include <string.h>

static const char *const op_names[FET_OP_COUNT] = {
    [FET_OP_NONE] = "(removed)",
#define FET_OP(id, info, onnx_name, min_inputs, max_inputs) [FET_OP_##id] = onnx_name,
#include "graph/ops.def"
#undef FET_OP
};

static const char *const attr_names[FET_ATTR_COUNT] = {
    [FET_ATTR_OTHER] = "",
#define FET_ATTR(id, onnx_name) [FET_ATTR_##id] = onnx_name,
#include "graph/attrs.def"
#undef FET_ATTR
};

const char *fet_op_onnx_name(fet_op_kind op)
{
    return op_names[op];
}

fet_op_kind fet_op_by_onnx_name(const char *name)
{
    for (int op = FET_OP_NONE + 1; op < FET_OP_COUNT; op++)
        if (strcmp(op_names[op], name) == 0) return (fet_op_kind)op;
    return FET_OP_NONE;
}

const char *fet_attr_onnx_name(fet_attr_key key)
{
    return attr_names[key];
}

fet_attr_key fet_attr_by_onnx_name(const char *name)
{
    for (int key = FET_ATTR_OTHER + 1; key < FET_ATTR_COUNT; key++)
        if (strcmp(attr_names[key], name) == 0) return (fet_attr_key)key;
    return FET_ATTR_OTHER;
}

const fet_attr *fet_node_attr(const fet_node *node, fet_attr_key key)
{
    for (uint32_t a = 0; a < node->n_attrs; a++)
        if (node->attrs[a].key == key) return &node->attrs[a];
    return NULL;
}

int64_t fet_node_int(const fet_node *node, fet_attr_key key, int64_t otherwise)
{
    const fet_attr *attr = fet_node_attr(node, key);
    return attr && attr->type == FET_ATTR_TYPE_INT ? attr->i : otherwise;
}

float fet_node_float(const fet_node *node, fet_attr_key key, float otherwise)
{
    const fet_attr *attr = fet_node_attr(node, key);
    return attr && attr->type == FET_ATTR_TYPE_FLOAT ? attr->f : otherwise;
}

const char *fet_node_string(const fet_node *node, fet_attr_key key, const char *otherwise)
{
    const fet_attr *attr = fet_node_attr(node, key);
    return attr && attr->type == FET_ATTR_TYPE_STRING ? attr->string : otherwise;
}

/* Copies what an attribute points to into the arena; a tensor is retained instead. */
static fet_status own(fet_graph *graph, fet_attr *attr)
{
    const void *copy = "";
    if (attr->type == FET_ATTR_TYPE_INTS) {
        attr->ints = copy = fet_arena_copy(graph->arena, attr->ints, attr->count * sizeof *attr->ints);
    } else if (attr->type == FET_ATTR_TYPE_FLOATS) {
        attr->floats = copy = fet_arena_copy(graph->arena, attr->floats, attr->count * sizeof *attr->floats);
    } else if (attr->type == FET_ATTR_TYPE_STRING) {
        char *text = fet_arena_alloc(graph->arena, (size_t)attr->count + 1);
        if (text) memcpy(text, attr->string, attr->count), text[attr->count] = '\0';
        attr->string = copy = text;
    }
    const char *name = attr->key != FET_ATTR_OTHER ? attr_names[attr->key] : attr->name;
    attr->name = attr->key != FET_ATTR_OTHER ? name : fet_arena_strdup(graph->arena, name);
    if (!copy || !attr->name) return fet_arena_full();
    if (attr->type == FET_ATTR_TYPE_TENSOR) fet_tensor_retain(attr->tensor);
    return FET_OK;
}

fet_status fet_graph_set_attr(fet_graph *graph, fet_id node, const fet_attr *attr)
{
    fet_node *n = &graph->nodes[node];
    uint32_t at = 0;
    while (at < n->n_attrs &&
           (n->attrs[at].key != attr->key || (attr->key == FET_ATTR_OTHER && (!attr->name || strcmp(n->attrs[at].name, attr->name) != 0))))
        at++;
    if (at >= FET_NODE_LIMIT_ATTRS || attr->count > FET_ATTR_LIMIT_ITEMS)
        return fet_fail(FET_ERROR_LIMIT, "node \"%s\": more than %d attributes, or one of more than %d items", n->name,
                        FET_NODE_LIMIT_ATTRS, FET_ATTR_LIMIT_ITEMS);
    fet_attr owned = *attr;
    FET_TRY(own(graph, &owned));
    /* The list is always copied: a copied graph shares its source's lists until it changes them. */
    uint32_t count = at < n->n_attrs ? n->n_attrs : at + 1;
    fet_attr *attrs = fet_arena_alloc(graph->arena, count * sizeof *attrs);
    if (!attrs) {
        if (owned.type == FET_ATTR_TYPE_TENSOR) fet_tensor_release(owned.tensor);
        return fet_arena_full();
    }
    if (n->attrs && n->n_attrs) memcpy(attrs, n->attrs, n->n_attrs * sizeof *attrs);
    if (at < n->n_attrs && attrs[at].type == FET_ATTR_TYPE_TENSOR) fet_tensor_release(attrs[at].tensor);
    attrs[at] = owned;
    n->attrs = attrs;
    n->n_attrs = (uint16_t)count;
    return FET_OK;
}

fet_status fet_graph_set_int(fet_graph *graph, fet_id node, fet_attr_key key, int64_t value)
{
    return fet_graph_set_attr(graph, node, &(fet_attr){.key = key, .type = FET_ATTR_TYPE_INT, .count = 1, .i = value});
}

fet_status fet_graph_set_float(fet_graph *graph, fet_id node, fet_attr_key key, float value)
{
    return fet_graph_set_attr(graph, node, &(fet_attr){.key = key, .type = FET_ATTR_TYPE_FLOAT, .count = 1, .f = value});
}

fet_status fet_graph_set_ints(fet_graph *graph, fet_id node, fet_attr_key key, const int64_t *values, uint32_t count)
{
    return fet_graph_set_attr(graph, node, &(fet_attr){.key = key, .type = FET_ATTR_TYPE_INTS, .count = count, .ints = values});
}

fet_status fet_graph_set_string(fet_graph *graph, fet_id node, fet_attr_key key, const char *value)
{
    return fet_graph_set_attr(graph, node,
                              &(fet_attr){.key = key, .type = FET_ATTR_TYPE_STRING, .count = (uint32_t)strlen(value), .string = value});
}

fet_status fet_graph_remove_attr(fet_graph *graph, fet_id node, fet_attr_key key)
{
    fet_node *n = &graph->nodes[node];
    uint32_t at = 0;
    while (at < n->n_attrs && n->attrs[at].key != key) at++;
    if (at == n->n_attrs) return FET_OK;
    fet_attr *attrs = fet_arena_copy(graph->arena, n->attrs, n->n_attrs * sizeof *attrs); /* the list may be shared with another graph */
    if (!attrs) return fet_arena_full();
    if (attrs[at].type == FET_ATTR_TYPE_TENSOR) fet_tensor_release(attrs[at].tensor);
    memmove(attrs + at, attrs + at + 1, (n->n_attrs - at - 1u) * sizeof *attrs);
    n->attrs = attrs;
    n->n_attrs--;
    return FET_OK;
}
