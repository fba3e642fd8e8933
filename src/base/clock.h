// SPDX-License-Identifier: Apache-2.0
/* Time. Nothing that decides a result reads it; it is for measuring, budgets, leases and progress. Thread-safe. */
#ifndef FET_BASE_CLOCK_H
#define FET_BASE_CLOCK_H

#include <stdint.h>

double fet_clock_monotonic_s(void); /* seconds from an arbitrary start, never backwards */
uint64_t fet_clock_ns(void);        /* the same clock in nanoseconds */
double fet_clock_wall_s(void);      /* Unix time, for leases and records that outlive a process */
double fet_clock_cpu_s(void);       /* processor seconds of this process and of its children that were waited for */
void fet_clock_sleep_s(double seconds);

#endif
