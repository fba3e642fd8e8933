// SPDX-License-Identifier: Apache-2.0
/* Which names of devices are files of estimators. */
#ifndef FET_DEVICE_ESTIMATED_ESTIMATED_H
#define FET_DEVICE_ESTIMATED_ESTIMATED_H

#include "estimate/estimate.h"

bool fet_device_is_estimate(const char *name); /* it ends in ".estimate" */

#endif
