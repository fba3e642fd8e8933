// SPDX-License-Identifier: Apache-2.0
#include "advise/advise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OPTIONS = 4 }; /* of a width that are costed */

fet_advice_options fet_advice_default_options(void)
{
    return (fet_advice_options){.least_gain = 0.005, .most_pairs = 24};
}

typedef struct tried {
    uint32_t decision, net;
    uint8_t option;
    double gain, noise;
    fet_change change;
} tried;

typedef struct advisor {
    fet_probe *probe;
    const fet_space *space;
    const fet_advice_options *options;
    fet_arena *arena;
    fet_genome base;
    uint32_t base_net;
    tried *singles;
    uint32_t n_singles;
    fet_advices *out;
} advisor;

static const fet_probe_net *net_of(const advisor *a, uint32_t index)
{
    return fet_probe_get(a->probe, index);
}

static double latency(const fet_probe_net *net)
{
    return net->cost.metric[FET_METRIC_LATENCY];
}

/* --- which options of a width: the next narrower and wider one, three quarters and half of the base --- */

static void nearest(const fet_decision *decision, double wanted, bool *chosen)
{
    uint8_t best = decision->base_option;
    for (uint8_t o = 0; o < decision->n_options; o++)
        if (!decision->options[o].removed && o != decision->base_option &&
            (best == decision->base_option || fabs(decision->options[o].value - wanted) < fabs(decision->options[best].value - wanted)))
            best = o;
    chosen[best] = true;
}

static void choose_options(const fet_decision *decision, bool chosen[FET_DECISION_MAX_OPTIONS])
{
    double base = decision->options[decision->base_option].value;
    memset(chosen, 0, FET_DECISION_MAX_OPTIONS * sizeof *chosen);
    if (decision->kind == FET_DECISION_WIDTH && decision->n_options > MOST_OPTIONS + 1) {
        for (int way = -1; way <= 1; way += 2)
            for (int o = decision->base_option + way; o >= 0 && o < decision->n_options; o += way) {
                if (decision->options[o].removed) continue;
                chosen[o] = true;
                break;
            }
        nearest(decision, 0.75 * base, chosen);
        nearest(decision, 0.5 * base, chosen);
    } else {
        for (uint8_t o = 0; o < decision->n_options; o++) chosen[o] = !decision->options[o].removed;
    }
    chosen[decision->base_option] = false;
}

/* --- singles --- */

static fet_status list_singles(advisor *a)
{
    size_t room = 0;
    for (uint32_t d = 0; d < fet_space_n_decisions(a->space); d++) room += fet_space_decision(a->space, d)->n_options;
    a->singles = fet_arena_zalloc(a->arena, room + 1, sizeof *a->singles);
    if (!a->singles) return fet_arena_full();
    fet_space_base_genome(a->space, &a->base);
    FET_TRY(fet_probe_add(a->probe, &a->base, &a->base_net));
    for (uint32_t d = 0; d < fet_space_n_decisions(a->space); d++) {
        const fet_decision *decision = fet_space_decision(a->space, d);
        bool chosen[FET_DECISION_MAX_OPTIONS];
        choose_options(decision, chosen);
        for (uint8_t o = 0; o < decision->n_options; o++) {
            if (!chosen[o] || o == a->base.option[d]) continue;
            tried *t = &a->singles[a->n_singles];
            fet_genome genome = a->base;
            genome.option[d] = o;
            fet_space_canonicalise(a->space, &genome);
            if (fet_genome_equal(&genome, &a->base)) continue;
            *t = (tried){.decision = d, .option = o};
            FET_TRY(fet_probe_add(a->probe, &genome, &t->net));
            a->n_singles++;
        }
    }
    return FET_OK;
}

static fet_status judge(advisor *a, tried *t)
{
    const fet_probe_net *base = net_of(a, a->base_net), *net = net_of(a, t->net);
    FET_TRY(fet_change_find(base, net, a->arena, &t->change));
    t->gain = 1 - latency(net) / latency(base);
    t->noise = hypot(t->change.gone.noise_ms, t->change.came.noise_ms) / latency(base);
    return FET_OK;
}

/* A gain that is not only the measurement's noise. */
static bool counts(const advisor *a, const tried *t)
{
    return t->gain >= a->options->least_gain && (t->gain > t->noise || a->options->least_gain < 0);
}

