// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a safetensors file for a small graph: either every parameter gets its numbers or none does. */
#include "format/safetensors/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fet_auto(fet_graph) graph = NULL;
    const fet_shape matrix = fet_shape_2d(2, 3), vector = fet_shape_1d(3);
    fet_id value;
    if (fet_graph_create(NULL, &graph) != FET_OK) return 0;
    if (fet_graph_add_param(graph, "w", FET_DTYPE_F32, &matrix, NULL, true, &value) != FET_OK) return 0;
    if (fet_graph_add_param(graph, "s", FET_DTYPE_S64, &vector, NULL, false, &value) != FET_OK) return 0;
    fet_status status = fet_safetensors_parse(data, bytes, "x", graph);
    for (uint32_t p = 0; p < graph->n_params; p++)
        if ((graph->params[p].tensor != NULL) != (status == FET_OK)) __builtin_trap();
    return 0;
}
