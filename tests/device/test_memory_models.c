// SPDX-License-Identifier: Apache-2.0
/*
 * The memory planner on networks that others made, with their branches: no two buffers that live together overlap, and the arena is within
 * 2% of the lower bound, which the order search makes as low as it can.
 */
#include "check.h"

#include "base/clock.h"
#include "device/memory.h"
#include "format/onnx/onnx.h"

#include <string.h>

static const char *const models[] = {
    "derived-mnv2-035-96/model.onnx",
    "derived-vww-float/model.onnx",
    "mnist-cnn/model.onnx",
    "sinet-portrait/model.onnx",
    "stm-flowers-mobilenetv2-035/model.onnx",
    "stm-person-mobilenetv2/model.onnx",
    "stm-ssd-mobilenetv1-025/model.onnx",
    "stm-yamnet-256/model.onnx",
    "ultraface-rfb-320/model.onnx",
    "ultraface-rfb-320-simplified/model.onnx",
    "yunet-n-320/model.onnx",
    "onnx-light/light_bvlc_alexnet.onnx",
    "onnx-light/light_densenet121.onnx",
    "onnx-light/light_inception_v1.onnx",
    "onnx-light/light_inception_v2.onnx",
    "onnx-light/light_resnet50.onnx",
    "onnx-light/light_shufflenet.onnx",
    "onnx-light/light_squeezenet.onnx",
    "onnx-light/light_vgg19.onnx",
    "onnx-light/light_zfnet512.onnx",
};

static void check_no_overlap(const fet_memory_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_buffers; i++)
        for (uint32_t j = 0; j < i; j++) {
            const fet_memory_buffer *a = &plan->buffers[i], *b = &plan->buffers[j];
            bool in_time = a->first_step <= b->last_step && b->first_step <= a->last_step;
            assert_false(in_time && a->offset_bytes < b->offset_bytes + b->bytes && b->offset_bytes < a->offset_bytes + a->bytes);
        }
}

static void check_model(const char *path, const char *name)
{
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_kernels kernels;
    fet_memory_plan plan, kept;
    fet_memory_options options = fet_memory_default_options(FET_DTYPE_S8);
    CHECK_OK(fet_arena_create(&arena));
    CHECK_OK(fet_onnx_read(path, NULL, &graph));
    CHECK_OK(fet_kernels_split(graph, &fet_fusion_rules_host, FET_DTYPE_S8, arena, &kernels));
    double start = fet_clock_monotonic_s();
    CHECK_OK(fet_memory_plan_make(graph, &kernels, &options, arena, &plan));
    double us = 1e6 * (fet_clock_monotonic_s() - start);
    options.search_order = false;
    CHECK_OK(fet_memory_plan_make(graph, &kernels, &options, arena, &kept));
    print_message("# %-40s %4u steps  arena %9.1f KB  bound %9.1f KB  ratio %.4f  as given %.4f  weights %9.1f KB  %7.1f us\n", name,
                  plan.n_steps, 1e-3 * (double)plan.arena_bytes, 1e-3 * (double)plan.lower_bound_bytes,
                  (double)plan.arena_bytes / (double)plan.lower_bound_bytes,
                  (double)kept.lower_bound_bytes / (double)plan.lower_bound_bytes, 1e-3 * (double)plan.param_bytes, us);
    check_no_overlap(&plan);
    assert_true(plan.arena_bytes >= plan.lower_bound_bytes);
    assert_true((double)plan.arena_bytes <= 1.02 * (double)plan.lower_bound_bytes);
    assert_true(plan.lower_bound_bytes <= kept.lower_bound_bytes);
}

static void test_models(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        char relative[128];
        snprintf(relative, sizeof relative, "models/%s", models[m]);
        check_model(check_shared(relative), models[m]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_models)};
    return cmocka_run_group_tests_name("memory of models", tests, NULL, NULL);
}
