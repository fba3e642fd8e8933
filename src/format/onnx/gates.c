// SPDX-License-Identifier: Apache-2.0
/*
 * x times sigmoid(x) is Swish, x times hardsigmoid(x) with slope 1/6 and offset 1/2 is HardSwish: ONNX has no operator for the first at all
 * and for the second only since opset 14, so exporters write the product. Read back as one operator, which engines fuse behind a
 * convolution; write_node.c is the inverse.
 */
#include "format/onnx/reader.h"

#include <math.h>

/* What Mul(x, gate) is, if the gate is made from x; NONE when it is just a product. */
static fet_op_kind product_of(const fet_graph *graph, fet_id x, fet_id gate)
{
    const fet_node *node = &graph->nodes[graph->values[gate].node];
    if (node->n_inputs != 1 || node->inputs[0] != x) return FET_OP_NONE;
    if (node->op == FET_OP_SIGMOID) return FET_OP_SWISH;
    if (node->op != FET_OP_HARD_SIGMOID) return FET_OP_NONE;
    /* Exporters round 1/6 in different ways. */
    bool ours =
        fabsf(fet_node_float(node, FET_ATTR_ALPHA, 0.2f) - 1.0f / 6.0f) < 1e-6f && fet_node_float(node, FET_ATTR_BETA, 0.5f) == 0.5f;
    return ours ? FET_OP_HARD_SWISH : FET_OP_NONE;
}

static bool is_private(const fet_graph *graph, const fet_graph_uses *uses, fet_id value)
{
    if (graph->values[value].kind != FET_VALUE_COMPUTED || uses->first[value + 1] - uses->first[value] != 1) return false;
    for (uint32_t i = 0; i < graph->n_outputs; i++)
        if (graph->outputs[i] == value) return false;
    return true;
}

fet_status fet_onnx_join_gates(fet_onnx_reader *reader)
{
    fet_graph *graph = reader->graph;
    fet_graph_uses uses;
    FET_TRY(fet_graph_uses_create(graph, reader->scratch, &uses));
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        if (graph->nodes[n].op != FET_OP_MUL) continue;
        for (uint32_t side = 0; side < 2; side++) {
            fet_id x = graph->nodes[n].inputs[side], gate = graph->nodes[n].inputs[1 - side];
            fet_op_kind op = is_private(graph, &uses, gate) ? product_of(graph, x, gate) : FET_OP_NONE;
            if (op == FET_OP_NONE) continue;
            fet_graph_remove_node(graph, graph->values[gate].node);
            graph->nodes[n].op = op;
            FET_TRY(fet_graph_set_inputs(graph, n, &x, 1));
            break;
        }
    }
    return FET_OK;
}
