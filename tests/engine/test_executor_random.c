// SPDX-License-Identifier: Apache-2.0
/* Random networks of random shapes: the executor in f32, bf16 and int8 against the slow interpreter. None may fall into a slow
 * implementation. */
#include "check.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "nets.h"
#include "slow.h"

enum { N_NETWORKS = 70 };

static double run(const fet_graph *graph, uint64_t seed, fet_dtype precision, int64_t batch, const fet_calibration *calibration,
                  const float *const src[], float **expected)
{
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = {.precision = precision, .batch = batch, .calibration = calibration};
    fet_status status = fet_executor_create(graph, &options, &executor);
    if (status != FET_OK) fail_msg("network %d in %s: %s", (int)seed, fet_dtype_name(precision), fet_error_message());
    float *dst[4];
    double worst = 0.0;
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        dst[o] = malloc((size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape) * sizeof(float));
    CHECK_OK(fet_executor_run(executor, src, dst));
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        double error = slow_error(expected[graph->outputs[o]], dst[o], fet_shape_elements(&graph->values[graph->outputs[o]].shape));
        worst = error > worst ? error : worst;
        free(dst[o]);
    }
    return worst;
}

/* bf16 and int8 lose digits at every one of up to 16 layers, more where activations flatten; the mean over networks is held tightly, each
 * loosely. */
static void test_random_networks(void **state)
{
    (void)state;
    double sum_bf16 = 0.0, sum_s8 = 0.0;
    for (uint64_t seed = 0; seed < N_NETWORKS; seed++) {
        int64_t batch = 1 + (int64_t)(seed % 3);
        fet_graph *graph = net_random(seed, batch);
        fet_rng rng;
        fet_rng_init(&rng, seed, 1, FET_RNG_TEST);
        float *image = slow_normal(&rng, fet_shape_elements(&graph->values[graph->inputs[0]].shape));
        const float *src[] = {image};
        float **expected = slow_run(graph, src);
        fet_auto(fet_calibration) calibration = NULL;
        CHECK_OK(fet_calibration_create(NULL, &calibration));
        CHECK_OK(fet_calibration_observe(calibration, graph, src, batch));
        double f32 = run(graph, seed, FET_DTYPE_F32, batch, NULL, src, expected);
        if (!(f32 <= 1e-5)) fail_msg("network %d in f32 is off by %.3g", (int)seed, f32);
        double bf16 = fet_engine_has_bf16() ? run(graph, seed, FET_DTYPE_BF16, batch, NULL, src, expected) : 0.0;
        if (!(bf16 <= 5e-2)) fail_msg("network %d in bf16 is off by %.3g", (int)seed, bf16);
        double s8 = run(graph, seed, FET_DTYPE_S8, batch, calibration, src, expected);
        if (!(s8 <= (fet_engine_has_vnni() ? 0.3 : 0.6))) fail_msg("network %d in int8 is off by %.3g", (int)seed, s8);
        sum_bf16 += bf16, sum_s8 += s8;
        slow_free(graph, expected);
        free(image);
        fet_graph_destroy(graph);
    }
    print_message("# mean of the largest error: bf16 %.3g, int8 %.3g of the largest output\n", sum_bf16 / N_NETWORKS, sum_s8 / N_NETWORKS);
    assert_true(sum_bf16 / N_NETWORKS <= 1e-2);
    assert_true(sum_s8 / N_NETWORKS <= (fet_engine_has_vnni() ? 0.04 : 0.08));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
