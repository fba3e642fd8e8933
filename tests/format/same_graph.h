// SPDX-License-Identifier: Apache-2.0
/* Two graphs are structurally equal: names, operators, attributes, wiring, types, and every number bit for bit. */
#ifndef FET_TESTS_FORMAT_SAME_GRAPH_H
#define FET_TESTS_FORMAT_SAME_GRAPH_H

#include "check.h"

#include "graph/graph.h"

#include <string.h>

static inline void same_tensor(const fet_tensor *a, const fet_tensor *b)
{
    assert_int_equal(a->dtype, b->dtype);
    assert_true(fet_shape_equal(&a->shape, &b->shape));
    assert_memory_equal(a->data, b->data, a->bytes);
}

static inline void same_value(const fet_graph *a, fet_id x, const fet_graph *b, fet_id y)
{
    if (x == FET_NONE || y == FET_NONE) {
        assert_int_equal(x, y);
        return;
    }
    const fet_value *v = &a->values[x], *w = &b->values[y];
    assert_string_equal(v->name, w->name);
    assert_int_equal(v->kind, w->kind);
    assert_int_equal(v->dtype, w->dtype);
    assert_true(fet_shape_equal(&v->shape, &w->shape));
    if (v->kind != FET_VALUE_PARAM) return;
    assert_int_equal(a->params[v->param].trainable, b->params[w->param].trainable);
    same_tensor(a->params[v->param].tensor, b->params[w->param].tensor);
}

/* Attributes may stand in any order. */
static inline void same_attr(const fet_attr *a, const fet_node *other)
{
    const fet_attr *b = NULL;
    for (uint32_t i = 0; i < other->n_attrs; i++)
        if (strcmp(other->attrs[i].name, a->name) == 0) b = &other->attrs[i];
    if (!b) fail_msg("attribute %s is lost", a->name);
    assert_int_equal(a->key, b->key);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->count, b->count);
    switch (a->type) {
    case FET_ATTR_TYPE_INT: assert_int_equal(a->i, b->i); break;
    case FET_ATTR_TYPE_FLOAT: assert_memory_equal(&a->f, &b->f, sizeof a->f); break;
    case FET_ATTR_TYPE_INTS: assert_memory_equal(a->ints, b->ints, a->count * sizeof *a->ints); break;
    case FET_ATTR_TYPE_FLOATS: assert_memory_equal(a->floats, b->floats, a->count * sizeof *a->floats); break;
    case FET_ATTR_TYPE_STRING: assert_memory_equal(a->string, b->string, a->count); break;
    case FET_ATTR_TYPE_TENSOR: same_tensor(a->tensor, b->tensor); break;
    }
}

static inline void same_graph(const fet_graph *a, const fet_graph *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->n_nodes, b->n_nodes);
    assert_int_equal(a->n_params, b->n_params);
    assert_int_equal(a->n_inputs, b->n_inputs);
    assert_int_equal(a->n_outputs, b->n_outputs);
    for (uint32_t i = 0; i < a->n_inputs; i++) same_value(a, a->inputs[i], b, b->inputs[i]);
    for (uint32_t i = 0; i < a->n_outputs; i++) same_value(a, a->outputs[i], b, b->outputs[i]);
    for (fet_id n = 0; n < a->n_nodes; n++) {
        const fet_node *x = &a->nodes[n], *y = &b->nodes[n];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->op, y->op);
        assert_int_equal(x->n_inputs, y->n_inputs);
        assert_int_equal(x->n_outputs, y->n_outputs);
        assert_int_equal(x->n_attrs, y->n_attrs);
        for (uint32_t i = 0; i < x->n_inputs; i++) same_value(a, x->inputs[i], b, y->inputs[i]);
        for (uint32_t i = 0; i < x->n_outputs; i++) same_value(a, x->outputs[i], b, y->outputs[i]);
        for (uint32_t i = 0; i < x->n_attrs; i++) same_attr(&x->attrs[i], y);
    }
}

#endif
