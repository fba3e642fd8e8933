// SPDX-License-Identifier: Apache-2.0
/*
 * Whole networks against each other. Each visit warms a network up (its neighbour has had the caches) and takes batches for a few
 * milliseconds; then it is the next one's turn, until every network has enough batches without a preemption. The statistic is that of
 * single kernels, so that a sum of kernels and a network measured whole are compared like with like.
 */
#include "device/host/measure.h"

#include "base/clock.h"
#include "base/rng.h"
#include "device/host/sampler.h"
#include "engine/executor.h"
#include "format/onnx/onnx.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SAMPLES = 4096, MIN_SAMPLES = 24, WARM_RUNS = 2 };
#define VISIT_MS 3.0
#define BATCH_MS 0.2
#define BUDGET_MS 120.0 /* in kept batches of a network */
#define LIMIT_MS 6000.0 /* spent on a network, kept or not */

typedef struct network {
    fet_executor *executor;
    float **src, **dst;
    uint32_t n_src, n_dst;
    double *times_ms; /* [MAX_SAMPLES] kept */
    uint32_t n_kept;
    double kept_ms, spent_ms;
    uint32_t batch; /* runs a batch; 0: not known yet */
    bool done;
} network;

static void free_buffers(float **buffers, uint32_t n)
{
    for (uint32_t i = 0; buffers && i < n; i++) fet_free(buffers[i]);
    fet_free(buffers);
}

static void destroy(network *networks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fet_executor_destroy(networks[i].executor);
        free_buffers(networks[i].src, networks[i].n_src);
        free_buffers(networks[i].dst, networks[i].n_dst);
        fet_free(networks[i].times_ms);
    }
    fet_free(networks);
}

/* f32 buffers for inputs or outputs of the graph; rng: random numbers in them, NULL: zeros. */
static fet_status make_buffers(const fet_graph *graph, const fet_id *values, uint32_t n, fet_rng *rng, float ***out_buffers)
{
    FET_TRY(fet_alloc_zeroed((size_t)n + 1, sizeof **out_buffers, "tensors", out_buffers));
    for (uint32_t i = 0; i < n; i++) {
        size_t elements = (size_t)fet_shape_elements(&graph->values[values[i]].shape);
        float *numbers = fet_aligned_malloc(64, (elements + 1) * sizeof *numbers);
        if (!numbers) return fet_fail(FET_ERROR_NOMEM, "no memory for a tensor of %zu numbers", elements);
        for (size_t e = 0; e < elements; e++) numbers[e] = rng ? (float)fet_rng_normal(rng) : 0.0f;
        (*out_buffers)[i] = numbers;
    }
    return FET_OK;
}

static fet_status calibrate(const fet_graph *graph, float *const *src, fet_calibration **out_calibration)
{
    fet_auto(fet_calibration) calibration = NULL;
    FET_TRY(fet_calibration_create(NULL, &calibration));
    FET_TRY(fet_calibration_observe(calibration, graph, (const float *const *)src, 1));
    *out_calibration = fet_take(calibration);
    return FET_OK;
}

static fet_status load(const char *path, fet_dtype precision, network *net)
{
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_calibration) calibration = NULL;
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_CALIBRATE);
    FET_TRY(fet_onnx_read(path, NULL, &graph));
    net->n_src = graph->n_inputs;
    net->n_dst = graph->n_outputs;
    FET_TRY(fet_alloc_zeroed(MAX_SAMPLES, sizeof *net->times_ms, "samples", &net->times_ms));
    FET_TRY(make_buffers(graph, graph->inputs, graph->n_inputs, &rng, &net->src));
    FET_TRY(make_buffers(graph, graph->outputs, graph->n_outputs, NULL, &net->dst));
    if (precision == FET_DTYPE_S8) FET_TRY(calibrate(graph, net->src, &calibration));
    fet_executor_options options = fet_executor_default_options();
    options.precision = precision;
    options.batch = 1;
    options.calibration = calibration;
    return fet_executor_create(graph, &options, &net->executor);
}

