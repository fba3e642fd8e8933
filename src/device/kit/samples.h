// SPDX-License-Identifier: Apache-2.0
/* The known kernels of a device as an estimator takes them, in the order of its table. */
#ifndef FET_DEVICE_KIT_SAMPLES_H
#define FET_DEVICE_KIT_SAMPLES_H

#include "device/device.h"
#include "estimate/estimate.h"

typedef struct fet_kit_samples {
    fet_estimate_sample *items; /* heap */
    size_t n, capacity;
    uint32_t others; /* kernels in other precisions, left out */
} fet_kit_samples;

/* In this precision, or in plain f32, as the long tail is whatever a network is in. */
bool fet_kit_belongs(const fet_kernel_key *key, fet_dtype precision);
FET_MUST_CHECK fet_status fet_kit_samples_add(fet_kit_samples *samples, const fet_kernel_key *key, double latency_ms, double spread);
/* Appends what the device knows. Errors: NOMEM. */
FET_MUST_CHECK fet_status fet_kit_samples_read(const fet_device *device, fet_kit_samples *samples);
void fet_kit_samples_clear(fet_kit_samples *samples);

/* What an estimator of this device is fitted with; borrows from the device. */
fet_estimator_options fet_kit_estimator_options(const fet_device *device);

#endif
