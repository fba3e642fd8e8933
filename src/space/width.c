// SPDX-License-Identifier: Apache-2.0
/*
 * How many channels a group has. A stage's width option n over a base trunk of N, times the multiplier m, scales each of its groups:
 * v = C * n / N * m; groups of no stage (stem, head, ...) get v = C * m. Then, curated, v becomes a multiple of the parallelism factor d by
 * the published rule make_divisible(v) = max(d, floor((v + d / 2) / d) * d), one d more where that is below 0.9 v (Howard et al.,
 * MobileNet's code); uncurated, the nearest whole number, at least 1. The base's own width stays as it is, multiple or not, and rounding
 * never turns a narrower wish into more channels than the base has, nor a wider one into fewer.
 *
 * Hidden groups, which a 1x1 convolution reads, prefer the nearest multiple of the input parallelism where it lies within 10% of v: the
 * array's input side is filled at little cost.
 */
#include "space/internal.h"

#include <math.h>
#include <stdlib.h>

enum { LIMIT_CHANNELS = 1 << 20 };

static double make_divisible(double v, double d)
{
    double n = fmax(d, floor((v + d / 2) / d) * d);
    return n < 0.9 * v ? n + d : n;
}

static uint32_t round_channels(uint32_t base, double ratio, bool hidden, const fet_space_options *options)
{
    const double TINY = 1e-9, NEAR = 0.1;
    double v = base * ratio;
    if (fabs(ratio - 1) < TINY) return base;
    double n = fmax(1, floor(v + 0.5));
    if (options->curate) {
        double d = fmax(1, options->parallelism.out_channels), wide = options->parallelism.in_channels;
        n = make_divisible(v, d);
        double filled = wide > d && fmod(wide, d) == 0 ? floor(v / wide + 0.5) * wide : 0;
        if (hidden && filled > 0 && fabs(filled - v) <= NEAR * v) n = filled;
    }
    n = ratio < 1 ? fmin(n, base) : fmax(n, base);
    return (uint32_t)fmin(n, LIMIT_CHANNELS);
}

