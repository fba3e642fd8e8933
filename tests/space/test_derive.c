// SPDX-License-Identifier: Apache-2.0
/* Candidates by their definition: verified graphs whose shapes a fresh inference confirms, the base for the base genome, functions kept
 * where promised. */
#include "networks.h"
#include "reference.h"

#include "engine/init.h"
#include "space/space.h"

typedef struct fixture {
    fet_graph *base;
    fet_space *space;
    fet_arena *arena;
} fixture;

static void open_space(fixture *f, bool numbers, const fet_space_options *options)
{
    f->base = small_network();
    if (numbers) give_numbers(f->base, 1);
    CHECK_OK(fet_space_create(f->base, options, &f->space));
    CHECK_OK(fet_arena_create(&f->arena));
}

static void close_space(fixture *f)
{
    fet_space_destroy(f->space);
    fet_graph_destroy(f->base);
    fet_arena_destroy(f->arena);
}

static uint32_t decision_named(const fet_space *space, const char *name)
{
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++)
        if (strcmp(fet_space_decision(space, d)->name, name) == 0) return d;
    fail_msg("no decision %s", name);
    return 0;
}

/* Sets decision `name` to the option labelled `label`. */
static void choose(const fet_space *space, fet_genome *genome, const char *name, const char *label)
{
    uint32_t d = decision_named(space, name);
    const fet_decision *decision = fet_space_decision(space, d);
    for (uint8_t o = 0; o < decision->n_options; o++) {
        if (strcmp(decision->options[o].label, label) != 0) continue;
        genome->option[d] = o;
        return;
    }
    fail_msg("%s has no option %s", name, label);
}

static int64_t channels_at(const fet_graph *graph, const char *value)
{
    fet_id v = fet_graph_find_value(graph, value);
    if (v == FET_NONE) fail_msg("no value %s", value);
    return graph->values[v].shape.dim[1];
}

static void base_genome_gives_the_base(void **state)
{
    (void)state;
    for (int numbers = 0; numbers < 2; numbers++) {
        fixture f = {0};
        open_space(&f, numbers, NULL);
        fet_genome genome;
        fet_space_base_genome(f.space, &genome);
        fet_graph *graph = NULL;
        CHECK_OK(fet_space_derive(f.space, &genome, f.arena, &graph));
        CHECK_OK(fet_graph_verify(graph));
        assert_true(fet_graph_hash(graph) == fet_graph_hash(f.base));
        assert_int_equal(graph->n_params, f.base->n_params);
        if (numbers) {
            CHECK_OK(fet_graph_init_params(graph, f.base, 3));
            for (fet_id p = 0; p < graph->n_params; p++) {
                const fet_tensor *a = graph->params[p].tensor, *b = f.base->params[p].tensor;
                assert_int_equal(a->bytes, b->bytes);
                assert_memory_equal(a->data, b->data, a->bytes);
            }
        }
        fet_graph_destroy(graph);
        close_space(&f);
    }
}

static void random_genomes_give_sound_graphs(void **state)
{
    (void)state;
    for (int curate = 0; curate < 2; curate++) {
        fixture f = {0};
        fet_space_options options = fet_space_default_options();
        options.curate = curate;
        options.parallelism = (fet_parallelism){4, 8};
        open_space(&f, true, &options);
        fet_rng rng;
        fet_rng_init(&rng, 5, 0, FET_RNG_TEST);
        for (int trial = 0; trial < 200; trial++) {
            fet_genome genome;
            fet_space_sample(f.space, &rng, &genome);
            fet_graph *graph = NULL, *again = NULL;
            CHECK_OK(fet_space_derive(f.space, &genome, f.arena, &graph));
            CHECK_OK(fet_graph_verify(graph));
            CHECK_OK(fet_space_derive(f.space, &genome, f.arena, &again));
            assert_true(fet_graph_hash(graph) == fet_graph_hash(again));
            if (trial % 20 == 0) { /* origins fit their bases, and the network runs */
                CHECK_OK(fet_graph_init_params(graph, f.base, 3));
                float *src = reference_input(graph, 1);
                double *dst = reference_run(graph, src);
                for (int i = 0; i < 5; i++) assert_true(isfinite(dst[i]));
                free(src), free(dst);
            }
            fet_graph_destroy(again);
            fet_graph_destroy(graph);
            fet_arena_reset(f.arena);
        }
        close_space(&f);
    }
}

