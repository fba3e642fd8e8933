// SPDX-License-Identifier: Apache-2.0
/*
 * The linear fit by its definition: residuals of the regression are orthogonal to its inputs; where a fit without loss exists it is found;
 * layers that agree keep their tensors; and on Fashion-MNIST it is a better start than inherited or fresh weights, before and after equal
 * training (skipped without Debian's dataset-fashion-mnist).
 */
#include "../rewrite/run.h"
#include "../rewrite/zoo.h"
#include "../space/networks.h"

#include "engine/init.h"
#include "engine/refit/internal.h"
#include "space/space.h"
#include "task/classify.h"
#include "task/refit.h"
#include "task/task.h"

#include <unistd.h>

static void fill(float *x, size_t n, uint64_t seed)
{
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
    for (size_t i = 0; i < n; i++) x[i] = (float)(fet_rng_normal(&rng) + 0.5);
}

/* x' (r - x d - constant) = lambda d, columns of the rest have mean 0. */
static void check_ridge(uint32_t n, uint32_t k, uint32_t m, double ridge, bool centred)
{
    float *x = malloc((size_t)n * k * sizeof *x), *r = malloc((size_t)n * m * sizeof *r), *x0, *r0;
    double *d = calloc((size_t)k * m, sizeof *d), *constant = calloc(m, sizeof *constant);
    fill(x, (size_t)n * k, 1);
    fill(r, (size_t)n * m, 2);
    x0 = malloc((size_t)n * k * sizeof *x), r0 = malloc((size_t)n * m * sizeof *r);
    memcpy(x0, x, (size_t)n * k * sizeof *x);
    memcpy(r0, r, (size_t)n * m * sizeof *r);
    CHECK_OK(fit_ridge(x, r, n, k, m, ridge, centred, d, constant));
    double mean_square = 0, *mean = calloc(k, sizeof *mean);
    for (uint32_t i = 0; i < n && centred; i++)
        for (uint32_t j = 0; j < k; j++) mean[j] += (double)x0[i * k + j] / n;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < k; j++) mean_square += pow((double)x0[i * k + j] - mean[j], 2) / k;
    for (uint32_t o = 0; o < m; o++) {
        double *gradient = calloc(k, sizeof *gradient), sum = 0;
        for (uint32_t i = 0; i < n; i++) {
            double rest = (double)r0[i * m + o] - constant[o];
            for (uint32_t j = 0; j < k; j++) rest -= (double)x0[i * k + j] * d[j * m + o];
            sum += rest;
            for (uint32_t j = 0; j < k; j++) gradient[j] += ((double)x0[i * k + j] - mean[j]) * rest;
        }
        for (uint32_t j = 0; j < k; j++) CHECK_NEAR(gradient[j], ridge * mean_square * d[j * m + o], 2e-4 * n);
        if (centred) CHECK_NEAR(sum, 0, 1e-4 * n);
        else assert_true(constant[o] == 0);
        free(gradient);
    }
    free(x), free(r), free(x0), free(r0), free(d), free(constant), free(mean);
}

static void normal_equations(void **state)
{
    (void)state;
    check_ridge(50, 4, 3, 1e-3, true);
    check_ridge(1300, 27, 8, 1e-3, true);
    check_ridge(700, 90, 1, 1e-1, false);
    check_ridge(20, 40, 5, 1e-2, true); /* fewer rows than unknowns */
    /* Zeros have no say; a column that stands twice has one solution. */
    float x[4 * 2] = {1, 1, 2, 2, 3, 3, 5, 5}, r[4] = {2, 4, 6, 10};
    double d[2], constant;
    CHECK_OK(fit_ridge(x, r, 4, 2, 1, 1e-9, false, d, &constant));
    CHECK_NEAR(d[0], 1, 1e-4);
    CHECK_NEAR(d[1], 1, 1e-4);
    memset(x, 0, sizeof x);
    CHECK_OK(fit_ridge(x, r, 4, 2, 1, 1e-3, true, d, &constant));
    assert_true(d[0] == 0 && d[1] == 0);
}

