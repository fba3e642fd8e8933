// SPDX-License-Identifier: Apache-2.0
#include "estimate/suggest.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "estimate/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NEIGHBOURS = 4 };
static const double NO_MODEL = 10; /* the logarithm of an interval where nothing can be said */

typedef struct candidate {
    fet_kernel_key key;
    fet_family family;
    uint32_t parent;
    double width; /* logarithm of high / low */
} candidate;

static uint32_t scaled(uint32_t value, uint32_t step, double factor)
{
    double units = floor((double)value / step * factor + 0.5);
    return step * (uint32_t)fmax(1, units);
}

static double factor(fet_rng *rng)
{
    return 0.5 + 0.7 * fet_rng_uniform(rng);
}

/* A square map of another size; what a window needs stays, and what is as large as its source stays so. */
static void resize(fet_rng *rng, fet_kernel_key *key)
{
    if (key->ih != key->iw || key->oh != key->ow || key->ih < 4) return;
    uint32_t size = scaled(key->ih, 1, factor(rng));
    if (key->kh == 0) {
        if (key->oh != key->ih && key->oh != 1) return;
        if (key->oh == key->ih) key->oh = key->ow = size;
        key->ih = key->iw = size;
        return;
    }
    uint32_t reach = (uint32_t)(key->kh - 1) * key->dh + 1, padded = size + key->pad_top + key->pad_bottom;
    if (padded < reach || key->pad_top != key->pad_bottom) return;
    key->ih = key->iw = size;
    key->oh = key->ow = (padded - reach) / key->sh + 1;
}

/* Another kernel of the family near `key`; false: this one has no neighbours. */
static bool neighbour(fet_rng *rng, fet_family family, fet_kernel_key *key)
{
    uint32_t channels;
    switch (family) {
    case FET_FAMILY_CONV:
    case FET_FAMILY_POINTWISE:
    case FET_FAMILY_MATMUL:
        key->ic = scaled(key->ic, 1, factor(rng)), key->oc = scaled(key->oc, 1, factor(rng));
        if (family != FET_FAMILY_MATMUL && fet_rng_below(rng, 2)) resize(rng, key);
        return true;
    case FET_FAMILY_DEPTHWISE:
        if (key->ic != key->oc) return false;
        channels = scaled(key->ic, 1, factor(rng));
        if (channels < 2) return false;
        key->ic = key->oc = key->group = channels;
        if (fet_rng_below(rng, 2)) resize(rng, key);
        return true;
    case FET_FAMILY_GROUPED:
        key->ic = scaled(key->ic, key->group, factor(rng)), key->oc = scaled(key->oc, key->group, factor(rng));
        return key->ic > key->group;
    case FET_FAMILY_POOL:
    case FET_FAMILY_ELEMENTWISE:
    case FET_FAMILY_MOVE:
        if (family == FET_FAMILY_MOVE && key->op != FET_OP_CAST) return false; /* others have more to fit together */
        if (key->ic != key->oc) return false;
        key->ic = key->oc = scaled(key->ic, 1, factor(rng));
        if (fet_rng_below(rng, 2)) resize(rng, key);
        return true;
    default: return false;
    }
}

static double width_of(const fet_estimator *estimator, const fet_kernel_key *key)
{
    const fet_model *model = &estimator->models[fet_family_of(key)];
    fet_estimate e;
    if (!model->is_there || fet_model_predict_unmeasured(estimator, key, &e) != FET_OK) return NO_MODEL;
    return log(e.high_ms / e.low_ms);
}

static int by_width(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->width > y->width || x->width < y->width) return x->width < y->width ? 1 : -1;
    return memcmp(&x->key, &y->key, sizeof x->key);
}

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(fet_kernel_key));
}

static size_t draw(const fet_estimator *estimator, const fet_estimate_sample *samples, size_t n, uint64_t seed, const fet_kernel_key *known,
                   candidate *candidates)
{
    size_t found = 0;
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_SAMPLE);
    for (uint32_t i = 0; i < n; i++)
        for (int k = 0; k < NEIGHBOURS; k++) {
            candidate c = {.key = samples[i].key, .family = fet_family_of(&samples[i].key), .parent = i};
            if (!neighbour(&rng, c.family, &c.key) || fet_family_of(&c.key) != c.family) continue;
            if (bsearch(&c.key, known, n, sizeof *known, by_key)) continue;
            c.width = width_of(estimator, &c.key);
            candidates[found++] = c;
        }
    qsort(candidates, found, sizeof *candidates, by_width);
    return found;
}

/* How many of n_wanted each family gets: at least one where it has candidates. */
static void share_out(const fet_estimator *estimator, const fet_estimate_sample *samples, size_t n, const candidate *candidates,
                      size_t n_candidates, uint32_t n_wanted, uint32_t share[FET_FAMILY_COUNT])
{
    double cost[FET_FAMILY_COUNT] = {0}, sum = 0;
    bool has[FET_FAMILY_COUNT] = {false};
    for (size_t i = 0; i < n_candidates; i++) has[candidates[i].family] = true;
    for (size_t i = 0; i < n; i++) {
        fet_family f = fet_family_of(&samples[i].key);
        if (has[f]) cost[f] += samples[i].latency_ms * width_of(estimator, &samples[i].key);
    }
    for (int f = 0; f < FET_FAMILY_COUNT; f++) sum += cost[f];
    for (int f = 0; f < FET_FAMILY_COUNT; f++) share[f] = has[f] ? (uint32_t)fmax(1, floor(n_wanted * cost[f] / sum + 0.5)) : 0;
}

/* The widest first, one a parent, then, where places are left, whatever is widest. */
static uint32_t choose(const candidate *candidates, size_t n, uint32_t n_wanted, uint32_t share[FET_FAMILY_COUNT], uint8_t *parent_used,
                       uint8_t *taken, fet_kernel_key *out_keys)
{
    uint32_t found = 0;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < n && found < n_wanted; i++) {
            const candidate *c = &candidates[i];
            bool twice = i > 0 && fet_kernel_key_equal(&c->key, &candidates[i - 1].key);
            if (taken[i] || twice) continue;
            if (round == 0 && (parent_used[c->parent] || share[c->family] == 0)) continue;
            if (round == 0) share[c->family]--;
            parent_used[c->parent] = taken[i] = 1;
            out_keys[found++] = c->key;
        }
    return found;
}

fet_status fet_estimate_suggest(const fet_estimator *estimator, const fet_estimate_sample *samples, size_t n, uint32_t n_wanted,
                                uint64_t seed, fet_kernel_key *out_keys, uint32_t *out_n)
{
    fet_kernel_key *known = NULL;
    candidate *candidates = NULL;
    uint8_t *used = NULL;
    uint32_t share[FET_FAMILY_COUNT];
    FET_TRY(fet_alloc_zeroed(n + 1, sizeof *known, "kernels", &known));
    fet_status status = fet_alloc_zeroed(n * NEIGHBOURS + 1, sizeof *candidates, "candidates", &candidates);
    if (status == FET_OK) status = fet_alloc_zeroed(n * (NEIGHBOURS + 1) + 1, 1, "candidates", &used);
    if (status == FET_OK) {
        for (size_t i = 0; i < n; i++) known[i] = samples[i].key;
        qsort(known, n, sizeof *known, by_key);
        size_t found = draw(estimator, samples, n, seed, known, candidates);
        share_out(estimator, samples, n, candidates, found, n_wanted, share);
        *out_n = choose(candidates, found, n_wanted, share, used, used + n, out_keys);
    }
    fet_free(known);
    fet_free(candidates);
    fet_free(used);
    return status;
}
