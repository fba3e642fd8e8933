// SPDX-License-Identifier: Apache-2.0
/*
 * The numbers of a graph's parameters in a safetensors file (8 bytes of header length, a JSON header naming dtype, shape and place of each
 * tensor, then the numbers, little-endian). Parameters go by name. f32 and s64 are written; anything else in a graph is UNSUPPORTED.
 */
#ifndef FET_FORMAT_SAFETENSORS_SAFETENSORS_H
#define FET_FORMAT_SAFETENSORS_SAFETENSORS_H

#include "graph/graph.h"

#define FET_SAFETENSORS_LIMIT_BYTES ((size_t)4 << 30)
enum { FET_SAFETENSORS_LIMIT_HEADER = 100 << 20 }; /* as the reference implementation has it */

/* Writes every parameter that has numbers, replacing `path` at once or not at all. Errors: STATE when a parameter has none; IO. */
FET_MUST_CHECK fet_status fet_safetensors_write(const fet_graph *graph, const char *path);

/*
 * Gives every parameter of `graph` its numbers from the file; other tensors of the file are ignored. Nothing changes unless all fit.
 * Errors: NOT_FOUND names the parameter that is not in the file, SHAPE the one that differs, CORRUPT.
 */
FET_MUST_CHECK fet_status fet_safetensors_read(const char *path, fet_graph *graph);
/* The same from memory; `name` stands in messages. */
FET_MUST_CHECK fet_status fet_safetensors_parse(const void *data, size_t bytes, const char *name, fet_graph *graph);

#endif