static fet_status run_batch(network *net, uint32_t runs, double *out_ms)
{
    uint64_t start = fet_clock_ns();
    for (uint32_t i = 0; i < runs; i++) FET_TRY(fet_executor_run(net->executor, (const float *const *)net->src, net->dst));
    *out_ms = (double)(fet_clock_ns() - start) * 1e-6;
    return FET_OK;
}

static fet_status take_batches(network *net, double *out_ms)
{
    double ms = 0, visit_ms = 0;
    while (visit_ms < VISIT_MS && net->n_kept < MAX_SAMPLES) {
        int64_t switches = fet_sampler_switches();
        FET_TRY(run_batch(net, net->batch, &ms));
        visit_ms += ms;
        if (fet_sampler_switches() != switches) continue;
        net->times_ms[net->n_kept++] = ms / net->batch;
        net->kept_ms += ms;
    }
    *out_ms = visit_ms;
    return FET_OK;
}

/* What was kept since, as it were at the quickest clock. */
static void at_quickest_clock(network *net, uint32_t since, double clock)
{
    for (uint32_t i = since; i < net->n_kept; i++) net->times_ms[i] /= clock;
}

/* drop_ms: how long what is disturbed is still dropped; from then on it has to do. More than a lower clock is one, also where patience with
 * it has ended. */
static fet_status visit(network *net, fet_pulse *pulse, double *drop_ms)
{
    double warm_ms = 0, visit_ms = 0, kept_ms = net->kept_ms;
    uint32_t n_kept = net->n_kept;
    double before_ms = fet_pulse_ms();
    FET_TRY(run_batch(net, WARM_RUNS, &warm_ms));
    if (net->batch == 0) {
        double runs = BATCH_MS / (warm_ms / WARM_RUNS);
        net->batch = runs < 1 ? 1 : (uint32_t)runs;
    }
    FET_TRY(take_batches(net, &visit_ms));
    fet_pulse_view view = fet_pulse_between(pulse, before_ms, fet_pulse_ms());
    at_quickest_clock(net, n_kept, view.clock);
    if (view.pulse > 1 && *drop_ms > 0) {
        *drop_ms -= warm_ms + visit_ms;
        net->n_kept = n_kept, net->kept_ms = kept_ms;
        return FET_OK;
    }
    net->spent_ms += warm_ms + visit_ms;
    bool enough = net->kept_ms >= BUDGET_MS && net->n_kept >= MIN_SAMPLES;
    net->done = enough || net->n_kept == MAX_SAMPLES || net->spent_ms > LIMIT_MS;
    return FET_OK;
}

static fet_status measure(network *networks, const char *const *paths, size_t n, fet_pulse *pulse, double drop_ms, double *ms,
                          double *spread)
{
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < n; i++) {
            if (networks[i].done) continue;
            fet_status status = visit(&networks[i], pulse, &drop_ms);
            if (status != FET_OK) return fet_note(status, "%s", paths[i]);
            again = again || !networks[i].done;
        }
    }
    for (size_t i = 0; i < n; i++) {
        fet_samples samples;
        if (networks[i].n_kept == 0)
            return fet_fail(FET_ERROR_STATE, "%s: not one run without being interrupted; is the machine overloaded?", paths[i]);
        fet_sampler_summarise(networks[i].times_ms, networks[i].n_kept, &samples);
        ms[i] = samples.latency_ms;
        spread[i] = samples.spread;
    }
    return FET_OK;
}

fet_status fet_host_measure_networks(fet_dtype precision, const char *const *paths, size_t n, fet_pulse *pulse, double drop_ms, double *ms,
                                     double *spread)
{
    network *networks = NULL;
    fet_status status = FET_OK;
    FET_TRY(fet_alloc_zeroed(n + 1, sizeof *networks, "networks", &networks));
    for (size_t i = 0; i < n && status == FET_OK; i++) {
        status = load(paths[i], precision, &networks[i]);
        if (status != FET_OK && !strstr(fet_error_message(), paths[i])) status = fet_note(status, "%s", paths[i]);
    }
    if (status == FET_OK) status = measure(networks, paths, n, pulse, drop_ms, ms, spread);
    destroy(networks, n);
    return status;
}
