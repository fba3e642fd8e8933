// SPDX-License-Identifier: Apache-2.0
/* Any text as a kernel: refused with a message, or a kernel whose text means the same, and of which an estimator's numbers can be computed.
 */
#include "estimate/family.h"
#include "estimate/kernel_features.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fet_kernel_key key, again;
    char *text = malloc(bytes + 1), printed[FET_KERNEL_KEY_TEXT_BYTES];
    float features[FET_FEATURE_COUNT];
    if (!text) return 0;
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    fet_error_clear();
    fet_status status = fet_kernel_key_parse(text, &key);
    free(text);
    if (status != FET_OK && !fet_error_message()[0]) abort();
    if (status != FET_OK) return 0;
    fet_kernel_key_print(&key, printed, sizeof printed);
    if (fet_kernel_key_parse(printed, &again) != FET_OK || !fet_kernel_key_equal(&key, &again)) abort();
    (void)fet_kernel_key_macs(&key);
    fet_workload workload = fet_workload_of(&key);
    fet_features_fill(&key, &workload, &(fet_feature_context){.baseline_ms = 1}, features);
    if (!fet_family_name(fet_family_of(&key))) abort();
    return 0;
}
