// SPDX-License-Identifier: Apache-2.0
/*
 * Weights by linear fit: where a rewrite cannot keep the function, a candidate's layers start from the best linear fit to what the base
 * computes at the same places, on a batch of data.
 *
 * Convolutions and matrices are taken in the order of the network. Each is run on what the candidate really gives it, compared with the
 * base's result of the layer its weights come from (fet_origin says which, and which channels), at sampled places; where they differ the
 * weights get the ridge regression of the difference on the layer's inputs:
 *     min_D |R - X D|^2 + lambda |D|^2,  W <- W + D
 * X: patches, R: what is missing, lambda: a share of the mean square of X. So later layers make good what earlier ones lost, layers that
 * agree stay as they are bit for bit, and little data leaves inherited weights alone. In front of a residual addition R also holds what
 * the other summand lacks. A constant goes to the bias, or to the mean of the batch norm behind.
 *
 * create (once a base and batch) -> params (once a candidate). Immutable after create; thread-safe like the executor.
 * Sources: He, Zhang and Sun, Channel Pruning for Accelerating Very Deep Neural Networks, ICCV 2017 (reconstruction layer by layer);
 * Luo et al., ThiNet, ICCV 2017.
 */
#ifndef FET_ENGINE_REFIT_H
#define FET_ENGINE_REFIT_H

#include "graph/graph.h"

typedef struct fet_refit fet_refit;

typedef struct fet_refit_options {
    int64_t batch;        /* samples in the images given; no default */
    uint32_t rows;        /* places of a layer's result that are compared, at most; default 4096 */
    uint32_t most_inputs; /* numbers that one output channel is made of; layers of more stay as they are, as do
                             layers with fewer than four rows an input; default 1536 */
    double ridge;  /* lambda as a share of the mean square of an input; default 0.1: a smaller one fits a little better and trains worse */
    uint64_t seed; /* of the places */
} fet_refit_options;

fet_refit_options fet_refit_default_options(void);

/*
 * Runs `base` (one input, every parameter with numbers, f32; borrowed during create only) on images[batch, ...] and keeps samples of its
 * layers' results. Errors: ARG, NOMEM. Layers behind operators that cannot be run are left out.
 */
FET_MUST_CHECK fet_status fet_refit_create(const fet_graph *base, const float *images, const fet_refit_options *options,
                                           fet_refit **out_fit);
void fet_refit_destroy(fet_refit *fit);
FET_DEFINE_AUTO(fet_refit);

typedef struct fet_refit_result {
    uint32_t n_fitted; /* layers with new weights */
    uint32_t n_same;   /* layers whose results were the base's already */
    uint32_t n_left;   /* layers without a counterpart: of another size, from elsewhere, too large */
    double error;      /* mean over the fitted layers of |R|^2 / |the base's result - its mean|^2 before ... */
    double error_left; /* ... and after the fit, on the same places */
} fet_refit_result;

/*
 * `candidate`: derived from the base, with numbers (fet_graph_init_params); changed parameters become its own. `images`: the same samples
 * in the size of its input. Errors: ARG; NOMEM, after which the candidate is sound, some layers fitted.
 */
FET_MUST_CHECK fet_status fet_refit_params(const fet_refit *fit, fet_graph *candidate, const float *images, fet_refit_result *out_result);

#endif
