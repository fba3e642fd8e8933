// SPDX-License-Identifier: Apache-2.0
/*
 * What was seen of one value: its smallest and largest number exactly, and how often numbers of each size came, in bins of equal width on
 * either side of zero. A number beyond the last bin doubles the width, which merges bins two by two, so the order of batches does not
 * matter much. create -> add any number of times -> read. Thread-compatible.
 */
#ifndef FET_ENGINE_QUANTISE_HISTOGRAM_H
#define FET_ENGINE_QUANTISE_HISTOGRAM_H

#include "base/alloc.h"
#include "base/status.h"

/* Eight bins a step of 8 bits where nothing is cut off. */
enum { FET_HISTOGRAM_BINS = 2048 };

typedef struct fet_histogram {
    float low, high; /* INFINITY, -INFINITY before anything was added */
    double width;    /* of a bin; 0: nothing but zeros so far */
    uint64_t zeros;
    uint64_t side[2][FET_HISTOGRAM_BINS]; /* [0] above zero, [1] below */
} fet_histogram;

FET_MUST_CHECK fet_status fet_histogram_create(fet_histogram **out_histogram);
void fet_histogram_destroy(fet_histogram *histogram);
FET_DEFINE_AUTO(fet_histogram);

/*
 * Adds numbers. Of a long array `low` and `high` see all, the bins at most `most` of them (0: all), spread evenly with a jitter that is
 * always the same. Errors: ARG when a number is not finite; then nothing is added.
 */
FET_MUST_CHECK fet_status fet_histogram_add(fet_histogram *histogram, const float *numbers, int64_t count, int64_t most);

#endif
