// SPDX-License-Identifier: Apache-2.0
/* The loss of distillation by its definition, its gradient by finite differences, and what a teacher does to a training: it repeats, a
 * checkpoint knows its teacher, and a network can learn from one without a label. */
#include "made_data.h"

#include "base/rng.h"
#include "task/distil.h"

#include <math.h>

enum { BATCH = 5, COUNT = 4, K = 7 };

/* Softmax in double, plainly. */
static void softmax(const float *logits, double temperature, double *out)
{
    double sum = 0.0;
    for (int k = 0; k < K; k++) sum += out[k] = exp(logits[k] / temperature);
    for (int k = 0; k < K; k++) out[k] /= sum;
}

static double loss_by_definition(const float *logits, const float *teacher, const uint32_t *labels, double smoothing, double w, double t)
{
    double total = 0.0;
    for (int i = 0; i < COUNT; i++) {
        double p[K], q[K], hard[K], entropy = 0.0, divergence = 0.0;
        softmax(logits + i * K, 1.0, hard);
        softmax(logits + i * K, t, q);
        softmax(teacher + i * K, t, p);
        for (int k = 0; k < K; k++) {
            entropy -= ((k == (int)labels[i] ? 1.0 - smoothing : 0.0) + smoothing / K) * log(hard[k]);
            divergence += p[k] * log(p[k] / q[k]);
        }
        total += ((1.0 - w) * entropy + w * t * t * divergence) / COUNT;
    }
    return total;
}

static void make_logits(float *logits, uint64_t stream)
{
    fet_rng rng;
    fet_rng_init(&rng, 1, stream, FET_RNG_TEST);
    for (int i = 0; i < BATCH * K; i++) logits[i] = (float)(3.0 * fet_rng_normal(&rng));
}

static void test_loss_and_gradient(void **state)
{
    (void)state;
    float logits[BATCH * K], teacher[BATCH * K], diff[BATCH * K], unused[BATCH * K];
    const uint32_t labels[BATCH] = {3, 0, 6, 3, 1};
    make_logits(logits, 0);
    make_logits(teacher, 1);
    static const float weights[] = {0.0f, 0.3f, 1.0f}, temperatures[] = {0.7f, 1.0f, 4.0f};
    for (int c = 0; c < 9; c++) {
        fet_distil_options options = {.weight = weights[c % 3], .temperature = temperatures[c / 3]};
        double loss = 0.0, w = options.weight, t = options.temperature;
        CHECK_OK(fet_distil_loss(logits, teacher, &(fet_batch){.labels = labels, .count = COUNT}, BATCH, K, 0.1f, &options, diff, &loss));
        CHECK_NEAR(loss, loss_by_definition(logits, teacher, labels, 0.1f, w, t), 1e-7);
        for (int i = 0; i < COUNT * K; i++) {
            /* Central differences; a step of 2^-7 leaves an error of about step^2, more where a low temperature bends the loss. */
            const float step = 0x1p-7f;
            float kept = logits[i];
            double up = 0.0, down = 0.0;
            logits[i] = kept + step;
            double wide = logits[i];
            CHECK_OK(
                fet_distil_loss(logits, teacher, &(fet_batch){.labels = labels, .count = COUNT}, BATCH, K, 0.1f, &options, unused, &up));
            logits[i] = kept - step;
            wide -= logits[i];
            CHECK_OK(
                fet_distil_loss(logits, teacher, &(fet_batch){.labels = labels, .count = COUNT}, BATCH, K, 0.1f, &options, unused, &down));
            logits[i] = kept;
            CHECK_NEAR((up - down) / wide, diff[i], 2e-5);
        }
        for (int i = COUNT * K; i < BATCH * K; i++) assert_true(diff[i] == 0.0f); /* padding */
    }
}

