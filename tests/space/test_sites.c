// SPDX-License-Identifier: Apache-2.0
/* Every kind of decision: what is offered where, what canonical genomes leave out, and that options that keep the function do so. */
#include "spaces.h"

#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "op/builder.h"
#include "rewrite/input_size.h"
#include "rewrite/run.h"

static void options_of_the_template(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){4, 1};
    options.kinds = FET_SPACE_ALL | FET_SPACE_INNER_WIDTH;
    fet_space *space = space_of(base, &options);
    assert_string_equal(options_text(space, "stage1.block0.form"), "separable*,dense,grouped8");
    assert_string_equal(options_text(space, "stage1.block0.kernel"), "3*,5,7");
    assert_string_equal(options_text(space, "stage1.block0.skip"), "absent");
    assert_string_equal(options_text(space, "stage2.block1.form"), "ibn*,fused,dense,grouped8,fused4");
    assert_string_equal(options_text(space, "stage2.block1.skip"), "keep*,skip");
    assert_string_equal(options_text(space, "stage1.block0.inner"), "absent"); /* a separable block's middle is the trunk before it */
    assert_string_equal(options_text(space, "stage2.block1.inner"), "12,16,20,24*,28,32,36");
    assert_string_equal(options_text(space, "stage3.block0.inner"), "8,12,16*,20,24");
    assert_string_equal(options_text(space, "stage3.block0.kernel"), "3,5*,7");
    assert_string_equal(options_text(space, "stage3.block0.skip"), "absent");
    assert_string_equal(options_text(space, "group1.width"), "4,8*,12");         /* the stem's */
    assert_string_equal(options_text(space, "group2.width"), "12,16,20*,24,28"); /* the head's */
    assert_string_equal(options_text(space, "group3.width"), "absent");
    assert_string_equal(options_text(space, "activation"), "absent"); /* ReLU6 is none that a ReLU could stand for */
    assert_string_equal(options_text(space, "multiplier"), "x0.5,x0.75,x1*,x1.25");
    fet_space_destroy(space);
    /* One kind alone, locked and not searched. */
    options.kinds = FET_SPACE_SKIP | FET_SPACE_FUSE;
    options.search_block_form = false;
    options.locks = (const char *const[]){"stage2.block1.skip=skip"};
    options.n_locks = 1;
    space = space_of(base, &options);
    assert_string_equal(options_text(space, "stage2.block1.kernel"), "absent");
    assert_string_equal(options_text(space, "stage2.block1.form"), "ibn*,(fused)");
    assert_string_equal(options_text(space, "stage2.block1.skip"), "(keep)*,skip");
    assert_string_equal(options_text(space, "stage3.block1.skip"), "keep*,(skip)");
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

/* An inner width changes the middle of its block and nothing else; the trunk's leaves the middle as it is. */
static void inner_widths(void **state)
{
    (void)state;
    enum { MIDDLE = 24, WIDER = 28 };
    fet_graph *base = small_network(), *graph = NULL;
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){4, 1};
    options.kinds = FET_SPACE_INNER_WIDTH;
    fet_space *space = space_of(base, &options);
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_genome genome;
    fet_space_base_genome(space, &genome);
    for (uint32_t d = 0; d < genome.n; d++) {
        if (strcmp(fet_space_decision(space, d)->name, "stage2.block1.inner") == 0) genome.option[d]++;
        if (strcmp(fet_space_decision(space, d)->name, "stage3.width") == 0) genome.option[d]++;
    }
    CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
    assert_int_equal(graph->n_values, base->n_values);
    uint32_t n_wider = 0, n_trunk = 0;
    for (fet_id v = 0; v < graph->n_values; v++) {
        const fet_shape *old = &base->values[v].shape, *new = &graph->values[v].shape;
        if (graph->values[v].kind != FET_VALUE_COMPUTED || old->rank != 4 || old->dim[1] == new->dim[1]) continue;
        if (old->dim[1] == MIDDLE && new->dim[1] == WIDER) n_wider++;
        else if (old->dim[1] == 12 && new->dim[1] == 16) n_trunk++;
        else fail_msg("%s has %lld channels instead of %lld", graph->values[v].name, (long long)new->dim[1], (long long)old->dim[1]);
    }
    assert_int_equal(n_wider, 6); /* of one block of three: convolution, norm, activation, twice */
    assert_true(n_trunk > 0);
    fet_graph_destroy(graph);
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

