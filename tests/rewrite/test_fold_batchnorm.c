// SPDX-License-Identifier: Apache-2.0
/* Folding keeps the function, takes every norm that can be taken, leaves the others, and touches no tensor that another graph holds. */
#include "zoo.h"

#include "space/networks.h"
#include "space/reference.h"

#include "rewrite/fold_batchnorm.h"

static uint32_t n_norms(const fet_graph *graph)
{
    uint32_t count = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++) count += graph->nodes[n].op == FET_OP_BATCH_NORMALIZATION;
    return count;
}

static void keeps_the_function(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fet_graph *graph = i ? zoo_network() : small_network();
        give_numbers(graph, 9);
        fet_graph *folded = NULL;
        CHECK_OK(fet_graph_copy(graph, NULL, 0, &folded));
        uint32_t expected = n_norms(graph), count = 0;
        CHECK_OK(fet_fold_batchnorm(folded, &count));
        assert_int_equal(count, expected);
        assert_int_equal(n_norms(folded), 0);
        CHECK_OK(fet_graph_verify(folded));
        CHECK_NEAR(reference_difference(graph, folded, 1), 0, 1e-5);
        assert_int_not_equal(fet_graph_find_value(folded, i ? "a.bn" : "stem.bn"), FET_NONE); /* outside names stay */
        assert_int_equal(n_norms(graph), expected);
        fet_graph_destroy(folded);
        CHECK_NEAR(reference_difference(graph, graph, 1), 0, 0);
        fet_graph_destroy(graph);
    }
}

/* conv -> norm with the conv's map read elsewhere too; shared weights; a norm on the input; a norm behind a matrix. */
static void leaves_what_it_must(void **state)
{
    (void)state;
    fet_graph *graph = NULL, *folded = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape shape = fet_shape_4d(1, 4, 5, 5);
    fet_id image = FET_NONE, node = FET_NONE, value = FET_NONE;
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &image));
    fet_id first = zoo_norm(graph, "n0", image); /* stays: no convolution */
    fet_id conv = zoo_conv(graph, "c1", first, 4, 3, 1);
    fet_id both = zoo_binary(graph, FET_OP_ADD, "add", conv, zoo_norm(graph, "n1", conv)); /* stays: two readers */
    fet_id shared = zoo_conv(graph, "c2", both, 4, 1, 1);
    fet_id weights[3] = {zoo_norm(graph, "n2", shared), graph->nodes[graph->values[shared].node].inputs[1],
                         graph->nodes[graph->values[shared].node].inputs[2]};
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CONV, "c3", weights, 3, 1, &node)); /* n2 and n3 stay: shared weights */
    CHECK_OK(fet_graph_infer_node(graph, node));
    value = zoo_norm(graph, "n3", graph->nodes[node].outputs[0]);
    value = zoo_unary(graph, FET_OP_FLATTEN, "flat", zoo_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", value));
    CHECK_OK(fet_build_gemm(graph, "gemm", value, 6, &value));
    value = zoo_norm(graph, "n4", value); /* goes */
    CHECK_OK(fet_graph_add_output(graph, value));
    give_numbers(graph, 4);
    CHECK_OK(fet_graph_copy(graph, NULL, 0, &folded));
    uint32_t count = 0;
    CHECK_OK(fet_fold_batchnorm(folded, &count));
    assert_int_equal(count, 1);
    assert_int_equal(fet_graph_find_node(folded, "n4"), FET_NONE);
    CHECK_OK(fet_graph_verify(folded));
    assert_string_equal(folded->values[folded->outputs[0]].name, "n4");
    CHECK_NEAR(reference_difference(graph, folded, 1), 0, 1e-5);
    fet_graph_destroy(folded);
    fet_graph_destroy(graph);
}

static void nothing_without_numbers(void **state)
{
    (void)state;
    fet_graph *graph = small_network();
    uint64_t hash = fet_graph_hash(graph);
    uint32_t count = 7;
    CHECK_OK(fet_fold_batchnorm(graph, &count));
    assert_int_equal(count, 0);
    assert_true(fet_graph_hash(graph) == hash);
    fet_graph_destroy(graph);
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    fet_graph *graph = zoo_network();
    give_numbers(graph, 9);
    for (uint64_t n = 0;; n++) {
        fet_graph *folded = NULL;
        CHECK_OK(fet_graph_copy(graph, NULL, 0, &folded));
        fet_alloc_fail_after(n);
        fet_status status = fet_fold_batchnorm(folded, NULL);
        fet_alloc_fail_after(SIZE_MAX);
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        CHECK_OK(fet_graph_verify(folded)); /* sound, folded or not */
        CHECK_NEAR(reference_difference(graph, folded, 1), 0, 1e-5);
        fet_graph_destroy(folded);
        if (status == FET_OK) break;
    }
    fet_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_function),
        cmocka_unit_test(leaves_what_it_must),
        cmocka_unit_test(nothing_without_numbers),
        cmocka_unit_test(fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
