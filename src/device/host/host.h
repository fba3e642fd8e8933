// SPDX-License-Identifier: Apache-2.0
/*
 * The host as a device: this CPU through oneDNN. Kernels are measured in a process of their own, because oneDNN fixes its instruction set
 * once a process, and so that a crash or the caller's memory disturbs nothing. That process is the same program, executed again with a
 * hidden command; a program that measures therefore starts with
 *
 *     if (fet_host_is_measure_command(argc, argv)) return fet_host_measure_main();
 */
#ifndef FET_DEVICE_HOST_HOST_H
#define FET_DEVICE_HOST_HOST_H

#include "device/device.h"

#define FET_HOST_MEASURE_COMMAND "__measure"

bool fet_host_is_measure_command(int argc, char **argv);
/* Serves requests on standard input until it ends; returns the process's exit code. */
int fet_host_measure_main(void);

#endif
