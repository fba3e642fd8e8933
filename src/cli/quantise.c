// SPDX-License-Identifier: Apache-2.0
#include "cli/quantise.h"

#include <stdio.h>
#include <string.h>

static fet_status find_method(const char *name, const fet_calibration_method **out_method)
{
    *out_method = name ? fet_calibration_method_find(name) : fet_calibration_default;
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
    if (name) FET_TRY(fet_cli_precision(name, &precision));
    *out_precision = precision == FET_DTYPE_S8 ? FET_DTYPE_NONE : precision;
    return FET_OK;
}

fet_status fet_cli_read_quantise(const fet_cli_quantise *given, fet_quantise_options *out_options)
{
    fet_quantise_options options = {.batches = (uint32_t)given->batches, .keep_shift = given->keep_shift};
    FET_TRY(find_method(given->calibrate, &options.method));
    FET_TRY(find_end(given->first, &options.first));
    FET_TRY(find_end(given->last, &options.last));
    *out_options = options;
    return FET_OK;
}
