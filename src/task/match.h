// SPDX-License-Identifier: Apache-2.0
/*
 * How far one tensor is from another that it should equal, as a loss: squared differences, or, for the logits of a Softmax, the divergence
 * of the softened probabilities. Each is divided by what the best constant answer would cost (one answer for each place in the tensor, the
 * same for all samples), measured on a few batches before: 1 is as good as ignoring the input, 0 is equal. So tensors of any scale can be
 * added up.
 *     numbers:        sum (a - b)^2 / (items * variance of b over samples)
 *     distributions:  sum KL(softmax(b/T) || softmax(a/T)) / (places * mean over samples of KL(softmax(b/T) || mean of softmax(b/T)))
 * init -> { observe } * -> settle -> { loss } *. Thread-compatible.
 */
#ifndef FET_TASK_MATCH_H
#define FET_TASK_MATCH_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fet_match {
    bool distribution;
    size_t outer, length, inner; /* numbers a sample = outer * length * inner; a distribution runs along `length` */
    double temperature;          /* of distributions */
    double scale;                /* after settle: cost of the best constant answer, a place */
    double *sum, *square;        /* [items] observed: of numbers, or of probabilities and (in square, [outer * inner]) of their entropies */
    uint64_t count;              /* samples observed */
} fet_match;

FET_MUST_CHECK fet_status fet_match_init_numbers(fet_match *match, size_t items);
FET_MUST_CHECK fet_status fet_match_init_distribution(fet_match *match, size_t outer, size_t length, size_t inner, double temperature);
void fet_match_deinit(fet_match *match);

/* `count` samples of b. */
void fet_match_observe(fet_match *match, const float *b, uint32_t count);
/* Fixes the scale and forgets what was observed. A tensor that never changes gets a small scale: any difference then counts much. */
void fet_match_settle(fet_match *match);

/*
 * Mean loss of `count` samples, times `weight`, and its gradient by `a` for the whole batch (zero for padding). Errors:
 * STATE when it is no number.
 */
FET_MUST_CHECK fet_status fet_match_loss(const fet_match *match, const float *a, const float *b, uint32_t count, uint32_t batch,
                                         double weight, float *out_diff, double *out_loss);

#endif
