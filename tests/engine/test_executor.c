// SPDX-License-Identifier: Apache-2.0
/* The executor against the slow interpreter, in f32 and bf16; which implementations it got; keep_all; allocation failures. */
#include "check.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "nets.h"
#include "slow.h"

#include <math.h>
#include <string.h>

static bool can_bf16(void)
{
    return fet_engine_channel_block() == 16; /* oneDNN 2.6 computes bf16 from AVX-512 on */
}

static void compare(const net_kind *kind, fet_dtype precision, int64_t batch, double tolerance)
{
    fet_graph *graph = net_make(kind, batch, 7 + (uint64_t)batch);
    fet_rng rng;
    fet_rng_init(&rng, 1, (uint64_t)batch, FET_RNG_TEST);
    const float *src[] = {slow_normal(&rng, batch * kind->channels * kind->height * kind->width)};
    float **expected = slow_run(graph, src);
    fet_executor_options options = fet_executor_default_options();
    options.precision = precision;
    options.batch = batch;
    fet_auto(fet_executor) executor = NULL;
    CHECK_OK(fet_executor_create(graph, &options, &executor));
    float *dst[8];
    for (uint32_t o = 0; o < graph->n_outputs; o++) dst[o] = malloc((size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape) * sizeof(float));
    for (int repeat = 0; repeat < 2; repeat++) {
        CHECK_OK(fet_executor_run(executor, src, dst));
        for (uint32_t o = 0; o < graph->n_outputs; o++) {
            double error = slow_error(expected[graph->outputs[o]], dst[o], fet_shape_elements(&graph->values[graph->outputs[o]].shape));
            if (!(error <= tolerance))
                fail_msg("%s, %s, batch %d, output %u: error %.3g of the largest, at most %.3g", kind->name, fet_dtype_name(precision), (int)batch, o,
                         error, tolerance);
        }
    }
    for (uint32_t o = 0; o < graph->n_outputs; o++) free(dst[o]);
    free((void *)src[0]);
    slow_free(graph, expected);
    fet_graph_destroy(graph);
}

/* f32: rounding of sums in another order, through about ten layers. */
static void test_f32(void **state)
{
    (void)state;
    for (int k = 0; k < n_net_kinds; k++)
        for (int64_t batch = 1; batch <= 3; batch += 2) compare(&net_kinds[k], FET_DTYPE_F32, batch, 1e-5);
}

/* bf16: 8 bits of mantissa, rounded at every layer. */
static void test_bf16(void **state)
{
    (void)state;
    if (!can_bf16()) skip();
    for (int k = 0; k < n_net_kinds; k++)
        for (int64_t batch = 1; batch <= 3; batch += 2) compare(&net_kinds[k], FET_DTYPE_BF16, batch, 2e-2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32),
        cmocka_unit_test(test_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
