// SPDX-License-Identifier: Apache-2.0
/* The ibn_classifier: names, shapes, counts against arithmetic by hand, MobileNetV2's published size, and bad options named. */
#include "networks.h"

static int64_t trainable_numbers(const fet_graph *graph)
{
    int64_t sum = 0;
    for (fet_id p = 0; p < graph->n_params; p++)
        if (graph->params[p].trainable) sum += fet_shape_elements(&graph->values[graph->params[p].value].shape);
    return sum;
}

static void names_and_shapes(void **state)
{
    (void)state;
    fet_graph *graph = small_network();
    CHECK_OK(fet_graph_verify(graph));
    assert_string_equal(graph->values[graph->inputs[0]].name, "image");
    assert_string_equal(graph->values[graph->outputs[0]].name, "logits");
    assert_int_equal(graph->n_inputs, 1);
    assert_int_equal(graph->n_outputs, 1);
    const struct {
        const char *name;
        int64_t channels, height, width;
    } expected[] = {
        {"stem.conv", 8, 12, 10},
        {"stem.act", 8, 12, 10},
        {"stage1.block0.depthwise.conv", 8, 12, 10},
        {"stage1.block0.project.bn", 6, 12, 10},
        {"stage2.block0.expand.conv", 18, 12, 10},
        {"stage2.block0.depthwise.act", 18, 6, 5},
        {"stage2.block1.add", 8, 6, 5},
        {"stage3.block0.expand.act", 16, 6, 5},
        {"stage3.block2.depthwise.bn", 24, 6, 5},
        {"stage3.block2.add", 12, 6, 5},
        {"head.act", 20, 6, 5},
        {"pool", 20, 1, 1},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        fet_id v = fet_graph_find_value(graph, expected[i].name);
        if (v == FET_NONE) fail_msg("no value %s", expected[i].name);
        fet_shape shape = fet_shape_4d(1, expected[i].channels, expected[i].height, expected[i].width);
        if (!fet_shape_equal(&graph->values[v].shape, &shape)) fail_msg("%s has another shape", expected[i].name);
    }
    assert_int_equal(fet_graph_find_node(graph, "stage1.block0.expand.conv"), FET_NONE);
    assert_int_equal(fet_graph_find_node(graph, "stage3.block0.add"), FET_NONE);
    assert_int_not_equal(fet_graph_find_node(graph, "classifier"), FET_NONE);
    assert_int_equal(graph->nodes[fet_graph_find_node(graph, "stem.act")].op, FET_OP_CLIP);
    fet_graph_destroy(graph);
}

/* MobileNetV2 1.0 at 224: 3,504,872 trainable numbers and 300.8 M multiply-accumulates (torchvision's model counted; the paper says 3.4 M
 * and 300 M). */
static void mobilenet_v2(void **state)
{
    (void)state;
    fet_template_options options = {
        .channels = 3,
        .height = 224,
        .width = 224,
        .n_classes = 1000,
        .stem_channels = 32,
        .stem_kernel = 3,
        .stem_stride = 2,
        .stages = {{1, 16, 1, 1, 3},
                   {2, 24, 6, 2, 3},
                   {3, 32, 6, 2, 3},
                   {4, 64, 6, 2, 3},
                   {3, 96, 6, 1, 3},
                   {3, 160, 6, 2, 3},
                   {1, 320, 6, 1, 3}},
        .n_stages = 7,
        .head_channels = 1280,
        .relu6 = true,
    };
    fet_graph *graph = NULL;
    CHECK_OK(fet_template_build("ibn_classifier", &options, &graph));
    assert_int_equal(trainable_numbers(graph), 3504872);
    fet_op_work work;
    fet_graph_work(graph, &work);
    CHECK_NEAR((double)work.macs, 300.8e6, 0.2e6);
    fet_graph_destroy(graph);
}

static void relu_and_no_head(void **state)
{
    (void)state;
    fet_template_options options = small_options();
    options.relu6 = false;
    options.head_channels = 0;
    fet_graph *graph = NULL;
    CHECK_OK(fet_template_build("ibn_classifier", &options, &graph));
    CHECK_OK(fet_graph_verify(graph));
    assert_int_equal(graph->nodes[fet_graph_find_node(graph, "stem.act")].op, FET_OP_RELU);
    assert_int_equal(graph->values[fet_graph_find_value(graph, "pool")].shape.dim[1], 12);
    fet_graph_destroy(graph);
}

static void bad_options_are_named(void **state)
{
    (void)state;
    fet_graph *graph = NULL;
    fet_template_options options = small_options();
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_template_build("ibn_clasifier", &options, &graph));
    assert_non_null(strstr(fet_error_message(), "ibn_classifier"));
    options.stages[1].stride = 3;
    CHECK_FAILS(FET_ERROR_ARG, fet_template_build("ibn_classifier", &options, &graph));
    assert_non_null(strstr(fet_error_message(), "stages[1].stride is 3, expected 1 to 2"));
    options = small_options(), options.stages[2].kernel = 4;
    CHECK_FAILS(FET_ERROR_ARG, fet_template_build("ibn_classifier", &options, &graph));
    options = small_options(), options.n_classes = 1;
    CHECK_FAILS(FET_ERROR_ARG, fet_template_build("ibn_classifier", &options, &graph));
    options = small_options(), options.n_stages = 0;
    CHECK_FAILS(FET_ERROR_ARG, fet_template_build("ibn_classifier", &options, &graph));
    options = small_options(), options.channels = -1;
    CHECK_FAILS(FET_ERROR_ARG, fet_template_build("ibn_classifier", &options, &graph));
    assert_null(graph);
}

static void fails_cleanly_without_memory(void **state)
{
    (void)state;
    fet_template_options options = small_options();
    for (uint64_t n = 0;; n++) {
        fet_graph *graph = NULL;
        fet_alloc_fail_after(n);
        fet_status status = fet_template_build("ibn_classifier", &options, &graph);
        fet_alloc_fail_after(SIZE_MAX);
        fet_graph_destroy(graph);
        if (status == FET_OK) break;
        assert_int_equal(status, FET_ERROR_NOMEM);
        assert_null(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_shapes),
        cmocka_unit_test(mobilenet_v2),
        cmocka_unit_test(relu_and_no_head),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
