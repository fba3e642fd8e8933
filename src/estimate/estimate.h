// SPDX-License-Identifier: Apache-2.0
/*
 * What a kernel will take on a device of which some kernels were measured: a regression that is fitted once, kept in a file, and answers
 * any kernel with an interval. One model a family of kernels (family.h):
 *
 *     latency = baseline(kernel) * exp(trees(features)),        baseline: a roofline with quantised utilisation, its few constants found
 * from the data; or another device's estimate, scaled (options.prior)
 *
 * Order: fit | read -> predict, write -> destroy. Immutable after create; predictions are thread-safe and touch no heap.
 *
 * Source: gradient-boosted trees: Chen and Guestrin, XGBoost, KDD 2016; a ratio to a roofline: Wess et al., ANNETTE, IEEE Access 2021;
 * intervals: Barber et al., Predictive inference with the jackknife+, 2021, with difficulty: Papadopoulos et al. 2011.
 */
#ifndef FET_ESTIMATE_ESTIMATE_H
#define FET_ESTIMATE_ESTIMATE_H

#include "kernel/kernel.h"
#include "space/space.h" /* fet_parallelism */

typedef struct fet_estimator fet_estimator;

/* One measured kernel. spread: relative, as a device gives it; a disturbed measurement counts less. */
typedef struct fet_estimate_sample {
    fet_kernel_key key;
    double latency_ms, spread;
} fet_estimate_sample;

/* A kernel with a dimension that no measured one of its family had: refused, or its interval widened by how far it lies outside. */
typedef enum fet_estimate_outside { FET_ESTIMATE_REFUSE = 0, FET_ESTIMATE_WIDEN } fet_estimate_outside;

typedef struct fet_estimator_options {
    const char *device;            /* what was measured, for people; borrowed, kept in the file */
    const fet_fusion_rules *rules; /* the device's; NULL: the host's */
    fet_dtype precision;
    fet_parallelism parallelism; /* the device's; a 0 is found from the data, family by family */
    uint32_t channel_rounding;   /* of stored feature maps; 0 or 1: none */
    const fet_estimator *prior;  /* another device's; borrowed, its text becomes part of the new one; NULL: none */
    fet_estimate_outside outside;
    double coverage;       /* of the intervals, 0.5 .. 0.99, default 0.9 */
    bool keep_kernels;     /* default true: a kernel that was measured is answered as it was */
    bool intervals;        /* default true; without, fitting is six times faster and low = high = latency */
    uint32_t trees, depth; /* a family, 1 .. 4000 and 1 .. 10; 0: chosen by the number of kernels */
    double learning_rate;  /* 0: chosen with the trees */
    uint64_t seed;
} fet_estimator_options;

fet_estimator_options fet_estimator_default_options(void);

typedef struct fet_estimate {
    double latency_ms;
    double low_ms, high_ms; /* holds the truth as often as the coverage says */
    bool outside;           /* of what was measured */
    bool measured;          /* this very kernel was; the interval is twice its spread */
} fet_estimate;

/*
 * Fits one model to each family that has at least FET_ESTIMATE_MIN kernels (fewer: no model). Deterministic for options and order of
 * samples. Errors: ARG no samples, a latency that is not positive, a kernel twice, an option out of range; NOMEM; STATE XGBoost refused.
 * Cost: about a second a thousand kernels with intervals. Runs on one thread.
 */
enum { FET_ESTIMATE_MIN = 4 };
FET_MUST_CHECK fet_status fet_estimator_fit(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n,
                                            fet_estimator **out_estimator);
void fet_estimator_destroy(fet_estimator *estimator);
FET_DEFINE_AUTO(fet_estimator);

/*
 * Errors: NOT_FOUND no model for the kernel's family (or its operator in it), naming both; LIMIT outside of the measured range, naming the
 * kernel and the dimension, where that is refused. Nothing is written on failure. Cost: well under a microsecond a kernel, many at once.
 */
FET_MUST_CHECK fet_status fet_estimator_predict(const fet_estimator *estimator, const fet_kernel_key *keys, size_t n,
                                                fet_estimate *out_estimates);

/* A plain, versioned text. Written beside and renamed. Errors of read: NOT_FOUND, IO; CORRUPT and LIMIT name file and line; UNSUPPORTED: of
 * a later version. */
FET_MUST_CHECK fet_status fet_estimator_write(const fet_estimator *estimator, const char *path);
FET_MUST_CHECK fet_status fet_estimator_read(const char *path, fet_estimator **out_estimator);
/* The same of a text in memory; `name` stands in messages. */
FET_MUST_CHECK fet_status fet_estimator_print(const fet_estimator *estimator, char **out_text, size_t *out_bytes); /* heap */
FET_MUST_CHECK fet_status fet_estimator_parse(const char *name, const char *text, size_t bytes, fet_estimator **out_estimator);

const char *fet_estimator_device(const fet_estimator *estimator);
const fet_fusion_rules *fet_estimator_rules(const fet_estimator *estimator);
fet_dtype fet_estimator_precision(const fet_estimator *estimator);
fet_parallelism fet_estimator_parallelism(const fet_estimator *estimator); /* 1 where it is not known */
uint32_t fet_estimator_channel_rounding(const fet_estimator *estimator);
double fet_estimator_coverage(const fet_estimator *estimator);
uint32_t fet_estimator_count(const fet_estimator *estimator); /* of the kernels it was fitted to */

/* A family's model; false: there is none. */
typedef struct fet_estimator_family {
    const char *name;
    uint32_t kernels;  /* it was fitted to; 0: the prior's, scaled */
    bool has_trees;    /* or else the baseline alone, which was better on kernels left out */
    bool scales_prior; /* its baseline is the prior's, not a roofline */
} fet_estimator_family;
enum { FET_ESTIMATOR_FAMILIES = 10 };
bool fet_estimator_family_of(const fet_estimator *estimator, uint32_t family, fet_estimator_family *out_family);

/* What is learned to stand between kernels (device/between.h), kept with the model as that module's text; "": nothing. */
enum { FET_ESTIMATE_BETWEEN_BYTES = 256 };
const char *fet_estimator_between(const fet_estimator *estimator);
FET_MUST_CHECK fet_status fet_estimator_set_between(fet_estimator *estimator, const char *text);
/* The same of single base networks, each named by a hash. Adding one again replaces it. Errors: ARG; LIMIT too many. */
enum { FET_ESTIMATE_BASES_MAX = 64 };
FET_MUST_CHECK fet_status fet_estimator_add_base(fet_estimator *estimator, uint32_t base, const char *text);
uint32_t fet_estimator_bases(const fet_estimator *estimator);
const char *fet_estimator_base(const fet_estimator *estimator, uint32_t i, uint32_t *out_base);

#endif