/* Another option of the same decision is as fast with as much capacity, and better in one of them. */
static bool is_beaten(const advisor *a, const tried *t)
{
    const fet_candidate_cost *x = &net_of(a, t->net)->cost;
    for (uint32_t i = 0; i < a->n_singles; i++) {
        const tried *other = &a->singles[i];
        const fet_candidate_cost *y = &net_of(a, other->net)->cost;
        if (other == t || other->decision != t->decision || other->gain < t->gain) continue;
        if (y->metric[FET_METRIC_PARAMS] < x->metric[FET_METRIC_PARAMS] || y->macs < x->macs) continue;
        bool same = y->hash == x->hash;
        if (same ? other < t : other->gain > t->gain || y->macs > x->macs) return true;
    }
    return false;
}

static bool keeps_function(const fet_space *space, const tried *t)
{
    return fet_space_decision(space, t->decision)->options[t->option].keeps_function;
}

/* A width that fills the device's lanes better says so. */
static const char *with_fill(const advisor *a, const tried *t, const char *reason)
{
    const fet_decision *decision = fet_space_decision(a->space, t->decision);
    uint32_t lanes = fet_device_parallelism(fet_probe_device(a->probe)).out_channels;
    if (decision->kind != FET_DECISION_WIDTH) return reason;
    uint32_t from = (uint32_t)decision->options[decision->base_option].value, to = (uint32_t)decision->options[t->option].value;
    double before = fet_channel_fill(from, lanes), after = fet_channel_fill(to, lanes);
    if (after <= before + 1e-9) return reason;
    return fet_arena_printf(a->arena, "%s %u channels fill %.0f%% of the %u lanes they take, %u fill %.0f%%.", reason, from, 100 * before,
                            lanes, to, 100 * after);
}

static fet_status append(advisor *a, const tried *t, const tried *second)
{
    fet_advice *advice = &a->out->items[a->out->count++];
    const char *text = fet_advice_text(a->space, t->decision, t->option, a->arena);
    *advice =
        (fet_advice){.decision = {t->decision}, .option = {t->option}, .n_decisions = 1, .net = t->net, .gain = t->gain, .noise = t->noise};
    advice->keeps_function = keeps_function(a->space, t);
    if (second) {
        const char *other = fet_advice_text(a->space, second->decision, second->option, a->arena);
        advice->decision[1] = second->decision;
        advice->option[1] = second->option;
        advice->n_decisions = 2;
        advice->keeps_function &= keeps_function(a->space, second);
        text = text && other ? fet_arena_printf(a->arena, "%s, and %s", text, other) : NULL;
    }
    advice->text = text;
    advice->reason = fet_change_reason(&t->change, a->options->peak_macs_per_s, a->arena);
    if (advice->reason) advice->reason = with_fill(a, t, advice->reason);
    if (advice->reason && second) advice->reason = with_fill(a, second, advice->reason);
    return advice->text && advice->reason ? FET_OK : fet_arena_full();
}

/* --- pairs --- */

/* A layer of the base that both change. */
static bool meet(const tried *a, const tried *b)
{
    for (uint32_t i = 0; i < a->change.gone.n; i++)
        for (uint32_t j = 0; j < b->change.gone.n; j++)
            if (a->change.gone.layers[i] == b->change.gone.layers[j]) return true;
    return false;
}

typedef struct pair {
    const tried *a, *b;
    uint32_t net;
    double weight; /* of the layers that change: what there is to gain */
} pair;

static int heavier(const void *x, const void *y)
{
    const pair *a = x, *b = y;
    if (a->weight != b->weight) return a->weight < b->weight ? 1 : -1;
    return a->a != b->a ? (a->a < b->a ? -1 : 1) : a->b < b->b ? -1 : a->b > b->b;
}

/* Leaving a block out and scaling everything are no partners: the one adds up, the other meets all. */
static bool may_pair(const advisor *a, const tried *t)
{
    fet_decision_kind kind = fet_space_decision(a->space, t->decision)->kind;
    return kind != FET_DECISION_SKIP && kind != FET_DECISION_MULTIPLIER && kind != FET_DECISION_RESOLUTION;
}

