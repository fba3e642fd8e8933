// SPDX-License-Identifier: Apache-2.0
#include "device/parallelism.h"

#include "graph/graph.h"

#include <string.h>

/* One channel after the other first, so that narrow steps are seen; then every fifth, which meets wide ones at changing places. */
enum { DENSE_FIRST = 9, DENSE_LAST = 72, SPARSE = 5, LAST = 260, FIXED = 64 };

typedef enum varied { OUTPUT, INPUT, BOTH } varied;

static const struct {
    const char *op, *dimension;
    uint16_t window;
    uint32_t size; /* of the map: large enough that the convolution outweighs its start */
    varied varied;
} sweeps[FET_STAIRCASES] = {
    {"conv 1x1", "output", 1, 28, OUTPUT}, {"conv 1x1", "input", 1, 28, INPUT},        {"conv 3x3", "output", 3, 14, OUTPUT},
    {"conv 3x3", "input", 3, 14, INPUT},   {"depthwise 3x3", "channels", 3, 28, BOTH},
};

static fet_kernel_key key_of(size_t sweep, uint32_t channels, fet_dtype precision)
{
    fet_kernel_key key;
    uint16_t window = sweeps[sweep].window, pad = (uint16_t)(window / 2);
    memset(&key, 0, sizeof key);
    key.op = FET_OP_CONV;
    key.precision = (uint8_t)precision;
    key.activation = FET_ACTIVATION_RELU;
    key.flags = FET_KERNEL_BIAS;
    key.n = key.group = 1;
    key.ic = sweeps[sweep].varied == OUTPUT ? FIXED : channels;
    key.oc = sweeps[sweep].varied == INPUT ? FIXED : channels;
    if (sweeps[sweep].varied == BOTH) key.group = channels;
    key.ih = key.iw = key.oh = key.ow = sweeps[sweep].size;
    key.kh = key.kw = window;
    key.sh = key.sw = key.dh = key.dw = 1;
    key.pad_top = key.pad_left = key.pad_bottom = key.pad_right = pad;
    return key;
}

static size_t list_channels(uint32_t *channels)
{
    size_t n = 0;
    for (uint32_t c = DENSE_FIRST; c <= LAST; c += c < DENSE_LAST ? 1 : SPARSE) channels[n++] = c;
    return n;
}

static fet_status measure_all(fet_device *device, const fet_parallelism_found *found, fet_device_progress progress, void *context)
{
    fet_kernel_key *keys = NULL;
    size_t n = 0;
    FET_TRY(fet_alloc_zeroed(FET_STAIRCASES * FET_STAIRCASE_POINTS, sizeof *keys, "kernels of staircases", &keys));
    for (size_t s = 0; s < FET_STAIRCASES; s++)
        for (size_t i = 0; i < found->staircases[s].n; i++)
            keys[n++] = key_of(s, found->staircases[s].channels[i], fet_device_precision(device));
    fet_status status = fet_device_measure(device, keys, n, progress, context);
    fet_free(keys);
    return status;
}

static fet_status look_at(const fet_device *device, size_t sweep, fet_staircase *stairs)
{
    for (size_t i = 0; i < stairs->n; i++) {
        fet_kernel_key key = key_of(sweep, stairs->channels[i], fet_device_precision(device));
        fet_cost cost;
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        if (!fet_device_lookup(device, &key, &cost))
            return fet_fail(FET_ERROR_NOT_FOUND, "%s: kernel \"%s\" is not known", fet_device_describe(device),
                            fet_kernel_key_print(&key, text, sizeof text));
        stairs->latency_ms[i] = cost.latency_ms;
    }
    return fet_steps_find(stairs->channels, stairs->latency_ms, stairs->n, &stairs->steps);
}

fet_status fet_device_find_parallelism(fet_device *device, fet_device_progress progress, void *context, fet_parallelism_found *out_found)
{
    fet_parallelism_found *found = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *found, "staircases", &found));
    for (size_t s = 0; s < FET_STAIRCASES; s++) {
        found->staircases[s].op = sweeps[s].op, found->staircases[s].dimension = sweeps[s].dimension;
        found->staircases[s].n = list_channels(found->staircases[s].channels);
    }
    fet_status status = measure_all(device, found, progress, context);
    for (size_t s = 0; s < FET_STAIRCASES && status == FET_OK; s++) {
        status = look_at(device, s, &found->staircases[s]);
        uint32_t width = found->staircases[s].steps.width;
        uint32_t *best = sweeps[s].varied == OUTPUT  ? &found->parallelism.out_channels
                         : sweeps[s].varied == INPUT ? &found->parallelism.in_channels
                                                     : NULL;
        if (best && width > *best) *best = width;
    }
    if (status == FET_OK) *out_found = *found;
    fet_free(found);
    return status;
}
