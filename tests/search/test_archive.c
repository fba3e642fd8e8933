// SPDX-License-Identifier: Apache-2.0
/* Near a limit: what brings a genome back within it, and that a search for the best one within it gets there by such changes. */
#include "check.h"

#include "search/archive.h"
#include "search/searcher.h"

#include <math.h>

enum { N = 10, HEAVIEST = 5 };

static fet_option options[] = {{.label = "without", .value = 0}, {.label = "with", .value = 1}};

/* Ten things of one weight to take along or not; the base takes all. */
static fet_encoding things(fet_decision decisions[N])
{
    static const char *const names[N] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    for (int d = 0; d < N; d++) decisions[d] = (fet_decision){names[d], FET_DECISION_TABLE, options, 2, 1};
    return (fet_encoding){.decisions = decisions, .n_decisions = N};
}

static uint32_t weight(const fet_genome *genome)
{
    uint32_t sum = 0;
    for (int d = 0; d < N; d++) sum += genome->option[d];
    return sum;
}

static double too_heavy(void *context, const fet_genome *genome)
{
    (void)context;
    return weight(genome) > HEAVIEST ? weight(genome) - (double)HEAVIEST : 0;
}

static uint32_t n_apart(const fet_genome *a, const fet_genome *b)
{
    uint32_t n = 0;
    for (int d = 0; d < N; d++) n += a->option[d] != b->option[d];
    return n;
}

static void test_repaired(void **state)
{
    (void)state;
    fet_decision decisions[N];
    fet_encoding encoding = things(decisions);
    fet_searcher_options wanted = {.n_objectives = 1, .screen = too_heavy};
    uint32_t n_found = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        fet_archive archive;
        fet_genome beyond = {0};
        fet_rng rng;
        fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
        CHECK_OK(fet_archive_init(&encoding, &wanted, &archive));
        /* One too many: one change brings it back. Two too many: none does. */
        uint32_t n_taken = HEAVIEST + 1 + seed % 2, order[N];
        for (uint32_t d = 0; d < N; d++) order[d] = d;
        fet_rng_shuffle(&rng, order, N);
        for (uint32_t i = 0; i < n_taken; i++) beyond.option[order[i]] = 1;
        fet_choice choice = fet_choice_start(&archive);
        fet_choice_offer_repaired(&choice, &beyond, &rng);
        assert_true(choice.found == choice.accepted);
        if (seed % 2) assert_false(choice.found);
        if (choice.found) {
            assert_int_equal(n_apart(&choice.best, &beyond), 1);
            assert_int_equal(weight(&choice.best), HEAVIEST);
            n_found++;
            CHECK_OK(fet_archive_add(&archive, &choice.best)); /* what was asked is not offered again */
            fet_genome first = choice.best;
            choice = fet_choice_start(&archive);
            fet_choice_offer_repaired(&choice, &beyond, &rng);
            assert_true(!choice.found || n_apart(&choice.best, &first) > 0);
        }
        fet_archive_deinit(&archive);
    }
    assert_true(n_found >= 99); /* sixteen draws, six of ten good */
}

static void test_no_screen(void **state)
{
    (void)state;
    fet_decision decisions[N];
    fet_encoding encoding = things(decisions);
    fet_searcher_options wanted = {.n_objectives = 1};
    fet_archive archive;
    fet_genome genome = {0};
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    CHECK_OK(fet_archive_init(&encoding, &wanted, &archive));
    fet_choice choice = fet_choice_start(&archive);
    fet_choice_offer_repaired(&choice, &genome, &rng);
    assert_false(choice.found);
    fet_archive_deinit(&archive);
}

/* The five most valuable of ten, of 638 that are light enough. From any other five no single change is better: one must go for another. */
static void test_best_within(void **state)
{
    (void)state;
    static const double value[N] = {3, 9, 1, 7, 5, 2, 8, 4, 10, 6};
    fet_decision decisions[N];
    fet_encoding encoding = things(decisions);
    const fet_searcher_ops *local = NULL;
    uint32_t n_reached = 0;
    CHECK_OK(fet_searcher_find("local", &local));
    for (uint64_t seed = 0; seed < 20; seed++) {
        fet_searcher_options wanted = {.n_objectives = 1, .seed = seed, .screen = too_heavy};
        fet_searcher *searcher = NULL;
        double best = 0;
        CHECK_OK(fet_searcher_create(local, &encoding, &wanted, &searcher));
        for (int i = 0; i < 60; i++) {
            fet_genome genome;
            bool done = false;
            double sum = 0;
            CHECK_OK(fet_searcher_ask(searcher, &genome, &done));
            assert_false(done);
            for (int d = 0; d < N; d++) sum += genome.option[d] * value[d];
            fet_result told = {.objective = {-sum}, .violation = too_heavy(NULL, &genome)};
            CHECK_OK(fet_searcher_tell(searcher, &genome, &told));
            if (told.violation == 0) best = fmax(best, sum);
        }
        n_reached += best == 6 + 7 + 8 + 9 + 10;
        fet_searcher_destroy(searcher);
    }
    assert_true(n_reached >= 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repaired),
        cmocka_unit_test(test_no_screen),
        cmocka_unit_test(test_best_within),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
