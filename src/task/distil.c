// SPDX-License-Identifier: Apache-2.0
#include "task/distil.h"

#include "task/classify.h"

#include <math.h>

/* log of the sum of exp(v / temperature). */
static double log_sum_exp(const float *v, uint32_t n, double temperature)
{
    double largest = v[0], sum = 0.0;
    for (uint32_t k = 1; k < n; k++) largest = fmax(largest, v[k]);
    for (uint32_t k = 0; k < n; k++) sum += exp((v[k] - largest) / temperature);
    return largest / temperature + log(sum);
}

/* T^2 KL(teacher || network) of one sample; adds `scale` times its gradient, T (softmax(network/T) - softmax(teacher/T)), to diff. */
static double sample_divergence(const float *logits, const float *teacher, uint32_t n, double temperature, double scale, float *diff)
{
    double sum = log_sum_exp(logits, n, temperature), teacher_sum = log_sum_exp(teacher, n, temperature), divergence = 0.0;
    for (uint32_t k = 0; k < n; k++) {
        double log_q = logits[k] / temperature - sum, log_p = teacher[k] / temperature - teacher_sum, p = exp(log_p);
        /* 0 * -inf: what the teacher gives no probability costs nothing. A teacher that is no number must not pass as one. */
        if (p != 0.0) divergence += p * (log_p - log_q);
        diff[k] += (float)(scale * temperature * (exp(log_q) - p));
    }
    return temperature * temperature * divergence;
}

static fet_status check_options(const fet_distil_options *options)
{
    if (!(options->weight >= 0.0f && options->weight <= 1.0f))
        return fet_fail(FET_ERROR_ARG, "distillation: weight is %g, expected 0 to 1", (double)options->weight);
    if (!(options->temperature >= 0.01f && options->temperature <= 1000.0f))
        return fet_fail(FET_ERROR_ARG, "distillation: temperature is %g, expected 0.01 to 1000", (double)options->temperature);
    return FET_OK;
}

fet_status fet_distil_loss(const float *logits, const float *teacher_logits, const fet_batch *samples, uint32_t batch, uint32_t n_classes,
                           float label_smoothing, const fet_distil_options *options, float *out_diff, double *out_loss)
{
    uint32_t count = samples->count;
    double labelled = 0.0, divergence = 0.0, weight = options->weight;
    FET_TRY(check_options(options));
    FET_TRY(fet_classify_loss(logits, samples, batch, n_classes, label_smoothing, out_diff, &labelled));
    for (uint32_t i = 0; i < count; i++) {
        size_t at = (size_t)i * n_classes;
        for (uint32_t k = 0; k < n_classes; k++) out_diff[at + k] = (float)((1.0 - weight) * out_diff[at + k]);
        double sample = sample_divergence(logits + at, teacher_logits + at, n_classes, options->temperature, weight / count, out_diff + at);
        if (!isfinite(sample))
            return fet_fail(FET_ERROR_STATE, "the divergence of sample %u from its teacher is %g, expected a number", i, sample);
        divergence += sample;
    }
    *out_loss = (1.0 - weight) * labelled + weight * divergence / count;
    return FET_OK;
}
