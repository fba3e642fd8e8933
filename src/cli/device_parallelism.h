// SPDX-License-Identifier: Apache-2.0
/* Private to `fettle device`: what a device's staircases say, and where the fused block beats the inverted bottleneck. */
#ifndef FET_CLI_DEVICE_PARALLELISM_H
#define FET_CLI_DEVICE_PARALLELISM_H

#include "cli/command.h"
#include "device/device.h"

typedef struct fet_probe_options {
    fet_device_options device;
    const char *plot; /* file, NULL: none */
    bool json;
} fet_probe_options;

FET_MUST_CHECK fet_status fet_device_show_parallelism(fet_cli *cli, const fet_probe_options *options);
FET_MUST_CHECK fet_status fet_device_show_crossover(fet_cli *cli, const fet_probe_options *options);

#endif
