// SPDX-License-Identifier: Apache-2.0
#include "device/host/sampler.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/median.h"

#include <string.h>
#include <sys/resource.h>

enum { MAX_SAMPLES = 4096, MAX_BATCH = 100000 };

fet_sampler_options fet_sampler_default_options(void)
{
    return (fet_sampler_options){.warm_ms = 2,
                                 .budget_ms = 15,
                                 .calm_ms = 5,
                                 .calm_spread = 0.01,
                                 .batch_ms = 0.1,
                                 .limit_ms = 250,
                                 .steady_spread = 0.05,
                                 .min_samples = 12,
                                 .max_passes = 4};
}

int64_t fet_sampler_switches(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) != 0) return 0;
    return usage.ru_nivcsw + usage.ru_nvcsw;
}

static double now_ms(void)
{
    return (double)fet_clock_ns() * 1e-6;
}

/* Runs until caches, branch predictors and the clock of the processor have settled; gives the time of the quickest run. */
static fet_status warm_up(fet_sampler_run run, void *context, double warm_ms, double *out_quickest_ms)
{
    double start = now_ms(), last = start, quickest = 1e30;
    for (uint32_t i = 0; i < 2 || last - start < warm_ms; i++) {
        FET_TRY(run(context));
        double now = now_ms();
        if (now - last < quickest) quickest = now - last;
        last = now;
    }
    *out_quickest_ms = quickest;
    return FET_OK;
}

/* Linear between the neighbours. */
static double quantile(const double *sorted, uint32_t n, double q)
{
    double at = q * (double)(n - 1);
    uint32_t i = (uint32_t)at;
    return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

void fet_sampler_summarise(double *times_ms, uint32_t n, fet_samples *out_samples)
{
    fet_sort_doubles(times_ms, n);
    double low = quantile(times_ms, n, 0.25), median = quantile(times_ms, n, 0.5), high = quantile(times_ms, n, 0.75);
    *out_samples = (fet_samples){
        .latency_ms = low, .median_ms = median, .minimum_ms = times_ms[0], .spread = 0.5 * (high - low) / median, .n_samples = n};
}

/* Work that takes long needs fewer samples: what disturbs it is small beside it, and a network of such kernels would take minutes. */
static uint32_t least_samples(const fet_sampler_options *options, double quickest_ms)
{
    enum { FEWEST = 5, BUDGETS = 2 };
    double fit = BUDGETS * options->budget_ms / (quickest_ms > 1e-6 ? quickest_ms : 1e-6);
    if (fit >= options->min_samples || options->min_samples <= FEWEST) return options->min_samples;
    return fit < FEWEST ? FEWEST : (uint32_t)fit;
}

/* Batches this much alike: more of them would say the same. Looked at once a pass, for it costs a sort. */
static bool is_calm(const double *times, uint32_t n, const fet_sampler_options *options, double *room /* [n] */)
{
    fet_samples so_far;
    memcpy(room, times, n * sizeof *room);
    fet_sampler_summarise(room, n, &so_far);
    return so_far.spread <= options->calm_spread;
}

/* times: [3 * MAX_SAMPLES], kept batches from the front, dropped ones from the back of the first two thirds. */
static fet_status measure_pass(fet_sampler_run run, void *context, const fet_sampler_options *options, double *times, fet_samples *out)
{
    double quickest_ms = 0, kept_ms = 0, start = now_ms();
    FET_TRY(warm_up(run, context, options->warm_ms, &quickest_ms));
    double wanted = options->batch_ms / (quickest_ms > 1e-6 ? quickest_ms : 1e-6);
    uint32_t batch = wanted < 1 ? 1 : wanted > MAX_BATCH ? MAX_BATCH : (uint32_t)wanted;
    uint32_t n_kept = 0, n_dropped = 0, least = least_samples(options, quickest_ms);
    bool looked = false;
    while (n_kept < MAX_SAMPLES && n_dropped < MAX_SAMPLES) {
        bool enough = kept_ms >= options->budget_ms && n_kept >= least;
        if (!looked && !enough && kept_ms >= options->calm_ms && n_kept >= least) {
            looked = true;
            enough = is_calm(times, n_kept, options, times + 2 * MAX_SAMPLES);
        }
        if (enough || (now_ms() - start > options->limit_ms && n_kept + n_dropped >= 2)) break;
        int64_t switches = fet_sampler_switches();
        double before = now_ms();
        for (uint32_t i = 0; i < batch; i++) FET_TRY(run(context));
        double spent = now_ms() - before;
        if (fet_sampler_switches() == switches) {
            times[n_kept++] = spent / batch;
            kept_ms += spent;
        } else {
            times[2 * MAX_SAMPLES - ++n_dropped] = spent / batch;
        }
    }
    /* Hardly a batch undisturbed: all are looked at, and the spread will say so. */
    if (n_kept < least)
        for (uint32_t i = 0; i < n_dropped; i++) times[n_kept++] = times[2 * MAX_SAMPLES - 1 - i];
    fet_sampler_summarise(times, n_kept, out);
    out->n_dropped = n_dropped;
    return FET_OK;
}

static void at_quickest_clock(fet_samples *samples, fet_pulse_view view)
{
    samples->latency_ms /= view.clock;
    samples->median_ms /= view.clock;
    samples->minimum_ms /= view.clock;
    samples->disturbed = view.disturbed;
    samples->pulse = view.pulse;
}

fet_status fet_sampler_measure(fet_sampler_run run, void *context, const fet_sampler_options *options, fet_samples *out_samples)
{
    fet_sampler_options defaults = fet_sampler_default_options();
    if (!options) options = &defaults;
    double *times = NULL;
    FET_TRY(fet_alloc_zeroed((size_t)3 * MAX_SAMPLES, sizeof *times, "samples", &times));
    fet_samples best = {0};
    fet_status status = FET_OK;
    for (uint32_t pass = 0; pass == 0 || (pass < options->max_passes && (best.disturbed || best.spread > options->steady_spread)); pass++) {
        fet_samples one;
        double before = options->pulse ? fet_pulse_ms() : 0;
        status = measure_pass(run, context, options, times, &one);
        if (status != FET_OK) break;
        if (options->pulse) at_quickest_clock(&one, fet_pulse_between(options->pulse, before, fet_pulse_ms()));
        bool calmer = best.disturbed && !one.disturbed;
        if (pass == 0 || calmer || (one.disturbed == best.disturbed && one.latency_ms < best.latency_ms)) best = one;
        best.n_passes = pass + 1;
    }
    fet_free(times);
    if (status == FET_OK) *out_samples = best;
    return status;
}
