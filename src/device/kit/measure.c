// SPDX-License-Identifier: Apache-2.0
#include "device/kit/measure.h"

#include "base/clock.h"

#include <stdio.h>

enum { CHUNK = 64 }; /* kernels a call; the device's lock is free between two */

const char *fet_kit_outcome_name(fet_kit_outcome outcome)
{
    static const char *const names[] = {"done", "budget", "stopped"};
    return names[outcome];
}

uint32_t fet_kit_count_known(const fet_device *device, const fet_kit_plan *plan)
{
    uint32_t n = 0;
    fet_cost cost;
    for (uint32_t i = 0; i < plan->n; i++) n += fet_device_lookup(device, &plan->items[i].key, &cost);
    return n;
}

typedef struct watch {
    double until_s; /* 0: no end */
    fet_device_progress progress;
    void *context;
    size_t before, total; /* done before this chunk, and to do in all */
    bool ended;
    fet_kit_outcome outcome;
} watch;

static bool go_on(void *context, size_t done, size_t total)
{
    watch *w = context;
    (void)total;
    bool late = w->until_s > 0 && fet_clock_monotonic_s() >= w->until_s;
    bool stopped = w->progress && !w->progress(w->context, w->before + done, w->total);
    if (!late && !stopped) return true;
    w->ended = true;
    w->outcome = stopped ? FET_KIT_STOPPED : FET_KIT_BUDGET;
    return false;
}

static bool is_of_machine(fet_status status)
{
    return status == FET_ERROR_IO || status == FET_ERROR_NOMEM || status == FET_ERROR_CORRUPT;
}

/* One by one, so that the one that fails is known by name. */
static fet_status measure_singly(fet_device *device, const fet_kernel_key *keys, size_t n, watch *w, fet_kit_result *result)
{
    fet_cost cost;
    for (size_t i = 0; i < n && !w->ended; i++) {
        if (fet_device_lookup(device, &keys[i], &cost)) continue;
        fet_status status = fet_device_measure(device, &keys[i], 1, go_on, w);
        if (status == FET_OK || w->ended) continue;
        if (is_of_machine(status)) return status;
        if (result->failed++ == 0) snprintf(result->failure, sizeof result->failure, "%s", fet_error_message());
        fet_error_clear();
    }
    return FET_OK;
}

static fet_status measure_chunk(fet_device *device, const fet_kernel_key *keys, size_t n, watch *w, fet_kit_result *result)
{
    fet_cost cost;
    fet_status status = n ? fet_device_measure(device, keys, n, go_on, w) : FET_OK;
    if (status != FET_OK && !w->ended && is_of_machine(status)) return status;
    if (status != FET_OK && !w->ended) FET_TRY(measure_singly(device, keys, n, w, result));
    for (size_t i = 0; i < n; i++) result->measured += fet_device_lookup(device, &keys[i], &cost);
    w->before += n;
    return FET_OK;
}

fet_status fet_kit_measure(fet_device *device, const fet_kit_plan *plan, double budget_s, fet_device_progress progress, void *context,
                           fet_kit_result *out_result)
{
    fet_kernel_key keys[CHUNK];
    fet_kit_result result = {.known = fet_kit_count_known(device, plan)};
    double start_s = fet_clock_monotonic_s();
    watch w = {.until_s = budget_s > 0 ? start_s + budget_s : 0, .progress = progress, .context = context, .total = plan->n - result.known};
    size_t n = 0;
    for (uint32_t i = 0; i <= plan->n && !w.ended; i++) {
        fet_cost cost;
        if (n == CHUNK || i == plan->n) {
            FET_TRY(measure_chunk(device, keys, n, &w, &result));
            n = 0;
        }
        if (i < plan->n && !fet_device_lookup(device, &plan->items[i].key, &cost)) keys[n++] = plan->items[i].key;
    }
    fet_error_clear();
    result.left = plan->n - result.known - result.measured - result.failed;
    result.outcome = w.outcome;
    result.seconds = fet_clock_monotonic_s() - start_s;
    *out_result = result;
    return FET_OK;
}
