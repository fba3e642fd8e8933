// SPDX-License-Identifier: Apache-2.0
/*
 * The hash of a network: each value's hash is made from the operator, attributes, shape and inputs' hashes of the node that makes it (a
 * Merkle tree), and the graph's from its outputs plus the sum over nodes and parameters, so that independent nodes may stand in any order
 * and sharing still counts.
 */
#include "base/hash.h"
#include "op/op.h"

#include <string.h>

enum { SMALL_CONSTANT_ELEMENTS = 64, VALUES_ON_STACK = 1024 };

static uint64_t hash_type(uint64_t hash, const fet_value *value)
{
    hash = fet_hash_combine(hash, (uint64_t)value->dtype << 8 | value->shape.rank);
    return fet_hash_combine(hash, fet_hash(value->shape.dim, value->shape.rank * sizeof *value->shape.dim));
}

static uint64_t hash_attr(const fet_attr *attr)
{
    uint64_t hash = fet_hash_combine((uint64_t)attr->key << 8 | (uint64_t)attr->type, fet_hash(attr->name, strlen(attr->name)));
    switch (attr->type) {
    case FET_ATTR_TYPE_INT: return fet_hash_combine(hash, (uint64_t)attr->i);
    case FET_ATTR_TYPE_FLOAT: return fet_hash_combine(hash, fet_hash(&attr->f, sizeof attr->f));
    case FET_ATTR_TYPE_INTS: return fet_hash_combine(hash, fet_hash(attr->ints, attr->count * sizeof *attr->ints));
    case FET_ATTR_TYPE_FLOATS: return fet_hash_combine(hash, fet_hash(attr->floats, attr->count * sizeof *attr->floats));
    case FET_ATTR_TYPE_STRING: return fet_hash_combine(hash, fet_hash(attr->string, attr->count));
    case FET_ATTR_TYPE_TENSOR: return fet_hash_combine(hash, fet_hash(attr->tensor->data, attr->tensor->bytes));
    }
    return hash;
}

/* Numbers of a constant that is part of the structure: small, not trained, no running statistics. */
static uint64_t hash_constant(const fet_graph *graph, const fet_node *node, fet_id v)
{
    const fet_value *value = &graph->values[v];
    if (value->kind != FET_VALUE_PARAM || node->op == FET_OP_BATCH_NORMALIZATION) return 0;
    const fet_param *param = &graph->params[value->param];
    if (param->trainable || !param->tensor || fet_tensor_elements(param->tensor) > SMALL_CONSTANT_ELEMENTS) return 0;
    return fet_hash(param->tensor->data, param->tensor->bytes);
}

static uint64_t hash_node(const fet_graph *graph, const fet_node *node, const uint64_t *of_value)
{
    uint64_t attrs = 0, hash = fet_hash_combine(1, (uint64_t)node->op << 32 | node->n_outputs);
    for (uint32_t a = 0; a < node->n_attrs; a++) attrs += hash_attr(&node->attrs[a]); /* in any order */
    hash = fet_hash_combine(hash, attrs);
    if (node->precision) hash = fet_hash_combine(hash, (uint64_t)6 << 32 | node->precision);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == FET_NONE) {
            hash = fet_hash_combine(hash, 2);
            continue;
        }
        hash = fet_hash_combine(hash, of_value[node->inputs[i]]);
        hash = fet_hash_combine(hash, hash_constant(graph, node, node->inputs[i]));
    }
    return hash;
}

uint64_t fet_graph_hash(const fet_graph *graph)
{
    uint64_t on_stack[VALUES_ON_STACK] = {0};
    uint64_t *of_value = graph->n_values <= VALUES_ON_STACK ? on_stack : fet_calloc(graph->n_values, sizeof *of_value);
    if (!of_value) return 0;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < graph->n_inputs; i++)
        of_value[graph->inputs[i]] = hash_type(fet_hash_combine(3, i), &graph->values[graph->inputs[i]]);
    for (fet_id p = 0; p < graph->n_params; p++) {
        fet_id v = graph->params[p].value;
        of_value[v] = hash_type(4, &graph->values[v]);
    }
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        if (node->op == FET_OP_NONE) continue;
        uint64_t hash = hash_node(graph, node, of_value);
        sum += hash;
        for (uint32_t i = 0; i < node->n_outputs; i++)
            if (node->outputs[i] != FET_NONE)
                of_value[node->outputs[i]] = hash_type(fet_hash_combine(hash, i), &graph->values[node->outputs[i]]);
    }
    uint64_t hash = fet_hash_combine(5, sum);
    for (uint32_t i = 0; i < graph->n_outputs; i++) hash = fet_hash_combine(hash, of_value[graph->outputs[i]]);
    if (of_value != on_stack) fet_free(of_value);
    return hash;
}
