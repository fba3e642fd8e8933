// SPDX-License-Identifier: Apache-2.0
#include "cli/quantise.h"

#include <stdio.h>
#include <string.h>

static fet_status find_method(const char *name, const fet_calibration_method **out_method)
{
    *out_method = fet_calibration_method_find(name);
    if (*out_method) return FET_OK;
    char names[160] = "";
    for (const fet_calibration_method *m = fet_calibration_methods; m->name; m++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", m->name);
    }
    return fet_fail(FET_ERROR_ARG, "--calibrate \"%s\": expected one of %s", name, names);
}

static fet_status find_end(const char *name, fet_dtype *out_precision)
{
    fet_dtype precision = FET_DTYPE_S8;
    if (!name) return FET_OK;
    FET_TRY(fet_cli_precision(name, &precision));
    *out_precision = precision == FET_DTYPE_S8 ? FET_DTYPE_NONE : precision;
    return FET_OK;
}

fet_status fet_cli_read_quantise(const fet_cli_quantise *given, const fet_network *network, fet_quantise_options *out_options)
{
    fet_quantise_options options = {.method = fet_calibration_default};
    if (network->workspace && network->workspace->job->device.precision == FET_DTYPE_S8) options = network->workspace->job->quantise;
    if (given->batches) options.batches = (uint32_t)given->batches;
    if (given->keep_shift) options.keep_shift = true;
    if (given->calibrate) FET_TRY(find_method(given->calibrate, &options.method));
    FET_TRY(find_end(given->first, &options.first));
    FET_TRY(find_end(given->last, &options.last));
    *out_options = options;
    return FET_OK;
}
