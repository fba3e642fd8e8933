// SPDX-License-Identifier: Apache-2.0
#include "advise/change.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void add(fet_change_side *side, const fet_probe_layer *layer)
{
    double noise_ms = layer->spread * layer->latency_ms;
    side->layers[side->n++] = layer;
    side->latency_ms += layer->latency_ms;
    side->noise_ms = sqrt(side->noise_ms * side->noise_ms + noise_ms * noise_ms);
    side->macs += layer->macs;
}

/* Pairs each layer of `a` that is not matched yet with one of `b`; by name, they must also be called the same. */
static void match(const fet_probe_net *a, const fet_probe_net *b, bool by_name, bool *of_a, bool *of_b)
{
    for (uint32_t i = 0; i < a->n_layers; i++)
        for (uint32_t j = 0; j < b->n_layers && !of_a[i]; j++) {
            const fet_probe_layer *x = &a->layers[i], *y = &b->layers[j];
            if (of_b[j] || !fet_kernel_key_equal(&x->key, &y->key) || (by_name && strcmp(x->name, y->name) != 0)) continue;
            of_a[i] = of_b[j] = true;
        }
}

fet_status fet_change_find(const fet_probe_net *from, const fet_probe_net *to, fet_arena *arena, fet_change *out_change)
{
    fet_change change = {0};
    bool *of_from = fet_arena_zalloc(arena, from->n_layers + 1, sizeof *of_from),
         *of_to = fet_arena_zalloc(arena, to->n_layers + 1, sizeof *of_to);
    change.gone.layers = fet_arena_zalloc(arena, from->n_layers + 1, sizeof *change.gone.layers);
    change.came.layers = fet_arena_zalloc(arena, to->n_layers + 1, sizeof *change.came.layers);
    if (!of_from || !of_to || !change.gone.layers || !change.came.layers) return fet_arena_full();
    match(from, to, true, of_from, of_to);
    match(from, to, false, of_from, of_to);
    for (uint32_t i = 0; i < from->n_layers; i++)
        if (!of_from[i]) add(&change.gone, &from->layers[i]);
    for (uint32_t j = 0; j < to->n_layers; j++)
        if (!of_to[j]) add(&change.came, &to->layers[j]);
    *out_change = change;
    return FET_OK;
}

double fet_layer_utilisation(int64_t macs, double latency_ms, double peak_macs_per_s)
{
    return peak_macs_per_s > 0 && latency_ms > 0 ? (double)macs / (latency_ms * 1e-3) / peak_macs_per_s : 0;
}

double fet_channel_fill(uint32_t channels, uint32_t quantum)
{
    if (quantum < 2 || channels == 0) return 1;
    uint32_t lanes = (channels + quantum - 1) / quantum * quantum;
    return (double)channels / lanes;
}

const char *fet_layer_describe(const fet_kernel_key *key, char *text, size_t bytes)
{
    char op[48];
    snprintf(op, sizeof op, "%s", fet_op_onnx_name((fet_op_kind)key->op) ? fet_op_onnx_name((fet_op_kind)key->op) : "cast");
    bool conv = key->op == FET_OP_CONV || key->op == FET_OP_CONV_TRANSPOSE;
    const char *up = key->op == FET_OP_CONV_TRANSPOSE ? "transposed " : "";
    if (conv && key->group > 1 && key->group == key->ic && key->group == key->oc)
        snprintf(text, bytes, "%sdepthwise %ux%u of %u", up, key->kh, key->kw, key->oc);
    else if (conv && key->group > 1)
        snprintf(text, bytes, "%s%ux%u %u>%u in %u groups", up, key->kh, key->kw, key->ic, key->oc, key->group);
    else if (conv) snprintf(text, bytes, "%s%ux%u %u>%u", up, key->kh, key->kw, key->ic, key->oc);
    else if (key->op == FET_OP_GEMM || key->op == FET_OP_MATMUL) snprintf(text, bytes, "%s %u>%u", op, key->ic, key->oc);
    else if (key->kh > 1 || key->kw > 1) snprintf(text, bytes, "%s %ux%u of %u", op, key->kh, key->kw, key->oc);
    else snprintf(text, bytes, "%s of %ux%ux%u", op, key->oc, key->oh, key->ow);
    return text;
}

/* --- the sentence --- */

enum { PART_BYTES = 200, AMOUNT_BYTES = 32 };

/* "41 us", "3.2 ms" */
static const char *time_text(double ms, char text[AMOUNT_BYTES])
{
    snprintf(text, AMOUNT_BYTES, ms < 1 ? "%.3g us" : "%.3g ms", ms < 1 ? ms * 1e3 : ms);
    return text;
}

/* "0.31 MMACs", "4.1 GMACs" */
static const char *macs_text(int64_t macs, char text[AMOUNT_BYTES])
{
    snprintf(text, AMOUNT_BYTES, macs < 1000000000 ? "%.3g MMACs" : "%.3g GMACs", (double)macs / (macs < 1000000000 ? 1e6 : 1e9));
    return text;
}

