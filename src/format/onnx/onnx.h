// SPDX-License-Identifier: Apache-2.0
/*
 * ONNX files in and out, through protobuf-c code generated from onnx.proto at build time.
 *
 * Reading takes opsets 7 to 18 and gives an inferred, verified graph with the semantics of opset 13, whatever the file's: attributes that
 * became inputs are inputs, Upsample is Resize, constants are folded, symbolic dimensions are bound. Names and the order of inputs and
 * outputs are kept. What cannot be read is refused with one line that names file, node, operator, opset and the nearest thing that works. A
 * file is never trusted: sizes, depths and counts are checked before memory is asked for.
 *
 * Layers that are to be computed in another precision than an int8 network (fet_node.precision) stand in the model's metadata, which other
 * readers ignore: key "fettle.precision", a line "bf16 RESULT" a layer, RESULT the name of the value that it makes.
 *
 * Writing gives opset 13 (or what the caller asks for, 13 to 18) with weights inside, atomically. Operators younger than the opset are
 * written as what they mean (HardSwish as HardSigmoid times x).
 */
#ifndef FET_FORMAT_ONNX_ONNX_H
#define FET_FORMAT_ONNX_ONNX_H

#include "graph/graph.h"

enum { FET_ONNX_OPSET_LOWEST = 7, FET_ONNX_OPSET_HIGHEST = 18, FET_ONNX_OPSET_WRITTEN = 13 };

/* A shape for an input by its name (NULL: for every input that no other binding names), or (rank 1) a number for every symbolic dimension
 * of that name. */
typedef struct fet_onnx_binding {
    const char *name;
    fet_shape shape;
} fet_onnx_binding;

typedef struct fet_onnx_options {
    const fet_onnx_binding *bindings; /* borrowed; default none */
    uint32_t n_bindings;
    int64_t batch;           /* for a first dimension that is open and not bound; default 1 */
    size_t fold_limit_bytes; /* of constants computed while reading; default 1 GiB, which holds the weights of any "light" test model */
} fet_onnx_options;

fet_onnx_options fet_onnx_default_options(void);

/*
 * options  NULL: defaults.
 * Errors:  NOT_FOUND, IO the file; CORRUPT it is no ONNX model or contradicts itself; UNSUPPORTED an operator, opset, type or external
 * data; LIMIT; SHAPE; ARG a binding that does not fit; NOMEM.
 */
FET_MUST_CHECK fet_status fet_onnx_read(const char *path, const fet_onnx_options *options, fet_graph **out_graph);
/* The same from memory; `name` stands for the path in messages. */
FET_MUST_CHECK fet_status fet_onnx_read_buffer(const void *data, size_t bytes, const char *name, const fet_onnx_options *options,
                                               fet_graph **out_graph);

/* Errors: ARG the opset; STATE a parameter without numbers; LIMIT more than 2 GiB; IO. The file appears whole or not at all. */
FET_MUST_CHECK fet_status fet_onnx_write(const fet_graph *graph, const char *path, int64_t opset);
/* The same into a heap buffer. */
FET_MUST_CHECK fet_status fet_onnx_write_buffer(const fet_graph *graph, int64_t opset, void **out_data, size_t *out_bytes);

#endif