enum { BATCH = 40, SIDE = 9 };

/* Convolutions of every kind without anything between them that is not linear, ending in a matrix; or with norms and ReLUs. */
static fet_graph *network(bool linear)
{
    fet_graph *graph = NULL;
    fet_id v = FET_NONE, trunk;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape shape = fet_shape_4d(1, 3, SIDE, SIDE);
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &v));
    v = zoo_norm(graph, "stem.bn", zoo_conv(graph, "stem", v, 6, 3, 1));
    trunk = v;
    v = zoo_norm(graph, "expand.bn", zoo_conv(graph, "expand", v, 12, 1, 1));
    if (!linear) v = zoo_unary(graph, FET_OP_RELU, "expand.act", v);
    CHECK_OK(fet_build_conv(graph, "depthwise", v, &(fet_conv_options){.out_channels = 12, .kernel = 3, .group = 12}, &v));
    v = zoo_norm(graph, "depthwise.bn", v);
    if (!linear) v = zoo_unary(graph, FET_OP_RELU, "depthwise.act", v);
    v = zoo_norm(graph, "project.bn", zoo_conv(graph, "project", v, 6, 1, 1));
    v = zoo_binary(graph, FET_OP_ADD, "add", v, trunk);
    CHECK_OK(fet_build_conv(graph, "grouped", v, &(fet_conv_options){.out_channels = 8, .kernel = 3, .stride = 2, .group = 2, .bias = true},
                            &v));
    v = zoo_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", v);
    v = zoo_unary(graph, FET_OP_FLATTEN, "flat", v);
    CHECK_OK(fet_build_gemm(graph, "out", v, 4, &v));
    CHECK_OK(fet_graph_add_output(graph, v));
    CHECK_OK(fet_graph_infer(graph));
    give_numbers(graph, 4);
    return graph;
}

static float *images_of(int64_t n, uint64_t seed)
{
    float *images = malloc((size_t)(n * 3 * SIDE * SIDE) * sizeof *images);
    fill(images, (size_t)(n * 3 * SIDE * SIDE), seed);
    return images;
}

static fet_refit *fit_of(const fet_graph *base, const float *images, double ridge)
{
    fet_refit_options options = fet_refit_default_options();
    fet_refit *fit = NULL;
    options.batch = BATCH;
    options.rows = 1000;
    options.ridge = ridge;
    CHECK_OK(fet_refit_create(base, images, &options, &fit));
    return fit;
}

/* The base again, every parameter with its origin; with numbers of its own for the parameters named. */
static fet_graph *copy_with(const fet_graph *base, const char *const *changed, uint32_t n)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_copy(base, NULL, 0, &graph));
    for (fet_id p = 0; p < graph->n_params; p++) {
        graph->params[p].origin = (fet_origin){.rule = FET_ORIGIN_SAME, .base = {p, FET_NONE, FET_NONE, FET_NONE}};
        for (uint32_t i = 0; i < n; i++) {
            if (strcmp(graph->values[graph->params[p].value].name, changed[i]) != 0) continue;
            fet_tensor *tensor = NULL;
            CHECK_OK(fet_tensor_copy(graph->params[p].tensor, &tensor));
            fill(fet_tensor_f32(tensor), (size_t)fet_tensor_elements(tensor), p + 50);
            fet_graph_set_tensor(graph, p, tensor);
            fet_tensor_release(tensor);
        }
    }
    return graph;
}

/* Weights made worthless are found again, one layer after the other: what is linear in them has a fit without loss. */
static void finds_what_there_is(void **state)
{
    (void)state;
    static const char *const changed[] = {"stem.weight",    "depthwise.weight", "project.weight",
                                          "grouped.weight", "grouped.bias",     "out.weight"};
    float *images = images_of(BATCH, 7);
    for (int linear = 0; linear < 2; linear++) {
        fet_auto(fet_graph) base = network(linear);
        fet_auto(fet_graph) graph = copy_with(base, changed, sizeof changed / sizeof *changed);
        for (uint32_t i = 0; i < sizeof changed / sizeof *changed; i++) assert_true(fet_graph_find_value(graph, changed[i]) != FET_NONE);
        fet_auto(fet_refit) fit = fit_of(base, images, 1e-7);
        fet_refit_result result;
        assert_true(run_difference(base, graph, 3) > 0.1);
        CHECK_OK(fet_refit_params(fit, graph, images, &result));
        assert_true(result.n_fitted >= 4 && result.n_left == 0);
        assert_true(result.error > 0.01 && result.error_left < 1e-5);
        double difference = run_difference(base, graph, 3); /* on other data than the fit's */
        if (!(difference < 5e-3)) fail_msg("outputs %g apart", difference);
    }
    free(images);
}

