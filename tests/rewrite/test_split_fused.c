// SPDX-License-Identifier: Apache-2.0
/* Fused blocks back into inverted bottlenecks: exact where they can be, sound among other decisions, and factors that are the nearest. */
#include "run.h"
#include "space/spaces.h"
#include "zoo.h"

#include "engine/factor.h"
#include "engine/init.h"
#include "rewrite/split_fused.h"

#include <math.h>

enum { IN = 4, HIDDEN = 12, OUT = 6, KERNEL = 3, WINDOW = KERNEL * KERNEL };

/* Dense 3x3 to more channels, 1x1 to fewer; its kernel is a product, output by output, when `product`. */
static fet_graph *fused_network(bool activation, bool product)
{
    fet_graph *graph = NULL;
    fet_shape shape = fet_shape_4d(1, IN, 7, 6);
    fet_id v = FET_NONE;
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &v));
    CHECK_OK(fet_build_conv(graph, "dense", v, &(fet_conv_options){.out_channels = HIDDEN, .kernel = KERNEL, .stride = 2}, &v));
    v = zoo_norm(graph, "dense.bn", v);
    if (activation) v = zoo_unary(graph, FET_OP_RELU, "dense.act", v);
    CHECK_OK(fet_build_conv(graph, "project", v, &(fet_conv_options){.out_channels = OUT, .kernel = 1}, &v));
    CHECK_OK(fet_graph_add_output(graph, v));
    CHECK_OK(fet_graph_infer(graph));
    give_numbers(graph, 3);
    if (!product) return graph;
    fet_rng rng;
    fet_rng_init(&rng, 4, 0, FET_RNG_TEST);
    for (fet_id p = 0; p < graph->n_params; p++) {
        const fet_tensor *tensor = graph->params[p].tensor;
        if (tensor->shape.rank != 4 || tensor->shape.dim[2] != KERNEL) continue;
        for (int o = 0; o < HIDDEN; o++) {
            float e[IN], d[WINDOW];
            for (int i = 0; i < IN; i++) e[i] = (float)fet_rng_normal(&rng);
            for (int k = 0; k < WINDOW; k++) d[k] = (float)fet_rng_normal(&rng);
            for (int i = 0; i < IN; i++)
                for (int k = 0; k < WINDOW; k++) fet_tensor_f32(tensor)[(size_t)((o * IN + i) * WINDOW + k)] = e[i] * d[k];
        }
    }
    return graph;
}

static fet_graph *split(const fet_space *space, fet_arena *arena)
{
    fet_genome genome;
    fet_graph *graph = NULL;
    fet_space_base_genome(space, &genome);
    assert_string_equal(options_text(space, "stage1.block0.form"), "fused*,ibn");
    for (uint32_t d = 0; d < genome.n; d++)
        if (strcmp(fet_space_decision(space, d)->name, "stage1.block0.form") == 0) genome.option[d] = 1;
    CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
    CHECK_OK(fet_graph_verify(graph));
    CHECK_OK(fet_graph_init_params(graph, fet_space_base(space), 1));
    return graph;
}

/* A product without an activation between computes the same; with one, it has the depthwise's work and the activation twice. */
static void split_blocks(void **state)
{
    (void)state;
    for (int activation = 0; activation < 2; activation++) {
        fet_graph *base = fused_network(activation, true);
        fet_space *space = space_of(base, NULL);
        fet_arena *arena = NULL;
        CHECK_OK(fet_arena_create(&arena));
        fet_graph *graph = split(space, arena);
        assert_int_equal(graph->n_nodes, base->n_nodes + 1 + (uint32_t)activation);
        fet_op_work work;
        fet_graph_work(graph, &work);
        /* 1x1 on 7x6, depthwise and project on 4x3. */
        assert_int_equal(work.macs, 42 * IN * HIDDEN + 12 * HIDDEN * WINDOW + 12 * HIDDEN * OUT);
        if (!activation) assert_true(run_difference(base, graph, 2) < 1e-5);
        fet_graph_destroy(graph);
        fet_arena_destroy(arena);
        fet_space_destroy(space);
        fet_graph_destroy(base);
    }
}

