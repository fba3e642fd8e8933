// SPDX-License-Identifier: Apache-2.0
/*
 * Is the processor itself as quick as it was? A pulse is a few microseconds of arithmetic in registers alone: nothing that runs beside us
 * in the caches changes it, but a slower clock, a busy sibling of the core or a hypervisor that takes time away does, also where no context
 * switch of ours tells. A measurement between two slow pulses is disturbed. Thread-compatible: one a measuring process.
 */
#ifndef FET_DEVICE_HOST_PULSE_H
#define FET_DEVICE_HOST_PULSE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct fet_pulse {
    double best_ms; /* the quickest pulse so far; 0: none yet */
} fet_pulse;

/* The median of a few, about 50 microseconds in all. */
double fet_pulse_ms(void);
/* Takes a pulse and says whether it is more than a tenth slower than the quickest seen. */
bool fet_pulse_is_slow(fet_pulse *pulse);
/* The same of a pulse taken elsewhere. */
bool fet_pulse_judge(fet_pulse *pulse, double ms);

#endif
