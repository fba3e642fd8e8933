// SPDX-License-Identifier: Apache-2.0
/*
 * The process that measures, seen from outside. Lines over a socket pair; a request has one answer:
 *
 *   kernel <key text>                           ok <latency ms> <spread> <samples> <implementation> <pulse>
 *   networks <precision> <n>, then n paths      ok, then n lines <latency ms> <spread> <samples>
 *   (at the start, unasked)                     ok <instruction set>
 *   anything                                    error <code> <message>
 *
 * The child ends when its input does, so it never outlives its parent by more than one measurement. Thread-compatible.
 */
#ifndef FET_DEVICE_HOST_CHILD_H
#define FET_DEVICE_HOST_CHILD_H

#include "device/host/target.h"
#include "device/table.h"

typedef struct fet_host_child fet_host_child;

/* Variables of the child's environment: how long it waits for a calm minute before a measurement, in seconds, and where it keeps what calm
 * is. */
#define FET_HOST_PATIENCE "FETTLE_PATIENCE"
#define FET_HOST_PULSE "FETTLE_PULSE"

/* pulse_path: NULL for none. Errors: UNSUPPORTED when this machine lacks the instruction set; STATE when the program does not know the
 * hidden command; IO. */
FET_MUST_CHECK fet_status fet_host_child_start(const char *isa, double patience_s, const char *pulse_path, fet_host_child **out_child);
void fet_host_child_destroy(fet_host_child *child);
FET_DEFINE_AUTO(fet_host_child);

/* The child can take no further requests: it died, hung, or said what makes no sense. The error message says how. */
bool fet_host_child_is_dead(const fet_host_child *child);

/* Errors: the child's own (UNSUPPORTED, ...), naming the kernel; IO when it died. */
FET_MUST_CHECK fet_status fet_host_child_kernel(fet_host_child *child, const fet_kernel_key *key, fet_kernel_time *out_time);
FET_MUST_CHECK fet_status fet_host_child_networks(fet_host_child *child, fet_dtype precision, const char *const *paths, size_t n,
                                                  double *out_ms, double *out_spread);

#endif