static void test_equal_to_its_teacher(void **state)
{
    (void)state;
    float logits[BATCH * K], diff[BATCH * K];
    const uint32_t labels[BATCH] = {0};
    double loss = -1.0;
    make_logits(logits, 0);
    fet_distil_options options = {.weight = 1.0f, .temperature = 4.0f};
    CHECK_OK(fet_distil_loss(logits, logits, &(fet_batch){.labels = labels, .count = BATCH}, BATCH, K, 0.0f, &options, diff, &loss));
    CHECK_NEAR(loss, 0.0, 1e-12);
    for (int i = 0; i < BATCH * K; i++) CHECK_NEAR(diff[i], 0.0, 1e-12);
    logits[0] = 500.0f; /* far from overflowing, and what the teacher calls impossible costs nothing */
    CHECK_OK(fet_distil_loss(logits, logits, &(fet_batch){.labels = labels, .count = BATCH}, BATCH, K, 0.0f, &options, diff, &loss));
    CHECK_NEAR(loss, 0.0, 1e-9);

    float bad[BATCH * K];
    memcpy(bad, logits, sizeof bad);
    bad[K + 1] = NAN;
    CHECK_FAILS(FET_ERROR_STATE,
                fet_distil_loss(logits, bad, &(fet_batch){.labels = labels, .count = BATCH}, BATCH, K, 0.0f, &options, diff, &loss));
    CHECK_SAYS("sample 1", "teacher");
    options.weight = 1.5f;
    CHECK_FAILS(FET_ERROR_ARG,
                fet_distil_loss(logits, logits, &(fet_batch){.labels = labels, .count = BATCH}, BATCH, K, 0.0f, &options, diff, &loss));
    options = (fet_distil_options){.weight = 0.5f, .temperature = 0.0f};
    CHECK_FAILS(FET_ERROR_ARG,
                fet_distil_loss(logits, logits, &(fet_batch){.labels = labels, .count = BATCH}, BATCH, K, 0.0f, &options, diff, &loss));
    CHECK_SAYS("temperature is 0", "0.01 to 1000");
}

/* A trained teacher, made once. */
static fet_graph *teacher;

static int setup(void **state)
{
    made_data_setup(state);
    fet_train_result result;
    fet_train_options options = made_options();
    teacher = made_graph(16, MADE_CLASSES);
    CHECK_OK(fet_classify_train(teacher, made_dataset, &options, &result));
    return 0;
}

static int teardown(void **state)
{
    fet_graph_destroy(teacher);
    return made_data_teardown(state);
}

static fet_train_options distil_options(void)
{
    fet_train_options options = made_options();
    options.distil = (fet_distil_options){.teacher = teacher, .weight = 1.0f, .temperature = 2.0f};
    return options;
}

/* With weight 1 no label is looked at: the narrow network gets everything from the teacher. */
static void test_learns_from_its_teacher(void **state)
{
    (void)state;
    fet_auto(fet_graph) network = made_graph(8, MADE_CLASSES);
    fet_auto(fet_graph) again = made_graph(8, MADE_CLASSES);
    fet_auto(fet_graph) kept = NULL;
    CHECK_OK(fet_graph_copy(teacher, NULL, 0, &kept));
    fet_train_options options = distil_options();
    fet_train_result result;
    fet_accuracy accuracy;
    CHECK_OK(fet_classify_train(network, made_dataset, &options, &result));
    CHECK_OK(fet_classify_eval(network, made_dataset, FET_SPLIT_TEST, FET_DTYPE_F32, NULL, 0, &accuracy));
    assert_true(accuracy.share > 0.97);
    CHECK_OK(fet_classify_train(again, made_dataset, &options, &result));
    check_same_params(network, again);
    check_same_params(teacher, kept); /* untouched */
}

/* A Softmax at the end of teacher or network is not part of the loss. */
static void test_softmax_at_an_end(void **state)
{
    (void)state;
    fet_auto(fet_graph) plain = made_graph(8, MADE_CLASSES);
    fet_auto(fet_graph) ended = made_graph(8, MADE_CLASSES);
    fet_auto(fet_graph) ended_teacher = NULL;
    fet_train_options options = distil_options();
    fet_train_result result;
    fet_id v;
    options.epochs = 0.5;
    CHECK_OK(fet_graph_copy(teacher, NULL, 0, &ended_teacher));
    fet_graph *graphs[] = {ended, ended_teacher};
    for (int g = 0; g < 2; g++) {
        CHECK_OK(fet_build_unary(graphs[g], FET_OP_SOFTMAX, "softmax", graphs[g]->outputs[0], &v));
        graphs[g]->outputs[0] = v;
    }
    CHECK_OK(fet_classify_train(plain, made_dataset, &options, &result));
    options.distil.teacher = ended_teacher;
    CHECK_OK(fet_classify_train(ended, made_dataset, &options, &result));
    check_same_params(plain, ended);
    assert_int_equal(ended_teacher->nodes[ended_teacher->n_nodes - 1].op, FET_OP_SOFTMAX);
}

