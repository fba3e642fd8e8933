// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/rng.h"
#include "search/gaussian_process.h"

#include <math.h>
#include <string.h>

enum { DECISIONS = 6, OPTIONS = 4, N = 30, NEW = 40 };

typedef struct space {
    fet_option options[OPTIONS];
    fet_decision decisions[DECISIONS];
    fet_encoding encoding;
} space;

static void make_space(space *s)
{
    static const char *const names[DECISIONS] = {"d0", "d1", "d2", "d3", "d4", "d5"};
    memset(s, 0, sizeof *s);
    for (uint32_t o = 0; o < OPTIONS; o++) s->options[o] = (fet_option){.label = "o", .value = o};
    for (uint32_t d = 0; d < DECISIONS; d++) s->decisions[d] = (fet_decision){names[d], FET_DECISION_TABLE, s->options, OPTIONS, 0};
    s->encoding = (fet_encoding){.decisions = s->decisions, .n_decisions = DECISIONS};
}

static void draw_points(const space *s, uint64_t seed, uint32_t n, fet_gp_point *points)
{
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
    for (uint32_t i = 0; i < n; i++) {
        points[i] = (fet_gp_point){.feature = {3 + fet_rng_normal(&rng), 0}};
        fet_encoding_sample(&s->encoding, &rng, &points[i].genome);
    }
}

/* x[n] with a x = b, by elimination with pivots. */
static void solve(double *a, double *b, uint32_t n)
{
    for (uint32_t c = 0; c < n; c++) {
        uint32_t pivot = c;
        for (uint32_t r = c + 1; r < n; r++)
            if (fabs(a[r * n + c]) > fabs(a[pivot * n + c])) pivot = r;
        for (uint32_t j = 0; j < n; j++) {
            double t = a[c * n + j];
            a[c * n + j] = a[pivot * n + j];
            a[pivot * n + j] = t;
        }
        double t = b[c];
        b[c] = b[pivot];
        b[pivot] = t;
        for (uint32_t r = 0; r < n; r++) {
            double factor = r == c ? 0 : a[r * n + c] / a[c * n + c];
            for (uint32_t j = c; j < n && factor != 0; j++) a[r * n + j] -= factor * a[c * n + j];
            b[r] -= factor * b[c];
        }
    }
    for (uint32_t r = 0; r < n; r++) b[r] /= a[r * n + r];
}

static double covariance(const fet_gp_kernel *kernel, const fet_gp_point *a, const fet_gp_point *b, double mean, double deviation)
{
    double apart = 0;
    for (uint32_t d = 0; d < DECISIONS; d++) {
        double far = fabs((double)a->genome.option[d] - b->genome.option[d]);
        apart += far > 0 ? 0.5 + 0.5 * far / (OPTIONS - 1) : 0;
    }
    return kernel->features * (a->feature[0] - mean) * (b->feature[0] - mean) / (deviation * deviation) +
           kernel->single * (1 - apart / DECISIONS) + kernel->joint * exp(-apart / kernel->length);
}

static void mean_and_deviation(const double *values, uint32_t n, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < n; i++) sum += values[i];
    *mean = sum / n;
    for (uint32_t i = 0; i < n; i++) squares += (values[i] - *mean) * (values[i] - *mean);
    *deviation = sqrt(squares / n);
}

/* Under a kernel given, means and deviations are those of the textbook's formulas (Rasmussen and Williams 2.25 and 2.26). */
static void test_definition(void **state)
{
    (void)state;
    space s;
    fet_gp_point points[N], new_points[NEW];
    double values[N], features[N], scaled[N], solved[N], mean[NEW], deviation[NEW], m, sd, fm, fsd;
    fet_gp_kernel kernel = {0.7, 1.1, 0.4, 1.5, 0.05};
    make_space(&s);
    draw_points(&s, 1, N, points);
    draw_points(&s, 2, NEW, new_points);
    fet_rng rng;
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    for (uint32_t i = 0; i < N; i++) values[i] = 10 + fet_rng_uniform(&rng), features[i] = points[i].feature[0];
    mean_and_deviation(values, N, &m, &sd);
    mean_and_deviation(features, N, &fm, &fsd);
    double quadratic = 0, a[N * N];
    for (uint32_t i = 0; i < N; i++) {
        scaled[i] = solved[i] = (values[i] - m) / sd;
        for (uint32_t j = 0; j < N; j++) a[i * N + j] = covariance(&kernel, &points[i], &points[j], fm, fsd) + (i == j ? kernel.noise : 0);
    }
    solve(a, solved, N);
    for (uint32_t i = 0; i < N; i++) quadratic += scaled[i] * solved[i];
    fet_auto(fet_gp) gp = NULL;
    CHECK_OK(fet_gp_create(&s.encoding, 1, points, values, N, &kernel, &gp));
    CHECK_OK(fet_gp_predict(gp, new_points, NEW, mean, deviation));
    for (uint32_t p = 0; p < NEW; p++) {
        double k[N], k_solved[N], expected = 0, variance = covariance(&kernel, &new_points[p], &new_points[p], fm, fsd);
        for (uint32_t i = 0; i < N; i++) {
            k[i] = k_solved[i] = covariance(&kernel, &points[i], &new_points[p], fm, fsd);
            expected += k[i] * solved[i];
            for (uint32_t j = 0; j < N; j++)
                a[i * N + j] = covariance(&kernel, &points[i], &points[j], fm, fsd) + (i == j ? kernel.noise : 0);
        }
        solve(a, k_solved, N);
        for (uint32_t i = 0; i < N; i++) variance -= k[i] * k_solved[i];
        CHECK_NEAR(mean[p], m + sd * expected, 1e-9);
        CHECK_NEAR(deviation[p], sd * sqrt((quadratic + 2) / (N + 2) * variance), 1e-9);
    }
}

