// SPDX-License-Identifier: Apache-2.0
/*
 * What commands are given as text, made real: networks and data.
 * A network is  model.onnx  |  DIR@TRIAL, a trial of the study in DIR ("out/fashion@finalists-3")  |  DIR@GENOME, a candidate that need not
 * have been trained ("out/fashion@0-1-0-2").
 */
#ifndef FET_CLI_SOURCE_H
#define FET_CLI_SOURCE_H

#include "cli/command.h"
#include "data/dataset.h"
#include "run/workspace.h"

typedef struct fet_network {
    fet_graph *graph;
    fet_arena *arena;         /* of the graph, or NULL */
    fet_workspace *workspace; /* what it came from, or NULL */
} fet_network;

#define FET_NETWORK_HELP "MODEL is an ONNX file, or DIR@TRIAL or DIR@GENOME of a study: out/fashion@finalists-3, out/fashion@0-1-0-2."

/* needs_numbers: STATE when the network is only a shape (a candidate that was never trained). */
FET_MUST_CHECK fet_status fet_network_load(const char *text, bool needs_numbers, fet_network *out_network);
void fet_network_clear(fet_network *network);

/* "KIND:PATH"; input "CxHxW" or NULL. ARG names the kinds. */
FET_MUST_CHECK fet_status fet_cli_open_data(const char *text, const char *input, double val_share, uint64_t seed,
                                            fet_dataset **out_dataset);

/* "f32", "bf16", "int8"; ARG otherwise. */
FET_MUST_CHECK fet_status fet_cli_precision(const char *text, fet_dtype *out_dtype);
extern const char *const fet_cli_precisions[]; /* the choices, NULL-terminated */

#endif
