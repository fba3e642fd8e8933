// SPDX-License-Identifier: Apache-2.0
/*
 * Families of several operators: pooling, elementwise operations, moves, the long tail. Their operators run different code, so a variant
 * (an operator with what chooses its code) has a roofline of its own, where enough of it was measured; or the family's, scaled. Plain
 * functions.
 */
#ifndef FET_ESTIMATE_VARIANT_H
#define FET_ESTIMATE_VARIANT_H

#include "estimate/family.h"
#include "estimate/roofline.h"

typedef struct fet_variant {
    uint32_t op;    /* fet_op_kind */
    uint32_t flags; /* of the key, those that choose the code */
    uint32_t extra; /* of the key, likewise */
    uint32_t shape; /* 1: maps of one place, 2: of one channel, which are vectors in memory; 0: others */
    fet_roofline roofline;
} fet_variant;

enum { FET_VARIANTS_MAX = 24, FET_VARIANT_LEAST = 2, FET_VARIANT_OWN = 8 };

/* A family in which operators run different code; others are one operator each. */
bool fet_family_has_variants(fet_family family);
/* The variant that a kernel is of; its roofline is not set. */
fet_variant fet_variant_of(const fet_kernel_key *key);
/* NULL: none of them. */
const fet_variant *fet_variant_find(const fet_variant *variants, uint32_t n, const fet_kernel_key *key);

/*
 * From measured kernels of one family, whose roofline is given: a roofline each for variants of FET_VARIANT_OWN kernels and more, the
 * family's times the median ratio for those of FET_VARIANT_LEAST and more. variants[FET_VARIANTS_MAX]; those that come first where there
 * are more. Errors: NOMEM.
 */
FET_MUST_CHECK fet_status fet_variants_fit(const fet_kernel_key *const *keys, const fet_workload *workloads, const double *latency_ms,
                                           size_t n, const fet_roofline *family, fet_variant *variants, uint32_t *out_n);

#endif
