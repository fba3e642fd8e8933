// SPDX-License-Identifier: Apache-2.0
/*
 * Batch norms put behind the convolutions of networks that have none: the function stays, also once the norms have statistics, and folding
 * brings the convolutions back. Which get one: all but those that have one already, or make maps of a single pixel.
 */
#include "zoo.h"

#include "space/networks.h"
#include "space/reference.h"

#include "rewrite/fold_batchnorm.h"
#include "rewrite/unfold_batchnorm.h"

#include <math.h>

static uint32_t n_of(const fet_graph *graph, fet_op_kind op)
{
    uint32_t count = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++) count += graph->nodes[n].op == op;
    return count;
}

static uint32_t n_neutral(const fet_graph *graph)
{
    uint32_t count = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++) count += fet_batchnorm_is_neutral(graph, &graph->nodes[n]);
    return count;
}

/* Any statistics: gamma and beta follow. */
static void give_statistics(fet_graph *graph)
{
    double mean[512], variance[512];
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        if (!fet_batchnorm_is_neutral(graph, &graph->nodes[n])) continue;
        int64_t channels = graph->values[graph->nodes[n].outputs[0]].shape.dim[1];
        assert_true(channels <= 512);
        for (int64_t c = 0; c < channels; c++) {
            mean[c] = sin((double)(n + 3 * c));
            variance[c] = c % 5 ? 0.1 + (double)(c % 7) : 0; /* a channel that never changes */
        }
        CHECK_OK(fet_batchnorm_set_statistics(graph, n, mean, variance));
    }
}

static void keeps_the_function(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fet_graph *with = i ? zoo_network() : small_network(), *graph = NULL, *again = NULL;
        give_numbers(with, 9);
        CHECK_OK(fet_graph_copy(with, NULL, 0, &graph));
        CHECK_OK(fet_fold_batchnorm(graph, NULL)); /* as such networks come */
        CHECK_OK(fet_graph_copy(graph, NULL, 0, &again));
        uint32_t count = 0;
        CHECK_OK(fet_unfold_batchnorm(again, &count));
        assert_true(count > 2);
        assert_int_equal(n_of(again, FET_OP_BATCH_NORMALIZATION), n_of(graph, FET_OP_BATCH_NORMALIZATION) + count);
        assert_int_equal(n_neutral(again), count);
        CHECK_OK(fet_graph_verify(again));
        CHECK_NEAR(reference_difference(graph, again, 1), 0, 1e-5);
        give_statistics(again);
        assert_int_equal(n_neutral(again), 0);
        CHECK_NEAR(reference_difference(graph, again, 1), 0, 1e-5);
        /* Once more there is nothing to do, and folding is the way back. */
        CHECK_OK(fet_unfold_batchnorm(again, &count));
        assert_int_equal(count, 0);
        CHECK_OK(fet_fold_batchnorm(again, NULL));
        assert_int_equal(n_of(again, FET_OP_BATCH_NORMALIZATION), n_of(graph, FET_OP_BATCH_NORMALIZATION));
        CHECK_NEAR(reference_difference(graph, again, 1), 0, 1e-5);
        fet_graph_destroy(again);
        fet_graph_destroy(graph);
        fet_graph_destroy(with);
    }
}

static void leaves_what_it_must(void **state)
{
    (void)state;
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape shape = fet_shape_4d(1, 4, 5, 5);
    fet_id image = FET_NONE;
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &image));
    fet_id normed = zoo_norm(graph, "n1", zoo_conv(graph, "c1", image, 4, 3, 1)); /* has one */
    fet_id bare = zoo_conv(graph, "c2", normed, 6, 1, 1);                         /* gets one */
    fet_id pooled = zoo_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", bare);
    fet_id gate = zoo_conv(graph, "c3", pooled, 6, 1, 1); /* one pixel */
    CHECK_OK(fet_graph_add_output(graph, gate));
    give_numbers(graph, 3);
    uint32_t count = 0;
    CHECK_OK(fet_unfold_batchnorm(graph, &count));
    assert_int_equal(count, 1);
    assert_int_not_equal(fet_graph_find_node(graph, "c2.norm"), FET_NONE);
    assert_int_equal(fet_graph_find_node(graph, "c3.norm"), FET_NONE);
    fet_graph_destroy(graph);
}

static void no_memory(void **state)
{
    (void)state;
    fet_graph *whole = small_network();
    give_numbers(whole, 9);
    CHECK_OK(fet_fold_batchnorm(whole, NULL));
    fet_status status = FET_ERROR_NOMEM;
    uint64_t n = 0;
    for (; status != FET_OK; n++) {
        fet_graph *graph = NULL;
        CHECK_OK(fet_graph_copy(whole, NULL, 0, &graph));
        fet_alloc_fail_after(n);
        status = fet_unfold_batchnorm(graph, NULL);
        fet_alloc_fail_after(UINT64_MAX);
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        else CHECK_NEAR(reference_difference(whole, graph, 1), 0, 1e-5);
        fet_graph_destroy(graph);
    }
    assert_true(n > 3);
    fet_graph_destroy(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_function),
        cmocka_unit_test(leaves_what_it_must),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests_name("unfold_batchnorm", tests, NULL, NULL);
}
