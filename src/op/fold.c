// SPDX-License-Identifier: Apache-2.0
/* Folding of constants: the driver. What each operator gives stands in evaluate.c. */
#include "op/infer.h"

/* All inputs are numbers we have; Shape needs only the shape. */
static bool inputs_are_known(const fet_graph *graph, const fet_node *node)
{
    if (node->op == FET_OP_SHAPE) return true;
    for (uint32_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] != FET_NONE && !fet_graph_constant(graph, node->inputs[i])) return false;
    return true;
}

fet_status fet_graph_fold_node(fet_graph *graph, fet_id id, size_t *bytes_left)
{
    FET_TRY(fet_graph_infer_node(graph, id));
    const fet_node *node = &graph->nodes[id];
    if (node->op == FET_OP_NONE || node->n_outputs != 1 || node->outputs[0] == FET_NONE || !inputs_are_known(graph, node)) return FET_OK;
    fet_id dst = node->outputs[0];
    size_t bytes = (size_t)fet_shape_elements(&graph->values[dst].shape) * fet_dtype_bytes(graph->values[dst].dtype);
    if (bytes > *bytes_left) return FET_OK;
    fet_auto(fet_tensor) tensor = NULL;
    FET_TRY(fet_op_evaluate(graph, node, &tensor));
    if (!tensor) return FET_OK;
    *bytes_left -= bytes;
    fet_graph_remove_node(graph, id);
    return fet_graph_make_constant(graph, dst, tensor);
}

fet_status fet_graph_fold(fet_graph *graph, size_t *bytes_left)
{
    for (fet_id n = 0; n < graph->n_nodes; n++) FET_TRY(fet_graph_fold_node(graph, n, bytes_left));
    return FET_OK;
}
