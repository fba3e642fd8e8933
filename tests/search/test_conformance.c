// SPDX-License-Identifier: Apache-2.0
/* What every search strategy must do, run over the registry (src/search/registry.c). */
#include "check.h"

#include "base/alloc.h"
#include "search/pareto.h"
#include "search/searcher.h"

#include <math.h>
#include <string.h>

enum { MAX_D = 12, MAX_O = 5, MAX_ASKS = 1024 };

/* A space without a graph: n decisions of k options; option 1 of decision 2 may be removed; decision 1 may switch decision 3 off. */
typedef struct toy {
    fet_option options[MAX_D][MAX_O];
    fet_decision decisions[MAX_D];
    fet_encoding encoding;
} toy;

static void toy_make(toy *space, uint32_t n, uint32_t k)
{
    static const char *const names[MAX_D] = {"d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11"};
    memset(space, 0, sizeof *space);
    for (uint32_t d = 0; d < n; d++) {
        for (uint32_t o = 0; o < k; o++) space->options[d][o] = (fet_option){.label = "o", .value = o};
        space->decisions[d] = (fet_decision){names[d], FET_DECISION_TABLE, space->options[d], (uint8_t)k, 0};
    }
    space->encoding = (fet_encoding){.decisions = space->decisions, .n_decisions = n};
}

static void switch_off_d3(const void *context, fet_genome *genome)
{
    (void)context;
    if (genome->option[1] == 0) genome->option[3] = 0;
}

/* Two objectives in conflict with known values: the sum of the options, and a weighted distance from the top with one interaction. */
static fet_result evaluate(const fet_encoding *encoding, const fet_genome *genome)
{
    fet_result result = {.violation = 0};
    for (uint32_t d = 0; d < encoding->n_decisions; d++) {
        double top = encoding->decisions[d].n_options - 1.0, x = genome->option[d];
        result.objective[0] += x * (1 + d % 3);
        result.objective[1] += (top - x) * (1 + (d * 7) % 5) + (d > 0 && genome->option[d] != genome->option[d - 1] ? 0.5 : 0);
    }
    return result;
}

static const fet_searcher_ops *ops_of(void **state)
{
    return *state;
}

static fet_searcher *start(const fet_searcher_ops *ops, const toy *space, const fet_searcher_options *options)
{
    fet_searcher *searcher = NULL;
    CHECK_OK(fet_searcher_create(ops, &space->encoding, options, &searcher));
    return searcher;
}

/* Runs up to n asks with `lookahead` results outstanding; gives the genomes asked and how many. */
static uint32_t run(const fet_searcher_ops *ops, const toy *space, const fet_searcher_options *options, uint32_t n, uint32_t lookahead,
                    fet_genome *asked)
{
    fet_auto(fet_searcher) searcher = start(ops, space, options);
    uint32_t n_asked = 0, n_told = 0;
    bool done = false;
    while (n_asked < n && !done) {
        if (n_asked - n_told >= lookahead) {
            fet_result result = evaluate(&space->encoding, &asked[n_told]);
            CHECK_OK(fet_searcher_tell(searcher, &asked[n_told], &result));
            n_told++;
        }
        CHECK_OK(fet_searcher_ask(searcher, &asked[n_asked], &done));
        n_asked += !done;
    }
    return n_asked;
}

static void check_distinct_and_canonical(const toy *space, const fet_genome *asked, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        fet_genome canonical = asked[i];
        fet_encoding_canonicalise(&space->encoding, &canonical);
        assert_true(fet_genome_equal(&canonical, &asked[i]));
        assert_int_equal(asked[i].n, space->encoding.n_decisions);
        for (uint32_t d = 0; d < asked[i].n; d++) assert_false(space->decisions[d].options[asked[i].option[d]].removed);
        for (uint32_t j = 0; j < i; j++) assert_false(fet_genome_equal(&asked[i], &asked[j]));
    }
}

static void test_whole_space_once(void **state)
{
    static fet_genome asked[MAX_ASKS];
    toy space;
    toy_make(&space, 4, 4);
    space.options[2][1].removed = true;
    space.options[0][0].removed = true; /* the base option itself, by a lock */
    space.encoding.settle = switch_off_d3;
    /* d0: 3, d2: 3; d1 = 0 leaves d3 at 0, d1 in 1..3 leaves it free: 3 * 3 * (1 + 3 * 4). */
    const uint32_t size = 3 * 3 * 13;
    for (uint32_t lookahead = 1; lookahead <= 40; lookahead += 13) {
        fet_searcher_options options = {.n_objectives = 2, .seed = lookahead};
        assert_int_equal(run(ops_of(state), &space, &options, MAX_ASKS, lookahead, asked), size);
        check_distinct_and_canonical(&space, asked, size);
    }
}

