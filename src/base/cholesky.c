// SPDX-License-Identifier: Apache-2.0
#include "base/cholesky.h"

#include "base/clones.h"

#include <math.h>
#include <stddef.h>

FET_CLONES static void take_away(double *restrict row, const double *restrict other, double factor, uint32_t n)
{
    for (uint32_t j = 0; j < n; j++) row[j] -= factor * other[j];
}

void fet_cholesky_factorise(double *a, uint32_t n, double least)
{
    for (uint32_t i = 0; i < n; i++) {
        double *row = a + (size_t)i * n, pivot = row[i] > least ? sqrt(row[i]) : INFINITY;
        for (uint32_t j = i; j < n; j++) row[j] /= pivot;
        row[i] = pivot;
        for (uint32_t j = i + 1; j < n; j++)
            if (row[j] != 0) take_away(a + (size_t)j * n + j, row + j, row[j], n - j);
    }
}

void fet_cholesky_forward(const double *u, uint32_t n, uint32_t m, double *d)
{
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < m; j++) d[(size_t)i * m + j] /= u[(size_t)i * n + i];
        for (uint32_t j = i + 1; j < n; j++) take_away(d + (size_t)j * m, d + (size_t)i * m, u[(size_t)i * n + j], m);
    }
}

void fet_cholesky_backward(const double *u, uint32_t n, uint32_t m, double *d)
{
    for (uint32_t i = n; i-- > 0;) {
        for (uint32_t j = i + 1; j < n; j++) take_away(d + (size_t)i * m, d + (size_t)j * m, u[(size_t)i * n + j], m);
        for (uint32_t j = 0; j < m; j++) d[(size_t)i * m + j] /= u[(size_t)i * n + i];
    }
}
