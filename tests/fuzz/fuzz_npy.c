// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a .npy file: read or refused, never more. */
#include "data/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fet_npy npy;
    if (fet_npy_parse(data, bytes, "x", &npy) != FET_OK || npy.count == 0) return 0;
    /* The first and the last number can be read. */
    float number[2];
    fet_npy_read(&npy, 0, 1, number);
    fet_npy_read(&npy, npy.count - 1, 1, number + 1);
    return 0;
}
