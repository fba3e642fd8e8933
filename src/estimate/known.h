// SPDX-License-Identifier: Apache-2.0
/* Kernels that were measured, by their keys: an estimator answers those as they were measured. Immutable once filled; thread-safe then. */
#ifndef FET_ESTIMATE_KNOWN_H
#define FET_ESTIMATE_KNOWN_H

#include "estimate/estimate.h"

typedef struct fet_known {
    fet_estimate_sample *items; /* in the order in which they came */
    size_t n, capacity;
    uint32_t *slots; /* 1 + index, 0: free; a power of two, at most half full */
    size_t n_slots;
} fet_known;

/* Errors: EXISTS it is there already; NOMEM. */
FET_MUST_CHECK fet_status fet_known_add(fet_known *known, const fet_estimate_sample *sample);
const fet_estimate_sample *fet_known_find(const fet_known *known, const fet_kernel_key *key); /* NULL: not there */
void fet_known_clear(fet_known *known);

#endif
