// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an ONNX model: an error with a message, or a graph that verifies, prints, hashes, takes another batch, and can be written
 * and read again with the same structure.
 */
#include "format/onnx/onnx.h"
#include "op/op.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void write_and_read(const fet_graph *graph, const fet_onnx_options *options)
{
    fet_auto(fet_graph) again = NULL;
    void *written = NULL;
    size_t written_bytes = 0;
    if (fet_onnx_write_buffer(graph, FET_ONNX_OPSET_WRITTEN, &written, &written_bytes) != FET_OK) return;
    fet_status status = fet_onnx_read_buffer(written, written_bytes, "again", options, &again);
    fet_free(written);
    if (status != FET_OK && status != FET_ERROR_LIMIT) __builtin_trap();
    if (status == FET_OK && (again->n_inputs != graph->n_inputs || again->n_outputs != graph->n_outputs)) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fet_auto(fet_graph) graph = NULL;
    fet_onnx_options options = fet_onnx_default_options();
    options.fold_limit_bytes = 1 << 20; /* memory is not what is looked for */
    fet_error_clear();
    if (fet_onnx_read_buffer(data, bytes, "x", &options, &graph) != FET_OK) {
        if (!fet_error_message()[0]) __builtin_trap();
        return 0;
    }
    if (fet_graph_verify(graph) != FET_OK) __builtin_trap();
    char *text = NULL;
    if (fet_graph_print(graph, &text) != FET_OK || fet_graph_hash(graph) == 0) __builtin_trap();
    fet_free(text);
    fet_op_work work;
    fet_graph_work(graph, &work);
    write_and_read(graph, &options);
    if (fet_graph_set_batch(graph, 3) == FET_OK && fet_graph_verify(graph) != FET_OK) __builtin_trap();
    return 0;
}
