// SPDX-License-Identifier: Apache-2.0
/*
 * One kernel measured several times with other kernels between, each time in memory of its own. Where its buffers happen to lie, and what
 * else ran in that second, moves a figure by a few percent (bench/kernel_repeat), and no number of samples of one visit shows it. So the
 * visits are compared: where they do not agree, one of them was disturbed, and the kernel is visited again; the median counts. Plain
 * functions.
 */
#ifndef FET_DEVICE_HOST_ROUNDS_H
#define FET_DEVICE_HOST_ROUNDS_H

#include "device/table.h"

enum { FET_ROUNDS_MAX = 6 };

typedef struct fet_rounds {
    fet_kernel_time times[FET_ROUNDS_MAX];
    uint32_t n;
} fet_rounds;

/* The n wanted visits have been made, and most of them (of two: both) lie within 5% of their median; or there is no room for more. */
bool fet_rounds_are_settled(const fet_rounds *rounds, uint32_t wanted);
/* The median, also of the pulses; its samples all together; the spread is the larger one of a visit's own (median) and of the visits
 * against each other. At least one visit was made. */
fet_kernel_time fet_rounds_summarise(const fet_rounds *rounds);

#endif
