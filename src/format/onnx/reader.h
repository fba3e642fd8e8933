// SPDX-License-Identifier: Apache-2.0
/* Private to format/onnx: a model on its way into a graph. */
#ifndef FET_FORMAT_ONNX_READER_H
#define FET_FORMAT_ONNX_READER_H

#include "format/onnx/onnx.h"
#include "format/onnx/wire.h"

/* A name of the file: who makes it and whether anybody reads it. */
typedef struct fet_onnx_name {
    const char *text;
    fet_id value;      /* FET_NONE until it is made */
    uint32_t producer; /* index of the file's node, or FET_NONE for inputs and initializers */
    bool used;
} fet_onnx_name;

typedef struct fet_onnx_reader {
    const char *file; /* for messages */
    const Onnx__GraphProto *proto;
    const Onnx__ModelProto *model;
    const fet_onnx_options *options;
    int64_t opset;
    fet_graph *graph;
    fet_arena *scratch;
    fet_onnx_name *names; /* open addressing, n_slots a power of two */
    size_t n_slots;
    size_t fold_bytes_left;
} fet_onnx_reader;

/* names.c */
FET_MUST_CHECK fet_status fet_onnx_names_create(fet_onnx_reader *reader);
/* The entry of a name; NULL when nothing in the file makes it. */
fet_onnx_name *fet_onnx_name_find(const fet_onnx_reader *reader, const char *text);
/* Indices of the file's nodes in an order in which each stands behind what it reads; from scratch. CORRUPT on a cycle. */
FET_MUST_CHECK fet_status fet_onnx_order(const fet_onnx_reader *reader, uint32_t **out_order);

/* node.c: appends one node of the file to the graph, with its constants folded. */
FET_MUST_CHECK fet_status fet_onnx_read_node(fet_onnx_reader *reader, const Onnx__NodeProto *proto);
/* "Conv node \"conv1\" (opset 11)" in front of the message on its way up. */
fet_status fet_onnx_note(const fet_onnx_reader *reader, fet_status status);

/* normalise.c: brings a node just appended from the file's opset to the form of opset 13; `type` is its ONNX name. May append more nodes.
 */
FET_MUST_CHECK fet_status fet_onnx_normalise(fet_onnx_reader *reader, fet_id node, const char *type);

/* decompose.c: operators that are read as others. */
bool fet_onnx_can_decompose(const fet_onnx_reader *reader, const Onnx__NodeProto *proto, const char *type);
FET_MUST_CHECK fet_status fet_onnx_decompose(fet_onnx_reader *reader, const Onnx__NodeProto *proto, const char *name);

/* precision.c: marks the layers that the metadata names; once all nodes are read. CORRUPT names what is wrong. */
FET_MUST_CHECK fet_status fet_onnx_read_precisions(fet_onnx_reader *reader);

/* gates.c: products that are an activation become one, once all nodes and outputs are read. */
FET_MUST_CHECK fet_status fet_onnx_join_gates(fet_onnx_reader *reader);

#endif
