// SPDX-License-Identifier: Apache-2.0
/* Any bytes as the adaptive rounds of a device, and as what is learned to stand between kernels: read or refused with a message. */
#include "device/between.h"
#include "device/kit/adapt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fet_kit_adapted adapted;
    fet_between between;
    char *text = malloc(bytes + 1);
    if (!text) return 0;
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    fet_error_clear();
    if (fet_kit_adapt_parse("x.rounds", text, 0xff, &adapted) == FET_OK) {
        if (adapted.n > FET_KIT_ROUNDS_MAX + 1 || adapted.n_asked > FET_KIT_BATCH_MAX) abort();
        for (uint32_t i = 0; i < adapted.n; i++)
            if (!(adapted.rounds[i].mape >= 0) || !(adapted.rounds[i].within_10 <= 1)) abort();
        fet_kit_adapted_clear(&adapted);
    } else if (!fet_error_message()[0]) {
        abort();
    }
    fet_error_clear();
    if (fet_between_parse("x", text, &between) != FET_OK && !fet_error_message()[0]) abort();
    free(text);
    return 0;
}
