// SPDX-License-Identifier: Apache-2.0
/* Private to `fettle device probe`: kernels measured again at another time, the doubtful ones first. */
#ifndef FET_CLI_DEVICE_AGAIN_H
#define FET_CLI_DEVICE_AGAIN_H

#include "cli/table.h"
#include "device/kit/again.h"

typedef struct fet_device_again {
    uint32_t known;            /* kernels that were looked at */
    fet_kit_suspects suspects; /* in order of doubt */
    fet_kit_fate *fates;
    fet_kit_again result;
} fet_device_again;
void fet_device_again_clear(fet_device_again *again);

/* most: -1 for all that were measured once; 0: nothing is done. budget_s: 0 for none. */
FET_MUST_CHECK fet_status fet_device_measure_again(fet_cli *cli, fet_device *device, int64_t most, double budget_s, uint64_t seed,
                                                   fet_device_again *out_again);
void fet_device_again_print(const fet_cli *cli, const fet_device_again *again);
json_t *fet_device_again_json(const fet_device *device, const fet_device_again *again);

#endif
