// SPDX-License-Identifier: Apache-2.0
/* Scores of channels from data: against the definition, the slope of the loss (or of the outputs) when all that makes a channel is scaled,
 * by differences on the same samples; nothing for a channel that nobody reads; failures of memory. */
#include "check.h"
#include "made_data.h"

#include "base/alloc.h"
#include "rewrite/channel_groups.h"
#include "task/taylor.h"

#include <math.h>
#include <string.h>

enum { CHANNELS = 6, BATCH = 8, MOST_BATCHES = 64 };

typedef struct fixture {
    fet_graph *graph;
    fet_arena *arena;
    fet_channel_groups groups;
    uint32_t group;                    /* the one that is not fixed */
    double **score, numbers[CHANNELS]; /* score[group]: numbers */
} fixture;

static void set_up(fixture *f)
{
    f->graph = made_graph(CHANNELS, MADE_CLASSES);
    CHECK_OK(fet_arena_create(&f->arena));
    CHECK_OK(fet_channel_groups_find(f->graph, f->arena, &f->groups));
    f->score = fet_arena_zalloc(f->arena, f->groups.n_groups, sizeof *f->score);
    f->group = FET_NONE;
    for (uint32_t g = 0; g < f->groups.n_groups; g++)
        if (!f->groups.groups[g].fixed && f->groups.groups[g].channels == CHANNELS) f->group = g;
    assert_true(f->group != FET_NONE);
    memset(f->numbers, 0, sizeof f->numbers);
    f->score[f->group] = f->numbers;
}

static void tear_down(fixture *f)
{
    fet_graph_destroy(f->graph);
    fet_arena_destroy(f->arena);
}

/* gamma and beta of channel c of both batch norms, times `factor`. */
static fet_graph *scaled(const fixture *f, uint32_t c, double factor)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_copy(f->graph, NULL, 0, &graph));
    for (fet_id p = 0; p < graph->n_params; p++) {
        const char *name = graph->values[graph->params[p].value].name;
        if (!strstr(name, "gamma") && !strstr(name, "beta")) continue;
        fet_auto(fet_tensor) tensor = NULL;
        CHECK_OK(fet_tensor_copy(graph->params[p].tensor, &tensor));
        fet_tensor_f32(tensor)[c] *= (float)factor;
        fet_graph_set_tensor(graph, p, tensor);
    }
    return graph;
}

/* Outputs of the first n batches that the scores see, one after the other; labels likewise. */
static void outputs_of(fet_graph *graph, uint32_t n, uint64_t seed, float *outputs, uint32_t *labels)
{
    fet_auto(fet_loader) loader = NULL;
    fet_auto(fet_trainer) trainer = NULL;
    fet_trainer_options options = fet_trainer_default_options();
    options.batch = BATCH;
    options.dtype = FET_DTYPE_F32;
    options.freeze_bn_stats = true;
    fet_loader_options loading = fet_task_loading(graph, made_dataset, FET_SPLIT_TRAIN, BATCH);
    loading.shuffle = true;
    loading.seed = seed;
    CHECK_OK(fet_loader_create(made_dataset, &loading, &loader));
    CHECK_OK(fet_trainer_create(graph, &options, &trainer));
    uint32_t per_epoch = fet_loader_batches_per_epoch(loader);
    for (uint32_t b = 0; b < n; b++) {
        fet_batch batch;
        CHECK_OK(fet_loader_batch(loader, b / per_epoch, b % per_epoch, &batch));
        CHECK_OK(fet_trainer_forward(trainer, &batch.images));
        memcpy(outputs + (size_t)b * BATCH * MADE_CLASSES, fet_trainer_output(trainer, 0), BATCH * MADE_CLASSES * sizeof *outputs);
        memcpy(labels + (size_t)b * BATCH, batch.labels, BATCH * sizeof *labels);
        assert_int_equal(batch.count, BATCH);
    }
}

static float out[3][MOST_BATCHES * BATCH * MADE_CLASSES];
static uint32_t labels[MOST_BATCHES * BATCH];

static void differ(const fixture *f, uint32_t c, double h, uint32_t n, uint64_t seed)
{
    for (int side = 0; side < 2; side++) {
        fet_auto(fet_graph) graph = scaled(f, c, side ? 1 + h : 1 - h);
        outputs_of(graph, n, seed, out[side], labels);
    }
}

static double cross_entropy(const float *outputs, uint32_t b)
{
    double sum = 0;
    for (uint32_t i = 0; i < BATCH; i++) {
        const float *logits = outputs + (size_t)(b * BATCH + i) * MADE_CLASSES;
        double total = 0;
        for (int k = 0; k < MADE_CLASSES; k++) total += exp((double)logits[k]);
        sum += log(total) - (double)logits[labels[b * BATCH + i]];
    }
    return sum / BATCH;
}

