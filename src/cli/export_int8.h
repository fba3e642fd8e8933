// SPDX-License-Identifier: Apache-2.0
/* What `fettle export --precision int8` does: a network calibrated on data, written with what is rounded where, and checked. */
#ifndef FET_CLI_EXPORT_INT8_H
#define FET_CLI_EXPORT_INT8_H

#include "cli/command.h"
#include "data/dataset.h"
#include "engine/executor.h"
#include "engine/quantise/options.h"

/* A file whose outputs are further away than this, in steps of their int8 form, is not what was asked for. */
enum { FET_EXPORT_STEPS = 2 };

/*
 * Marks the layers of `graph` that stay in f32 or bf16, calibrates it on the train split and writes it to `path`. *out_calibration: for the
 * check.
 */
FET_MUST_CHECK fet_status fet_export_int8(fet_graph *graph, const fet_dataset *dataset, const fet_quantise_options *options,
                                          const char *path, int64_t opset, fet_calibration **out_calibration);

/*
 * Runs val samples in ONNX Runtime and in our int8 engine. Prints a line an output: the largest difference in steps, and how often the
 * largest number is at the same place. *out_steps: of all outputs. Errors as fet_export_check.
 */
FET_MUST_CHECK fet_status fet_export_int8_check(const fet_cli *cli, const fet_graph *graph, const fet_calibration *calibration,
                                                const fet_dataset *dataset, const char *path, const char *library, double *out_steps);

#endif
