// SPDX-License-Identifier: Apache-2.0
#include "device/kit/samples.h"

#include "base/alloc.h"

bool fet_kit_belongs(const fet_kernel_key *key, fet_dtype precision)
{
    return key->precision == precision || key->flags & FET_KERNEL_PLAIN_SRC;
}

fet_status fet_kit_samples_add(fet_kit_samples *samples, const fet_kernel_key *key, double latency_ms, double spread)
{
    FET_TRY(fet_grow(&samples->items, &samples->capacity, samples->n + 1, sizeof *samples->items));
    samples->items[samples->n++] = (fet_estimate_sample){.key = *key, .latency_ms = latency_ms, .spread = spread};
    return FET_OK;
}

fet_status fet_kit_samples_read(const fet_device *device, fet_kit_samples *samples)
{
    fet_kernel_key key;
    fet_cost cost;
    for (uint32_t i = 0; fet_device_known(device, i, &key, &cost); i++) {
        if (fet_kit_belongs(&key, fet_device_precision(device))) FET_TRY(fet_kit_samples_add(samples, &key, cost.latency_ms, cost.spread));
        else samples->others++;
    }
    return FET_OK;
}

void fet_kit_samples_clear(fet_kit_samples *samples)
{
    fet_free(samples->items);
    *samples = (fet_kit_samples){.n = 0};
}

fet_estimator_options fet_kit_estimator_options(const fet_device *device)
{
    fet_estimator_options o = fet_estimator_default_options();
    o.device = fet_device_describe(device);
    o.rules = fet_device_fusion_rules(device);
    o.precision = fet_device_precision(device);
    o.parallelism = fet_device_parallelism(device);
    o.channel_rounding = fet_device_channel_rounding(device);
    return o;
}
