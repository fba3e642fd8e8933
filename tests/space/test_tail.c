// SPDX-License-Identifier: Apache-2.0
/* The end of a network as a decision: what is offered where, that candidates compute what they should, and that the base stays as it is. */
#include "rewrite/zoo.h"
#include "spaces.h"

#include "engine/init.h"
#include "rewrite/run.h"

#include <math.h>

static fet_graph *classifier(bool softmax)
{
    fet_graph *graph = small_network();
    if (softmax) {
        graph->n_outputs = 0;
        fet_id logits = graph->nodes[graph->n_nodes - 1].outputs[0];
        CHECK_OK(fet_graph_add_output(graph, zoo_unary(graph, FET_OP_SOFTMAX, "probabilities", logits)));
    }
    give_numbers(graph, 5);
    return graph;
}

/* A map of classes at three times the size of what a convolution gives. */
static fet_graph *segmenter(const char *mode)
{
    fet_graph *graph = NULL;
    fet_shape shape = fet_shape_4d(1, 3, 5, 4), sizes_shape = fet_shape_1d(4);
    fet_id value = FET_NONE, sizes = FET_NONE, node = FET_NONE;
    fet_auto(fet_tensor) tensor = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &value));
    value = zoo_conv(graph, "hidden", value, 8, 3, 1);
    value = zoo_conv(graph, "scores", value, 6, 3, 1);
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &sizes_shape, &tensor));
    memcpy(fet_tensor_s64(tensor), (int64_t[]){1, 6, 15, 12}, 4 * sizeof(int64_t));
    CHECK_OK(fet_graph_add_param(graph, "sizes", FET_DTYPE_S64, &sizes_shape, tensor, false, &sizes));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_RESIZE, "resize", (fet_id[]){value, FET_NONE, FET_NONE, sizes}, 4, 1, &node));
    CHECK_OK(fet_graph_set_string(graph, node, FET_ATTR_MODE, mode));
    CHECK_OK(fet_graph_infer_node(graph, node));
    value = graph->nodes[node].outputs[0];
    CHECK_OK(fet_graph_add_node(graph, FET_OP_ARG_MAX, "classes", &value, 1, 1, &node));
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_AXIS, 1));
    CHECK_OK(fet_graph_infer_node(graph, node));
    CHECK_OK(fet_graph_add_output(graph, graph->nodes[node].outputs[0]));
    CHECK_OK(fet_graph_verify(graph));
    give_numbers(graph, 1);
    return graph;
}

static fet_space *tail_space(const fet_graph *base, const char *wanted)
{
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL;
    fet_space *space = space_of(base, &options);
    assert_string_equal(options_text(space, "tail"), wanted);
    return space;
}

/* The base with the tail's second option, with numbers. */
static fet_graph *trimmed(const fet_space *space, fet_arena *arena)
{
    fet_genome genome;
    fet_graph *graph = NULL;
    fet_space_base_genome(space, &genome);
    for (uint32_t d = 0; d < genome.n; d++)
        if (fet_space_decision(space, d)->kind == FET_DECISION_TAIL) genome.option[d] = 1;
    CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
    CHECK_OK(fet_graph_verify(graph));
    CHECK_OK(fet_graph_init_params(graph, fet_space_base(space), 1));
    return graph;
}

/* Any mixture with other decisions is a sound network, and the base is not touched. */
static void check_mixtures(const fet_space *space, fet_arena *arena)
{
    fet_rng rng;
    uint64_t before = fet_graph_hash(fet_space_base(space));
    fet_rng_init(&rng, 6, 0, FET_RNG_TEST);
    for (int i = 0; i < 50; i++) {
        fet_genome genome;
        fet_graph *graph = NULL;
        fet_space_sample(space, &rng, &genome);
        CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
        CHECK_OK(fet_graph_verify(graph));
        fet_graph_destroy(graph);
        fet_arena_reset(arena);
    }
    assert_true(fet_graph_hash(fet_space_base(space)) == before);
    CHECK_OK(fet_graph_verify(fet_space_base(space)));
}

static void logits_without_softmax(void **state)
{
    (void)state;
    fet_graph *base = classifier(true);
    fet_space *space = tail_space(base, "keep*,logits");
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_graph *graph = trimmed(space, arena);
    assert_string_equal(graph->values[graph->outputs[0]].name, "probabilities");
    assert_int_equal(graph->n_nodes, base->n_nodes - 1);
    run_result soft = run_graph(base, 2), logits = run_graph(graph, 2);
    double sum = 0;
    for (int i = 0; i < 5; i++) sum += exp((double)logits.data[i]);
    for (int i = 0; i < 5; i++) CHECK_NEAR(soft.data[i], exp((double)logits.data[i]) / sum, 1e-6);
    free(soft.data), free(logits.data);
    fet_graph_destroy(graph);
    fet_arena_reset(arena);
    check_mixtures(space, arena);
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
    base = classifier(false);
    fet_space_destroy(tail_space(base, "absent"));
    fet_graph_destroy(base);
}

static void classes_before_resize(void **state)
{
    (void)state;
    fet_graph *base = segmenter("nearest");
    fet_space *space = tail_space(base, "keep*,resize_classes");
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_graph *graph = trimmed(space, arena);
    run_result wanted = run_graph(base, 2), classes = run_graph(graph, 2);
    CHECK_NEAR(run_compare(&wanted, &classes), 0, 0);
    free(wanted.data), free(classes.data);
    fet_graph_destroy(graph);
    fet_arena_reset(arena);
    check_mixtures(space, arena);
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
    base = segmenter("linear");
    fet_space_destroy(tail_space(base, "keep*,nearest_classes"));
    fet_graph_destroy(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(logits_without_softmax), cmocka_unit_test(classes_before_resize)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
