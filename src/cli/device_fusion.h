// SPDX-License-Identifier: Apache-2.0
/* Private to `fettle device`: which pairs of operators a device runs as one. */
#ifndef FET_CLI_DEVICE_FUSION_H
#define FET_CLI_DEVICE_FUSION_H

#include "cli/command.h"
#include "device/device.h"

FET_MUST_CHECK fet_status fet_device_show_fusion(fet_cli *cli, const fet_device_options *options, bool json);

#endif
