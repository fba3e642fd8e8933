// SPDX-License-Identifier: Apache-2.0
/*
 * What layers are computed in, as decisions: which there are, that a candidate's layers carry what its genome says whatever else it
 * decides, that decisions on layers that are gone mean nothing, and what locks, files and the ends of a network do to them.
 */
#include "spaces.h"

#include "rewrite/mark_precision.h"

static fet_space *precision_space(const fet_graph *base, uint32_t kinds, const char *const *locks, uint32_t n_locks)
{
    static const fet_dtype both[] = {FET_DTYPE_F32, FET_DTYPE_BF16};
    fet_space_options options = fet_space_default_options();
    options.kinds = kinds;
    options.precisions = both;
    options.n_precisions = 2;
    options.locks = locks;
    options.n_locks = n_locks;
    return space_of(base, &options);
}

static uint32_t count_kind(const fet_space *space, fet_decision_kind kind)
{
    uint32_t n = 0;
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++) n += fet_space_decision(space, d)->kind == kind;
    return n;
}

static void set_option(const fet_space *space, fet_genome *genome, const char *name, const char *label)
{
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++) {
        const fet_decision *decision = fet_space_decision(space, d);
        for (uint8_t o = 0; strcmp(decision->name, name) == 0 && o < decision->n_options; o++)
            if (strcmp(decision->options[o].label, label) == 0) {
                genome->option[d] = o;
                return;
            }
    }
    fail_msg("no %s=%s", name, label);
}

/* Layers of a graph with their precision, "name:bf16 ..." in running order; the whole network's left out. */
static const char *marks_of(const fet_graph *graph)
{
    static char text[4096];
    text[0] = '\0';
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        size_t used = strlen(text);
        if (node->op == FET_OP_NONE || node->precision == FET_DTYPE_NONE) continue;
        assert_true(fet_mark_precision_is_layer(graph, node));
        snprintf(text + used, sizeof text - used, "%s%s:%s", used ? " " : "", node->name, fet_dtype_name((fet_dtype)node->precision));
    }
    return text;
}

static fet_graph *derive(const fet_space *space, const fet_genome *genome, fet_arena *arena)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_space_derive(space, genome, arena, &graph));
    CHECK_OK(fet_graph_verify(graph));
    return graph;
}

static void check_marks(const fet_space *space, const fet_genome *genome, const char *expected)
{
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_graph *graph = derive(space, genome, arena);
    assert_string_equal(marks_of(graph), expected);
    fet_graph_destroy(graph);
    fet_arena_destroy(arena);
}

/* The small network: stem, a block without expand, two and three blocks with, head, classifier; 2 + 2 * 3 + 3 * 3 + 3 = 20 layers. */
static void test_sites(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space *space = precision_space(base, FET_SPACE_PRECISION, NULL, 0);
    assert_int_equal(count_kind(space, FET_DECISION_PRECISION), 6 + 3);
    assert_string_equal(options_text(space, "stage2.block1.precision"), "int8*,bf16,f32");
    assert_string_equal(options_text(space, "layer1.precision"), "int8*,bf16,f32");
    assert_string_equal(options_text(space, "layer2.precision"), "absent");
    assert_string_equal(options_text(space, "layer19.precision"), "int8*,bf16,f32");
    assert_string_equal(options_text(space, "layer20.precision"), "int8*,bf16,f32");
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++)
        if (strstr(fet_space_decision(space, d)->name, "block1.precision")) assert_non_null(fet_space_block(space, d));
    fet_space_destroy(space);
    space = precision_space(base, FET_SPACE_LAYER_PRECISION, NULL, 0);
    assert_int_equal(count_kind(space, FET_DECISION_PRECISION), 20);
    fet_space_destroy(space);
    space = precision_space(base, FET_SPACE_ALL, NULL, 0);
    assert_int_equal(count_kind(space, FET_DECISION_PRECISION), 0);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

static fet_id layer_numbered(const fet_graph *base, uint32_t number)
{
    for (fet_id n = 0; n < base->n_nodes; n++)
        if (fet_mark_precision_is_layer(base, &base->nodes[n]) && --number == 0) return n;
    return FET_NONE;
}

