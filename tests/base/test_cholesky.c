// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/cholesky.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { N = 23, M = 5 };

/* A = B B' of a random B[n, inner]: of full rank where inner >= n. */
static void make_symmetric(fet_rng *rng, uint32_t n, uint32_t inner, double *a)
{
    double b[N * N];
    for (uint32_t i = 0; i < n * inner; i++) b[i] = fet_rng_normal(rng);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++) {
            a[i * n + j] = 0;
            for (uint32_t k = 0; k < inner; k++) a[i * n + j] += b[i * inner + k] * b[j * inner + k];
        }
}

static void test_solves(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= N; n++) {
        fet_rng rng;
        double a[N * N], u[N * N], d[N * M], x[N * M];
        fet_rng_init(&rng, n, 0, FET_RNG_TEST);
        make_symmetric(&rng, n, n, a);
        for (uint32_t i = 0; i < n; i++) a[i * n + i] += 0.1;
        for (uint32_t i = 0; i < n * M; i++) d[i] = fet_rng_normal(&rng);
        memcpy(u, a, sizeof u);
        memcpy(x, d, sizeof x);
        fet_cholesky_factorise(u, n, 0);
        fet_cholesky_forward(u, n, M, x);
        fet_cholesky_backward(u, n, M, x);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t m = 0; m < M; m++) {
                double sum = 0;
                for (uint32_t j = 0; j < n; j++) sum += a[i * n + j] * x[j * M + m];
                CHECK_NEAR(sum, d[i * M + m], 1e-9);
            }
        /* And the factors are factors: U'U = A. */
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = i; j < n; j++) {
                double sum = 0;
                for (uint32_t k = 0; k <= i; k++) sum += u[k * n + i] * u[k * n + j];
                CHECK_NEAR(sum, a[i * n + j], 1e-9);
            }
    }
}

/* Of a matrix of rank 3, the unknowns that rounding made useless are zero; the rest solves what can be solved. */
static void test_useless_pivots(void **state)
{
    enum { RANK = 3, n = 7 };
    fet_rng rng;
    double a[N * N], u[N * N], d[n], x[n];
    (void)state;
    fet_rng_init(&rng, 5, 0, FET_RNG_TEST);
    make_symmetric(&rng, n, RANK, a);
    for (uint32_t i = 0; i < n; i++) {
        d[i] = 0;
        for (uint32_t j = 0; j < n; j++) d[i] += a[i * n + j] * (j + 1.0); /* within the range of a */
    }
    memcpy(u, a, sizeof u);
    memcpy(x, d, sizeof x);
    fet_cholesky_factorise(u, n, 1e-9);
    fet_cholesky_forward(u, n, 1, x);
    fet_cholesky_backward(u, n, 1, x);
    for (uint32_t i = 0; i < n; i++) {
        double sum = 0;
        if (i >= RANK) assert_true(x[i] == 0);
        for (uint32_t j = 0; j < n; j++) sum += a[i * n + j] * x[j];
        CHECK_NEAR(sum, d[i], 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_solves), cmocka_unit_test(test_useless_pivots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
