// SPDX-License-Identifier: Apache-2.0
/* Which layers lose most in int8: each entry against the definition, one layer alone; the worst first; failures of memory. */
#include "check.h"
#include "made_data.h"

#include "rewrite/mark_precision.h"
#include "task/layers.h"

#include <math.h>

static bool count_calls(void *context, uint32_t done, uint32_t total)
{
    uint32_t *calls = context;
    assert_int_equal(done, *calls);
    assert_true(done < total);
    ++*calls;
    return true;
}

static bool refuse(void *context, uint32_t done, uint32_t total)
{
    (void)context, (void)total;
    return done < 1;
}

static void test_definition(void **state)
{
    (void)state;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = made_graph(8, MADE_CLASSES);
    CHECK_OK(fet_arena_create(&arena));
    fet_task_sight sight = {.split = FET_SPLIT_VAL, .precision = FET_DTYPE_S8, .quantise = {.batches = 2, .keep_shift = true}, .limit = 40};
    fet_layer_loss *losses = NULL;
    uint32_t n = 0, calls = 0, layers = 0;
    CHECK_OK(fet_task_layer_losses(graph, made_dataset, &sight, arena, count_calls, &calls, &losses, &n));
    for (fet_id node = 0; node < graph->n_nodes; node++) layers += fet_mark_precision_is_layer(graph, &graph->nodes[node]);
    assert_true(n > 2);
    assert_int_equal(n, layers);
    assert_int_equal(calls, n);
    for (uint32_t i = 0; i < n; i++) {
        fet_auto(fet_graph) alone = NULL;
        fet_task_quality quality;
        assert_true(losses[i].error > 0.0 && losses[i].error < 0.2);
        assert_true(i == 0 || losses[i].error <= losses[i - 1].error);
        CHECK_OK(fet_graph_copy(graph, NULL, 0, &alone));
        for (fet_id node = 0; node < graph->n_nodes; node++)
            if (node != losses[i].node && fet_mark_precision_is_layer(alone, &alone->nodes[node]))
                alone->nodes[node].precision = FET_DTYPE_F32;
        sight.original = graph;
        CHECK_OK(fet_task_imitate.evaluate(alone, made_dataset, &sight, &quality));
        CHECK_NEAR(losses[i].error, quality.error[0], 1e-9);
        CHECK_NEAR(losses[i].agreement, quality.share, 1e-9);
    }
    sight.quantise.keep_shift = false; /* corrected layers lose no more together */
    double before = 0.0, after = 0.0;
    for (uint32_t i = 0; i < n; i++) before += losses[i].error;
    CHECK_OK(fet_task_layer_losses(graph, made_dataset, &sight, arena, NULL, NULL, &losses, &n));
    for (uint32_t i = 0; i < n; i++) after += losses[i].error;
    print_message("# errors of all layers: %.4f, corrected %.4f\n", before, after);
    assert_true(after <= 1.02 * before);
    CHECK_FAILS(FET_ERROR_STATE, fet_task_layer_losses(graph, made_dataset, &sight, arena, refuse, NULL, &losses, &n));
}

static void test_no_memory(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = made_graph(8, MADE_CLASSES);
    const fet_task_sight sight = {.split = FET_SPLIT_VAL, .precision = FET_DTYPE_S8, .quantise = {.batches = 1}, .limit = 4};
    for (uint64_t n = 0;; n += 1 + n / 8) {
        fet_auto(fet_arena) arena = NULL;
        fet_layer_loss *losses = NULL;
        uint32_t n_losses = 0;
        CHECK_OK(fet_arena_create(&arena));
        fet_alloc_fail_after(n);
        fet_status status = fet_task_layer_losses(graph, made_dataset, &sight, arena, NULL, NULL, &losses, &n_losses);
        bool done = fet_alloc_fail_after(UINT64_MAX) <= n;
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        if (!done) continue;
        CHECK_OK(status);
        break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_definition), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, made_data_setup, made_data_teardown);
}