static void canonical_genomes(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL | FET_SPACE_INNER_WIDTH;
    fet_space *space = space_of(base, &options);
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_rng rng;
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    for (int i = 0; i < 200; i++) {
        fet_genome raw = {.n = (uint8_t)fet_space_n_decisions(space)};
        for (uint32_t d = 0; d < raw.n; d++) raw.option[d] = (uint8_t)fet_rng_below(&rng, fet_space_decision(space, d)->n_options);
        fet_genome canonical = raw, again;
        fet_graph *a = NULL, *b = NULL;
        fet_space_canonicalise(space, &canonical);
        again = canonical;
        fet_space_canonicalise(space, &again);
        assert_true(fet_genome_equal(&canonical, &again));
        CHECK_OK(fet_space_derive(space, &raw, arena, &a));
        CHECK_OK(fet_space_derive(space, &canonical, arena, &b));
        CHECK_OK(fet_graph_verify(a));
        assert_true(fet_graph_hash(a) == fet_graph_hash(b));
        fet_graph_destroy(a);
        fet_graph_destroy(b);
        fet_arena_reset(arena);
    }
    fet_genome genome;
    char *text = NULL;
    CHECK_OK(fet_genome_parse(space, "", &genome) == FET_ERROR_ARG ? FET_OK : FET_ERROR_STATE);
    fet_space_base_genome(space, &genome);
    for (uint32_t d = 0; d < genome.n; d++) {
        const fet_decision *decision = fet_space_decision(space, d);
        if (strncmp(decision->name, "stage2.block1.", 14) == 0) genome.option[d] = 1;
    }
    fet_space_canonicalise(space, &genome);
    CHECK_OK(fet_genome_describe(space, &genome, &text));
    assert_string_equal(text, "stage2.block1.skip=skip");
    fet_free(text);
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

/* Dense and grouped depthwise, larger kernels, wider stages: in any mixture the function stays. */
static void exact_options(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    give_numbers(base, 5);
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL | FET_SPACE_INNER_WIDTH;
    options.width_low = 1;
    fet_space *space = space_of(base, &options);
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_rng rng;
    fet_rng_init(&rng, 4, 0, FET_RNG_TEST);
    for (int i = 0; i < 12; i++) {
        fet_genome genome;
        fet_graph *graph = NULL;
        fet_space_base_genome(space, &genome);
        for (uint32_t d = 0; d < genome.n; d++) {
            const fet_decision *decision = fet_space_decision(space, d);
            uint8_t option = (uint8_t)fet_rng_below(&rng, decision->n_options);
            const char *label = decision->options[option].label;
            bool exact = decision->options[option].value >= decision->options[decision->base_option].value;
            if (decision->kind == FET_DECISION_BLOCK_FORM) exact = strcmp(label, "dense") == 0 || strcmp(label, "grouped8") == 0;
            if (decision->kind == FET_DECISION_SKIP) exact = false;
            if (exact) genome.option[d] = option;
        }
        CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
        CHECK_OK(fet_graph_init_params(graph, base, 1));
        double difference = run_difference(base, graph, 2);
        char text[FET_GENOME_TEXT_BYTES];
        if (!(difference < 1e-5)) fail_msg("genome %s: outputs %g apart", fet_genome_print(&genome, text, sizeof text), difference);
        fet_graph_destroy(graph);
        fet_arena_reset(arena);
    }
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

/* Sizes in whole parts, in any mixture with other decisions; with the others at the base's, the network is the base resized. */
static void resolutions(void **state)
{
    (void)state;
    fet_template_options template = small_options();
    template.width = 8; /* maps of 12x8 and 6x4: two parts */
    fet_graph *base = NULL, *half = NULL;
    CHECK_OK(fet_template_build("ibn_classifier", &template, &base));
    give_numbers(base, 5);
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL | FET_SPACE_INNER_WIDTH;
    options.resolutions = (const double[]){0.3, 0.45, 0.75, 1.4};
    options.n_resolutions = 4;
    fet_space *space = space_of(base, &options);
    assert_string_equal(options_text(space, "resolution"), "6x4,12x8*,18x12");
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_genome genome;
    fet_rng rng;
    fet_rng_init(&rng, 6, 0, FET_RNG_TEST);
    uint32_t seen = 0;
    for (int i = 0; i < 30; i++) {
        fet_graph *graph = NULL;
        fet_space_sample(space, &rng, &genome);
        CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
        CHECK_OK(fet_graph_verify(graph)); /* the same shapes as a fresh inference */
        seen |= 1u << graph->values[graph->inputs[0]].shape.dim[3] / 4;
        fet_graph_destroy(graph);
        fet_arena_reset(arena);
    }
    assert_int_equal(seen, 1u << 1 | 1u << 2 | 1u << 3);
    fet_space_base_genome(space, &genome);
    for (uint32_t d = 0; d < genome.n; d++)
        if (fet_space_decision(space, d)->kind == FET_DECISION_RESOLUTION) genome.option[d] = 0;
    fet_graph *graph = NULL;
    CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
    CHECK_OK(fet_graph_init_params(graph, base, 1));
    CHECK_OK(fet_input_size_set(base, 1, 2, false, NULL, &half));
    assert_true(run_difference(half, graph, 2) == 0);
    fet_graph_destroy(half);
    fet_graph_destroy(graph);
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    options.resolutions = (const double[]){-1};
    options.n_resolutions = 1;
    space = NULL;
    CHECK_FAILS(FET_ERROR_ARG, fet_space_create(base, &options, &space));
    fet_graph_destroy(base);
}

/* Outputs that are maps keep their size: maps inside change alone, with widths and the end of the network as well. Never more pixels than
 * the image has. */
static void resolutions_inside(void **state)
{
    (void)state;
    fet_auto(fet_graph) base = NULL;
    fet_id v = FET_NONE, n = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 3, 16, 16);
    CHECK_OK(fet_graph_create(NULL, &base));
    CHECK_OK(fet_graph_add_input(base, "image", FET_DTYPE_F32, &shape, &v));
    CHECK_OK(fet_build_conv(base, "stem", v, &(fet_conv_options){.out_channels = 16, .kernel = 3, .stride = 2, .bias = true}, &v));
    CHECK_OK(fet_build_conv(base, "classes", v, &(fet_conv_options){.out_channels = 4, .kernel = 3, .stride = 1, .bias = true}, &v));
    CHECK_OK(fet_graph_add_node(base, FET_OP_SOFTMAX, "share", &v, 1, 1, &n));
    CHECK_OK(fet_graph_set_int(base, n, FET_ATTR_AXIS, 1));
    CHECK_OK(fet_graph_add_output(base, base->nodes[n].outputs[0]));
    CHECK_OK(fet_graph_infer(base));
    give_numbers(base, 3);
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL;
    options.resolutions = (const double[]){0.5, 0.75, 2};
    options.n_resolutions = 3;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_space) space = space_of(base, &options);
    CHECK_OK(fet_arena_create(&arena));
    assert_string_equal(options_text(space, "resolution"), "8x8,12x12,16x16*");
    fet_rng rng;
    fet_rng_init(&rng, 6, 0, FET_RNG_TEST);
    uint32_t seen = 0;
    for (int i = 0; i < 40; i++) {
        fet_auto(fet_graph) graph = NULL;
        fet_genome genome;
        fet_space_sample(space, &rng, &genome);
        fet_arena_reset(arena);
        CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
        CHECK_OK(fet_graph_verify(graph));
        CHECK_OK(fet_graph_init_params(graph, base, 1));
        assert_true(fet_shape_equal(&graph->values[graph->inputs[0]].shape, &shape));
        assert_true(fet_shape_equal(&graph->values[graph->outputs[0]].shape, &base->values[base->outputs[0]].shape));
        assert_string_equal(graph->values[graph->outputs[0]].name, base->values[base->outputs[0]].name);
        seen |= 1u << graph->values[fet_graph_find_value(graph, "stem")].shape.dim[2];
        run_result result = run_graph(graph, 1);
        assert_true(result.largest > 0);
        free(result.data);
    }
    assert_int_equal(seen, 1u << 4 | 1u << 6 | 1u << 8);
}

