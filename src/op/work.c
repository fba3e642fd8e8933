// SPDX-License-Identifier: Apache-2.0
/* Work of nodes and graphs: MACs, other operations, bytes. */
#include "op/op.h"

#include <string.h>

static int64_t bytes_of(const fet_value *value)
{
    return fet_shape_elements(&value->shape) * (int64_t)fet_dtype_bytes(value->dtype);
}

void fet_graph_work_of_node(const fet_graph *graph, fet_id id, fet_op_work *out_work)
{
    const fet_node *node = &graph->nodes[id];
    const fet_op_info *info = fet_op_find(node->op);
    fet_op_work work = {0};
    if (node->op == FET_OP_NONE) {
        *out_work = work;
        return;
    }
    const fet_value *dst = fet_node_output(graph, node, 0);
    if (info->work) info->work(graph, node, &work);
    else work.other_ops = dst ? fet_shape_elements(&dst->shape) : 0;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const fet_value *src = fet_node_input(graph, node, i);
        bool again = false; /* an input named twice is read once */
        for (uint32_t j = 0; j < i; j++) again |= node->inputs[j] == node->inputs[i];
        if (!src || again) continue;
        if (src->kind == FET_VALUE_PARAM) work.param_bytes += src->dtype == FET_DTYPE_S64 ? 0 : bytes_of(src);
        else if (!(info->flags & FET_OP_VIEW)) work.src_bytes += bytes_of(src);
    }
    for (uint32_t i = 0; i < node->n_outputs && !(info->flags & FET_OP_VIEW); i++)
        if (fet_node_output(graph, node, i)) work.dst_bytes += bytes_of(fet_node_output(graph, node, i));
    *out_work = work;
}

/* Bytes of the parameters that nodes use, each once: a bitmap over a stretch of parameters at a time, so that nothing is allocated. */
static int64_t param_bytes(const fet_graph *graph)
{
    enum { STRETCH = 8192 };
    uint64_t seen[STRETCH / 64];
    int64_t bytes = 0;
    for (uint32_t first = 0; first < graph->n_params; first += STRETCH) {
        memset(seen, 0, sizeof seen);
        for (fet_id n = 0; n < graph->n_nodes; n++)
            for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++) {
                const fet_value *src = fet_node_input(graph, &graph->nodes[n], i);
                if (!src || src->kind != FET_VALUE_PARAM || src->param < first || src->param - first >= STRETCH) continue;
                uint32_t bit = src->param - first;
                if (seen[bit / 64] >> (bit % 64) & 1u) continue;
                seen[bit / 64] |= (uint64_t)1 << (bit % 64);
                if (src->dtype != FET_DTYPE_S64) bytes += bytes_of(src);
            }
    }
    return bytes;
}

void fet_graph_work(const fet_graph *graph, fet_op_work *out_work)
{
    fet_op_work sum = {0};
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        fet_op_work work;
        fet_graph_work_of_node(graph, n, &work);
        sum.macs += work.macs;
        sum.other_ops += work.other_ops;
        sum.src_bytes += work.src_bytes;
        sum.dst_bytes += work.dst_bytes;
    }
    sum.param_bytes = param_bytes(graph);
    *out_work = sum;
}
