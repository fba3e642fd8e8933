// SPDX-License-Identifier: Apache-2.0
/* Inside the measuring process: kernels, and whole networks round-robin. */
#ifndef FET_DEVICE_HOST_MEASURE_H
#define FET_DEVICE_HOST_MEASURE_H

#include "device/host/sampler.h"
#include "kernel/kernel.h"

/* options: NULL for the usual ones. Errors: those of making the kernel: UNSUPPORTED, STATE a slow fallback, ... */
FET_MUST_CHECK fet_status fet_host_measure_kernel(const fet_kernel_key *key, const fet_sampler_options *options, fet_samples *out_samples,
                                                  char *implementation, size_t bytes);

/*
 * Loads the ONNX files, makes an executor of each and times them in turns, a few milliseconds each, so that drift of the machine meets all
 * alike; each turn is told at the quickest clock (pulse.h; pulse: of this process). What was disturbed is dropped for drop_ms in all.
 * Batch 1. ms[n], spread[n] are written on success only. Errors: those of the files, naming them; UNSUPPORTED.
 */
FET_MUST_CHECK fet_status fet_host_measure_networks(fet_dtype precision, const char *const *paths, size_t n, fet_pulse *pulse,
                                                    double drop_ms, double *ms, double *spread);

#endif
