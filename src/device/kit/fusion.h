// SPDX-License-Identifier: Apache-2.0
/*
 * Which pairs of operators a device runs as one, found by measuring small networks: A then B are fused iff
 *
 *     T1 + T2 - T12 > alpha min(T1, T2),      alpha = 0.5
 *
 * Networks have a start and an end of their own (conversions, pooling), so times are differences: with s a start that gives a map and g the
 * global pooling of one, T1 = (s A g) - (s g); T12 = (s A B g) - (s g); and T2 is B where it cannot be fused, because A's result is wanted
 * by somebody else too: (s A, g of it, B, g) - (s, g of it, A, g). Each network is visited several times, all others between; the quickest
 * visit counts, and what the second quickest differs by is the error of the answer.
 *
 * Source: Zhang et al., nn-Meter, MobiSys 2021 (the rule and alpha).
 */
#ifndef FET_DEVICE_KIT_FUSION_H
#define FET_DEVICE_KIT_FUSION_H

#include "device/device.h"

typedef enum fet_fusion_verdict { FET_FUSION_NO = 0, FET_FUSION_YES, FET_FUSION_OPEN } fet_fusion_verdict;
const char *fet_fusion_verdict_name(fet_fusion_verdict verdict); /* "no", "yes", "cannot tell" */

typedef struct fet_fusion_pair {
    const char *first, *second, *rule; /* "conv", "relu", "activations: relu"; rule NULL: the rules know no such pair */
    double first_ms, second_ms, both_ms, error_ms;
    fet_fusion_verdict found;
    bool stated; /* by the device's rules; false without a rule */
} fet_fusion_pair;

enum { FET_FUSION_MAX_PAIRS = 32 };
typedef struct fet_fusion_found {
    fet_fusion_pair pairs[FET_FUSION_MAX_PAIRS];
    uint32_t n;
    fet_fusion_rules rules; /* as found; as stated where it cannot be told */
} fet_fusion_found;

/* The verdict by definition. */
fet_fusion_verdict fet_fusion_judge(double first_ms, double second_ms, double both_ms, double error_ms);

/*
 * visits >= 2. Files are made in `folder` and removed. go_on(context, done, total visits) may be NULL; false stops (STATE). Errors: those
 * of measuring networks; of a recorded device NOT_FOUND names what its table lacks.
 */
FET_MUST_CHECK fet_status fet_fusion_find(fet_device *device, uint32_t visits, const char *folder, fet_device_progress go_on, void *context,
                                          fet_fusion_found *out_found);

#endif