/* A portrait segmenter that others trained: it flattens a map on its way, and goes at every size that leaves its strides whole. */
static void resolutions_of_a_segmenter(void **state)
{
    (void)state;
    bool there = false;
    const char *path = check_shared_path("models/sinet-portrait/model.onnx", &there);
    if (!there) skip();
    fet_auto(fet_graph) base = NULL;
    fet_auto(fet_arena) arena = NULL;
    CHECK_OK(fet_onnx_read(path, NULL, &base));
    CHECK_OK(fet_arena_create(&arena));
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_RESOLUTION;
    options.resolutions = (const double[]){0.5, 0.7, 0.9};
    options.n_resolutions = 3;
    fet_auto(fet_space) space = space_of(base, &options);
    assert_string_equal(options_text(space, "resolution"), "160x160,224x224,288x288,320x320*");
    fet_genome genome;
    fet_space_base_genome(space, &genome);
    for (uint32_t d = 0; d < genome.n; d++) {
        if (fet_space_decision(space, d)->kind != FET_DECISION_RESOLUTION) continue;
        for (uint8_t o = 0; o < 3; o++) {
            fet_auto(fet_graph) graph = NULL;
            genome.option[d] = o;
            fet_arena_reset(arena);
            CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
            CHECK_OK(fet_graph_verify(graph));
            assert_true(fet_shape_equal(&graph->values[graph->outputs[0]].shape, &base->values[base->outputs[0]].shape));
        }
    }
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    fet_template_options template = small_options();
    template.width = 8;
    fet_graph *base = NULL;
    CHECK_OK(fet_template_build("ibn_classifier", &template, &base));
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL | FET_SPACE_INNER_WIDTH;
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
        cmocka_unit_test(options_of_the_template),
        cmocka_unit_test(inner_widths),
        cmocka_unit_test(canonical_genomes),
        cmocka_unit_test(exact_options),
        cmocka_unit_test(resolutions),
        cmocka_unit_test(resolutions_inside),
        cmocka_unit_test(resolutions_of_a_segmenter),
        cmocka_unit_test(fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
