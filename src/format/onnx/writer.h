// SPDX-License-Identifier: Apache-2.0
/* Private to format/onnx: a graph on its way into a file. Errors collect in `status`, so that lists can be laid out without a check at each
 * step. */
#ifndef FET_FORMAT_ONNX_WRITER_H
#define FET_FORMAT_ONNX_WRITER_H

#include "format/onnx/wire.h"

/* The longest decomposition of one node (write_node.c): nodes, and values it names. */
enum { FET_ONNX_NODES_FOR_NODE = 10, FET_ONNX_VALUES_FOR_NODE = 16 };

typedef struct fet_onnx_writer {
    const fet_graph *graph;
    int64_t opset;
    fet_arena *arena;
    Onnx__GraphProto *proto;
    char **names;        /* by value */
    char **output_names; /* by output */
    const char **taken;  /* names given out: open addressing */
    size_t n_slots;
    fet_status status; /* the first failure */
} fet_onnx_writer;

void *fet_onnx_room(fet_onnx_writer *writer, size_t count, size_t item_bytes);
char *fet_onnx_text(fet_onnx_writer *writer, const char *text); /* a copy */
/* precision.c: the metadata on layers of their own precision, an entry or none. */
void fet_onnx_write_precisions(fet_onnx_writer *writer, Onnx__ModelProto *model);
/* A name that nobody else has; NULL without memory. */
char *fet_onnx_unique(fet_onnx_writer *writer, const char *wanted);
Onnx__TensorProto *fet_onnx_tensor_proto(fet_onnx_writer *writer, char *name, const fet_tensor *tensor);

/* Appends a node; gives it for attributes, NULL after a failure. Names are borrowed. */
Onnx__NodeProto *fet_onnx_add_node(fet_onnx_writer *writer, const char *type, char *name, char *const *inputs, size_t n_inputs,
                                   char *const *outputs, size_t n_outputs);
/* One node of the graph: as it is, or as what it means when the opset does not have it. */
FET_MUST_CHECK fet_status fet_onnx_write_node(fet_onnx_writer *writer, const fet_node *node);

#endif
