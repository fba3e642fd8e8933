// SPDX-License-Identifier: Apache-2.0
/* What `fettle export --check` does: the written file in ONNX Runtime against our engine, on random numbers. */
#ifndef FET_CLI_EXPORT_CHECK_H
#define FET_CLI_EXPORT_CHECK_H

#include "cli/command.h"
#include "graph/graph.h"

/* Of the largest number of an output. */
#define FET_EXPORT_TOLERANCE 1e-4

/*
 * Prints a line an output; *out_worst is the largest difference. library: ONNX Runtime's shared library, NULL: it is looked for.
 * Errors: NOT_FOUND ONNX Runtime; CORRUPT it refuses the file; those of the engine.
 */
FET_MUST_CHECK fet_status fet_export_check(const fet_cli *cli, const fet_graph *graph, const char *path, const char *library,
                                           double *out_worst);

#endif
