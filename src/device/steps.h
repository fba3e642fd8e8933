// SPDX-License-Identifier: Apache-2.0
/*
 * The width of the steps of a staircase: latencies over a number of channels that rise only where channels fill one more unit of the
 * device.
 *
 * For a width p, every step gets a level of its own, and one common slope within steps is fitted to what is left (weights 1 / latency^2,
 * for noise is relative; Huber's, for some points are disturbed). Flatness is 1 - slope within steps / slope of the whole: 1 on the steps
 * themselves and on their parts, about 0.25 on two of them together, 0 on a straight line. A width holds when its flatness, less three
 * times its standard error, is above one half; it falls when with three times the error it is below, or clearly below what a part of it
 * reaches (steps of 8 of which every third is higher are no steps of 24); else it is open. The answer is the largest that holds, unless a
 * larger one is open; 1 when all fall. Plain functions; deterministic; thread-safe.
 */
#ifndef FET_DEVICE_STEPS_H
#define FET_DEVICE_STEPS_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef enum fet_steps_verdict {
    FET_STEPS_FOUND = 0, /* width holds; 1: latency rises evenly */
    FET_STEPS_LEVEL,     /* latency does not rise: this dimension costs nothing in this range */
    FET_STEPS_OPEN       /* too noisy, or steps of another form */
} fet_steps_verdict;

typedef struct fet_steps {
    fet_steps_verdict verdict;
    uint32_t width;         /* FOUND; else 0 */
    double flatness, error; /* of the width, or of the open one */
    double rise;            /* a step, relative to the mean latency */
} fet_steps;

/* n points, channels rising. Errors: ARG fewer than 16 points; NOMEM. */
FET_MUST_CHECK fet_status fet_steps_find(const uint32_t *channels, const double *latency_ms, size_t n, fet_steps *out_steps);

#endif
