// SPDX-License-Identifier: Apache-2.0
/*
 * The most MACs a second a device can do at its precision: what utilisation is a share of. Stated for a described device (its array times
 * its clock); of another one, the best rate of a few convolutions that suit every machine, measured like any kernel and kept.
 */
#ifndef FET_DEVICE_PEAK_H
#define FET_DEVICE_PEAK_H

#include "device/device.h"

typedef struct fet_device_peak {
    double macs_per_s;      /* 0: not known */
    fet_cost_source source; /* MEASURED; SIMULATED: stated; RECORDED: the best of those that were recorded */
} fet_device_peak;

/* `options` are what `device` was opened with. A recorded device that knows none of the convolutions has no peak, which is no error. */
FET_MUST_CHECK fet_status fet_device_find_peak(const fet_device_options *options, fet_device *device, fet_device_progress progress,
                                               void *context, fet_device_peak *out_peak);

#endif
