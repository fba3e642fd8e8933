// SPDX-License-Identifier: Apache-2.0
/* A job's base network as a graph: built from a template, or read from an ONNX file and checked against what can be searched and trained.
 */
#ifndef FET_RUN_BASE_NETWORK_H
#define FET_RUN_BASE_NETWORK_H

#include "run/job.h"

#define FET_BASE_FILE "base.onnx"              /* a study's copy */
#define FET_BASE_LIMIT_BYTES ((size_t)2 << 30) /* protobuf's own limit */

/* Hash of a file's content. Errors: NOT_FOUND, IO, LIMIT. */
FET_MUST_CHECK fet_status fet_base_network_hash(const char *path, uint64_t *out_hash);

/*
 * The job's base. A template has no numbers yet; an ONNX network has its own, from `onnx_path` (the job's file, or a study's copy of it),
 * whose content must have the job's hash.
 * Errors: STATE another content; SHAPE not one image in and one output; what fet_onnx_read says.
 */
FET_MUST_CHECK fet_status fet_base_network_build(const fet_job *job, const char *onnx_path, fet_graph **out_graph);

/* Opens the job's data in the shape and the normalisation that the network wants. Errors: SHAPE, ARG: one line naming both. */
FET_MUST_CHECK fet_status fet_base_network_data(const fet_job *job, const fet_graph *base, fet_dataset **out_dataset);

#endif
