// SPDX-License-Identifier: Apache-2.0
/*
 * Which kernels of a device are worth measuring: a pool of what networks contain, and of it a list in the order of measuring. The list has
 * first what was asked for by name and what the networks that are measured whole need, then a share of every kernel family (half of it the
 * most frequent kernels, half drawn), then staircases around some of them: channels just below, at and above multiples of the device's
 * parallelism factors, and other sizes. Any beginning of that part is spread over the families as the whole is, so measuring may stop
 * anywhere. The same pool, options and seed give the same list, whatever is measured already: that is what makes it resumable.
 *
 * Order: create -> { add ... } * -> fet_kit_plan_make. Thread-compatible.
 */
#ifndef FET_DEVICE_KIT_PLAN_H
#define FET_DEVICE_KIT_PLAN_H

#include "device/device.h"

enum { FET_KIT_FAMILY_BYTES = 48, FET_KIT_MAX_FAMILIES = 96 };

/* Kernels that one regressor could describe: "conv 3x3", "depthwise 3x3", "conv 3x3 grouped", "gemm", "cast", "add plain", ... */
const char *fet_kit_family_print(const fet_kernel_key *key, char text[FET_KIT_FAMILY_BYTES]);

typedef enum fet_kit_reason {
    FET_KIT_ASKED = 0, /* by name, or for a network that is measured whole */
    FET_KIT_NETWORK,   /* a network has it */
    FET_KIT_SWEEP,     /* it stands beside one that a network has */
} fet_kit_reason;

typedef struct fet_kit_item {
    fet_kernel_key key;
    uint32_t count;  /* how often networks have it; 0 for a sweep's */
    uint32_t family; /* index of the plan's families */
    fet_kit_reason reason;
} fet_kit_item;

typedef struct fet_kit_family {
    char name[FET_KIT_FAMILY_BYTES];
    uint32_t pool;    /* kernels that networks have */
    uint32_t planned; /* of them, and ... */
    uint32_t swept;   /* ... of its sweeps */
} fet_kit_family;

typedef struct fet_kit_pool fet_kit_pool;

/* Networks are split by these rules (borrowed) for this precision. */
FET_MUST_CHECK fet_status fet_kit_pool_create(const fet_fusion_rules *rules, fet_dtype precision, fet_kit_pool **out_pool);
void fet_kit_pool_destroy(fet_kit_pool *pool);
FET_DEFINE_AUTO(fet_kit_pool);

FET_MUST_CHECK fet_status fet_kit_pool_add_graph(fet_kit_pool *pool, const fet_graph *graph);
/* The base and n_networks - 1 random candidates. The first n_whole of them are asked for: all their kernels stand at the front. */
FET_MUST_CHECK fet_status fet_kit_pool_add_space(fet_kit_pool *pool, const fet_space *space, uint32_t n_networks, uint32_t n_whole,
                                                 uint64_t seed);
/* One that is asked for. */
FET_MUST_CHECK fet_status fet_kit_pool_add_key(fet_kit_pool *pool, const fet_kernel_key *key);
uint32_t fet_kit_pool_count(const fet_kit_pool *pool); /* kernels, each once */

typedef struct fet_kit_plan_options {
    uint32_t n_kernels;   /* in all; what is asked for comes on top where it is more. Default 1500 */
    double sweep_share;   /* of them in staircases; default 0.25 */
    uint32_t n_out, n_in; /* the device's parallelism factors; below 4 they count as 8; default 16, 4 */
    uint64_t seed;        /* default 1 */
} fet_kit_plan_options;
fet_kit_plan_options fet_kit_plan_default_options(void);

typedef struct fet_kit_plan {
    fet_kit_item *items; /* each kernel once */
    uint32_t n;
    fet_kit_family families[FET_KIT_MAX_FAMILIES]; /* by name */
    uint32_t n_families;
} fet_kit_plan;

/* Errors: LIMIT more families than there is room for; NOMEM. */
FET_MUST_CHECK fet_status fet_kit_plan_make(const fet_kit_pool *pool, const fet_kit_plan_options *options, fet_kit_plan **out_plan);
void fet_kit_plan_destroy(fet_kit_plan *plan);
FET_DEFINE_AUTO(fet_kit_plan);

/* Staircases around a convolution, matrix, pooling, elementwise operation, cast or resize: keys beside it, valid ones, never `key` itself;
 * 0 for others. */
enum { FET_KIT_SWEEP_POINTS = 8 };
uint32_t fet_kit_sweep(const fet_kernel_key *key, uint32_t n_out, uint32_t n_in, fet_rng *rng, fet_kernel_key keys[FET_KIT_SWEEP_POINTS]);

#endif