static void growth_keeps_the_function(void **state)
{
    (void)state;
    fixture f = {0};
    fet_space_options options = fet_space_default_options();
    options.curate = false;
    options.width_high = 3;
    options.multipliers = (const double[]){1, 1.25, 2.5};
    options.n_multipliers = 3;
    open_space(&f, true, &options);
    const char *const widths[][2] = {{"stage1.width", "13"}, {"stage2.width", "9"}, {"stage3.width", "29"}, {"multiplier", "x2.5"}};
    for (size_t i = 0; i <= sizeof widths / sizeof *widths; i++) {
        fet_genome genome;
        fet_space_base_genome(f.space, &genome);
        for (size_t j = 0; j < sizeof widths / sizeof *widths; j++)
            if (i == j || i == sizeof widths / sizeof *widths) choose(f.space, &genome, widths[j][0], widths[j][1]);
        fet_graph *graph = NULL;
        CHECK_OK(fet_space_derive(f.space, &genome, f.arena, &graph));
        CHECK_OK(fet_graph_init_params(graph, f.base, 3));
        CHECK_OK(fet_graph_verify(graph));
        CHECK_NEAR(reference_difference(f.base, graph, 7), 0, 1e-5);
        assert_true(fet_graph_hash(graph) != fet_graph_hash(f.base));
        fet_graph_destroy(graph);
    }
    close_space(&f);
}

static void widths_are_what_they_say(void **state)
{
    (void)state;
    fixture f = {0};
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){4, 1};
    open_space(&f, false, &options);
    fet_genome genome;
    fet_space_base_genome(f.space, &genome);
    choose(f.space, &genome, "stage3.width", "16");
    choose(f.space, &genome, "stage3.block1.form", "fused");
    fet_graph *graph = NULL;
    CHECK_OK(fet_space_derive(f.space, &genome, f.arena, &graph));
    assert_int_equal(channels_at(graph, "stage3.block2.add"), 16);
    assert_int_equal(channels_at(graph, "stage3.block1.fused.conv"), 32);  /* 24 * 16 / 12 */
    assert_int_equal(channels_at(graph, "stage3.block0.expand.conv"), 20); /* 16 * 16 / 12 = 21.3 */
    assert_int_equal(channels_at(graph, "stage2.block1.add"), 8);
    assert_int_equal(channels_at(graph, "head.conv"), 20);
    fet_graph_destroy(graph);
    choose(f.space, &genome, "multiplier", "x0.5");
    CHECK_OK(fet_space_derive(f.space, &genome, f.arena, &graph));
    assert_int_equal(channels_at(graph, "stage3.block2.add"), 8);
    assert_int_equal(channels_at(graph, "stage2.block1.add"), 4);
    assert_int_equal(channels_at(graph, "stem.conv"), 4);
    assert_int_equal(channels_at(graph, "head.conv"), 12); /* 10 lies as near to 8 as to 12 */
    assert_int_equal(graph->values[graph->outputs[0]].shape.dim[1], 5);
    fet_graph_destroy(graph);
    close_space(&f);
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    fixture f = {0};
    open_space(&f, true, NULL);
    fet_genome genome;
    fet_rng rng;
    fet_rng_init(&rng, 5, 0, FET_RNG_TEST);
    fet_space_sample(f.space, &rng, &genome);
    for (uint64_t n = 0;; n++) {
        fet_graph *graph = NULL;
        fet_arena *arena = NULL;
        CHECK_OK(fet_arena_create(&arena));
        fet_alloc_fail_after(n);
        fet_status status = fet_space_derive(f.space, &genome, arena, &graph);
        fet_alloc_fail_after(SIZE_MAX);
        fet_graph_destroy(graph);
        fet_arena_destroy(arena);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
    close_space(&f);
}

static void refuses_foreign_genomes(void **state)
{
    (void)state;
    fixture f = {0};
    open_space(&f, false, NULL);
    fet_genome genome;
    fet_space_base_genome(f.space, &genome);
    fet_graph *graph = NULL;
    genome.option[0] = 200;
    CHECK_FAILS(FET_ERROR_ARG, fet_space_derive(f.space, &genome, f.arena, &graph));
    genome.n--;
    CHECK_FAILS(FET_ERROR_ARG, fet_space_derive(f.space, &genome, f.arena, &graph));
    assert_null(graph);
    close_space(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_genome_gives_the_base),   cmocka_unit_test(random_genomes_give_sound_graphs),
        cmocka_unit_test(growth_keeps_the_function),    cmocka_unit_test(widths_are_what_they_say),
        cmocka_unit_test(fails_cleanly_without_memory), cmocka_unit_test(refuses_foreign_genomes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
