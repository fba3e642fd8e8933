// SPDX-License-Identifier: Apache-2.0
/* A network, a device, the space of the one for the other and a probe to cost it: what `space` and `advise` begin with. */
#ifndef FET_CLI_SURVEY_H
#define FET_CLI_SURVEY_H

#include "advise/probe.h"
#include "cli/costing.h"
#include "cli/source.h"

typedef struct fet_survey {
    fet_network network;
    fet_device_options options;
    fet_device *device;
    fet_arena *arena;
    fet_space *space;
    const char *left_out; /* kinds of decisions for which there was no room, or "" */
    fet_probe *probe;
} fet_survey;

/*
 * inputs: shapes for what an ONNX file leaves open. space_file: locks that somebody edited, or NULL. precisions: decisions on layers'
 * precision, too, where the device computes in int8 and bf16; without, where the locks name some. Deinit whatever the outcome.
 */
FET_MUST_CHECK fet_status fet_survey_init(fet_survey *survey, const char *model, const fet_cli_costing *costing,
                                          const fet_cli_texts *inputs, const char *space_file, bool precisions);
void fet_survey_deinit(fet_survey *survey);

#endif
