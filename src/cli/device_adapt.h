// SPDX-License-Identifier: Apache-2.0
/* Private to `fettle device probe`: adaptive rounds, and the table of error by round. */
#ifndef FET_CLI_DEVICE_ADAPT_H
#define FET_CLI_DEVICE_ADAPT_H

#include "cli/table.h"
#include "device/kit/adapt.h"

/* options->path is set here: beside the device's table. Adapted: to be cleared. */
FET_MUST_CHECK fet_status fet_device_adapt(fet_cli *cli, fet_device *device, const fet_kit_pool *pool, const fet_kit_plan *plan,
                                           const fet_kit_adapt_options *options, fet_kit_adapted *out_adapted);
FET_MUST_CHECK fet_status fet_device_adapt_print(const fet_cli *cli, const fet_kit_adapted *adapted);
/* Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_device_adapt_json(const fet_kit_adapted *adapted, json_t **out_json);

#endif
