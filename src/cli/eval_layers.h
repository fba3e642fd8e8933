// SPDX-License-Identifier: Apache-2.0
/* What `fettle eval --layers` prints: the error that each layer's int8 alone adds at the output, the worst first. */
#ifndef FET_CLI_EVAL_LAYERS_H
#define FET_CLI_EVAL_LAYERS_H

#include "cli/command.h"
#include "task/layers.h"

/* A table, and the depthwise layers that lose most by name; or JSON. */
FET_MUST_CHECK fet_status fet_cli_eval_layers(fet_cli *cli, const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight,
                                              bool json);

#endif