static void among_other_decisions(void **state)
{
    (void)state;
    fet_graph *base = fused_network(true, false);
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL | FET_SPACE_INNER_WIDTH;
    fet_space *space = space_of(base, &options);
    fet_arena *arena = NULL;
    CHECK_OK(fet_arena_create(&arena));
    fet_rng rng;
    fet_rng_init(&rng, 6, 0, FET_RNG_TEST);
    uint64_t before = fet_graph_hash(base);
    for (int i = 0; i < 60; i++) {
        fet_genome genome;
        fet_graph *graph = NULL;
        fet_space_sample(space, &rng, &genome);
        CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
        CHECK_OK(fet_graph_verify(graph));
        CHECK_OK(fet_graph_init_params(graph, base, 1));
        run_result result = run_graph(graph, 1);
        if (isnan(result.largest)) fail_msg("outputs that are not finite");
        free(result.data);
        fet_graph_destroy(graph);
        fet_arena_reset(arena);
    }
    assert_true(fet_graph_hash(base) == before);
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
}

static double residual(const float *dense, const float *e, const float *d)
{
    double sum = 0;
    for (int i = 0; i < IN; i++)
        for (int k = 0; k < WINDOW; k++) sum += pow((double)dense[i * WINDOW + k] - (double)e[i] * (double)d[k], 2);
    return sum;
}

/* Least squares of each factor in turn, from a random start: no way to a nearer product is known. */
static double alternate(const float *dense, fet_rng *rng)
{
    float e[IN], d[WINDOW];
    for (int k = 0; k < WINDOW; k++) d[k] = (float)fet_rng_normal(rng);
    for (int round = 0; round < 400; round++) {
        double ee = 0, dd = 0;
        for (int k = 0; k < WINDOW; k++) dd += (double)(d[k] * d[k]);
        for (int i = 0; i < IN; i++) {
            double sum = 0;
            for (int k = 0; k < WINDOW; k++) sum += (double)(dense[i * WINDOW + k] * d[k]);
            e[i] = (float)(sum / dd);
            ee += (double)(e[i] * e[i]);
        }
        for (int k = 0; k < WINDOW; k++) {
            double sum = 0;
            for (int i = 0; i < IN; i++) sum += (double)(dense[i * WINDOW + k] * e[i]);
            d[k] = (float)(sum / ee);
        }
    }
    return residual(dense, e, d);
}

static void factors_are_the_nearest(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 7, 0, FET_RNG_TEST);
    for (int round = 0; round < 50; round++) {
        float dense[IN * WINDOW], e[IN], d[WINDOW];
        for (int i = 0; i < IN * WINDOW; i++) dense[i] = (float)fet_rng_normal(&rng);
        fet_factor_channel(dense, IN, WINDOW, e, d);
        double found = residual(dense, e, d), sum = 0;
        for (int start = 0; start < 10; start++) assert_true(found <= alternate(dense, &rng) * (1 + 1e-4));
        for (int k = 0; k < WINDOW; k++) sum += (double)d[k];
        assert_true(sum >= 0);
    }
    /* An edge detector, and nothing at all. */
    float edge[IN * WINDOW] = {0}, e[IN], d[WINDOW];
    for (int i = 0; i < IN; i++)
        for (int k = 0; k < WINDOW; k++) edge[i * WINDOW + k] = (float)(i + 1) * (float)(k % 3 - 1);
    fet_factor_channel(edge, IN, WINDOW, e, d);
    assert_true(residual(edge, e, d) < 1e-8);
    memset(edge, 0, sizeof edge);
    fet_factor_channel(edge, IN, WINDOW, e, d);
    for (int i = 0; i < IN; i++) assert_true(e[i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(split_blocks), cmocka_unit_test(among_other_decisions),
                                       cmocka_unit_test(factors_are_the_nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
