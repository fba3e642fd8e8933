// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "space/encoding.h"

#include <math.h>
#include <string.h>

enum { N = 4, MAX_O = 4 };

/* Options 3, 2, 4, 1; option "x2" of c is removed, and so is the base option of a. b = 0 switches c off. */
typedef struct toy {
    fet_option options[N][MAX_O];
    fet_decision decisions[N];
    fet_encoding encoding;
} toy;

static const char tag[] = "the settle context";

static void switch_off_c(const void *context, fet_genome *genome)
{
    assert_ptr_equal(context, tag);
    if (genome->option[1] == 0) genome->option[2] = 0;
}

static void toy_make(toy *space)
{
    static const char *const names[N] = {"a", "b", "c", "d"};
    static const uint8_t counts[N] = {3, 2, 4, 1};
    memset(space, 0, sizeof *space);
    for (int d = 0; d < N; d++) {
        for (int o = 0; o < counts[d]; o++) space->options[d][o] = (fet_option){.label = o == 2 ? "x2" : "x", .value = o};
        space->decisions[d] = (fet_decision){names[d], FET_DECISION_TABLE, space->options[d], counts[d], 0};
    }
    space->options[0][0].removed = true;
    space->options[2][2].removed = true;
    space->encoding = (fet_encoding){.decisions = space->decisions, .n_decisions = N, .settle = switch_off_c, .settle_context = tag};
    CHECK_OK(fet_encoding_check(&space->encoding));
}

/* a in {1, 2}; b = 0: c = 0; b = 1: c in {0, 1, 3}; d = 0. */
static bool is_canonical(const fet_genome *genome)
{
    const uint8_t *o = genome->option;
    return genome->n == N && (o[0] == 1 || o[0] == 2) && o[1] < 2 && o[2] < 4 && o[2] != 2 && o[3] == 0 && (o[1] == 1 || o[2] == 0);
}

static void test_canonicalise(void **state)
{
    (void)state;
    toy space;
    toy_make(&space);
    CHECK_NEAR(fet_encoding_log10_size(&space.encoding), log10(2 * 2 * 3), 1e-12);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 2; b++)
            for (int c = 0; c < 4; c++) {
                fet_genome genome = {.n = N, .option = {(uint8_t)a, (uint8_t)b, (uint8_t)c, 0}}, again;
                fet_encoding_canonicalise(&space.encoding, &genome);
                assert_true(is_canonical(&genome));
                assert_int_equal(genome.option[0], a == 0 ? 1 : a);              /* the nearest allowed */
                assert_int_equal(genome.option[2], b == 0 ? 0 : c == 2 ? 1 : c); /* 1 and 3 are as near: the lower */
                again = genome;
                fet_encoding_canonicalise(&space.encoding, &again);
                assert_true(fet_genome_equal(&again, &genome));
            }
    /* Searches begin where they may be; the base stays what it is, and is read although no search may reach it. */
    fet_genome base, start, read;
    char text[FET_GENOME_TEXT_BYTES];
    fet_encoding_start(&space.encoding, &start);
    assert_true(is_canonical(&start));
    assert_int_equal(start.option[0], 1);
    fet_encoding_base(&space.encoding, &base);
    assert_int_equal(base.n, N);
    for (int d = 0; d < N; d++) assert_int_equal(base.option[d], space.encoding.decisions[d].base_option);
    CHECK_OK(fet_encoding_parse(&space.encoding, fet_genome_print(&base, text, sizeof text), &read));
    assert_true(fet_genome_equal(&read, &base) && !fet_genome_equal(&read, &start));
}

/* A lock on the base option of the decision that is switched off: settling and locking must not undo each other. */
static void test_locked_base_option(void **state)
{
    (void)state;
    toy space;
    toy_make(&space);
    space.options[2][0].removed = true;
    for (int b = 0; b < 2; b++) {
        fet_genome genome = {.n = N, .option = {1, (uint8_t)b, 3, 0}}, again;
        fet_encoding_canonicalise(&space.encoding, &genome);
        assert_int_equal(genome.option[2], b == 0 ? 1 : 3);
        again = genome;
        fet_encoding_canonicalise(&space.encoding, &again);
        assert_true(fet_genome_equal(&again, &genome));
    }
}

static void test_sample_is_uniform(void **state)
{
    (void)state;
    enum { DRAWS = 24000 };
    toy space;
    fet_rng rng;
    int count[3] = {0}, count_c[4] = {0};
    toy_make(&space);
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int i = 0; i < DRAWS; i++) {
        fet_genome genome;
        fet_encoding_sample(&space.encoding, &rng, &genome);
        assert_true(is_canonical(&genome));
        count[genome.option[0]]++;
        count_c[genome.option[2]]++;
    }
    /* Within five standard errors; c is 0 in half of the draws (switched off) and a third of the others. */
    CHECK_NEAR(count[1], DRAWS / 2.0, 5 * sqrt(DRAWS / 4.0));
    CHECK_NEAR(count_c[0], DRAWS * 2 / 3.0, 5 * sqrt(DRAWS * 2 / 9.0));
    CHECK_NEAR(count_c[1], DRAWS / 6.0, 5 * sqrt(DRAWS * 5 / 36.0));
}

