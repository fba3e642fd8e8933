// SPDX-License-Identifier: Apache-2.0
#include "task/compare.h"

#include "task/internal.h"

#include <math.h>

/* Of `n` throws of a coin, as few heads as `few` or fewer, or as many tails. */
static double exact_p(uint32_t n, uint32_t few)
{
    double sum = 0;
    if (2 * (uint64_t)few >= n) return 1;
    for (uint32_t k = 0; k <= few; k++) sum += exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) - n * log(2.0));
    return fmin(1, 2 * sum);
}

fet_comparison fet_compare_counts(uint32_t n, uint32_t only_one, uint32_t only_other)
{
    const double total = n + 2.0, one = (only_one + 1.0) / total, other = (only_other + 1.0) / total;
    fet_comparison c = {.n = n, .only_one = only_one, .only_other = only_other, .low = -1, .high = 1, .p = 1};
    if (n == 0) return c;
    double half = FET_TASK_Z * sqrt((one + other - (one - other) * (one - other)) / total);
    c.difference = ((double)only_one - (double)only_other) / n;
    c.low = fmax(-1, one - other - half);
    c.high = fmin(1, one - other + half);
    c.p = exact_p(only_one + only_other, only_one < only_other ? only_one : only_other);
    return c;
}

static fet_status check_same(const fet_dataset *one, const fet_dataset *other, fet_split split)
{
    uint32_t n = fet_dataset_size(one, split), m = fet_dataset_size(other, split);
    if (n != m) return fet_fail(FET_ERROR_ARG, "networks compared on %u and on %u samples, expected the same", n, m);
    for (uint32_t i = 0; i < n; i++)
        if (fet_dataset_label(one, split, i) != fet_dataset_label(other, split, i))
            return fet_fail(FET_ERROR_ARG,
                            "networks compared: sample %u has label %u for the one and %u for the other, expected the same samples", i,
                            fet_dataset_label(one, split, i), fet_dataset_label(other, split, i));
    return FET_OK;
}

fet_status fet_classify_compare(const fet_compared *one, const fet_compared *other, const fet_task_sight *sight,
                                fet_comparison *out_comparison)
{
    const fet_compared *both[] = {one, other};
    uint8_t *right[2] = {NULL, NULL};
    uint32_t n = 0, only[2] = {0, 0};
    FET_TRY(check_same(one->dataset, other->dataset, sight->split));
    fet_status status = FET_OK;
    for (int g = 0; g < 2 && status == FET_OK; g++) status = fet_task_right(both[g]->graph, both[g]->dataset, sight, &right[g], &n);
    for (uint32_t i = 0; i < n && status == FET_OK; i++)
        for (int g = 0; g < 2; g++) only[g] += right[g][i] && !right[1 - g][i];
    for (int g = 0; g < 2; g++) fet_free(right[g]);
    if (status == FET_OK) *out_comparison = fet_compare_counts(n, only[0], only[1]);
    return status;
}
