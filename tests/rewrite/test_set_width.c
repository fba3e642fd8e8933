// SPDX-License-Identifier: Apache-2.0
/*
 * One group at another width: sound graphs, the identity at full width, and functions kept where they can be. Channels that nobody reads
 * are the least important ones; without them a network computes what it did, wherever they stand (concats, groups, gates, flattened maps).
 * Growth keeps the function always.
 */
#include "zoo.h"

#include "space/networks.h"
#include "space/reference.h"

#include "engine/init.h"
#include "rewrite/importance.h"
#include "rewrite/set_width.h"

static fet_graph *networks(int i)
{
    fet_graph *graph = i == 0 ? small_network() : zoo_network();
    give_numbers(graph, 3);
    return graph;
}

static void chosen_channels(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
    for (int trial = 0; trial < 300; trial++) {
        uint32_t n = 1 + fet_rng_below(&rng, 9), wanted = 1 + fet_rng_below(&rng, 30), order[10], rank[10], index[32];
        float scale[32];
        for (uint32_t c = 0; c < n; c++) order[c] = c;
        fet_rng_shuffle(&rng, order, n);
        for (uint32_t c = 0; c < n; c++) rank[order[c]] = c;
        fet_channel_choose(order, rank, n, wanted, index, scale);
        uint32_t copies[10] = {0};
        for (uint32_t i = 0; i < wanted; i++) assert_in_range(index[i], 0, n - 1), copies[index[i]]++;
        if (wanted <= n) {
            for (uint32_t c = 0; c < n; c++) assert_int_equal(copies[c], rank[c] < wanted);
            for (uint32_t i = 1; i < wanted; i++) assert_true(index[i - 1] < index[i]);
            continue;
        }
        double share[10] = {0};
        for (uint32_t i = 0; i < wanted; i++) {
            assert_true(scale[i] > 0);
            share[index[i]] += (double)scale[i];
            for (uint32_t j = 0; j < i; j++)
                assert_true(index[i] != index[j] || scale[i] != scale[j]); /* copies differ, or they would stay twins */
        }
        for (uint32_t c = 0; c < n; c++) {
            assert_int_equal(copies[c], wanted / n + (rank[c] < wanted % n));
            CHECK_NEAR(share[c], 1, 1e-6);
        }
    }
}

static fet_graph *with_width(const fet_graph *base, const fet_channel_groups *groups, uint32_t group, uint32_t channels, fet_arena *arena)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_set_width(base, groups, group, channels, arena, &graph));
    CHECK_OK(fet_graph_init_params(graph, base, 1));
    CHECK_OK(fet_graph_verify(graph));
    return graph;
}

static void full_width_is_identity(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fet_graph *base = networks(i), *graph = NULL;
        fet_arena *arena = NULL;
        fet_channel_groups groups;
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(fet_channel_groups_find(base, arena, &groups));
        graph = with_width(base, &groups, 1, groups.groups[1].channels, arena);
        assert_true(fet_graph_hash(graph) == fet_graph_hash(base));
        for (fet_id p = 0; p < graph->n_params; p++)
            assert_memory_equal(graph->params[p].tensor->data, base->params[p].tensor->data, base->params[p].tensor->bytes);
        fet_graph_destroy(graph);
        fet_graph_destroy(base);
        fet_arena_destroy(arena);
    }
}

static void growth_keeps_the_function(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fet_graph *base = networks(i);
        fet_arena *arena = NULL;
        fet_channel_groups groups;
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(fet_channel_groups_find(base, arena, &groups));
        for (uint32_t g = 0; g < groups.n_groups; g++) {
            uint32_t channels = groups.groups[g].channels;
            for (uint32_t wanted = channels + 1; wanted < 4 * channels && !groups.groups[g].fixed; wanted += channels + 1) {
                fet_graph *graph = with_width(base, &groups, g, wanted, arena);
                CHECK_NEAR(reference_difference(base, graph, 5), 0, 1e-5);
                fet_graph_destroy(graph);
            }
        }
        fet_graph_destroy(base);
        fet_arena_destroy(arena);
    }
}

/* Zeroes the weights with which anybody reads the silent channels of the group. */
static void silence(fet_graph *graph, const fet_channel_groups *groups, uint32_t group, const bool *silent)
{
    for (uint32_t m = 0; m < groups->groups[group].n_members; m++) {
        const fet_channel_member *member = &groups->groups[group].members[m];
        const fet_channel_dim *dim = fet_channel_param_dim(groups, member->param, member->axis);
        if (!dim->summed) continue;
        fet_tensor *tensor = graph->params[member->param].tensor;
        int64_t n = fet_tensor_elements(tensor), inner = 1;
        for (uint32_t a = member->axis + 1; a < tensor->shape.rank; a++) inner *= tensor->shape.dim[a];
        for (int64_t i = 0; i < n; i++) {
            int64_t at = i / inner % tensor->shape.dim[member->axis];
            for (uint32_t r = 0; r < dim->n_runs; r++) {
                int64_t size = (int64_t)groups->groups[dim->runs[r].group].channels * dim->runs[r].inner;
                if (at < size) {
                    if (dim->runs[r].group == group && silent[at / dim->runs[r].inner]) fet_tensor_f32(tensor)[i] = 0;
                    break;
                }
                at -= size;
            }
        }
    }
}

