// SPDX-License-Identifier: Apache-2.0
/* Cholesky's factors of small dense matrices, A = U'U, in double, row-major. Every inner loop runs along a row, so that it needs no
 * reordered sums to be fast. Thread-safe. */
#ifndef FET_BASE_CHOLESKY_H
#define FET_BASE_CHOLESKY_H

#include <stdint.h>

/* a[n, n], symmetric and positive: its upper triangle becomes U. A pivot not above `least`, useless by rounding, leaves its unknown out
 * (it becomes infinite). */
void fet_cholesky_factorise(double *a, uint32_t n, double least);
/* d[n, m] <- U'^-1 d: the first of two substitutions. */
void fet_cholesky_forward(const double *u, uint32_t n, uint32_t m, double *d);
/* d[n, m] <- U^-1 d: the second. Both: d <- A^-1 d. */
void fet_cholesky_backward(const double *u, uint32_t n, uint32_t m, double *d);

#endif