static bool stop(void *context, uint64_t done, uint64_t total, double loss, double images_per_s)
{
    (void)done, (void)total, (void)loss, (void)images_per_s;
    return *(const bool *)context;
}

/* A checkpoint is of one teacher, weight and temperature; the same training goes on from it to the same bits. */
static void test_checkpoint(void **state)
{
    (void)state;
    fet_auto(fet_graph) whole = made_graph(8, MADE_CLASSES);
    fet_auto(fet_graph) parts = made_graph(8, MADE_CLASSES);
    fet_auto(fet_graph) other = made_graph(16, MADE_CLASSES);
    fet_train_options options = distil_options();
    fet_train_result result;
    bool go_on = false;
    options.epochs = 300; /* long enough to be asked once: after half a second */
    CHECK_OK(fet_classify_train(whole, made_dataset, &options, &result));
    options.checkpoint = path_in(made_folder, "distil.checkpoint");
    options.progress = stop;
    options.context = &go_on;
    fet_status status = fet_classify_train(parts, made_dataset, &options, &result);
    if (status != FET_OK) { /* not so fast that there was no time to interrupt */
        assert_int_equal(status, FET_ERROR_STATE);
        go_on = true;
        fet_train_options changed = options;
        uint64_t n_batches = 300 * (540 / 20), same = 0, different = 0;
        CHECK_OK(fet_task_fingerprint(parts, made_dataset, &options, n_batches, &same));
        for (int c = 0; c < 4; c++) {
            changed.distil = options.distil;
            if (c == 0) changed.distil.teacher = other;
            if (c == 1) changed.distil.weight = 0.9f;
            if (c == 2) changed.distil.temperature = 3.0f;
            if (c == 3) changed.distil.teacher = NULL;
            CHECK_OK(fet_task_fingerprint(parts, made_dataset, &changed, n_batches, &different));
            assert_true(same != different);
        }
        CHECK_OK(fet_classify_train(parts, made_dataset, &options, &result));
        assert_true(result.resumed_batch > 0);
    }
    check_same_params(whole, parts);
}

static void test_wrong_teacher(void **state)
{
    (void)state;
    fet_auto(fet_graph) network = made_graph(8, MADE_CLASSES);
    fet_auto(fet_graph) wrong = made_graph(8, MADE_CLASSES + 1);
    fet_train_options options = distil_options();
    fet_train_result result;
    options.distil.teacher = wrong;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_classify_train(network, made_dataset, &options, &result));
    CHECK_SAYS("learnt from", "1x4");
    options.distil.weight = 0.0f; /* then it is not asked */
    options.epochs = 0.04;
    CHECK_OK(fet_classify_train(network, made_dataset, &options, &result));
}

/* Each allocation in turn fails, with a stride that keeps this short: no crash, no leak, and NOMEM or an unharmed success. */
static void test_no_memory(void **state)
{
    (void)state;
    fet_auto(fet_graph) network = made_graph(8, MADE_CLASSES);
    fet_train_options options = distil_options();
    options.epochs = 0.04;
    for (uint64_t n = 0;; n += 3) {
        fet_train_result result;
        fet_alloc_fail_after(n);
        fet_error_clear();
        fet_status status = fet_classify_train(network, made_dataset, &options, &result);
        if (fet_alloc_fail_after(UINT64_MAX) <= n) {
            CHECK_OK(status);
            break;
        }
        if (status != FET_OK && status != FET_ERROR_NOMEM) fail_msg("allocation %llu: %s", (unsigned long long)n, fet_error_message());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_and_gradient),
        cmocka_unit_test(test_equal_to_its_teacher),
        cmocka_unit_test(test_learns_from_its_teacher),
        cmocka_unit_test(test_softmax_at_an_end),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_wrong_teacher),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
