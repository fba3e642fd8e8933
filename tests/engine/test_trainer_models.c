// SPDX-License-Identifier: Apache-2.0
/*
 * Networks that others trained can be trained on, on every instruction set: with frozen statistics the trainer computes what the executor
 * computes, the slope of a loss along the gradient of a parameter is the gradient's length, and a step with the statistics of the batch
 * leaves finite numbers.
 */
#include "check.h"
#include "models.h"

#include "base/rng.h"
#include "engine/executor.h"
#include "engine/train/train.h"
#include "format/onnx/onnx.h"

#include <math.h>
#include <string.h>

enum { BATCH = 2, PARAMS = 4 /* whose slope is measured */ };

/* Of the largest output: sums of some thousand products in another order, through up to a hundred layers. */
static const double forward_tolerance = 1e-4;
/* A loss in f32 is rounded, and a step across the corner of a ReLU bends it: the best of these steps (of the parameter's length) must be
 * near. */
static const double steps[] = {1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 1e-2};
static const double slope_tolerance = 0.1, slope_good_enough = 0.02;

typedef struct model {
    const char *name;
    fet_graph *graph;
    float *image, *diff[16];
    int64_t count[16]; /* numbers of an output, of the whole batch */
    fet_rng rng;
} model;

static float *normal(fet_rng *rng, int64_t count)
{
    float *numbers = malloc((size_t)count * sizeof *numbers);
    for (int64_t i = 0; i < count; i++) numbers[i] = (float)fet_rng_normal(rng);
    return numbers;
}

static model open_model(const char *name, const char *file)
{
    char relative[128];
    model m = {.name = name};
    snprintf(relative, sizeof relative, "models/%s/%s", name, file);
    CHECK_OK(fet_onnx_read(check_shared(relative), NULL, &m.graph));
    fet_rng_init(&m.rng, 1, 0, FET_RNG_TEST);
    assert_int_equal(m.graph->n_inputs, 1);
    assert_true(m.graph->n_outputs <= 16);
    m.image = normal(&m.rng, BATCH * fet_shape_elements(&m.graph->values[m.graph->inputs[0]].shape));
    for (uint32_t o = 0; o < m.graph->n_outputs; o++) {
        m.count[o] = BATCH * fet_shape_elements(&m.graph->values[m.graph->outputs[o]].shape);
        m.diff[o] = normal(&m.rng, m.count[o]);
    }
    return m;
}

static void close_model(model *m)
{
    for (uint32_t o = 0; o < m->graph->n_outputs; o++) free(m->diff[o]);
    free(m->image);
    fet_graph_destroy(m->graph);
}

static void open_trainer(const model *m, bool frozen, fet_trainer **out_trainer)
{
    fet_trainer_options options = fet_trainer_default_options();
    options.dtype = FET_DTYPE_F32;
    options.batch = BATCH;
    options.freeze_bn_stats = frozen;
    fet_status status = fet_trainer_create(m->graph, &options, out_trainer);
    if (status != FET_OK) fail_msg("%s: %s", m->name, fet_error_message());
}

/* What the outputs' gradients are the gradients of. */
static double loss_of(const model *m, fet_trainer *trainer)
{
    double loss = 0;
    CHECK_OK(fet_trainer_forward(trainer, (const float *const *)&m->image));
    for (uint32_t o = 0; o < m->graph->n_outputs; o++)
        for (int64_t i = 0; i < m->count[o]; i++) loss += (double)m->diff[o][i] * (double)fet_trainer_output(trainer, o)[i];
    return loss;
}

/* Our executor as the judge, sample by sample. */
static void check_outputs(const model *m, const fet_trainer *trainer)
{
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = {.precision = FET_DTYPE_F32, .batch = 1};
    float *want[16];
    int64_t items = fet_shape_elements(&m->graph->values[m->graph->inputs[0]].shape);
    CHECK_OK(fet_executor_create(m->graph, &options, &executor));
    for (uint32_t o = 0; o < m->graph->n_outputs; o++) want[o] = calloc((size_t)m->count[o], sizeof **want);
    for (int n = 0; n < BATCH; n++) {
        const float *image = m->image + n * items;
        CHECK_OK(fet_executor_run(executor, &image, want));
        for (uint32_t o = 0; o < m->graph->n_outputs; o++) {
            int64_t count = m->count[o] / BATCH;
            const float *is = fet_trainer_output(trainer, o) + n * count;
            double largest = 1e-3, worst = 0;
            for (int64_t i = 0; i < count; i++) {
                largest = fmax(largest, fabs((double)want[o][i]));
                worst = fmax(worst, fabs((double)want[o][i] - (double)is[i]));
            }
            if (!(worst <= forward_tolerance * largest))
                fail_msg("%s: output %u of sample %d is off by %.3g, the largest is %.3g", m->name, o, n, worst, largest);
        }
    }
    for (uint32_t o = 0; o < m->graph->n_outputs; o++) free(want[o]);
}

