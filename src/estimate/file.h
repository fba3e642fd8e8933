// SPDX-License-Identifier: Apache-2.0
/* What writer (file.c) and reader (file_read.c) of an estimator's file share. */
#ifndef FET_ESTIMATE_FILE_H
#define FET_ESTIMATE_FILE_H

#include "estimate/model.h"
#include "op/op.h"

#define FET_ESTIMATOR_MAGIC "# fettle estimator "
enum { FET_ESTIMATOR_VERSION = 2, FET_ESTIMATOR_LIMIT_BYTES = 1 << 28 };

const char *fet_model_activation_name(uint32_t activation); /* "none", "relu", ... */

#endif
