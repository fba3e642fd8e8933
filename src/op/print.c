// SPDX-License-Identifier: Apache-2.0
/* A graph as text, one line a node, for people and golden files. */
#include "op/op.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct text {
    char *data;
    size_t used, capacity;
    fet_status status; /* the first failure; nothing is appended after it */
} text;

static void put(text *t, const char *format, ...) FET_PRINTF(2, 3);
static void put(text *t, const char *format, ...)
{
    va_list arguments, again;
    if (t->status != FET_OK) return;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length >= 0) t->status = fet_grow(&t->data, &t->capacity, t->used + (size_t)length + 1, 1);
    if (length >= 0 && t->status == FET_OK) {
        vsnprintf(t->data + t->used, (size_t)length + 1, format, again);
        t->used += (size_t)length;
    }
    va_end(again);
}

static void put_type(text *t, const fet_value *value)
{
    char shape[FET_SHAPE_TEXT_BYTES];
    put(t, "%s", fet_shape_print(&value->shape, shape, sizeof shape));
    if (value->dtype != FET_DTYPE_F32) put(t, " %s", fet_dtype_name(value->dtype));
}

static void put_values(text *t, const fet_graph *graph, const fet_id *ids, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        put(t, "%s", i ? ", " : "");
        if (ids[i] == FET_NONE) {
            put(t, "-");
            continue;
        }
        put(t, "%s ", graph->values[ids[i]].name);
        put_type(t, &graph->values[ids[i]]);
    }
}

static void put_attr(text *t, const fet_attr *attr)
{
    put(t, " %s=", attr->name);
    switch (attr->type) {
    case FET_ATTR_TYPE_INT: put(t, "%" PRId64, attr->i); break;
    case FET_ATTR_TYPE_FLOAT: put(t, "%g", (double)attr->f); break;
    case FET_ATTR_TYPE_STRING: put(t, "\"%s\"", attr->string); break;
    case FET_ATTR_TYPE_TENSOR: put(t, "tensor"); break;
    case FET_ATTR_TYPE_INTS:
        for (uint32_t i = 0; i < attr->count; i++) put(t, "%s%" PRId64, i ? "," : "", attr->ints[i]);
        break;
    case FET_ATTR_TYPE_FLOATS:
        for (uint32_t i = 0; i < attr->count; i++) put(t, "%s%g", i ? "," : "", (double)attr->floats[i]);
        break;
    }
}

fet_status fet_graph_print(const fet_graph *graph, char **out_text)
{
    text t = {0};
    put(&t, "graph %s\n", graph->name);
    for (uint32_t i = 0; i < graph->n_inputs; i++) {
        put(&t, "input ");
        put_values(&t, graph, &graph->inputs[i], 1);
        put(&t, "\n");
    }
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        if (node->op == FET_OP_NONE) continue;
        put(&t, "%4u %s %s(", n, fet_op_onnx_name(node->op), node->name);
        put_values(&t, graph, node->inputs, node->n_inputs);
        put(&t, ") -> ");
        put_values(&t, graph, node->outputs, node->n_outputs);
        for (uint32_t a = 0; a < node->n_attrs; a++) put_attr(&t, &node->attrs[a]);
        put(&t, "\n");
    }
    for (uint32_t i = 0; i < graph->n_outputs; i++) {
        put(&t, "output ");
        put_values(&t, graph, &graph->outputs[i], 1);
        put(&t, "\n");
    }
    if (t.status != FET_OK) {
        fet_free(t.data);
        return t.status;
    }
    *out_text = t.data;
    return FET_OK;
}
