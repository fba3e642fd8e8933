// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers that say what a kernel costs: its dimensions, what it computes and moves, how well it fills units of several widths. In order of
 * kernel_features.def, by whose names a file refers to them. Plain functions; thread-safe.
 */
#ifndef FET_ESTIMATE_KERNEL_FEATURES_H
#define FET_ESTIMATE_KERNEL_FEATURES_H

#include "kernel/kernel.h"

enum {
#define FET_FEATURE(name, value) FET_FEATURE_##name,
#include "estimate/kernel_features.def"
#undef FET_FEATURE
    FET_FEATURE_COUNT
};

/* A kernel as a matrix product where it is one, and what it moves. */
typedef struct fet_workload {
    double pixels, inputs, outputs, window; /* places, input channels that are summed, output channels, window elements */
    double work;                            /* their product: MACs; elements, where nothing is multiplied */
    double src_bytes, dst_bytes, weight_bytes, bytes;
    bool sums_inputs; /* input channels are reduced: dense, grouped */
} fet_workload;

fet_workload fet_workload_of(const fet_kernel_key *key);
/* The same work where a unit of `out` output and `in` input channels is always used whole. */
double fet_workload_rounded(const fet_workload *workload, uint32_t out, uint32_t in);

/* baseline_ms: of the model; compute_share: of the baseline that is work, 0 .. 1; prior_ms: of another device, 0 where there is none. */
typedef struct fet_feature_context {
    double baseline_ms, compute_share, prior_ms;
} fet_feature_context;

void fet_features_fill(const fet_kernel_key *key, const fet_workload *workload, const fet_feature_context *context,
                       float out_features[FET_FEATURE_COUNT]);
const char *fet_feature_name(uint32_t feature);
/* FET_FEATURE_COUNT: no such name. */
uint32_t fet_feature_parse(const char *name);

#endif