static void test_slope_of_the_loss(void **state)
{
    (void)state;
    enum { N = 5 };
    const double H = 0.01;
    fixture f;
    set_up(&f);
    fet_taylor_options options = fet_taylor_default_options();
    options.batches = N;
    options.batch = BATCH;
    options.seed = 7;
    CHECK_OK(fet_task_taylor(f.graph, &f.groups, made_dataset, &options, f.score));
    double largest = 0;
    for (uint32_t c = 0; c < CHANNELS; c++) largest = fmax(largest, f.numbers[c]);
    assert_true(largest > 0);
    for (uint32_t c = 0; c < CHANNELS; c++) {
        double expected = 0;
        differ(&f, c, H, N, 7);
        for (uint32_t b = 0; b < N; b++) expected += pow((cross_entropy(out[1], b) - cross_entropy(out[0], b)) / (2 * H), 2);
        assert_true(fabs(expected - f.numbers[c]) <= 0.02 * largest + 0.02 * expected);
    }
    tear_down(&f);
}

/* The mean over signs of a squared sum is the sum of squares; 64 batches of random signs come near it. */
static void test_slope_of_the_outputs(void **state)
{
    (void)state;
    const double H = 0.01;
    fixture f;
    set_up(&f);
    fet_taylor_options options = fet_taylor_default_options();
    options.batches = MOST_BATCHES;
    options.batch = BATCH;
    options.labels = false;
    options.seed = 9;
    CHECK_OK(fet_task_taylor(f.graph, &f.groups, made_dataset, &options, f.score));
    double ab = 0, aa = 0, bb = 0, found = 0, wanted = 0;
    outputs_of(f.graph, MOST_BATCHES, 9, out[2], labels);
    for (uint32_t c = 0; c < CHANNELS; c++) {
        double expected = 0;
        differ(&f, c, H, MOST_BATCHES, 9);
        for (uint32_t b = 0; b < MOST_BATCHES; b++) {
            double squares = 0, size = 0;
            for (uint32_t i = b * BATCH * MADE_CLASSES; i < (b + 1) * BATCH * MADE_CLASSES; i++) {
                squares += pow(((double)out[1][i] - (double)out[0][i]) / (2 * H), 2);
                size += (double)out[2][i] * (double)out[2][i];
            }
            expected += squares / (size / BATCH);
        }
        ab += expected * f.numbers[c], aa += expected * expected, bb += f.numbers[c] * f.numbers[c];
        found += f.numbers[c], wanted += expected;
    }
    print_message("# cosine %.4f, sum %.3f of the expected\n", ab / sqrt(aa * bb), found / wanted);
    assert_true(ab / sqrt(aa * bb) > 0.97);
    assert_true(found > 0.75 * wanted && found < 1.25 * wanted);
    tear_down(&f);
}

static void test_unread_channel(void **state)
{
    (void)state;
    fixture f;
    set_up(&f);
    for (fet_id p = 0; p < f.graph->n_params; p++) {
        if (strcmp(f.graph->values[f.graph->params[p].value].name, "classifier.weight") != 0) continue;
        const fet_shape *shape = &f.graph->params[p].tensor->shape;
        float *weight = fet_tensor_f32(f.graph->params[p].tensor);
        bool columns = shape->dim[1] == CHANNELS; /* [classes, channels] or the other way round */
        for (int k = 0; k < MADE_CLASSES; k++) weight[columns ? k * CHANNELS + 2 : 2 * MADE_CLASSES + k] = 0;
    }
    for (int kind = 0; kind < 2; kind++) {
        fet_taylor_options options = fet_taylor_default_options();
        options.labels = kind == 0;
        options.batches = 4;
        memset(f.numbers, 0, sizeof f.numbers);
        CHECK_OK(fet_task_taylor(f.graph, &f.groups, made_dataset, &options, f.score));
        for (uint32_t c = 0; c < CHANNELS; c++) assert_true(c == 2 ? f.numbers[c] == 0 : f.numbers[c] > 0);
    }
    tear_down(&f);
}

static void test_no_memory(void **state)
{
    (void)state;
    fixture f;
    set_up(&f);
    fet_taylor_options options = fet_taylor_default_options();
    options.batches = 1;
    bool failed = true;
    uint64_t i = 0;
    for (; failed; i += 1 + i / 8) {
        fet_alloc_fail_after(i);
        fet_status status = fet_task_taylor(f.graph, &f.groups, made_dataset, &options, f.score);
        failed = fet_alloc_fail_after(UINT64_MAX) > i;
        assert_int_equal(status, failed ? FET_ERROR_NOMEM : FET_OK);
    }
    assert_true(i > 20);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slope_of_the_loss),
        cmocka_unit_test(test_slope_of_the_outputs),
        cmocka_unit_test(test_unread_channel),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, made_data_setup, made_data_teardown);
}
