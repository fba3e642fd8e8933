// SPDX-License-Identifier: Apache-2.0
/* What the files of this folder share: the parts of an estimator. */
#ifndef FET_ESTIMATE_MODEL_H
#define FET_ESTIMATE_MODEL_H

#include "estimate/estimate.h"
#include "estimate/family.h"
#include "estimate/known.h"
#include "estimate/roofline.h"
#include "estimate/trees.h"
#include "estimate/variant.h"

/* Dimensions of a key whose range in the data is kept: X(name, member). */
#define FET_MODEL_DIMENSIONS(X) X(n) X(ic) X(ih) X(iw) X(oc) X(oh) X(ow) X(group) X(kh) X(kw) X(sh) X(sw) X(dh) X(dw)
enum {
#define FET_MODEL_DIMENSION(member) FET_DIMENSION_##member,
    FET_MODEL_DIMENSIONS(FET_MODEL_DIMENSION)
#undef FET_MODEL_DIMENSION
        FET_DIMENSION_COUNT
};

enum { FET_MODEL_LEVELS = 7, FET_MODEL_OP_WORDS = 1 + FET_OP_COUNT / 64 };
extern const double fet_model_levels[FET_MODEL_LEVELS]; /* coverages whose quantiles are kept */

/* Trees as the file has them, and flat. */
typedef struct fet_model_trees {
    fet_trees *flat; /* NULL: none */
    char *json;
    size_t json_bytes;
} fet_model_trees;

typedef struct fet_model {
    uint32_t n; /* kernels it was fitted to; 0 with a prior: only the prior's, scaled */
    bool is_there;
    fet_roofline roofline;
    fet_variant variants[FET_VARIANTS_MAX]; /* whose kernels have another roofline */
    uint32_t n_variants;
    bool scales_prior; /* the baseline is exp(prior_offset) * prior^prior_slope, not the roofline */
    double prior_offset, prior_slope;
    uint32_t low[FET_DIMENSION_COUNT], high[FET_DIMENSION_COUNT];
    uint64_t ops[FET_MODEL_OP_WORDS];   /* bits: operators that were measured */
    uint32_t activations;               /* likewise */
    fet_model_trees ratio;              /* logarithm of measured / baseline */
    fet_model_trees difficulty;         /* logarithm of the expected error; none: the same everywhere */
    double quantiles[FET_MODEL_LEVELS]; /* of |error| / difficulty */
} fet_model;

struct fet_estimator {
    char *device, *rules_name;
    char between[FET_ESTIMATE_BETWEEN_BYTES];
    struct {
        uint32_t base;
        char between[FET_ESTIMATE_BETWEEN_BYTES];
    } bases[FET_ESTIMATE_BASES_MAX];
    uint32_t n_bases;
    fet_fusion_rules rules;
    fet_dtype precision;
    fet_parallelism parallelism;
    uint32_t channel_rounding, n;
    fet_estimate_outside outside;
    double coverage;
    uint64_t seed;
    fet_estimator *prior; /* owned */
    fet_known known;      /* kernels it was fitted to, where they are kept */
    fet_model models[FET_FAMILY_COUNT];
};

void fet_model_deinit(fet_model *model);
uint32_t fet_model_dimension(const fet_kernel_key *key, uint32_t dimension);
const char *fet_model_dimension_name(uint32_t dimension);

/* Everything about one kernel that a model needs; prior_ms 0: the estimator has no prior, or that has no model of it. */
typedef struct fet_model_row {
    fet_workload workload;
    double prior_ms, baseline_ms;
} fet_model_row;

/* Fills row and features; false: the model scales a prior that has no model of this kernel. */
bool fet_model_look(const fet_model *model, const fet_kernel_key *key, double prior_ms, fet_model_row *row,
                    float features[FET_FEATURE_COUNT]);
/* The prior's latencies of kernels of this device, whatever its range; 0 where it has no model. */
void fet_model_ask_prior(const fet_estimator *prior, const fet_kernel_key *keys, size_t n, double *out_ms);
/* As fet_estimator_predict of one kernel, as if it had not been measured itself. */
FET_MUST_CHECK fet_status fet_model_predict_unmeasured(const fet_estimator *estimator, const fet_kernel_key *key,
                                                       fet_estimate *out_estimate);
/* Half-width of the interval's logarithm at a coverage, from the kept quantiles. */
double fet_model_quantile(const fet_model *model, double coverage);

#endif