static void silent_channels_go_first(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 4, 0, FET_RNG_TEST);
    for (int i = 0; i < 2; i++) {
        fet_arena *arena = NULL;
        CHECK_OK(fet_arena_create(&arena));
        uint32_t n_groups = 1;
        for (uint32_t g = 0; g < n_groups; g++) {
            fet_graph *base = networks(i);
            fet_channel_groups groups;
            CHECK_OK(fet_channel_groups_find(base, arena, &groups));
            n_groups = groups.n_groups;
            uint32_t channels = groups.groups[g].channels, wanted = (channels + 1) / 2, silent_left = channels - wanted;
            if (!groups.groups[g].fixed && silent_left > 0) {
                bool silent[256] = {false};
                assert_true(channels < 256);
                while (silent_left > 0) {
                    uint32_t c = fet_rng_below(&rng, channels);
                    silent_left -= !silent[c];
                    silent[c] = true;
                }
                silence(base, &groups, g, silent);
                fet_graph *graph = with_width(base, &groups, g, wanted, arena);
                CHECK_NEAR(reference_difference(base, graph, 5), 0, 1e-6);
                fet_graph_destroy(graph);
            }
            fet_graph_destroy(base);
        }
        fet_arena_destroy(arena);
    }
}

/* By hand: gamma times reader, each over its mean; a filter counts where no norm follows. */
static void importance_by_hand(void **state)
{
    (void)state;
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape shape = fet_shape_4d(1, 2, 3, 3);
    fet_id image = FET_NONE, value = FET_NONE;
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &image));
    value = zoo_norm(graph, "bn", zoo_conv(graph, "first", image, 3, 1, 1));
    value = zoo_conv(graph, "second", value, 2, 1, 1);
    CHECK_OK(fet_graph_add_output(graph, zoo_conv(graph, "third", value, 1, 1, 1)));
    give_numbers(graph, 1);
    const float gamma[3] = {1, -2, 3}, second[6] = {1, 2, 3, -1, 0, 3}, third[2] = {2, -6};
    memcpy(graph->params[graph->values[fet_graph_find_value(graph, "bn.gamma")].param].tensor->data, gamma, sizeof gamma);
    memcpy(graph->params[graph->values[fet_graph_find_value(graph, "second.weight")].param].tensor->data, second, sizeof second);
    memcpy(graph->params[graph->values[fet_graph_find_value(graph, "third.weight")].param].tensor->data, third, sizeof third);
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_channel_groups groups;
    CHECK_OK(fet_channel_groups_find(graph, arena, &groups));
    float score[3];
    uint32_t order[3];
    uint32_t g = fet_channel_group_of_value(&groups, fet_graph_find_value(graph, "first"));
    CHECK_OK(fet_channel_importance(graph, &groups, g, arena, score));
    const double readers[3] = {2, 2, 6}; /* mean 10 / 3; gamma's mean 2 */
    for (int c = 0; c < 3; c++) CHECK_NEAR(score[c], fabs((double)gamma[c]) / 2 * readers[c] / (10.0 / 3), 1e-6);
    CHECK_OK(fet_channel_order(graph, &groups, g, arena, order));
    assert_int_equal(order[0], 2), assert_int_equal(order[1], 1), assert_int_equal(order[2], 0);
    g = fet_channel_group_of_value(&groups, fet_graph_find_value(graph, "second"));
    CHECK_OK(fet_channel_importance(graph, &groups, g, arena, score));
    /* filters |1|+|2|+|3| = 6 and 4 of mean 5; readers 2 and 6 of mean 4 */
    CHECK_NEAR(score[0], 6.0 / 5 * 2 / 4, 1e-6);
    CHECK_NEAR(score[1], 4.0 / 5 * 6 / 4, 1e-6);
    fet_arena_destroy(arena);
    fet_graph_destroy(graph);
}

static void without_numbers_the_first_stay(void **state)
{
    (void)state;
    fet_graph *graph = small_network();
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_channel_groups groups;
    CHECK_OK(fet_channel_groups_find(graph, arena, &groups));
    for (uint32_t g = 0; g < groups.n_groups; g++) {
        uint32_t order[256];
        CHECK_OK(fet_channel_order(graph, &groups, g, arena, order));
        for (uint32_t c = 0; c < groups.groups[g].channels; c++) assert_int_equal(order[c], c);
    }
    fet_arena_destroy(arena);
    fet_graph_destroy(graph);
}

static void refuses_fixed_groups(void **state)
{
    (void)state;
    fet_graph *base = small_network(), *graph = NULL;
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_channel_groups groups;
    CHECK_OK(fet_channel_groups_find(base, arena, &groups));
    uint32_t image = fet_channel_group_of_value(&groups, base->inputs[0]);
    CHECK_FAILS(FET_ERROR_ARG, fet_set_width(base, &groups, image, 1, arena, &graph));
    uint32_t stem = fet_channel_group_of_value(&groups, fet_graph_find_value(base, "stem.conv"));
    CHECK_FAILS(FET_ERROR_ARG, fet_set_width(base, &groups, stem, 0, arena, &graph));
    fet_arena_destroy(arena);
    fet_graph_destroy(base);
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    fet_graph *base = networks(1);
    for (uint64_t n = 0;; n++) {
        fet_arena *arena = NULL;
        fet_graph *graph = NULL;
        fet_channel_groups groups;
        CHECK_OK(fet_arena_create(&arena));
        CHECK_OK(fet_channel_groups_find(base, arena, &groups));
        fet_alloc_fail_after(n);
        fet_status status = fet_set_width(base, &groups, 2, 9, arena, &graph);
        fet_alloc_fail_after(SIZE_MAX);
        fet_graph_destroy(graph);
        fet_arena_destroy(arena);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
    fet_graph_destroy(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chosen_channels),           cmocka_unit_test(full_width_is_identity),
        cmocka_unit_test(growth_keeps_the_function), cmocka_unit_test(silent_channels_go_first),
        cmocka_unit_test(importance_by_hand),        cmocka_unit_test(without_numbers_the_first_stay),
        cmocka_unit_test(refuses_fixed_groups),      cmocka_unit_test(fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