/* Nothing is worse with d0 at 2 or more, as far as the strategy is told: no other genome is asked, and none of these twice or never. */
static void raise_d0(void *context, fet_genome *genome)
{
    (void)context;
    if (genome->option[0] < 2) genome->option[0] = 2;
}

static void test_improved_alone(void **state)
{
    static fet_genome asked[MAX_ASKS];
    toy space;
    toy_make(&space, 4, 4);
    fet_searcher_options options = {.n_objectives = 2, .seed = 3, .improve = raise_d0};
    const uint32_t size = 2 * 4 * 4 * 4;
    assert_int_equal(run(ops_of(state), &space, &options, MAX_ASKS, 3, asked), size);
    check_distinct_and_canonical(&space, asked, size);
    for (uint32_t i = 0; i < size; i++) assert_true(asked[i].option[0] >= 2);
}

static void test_large_space_no_repeats(void **state)
{
    static fet_genome asked[MAX_ASKS];
    toy space;
    toy_make(&space, 10, 5);
    space.encoding.settle = switch_off_d3;
    for (uint32_t m = 1; m <= 2; m++) {
        fet_searcher_options options = {.n_objectives = m, .seed = 3};
        assert_int_equal(run(ops_of(state), &space, &options, 600, 8, asked), 600);
        check_distinct_and_canonical(&space, asked, 600);
    }
    /* The base comes first when nothing speaks against it. */
    fet_genome base;
    fet_encoding_start(&space.encoding, &base);
    assert_true(fet_genome_equal(&base, &asked[0]));
}

static void test_deterministic(void **state)
{
    static fet_genome first[MAX_ASKS], second[MAX_ASKS], other[MAX_ASKS];
    toy space;
    toy_make(&space, 8, 4);
    for (uint32_t lookahead = 1; lookahead <= 9; lookahead += 4) {
        fet_searcher_options options = {.n_objectives = 2, .seed = 11};
        uint32_t n = run(ops_of(state), &space, &options, 200, lookahead, first);
        assert_int_equal(run(ops_of(state), &space, &options, 200, lookahead, second), n);
        options.seed = 12;
        assert_int_equal(run(ops_of(state), &space, &options, 200, lookahead, other), n);
        uint32_t n_same = 0;
        for (uint32_t i = 0; i < n; i++) {
            assert_true(fet_genome_equal(&first[i], &second[i]));
            n_same += fet_genome_equal(&first[i], &other[i]);
        }
        assert_true(n_same < n / 2);
    }
}

/* The first decision says how bad a genome is known to be: option 0 and 1 fine, 2 bad, 3 worse. */
static double screen(void *context, const fet_genome *genome)
{
    (*(uint32_t *)context)++;
    return genome->option[0] < 2 ? 0 : genome->option[0] - 1.0;
}

static double screen_everything(void *context, const fet_genome *genome)
{
    (*(uint32_t *)context)++;
    return 1.0 + genome->option[0];
}

static void test_screen_is_heeded(void **state)
{
    static fet_genome asked[MAX_ASKS];
    uint32_t n_calls = 0;
    toy space;
    toy_make(&space, 8, 4);
    fet_searcher_options options = {.n_objectives = 2, .seed = 5, .screen = screen, .screen_context = &n_calls};
    assert_int_equal(run(ops_of(state), &space, &options, 300, 4, asked), 300);
    for (uint32_t i = 0; i < 300; i++) assert_true(asked[i].option[0] < 2);
    assert_true(n_calls <= 300 * 300); /* bounded: "up to a few hundred are looked at for one ask" */
    /* Nothing passes: the search still goes on, with what violates least. */
    n_calls = 0;
    options.screen = screen_everything;
    assert_int_equal(run(ops_of(state), &space, &options, 100, 4, asked), 100);
    uint32_t n_least = 0;
    for (uint32_t i = 0; i < 100; i++) n_least += asked[i].option[0] == 0;
    assert_true(n_least >= 90);
    assert_true(n_calls <= 100 * 600);
    /* A small space is asked to the end in spite of the screen, the good half first. */
    toy_make(&space, 3, 4);
    options.screen = screen;
    assert_int_equal(run(ops_of(state), &space, &options, MAX_ASKS, 1, asked), 64);
    uint32_t n_good = 0;
    for (uint32_t i = 0; i < 32; i++) n_good += asked[i].option[0] < 2;
    assert_true(n_good >= 30);
    /* The base violates: it is not asked first. */
    toy_make(&space, 8, 4);
    space.decisions[0].base_option = 3;
    assert_int_equal(run(ops_of(state), &space, &options, 5, 1, asked), 5);
    assert_true(asked[0].option[0] < 2);
}

