// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a device file (YAML): refused with a message, or a device that a described one simulates a kernel on, in finite time. */
#include "device/described/described.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const texts[] = {"conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias",
                                        "conv s8 1x64x28x28>64x28x28 k3x3 s1x1 p1,1,1,1 g64 bias", "add s8 1x64x28x28>64x28x28"};
    fet_auto(fet_device_file) file = NULL;
    fet_error_clear();
    if (fet_device_file_parse("/fuzz/x.yaml", (const char *)data, bytes, &file) != FET_OK) {
        if (!fet_error_message()[0]) abort();
        return 0;
    }
    if (!file->name || !file->help || (file->kind == FET_DEVICE_RECORDED && !file->table)) abort();
    for (size_t i = 0; file->kind == FET_DEVICE_DESCRIBED && i < sizeof texts / sizeof *texts; i++) {
        fet_kernel_key key;
        fet_sim_result result;
        if (fet_kernel_key_parse(texts[i], &key) != FET_OK) abort();
        if (fet_sim_kernel(&file->machine, &key, &result) == FET_OK && !(result.cycles > 0 && isfinite(result.cycles))) abort();
    }
    return 0;
}