static int percent_digits(double share)
{
    return share < 0.01 ? 1 : 0;
}

/* "1x1 8>48 (12 us, 14% of the peak)" */
static const char *with_figures(const fet_probe_layer *layer, double peak, char *text, size_t bytes)
{
    char what[FET_LAYER_TEXT_BYTES];
    double use = fet_layer_utilisation(layer->macs, layer->latency_ms, peak);
    fet_layer_describe(&layer->key, what, sizeof what);
    char time[AMOUNT_BYTES];
    time_text(layer->latency_ms, time);
    if (use > 0) snprintf(text, bytes, "%s (%s, %.*f%% of the peak)", what, time, percent_digits(use), 100 * use);
    else snprintf(text, bytes, "%s (%s)", what, time);
    return text;
}

/* The layer that takes most of the time. */
static const fet_probe_layer *dearest(const fet_change_side *side)
{
    const fet_probe_layer *best = NULL;
    for (uint32_t i = 0; i < side->n; i++)
        if (!best || side->layers[i]->latency_ms > best->latency_ms) best = side->layers[i];
    return best;
}

/* "3.2 MMACs in 41 us (30% of the peak)" */
static void sum_text(const fet_change_side *side, double peak, char *text, size_t bytes)
{
    double use = fet_layer_utilisation(side->macs, side->latency_ms, peak);
    char macs[AMOUNT_BYTES], time[AMOUNT_BYTES];
    macs_text(side->macs, macs);
    time_text(side->latency_ms, time);
    if (use > 0) snprintf(text, bytes, "%s in %s (%.*f%% of the peak)", macs, time, percent_digits(use), 100 * use);
    else snprintf(text, bytes, "%s in %s", macs, time);
}

static const char *layers_left_out(const fet_change *change, double peak, fet_arena *arena)
{
    char layer[PART_BYTES], sum[PART_BYTES];
    sum_text(&change->gone, peak, sum, sizeof sum);
    with_figures(dearest(&change->gone), peak, layer, sizeof layer);
    return fet_arena_printf(arena, "%u kernel%s of %s fall away; most time took %s.", change->gone.n, change->gone.n > 1 ? "s" : "", sum,
                            layer);
}

/* The work stays; only what stands behind the layers changes, or how many they are. */
static const char *same_work(const fet_change *change, double peak, fet_arena *arena)
{
    char layer[PART_BYTES];
    with_figures(dearest(&change->gone), peak, layer, sizeof layer);
    int fewer = (int)change->gone.n - (int)change->came.n;
    double ratio = change->came.latency_ms / change->gone.latency_ms;
    if (fewer > 0)
        return fet_arena_printf(arena, "The same MACs in %d kernel%s fewer, in %.2gx the time: %s among those that change.", fewer,
                                fewer > 1 ? "s" : "", ratio, layer);
    return fet_arena_printf(arena, "The same MACs in %.2gx the time, without what the %u kernels do besides; most time took %s.", ratio,
                            change->gone.n, layer);
}

static const char *more_work(const fet_change *change, double peak, fet_arena *arena)
{
    char before[PART_BYTES], after[PART_BYTES];
    double macs = change->gone.macs ? (double)change->came.macs / (double)change->gone.macs : INFINITY;
    /* What kept the array idle: the layer that loses most time against the rate of what comes. */
    const fet_probe_layer *idle = NULL;
    double rate = (double)change->came.macs / change->came.latency_ms, most = 0;
    for (uint32_t i = 0; i < change->gone.n; i++) {
        const fet_probe_layer *l = change->gone.layers[i];
        double lost = l->latency_ms - (double)l->macs / rate;
        if (lost > most) idle = l, most = lost;
    }
    if (!idle) idle = dearest(&change->gone);
    with_figures(idle, peak, before, sizeof before);
    with_figures(dearest(&change->came), peak, after, sizeof after);
    double time = change->came.latency_ms / change->gone.latency_ms;
    return fet_arena_printf(arena, "%.2gx the MACs in %.2g%% of the time: %s left the array idle, %s fills it.", macs, 100 * time, before,
                            after);
}

static const char *less_work(const fet_change *change, double peak, fet_arena *arena)
{
    char before[PART_BYTES], after[PART_BYTES];
    sum_text(&change->gone, peak, before, sizeof before);
    sum_text(&change->came, peak, after, sizeof after);
    return fet_arena_printf(arena, "%s become %s.", before, after);
}

const char *fet_change_reason(const fet_change *change, double peak_macs_per_s, fet_arena *arena)
{
    const double SAME = 0.02;
    if (change->gone.n == 0) return fet_arena_strdup(arena, "No kernel changes.");
    if (change->came.n == 0) return layers_left_out(change, peak_macs_per_s, arena);
    double gone = (double)change->gone.macs, came = (double)change->came.macs;
    if (fabs(came - gone) <= SAME * fmax(gone, 1)) return same_work(change, peak_macs_per_s, arena);
    return came > gone ? more_work(change, peak_macs_per_s, arena) : less_work(change, peak_macs_per_s, arena);
}
