// SPDX-License-Identifier: Apache-2.0
/* Softmax cross-entropy with label smoothing (Szegedy et al. 2016): the target is 1 - s + s/K at the label and s/K elsewhere; of a mixture
 * of two samples, the mean of both targets, weighted by their shares. */
#include "task/classify.h"

#include <math.h>
#include <string.h>

/* What one sample is: `label`, and where another is mixed into it, that one's. */
typedef struct target {
    uint32_t label, other;
    double share; /* of the label */
} target;

/* Loss of one sample; its gradient by the logits times `scale`. In double: a batch has few logits, and the sum must not depend on how it is
 * vectorised. */
static double sample_loss(const float *logits, const target *t, uint32_t n_classes, double smoothing, double scale, float *diff)
{
    double largest = logits[0], sum = 0.0, total = 0.0;
    for (uint32_t k = 1; k < n_classes; k++) largest = fmax(largest, logits[k]);
    for (uint32_t k = 0; k < n_classes; k++) sum += exp(logits[k] - largest);
    double log_sum = largest + log(sum), off = smoothing / n_classes;
    for (uint32_t k = 0; k < n_classes; k++) {
        double share = (k == t->label ? t->share : 0.0) + (k == t->other ? 1.0 - t->share : 0.0);
        double log_p = logits[k] - log_sum, wanted = (1.0 - smoothing) * share + off;
        /* 0 * -inf: a target of nothing costs nothing. */
        if (wanted > 0.0) total -= wanted * log_p;
        diff[k] = (float)(scale * (exp(log_p) - wanted));
    }
    return total;
}

fet_status fet_classify_loss(const float *logits, const fet_batch *samples, uint32_t batch, uint32_t n_classes, float label_smoothing,
                             float *out_diff, double *out_loss)
{
    uint32_t count = samples->count;
    if (count == 0 || count > batch) return fet_fail(FET_ERROR_ARG, "loss: %u samples, expected 1 to the batch, %u", count, batch);
    if (!(label_smoothing >= 0.0f && label_smoothing < 1.0f))
        return fet_fail(FET_ERROR_ARG, "loss: label_smoothing is %g, expected 0 up to 1", (double)label_smoothing);
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        target t = {.label = samples->labels[i], .other = samples->labels[i], .share = 1.0};
        if (samples->shares) t.other = samples->others[i], t.share = (double)samples->shares[i];
        if (t.label >= n_classes || t.other >= n_classes)
            return fet_fail(FET_ERROR_ARG, "loss: label %u of sample %u, expected less than %u", t.label < n_classes ? t.other : t.label, i,
                            n_classes);
        double loss =
            sample_loss(logits + (size_t)i * n_classes, &t, n_classes, label_smoothing, 1.0 / count, out_diff + (size_t)i * n_classes);
        if (!isfinite(loss))
            return fet_fail(FET_ERROR_STATE, "the loss of sample %u is %g, expected a number: lower the learning rate", i, loss);
        sum += loss;
    }
    memset(out_diff + (size_t)count * n_classes, 0, (size_t)(batch - count) * n_classes * sizeof *out_diff);
    *out_loss = sum / count;
    return FET_OK;
}
