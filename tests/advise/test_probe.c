// SPDX-License-Identifier: Apache-2.0
/* Networks costed in batches: figures are the search's, layers are the kernels of the derived network, parts add up, nothing is done twice.
 */
#include "probed.h"

static void figures_and_layers(void **state)
{
    (void)state;
    probed p = probe_on("npu-16", NULL, 0);
    fet_arena *scratch = NULL;
    fet_rng rng;
    uint32_t index[20];
    CHECK_OK(fet_arena_create(&scratch));
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int i = 0; i < 20; i++) {
        fet_genome genome;
        fet_space_sample(p.space, &rng, &genome);
        CHECK_OK(fet_probe_add(p.probe, &genome, &index[i]));
        if (i % 7 == 6) CHECK_OK(fet_probe_run(p.probe, NULL, NULL));
    }
    CHECK_OK(fet_probe_run(p.probe, NULL, NULL));
    for (uint32_t i = 0; i < 20; i++) {
        const fet_probe_net *net = fet_probe_get(p.probe, index[i]);
        fet_candidate_cost cost = cost_of_genome(&p, &net->genome);
        fet_graph *graph = NULL;
        fet_kernels kernels;
        double sum_ms = 0;
        assert_memory_equal(&cost, &net->cost, sizeof cost);
        fet_arena_reset(scratch);
        CHECK_OK(fet_space_derive(p.space, &net->genome, scratch, &graph));
        CHECK_OK(fet_kernels_split(graph, fet_device_fusion_rules(p.device), FET_DTYPE_S8, scratch, &kernels));
        assert_int_equal(kernels.count, net->n_layers);
        for (uint32_t k = 0; k < kernels.count; k++) {
            assert_true(fet_kernel_key_equal(&kernels.items[k].key, &net->layers[k].key));
            if (kernels.items[k].anchor != FET_NONE) assert_string_equal(net->layers[k].name, graph->nodes[kernels.items[k].anchor].name);
            sum_ms += net->layers[k].latency_ms;
        }
        CHECK_NEAR(sum_ms, cost.metric[FET_METRIC_LATENCY], 1e-9 * sum_ms);
        fet_graph_destroy(graph);
    }
    fet_arena_destroy(scratch);
    probed_clear(&p);
}

static void each_once(void **state)
{
    (void)state;
    probed p = probe_on("npu-16", NULL, 0);
    fet_genome base;
    uint32_t first = 9, again = 9;
    fet_space_base_genome(p.space, &base);
    CHECK_OK(fet_probe_add(p.probe, &base, &first));
    assert_int_equal(fet_probe_count(p.probe), 0); /* not costed yet */
    CHECK_OK(fet_probe_run(p.probe, NULL, NULL));
    CHECK_OK(fet_probe_add(p.probe, &base, &again));
    CHECK_OK(fet_probe_run(p.probe, NULL, NULL));
    assert_int_equal(first, again);
    assert_int_equal(fet_probe_count(p.probe), 1);
    assert_ptr_equal(fet_probe_space(p.probe), p.space);
    assert_ptr_equal(fet_probe_device(p.probe), p.device);
    probed_clear(&p);
}

static void no_memory(void **state)
{
    (void)state;
    probed p = probe_on("npu-16", NULL, 0);
    fet_status status = FET_ERROR_NOMEM;
    for (uint64_t n = 0; status == FET_ERROR_NOMEM; n++) {
        fet_auto(fet_probe) probe = NULL;
        fet_genome base;
        uint32_t index = 0;
        fet_space_base_genome(p.space, &base);
        fet_alloc_fail_after(n);
        status = fet_probe_create(p.space, p.device, &probe);
        if (status == FET_OK) status = fet_probe_add(probe, &base, &index);
        if (status == FET_OK) status = fet_probe_run(probe, NULL, NULL);
        fet_alloc_fail_after(UINT64_MAX);
        assert_true(n < 5000);
    }
    CHECK_OK(status);
    probed_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_and_layers), cmocka_unit_test(each_once), cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