/* How far the sum of the options is above half of the base's. */
static double screen_sum(void *context, const fet_genome *genome)
{
    const uint32_t limit = *(const uint32_t *)context;
    uint32_t sum = 0;
    for (uint8_t d = 0; d < genome->n; d++) sum += genome->option[d];
    return sum > limit ? (double)(sum - limit) / limit : 0;
}

/* Outside of the limits, every other of the local search's first asks keeps them with few changes; a random one changes nine of twelve. */
static void test_first_asks_are_near_the_base(void **state)
{
    static fet_genome asked[MAX_ASKS];
    enum { N = 12, BASE = 3, FIRST = 8 };
    uint32_t limit = N * BASE / 2, unchanged = 0;
    toy space;
    toy_make(&space, N, 4);
    space.encoding.settle = NULL;
    for (uint32_t d = 0; d < N; d++) space.decisions[d].base_option = BASE;
    fet_searcher_options options = {.n_objectives = 2, .seed = 5, .screen = screen_sum, .screen_context = &limit};
    if (strcmp(ops_of(state)->name, "local") != 0) return;
    assert_int_equal(run(ops_of(state), &space, &options, FIRST, FIRST, asked), FIRST);
    for (uint32_t i = 0; i < FIRST; i++) {
        assert_true(screen_sum(&limit, &asked[i]) == 0);
        for (uint32_t d = 0; d < N && i % 2; d++) unchanged += asked[i].option[d] == BASE;
    }
    if (unchanged < FIRST / 2 * N * 3 / 8) fail_msg("%u of %d decisions unchanged; at random it is a quarter", unchanged, FIRST / 2 * N);
}

/* How many decisions stand above what they may be at most; limits [decisions]. */
static double screen_each(void *context, const fet_genome *genome)
{
    const uint8_t *limits = context;
    double above = 0;
    for (uint8_t d = 0; d < genome->n; d++) above += genome->option[d] > limits[d];
    return above;
}

