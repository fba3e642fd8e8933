// SPDX-License-Identifier: Apache-2.0
/* Any bytes as somebody's table of kernels (CSV): read or refused with a message; what was read is kernels with latencies, whose keys print
 * as texts that mean them. */
#include "device/recorded/recorded.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fet_recorded_kernel *kernels = NULL;
    uint32_t n = 0;
    char *text = malloc(bytes + 1);
    if (!text) return 0;
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    fet_error_clear();
    fet_status status = fet_recorded_parse("x.csv", text, &kernels, &n);
    if (status != FET_OK && !fet_error_message()[0]) abort();
    for (uint32_t i = 0; status == FET_OK && i < n; i++) {
        char key[FET_KERNEL_KEY_TEXT_BYTES];
        fet_kernel_key again;
        fet_kernel_key_print(&kernels[i].key, key, sizeof key);
        if (!(kernels[i].latency_ms > 0) || !(kernels[i].spread >= 0)) abort();
        if (fet_kernel_key_parse(key, &again) != FET_OK || !fet_kernel_key_equal(&kernels[i].key, &again)) abort();
    }
    fet_free(kernels);
    free(text);
    return 0;
}
