// SPDX-License-Identifier: Apache-2.0
/*
 * What a whole network takes beyond the sum of its kernels: a kernel measured by itself has its weights in the nearest cache and its
 * neighbour is itself. Learned from networks measured whole, as
 *
 *     whole - sum = a * kernels + b * bytes of weights + c * bytes of weights beyond the second-level cache
 *                 + d * bytes handed over in maps as far as the first-level cache holds each + e * bytes of maps beyond it,   all >= 0
 *
 * by non-negative least squares of relative errors, and kept only where it makes the error smaller on networks left out of the fit. Plain
 * functions; deterministic; thread-safe.
 *
 * What stands between the kernels of one base network's candidates says only roughly what does in another's: each base has its own, named
 * by the hash of its structure, and there is one learned from all that were measured, for every other network.
 */
#ifndef FET_DEVICE_BETWEEN_H
#define FET_DEVICE_BETWEEN_H

#include "kernel/kernel.h"

enum {
    FET_BETWEEN_KERNELS,
    FET_BETWEEN_WEIGHTS,
    FET_BETWEEN_WEIGHTS_BEYOND,
    FET_BETWEEN_MAPS,
    FET_BETWEEN_MAPS_BEYOND,
    FET_BETWEEN_TERMS,
    FET_BETWEEN_MIN = 6, /* networks to learn from */
    FET_BETWEEN_TEXT_BYTES = 256
};

enum { FET_BETWEEN_KIND_BYTES = 24 };
/* The kind of side file (device/device.h) that holds it; base: fet_graph_hash of a base network, 0: of all others. */
const char *fet_between_kind(uint64_t base, char kind[FET_BETWEEN_KIND_BYTES]);

/* Bytes of the caches that the terms count against. */
typedef struct fet_between_caches {
    double first, second;
} fet_between_caches;

/* One network: what it is, what its kernels sum to, what it took. */
typedef struct fet_between_sample {
    double terms[FET_BETWEEN_TERMS];
    double sum_ms, whole_ms;
} fet_between_sample;

typedef struct fet_between {
    double weight_ms[FET_BETWEEN_TERMS]; /* a to e; all 0 when nothing is gained */
    fet_between_caches caches;           /* of the machine that it was learned on */
    double error_before, error_after;    /* median relative error on networks left out, without and with the fit */
    bool gains;
} fet_between;

/* Of this machine; usual sizes where they are not known. */
fet_between_caches fet_between_caches_here(void);
/* Terms of a split graph at a precision. */
void fet_between_terms(const fet_graph *graph, const fet_kernels *kernels, fet_dtype precision, const fet_between_caches *caches,
                       double terms[FET_BETWEEN_TERMS]);
/* `caches`: what the samples' terms count against. Errors: ARG fewer than FET_BETWEEN_MIN samples, or one that is not positive; NOMEM. */
FET_MUST_CHECK fet_status fet_between_fit(const fet_between_sample *samples, size_t n, const fet_between_caches *caches,
                                          fet_between *out_between);
/* What stands between the kernels, ms. */
double fet_between_ms(const fet_between *between, const double terms[FET_BETWEEN_TERMS]);

/* "a b c d e before after first second". Five numbers, "a c d before after", are what 0.1 wrote before maps were told by their size; they
 * count against this machine's caches. `name` stands in messages. CORRUPT: not such a text. */
const char *fet_between_print(const fet_between *between, char text[FET_BETWEEN_TEXT_BYTES]);
FET_MUST_CHECK fet_status fet_between_parse(const char *name, const char *text, fet_between *out_between);
/* A file of it, of one device. Errors: IO; CORRUPT when it is another device's or damaged, naming it. */
FET_MUST_CHECK fet_status fet_between_read(const char *path, const char *device, fet_between *out_between);
FET_MUST_CHECK fet_status fet_between_write(const char *path, const char *device, const fet_between *between);

#endif
