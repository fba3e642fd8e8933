// SPDX-License-Identifier: Apache-2.0
#include "estimate/score.h"

#include "base/alloc.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIGURES = sizeof(fet_score) / sizeof(double) };

typedef struct ranked {
    double value;
    size_t at;
} ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* Equal values share the mean of their ranks. */
static void rank(ranked *order, size_t n, double *out_ranks)
{
    qsort(order, n, sizeof *order, by_value);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && order[j].value <= order[i].value;) j++;
        for (size_t k = i; k < j; k++) out_ranks[order[k].at] = 0.5 * (double)(i + j - 1);
    }
}

static double correlation(const double *x, const double *y, size_t n)
{
    double mean = 0.5 * (double)(n - 1), xy = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < n; i++)
        xy += (x[i] - mean) * (y[i] - mean), xx += (x[i] - mean) * (x[i] - mean), yy += (y[i] - mean) * (y[i] - mean);
    return n >= 3 && xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : (double)NAN;
}

fet_status fet_score_of(const fet_estimate *estimates, const double *measured_ms, size_t n, fet_score *out_score)
{
    fet_score s = {0};
    ranked *order = NULL;
    double *ranks = NULL;
    FET_TRY(fet_alloc_zeroed(n, sizeof *order, "ranks", &order));
    fet_status status = fet_alloc_zeroed(2 * n, sizeof *ranks, "ranks", &ranks);
    if (status == FET_OK) {
        for (size_t i = 0; i < n; i++) {
            const fet_estimate *e = &estimates[i];
            double error = e->latency_ms / measured_ms[i] - 1, one = 1 / (double)n;
            s.within_5 += fabs(error) <= 0.05 ? one : 0, s.within_10 += fabs(error) <= 0.1 ? one : 0;
            s.mape += fabs(error) * one, s.rmspe += error * error * one;
            s.covered += measured_ms[i] >= e->low_ms && measured_ms[i] <= e->high_ms ? one : 0;
        }
        s.rmspe = sqrt(s.rmspe);
        for (size_t i = 0; i < n; i++) order[i] = (ranked){estimates[i].latency_ms, i};
        rank(order, n, ranks);
        for (size_t i = 0; i < n; i++) order[i] = (ranked){measured_ms[i], i};
        rank(order, n, ranks + n);
        s.spearman = correlation(ranks, ranks + n, n);
        *out_score = s;
    }
    fet_free(order);
    fet_free(ranks);
    return status;
}

/* --- splits --- */

/* Kernels in a split's order: the first `known` are fitted to. */
typedef struct split {
    fet_estimate_sample *samples;
    size_t n, known;
    fet_estimate *estimates; /* of those behind; without a model: not there */
    double *measured_ms;
    fet_estimator *estimator;
} split;

static void free_split(split *s)
{
    fet_free(s->samples);
    fet_free(s->estimates);
    fet_free(s->measured_ms);
    fet_estimator_destroy(s->estimator);
}

static fet_status make_split(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n, uint32_t number, split *s)
{
    fet_rng rng;
    uint32_t *order = NULL;
    FET_TRY(fet_alloc_zeroed(n, sizeof *s->samples, "samples", &s->samples));
    FET_TRY(fet_alloc_zeroed(n, sizeof *s->estimates, "estimates", &s->estimates));
    FET_TRY(fet_alloc_zeroed(n, sizeof *s->measured_ms, "latencies", &s->measured_ms));
    FET_TRY(fet_alloc_zeroed(n, sizeof *order, "an order", &order));
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    fet_rng_init(&rng, options->seed, number + 1, FET_RNG_SPLIT);
    fet_rng_shuffle(&rng, order, n);
    for (size_t i = 0; i < n; i++) s->samples[i] = samples[order[i]];
    fet_free(order);
    s->n = n;
    s->known = n - n / 5;
    fet_estimator_options all = *options;
    all.outside = FET_ESTIMATE_WIDEN;
    return fet_estimator_fit(&all, s->samples, s->known, &s->estimator);
}

/* A running sum and sum of squares of each figure. */
typedef struct tally {
    double sum[FIGURES], squares[FIGURES];
    uint32_t n[FIGURES];
} tally;