static int by_value(const void *a, const void *b)
{
    const fet_option *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

static fet_status check_shares(const fet_space_options *options)
{
    if (options->width_low > 0 && options->width_low <= 1 && options->width_high >= 1 && options->width_high <= 16) return FET_OK;
    return fet_fail(FET_ERROR_ARG, "widths from %g to %g of the base's: expected a low share above 0 and at most 1, a high one of 1 to 16",
                    options->width_low, options->width_high);
}

/* Takes every step-th of first, first + step, ... <= last so that they fit beside the base's own width. */
static fet_status list_widths(fet_space *space, uint32_t base, uint32_t first, uint32_t last, uint32_t quantum, fet_decision *decision)
{
    uint32_t count = last >= first ? (last - first) / quantum + 1 : 0;
    uint32_t room = FET_DECISION_MAX_OPTIONS - 1, take = count < room ? count : room, n = 0;
    decision->options = fet_arena_zalloc(space->arena, take + 1, sizeof *decision->options);
    if (!decision->options) return fet_arena_full();
    bool has_base = false;
    for (uint32_t i = 0; i < take; i++) {
        /* Both ends stay; between them the nearest of evenly spaced places. */
        uint32_t at = take < 2 ? 0 : (uint32_t)(((uint64_t)i * (count - 1) * 2 + take - 1) / (2 * ((uint64_t)take - 1)));
        uint32_t width = first + at * quantum;
        decision->options[n++].value = width;
        has_base |= width == base;
    }
    if (!has_base) decision->options[n++].value = base;
    qsort(decision->options, n, sizeof *decision->options, by_value);
    decision->n_options = (uint8_t)n;
    for (uint32_t o = 0; o < n; o++) {
        uint32_t width = (uint32_t)decision->options[o].value;
        decision->options[o].label = fet_arena_printf(space->arena, "%u", width);
        if (!decision->options[o].label) return fet_arena_full();
        decision->options[o].keeps_function = width >= base; /* growth copies and halves */
        if (width == base) decision->base_option = (uint8_t)o;
    }
    return FET_OK;
}

fet_status space_width_options(fet_space *space, uint32_t stage, const fet_space_options *options, fet_decision *decision)
{
    FET_TRY(check_shares(options));
    uint32_t base = space->groups.groups[space->stages[stage].trunk].channels;
    uint32_t d = options->curate && options->parallelism.out_channels > 1 ? options->parallelism.out_channels : 1;
    double low = ceil(options->width_low * base / d - 1e-9), high = floor(options->width_high * base / d + 1e-9);
    /* The multiples next to the base are options however narrow the range: 8 channels on an array 16 wide may be 16 at no cost. */
    if (d > 1) low = fmin(low, floor((double)base / d)), high = fmax(high, ceil((double)base / d));
    low = fmax(low, 1);
    return list_widths(space, base, (uint32_t)low * d, high < low ? 0 : (uint32_t)high * d, d, decision);
}

fet_status space_multiplier_options(fet_space *space, const fet_space_options *options, fet_decision *decision)
{
    uint32_t n = 0;
    decision->options = fet_arena_zalloc(space->arena, options->n_multipliers + 1, sizeof *decision->options);
    if (!decision->options) return fet_arena_full();
    if (options->n_multipliers >= FET_DECISION_MAX_OPTIONS)
        return fet_fail(FET_ERROR_ARG, "%u multipliers, at most %d are possible", options->n_multipliers, FET_DECISION_MAX_OPTIONS - 1);
    bool has_one = false;
    for (uint32_t i = 0; i < options->n_multipliers; i++) {
        double m = options->multipliers[i];
        if (!(m >= 0.05 && m <= 16)) return fet_fail(FET_ERROR_ARG, "multiplier %g: expected 0.05 to 16", m);
        for (uint32_t j = 0; j < n; j++)
            if (decision->options[j].value == m) return fet_fail(FET_ERROR_ARG, "multiplier %g stands twice", m);
        decision->options[n++].value = m;
        has_one |= m == 1;
    }
    if (!has_one) decision->options[n++].value = 1;
    qsort(decision->options, n, sizeof *decision->options, by_value);
    decision->n_options = (uint8_t)n;
    for (uint32_t o = 0; o < n; o++) {
        decision->options[o].label = fet_arena_printf(space->arena, "x%g", decision->options[o].value);
        if (!decision->options[o].label) return fet_arena_full();
        decision->options[o].keeps_function = decision->options[o].value >= 1;
        if (decision->options[o].value == 1) decision->base_option = (uint8_t)o;
    }
    return FET_OK;
}

/* --- tables --- */

static double multiplier_of(const fet_space *space, uint32_t m)
{
    return space->multiplier == FET_NONE ? 1 : space->decisions[space->multiplier].options[m].value;
}

static fet_status tabulate_group(fet_space *space, uint32_t group, const fet_space_options *options)
{
    uint32_t stage = space->group_stage[group], n_m = space_n_multipliers(space), n_w = space_n_widths(space, stage);
    uint32_t base = space->groups.groups[group].channels;
    uint32_t *table = space->channels[group] = fet_arena_alloc(space->arena, (size_t)n_m * n_w * sizeof *table);
    if (!table) return fet_arena_full();
    const fet_decision *width = n_w > 1 ? &space->decisions[space->stages[stage].decision] : NULL;
    bool hidden = stage != FET_NONE && (space->stages[stage].inner_of != FET_NONE || space->stages[stage].trunk != group);
    for (uint32_t m = 0; m < n_m; m++)
        for (uint32_t w = 0; w < n_w; w++) {
            double ratio = width ? width->options[w].value / width->options[width->base_option].value : 1;
            table[m * n_w + w] = round_channels(base, ratio * multiplier_of(space, m), hidden, options);
        }
    return FET_OK;
}

/* class[p] = the first pair with the same channels in all the groups given. */
static fet_status classify(fet_space *space, const uint32_t *groups, uint32_t n_groups, uint32_t n_pairs, uint32_t **out_class)
{
    uint32_t *class = fet_arena_alloc(space->arena, n_pairs * sizeof *class);
    if (!class) return fet_arena_full();
    for (uint32_t p = 0; p < n_pairs; p++)
        for (class[p] = 0; class[p] < p; class[p]++) {
            uint32_t g = 0;
            while (g < n_groups && space->channels[groups[g]][class[p]] == space->channels[groups[g]][p]) g++;
            if (g == n_groups) break;
        }
    *out_class = class;
    return FET_OK;
}

fet_status space_tabulate_widths(fet_space *space, const fet_space_options *options)
{
    uint32_t n_groups = space->groups.n_groups, n_rest = 0, n_m = space_n_multipliers(space);
    uint32_t *rest = fet_arena_alloc(space->arena, (n_groups + 1) * sizeof *rest);
    space->channels = fet_arena_zalloc(space->arena, n_groups + 1, sizeof *space->channels);
    space->stage_class = fet_arena_zalloc(space->arena, space->n_stages + 1, sizeof *space->stage_class);
    if (!rest || !space->channels || !space->stage_class) return fet_arena_full();
    for (uint32_t g = 0; g < n_groups; g++) {
        if (space->groups.groups[g].fixed) continue;
        FET_TRY(tabulate_group(space, g, options));
        if (space_n_widths(space, space->group_stage[g]) == 1) rest[n_rest++] = g;
    }
    for (uint32_t s = 0; s < space->n_stages; s++) {
        const space_stage *stage = &space->stages[s];
        uint32_t n_w = space_n_widths(space, s);
        if (n_w > 1) FET_TRY(classify(space, stage->groups, stage->n_groups, n_m * n_w, &space->stage_class[s]));
    }
    return classify(space, rest, n_rest, n_m, &space->rest_class);
}