/* Outside of the limits, the first ask keeps them with one change of the base, or else with two, none of them larger than it must be. */
static void test_first_ask_is_the_nearest(void **state)
{
    enum { N = 12, BASE = 3 };
    static const struct {
        uint8_t first, at_most, second, second_at_most;
    } cases[] = {{7, 1, 7, 1}, {0, 2, 0, 2}, {2, 2, 9, 1}, {3, 0, 11, 0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        toy space;
        uint8_t limits[N];
        fet_genome asked[2], expected;
        toy_make(&space, N, 4);
        space.encoding.settle = NULL;
        for (uint32_t d = 0; d < N; d++) space.decisions[d].base_option = limits[d] = BASE;
        limits[cases[c].first] = cases[c].at_most;
        limits[cases[c].second] = cases[c].second_at_most;
        fet_searcher_options options = {.n_objectives = 2, .seed = 5, .screen = screen_each, .screen_context = limits};
        assert_int_equal(run(ops_of(state), &space, &options, 1, 1, asked), 1);
        fet_encoding_base(&space.encoding, &expected);
        for (uint32_t d = 0; d < N; d++) expected.option[d] = limits[d];
        assert_true(fet_genome_equal(&asked[0], &expected));
    }
}

static void test_failed_and_infeasible_trials(void **state)
{
    toy space;
    toy_make(&space, 6, 4);
    for (int kind = 0; kind < 3; kind++) {
        fet_searcher_options options = {.n_objectives = 2, .seed = 9, .population = 10};
        fet_auto(fet_searcher) searcher = start(ops_of(state), &space, &options);
        uint32_t n_feasible = 0;
        for (int i = 0; i < 150; i++) {
            fet_genome genome;
            bool done = true;
            CHECK_OK(fet_searcher_ask(searcher, &genome, &done));
            assert_false(done);
            fet_result result = evaluate(&space.encoding, &genome);
            bool fails = kind == 0 || (kind == 1 && genome.option[1] == 0); /* all fail; some fail */
            for (int o = 0; o < FET_MAX_OBJECTIVES && fails; o++) result.objective[o] = INFINITY;
            if (kind == 2) result.violation = fmax(0, 6.0 - genome.option[2] - genome.option[3]); /* only 3, 3 is feasible: 1 in 16 */
            n_feasible += i >= 100 && result.violation == 0;
            CHECK_OK(fet_searcher_tell(searcher, &genome, &result));
        }
        /* What strives finds the feasible region; random hits 3 of 50. */
        if (kind == 2 && strcmp(ops_of(state)->name, "random") != 0) assert_true(n_feasible >= 15);
    }
}

static void test_wrong_tells(void **state)
{
    toy space;
    toy_make(&space, 5, 3);
    fet_searcher_options options = {.n_objectives = 2, .seed = 1};
    fet_auto(fet_searcher) searcher = start(ops_of(state), &space, &options);
    fet_genome genome, never = {.n = 5, .option = {2, 2, 2, 2, 1}};
    bool done = false;
    fet_result result = {.objective = {1, 2}}, nan_objective = {.objective = {1, NAN}},
               nan_violation = {.objective = {1, 2}, .violation = NAN};
    CHECK_OK(fet_searcher_ask(searcher, &genome, &done));
    CHECK_FAILS(FET_ERROR_STATE, fet_searcher_tell(searcher, &never, &result));
    CHECK_FAILS(FET_ERROR_ARG, fet_searcher_tell(searcher, &genome, &nan_objective));
    CHECK_FAILS(FET_ERROR_ARG, fet_searcher_tell(searcher, &genome, &nan_violation));
    CHECK_OK(fet_searcher_tell(searcher, &genome, &result));
    CHECK_FAILS(FET_ERROR_STATE, fet_searcher_tell(searcher, &genome, &result));
}

static void test_wrong_options(void **state)
{
    toy space;
    toy_make(&space, 5, 3);
    fet_searcher *searcher = NULL;
    fet_searcher_options none = {.n_objectives = 0}, many = {.n_objectives = FET_MAX_OBJECTIVES + 1},
                         huge = {.n_objectives = 1, .population = 1u << 30};
    CHECK_FAILS(FET_ERROR_ARG, fet_searcher_create(ops_of(state), &space.encoding, &none, &searcher));
    CHECK_FAILS(FET_ERROR_ARG, fet_searcher_create(ops_of(state), &space.encoding, &many, &searcher));
    CHECK_FAILS(FET_ERROR_ARG, fet_searcher_create(ops_of(state), &space.encoding, &huge, &searcher));
    for (int o = 0; o < 3; o++) space.options[4][o].removed = true;
    fet_searcher_options good = {.n_objectives = 1};
    CHECK_FAILS(FET_ERROR_ARG, fet_searcher_create(ops_of(state), &space.encoding, &good, &searcher));
    assert_null(searcher);
}

static void test_space_of_one(void **state)
{
    static fet_genome asked[MAX_ASKS];
    toy space;
    fet_searcher_options options = {.n_objectives = 1, .seed = 1};
    toy_make(&space, 3, 1);
    assert_int_equal(run(ops_of(state), &space, &options, 10, 1, asked), 1);
    toy_make(&space, 0, 0);
    assert_int_equal(run(ops_of(state), &space, &options, 10, 1, asked), 1);
}

/* With any one allocation failing, once: the error is NOMEM, nothing leaks, and the same call works when repeated. */
static void test_no_memory(void **state)
{
    toy space;
    toy_make(&space, 6, 4);
    fet_searcher_options options = {.n_objectives = 2, .seed = 1, .population = 8};
    bool failed = true;
    for (uint64_t i = 0; failed; i++) {
        fet_searcher *searcher = NULL;
        uint32_t n_failed = 0;
        fet_alloc_fail_after(i);
        fet_status status = fet_searcher_create(ops_of(state), &space.encoding, &options, &searcher);
        if (status != FET_OK) {
            assert_int_equal(status, FET_ERROR_NOMEM);
            assert_null(searcher);
            n_failed++;
            CHECK_OK(fet_searcher_create(ops_of(state), &space.encoding, &options, &searcher));
        }
        for (int t = 0; t < 100; t++) {
            fet_genome genome;
            bool done = false;
            status = fet_searcher_ask(searcher, &genome, &done);
            if (status != FET_OK) {
                n_failed++;
                assert_int_equal(status, FET_ERROR_NOMEM);
                CHECK_OK(fet_searcher_ask(searcher, &genome, &done));
            }
            fet_result result = evaluate(&space.encoding, &genome);
            status = fet_searcher_tell(searcher, &genome, &result);
            if (status != FET_OK) {
                n_failed++;
                assert_int_equal(status, FET_ERROR_NOMEM);
            }
        }
        fet_searcher_destroy(searcher);
        failed = fet_alloc_fail_after(UINT64_MAX) > i;
        assert_int_equal(n_failed, failed ? 1 : 0);
    }
}

/* On a function with a known front a strategy that strives covers more than random does; median of 9 seeds at 150 of 262,144 genomes. */
static double median_hypervolume(const fet_searcher_ops *ops, const toy *space)
{
    enum { SEEDS = 9, ASKS = 150 };
    static fet_genome asked[MAX_ASKS];
    double values[SEEDS], points[2 * ASKS], reference[2];
    fet_genome worst = {.n = (uint8_t)space->encoding.n_decisions};
    reference[1] = evaluate(&space->encoding, &worst).objective[1];
    memset(worst.option, 3, worst.n);
    reference[0] = evaluate(&space->encoding, &worst).objective[0];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        fet_searcher_options options = {.n_objectives = 2, .seed = seed};
        assert_int_equal(run(ops, space, &options, ASKS, 2, asked), ASKS);
        for (int i = 0; i < ASKS; i++) memcpy(points + 2 * i, evaluate(&space->encoding, &asked[i]).objective, 2 * sizeof *points);
        CHECK_OK(fet_pareto_hypervolume(points, ASKS, 2, reference, &values[seed]));
        for (uint64_t i = seed; i > 0 && values[i] < values[i - 1]; i--) {
            double t = values[i];
            values[i] = values[i - 1];
            values[i - 1] = t;
        }
    }
    return values[SEEDS / 2];
}