static void count(tally *t, const fet_score *score)
{
    double value[FIGURES];
    memcpy(value, score, sizeof value);
    for (size_t i = 0; i < FIGURES; i++)
        if (!isnan(value[i])) t->sum[i] += value[i], t->squares[i] += value[i] * value[i], t->n[i]++;
}

static void settle(const tally *t, fet_score_splits *out)
{
    double mean[FIGURES], sd[FIGURES];
    for (size_t i = 0; i < FIGURES; i++) {
        double n = t->n[i];
        mean[i] = n > 0 ? t->sum[i] / n : (double)NAN;
        sd[i] = n > 1 ? sqrt(fmax(0, t->squares[i] - n * mean[i] * mean[i]) / (n - 1)) : (double)NAN;
    }
    memcpy(&out->mean, mean, sizeof mean);
    memcpy(&out->sd, sd, sizeof sd);
}

/* Estimates of one family of the kernels that were left out; FET_FAMILY_COUNT: of all. */
static fet_status score_family(split *s, int family, tally *t, fet_score_splits *out)
{
    size_t n = 0;
    for (size_t i = s->known; i < s->n; i++) {
        if (family < FET_FAMILY_COUNT && (int)fet_family_of(&s->samples[i].key) != family) continue;
        if (fet_estimator_predict(s->estimator, &s->samples[i].key, 1, &s->estimates[n]) != FET_OK) {
            out->without++;
            continue;
        }
        s->measured_ms[n++] = s->samples[i].latency_ms;
    }
    fet_score score;
    if (n == 0) return FET_OK;
    FET_TRY(fet_score_of(s->estimates, s->measured_ms, n, &score));
    count(t, &score);
    out->splits++;
    return FET_OK;
}

static fet_status keep_points(const split *s, fet_scores *out)
{
    FET_TRY(fet_alloc_zeroed(s->n - s->known + 1, sizeof *out->points, "points", &out->points));
    for (size_t i = s->known; i < s->n; i++) {
        fet_score_point *p = &out->points[out->n_points];
        *p = (fet_score_point){.family = fet_family_of(&s->samples[i].key), .measured_ms = s->samples[i].latency_ms};
        out->n_points += fet_estimator_predict(s->estimator, &s->samples[i].key, 1, &p->estimate) == FET_OK;
    }
    return FET_OK;
}

void fet_scores_clear(fet_scores *scores)
{
    fet_free(scores->points);
    *scores = (fet_scores){.n_points = 0};
}

static fet_status run_split(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n, uint32_t number,
                            tally tallies[FET_FAMILY_COUNT + 1], fet_scores *out)
{
    split s = {.n = 0};
    fet_status status = make_split(options, samples, n, number, &s);
    for (int f = 0; f <= FET_FAMILY_COUNT && status == FET_OK; f++)
        status = score_family(&s, f, &tallies[f], f < FET_FAMILY_COUNT ? &out->family[f] : &out->all);
    if (status == FET_OK && number == 0) status = keep_points(&s, out);
    free_split(&s);
    return status;
}

fet_status fet_score_by_splits(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n, uint32_t splits,
                               fet_score_progress progress, void *context, fet_scores *out_scores)
{
    tally tallies[FET_FAMILY_COUNT + 1];
    fet_scores scores = {.n_points = 0};
    fet_status status = FET_OK;
    memset(tallies, 0, sizeof tallies);
    if (n < 5) return fet_fail(FET_ERROR_ARG, "%zu measured kernels: expected at least 5, to leave some out", n);
    for (size_t i = 0; i < n; i++) scores.family[fet_family_of(&samples[i].key)].n++;
    scores.all.n = (uint32_t)n;
    for (uint32_t s = 0; s < splits && status == FET_OK; s++) {
        if (progress && !progress(context, s, splits)) status = fet_fail(FET_ERROR_STATE, "stopped after %u of %u splits", s, splits);
        else status = run_split(options, samples, n, s, tallies, &scores);
    }
    if (status != FET_OK) {
        fet_scores_clear(&scores);
        return status;
    }
    for (int f = 0; f < FET_FAMILY_COUNT; f++) settle(&tallies[f], &scores.family[f]);
    settle(&tallies[FET_FAMILY_COUNT], &scores.all);
    *out_scores = scores;
    return FET_OK;
}
