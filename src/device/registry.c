// SPDX-License-Identifier: Apache-2.0
/* The kinds of devices. */
#include "device/ops.h"

const fet_device_ops *const fet_device_kinds[] = {&fet_device_host,      &fet_device_described, &fet_device_recorded,
                                                  &fet_device_estimated, &fet_device_template,  NULL};
