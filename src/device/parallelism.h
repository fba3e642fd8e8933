// SPDX-License-Identifier: Apache-2.0
/*
 * A device's parallelism factors, found: one convolution after the other with one channel more each time, and the width of the steps in
 * their latencies (steps.h), per operator and dimension. The kernels are measured like any others, once a device; from then on the answer
 * follows from the kernel table alone. Thread-compatible, as the device is.
 */
#ifndef FET_DEVICE_PARALLELISM_H
#define FET_DEVICE_PARALLELISM_H

#include "device/device.h"
#include "device/steps.h"

enum { FET_STAIRCASES = 5, FET_STAIRCASE_POINTS = 112 };

typedef struct fet_staircase {
    const char *op;        /* "conv 1x1" */
    const char *dimension; /* "output", "input" */
    uint32_t channels[FET_STAIRCASE_POINTS];
    double latency_ms[FET_STAIRCASE_POINTS];
    size_t n;
    fet_steps steps;
} fet_staircase;

typedef struct fet_parallelism_found {
    fet_staircase staircases[FET_STAIRCASES];
    fet_parallelism parallelism; /* the largest of the convolutions'; 0: could not tell */
} fet_parallelism_found;

/*
 * Measures what is missing, about 15 seconds on the host the first time. progress as fet_device_measure. Errors: its own; of a recorded
 * device whose table lacks them NOT_FOUND.
 */
FET_MUST_CHECK fet_status fet_device_find_parallelism(fet_device *device, fet_device_progress progress, void *context,
                                                      fet_parallelism_found *out_found);

#endif
