// SPDX-License-Identifier: Apache-2.0
/*
 * Networks measured whole on this CPU at a precision, in turns until their visits agree: a line of JSON for each, with its share of the
 * first one's time.
 *
 *     whole f32|bf16|int8 BASE.onnx OTHER.onnx...
 */
#include "run/whole.h"
#include "device/device.h"
#include "device/host/host.h"

#include <stdio.h>

static fet_status measure(fet_dtype precision, const char *const *paths, uint32_t n, double *ms, double *spread)
{
    fet_auto(fet_device) device = NULL;
    fet_device_options options = {.name = "host", .precision = precision};
    FET_TRY(fet_device_open(&options, &device));
    return fet_whole_measure(device, paths, n, FET_WHOLE_TOGETHER, ms, spread);
}

int main(int argc, char **argv)
{
    static double ms[FET_WHOLE_MAX], spread[FET_WHOLE_MAX];
    if (fet_host_is_measure_command(argc, argv)) return fet_host_measure_main();
    if (argc < 3 || argc > FET_WHOLE_MAX + 2) return fprintf(stderr, "usage: whole f32|bf16|int8 NETWORK.onnx...\n"), 2;
    fet_dtype precision = fet_dtype_parse(argv[1]);
    if (precision == FET_DTYPE_NONE) return fprintf(stderr, "whole: precision is \"%s\", expected f32, bf16 or int8\n", argv[1]), 2;
    if (measure(precision, (const char *const *)argv + 2, (uint32_t)argc - 2, ms, spread) != FET_OK)
        return fprintf(stderr, "whole: %s\n", fet_error_message()), 1;
    for (int i = 0; i < argc - 2; i++)
        printf("{\"network\": \"%s\", \"us\": %.2f, \"spread\": %.4f, \"share\": %.4f}\n", argv[i + 2], 1e3 * ms[i], spread[i],
               ms[i] / ms[0]);
    return 0;
}
