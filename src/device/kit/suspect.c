// SPDX-License-Identifier: Apache-2.0
#include "device/kit/suspect.h"

#include "base/alloc.h"
#include "base/median.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 64, STRETCH = 16, MOST_ANCHORS = 64 };

static const double DISAGREE = 0.1; /* twice what visits of a quiet machine differ by: below, nearly all are confirmed */
static const double QUIET = 0.02;   /* spread of an anchor */
/* The median kernel of a stretch this much above what is predicted, and this share of the interval. */
static const double STRETCH_SLOW = 0.04, STRETCH_SHARE = 0.5;

const char *fet_kit_doubt_name(fet_kit_doubt doubt)
{
    static const char *const names[] = {"slow pulse", "visits disagree", "stands out", "slow stretch", "measured once"};
    return names[doubt];
}

void fet_kit_suspects_clear(fet_kit_suspects *suspects)
{
    fet_free(suspects->items);
    fet_free(suspects->anchors);
    fet_free(suspects->anchor_ms);
    *suspects = (fet_kit_suspects){.n = 0};
}

/* A known kernel as it stands in the table, in the order of measuring. */
typedef struct look {
    fet_repeat first;
    uint32_t agree; /* measurements that do; 1: it was measured once, or no two agree */
    double error;   /* logarithm of measured over predicted; NAN: nothing predicts it */
    double half;    /* of the prediction's interval, logarithm */
    double doubt;
    fet_kit_doubt reason;
} look;

typedef struct finder {
    const fet_device *device;
    fet_kit_samples samples;
    fet_estimate *estimates;
    look *looks;
    size_t n;
} finder;

static void look_at(finder *f, size_t i)
{
    look *l = &f->looks[i];
    const fet_estimate *e = &f->estimates[i];
    fet_repeat repeats[FET_REPEATS_MAX];
    uint32_t n = fet_device_repeats(f->device, &f->samples.items[i].key, repeats);
    *l = (look){.reason = FET_KIT_DOUBT_ONCE,
                .first = {.latency_ms = f->samples.items[i].latency_ms, .spread = f->samples.items[i].spread},
                .agree = 1};
    if (n > 0) l->first = repeats[0];
    if (n > 0) l->agree = fet_repeats_judge(repeats, n).agree;
    l->error = log(f->samples.items[i].latency_ms / e->latency_ms);
    l->half = log(e->high_ms / e->latency_ms);
}

static void doubt(look *l, fet_kit_doubt reason, double how_much)
{
    if (!(how_much > 1) || how_much <= l->doubt) return;
    l->doubt = how_much;
    l->reason = reason;
}

/* The median of the kernels measured just before and after, its own left out, as a share of what is slow; by chance it is near 0, for each
 * is left out of its prediction together with its neighbours in time. */
static double slowness_around(const finder *f, size_t at)
{
    double errors[2 * STRETCH], shares[2 * STRETCH];
    size_t n = 0, from = at > STRETCH / 2 ? at - STRETCH / 2 : 0;
    for (size_t i = from; i < f->n && i <= from + STRETCH; i++) {
        const look *l = &f->looks[i];
        if (i != at && !isnan(l->error) && l->agree < 2) errors[n] = l->error, shares[n++] = l->error / l->half;
    }
    if (n < STRETCH / 2) return 0;
    fet_sort_doubles(errors, n);
    fet_sort_doubles(shares, n);
    return fmin(errors[n / 2] / STRETCH_SLOW, shares[n / 2] / STRETCH_SHARE);
}