static double additive(const fet_genome *genome)
{
    double sum = 0;
    for (uint32_t d = 0; d < DECISIONS; d++) sum += (d + 1) * genome->option[d] * 0.1;
    return sum;
}

/* A sum over decisions with a little noise: 30 trials say more about unseen genomes than their mean, and the noise is found to be small.
 * Of noise alone nothing is learned. One failed training does not spoil it. */
static void test_learns(void **state)
{
    (void)state;
    space s;
    fet_gp_point points[N], new_points[NEW];
    double values[N], mean[NEW], deviation[NEW], error = 0, spread = 0, sum = 0, worst = 0;
    make_space(&s);
    draw_points(&s, 5, N, points);
    draw_points(&s, 6, NEW, new_points);
    fet_rng rng;
    fet_rng_init(&rng, 7, 0, FET_RNG_TEST);
    for (uint32_t i = 0; i < N; i++) values[i] = additive(&points[i].genome) + 0.05 * fet_rng_normal(&rng);
    values[4] = -1000;
    fet_gp_kernel kernel = {0};
    fet_auto(fet_gp) gp = NULL;
    CHECK_OK(fet_gp_create(&s.encoding, 1, points, values, N, &kernel, &gp));
    assert_true(kernel.noise <= 0.4);
    CHECK_OK(fet_gp_predict(gp, new_points, NEW, mean, deviation));
    for (uint32_t p = 0; p < NEW; p++) sum += additive(&new_points[p].genome) / NEW;
    for (uint32_t p = 0; p < NEW; p++) {
        double truth = additive(&new_points[p].genome);
        error += (mean[p] - truth) * (mean[p] - truth);
        spread += (truth - sum) * (truth - sum);
        worst = fmax(worst, fabs(mean[p] - truth) / deviation[p]);
    }
    print_message("# of the variance of unseen genomes, %.2f is explained; the worst is %.1f deviations off\n", 1 - error / spread, worst);
    assert_true(error < 0.35 * spread);
    assert_true(worst < 5);
    fet_gp_kernel of_noise = {0};
    fet_auto(fet_gp) noise = NULL;
    for (uint32_t i = 0; i < N; i++) values[i] = fet_rng_normal(&rng);
    CHECK_OK(fet_gp_create(&s.encoding, 1, points, values, N, &of_noise, &noise));
    assert_true(of_noise.noise > kernel.noise);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    space s;
    fet_gp_point points[2];
    fet_gp_kernel kernel = {0};
    fet_gp *gp = NULL;
    make_space(&s);
    draw_points(&s, 1, 2, points);
    CHECK_FAILS(FET_ERROR_ARG, fet_gp_create(&s.encoding, 1, points, (double[]){1, 2}, 1, &kernel, &gp));
    CHECK_FAILS(FET_ERROR_ARG, fet_gp_create(&s.encoding, 9, points, (double[]){1, 2}, 2, &kernel, &gp));
    assert_null(gp);
    /* Values that are all the same are a value. */
    double mean, deviation;
    CHECK_OK(fet_gp_create(&s.encoding, 1, points, (double[]){3, 3}, 2, &kernel, &gp));
    CHECK_OK(fet_gp_predict(gp, points, 1, &mean, &deviation));
    CHECK_NEAR(mean, 3, 1e-12);
    fet_gp_destroy(gp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_definition), cmocka_unit_test(test_learns),
                                       cmocka_unit_test(test_bad_arguments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