static void same_stays(void **state)
{
    (void)state;
    float *images = images_of(BATCH, 7);
    fet_auto(fet_graph) base = network(false);
    fet_auto(fet_graph) graph = copy_with(base, NULL, 0);
    fet_auto(fet_refit) fit = fit_of(base, images, 1e-3);
    fet_refit_result result;
    CHECK_OK(fet_refit_params(fit, graph, images, &result));
    assert_int_equal(result.n_fitted, 0);
    assert_int_equal(result.n_same, 6);
    for (fet_id p = 0; p < graph->n_params; p++) assert_ptr_equal(graph->params[p].tensor, base->params[p].tensor);
    free(images);
}

/* Half of the stem: what the other half gave is made good by whoever reads it, and the addition behind the block. */
static void narrower(void **state)
{
    (void)state;
    float *images = images_of(BATCH, 7);
    fet_graph *base = small_network();
    give_numbers(base, 5);
    fet_graph_destroy(base);
    fet_template_options template = small_options();
    template.channels = 3, template.height = template.width = SIDE;
    CHECK_OK(fet_template_build("ibn_classifier", &template, &base));
    give_numbers(base, 5);
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL;
    fet_space *space = NULL;
    fet_arena *arena = NULL;
    CHECK_OK(fet_space_create(base, &options, &space));
    CHECK_OK(fet_arena_create(&arena));
    fet_auto(fet_refit) fit = fit_of(base, images, 1e-3);
    fet_rng rng;
    fet_rng_init(&rng, 5, 0, FET_RNG_TEST);
    int better = 0, total = 0;
    for (int i = 0; i < 12; i++) {
        fet_genome genome;
        fet_graph *graph = NULL;
        fet_refit_result result;
        fet_space_sample(space, &rng, &genome);
        CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
        CHECK_OK(fet_graph_init_params(graph, base, 1));
        double before = run_difference(base, graph, 3);
        CHECK_OK(fet_refit_params(fit, graph, images, &result));
        CHECK_OK(fet_graph_verify(graph));
        double after = run_difference(base, graph, 3);
        assert_true(isfinite(after));
        if (result.n_fitted) total++, better += after < before;
        assert_true(result.error_left <= result.error * 1.0001);
        fet_graph_destroy(graph);
        fet_arena_reset(arena);
    }
    print_message("# %d of %d candidates nearer to the base on other data\n", better, total);
    assert_true(total >= 8 && better * 4 >= total * 3);
    fet_arena_destroy(arena);
    fet_space_destroy(space);
    fet_graph_destroy(base);
    free(images);
}