static void judge(finder *f)
{
    for (size_t i = 0; i < f->n; i++) look_at(f, i);
    for (size_t i = 0; i < f->n; i++) {
        look *l = &f->looks[i];
        if (l->agree > 1) continue;
        if (fet_repeat_is_disturbed(&l->first)) doubt(l, FET_KIT_DOUBT_PULSE, 1 + l->first.pulse);
        doubt(l, FET_KIT_DOUBT_SPREAD, l->first.spread / DISAGREE);
        if (isnan(l->error)) continue;
        doubt(l, FET_KIT_DOUBT_STANDS_OUT, fabs(l->error) / l->half);
        if (l->error > STRETCH_SLOW) doubt(l, FET_KIT_DOUBT_STRETCH, slowness_around(f, i));
    }
}

static int by_doubt(const void *a, const void *b)
{
    const fet_kit_suspect *x = a, *y = b;
    if (x->doubt > y->doubt || x->doubt < y->doubt) return x->doubt < y->doubt ? 1 : -1;
    return memcmp(&x->key, &y->key, sizeof x->key);
}

static bool is_anchor(const look *l)
{
    return l->doubt <= 0 && l->first.spread <= QUIET && !fet_repeat_is_disturbed(&l->first) && fabs(l->error) <= 0.5 * l->half;
}

static fet_status list(const finder *f, uint32_t most, fet_kit_suspects *out)
{
    size_t n_anchors = 0, seen = 0;
    FET_TRY(fet_alloc_zeroed(f->n + 1, sizeof *out->items, "kernels", &out->items));
    FET_TRY(fet_alloc_zeroed(MOST_ANCHORS, sizeof *out->anchors, "kernels", &out->anchors));
    FET_TRY(fet_alloc_zeroed(MOST_ANCHORS, sizeof *out->anchor_ms, "kernels", &out->anchor_ms));
    for (size_t i = 0; i < f->n; i++) {
        const look *l = &f->looks[i];
        n_anchors += is_anchor(l);
        if (l->agree < 2)
            out->items[out->n++] = (fet_kit_suspect){.key = f->samples.items[i].key,
                                                     .latency_ms = f->samples.items[i].latency_ms,
                                                     .predicted_ms = f->estimates[i].latency_ms,
                                                     .doubt = l->doubt,
                                                     .reason = l->reason};
    }
    qsort(out->items, out->n, sizeof *out->items, by_doubt);
    if (out->n > most) out->n = most;
    for (size_t i = 0; i < f->n; i++) { /* evenly over the time of measuring */
        if (!is_anchor(&f->looks[i])) continue;
        if (seen++ * MOST_ANCHORS / (n_anchors > MOST_ANCHORS ? n_anchors : MOST_ANCHORS) < out->n_anchors) continue;
        out->anchors[out->n_anchors] = f->samples.items[i].key;
        out->anchor_ms[out->n_anchors++] = f->samples.items[i].latency_ms;
    }
    return FET_OK;
}

static fet_status find(finder *f, const fet_estimator_options *options, uint32_t most, fet_leave_out_progress progress, void *context,
                       fet_kit_suspects *out)
{
    FET_TRY(fet_kit_samples_read(f->device, &f->samples));
    f->n = f->samples.n;
    if (f->n < LEAST) return FET_OK;
    FET_TRY(fet_alloc_zeroed(f->n, sizeof *f->estimates, "estimates", &f->estimates));
    FET_TRY(fet_alloc_zeroed(f->n, sizeof *f->looks, "kernels", &f->looks));
    FET_TRY(fet_estimate_leave_out(options, f->samples.items, f->n, progress, context, f->estimates));
    judge(f);
    return list(f, most, out);
}

fet_status fet_kit_find_suspects(const fet_device *device, const fet_estimator_options *options, uint32_t most,
                                 fet_leave_out_progress progress, void *context, fet_kit_suspects *out_suspects)
{
    finder f = {.device = device};
    fet_kit_suspects suspects = {.n = 0};
    fet_status status = find(&f, options, most, progress, context, &suspects);
    fet_kit_samples_clear(&f.samples);
    fet_free(f.estimates);
    fet_free(f.looks);
    if (status == FET_OK) *out_suspects = suspects;
    else fet_kit_suspects_clear(&suspects);
    return status;
}
