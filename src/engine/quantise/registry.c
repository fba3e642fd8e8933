// SPDX-License-Identifier: Apache-2.0
#include "engine/quantise/method.h"

#include <string.h>

const fet_calibration_method fet_calibration_methods[] = {
    {"mse", "the least mean squared error", 0, true, fet_range_mse},
    {"min-max", "everything seen, nothing is cut off", 0, false, fet_range_min_max},
    {"percentile", "99.99 percent of the numbers", 99.99, true, fet_range_percentile},
    {"percentile-99.9", "99.9 percent of the numbers", 99.9, true, fet_range_percentile},
    {"percentile-99.999", "99.999 percent of the numbers", 99.999, true, fet_range_percentile},
    {0},
};
const fet_calibration_method *const fet_calibration_default = &fet_calibration_methods[0];

const fet_calibration_method *fet_calibration_method_find(const char *name)
{
    for (const fet_calibration_method *m = fet_calibration_methods; m->name; m++)
        if (strcmp(m->name, name) == 0) return m;
    return NULL;
}