static void without_memory(void **state)
{
    (void)state;
    static const char *const changed[] = {"project.weight"};
    float *images = images_of(BATCH, 7);
    fet_auto(fet_graph) base = network(false);
    for (uint64_t n = 0, step = 1;; n += step, step += n / 50) {
        fet_auto(fet_graph) graph = copy_with(base, changed, 1);
        fet_refit_options options = fet_refit_default_options();
        options.batch = BATCH;
        options.rows = 50;
        fet_refit *fit = NULL;
        fet_refit_result result;
        fet_alloc_fail_after(n);
        fet_status status = fet_refit_create(base, images, &options, &fit);
        if (status == FET_OK) status = fet_refit_params(fit, graph, images, &result);
        fet_alloc_fail_after(UINT64_MAX);
        fet_refit_destroy(fit);
        CHECK_OK(fet_graph_verify(graph));
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
    fet_refit_options options = fet_refit_default_options();
    fet_refit *fit = NULL;
    CHECK_FAILS(FET_ERROR_ARG, fet_refit_create(base, images, &options, &fit)); /* no batch */
    free(images);
}

/* --- real data --- */

static double accuracy_of(const fet_graph *graph, const fet_dataset *data)
{
    fet_accuracy accuracy;
    CHECK_OK(fet_classify_eval(graph, data, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, 2000, &accuracy));
    return accuracy.share;
}

static void train(fet_graph *graph, const fet_dataset *data, double epochs, float rate)
{
    fet_train_options options = fet_train_default_options();
    fet_train_result result;
    options.epochs = epochs;
    options.learning_rate = rate;
    options.seed = 1;
    CHECK_OK(fet_classify_train(graph, data, &options, &result));
}

static void better_start_on_real_data(void **state)
{
    (void)state;
    enum { GENOMES = 4, STARTS = 3 };
    const char *path = "/usr/share/datasets/fashion-mnist";
    if (access(path, R_OK) != 0) {
        print_message("# skipped: %s is not on this machine (Debian: dataset-fashion-mnist)\n", path);
        return;
    }
    fet_dataset_options from = {.kind = "idx", .path = path};
    fet_auto(fet_dataset) data = NULL;
    fet_auto(fet_refit) kept = NULL;
    fet_auto(fet_graph) base = NULL;
    fet_template_options template = small_options();
    template.channels = 1, template.height = template.width = 28, template.n_classes = 10, template.stem_stride = 2;
    CHECK_OK(fet_dataset_open(&from, &data));
    CHECK_OK(fet_template_build("ibn_classifier", &template, &base));
    CHECK_OK(fet_graph_init_params(base, NULL, 1));
    train(base, data, 0.5, 0.2f);
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL & ~FET_SPACE_RESOLUTION;
    fet_space *space = NULL;
    fet_arena *arena = NULL;
    CHECK_OK(fet_space_create(base, &options, &space));
    CHECK_OK(fet_arena_create(&arena));
    fet_rng rng;
    fet_rng_init(&rng, 2, 0, FET_RNG_TEST);
    double before[STARTS] = {0}, after[STARTS] = {0};
    for (int i = 0; i < GENOMES; i++) {
        fet_genome genome;
        fet_space_sample(space, &rng, &genome);
        for (int start = 0; start < STARTS; start++) {
            fet_graph *graph = NULL;
            CHECK_OK(fet_space_derive(space, &genome, arena, &graph));
            for (fet_id p = 0; p < graph->n_params && start == 0; p++)
                if (graph->params[p].trainable) graph->params[p].origin = (fet_origin){.rule = FET_ORIGIN_FRESH};
            CHECK_OK(fet_graph_init_params(graph, base, 7));
            if (start == 2) CHECK_OK(fet_task_refit(graph, base, data, NULL, &kept, NULL));
            CHECK_OK(fet_task_recalibrate(graph, data, 4, 1));
            before[start] += accuracy_of(graph, data) / GENOMES;
            train(graph, data, 0.05, 0.02f);
            after[start] += accuracy_of(graph, data) / GENOMES;
            fet_graph_destroy(graph);
            fet_arena_reset(arena);
        }
    }
    print_message(
        "# mean accuracy of %d candidates, base %.3f; before and after 0.05 epochs at 0.02: fresh %.3f %.3f, inherited %.3f %.3f, fitted "
        "%.3f %.3f\n",
        GENOMES, accuracy_of(base, data), before[0], after[0], before[1], after[1], before[2], after[2]);
    for (int other = 0; other < 2; other++) {
        assert_true(before[2] > before[other]);
        assert_true(after[2] > after[other]);
    }
    fet_arena_destroy(arena);
    fet_space_destroy(space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_equations), cmocka_unit_test(finds_what_there_is), cmocka_unit_test(same_stays),
        cmocka_unit_test(narrower),         cmocka_unit_test(without_memory),      cmocka_unit_test(better_start_on_real_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
