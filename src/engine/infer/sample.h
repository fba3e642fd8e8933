// SPDX-License-Identifier: Apache-2.0
/* A node of the plain world made up from a kernel key, so that the runner can time what the key describes. */
#ifndef FET_ENGINE_INFER_SAMPLE_H
#define FET_ENGINE_INFER_SAMPLE_H

#include "engine/infer/step.h"

/*
 * Makes a graph of one node with the key's operator, input and output sizes and the most usual attributes; fills formats[] of its inputs
 * and the spec's sources, result, graph and node. Errors: UNSUPPORTED when no such node gives the key's output size.
 */
FET_MUST_CHECK fet_status fet_sample_plain(const fet_kernel_key *key, fet_graph **out_graph, fet_format *formats, uint32_t room,
                                           fet_step_spec *spec);

#endif
