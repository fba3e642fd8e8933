// SPDX-License-Identifier: Apache-2.0
/* What the parts of a fit share: running a graph node by node (walk.c), samples of a layer (rows.c), the regression (ridge.c). */
#ifndef FET_ENGINE_REFIT_INTERNAL_H
#define FET_ENGINE_REFIT_INTERNAL_H

#include "engine/refit.h"
#include "op/conv.h"

/* --- walk.c --- */

/* A graph run node by node. A value is there from its node until its last reader has run; what cannot be run is never there. */
typedef struct fit_walk {
    const fet_graph *graph;
    int64_t batch;
    fet_tensor **values; /* [n_values]; NULL: not there */
    fet_id *last;        /* [n_values]: last reader */
} fit_walk;

fet_status fit_walk_init(fit_walk *walk, const fet_graph *graph, const float *images, int64_t batch);
void fit_walk_clear(fit_walk *walk);
/* Makes the node's outputs (again: with its parameters as they are now). Errors: NOMEM and the like; an operator that cannot be run is
 * none. */
fet_status fit_walk_run(fit_walk *walk, fet_id node);
/* Lets go of what nobody behind the node reads. */
void fit_walk_leave(fit_walk *walk, fet_id node);

/* --- rows.c --- */

/* A convolution or matrix with weights of its own. */
typedef struct fit_layer {
    fet_id node, weight; /* weight: parameter */
    fet_id bias;         /* parameter of its own, or FET_NONE */
    bool matrix;         /* no places: rows of a matrix */
    bool inputs_first;   /* of a matrix: weights are [inputs, outputs] */
    fet_window window;
    uint32_t groups, inputs, outputs; /* numbers that one output channel is made of; output channels of all groups */
    uint32_t readers;                 /* of its result */
} fit_layer;

bool fit_layer_find(const fet_graph *graph, fet_id node, fit_layer *out_layer);
/* Places of its result that a batch has. */
uint64_t fit_layer_places(const fet_graph *graph, const fit_layer *layer, int64_t batch);
/* rows[i] = the channels of `value` (the layer's result, or one of its shape) at places[i]. */
void fit_samples(const fit_layer *layer, const fet_tensor *value, const uint64_t *places, uint32_t n, float *rows);
/* rows[i] = the numbers that group g's channels are made of at places[i]; in the order of the weights. */
void fit_patches(const fit_layer *layer, const fet_tensor *src, const fet_tensor *dst, uint32_t g, const uint64_t *places, uint32_t n,
                 float *rows);

/* --- ridge.c --- */

/*
 * Subtracts means from x[n, k] and r[n, m] when `centred`, then solves min |r - x d|^2 + lambda |d|^2, lambda = ridge * mean square of an
 * x times n; d[k, m]; constant[m]: what the fit adds to every row (0 unless centred). x and r are changed. Errors: NOMEM. An x of zeros
 * gives zeros.
 */
fet_status fit_ridge(float *x, float *r, uint32_t n, uint32_t k, uint32_t m, double ridge, bool centred, double *d, double *constant);

#endif
