// SPDX-License-Identifier: Apache-2.0
/*
 * How the range of an activation is chosen from what was seen of it: one line of registry.c and, where it is a new idea, one file a method.
 * int8 stores a value as whole steps of one size: 0 to 255 of them where it is never negative, else -128 to 127. A range is the number
 * that the last step above zero stands for: what lies beyond is cut off, and the smaller the range, the finer the steps. Immutable.
 */
#ifndef FET_ENGINE_QUANTISE_METHOD_H
#define FET_ENGINE_QUANTISE_METHOD_H

#include "engine/quantise/histogram.h"

typedef struct fet_calibration_method {
    const char *name; /* "min-max": in jobs and on the command line */
    const char *help;
    double parameter; /* the method's own */
    bool needs_bins;  /* else `low` and `high` alone are looked at, and the bins are not filled */
    /* The range, above 0, of what `histogram` has seen, which is not only zeros. is_unsigned: nothing below zero is stored. */
    float (*range)(const fet_histogram *histogram, double parameter, bool is_unsigned);
} fet_calibration_method;

extern const fet_calibration_method fet_calibration_methods[]; /* name NULL behind the last */
extern const fet_calibration_method *const fet_calibration_default;
const fet_calibration_method *fet_calibration_method_find(const char *name); /* NULL when there is none */

/* The methods' functions. */
float fet_range_min_max(const fet_histogram *histogram, double parameter, bool is_unsigned);
float fet_range_percentile(const fet_histogram *histogram, double percent, bool is_unsigned);
float fet_range_mse(const fet_histogram *histogram, double parameter, bool is_unsigned);

#endif
