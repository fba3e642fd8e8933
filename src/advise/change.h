// SPDX-License-Identifier: Apache-2.0
/*
 * What differs between two networks, layer by layer, and how one says so: the layers that go, those that come, and a sentence made of their
 * figures.
 */
#ifndef FET_ADVISE_CHANGE_H
#define FET_ADVISE_CHANGE_H

#include "advise/probe.h"

typedef struct fet_change_side {
    const fet_probe_layer **layers; /* from the arena, in running order */
    uint32_t n;
    double latency_ms;
    double noise_ms; /* of their sum, from the spreads of those that were measured */
    int64_t macs;
} fet_change_side;

typedef struct fet_change {
    fet_change_side gone, came;
} fet_change;

/* Layers of the same name and key are the same; so are two of one key that only changed their names. */
FET_MUST_CHECK fet_status fet_change_find(const fet_probe_net *from, const fet_probe_net *to, fet_arena *arena, fet_change *out_change);

/* "depthwise 3x3 of 48", "1x1 8>48", "softmax". */
enum { FET_LAYER_TEXT_BYTES = 96 };
const char *fet_layer_describe(const fet_kernel_key *key, char *text, size_t bytes);

/* MACs a second as a share of the peak; 0 when there is none. */
double fet_layer_utilisation(int64_t macs, double latency_ms, double peak_macs_per_s);

/* How full `channels` make lanes of `quantum`: 24 of 16 lanes fill 75% of 32. */
double fet_channel_fill(uint32_t channels, uint32_t quantum);

/* Why `change` gains what it gains: one sentence, from the arena; NULL when there is no memory. peak_macs_per_s 0: unknown. */
const char *fet_change_reason(const fet_change *change, double peak_macs_per_s, fet_arena *arena);

#endif
