// SPDX-License-Identifier: Apache-2.0
/* The state of a trainer: taken over by a second one it goes on bit by bit the same; what does not fit is refused and changes nothing. */
#include "check.h"

#include "base/rng.h"
#include "engine/init.h"
#include "engine/trainer.h"
#include "op/builder.h"
#include "op/op.h"

#include <string.h>

enum { BATCH = 8, SIDE = 6, CLASSES = 3 };

static fet_graph *make_graph(int64_t channels)
{
    fet_graph *graph = NULL;
    fet_id v;
    const fet_shape shape = fet_shape_4d(1, 1, SIDE, SIDE);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &v));
    CHECK_OK(fet_build_conv(graph, "conv", v, &(fet_conv_options){.out_channels = channels, .kernel = 3, .stride = 1}, &v));
    CHECK_OK(fet_build_batch_norm(graph, "bn", v, &v));
    CHECK_OK(fet_build_relu6(graph, "act", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_FLATTEN, "flatten", v, &v));
    CHECK_OK(fet_build_gemm(graph, "classifier", v, CLASSES, &v));
    CHECK_OK(fet_graph_add_output(graph, v));
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_graph_init_params(graph, NULL, 1));
    return graph;
}

static fet_trainer *make_trainer(fet_graph *graph, fet_optimizer_kind optimizer)
{
    fet_trainer *trainer = NULL;
    fet_trainer_options options = fet_trainer_default_options();
    options.dtype = FET_DTYPE_F32;
    options.batch = BATCH;
    options.optimizer = optimizer;
    CHECK_OK(fet_trainer_create(graph, &options, &trainer));
    return trainer;
}

/* Steps first .. first + n - 1, each with numbers of its own. */
static void run_steps(fet_trainer *trainer, uint64_t first, uint64_t n)
{
    for (uint64_t step = first; step < first + n; step++) {
        float image[BATCH * SIDE * SIDE], diff[BATCH * CLASSES];
        fet_rng rng;
        fet_rng_init(&rng, 1, step, FET_RNG_TEST);
        for (size_t i = 0; i < sizeof image / sizeof image[0]; i++) image[i] = (float)fet_rng_normal(&rng);
        for (size_t i = 0; i < sizeof diff / sizeof diff[0]; i++) diff[i] = (float)fet_rng_normal(&rng);
        const float *src = image, *gradient = diff;
        CHECK_OK(fet_trainer_forward(trainer, &src));
        CHECK_OK(fet_trainer_backward(trainer, &gradient));
        CHECK_OK(fet_trainer_step(trainer, 0.05f));
    }
}

static void check_same_params(const fet_graph *a, const fet_graph *b)
{
    for (uint32_t p = 0; p < a->n_params; p++)
        assert_memory_equal(a->params[p].tensor->data, b->params[p].tensor->data, a->params[p].tensor->bytes);
}

static void test_goes_on(void **state)
{
    (void)state;
    for (int optimizer = FET_OPTIMIZER_SGD; optimizer <= FET_OPTIMIZER_ADAMW; optimizer++) {
        fet_auto(fet_graph) a = make_graph(20); /* no multiple of the layout's block: padding is part of the state */
        fet_auto(fet_graph) b = make_graph(20);
        fet_auto(fet_trainer) first = make_trainer(a, (fet_optimizer_kind)optimizer);
        fet_auto(fet_trainer) second = make_trainer(b, (fet_optimizer_kind)optimizer);
        void *data = NULL;
        size_t bytes = 0;
        run_steps(first, 0, 4);
        CHECK_OK(fet_trainer_save_state(first, &data, &bytes));
        run_steps(first, 4, 3);
        run_steps(second, 100, 2); /* somewhere else before */
        CHECK_OK(fet_trainer_load_state(second, data, bytes));
        run_steps(second, 4, 3);
        CHECK_OK(fet_trainer_sync_params(first));
        CHECK_OK(fet_trainer_sync_params(second));
        check_same_params(a, b);
        fet_free(data);
    }
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = make_graph(16);
    fet_auto(fet_graph) wide = make_graph(32);
    fet_auto(fet_trainer) sgd = make_trainer(graph, FET_OPTIMIZER_SGD);
    fet_auto(fet_trainer) adamw = make_trainer(graph, FET_OPTIMIZER_ADAMW);
    fet_auto(fet_trainer) other = make_trainer(wide, FET_OPTIMIZER_SGD);
    void *data = NULL, *before = NULL, *after = NULL;
    size_t bytes = 0, before_bytes = 0, after_bytes = 0;
    run_steps(sgd, 0, 2);
    CHECK_OK(fet_trainer_save_state(sgd, &data, &bytes));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_trainer_load_state(adamw, data, bytes));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_trainer_load_state(other, data, bytes));
    run_steps(sgd, 2, 1);
    CHECK_OK(fet_trainer_save_state(sgd, &before, &before_bytes));
    for (size_t cut = 0; cut < bytes; cut += 37) CHECK_FAILS(FET_ERROR_CORRUPT, fet_trainer_load_state(sgd, data, cut));
    CHECK_OK(fet_trainer_save_state(sgd, &after, &after_bytes));
    assert_int_equal(before_bytes, after_bytes);
    assert_memory_equal(before, after, before_bytes);
    fet_free(data);
    fet_free(before);
    fet_free(after);
    fet_alloc_fail_after(0);
    CHECK_FAILS(FET_ERROR_NOMEM, fet_trainer_save_state(sgd, &data, &bytes));
    fet_alloc_fail_after(UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_goes_on), cmocka_unit_test(test_what_does_not_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
