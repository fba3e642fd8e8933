// SPDX-License-Identifier: Apache-2.0
#include "task/match.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

/* Below these shares of a tensor's own size its changes are rounding; dividing by less would train on noise. */
static const double LEAST_VARIANCE = 1e-6, LEAST_INFORMATION_NATS = 1e-4, TINY = 1e-30;

static size_t items_of(const fet_match *m)
{
    return m->outer * m->length * m->inner;
}

static size_t places_of(const fet_match *m)
{
    return m->outer * m->inner;
}

static fet_status make_room(fet_match *match)
{
    FET_TRY(fet_alloc_zeroed(items_of(match), sizeof *match->sum, "what is learnt from", &match->sum));
    fet_status status = fet_alloc_zeroed(items_of(match), sizeof *match->square, "what is learnt from", &match->square);
    if (status != FET_OK) fet_match_deinit(match);
    return status;
}

fet_status fet_match_init_numbers(fet_match *match, size_t items)
{
    *match = (fet_match){.outer = 1, .length = items, .inner = 1};
    return make_room(match);
}

fet_status fet_match_init_distribution(fet_match *match, size_t outer, size_t length, size_t inner, double temperature)
{
    *match = (fet_match){.distribution = true, .outer = outer, .length = length, .inner = inner, .temperature = temperature};
    return make_room(match);
}

void fet_match_deinit(fet_match *match)
{
    fet_free(match->sum);
    fet_free(match->square);
    match->sum = match->square = NULL;
}

/* log of the sum of exp(v / temperature) of a line whose numbers stand `stride` apart. */
static double log_sum_exp(const float *v, size_t length, size_t stride, double temperature)
{
    double largest = v[0], sum = 0.0;
    for (size_t k = 1; k < length; k++) largest = fmax(largest, v[k * stride]);
    for (size_t k = 0; k < length; k++) sum += exp((v[k * stride] - largest) / temperature);
    return largest / temperature + log(sum);
}

static void observe_line(fet_match *m, const float *b, size_t at, size_t place)
{
    double sum = log_sum_exp(b, m->length, m->inner, m->temperature);
    for (size_t k = 0; k < m->length; k++) {
        double log_p = b[k * m->inner] / m->temperature - sum, p = exp(log_p);
        m->sum[at + k * m->inner] += p;
        if (p > 0.0) m->square[place] -= p * log_p;
    }
}

void fet_match_observe(fet_match *match, const float *b, uint32_t count)
{
    size_t items = items_of(match);
    for (uint32_t s = 0; s < count; s++, b += items) {
        if (match->distribution) {
            for (size_t o = 0; o < match->outer; o++)
                for (size_t i = 0; i < match->inner; i++) {
                    size_t at = o * match->length * match->inner + i;
                    observe_line(match, b + at, at, o * match->inner + i);
                }
            continue;
        }
        for (size_t k = 0; k < items; k++) {
            match->sum[k] += b[k];
            match->square[k] += (double)b[k] * b[k];
        }
    }
    match->count += count;
}

/* Mean over elements of the variance over samples. */
static double settle_numbers(const fet_match *m)
{
    double variance = 0.0, square = 0.0, n = (double)m->count;
    for (size_t k = 0; k < items_of(m); k++) {
        double mean = m->sum[k] / n;
        square += m->square[k] / n;
        variance += fmax(m->square[k] / n - mean * mean, 0.0);
    }
    return fmax(variance, LEAST_VARIANCE * square) / (double)items_of(m);
}

/* Mean over places of the entropy of the mean, less the mean of the entropies. */
static double settle_distributions(const fet_match *m)
{
    double information = 0.0, n = (double)m->count;
    for (size_t k = 0; k < items_of(m); k++) {
        double p = m->sum[k] / n;
        if (p > 0.0) information -= p * log(p);
    }
    for (size_t place = 0; place < places_of(m); place++) information -= m->square[place] / n;
    /* In probabilities of softened logits information falls as 1 / T^2, and so does what is too little of it. */
    return fmax(information / (double)places_of(m), LEAST_INFORMATION_NATS / (m->temperature * m->temperature));
}

void fet_match_settle(fet_match *match)
{
    double scale = match->count == 0 ? 1.0 : match->distribution ? settle_distributions(match) : settle_numbers(match);
    match->scale = fmax(scale, TINY);
    fet_match_deinit(match);
}

/* Divergence of one line; its gradient times `factor`. */
static double line_loss(const fet_match *m, const float *a, const float *b, double factor, float *diff)
{
    double t = m->temperature, sum_a = log_sum_exp(a, m->length, m->inner, t), sum_b = log_sum_exp(b, m->length, m->inner, t), loss = 0.0;
    for (size_t k = 0; k < m->length; k++) {
        size_t at = k * m->inner;
        double log_q = a[at] / t - sum_a, log_p = b[at] / t - sum_b, p = exp(log_p);
        if (p != 0.0) loss += p * (log_p - log_q); /* no number must not pass as one */
        diff[at] = (float)(factor / t * (exp(log_q) - p));
    }
    return loss;
}

static double numbers_loss(const fet_match *m, const float *a, const float *b, size_t n, double factor, float *diff)
{
    /* One sum a sample: short enough for double, and independent of how many samples a batch has. */
    double total = 0.0;
    for (size_t at = 0; at < n; at += items_of(m)) {
        double sum = 0.0;
        for (size_t k = at; k < at + items_of(m); k++) {
            float d = a[k] - b[k];
            sum += (double)d * d;
            diff[k] = (float)(2.0 * factor * d);
        }
        total += sum;
    }
    return total;
}

fet_status fet_match_loss(const fet_match *match, const float *a, const float *b, uint32_t count, uint32_t batch, double weight,
                          float *out_diff, double *out_loss)
{
    size_t items = items_of(match), per_sample = match->distribution ? places_of(match) : items;
    double factor = weight / (match->scale * (double)per_sample * count), sum = 0.0;
    if (match->distribution) {
        for (uint32_t s = 0; s < count; s++)
            for (size_t o = 0; o < match->outer; o++)
                for (size_t i = 0; i < match->inner; i++) {
                    size_t at = s * items + o * match->length * match->inner + i;
                    sum += line_loss(match, a + at, b + at, factor, out_diff + at);
                }
    } else {
        sum = numbers_loss(match, a, b, count * items, factor, out_diff);
    }
    memset(out_diff + count * items, 0, (batch - count) * items * sizeof *out_diff);
    double loss = sum * factor;
    if (!isfinite(loss)) return fet_fail(FET_ERROR_STATE, "the loss is %g, expected a number: lower the learning rate", loss);
    *out_loss = loss;
    return FET_OK;
}
