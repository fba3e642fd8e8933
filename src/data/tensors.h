// SPDX-License-Identifier: Apache-2.0
/* Which files are tensors. */
#ifndef FET_DATA_TENSORS_H
#define FET_DATA_TENSORS_H

#include <stdbool.h>

bool fet_tensor_files_wants(const char *name); /* .npy, .wav, .flac */

#endif
