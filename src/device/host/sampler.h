// SPDX-License-Identifier: Apache-2.0
/*
 * Times a piece of work on a machine that has other things to do. Runs come in batches long enough for the clock; a batch during which the
 * thread was preempted or gave up the processor (getrusage of the thread) is dropped; the figure is the lower quartile of the batches kept,
 * the spread half the distance between the quartiles, relative. Disturbances only ever add time, so the lower quartile repeats better than
 * the median and, unlike the minimum, does not fall with the number of samples (bench/kernel_repeat prints all three). The work runs over
 * and over: its weights and activations are as warm as the caches allow. In a whole network activations are warm too, weights only where
 * all of them fit into the second-level cache; the measurement of whole networks shows the difference.
 */
#ifndef FET_DEVICE_HOST_SAMPLER_H
#define FET_DEVICE_HOST_SAMPLER_H

#include "base/status.h"
#include "device/host/pulse.h"

#include <stddef.h>
#include <stdint.h>

typedef fet_status (*fet_sampler_run)(void *context);

typedef struct fet_sampler_options {
    double warm_ms;       /* at least this long, and twice; default 2 */
    double budget_ms;     /* time in kept batches; default 15 */
    double calm_ms;       /* so much is enough where the spread is calm_spread or less; default 5 */
    double calm_spread;   /* default 0.01 */
    double batch_ms;      /* a batch is about this long; default 0.1 */
    double limit_ms;      /* of one pass, kept or not; default 250 */
    double steady_spread; /* a pass with more spread is repeated; default 0.05 */
    uint32_t min_samples; /* batches kept; default 12; of runs that would take more than 2 budgets fewer, at least 5 */
    uint32_t max_passes;  /* default 4; the pass with the lowest figure counts, of those not disturbed where there are any */
    fet_pulse *pulse;     /* taken before and after each pass: they say at which clock it was, or that it was disturbed, and is repeated;
                             default NULL: none */
} fet_sampler_options;

fet_sampler_options fet_sampler_default_options(void);

typedef struct fet_samples {
    double latency_ms; /* of one run */
    double median_ms, minimum_ms;
    double spread;
    uint32_t n_samples, n_dropped; /* batches of the pass that counts */
    uint32_t n_passes;
    bool disturbed; /* every pass was */
    double pulse;   /* beside the pass that counts, as fet_pulse_view has it; 0: none was taken */
} fet_samples;

/* Errors: those of run; NOMEM. */
FET_MUST_CHECK fet_status fet_sampler_measure(fet_sampler_run run, void *context, const fet_sampler_options *options,
                                              fet_samples *out_samples);

/* The same statistic over times collected elsewhere; sorts them. */
void fet_sampler_summarise(double *times_ms, uint32_t n, fet_samples *out_samples);

/* How often this thread has left the processor so far. */
int64_t fet_sampler_switches(void);

#endif
