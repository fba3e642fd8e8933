// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

/* The known answers that Random123 publishes for Philox 4x32-10 (kat_vectors). */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) {
        fet_rng rng = {0};
        memcpy(rng.counter, vectors[v].counter, sizeof rng.counter);
        memcpy(rng.key, vectors[v].key, sizeof rng.key);
        for (int i = 0; i < 4; i++) assert_int_equal(fet_rng_u32(&rng), vectors[v].want[i]);
    }
}

/* A stream depends on seed, trial and purpose, and on nothing else. */
static void streams(void **state)
{
    (void)state;
    static uint64_t firsts[4 * 16 * 3 * 2];
    size_t n = 0;
    const uint64_t seeds[4] = {0, 1, (uint64_t)1 << 32, UINT64_MAX};
    for (int s = 0; s < 4; s++)
        for (uint64_t trial = 0; trial < 16; trial++)
            for (int purpose = FET_RNG_SPLIT; purpose <= FET_RNG_SHUFFLE; purpose++) {
                fet_rng a, b;
                fet_rng_init(&a, seeds[s], trial << (trial & 1 ? 32 : 0), (fet_rng_purpose)purpose);
                b = a; /* a copy is a fork */
                firsts[n] = fet_rng_u64(&a);
                assert_true(firsts[n++] == fet_rng_u64(&b));
            }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) assert_true(firsts[i] != firsts[j]);
}

/* Moments of a million numbers within five standard errors. */
static void moments(void **state)
{
    (void)state;
    enum { N = 1000000 };
    fet_rng rng;
    fet_rng_init(&rng, 42, 0, FET_RNG_TEST);
    double sum = 0, squares = 0, normal = 0, normal_squares = 0, fourth = 0;
    for (int i = 0; i < N; i++) {
        double u = fet_rng_uniform(&rng), z = fet_rng_normal(&rng);
        assert_true(u >= 0 && u < 1 && isfinite(z));
        sum += u, squares += u * u, normal += z, normal_squares += z * z, fourth += z * z * z * z;
    }
    CHECK_NEAR(sum / N, 0.5, 5 * sqrt(1.0 / 12 / N));
    CHECK_NEAR(squares / N, 1.0 / 3, 5 * sqrt(4.0 / 45 / N));
    CHECK_NEAR(normal / N, 0, 5 * sqrt(1.0 / N));
    CHECK_NEAR(normal_squares / N, 1, 5 * sqrt(2.0 / N));
    CHECK_NEAR(fourth / N, 3, 5 * sqrt(96.0 / N));
}

/* Each number below n equally often (chi-squared, 99.99% for 9 degrees of freedom is 33.7), and every order of four things. */
static void fair_choices(void **state)
{
    (void)state;
    enum { N = 240000 };
    fet_rng rng;
    uint32_t count[10] = {0}, orders[256] = {0}, seen = 0;
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    for (int i = 0; i < N; i++) count[fet_rng_below(&rng, 10)]++;
    double chi = 0;
    for (int k = 0; k < 10; k++) chi += pow(count[k] - N / 10.0, 2) / (N / 10.0);
    assert_true(chi < 33.7);
    for (int i = 0; i < 100; i++) assert_int_equal(fet_rng_below(&rng, 1), 0);
    for (int i = 0; i < 1000; i++) assert_true(fet_rng_below(&rng, 0x80000001u) <= 0x80000000u);
    for (int i = 0; i < N; i++) {
        uint32_t items[4] = {0, 1, 2, 3};
        fet_rng_shuffle(&rng, items, 4);
        orders[items[0] | items[1] << 2 | items[2] << 4 | items[3] << 6]++;
    }
    chi = 0;
    for (int k = 0; k < 256; k++)
        if (orders[k]) seen++, chi += pow(orders[k] - N / 24.0, 2) / (N / 24.0);
    assert_int_equal(seen, 24);
    assert_true(chi < 56.0); /* 99.99% for 23 degrees of freedom is 55.9 */
    fet_rng_shuffle(&rng, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers), cmocka_unit_test(streams), cmocka_unit_test(moments),
                                       cmocka_unit_test(fair_choices)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