static void test_marks(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space *space = precision_space(base, FET_SPACE_PRECISION | FET_SPACE_FUSE, NULL, 0);
    fet_genome genome;
    char expected[512];
    const char *const stem = base->nodes[layer_numbered(base, 1)].name, *const expand = base->nodes[layer_numbered(base, 4)].name,
                      *const depthwise = base->nodes[layer_numbered(base, 5)].name,
                      *const project = base->nodes[layer_numbered(base, 6)].name;
    fet_space_base_genome(space, &genome);
    check_marks(space, &genome, "");
    set_option(space, &genome, "layer1.precision", "f32");
    set_option(space, &genome, "stage2.block0.precision", "bf16");
    snprintf(expected, sizeof expected, "%s:f32 %s:bf16 %s:bf16 %s:bf16", stem, expand, depthwise, project);
    check_marks(space, &genome, expected);
    char *text = NULL;
    CHECK_OK(fet_genome_describe(space, &genome, &text));
    assert_true(fet_genome_is_base_network(space, &genome));
    assert_string_equal(text, "stage2.block0.precision=bf16 layer1.precision=f32");
    fet_free(text);
    /* Fused, one layer takes the place of two. */
    set_option(space, &genome, "stage2.block0.form", "fused");
    assert_false(fet_genome_is_base_network(space, &genome));
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_graph *graph = derive(space, &genome, arena);
    uint32_t n = 0;
    for (fet_id i = 0; i < graph->n_nodes; i++) n += graph->nodes[i].precision == FET_DTYPE_BF16;
    assert_int_equal(n, 2);
    assert_string_equal(marks_of(base), "");
    fet_graph_destroy(graph);
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

/* A fused block that becomes an inverted bottleneck: both of its kernels are computed as the one was. */
static void test_split(void **state)
{
    (void)state;
    fet_graph *ibn = small_network(), *base = NULL;
    give_numbers(ibn, 3);
    fet_space *of_ibn = space_of(ibn, NULL);
    fet_genome genome;
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_space_base_genome(of_ibn, &genome);
    set_option(of_ibn, &genome, "stage2.block0.form", "fused");
    base = derive(of_ibn, &genome, arena);
    fet_space *space = precision_space(base, FET_SPACE_PRECISION | FET_SPACE_FUSE, NULL, 0);
    fet_arena *other = NULL;
    CHECK_OK(fet_arena_create(&other));
    fet_space_base_genome(space, &genome);
    set_option(space, &genome, "stage2.block0.form", "ibn");
    set_option(space, &genome, "stage2.block0.precision", "bf16");
    fet_graph *graph = derive(space, &genome, other);
    uint32_t n = 0;
    for (fet_id i = 0; i < graph->n_nodes; i++) n += graph->nodes[i].precision == FET_DTYPE_BF16;
    assert_int_equal(n, 3);
    fet_graph_destroy(graph);
    fet_space_destroy(space);
    fet_arena_destroy(other);
    fet_graph_destroy(base);
    fet_arena_destroy(arena);
    fet_space_destroy(of_ibn);
    fet_graph_destroy(ibn);
}

/* Whatever is drawn: settling changes no network, two canonical genomes are the same network only when they are equal, and the same marks
 * at other layers are other networks. */
static void check_settling(const fet_graph *base, uint32_t kinds)
{
    enum { N = 600 };
    static uint64_t hashes[N];
    static fet_genome genomes[N];
    fet_space *space = precision_space(base, kinds, NULL, 0);
    fet_arena *arena = NULL;
    fet_rng rng;
    uint32_t n_settled = 0;
    CHECK_OK(fet_arena_create(&arena));
    fet_rng_init(&rng, 4, 0, FET_RNG_TEST);
    for (int i = 0; i < N; i++) {
        fet_genome raw = {.n = (uint8_t)fet_space_n_decisions(space)};
        for (uint32_t d = 0; d < raw.n; d++) raw.option[d] = (uint8_t)fet_rng_below(&rng, fet_space_decision(space, d)->n_options);
        if (i % 2 && i > 0) { /* a neighbour of the one before */
            uint32_t d = fet_rng_below(&rng, raw.n);
            uint8_t option = raw.option[d];
            raw = genomes[i - 1];
            raw.option[d] = option;
        }
        genomes[i] = raw;
        fet_space_canonicalise(space, &genomes[i]);
        fet_graph *one = derive(space, &raw, arena), *two = derive(space, &genomes[i], arena);
        hashes[i] = fet_graph_hash(one);
        assert_true(hashes[i] == fet_graph_hash(two));
        n_settled += !fet_genome_equal(&raw, &genomes[i]);
        fet_graph_destroy(one);
        fet_graph_destroy(two);
        fet_arena_reset(arena);
        for (int j = 0; j < i; j++) assert_int_equal(hashes[i] == hashes[j], fet_genome_equal(&genomes[i], &genomes[j]));
    }
    assert_true(n_settled > N / 20);
    fet_arena_destroy(arena);
    fet_space_destroy(space);
}

static void test_settling(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    check_settling(base, FET_SPACE_FUSE | FET_SPACE_SKIP | FET_SPACE_PRECISION);
    check_settling(base, FET_SPACE_FUSE | FET_SPACE_SKIP | FET_SPACE_LAYER_PRECISION);
    fet_graph_destroy(base);
}

static void test_locks(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    const char *const locks[] = {"stage2.block0.precision=bf16", "layer20.precision!=f32"};
    fet_space *space = precision_space(base, FET_SPACE_PRECISION, locks, 2);
    fet_genome genome;
    assert_string_equal(options_text(space, "stage2.block0.precision"), "(int8)*,bf16,(f32)");
    assert_string_equal(options_text(space, "layer20.precision"), "int8*,bf16,(f32)");
    fet_space_start_genome(space, &genome);
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_graph *graph = derive(space, &genome, arena);
    assert_non_null(strstr(marks_of(graph), ":bf16"));
    fet_graph_destroy(graph);
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

/* The first and the last layers are said by the job: every candidate has them so, and nothing is left to decide there. */
static void test_ends(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_PRECISION | FET_SPACE_FUSE | FET_SPACE_SKIP;
    options.first = FET_DTYPE_BF16;
    options.last = FET_DTYPE_F32;
    fet_space *space = space_of(base, &options);
    fet_arena *arena = NULL;
    fet_rng rng;
    CHECK_OK(fet_arena_create(&arena));
    fet_rng_init(&rng, 9, 0, FET_RNG_TEST);
    assert_string_equal(options_text(space, "layer1.precision"), "absent");
    assert_string_equal(options_text(space, "layer19.precision"), "int8*,bf16");
    assert_string_equal(options_text(space, "layer20.precision"), "absent");
    const char *const first = base->nodes[layer_numbered(base, 1)].name, *const last = base->nodes[layer_numbered(base, 20)].name;
    for (int i = 0; i < 40; i++) {
        fet_genome genome;
        fet_space_sample(space, &rng, &genome);
        fet_graph *graph = derive(space, &genome, arena);
        for (fet_id n = 0; n < graph->n_nodes; n++) {
            if (strcmp(graph->nodes[n].name, first) == 0) assert_int_equal(graph->nodes[n].precision, FET_DTYPE_BF16);
            if (strcmp(graph->nodes[n].name, last) == 0) assert_int_equal(graph->nodes[n].precision, FET_DTYPE_F32);
        }
        fet_graph_destroy(graph);
        fet_arena_reset(arena);
    }
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

/* A base that comes with marks: they are its own options, and stay where nothing is decided. */
static void test_marked_base(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_genome genome;
    fet_id stem = layer_numbered(base, 1), expand = layer_numbered(base, 4), head = layer_numbered(base, 19);
    base->nodes[stem].precision = FET_DTYPE_F32;
    base->nodes[expand].precision = FET_DTYPE_BF16;
    base->nodes[head].precision = FET_DTYPE_BF16;
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_PRECISION;
    fet_space *space = space_of(base, &options);
    assert_string_equal(options_text(space, "layer1.precision"), "int8,bf16,f32*");
    assert_string_equal(options_text(space, "stage2.block0.precision"), "absent"); /* of two precisions */
    assert_string_equal(options_text(space, "layer19.precision"), "int8,bf16*");
    char expected[256];
    snprintf(expected, sizeof expected, "%s:f32 %s:bf16 %s:bf16", base->nodes[stem].name, base->nodes[expand].name, base->nodes[head].name);
    fet_space_base_genome(space, &genome);
    check_marks(space, &genome, expected);
    set_option(space, &genome, "layer1.precision", "int8");
    check_marks(space, &genome, strchr(expected, ' ') + 1);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

static void test_no_memory(void **state)
{
    (void)state;
    fet_graph *base = small_network();
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_FUSE | FET_SPACE_PRECISION;
    options.first = FET_DTYPE_BF16;
    for (uint64_t n = 0;; n++) {
        fet_auto(fet_arena) arena = NULL;
        fet_auto(fet_space) space = NULL;
        fet_auto(fet_graph) graph = NULL;
        fet_genome genome;
        CHECK_OK(fet_arena_create(&arena));
        fet_alloc_fail_after(n);
        fet_status status = fet_space_create(base, &options, &space);
        if (status == FET_OK) {
            fet_space_base_genome(space, &genome);
            genome.option[1] = 1;
            status = fet_space_derive(space, &genome, arena, &graph);
        }
        bool done = fet_alloc_fail_after(UINT64_MAX) <= n;
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        if (!done) continue;
        CHECK_OK(status);
        break;
    }
    fet_graph_destroy(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sites), cmocka_unit_test(test_marks), cmocka_unit_test(test_split),       cmocka_unit_test(test_settling),
        cmocka_unit_test(test_locks), cmocka_unit_test(test_ends),  cmocka_unit_test(test_marked_base), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