static void test_beats_random(void **state)
{
    const fet_searcher_ops *random_ops = NULL;
    toy space;
    toy_make(&space, 9, 4);
    CHECK_OK(fet_searcher_find("random", &random_ops));
    double ours = median_hypervolume(ops_of(state), &space), of_random = median_hypervolume(random_ops, &space);
    if (ops_of(state) == random_ops) assert_true(ours == of_random);
    else if (!(ours > of_random)) fail_msg("%s covers %g, random %g", ops_of(state)->name, ours, of_random);
}

static void test_find(void **state)
{
    const fet_searcher_ops *ops = NULL;
    CHECK_OK(fet_searcher_find(ops_of(state)->name, &ops));
    assert_ptr_equal(ops, ops_of(state));
    assert_true(ops->cite[0] && ops->help[0]);
    CHECK_FAILS(FET_ERROR_ARG, fet_searcher_find("locall", &ops));
    assert_non_null(strstr(fet_error_message(), "did you mean local?"));
    assert_non_null(strstr(fet_error_message(), ops_of(state)->name));
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void **state);
    } cases[] = {
        {"whole_space_once", test_whole_space_once},
        {"improved_alone", test_improved_alone},
        {"large_space_no_repeats", test_large_space_no_repeats},
        {"deterministic", test_deterministic},
        {"screen_is_heeded", test_screen_is_heeded},
        {"first_asks_are_near_the_base", test_first_asks_are_near_the_base},
        {"first_ask_is_the_nearest", test_first_ask_is_the_nearest},
        {"failed_and_infeasible_trials", test_failed_and_infeasible_trials},
        {"wrong_tells", test_wrong_tells},
        {"wrong_options", test_wrong_options},
        {"space_of_one", test_space_of_one},
        {"no_memory", test_no_memory},
        {"beats_random", test_beats_random},
        {"find", test_find},
    };
    enum { CASES = sizeof cases / sizeof *cases, MAX_KINDS = 16 };
    static struct CMUnitTest tests[MAX_KINDS * CASES];
    static char names[MAX_KINDS * CASES][64];
    size_t n = 0;
    /* One group for all kinds: meson wants one plan a program. */
    for (const fet_searcher_ops *const *kind = fet_searchers; *kind; kind++) {
        for (int i = 0; i < CASES; i++, n++) {
            if (n == MAX_KINDS * CASES) return 99;
            snprintf(names[n], sizeof names[n], "%s_%s", (*kind)->name, cases[i].name);
            tests[n] = (struct CMUnitTest){names[n], cases[i].run, NULL, NULL, (void *)(uintptr_t)*kind};
        }
    }
    /* The number of tests is not a constant, which is all that cmocka's macro wants to know. */
    return _cmocka_run_group_tests("conformance", tests, n, NULL, NULL);
}
