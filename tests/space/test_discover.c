// SPDX-License-Identifier: Apache-2.0
/* The decisions found in a graph, what they are called, and what a genome is called. */
#include "spaces.h"

static void decisions_of_the_template(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){4, 1};
    fet_space *space = space_of(base, &options);
    const char *const names[] = {"stage1.width",       "stage2.block0.form", "stage2.block1.form", "stage2.width", "stage3.block0.form",
                                 "stage3.block1.form", "stage3.block2.form", "stage3.width",       "multiplier"};
    assert_int_equal(fet_space_n_decisions(space), sizeof names / sizeof *names);
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++) assert_string_equal(fet_space_decision(space, d)->name, names[d]);
    assert_string_equal(options_text(space, "stage1.width"), "4,6*,8");
    assert_string_equal(options_text(space, "stage2.width"), "4,8*,12");
    assert_string_equal(options_text(space, "stage3.width"), "8,12*,16");
    assert_string_equal(options_text(space, "stage2.block0.form"), "ibn*,fused");
    assert_string_equal(options_text(space, "multiplier"), "x0.5,x0.75,x1*,x1.25");
    CHECK_NEAR(fet_space_log10_size(space), log10(3 * 3 * 3 * 32 * 4), 1e-9);
    fet_space_destroy(space);
    options.curate = false;
    space = space_of(base, &options);
    assert_string_equal(options_text(space, "stage2.width"), "4,5,6,7,8*,9,10,11,12");
    fet_space_destroy(space);
    options.curate = true;
    options.parallelism.out_channels = 16; /* wider than the stages: as they are, or filled */
    space = space_of(base, &options);
    assert_string_equal(options_text(space, "stage2.width"), "8*,16");
    assert_string_equal(options_text(space, "stage3.width"), "12*,16");
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

static uint64_t hash_of(const fet_space *space, const fet_genome *genome, fet_arena *arena)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_space_derive(space, genome, arena, &graph));
    uint64_t hash = fet_graph_hash(graph);
    fet_graph_destroy(graph);
    fet_arena_reset(arena);
    return hash;
}

/* A network without blocks has a multiplier at most. */
static void networks_without_blocks(void **state)
{
    (void)state;
    fet_graph *base = NULL;
    CHECK_OK(fet_graph_create(NULL, &base));
    fet_shape shape = fet_shape_2d(1, 8);
    fet_id value = FET_NONE;
    CHECK_OK(fet_graph_add_input(base, "x", FET_DTYPE_F32, &shape, &value));
    CHECK_OK(fet_graph_add_output(base, value));
    fet_space *space = space_of(base, NULL);
    assert_int_equal(fet_space_n_decisions(space), 0);
    CHECK_NEAR(fet_space_log10_size(space), 0, 0);
    fet_genome genome;
    fet_space_base_genome(space, &genome);
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    assert_true(hash_of(space, &genome, arena) == fet_graph_hash(base));
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

static void descriptions(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){4, 1};
    fet_space *space = space_of(base, &options);
    fet_genome genome;
    char *text = NULL;
    fet_space_base_genome(space, &genome);
    CHECK_OK(fet_genome_describe(space, &genome, &text));
    assert_string_equal(text, "base");
    fet_free(text);
    genome.option[1] = 1; /* stage2.block0.form */
    genome.option[7] = 2; /* stage3.width */
    genome.option[8] = 0; /* multiplier */
    CHECK_OK(fet_genome_describe(space, &genome, &text));
    assert_string_equal(text, "stage2.block0=fused stage3.width=16 multiplier=x0.5");
    fet_free(text);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    give_numbers(base, 2);
    fet_space_options options = fet_space_default_options();
    options.locks = (const char *const[]){"stage2.block0=fused"};
    options.n_locks = 1;
    for (uint64_t n = 0;; n++) {
        fet_space *space = NULL;
        fet_alloc_fail_after(n);
        fet_status status = fet_space_create(base, &options, &space);
        fet_alloc_fail_after(SIZE_MAX);
        fet_space_destroy(space);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
    fet_graph_destroy(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions_of_the_template),
        cmocka_unit_test(networks_without_blocks),
        cmocka_unit_test(descriptions),
        cmocka_unit_test(fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
