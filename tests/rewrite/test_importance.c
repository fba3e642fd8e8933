// SPDX-License-Identifier: Apache-2.0
/* Importance by first-order Taylor: by its definition, the slope of the loss when all that makes a channel is scaled, by differences; and
 * that scores order the channels that a narrower width keeps. */
#include "run.h"
#include "space/networks.h"

#include "engine/trainer.h"
#include "rewrite/importance.h"
#include "rewrite/set_width.h"

enum { BATCH = 1, CLASSES = 5 };

/* A loss that is linear in the outputs. */
static double loss_of(const fet_graph *graph)
{
    run_result result = run_graph(graph, 1);
    double loss = 0;
    for (int64_t k = 0; k < result.n; k++) loss += (double)result.data[k] * (double)(k + 1);
    free(result.data);
    return loss;
}

static void gradients_of(fet_graph *graph, fet_tensor **gradients)
{
    fet_auto(fet_trainer) trainer = NULL;
    fet_trainer_options options = fet_trainer_default_options();
    options.batch = BATCH;
    options.dtype = FET_DTYPE_F32;
    options.freeze_bn_stats = true;
    CHECK_OK(fet_trainer_create(graph, &options, &trainer));
    int64_t n = fet_shape_elements(&graph->values[graph->inputs[0]].shape);
    float *image = malloc((size_t)n * sizeof *image), diff[CLASSES];
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST); /* as run_graph */
    for (int64_t k = 0; k < n; k++) image[k] = (float)(2 * fet_rng_uniform(&rng) - 1);
    for (int k = 0; k < CLASSES; k++) diff[k] = (float)(k + 1);
    CHECK_OK(fet_trainer_forward(trainer, (const float *const[]){image}));
    CHECK_OK(fet_trainer_backward(trainer, (const float *const[]){diff}));
    for (fet_id p = 0; p < graph->n_params; p++)
        if (graph->params[p].trainable && graph->params[p].tensor->dtype == FET_DTYPE_F32) {
            fet_status status = fet_trainer_param_gradient(trainer, p, &gradients[p]);
            if (status != FET_ERROR_NOT_FOUND) CHECK_OK(status);
        }
    free(image);
}

/* gamma and beta of every batch norm over the group's channel c, times `factor`; the template has a batch norm behind each convolution. */
static fet_graph *scaled(const fet_graph *base, const fet_channel_groups *groups, uint32_t group, uint32_t c, double factor)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_copy(base, NULL, 0, &graph));
    for (uint32_t m = 0; m < groups->groups[group].n_members; m++) {
        fet_id p = groups->groups[group].members[m].param;
        const char *name = graph->values[graph->params[p].value].name;
        if (!strstr(name, "gamma") && !strstr(name, "beta")) continue;
        fet_tensor *tensor = NULL;
        CHECK_OK(fet_tensor_copy(graph->params[p].tensor, &tensor));
        fet_tensor_f32(tensor)[c] *= (float)factor;
        fet_graph_set_tensor(graph, p, tensor);
        fet_tensor_release(tensor);
    }
    return graph;
}

static void slope_of_the_loss(void **state)
{
    (void)state;
    fet_auto(fet_graph) base = small_network();
    give_numbers(base, 9);
    fet_arena *arena = NULL;
    fet_channel_groups groups;
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_channel_groups_find(base, arena, &groups));
    fet_tensor **gradients = calloc(base->n_params, sizeof *gradients);
    gradients_of(base, gradients);
    uint32_t checked = 0, close = 0;
    const float **scores = fet_arena_zalloc(arena, groups.n_groups + 1, sizeof *scores);
    for (uint32_t g = 0; g < groups.n_groups; g++) {
        uint32_t channels = groups.groups[g].channels;
        if (groups.groups[g].fixed) continue;
        double *score = fet_arena_zalloc(arena, channels, sizeof *score), largest = 0;
        float *as_floats = fet_arena_zalloc(arena, channels, sizeof *as_floats);
        CHECK_OK(fet_channel_taylor(base, &groups, g, (const fet_tensor *const *)gradients, arena, score));
        for (uint32_t c = 0; c < channels; c++) largest = fmax(largest, sqrt(score[c])), as_floats[c] = (float)score[c];
        assert_true(largest > 0);
        scores[g] = as_floats;
        for (uint32_t c = 0; c < channels; c += 3) {
            const double STEP = 1e-3;
            fet_graph *up = scaled(base, &groups, g, c, 1 + STEP), *down = scaled(base, &groups, g, c, 1 - STEP);
            double slope = fabs(loss_of(up) - loss_of(down)) / (2 * STEP);
            checked++;
            /* Differences that cross a corner of a ReLU6 are off; few do. */
            close += fabs(slope - sqrt(score[c])) < 0.02 * largest + 1e-3;
            fet_graph_destroy(up), fet_graph_destroy(down);
        }
    }
    print_message("# %u of %u slopes agree with differences\n", close, checked);
    assert_true(checked > 30 && close * 20 >= checked * 19);
    /* A group at half its width keeps the channels of the highest scores. */
    groups.scores = scores;
    for (uint32_t g = 0; g < groups.n_groups; g++) {
        if (groups.groups[g].fixed) continue;
        uint32_t channels = groups.groups[g].channels, *order = fet_arena_zalloc(arena, channels, sizeof *order);
        CHECK_OK(fet_channel_order(base, &groups, g, arena, order));
        for (uint32_t i = 1; i < channels; i++) assert_true(scores[g][order[i - 1]] >= scores[g][order[i]]);
    }
    for (fet_id p = 0; p < base->n_params; p++) fet_tensor_release(gradients[p]);
    free(gradients);
    fet_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(slope_of_the_loss)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
