// SPDX-License-Identifier: Apache-2.0
/* Decisions found, their options, locks, and genomes that mean the same network (discover.c, width.c, lock.c, settle.c). */
#include "networks.h"

#include "space/space.h"

static const fet_decision *decision_named(const fet_space *space, const char *name)
{
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++)
        if (strcmp(fet_space_decision(space, d)->name, name) == 0) return fet_space_decision(space, d);
    return NULL;
}

/* "a,b,(c),d*": removed in brackets, the base's starred. */
static const char *options_text(const fet_space *space, const char *name)
{
    static char text[1024];
    const fet_decision *decision = decision_named(space, name);
    if (!decision) return "absent";
    text[0] = '\0';
    for (uint32_t o = 0; o < decision->n_options; o++) {
        size_t used = strlen(text);
        bool removed = decision->options[o].removed;
        snprintf(text + used, sizeof text - used, "%s%s%s%s%s", o ? "," : "", removed ? "(" : "", decision->options[o].label, removed ? ")" : "",
                 o == decision->base_option ? "*" : "");
    }
    return text;
}

static fet_space *space_of(const fet_graph *base, const fet_space_options *options)
{
    fet_space *space = NULL;
    CHECK_OK(fet_space_create(base, options, &space));
    assert_ptr_equal(fet_space_base(space), base);
    return space;
}

static void decisions_of_the_template(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){4, 1};
    fet_space *space = space_of(base, &options);
    const char *const names[] = {"stage1.width", "stage2.block0.form", "stage2.block1.form", "stage2.width", "stage3.block0.form",
                                 "stage3.block1.form", "stage3.block2.form", "stage3.width", "multiplier"};
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
    options.parallelism.out_channels = 16; /* wider than the stages: nothing to choose, and no decision of one option */
    space = space_of(base, &options);
    assert_string_equal(options_text(space, "stage2.width"), "absent");
    assert_string_equal(options_text(space, "stage3.width"), "12*,16");
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

/* A wide stage has more whole numbers than a decision has options: thinned evenly, with both ends and the base's own. */
static void many_widths_are_thinned(void **state)
{
    (void)state;
    fet_template_options network = small_options();
    network.stages[2].channels = 201;
    fet_graph *base = NULL;
    CHECK_OK(fet_template_build("ibn_classifier", &network, &base));
    fet_space_options options = fet_space_default_options();
    options.curate = false;
    fet_space *space = space_of(base, &options);
    const fet_decision *width = decision_named(space, "stage3.width");
    assert_in_range(width->n_options, FET_DECISION_MAX_OPTIONS - 1, FET_DECISION_MAX_OPTIONS);
    CHECK_NEAR(width->options[0].value, 101, 0);
    CHECK_NEAR(width->options[width->n_options - 1].value, 301, 0);
    CHECK_NEAR(width->options[width->base_option].value, 201, 0);
    for (uint32_t o = 1; o < width->n_options; o++) assert_in_range((int)(width->options[o].value - width->options[o - 1].value), 1, 4);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

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
            if (!strstr(fet_error_message(), cases[i].says[s])) fail_msg("\"%s\" does not say \"%s\"", fet_error_message(), cases[i].says[s]);
        assert_null(space);
    }
    fet_graph_destroy(base);
}

static void bad_options_are_explained(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space *space = NULL;
    fet_space_options options = fet_space_default_options();
    options.width_low = 1.2;
    CHECK_FAILS(FET_ERROR_ARG, fet_space_create(base, &options, &space));
    options = fet_space_default_options();
    options.multipliers = (const double[]){0.5, 0.5};
    options.n_multipliers = 2;
    CHECK_FAILS(FET_ERROR_ARG, fet_space_create(base, &options, &space));
    options.multipliers = (const double[]){0, 1};
    CHECK_FAILS(FET_ERROR_ARG, fet_space_create(base, &options, &space));
    options.multipliers = (const double[]){0.5}; /* one is always there */
    options.n_multipliers = 1;
    CHECK_OK(fet_space_create(base, &options, &space));
    assert_string_equal(options_text(space, "multiplier"), "x0.5,x1*");
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

enum { N_DRAWS = 3000 };

typedef struct drawn {
    uint64_t hash;
    fet_genome genome;
} drawn;

static int by_hash(const void *a, const void *b)
{
    const drawn *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Any genome and its canonical one are the same network; two canonical genomes are the same only if their networks are, and the other way round. */
static void canonical_genomes(void **state)
{
    (void)state;
    static drawn drawns[N_DRAWS];
    fet_graph *base = small_network();
    for (int locked = 0; locked < 2; locked++) {
        fet_space_options options = fet_space_default_options();
        options.parallelism = (fet_parallelism){4, 8};
        options.locks = (const char *const[]){"stage2.width!=8", "multiplier!=x1", "stage3.block0=fused"};
        options.n_locks = locked ? 3 : 0;
        fet_space *space = space_of(base, &options);
        fet_arena *arena = NULL;
        CHECK_OK(fet_arena_create(&arena));
        fet_rng rng;
        fet_rng_init(&rng, 8, 0, FET_RNG_TEST);
        uint32_t n_settled = 0;
        for (int i = 0; i < N_DRAWS; i++) {
            fet_genome raw = {.n = (uint8_t)fet_space_n_decisions(space)}; /* drawn here, for what the space gives is canonical already */
            for (uint32_t d = 0; d < raw.n; d++) {
                do raw.option[d] = (uint8_t)fet_rng_below(&rng, fet_space_decision(space, d)->n_options);
                while (fet_space_decision(space, d)->options[raw.option[d]].removed);
            }
            fet_genome canonical = raw, again;
            fet_space_canonicalise(space, &canonical);
            n_settled += !fet_genome_equal(&raw, &canonical);
            again = canonical;
            fet_space_canonicalise(space, &again);
            assert_true(fet_genome_equal(&again, &canonical));
            for (uint32_t d = 0; d < raw.n; d++) assert_false(fet_space_decision(space, d)->options[canonical.option[d]].removed);
            drawns[i] = (drawn){hash_of(space, &raw, arena), canonical};
            assert_true(drawns[i].hash == hash_of(space, &canonical, arena));
        }
        assert_true(n_settled > N_DRAWS / 20); /* the case is not an empty one */
        qsort(drawns, N_DRAWS, sizeof *drawns, by_hash);
        uint32_t n_same = 0;
        for (int i = 1; i < N_DRAWS; i++) {
            assert_int_equal(drawns[i].hash == drawns[i - 1].hash, fet_genome_equal(&drawns[i].genome, &drawns[i - 1].genome));
            n_same += drawns[i].hash == drawns[i - 1].hash;
        }
        assert_true(n_same > 0);
        fet_arena_destroy(arena);
        fet_space_destroy(space);
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
    fet_space_base_genome(space, &genome);
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
        cmocka_unit_test(decisions_of_the_template), cmocka_unit_test(many_widths_are_thinned),
        cmocka_unit_test(switches_and_locks),        cmocka_unit_test(bad_locks_are_explained),
        cmocka_unit_test(bad_options_are_explained), cmocka_unit_test(canonical_genomes),
        cmocka_unit_test(removed_options_never_appear), cmocka_unit_test(descriptions),
        cmocka_unit_test(networks_without_blocks),   cmocka_unit_test(fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
