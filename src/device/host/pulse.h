// SPDX-License-Identifier: Apache-2.0
/*
 * Is the processor itself as quick as it was? A pulse is a few microseconds of arithmetic in registers alone: nothing that runs beside us
 * in the caches changes it, but a slower clock, a busy sibling of the core or a hypervisor that takes time away do, also where no context
 * switch of ours tells. Where the pulses before and after a measurement are alike and at most 30% slower than the quickest, the clock is
 * lower (turbo follows what runs on the other cores), and what was measured is told as it were at the quickest clock; anything else is a
 * disturbance (docs/adr/0018-one-clock.md). Thread-compatible: one a measuring process.
 */
#ifndef FET_DEVICE_HOST_PULSE_H
#define FET_DEVICE_HOST_PULSE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct fet_pulse {
    double best_ms; /* the quickest pulse so far, since patience last ended; 0: none yet */
    double ever_ms; /* the quickest ever, which is never forgotten; 0: none yet */
} fet_pulse;

/* The median of a few, about 70 microseconds in all. */
double fet_pulse_ms(void);
/* Takes a pulse and says whether it is slower than clocks differ: more than 30% above the quickest seen. */
bool fet_pulse_is_slow(fet_pulse *pulse);
/* The same of a pulse taken elsewhere. */
bool fet_pulse_judge(fet_pulse *pulse, double ms);

/* What two pulses say of what was measured between them. */
typedef struct fet_pulse_view {
    bool disturbed;
    double clock; /* 1 or more: times are to be divided by it */
    double pulse; /* what is written beside it: 1, or, where it is more than a lower clock, the slower pulse over the quickest ever */
} fet_pulse_view;
fet_pulse_view fet_pulse_between(fet_pulse *pulse, double before_ms, double after_ms);

/*
 * Waits until a pulse is not slow, at most patience_s: on a shared machine whole minutes are slow. After that the machine is taken as it is
 * now: the quickest pulse is forgotten. Says whether it became calm.
 */
bool fet_pulse_wait(fet_pulse *pulse, double patience_s);

/* The quickest pulse ever seen, in a file, so that a process that begins in a slow minute knows. Reading what is not there changes nothing.
 */
void fet_pulse_recall(fet_pulse *pulse, const char *path);
/* Written where it is quicker than what stands there; best effort. */
void fet_pulse_remember(const fet_pulse *pulse, const char *path);

#endif
