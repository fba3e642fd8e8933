// SPDX-License-Identifier: Apache-2.0
/*
 * What a whole network takes beyond the sum of its kernels: a kernel measured by itself has its weights in the nearest cache and its
 * neighbour is itself. Learned from a few networks measured whole, as
 *
 *     whole - sum = a * kernels + b * bytes of weights beyond the second-level cache + c * bytes handed from kernel to kernel,   a, b, c >=
 * 0
 *
 * by non-negative least squares of relative errors, and kept only where it makes the error smaller on networks left out of the fit. Plain
 * functions; deterministic; thread-safe.
 */
#ifndef FET_DEVICE_BETWEEN_H
#define FET_DEVICE_BETWEEN_H

#include "kernel/kernel.h"

enum { FET_BETWEEN_TERMS = 3, FET_BETWEEN_MIN = 6, FET_BETWEEN_TEXT_BYTES = 160 };

/* One network: what it is, what its kernels sum to, what it took. */
typedef struct fet_between_sample {
    double terms[FET_BETWEEN_TERMS]; /* kernels; bytes of weights beyond the cache; bytes handed over */
    double sum_ms, whole_ms;
} fet_between_sample;

typedef struct fet_between {
    double weight_ms[FET_BETWEEN_TERMS]; /* a, b, c; all 0 when nothing is gained */
    double error_before, error_after;    /* median relative error on networks left out, without and with the fit */
    bool gains;
} fet_between;

/* Of this machine's second-level cache; a usual size where that is not known. */
double fet_between_cache_bytes(void);
/* Terms of a split graph at a precision; cache_bytes: the second-level cache. */
void fet_between_terms(const fet_graph *graph, const fet_kernels *kernels, fet_dtype precision, double cache_bytes,
                       double terms[FET_BETWEEN_TERMS]);
/* Errors: ARG fewer than FET_BETWEEN_MIN samples, or one that is not positive; NOMEM. */
FET_MUST_CHECK fet_status fet_between_fit(const fet_between_sample *samples, size_t n, fet_between *out_between);
/* What stands between the kernels, ms. */
double fet_between_ms(const fet_between *between, const double terms[FET_BETWEEN_TERMS]);

/* "a b c before after". `name` stands in messages. CORRUPT: not such a text. */
const char *fet_between_print(const fet_between *between, char text[FET_BETWEEN_TEXT_BYTES]);
FET_MUST_CHECK fet_status fet_between_parse(const char *name, const char *text, fet_between *out_between);
/* A file of it, of one device. Errors: IO; CORRUPT when it is another device's or damaged, naming it. */
FET_MUST_CHECK fet_status fet_between_read(const char *path, const char *device, fet_between *out_between);
FET_MUST_CHECK fet_status fet_between_write(const char *path, const char *device, const fet_between *between);

#endif
