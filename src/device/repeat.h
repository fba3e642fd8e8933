// SPDX-License-Identifier: Apache-2.0
/*
 * One kernel measured at several times, and the figure that counts. On a shared machine a measurement may fall into a slow minute that
 * nothing inside of it shows; only another time does. Which figure counts follows from the measurements alone, never from what somebody
 * expected: 1. those beside a slow pulse of the processor (host/pulse.h) count only where there are no others; 2. the figure on which most
 * of the rest agree, to within 5%; 3. of two groups of the same size the quicker one, for disturbances only add time. Plain functions.
 */
#ifndef FET_DEVICE_REPEAT_H
#define FET_DEVICE_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct fet_repeat {
    double latency_ms, spread;
    double pulse; /* as fet_pulse_view has it (host/pulse.h): 1 is calm, 1.2 a fifth slower by more than the clock; 0: not recorded */
} fet_repeat;

enum { FET_REPEATS_MAX = 8 };

typedef struct fet_repeat_figure {
    double latency_ms; /* the median of those that agree */
    double spread;     /* the larger one of their own (median), and of theirs against each other */
    uint32_t agree;    /* how many; 1: no two do */
} fet_repeat_figure;

/* The pulse was recorded, and more than 5% slower than the quickest. */
bool fet_repeat_is_disturbed(const fet_repeat *repeat);
/* n from 1 to FET_REPEATS_MAX. */
fet_repeat_figure fet_repeats_judge(const fet_repeat *repeats, uint32_t n);
/* Two figures within the 5% by which measurements of one kernel differ on a quiet machine. */
bool fet_repeats_agree(double a_ms, double b_ms);

#endif