/* |slope - length| / length for one step; the parameter is put back. */
static double slope_error(const model *m, fet_trainer *trainer, fet_train_param *param, const float *gradient, double length, double step)
{
    float *kept = malloc((size_t)param->items * sizeof *kept);
    double loss[2];
    memcpy(kept, param->master, (size_t)param->items * sizeof *kept);
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < param->items; i++)
            param->master[i] = (float)((double)kept[i] + (side ? step : -step) * (double)gradient[i] / length);
        trainer->stale = true;
        loss[side] = loss_of(m, trainer);
    }
    memcpy(param->master, kept, (size_t)param->items * sizeof *kept);
    trainer->stale = true;
    free(kept);
    return fabs((loss[1] - loss[0]) / (2 * step) - length) / length;
}

static double norm(const float *numbers, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)numbers[i] * (double)numbers[i];
    return sqrt(sum);
}

/* Parameters spread over the network, from the first to the last. */
static double check_slopes(const model *m, fet_trainer *trainer)
{
    double worst = 0;
    float *gradient[PARAMS];
    fet_train_param *param[PARAMS];
    uint32_t trained = 0, taken = 0, seen = 0;
    for (fet_id p = 0; p < m->graph->n_params; p++) trained += trainer->params[p].gradient != NULL;
    assert_true(trained >= PARAMS);
    for (fet_id p = 0; p < m->graph->n_params && taken < PARAMS; p++) {
        if (!trainer->params[p].gradient || seen++ != taken * (trained - 1) / (PARAMS - 1)) continue;
        param[taken] = &trainer->params[p];
        gradient[taken] = malloc((size_t)param[taken]->items * sizeof(float));
        memcpy(gradient[taken], param[taken]->gradient, (size_t)param[taken]->items * sizeof(float));
        taken++;
    }
    for (uint32_t k = 0; k < taken; k++) {
        double length = norm(gradient[k], param[k]->items), best = INFINITY;
        double size = fmax(norm(param[k]->master, param[k]->items), 1e-2);
        for (size_t s = 0; length > 0 && best > slope_good_enough && s < sizeof steps / sizeof *steps; s++)
            best = fmin(best, slope_error(m, trainer, param[k], gradient[k], length, steps[s] * size));
        if (length > 0 && !(best <= slope_tolerance))
            fail_msg("%s: the slope along the gradient of \"%s\" (length %.3g) is off by %.3g of it", m->name,
                     m->graph->values[m->graph->params[param[k]->id].value].name, length, best);
        if (length > 0) worst = fmax(worst, best);
        free(gradient[k]);
    }
    return worst;
}

static void check_step(const model *m)
{
    fet_auto(fet_trainer) trainer = NULL;
    open_trainer(m, false, &trainer);
    (void)loss_of(m, trainer);
    CHECK_OK(fet_trainer_backward(trainer, (const float *const *)m->diff));
    CHECK_OK(fet_trainer_step(trainer, 1e-6f));
    double loss = loss_of(m, trainer);
    if (!isfinite(loss)) fail_msg("%s: the loss after a step is %g", m->name, loss);
}

static void test_models(void **state)
{
    (void)state;
    static const char *const names[] = {FET_TEST_MODELS};
    (void)check_shared("models");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fet_auto(fet_trainer) trainer = NULL;
        model m = open_model(names[i], "model.onnx");
        open_trainer(&m, true, &trainer);
        (void)loss_of(&m, trainer);
        check_outputs(&m, trainer);
        CHECK_OK(fet_trainer_backward(trainer, (const float *const *)m.diff));
        print_message("# %s: slopes within %.2g\n", m.name, check_slopes(&m, trainer));
        check_step(&m);
        close_model(&m);
    }
}

/* Large networks whose numbers stand for nothing: their operators can be trained. */
static void test_shapes(void **state)
{
    (void)state;
    static const char *const files[] = {"light_inception_v1.onnx", "light_shufflenet.onnx", "light_squeezenet.onnx"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        model m = open_model("onnx-light", files[i]);
        check_step(&m);
        close_model(&m);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models), cmocka_unit_test(test_shapes)};
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* one test by its name */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