/* Those that can be better than either alone: one of them does not count by itself. */
static fet_status list_pairs(advisor *a, pair **out_pairs, uint32_t *out_n)
{
    size_t n = 0, capacity = 0;
    pair *pairs = NULL;
    fet_status status = FET_OK;
    for (uint32_t i = 0; i < a->n_singles && status == FET_OK; i++)
        for (uint32_t j = i + 1; j < a->n_singles && status == FET_OK; j++) {
            const tried *x = &a->singles[i], *y = &a->singles[j];
            if (x->decision == y->decision || !may_pair(a, x) || !may_pair(a, y) || (counts(a, x) && counts(a, y)) || !meet(x, y)) continue;
            status = fet_grow(&pairs, &capacity, n + 1, sizeof *pairs);
            if (status == FET_OK) pairs[n++] = (pair){.a = x, .b = y, .weight = x->change.gone.latency_ms + y->change.gone.latency_ms};
        }
    if (n) qsort(pairs, n, sizeof *pairs, heavier);
    *out_pairs = pairs;
    *out_n = (uint32_t)(n < a->options->most_pairs ? n : a->options->most_pairs);
    return status;
}

static fet_status add_pairs(advisor *a, pair *pairs, uint32_t n)
{
    for (uint32_t p = 0; p < n; p++) {
        fet_genome genome = a->base;
        genome.option[pairs[p].a->decision] = pairs[p].a->option;
        genome.option[pairs[p].b->decision] = pairs[p].b->option;
        fet_space_canonicalise(a->space, &genome);
        FET_TRY(fet_probe_add(a->probe, &genome, &pairs[p].net));
    }
    return FET_OK;
}

static fet_status keep_pairs(advisor *a, const pair *pairs, uint32_t n)
{
    for (uint32_t p = 0; p < n; p++) {
        const tried *x = pairs[p].a, *y = pairs[p].b;
        tried both = {.decision = x->decision, .option = x->option, .net = pairs[p].net};
        FET_TRY(judge(a, &both));
        double alone = fmax(fmax(x->gain, y->gain), fmax(x->gain, 0) + fmax(y->gain, 0));
        if (!counts(a, &both) || both.gain < alone + a->options->least_gain + both.noise) continue;
        FET_TRY(append(a, &both, y));
    }
    return FET_OK;
}

static fet_status find_pairs(advisor *a, fet_device_progress progress, void *context)
{
    pair *pairs = NULL;
    uint32_t n = 0;
    fet_status status = list_pairs(a, &pairs, &n);
    if (status == FET_OK) status = add_pairs(a, pairs, n);
    if (status == FET_OK) status = fet_probe_run(a->probe, progress, context);
    if (status == FET_OK) status = keep_pairs(a, pairs, n);
    a->out->n_costed += n;
    fet_free(pairs);
    return status;
}

/* --- */

static int more_gain(const void *x, const void *y)
{
    const fet_advice *a = x, *b = y;
    if (a->gain != b->gain) return a->gain < b->gain ? 1 : -1;
    return a->decision[0] != b->decision[0] ? (a->decision[0] < b->decision[0] ? -1 : 1) : (int)a->option[0] - (int)b->option[0];
}

fet_status fet_advise(fet_probe *probe, const fet_advice_options *options, fet_device_progress progress, void *context, fet_arena *arena,
                      fet_advices *out_advices)
{
    fet_advice_options defaults = fet_advice_default_options();
    fet_advices advices = {0};
    advisor a = {
        .probe = probe, .space = fet_probe_space(probe), .options = options ? options : &defaults, .arena = arena, .out = &advices};
    FET_TRY(list_singles(&a));
    FET_TRY(fet_probe_run(probe, progress, context));
    if (isinf(latency(net_of(&a, a.base_net))))
        return fet_fail(FET_ERROR_LIMIT, "the network does not fit into the memory of %s: changes have no gain against it",
                        fet_device_describe(fet_probe_device(probe)));
    advices.items = fet_arena_zalloc(arena, a.n_singles + a.options->most_pairs + 1, sizeof *advices.items);
    if (!advices.items) return fet_arena_full();
    for (uint32_t i = 0; i < a.n_singles; i++) FET_TRY(judge(&a, &a.singles[i]));
    for (uint32_t i = 0; i < a.n_singles; i++)
        if (counts(&a, &a.singles[i]) && (a.options->keep_beaten || !is_beaten(&a, &a.singles[i])))
            FET_TRY(append(&a, &a.singles[i], NULL));
    advices.n_costed = a.n_singles;
    FET_TRY(find_pairs(&a, progress, context));
    if (advices.count) qsort(advices.items, advices.count, sizeof *advices.items, more_gain);
    advices.base = a.base_net;
    *out_advices = advices;
    return FET_OK;
}
