// SPDX-License-Identifier: Apache-2.0
/*
 * Is one network really better than another, or was it the samples? Both see the same ones, so only those count where one is right and the
 * other wrong: two networks of 97 % may differ by less than either's own interval says, or by more.
 *     p: how often networks equally good would differ at least so much there (two-sided exact binomial test; McNemar 1947)
 *     interval of the difference: adjusted Wald (Bonett and Price 2012)
 */
#ifndef FET_TASK_COMPARE_H
#define FET_TASK_COMPARE_H

#include "task/task.h"

typedef struct fet_comparison {
    uint32_t n, only_one, only_other; /* samples; those that only the one gets right, those that only the other does */
    double difference;                /* share of samples right, the one's less the other's: -1 to 1 */
    double low, high;                 /* its 95 % interval */
    double p;                         /* 0 to 1 */
} fet_comparison;

/* From the counts alone; only_one + only_other <= n. */
fet_comparison fet_compare_counts(uint32_t n, uint32_t only_one, uint32_t only_other);

/* A network, and the data as it wants them: the same samples for both, images of whatever size. */
typedef struct fet_compared {
    const fet_graph *graph;
    const fet_dataset *dataset;
} fet_compared;

/* Both on a split; `sight` as for evaluating. Errors: those of evaluating either; ARG when their samples are not the same. */
FET_MUST_CHECK fet_status fet_classify_compare(const fet_compared *one, const fet_compared *other, const fet_task_sight *sight,
                                               fet_comparison *out_comparison);

#endif