static void test_mutate(void **state)
{
    (void)state;
    toy space;
    fet_rng rng;
    toy_make(&space);
    fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
    for (int i = 0; i < 2000; i++) {
        fet_genome genome, before;
        fet_encoding_sample(&space.encoding, &rng, &genome);
        before = genome;
        fet_encoding_mutate(&space.encoding, &rng, i % 3 * 0.5, &genome);
        assert_true(is_canonical(&genome));
        assert_false(fet_genome_equal(&genome, &before));
        uint32_t n_changed = 0;
        for (int d = 0; d < N; d++) n_changed += genome.option[d] != before.option[d];
        if (i % 3 == 0) assert_true(n_changed == 1 || (n_changed == 2 && genome.option[1] == 0)); /* c follows when b switches it off */
    }
    /* Nothing can change: it stays, and returns. */
    space.options[0][1].removed = true;
    space.options[1][0].removed = true;
    for (int o = 1; o < 4; o++) space.options[2][o].removed = true;
    fet_genome only;
    fet_encoding_start(&space.encoding, &only);
    fet_genome mutated = only;
    fet_encoding_mutate(&space.encoding, &rng, 0.5, &mutated);
    assert_true(fet_genome_equal(&mutated, &only));
}

typedef struct visits {
    fet_genome genomes[32];
    uint32_t n, stop_after;
} visits;

static bool collect(void *context, const fet_genome *neighbour)
{
    visits *v = context;
    v->genomes[v->n++] = *neighbour;
    return v->n != v->stop_after;
}

static void test_neighbours(void **state)
{
    (void)state;
    toy space;
    toy_make(&space);
    visits v = {.n = 0};
    fet_genome genome;
    CHECK_OK(fet_encoding_parse(&space.encoding, "1-1-3-0", &genome));
    fet_encoding_neighbours(&space.encoding, &genome, collect, &v);
    /* a: 2; b: 0 (c falls to 0); c: 0, 1. */
    static const char *const expected[] = {"2-1-3-0", "1-0-0-0", "1-1-0-0", "1-1-1-0"};
    assert_int_equal(v.n, 4);
    char text[FET_GENOME_TEXT_BYTES];
    for (int i = 0; i < 4; i++) assert_string_equal(fet_genome_print(&v.genomes[i], text, sizeof text), expected[i]);
    v = (visits){.stop_after = 2};
    fet_encoding_neighbours(&space.encoding, &genome, collect, &v);
    assert_int_equal(v.n, 2);
    /* Where c is off, changing it changes nothing: no neighbour. */
    v = (visits){.n = 0};
    CHECK_OK(fet_encoding_parse(&space.encoding, "1-0-0-0", &genome));
    fet_encoding_neighbours(&space.encoding, &genome, collect, &v);
    assert_int_equal(v.n, 2);
}

static void test_print_and_parse(void **state)
{
    (void)state;
    toy space;
    fet_rng rng;
    char text[FET_GENOME_TEXT_BYTES], small[4];
    toy_make(&space);
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    for (int i = 0; i < 100; i++) {
        fet_genome genome, back;
        fet_encoding_sample(&space.encoding, &rng, &genome);
        CHECK_OK(fet_encoding_parse(&space.encoding, fet_genome_print(&genome, text, sizeof text), &back));
        assert_true(fet_genome_equal(&genome, &back));
        assert_int_equal(fet_genome_hash(&genome), fet_genome_hash(&back));
    }
    static const char *const wrong[] = {"",       "1",        "1-1-3",    "1-1-3-0-0", "1-1-3-",   "1-1-3-1", "1-1-4-0",
                                        "1--3-0", "1-1-3-0 ", " 1-1-3-0", "1-1-+3-0",  "-1-1-3-0", "1,1,3,0", "1-1-99999999999999999999-0",
                                        "x",      "0-1-3-0",  "1-1-2-0"};
    fet_genome untouched = {.n = 77}, genome = untouched;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_FAILS(FET_ERROR_ARG, fet_encoding_parse(&space.encoding, wrong[i], &genome));
        assert_non_null(strstr(fet_error_message(), wrong[i]));
        assert_int_equal(genome.n, 77);
    }
    /* The longest genome fits the stated size; a small buffer is not overrun. */
    fet_genome longest = {.n = FET_SPACE_MAX_DECISIONS};
    memset(longest.option, FET_DECISION_MAX_OPTIONS - 1, sizeof longest.option);
    assert_int_equal(strlen(fet_genome_print(&longest, text, sizeof text)), FET_GENOME_TEXT_BYTES - 2);
    assert_string_equal(fet_genome_print(&longest, small, sizeof small), "63-");
}

static void test_check(void **state)
{
    (void)state;
    toy space;
    toy_make(&space);
    space.decisions[1].n_options = 0;
    CHECK_FAILS(FET_ERROR_ARG, fet_encoding_check(&space.encoding));
    toy_make(&space);
    space.decisions[1].base_option = 2;
    CHECK_FAILS(FET_ERROR_ARG, fet_encoding_check(&space.encoding));
    toy_make(&space);
    space.options[3][0].removed = true;
    CHECK_FAILS(FET_ERROR_ARG, fet_encoding_check(&space.encoding));
    toy_make(&space);
    space.options[2][1].value = NAN;
    CHECK_FAILS(FET_ERROR_ARG, fet_encoding_check(&space.encoding));
    toy_make(&space);
    space.decisions[0].name = NULL;
    CHECK_FAILS(FET_ERROR_ARG, fet_encoding_check(&space.encoding));
    toy_make(&space);
    space.encoding.n_decisions = FET_SPACE_MAX_DECISIONS + 1;
    CHECK_FAILS(FET_ERROR_LIMIT, fet_encoding_check(&space.encoding));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonicalise), cmocka_unit_test(test_locked_base_option), cmocka_unit_test(test_sample_is_uniform),
        cmocka_unit_test(test_mutate),       cmocka_unit_test(test_neighbours),         cmocka_unit_test(test_print_and_parse),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
