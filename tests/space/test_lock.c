// SPDX-License-Identifier: Apache-2.0
/* The expert's hand: what a lock or a switch removes never comes back, and a bad lock is explained. */
#include "spaces.h"

static void switches_and_locks(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){4, 1};
    options.search_width = false;
    options.locks = (const char *const[]){"stage2.block0=fused", "stage3.block1.form=ibn", "stage2.width=8,12", "multiplier!=x0.5"};
    options.n_locks = 4;
    fet_space *space = space_of(base, &options);
    assert_string_equal(options_text(space, "stage1.width"), "(4),6*,(8)");
    assert_string_equal(options_text(space, "stage2.width"), "(4),8*,12");
    assert_string_equal(options_text(space, "stage2.block0.form"), "(ibn)*,fused");
    assert_string_equal(options_text(space, "stage2.block1.form"), "ibn*,fused");
    assert_string_equal(options_text(space, "stage3.block1.form"), "ibn*,(fused)");
    assert_string_equal(options_text(space, "multiplier"), "(x0.5),x0.75,x1*,x1.25");
    fet_space_destroy(space);
    options = fet_space_default_options();
    options.search_block_form = false;
    space = space_of(base, &options);
    assert_string_equal(options_text(space, "stage2.block0.form"), "ibn*,(fused)");
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

static void bad_locks_are_explained(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    const struct {
        const char *locks[2], *says[3];
    } cases[] = {
        {{"stge2.block0=ibn"}, {"stge2.block0", "did you mean", "stage2.width"}},
        {{"stage2.block0=fussed"}, {"fussed", "\"fused\"", "known: ibn, fused"}},
        {{"multiplier=0.5"}, {"multiplier", "x0.5", "x1.25"}},
        {{"nonsense"}, {"nonsense", "expected decision=option", "stage1.block0=fused"}},
        {{"=ibn"}, {"=ibn", "expected", "decision"}},
        {{"stage2.block0="}, {"no option of stage2.block0.form", "ibn", "fused"}},
        {{"stage2.block0=ibn", "stage2.block0=fused"}, {"stage2.block0=fused", "no option", "left"}},
        {{"stage2.block0!=ibn,fused"}, {"no option", "left", "stage2.block0.form"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fet_space_options options = fet_space_default_options();
        options.locks = cases[i].locks;
        options.n_locks = cases[i].locks[1] ? 2 : 1;
        fet_space *space = NULL;
        CHECK_FAILS(FET_ERROR_ARG, fet_space_create(base, &options, &space));
        for (int s = 0; s < 3; s++)
            if (!strstr(fet_error_message(), cases[i].says[s]))
                fail_msg("\"%s\" does not say \"%s\"", fet_error_message(), cases[i].says[s]);
        assert_null(space);
    }
    fet_graph_destroy(base);
}

typedef struct visits {
    const fet_space *space;
    uint32_t count;
} visits;

static void check_allowed(const fet_space *space, const fet_genome *genome)
{
    for (uint32_t d = 0; d < genome->n; d++) assert_false(fet_space_decision(space, d)->options[genome->option[d]].removed);
}

static bool visit(void *context, const fet_genome *neighbour)
{
    visits *v = context;
    check_allowed(v->space, neighbour);
    v->count++;
    return true;
}

static void removed_options_never_appear(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){4, 1};
    options.locks = (const char *const[]){"stage2.block0=fused", "stage3.width!=12", "multiplier=x0.75,x1.25"};
    options.n_locks = 3;
    fet_space *space = space_of(base, &options);
    fet_rng rng;
    fet_rng_init(&rng, 8, 1, FET_RNG_TEST);
    fet_genome genome;
    fet_space_start_genome(space, &genome);
    check_allowed(space, &genome);
    visits v = {.space = space};
    for (int i = 0; i < 300; i++) {
        fet_space_sample(space, &rng, &genome);
        check_allowed(space, &genome);
        fet_space_neighbours(space, &genome, visit, &v);
        fet_space_mutate(space, &rng, 0.3, &genome);
        check_allowed(space, &genome);
        char text[FET_GENOME_TEXT_BYTES];
        fet_genome parsed;
        CHECK_OK(fet_genome_parse(space, fet_genome_print(&genome, text, sizeof text), &parsed));
        assert_true(fet_genome_equal(&parsed, &genome));
    }
    assert_true(v.count > 300);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switches_and_locks),
        cmocka_unit_test(bad_locks_are_explained),
        cmocka_unit_test(removed_options_never_appear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
