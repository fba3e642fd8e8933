// SPDX-License-Identifier: Apache-2.0
#include "device/peak.h"

#include "device/described/described.h"
#include "device/estimated/estimated.h"

#include <stdio.h>
#include <string.h>

/* Enough channels for any array, enough pixels for any vector, small enough for a second-level cache. */
static const char *const shapes[] = {
    "1x64x56x56>64x56x56 k3x3 s1x1 p1,1,1,1 g1 relu+bias",
    "1x128x28x28>128x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias",
    "1x256x14x14>256x14x14 k3x3 s1x1 p1,1,1,1 g1 relu+bias",
    "1x256x28x28>256x28x28 k1x1 s1x1 g1 relu+bias",
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static const double UNSURE = 0.3; /* an estimate with a wider interval says nothing of a peak */

static fet_status reference_keys(fet_dtype precision, fet_kernel_key keys[N_SHAPES])
{
    for (int i = 0; i < N_SHAPES; i++) {
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        snprintf(text, sizeof text, "conv %s %s", fet_dtype_name(precision), shapes[i]);
        FET_TRY(fet_kernel_key_parse(text, &keys[i]));
    }
    return FET_OK;
}

/* *out_stated: the device is a description, and says it. */
static fet_status stated(const fet_device_options *options, fet_device_peak *out_peak, bool *out_stated)
{
    fet_auto(fet_device_file) file = NULL;
    *out_stated = false;
    if (fet_device_is_built_in(options->name) || fet_device_is_estimate(options->name)) return FET_OK;
    FET_TRY(fet_device_file_load(options->name, &file));
    fet_sim_precision precision = fet_sim_precision_of(&file->machine, options->precision);
    if (file->kind != FET_DEVICE_DESCRIBED || precision == FET_SIM_N_PRECISIONS) return FET_OK;
    out_peak->macs_per_s = fet_sim_peak(&file->machine, precision) * file->machine.clock_hz;
    out_peak->source = FET_COST_SIMULATED;
    *out_stated = true;
    return FET_OK;
}

fet_status fet_device_find_peak(const fet_device_options *options, fet_device *device, fet_device_progress progress, void *context,
                                fet_device_peak *out_peak)
{
    fet_device_peak peak = {0};
    fet_kernel_key keys[N_SHAPES];
    bool is_stated = false;
    FET_TRY(stated(options, &peak, &is_stated));
    FET_TRY(reference_keys(fet_device_precision(device), keys));
    fet_status status = is_stated ? FET_OK : fet_device_measure(device, keys, N_SHAPES, progress, context);
    if (status == FET_ERROR_STATE || status == FET_ERROR_NOMEM || status == FET_ERROR_IO) return status;
    for (int i = 0; i < N_SHAPES && !is_stated; i++) {
        fet_cost cost;
        if (!fet_device_lookup(device, &keys[i], &cost) || cost.latency_ms <= 0) continue;
        if (cost.source == FET_COST_ESTIMATED && cost.spread > UNSURE) continue;
        double rate = (double)fet_kernel_key_macs(&keys[i]) / (cost.latency_ms * 1e-3);
        if (rate > peak.macs_per_s) peak = (fet_device_peak){rate, cost.source};
    }
    if (status != FET_OK) fet_error_clear(); /* a table that does not hold them */
    *out_peak = peak;
    return FET_OK;
}
