// SPDX-License-Identifier: Apache-2.0
#include "device/kit/again.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/median.h"

#include <math.h>

enum { ANCHORS = 4, SUSPECTS = FET_DEVICE_REPEAT_MAX - ANCHORS, TIMES = 4, TRIES = 3 };

static const double GOOD_TIME = 1.04; /* the median anchor over its figure; half of what single ones differ by, as four are seen */

fet_kit_again_options fet_kit_again_default_options(void)
{
    return (fet_kit_again_options){.apart_s = 5, .wait_s = 2, .seed = 1};
}

typedef struct runner {
    fet_device *device;
    const fet_kit_suspects *suspects;
    const fet_kit_again_options *options;
    fet_device_progress progress;
    void *context;
    fet_rng rng;
    double until_s; /* 0: no end */
    uint32_t done;  /* suspects that are settled */
    fet_kit_again *result;
    bool ended;
} runner;

/* Asked before each group, and by the device while another process measures. */
static bool go_on(void *context, size_t done, size_t total)
{
    runner *r = context;
    (void)done, (void)total;
    bool late = r->until_s > 0 && fet_clock_monotonic_s() >= r->until_s;
    bool stopped = r->progress && !r->progress(r->context, r->done, r->suspects->n);
    if (!late && !stopped) return true;
    r->ended = true;
    r->result->outcome = stopped ? FET_KIT_STOPPED : FET_KIT_BUDGET;
    return false;
}

static bool wait_for(runner *r, double seconds)
{
    double until = fet_clock_monotonic_s() + seconds;
    while (fet_clock_monotonic_s() < until) {
        if (!go_on(r, 0, 0)) return false;
        fet_clock_sleep_s(fmin(0.1, seconds));
    }
    return true;
}

/* A group in the order of measuring: an anchor, three suspects, an anchor, ... */
typedef struct group {
    fet_kernel_key keys[FET_DEVICE_REPEAT_MAX];
    double anchor_ms[FET_DEVICE_REPEAT_MAX]; /* 0: a suspect */
    size_t n;
} group;

static void add(group *g, const fet_kernel_key *key, double anchor_ms)
{
    g->keys[g->n] = *key;
    g->anchor_ms[g->n++] = anchor_ms;
}

static void make_group(runner *r, const uint32_t *at, size_t n, group *g)
{
    const fet_kit_suspects *s = r->suspects;
    size_t every = (n + ANCHORS - 1) / ANCHORS, used = 0;
    g->n = 0;
    for (int a = 0; a < ANCHORS; a++) {
        uint32_t anchor = s->n_anchors ? fet_rng_below(&r->rng, s->n_anchors) : 0;
        if (s->n_anchors) add(g, &s->anchors[anchor], s->anchor_ms[anchor]);
        for (size_t i = 0; i < every && used < n; i++) add(g, &s->items[at[used++]].key, 0);
    }
}

/* The anchors say whether the machine is as it was; without any, it is taken as it is. */
static bool is_good_time(const group *g, const fet_repeat *repeats, fet_kit_again *result)
{
    double ratio[ANCHORS];
    uint32_t n = 0, moved = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (!(g->anchor_ms[i] > 0)) continue;
        moved += !fet_repeats_agree(repeats[i].latency_ms, g->anchor_ms[i]);
        ratio[n++] = repeats[i].latency_ms / g->anchor_ms[i];
    }
    if (n > 0 && fet_median(ratio, n) > GOOD_TIME) return false;
    result->anchor_visits += n, result->anchors_moved += moved;
    return true;
}

static fet_kit_fate fate_of(const fet_device *device, const fet_kit_suspect *suspect)
{
    fet_repeat repeats[FET_REPEATS_MAX];
    uint32_t n = fet_device_repeats(device, &suspect->key, repeats);
    if (n < 2) return FET_KIT_LEFT;
    fet_repeat_figure figure = fet_repeats_judge(repeats, n);
    if (figure.agree < 2 && n < FET_REPEATS_MAX) return FET_KIT_OPEN;
    return fet_repeats_agree(figure.latency_ms, repeats[0].latency_ms) ? FET_KIT_CONFIRMED : FET_KIT_REPLACED;
}

