// SPDX-License-Identifier: Apache-2.0
/* Width options, their number and their bounds. */
#include "spaces.h"

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

/* However narrow the range, the multiples next to the base are there: a network of odd multiples of 8 on an array 16 wide. */
static void neighbours_that_fill_the_array_are_options(void **state)
{
    (void)state;
    fet_template_options network = small_options();
    network.stages[2].channels = 24;
    fet_graph *base = NULL;
    CHECK_OK(fet_template_build("ibn_classifier", &network, &base));
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){16, 1};
    options.width_low = 0.9;
    options.width_high = 1.1;
    fet_space *space = space_of(base, &options);
    assert_string_equal(options_text(space, "stage3.width"), "16,24*,32");
    assert_string_equal(options_text(space, "stage2.width"), "8*,16");
    fet_space_destroy(space);
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

static int64_t channels_at(const fet_graph *graph, const char *value)
{
    fet_id v = fet_graph_find_value(graph, value);
    if (v == FET_NONE) fail_msg("no value %s", value);
    return graph->values[v].shape.dim[1];
}

/* The published rule, written out: the nearest multiple, halves up, one more when more than a tenth would be lost. */
static int64_t divisible(double v, int64_t d)
{
    int64_t n = 0;
    while ((double)(n + d) <= v + (double)d / 2) n += d;
    if (n == 0) n = d;
    return (double)n < 0.9 * v ? n + d : n;
}

/* Channels of a group of `base`, wished to be v: the rule, except that the base's own width stays and that narrower is never wider. */
static int64_t expected_channels(int64_t base, double v, int64_t d, int64_t wide, bool hidden)
{
    if (fabs(v - (double)base) < 1e-6) return base;
    int64_t n = divisible(v, d);
    if (hidden)
        for (int64_t filled = wide; filled < 4 * base; filled += wide)
            if (fabs((double)filled - v) <= 0.1 * v) n = filled;
    if (v < (double)base) return n < base ? n : base;
    return n > base ? n : base;
}

static void every_pair_obeys_the_rule(void **state)
{
    (void)state;
    const int64_t d = 4, wide = 16;
    fet_template_options network = small_options();
    network.stages[2].channels = 26; /* no multiple of the quantum */
    fet_graph *base = NULL;
    CHECK_OK(fet_template_build("ibn_classifier", &network, &base));
    fet_space_options options = fet_space_default_options();
    options.parallelism = (fet_parallelism){(uint32_t)d, (uint32_t)wide};
    options.multipliers = (const double[]){0.3, 0.5, 0.7, 0.9, 1.1, 1.7};
    options.n_multipliers = 6;
    fet_space *space = space_of(base, &options);
    assert_string_equal(options_text(space, "stage3.width"), "16,20,24,26*,28,32,36");
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    const fet_decision *width = decision_named(space, "stage3.width"), *multiplier = decision_named(space, "multiplier");
    for (uint8_t m = 0; m < multiplier->n_options; m++)
        for (uint8_t w = 0; w < width->n_options; w++) {
            fet_genome genome;
            fet_space_base_genome(space, &genome);
            for (uint32_t i = 0; i < genome.n; i++) {
                if (fet_space_decision(space, i) == width) genome.option[i] = w;
                if (fet_space_decision(space, i) == multiplier) genome.option[i] = m;
            }
            fet_graph *graph = NULL;
            CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
            double factor = multiplier->options[m].value, ratio = width->options[w].value / 26 * factor;
            assert_int_equal(channels_at(graph, "stage3.block1.add"), expected_channels(26, 26 * ratio, d, wide, false));
            assert_int_equal(channels_at(graph, "stage3.block0.expand.bn"), expected_channels(16, 16 * ratio, d, wide, true));
            assert_int_equal(channels_at(graph, "stage3.block1.depthwise.conv"), expected_channels(52, 52 * ratio, d, wide, true));
            assert_int_equal(channels_at(graph, "stage2.block1.add"), expected_channels(8, 8 * factor, d, wide, false));
            assert_int_equal(channels_at(graph, "stage2.block1.expand.act"), expected_channels(24, 24 * factor, d, wide, true));
            assert_int_equal(channels_at(graph, "stem.act"), expected_channels(8, 8 * factor, d, wide, false));
            assert_int_equal(channels_at(graph, "flatten"), expected_channels(20, 20 * factor, d, wide, false));
            fet_graph_destroy(graph);
            fet_arena_reset(arena);
        }
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_widths_are_thinned),
        cmocka_unit_test(neighbours_that_fill_the_array_are_options),
        cmocka_unit_test(bad_options_are_explained),
        cmocka_unit_test(every_pair_obeys_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
