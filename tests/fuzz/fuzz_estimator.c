// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an estimator's file: read or refused; what was read estimates kernels without a crash, and writes itself again. */
#include "estimate/estimate.h"

#include "base/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const texts[] = {"conv s8 1x64x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias",
                                        "conv s8 1x64x28x28>64x28x28 k1x1 s1x1 g1 bias", "add s8 1x64x28x28>64x28x28"};
    fet_auto(fet_estimator) estimator = NULL;
    if (fet_estimator_parse("x", (const char *)data, bytes, &estimator) != FET_OK) return 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fet_kernel_key key;
        fet_estimate estimate;
        if (fet_kernel_key_parse(texts[i], &key) != FET_OK) continue;
        if (fet_estimator_predict(estimator, &key, 1, &estimate) != FET_OK) fet_error_clear();
    }
    char *text = NULL;
    size_t n = 0;
    if (fet_estimator_print(estimator, &text, &n) == FET_OK) fet_free(text);
    return 0;
}