static bool is_settled(const runner *r, uint32_t i)
{
    return fate_of(r->device, &r->suspects->items[i]) >= FET_KIT_CONFIRMED;
}

static fet_status measure_group(runner *r, const uint32_t *at, size_t n)
{
    fet_repeat repeats[FET_DEVICE_REPEAT_MAX];
    group g;
    for (int t = 0; t < TRIES; t++) {
        if (t > 0 && !wait_for(r, r->options->wait_s)) return FET_OK;
        if (!go_on(r, 0, 0)) return FET_OK;
        make_group(r, at, n, &g);
        fet_status status = fet_device_repeat(r->device, g.keys, g.n, go_on, r, repeats);
        if (r->ended) return FET_OK;
        FET_TRY(status);
        r->result->groups++;
        if (is_good_time(&g, repeats, r->result)) break;
        r->result->dropped++;
        if (t + 1 == TRIES) return FET_OK;
    }
    for (size_t i = 0; i < g.n; i++)
        if (!(g.anchor_ms[i] > 0)) FET_TRY(fet_device_keep_repeat(r->device, &g.keys[i], &repeats[i]));
    for (size_t i = 0; i < n; i++) r->done += is_settled(r, at[i]);
    return FET_OK;
}

/* All that are not settled, once. */
static fet_status go_round(runner *r)
{
    uint32_t at[SUSPECTS];
    size_t n = 0;
    for (uint32_t i = 0; i <= r->suspects->n && !r->ended; i++) {
        if (n == SUSPECTS || (i == r->suspects->n && n > 0)) {
            FET_TRY(measure_group(r, at, n));
            n = 0;
        }
        if (i < r->suspects->n && !is_settled(r, i)) at[n++] = i;
    }
    return FET_OK;
}

static void count(const runner *r, fet_kit_fate *fates)
{
    for (uint32_t i = 0; i < r->suspects->n; i++) {
        const fet_kit_suspect *s = &r->suspects->items[i];
        fet_kit_fate fate = fate_of(r->device, s);
        fet_repeat repeats[FET_REPEATS_MAX];
        r->result->fates[fate]++;
        if (fates) fates[i] = fate;
        if (fate != FET_KIT_REPLACED) continue;
        if (fet_repeats_judge(repeats, fet_device_repeats(r->device, &s->key, repeats)).latency_ms < repeats[0].latency_ms)
            r->result->quicker++;
        else r->result->slower++;
    }
}

fet_status fet_kit_measure_again(fet_device *device, const fet_kit_suspects *suspects, const fet_kit_again_options *options,
                                 fet_device_progress progress, void *context, fet_kit_fate *fates, fet_kit_again *out_again)
{
    fet_kit_again_options usual = fet_kit_again_default_options();
    fet_kit_again result = {.outcome = FET_KIT_DONE};
    double start_s = fet_clock_monotonic_s();
    runner r = {.device = device,
                .suspects = suspects,
                .options = options ? options : &usual,
                .progress = progress,
                .context = context,
                .result = &result};
    fet_rng_init(&r.rng, r.options->seed, 3, FET_RNG_SAMPLE);
    r.until_s = r.options->budget_s > 0 ? start_s + r.options->budget_s : 0;
    for (uint32_t i = 0; i < suspects->n; i++) r.done += is_settled(&r, i);
    for (int t = 0; t < TIMES && r.done < suspects->n && !r.ended; t++) {
        double round_s = fet_clock_monotonic_s();
        FET_TRY(go_round(&r));
        double spent_s = fet_clock_monotonic_s() - round_s;
        if (r.done < suspects->n && t + 1 < TIMES && spent_s < r.options->apart_s) (void)wait_for(&r, r.options->apart_s - spent_s);
    }
    fet_error_clear();
    count(&r, fates);
    result.seconds = fet_clock_monotonic_s() - start_s;
    *out_again = result;
    return FET_OK;
}
