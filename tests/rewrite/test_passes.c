// SPDX-License-Identifier: Apache-2.0
/* Rewrites in place: spelled-out activations become one operator and keep the function; work at the tail goes or moves. */
#include "run.h"
#include "space/networks.h"
#include "zoo.h"

#include "engine/init.h"
#include "rewrite/recognise_activation.h"
#include "rewrite/trim_tail.h"

static fet_id number(fet_graph *graph, const char *name, float x)
{
    fet_auto(fet_tensor) tensor = NULL;
    fet_shape none = {0};
    fet_id value = FET_NONE;
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &none, &tensor));
    fet_tensor_f32(tensor)[0] = x;
    CHECK_OK(fet_graph_add_param(graph, name, FET_DTYPE_F32, &none, tensor, false, &value));
    return value;
}

static fet_id with(fet_graph *graph, fet_op_kind op, const char *name, fet_id x, float c)
{
    char text[32];
    snprintf(text, sizeof text, "%s.c", name);
    return zoo_binary(graph, op, name, x, number(graph, text, c));
}

static fet_id clip(fet_graph *graph, fet_id x, float top)
{
    fet_id node = FET_NONE;
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CLIP, "clip", (fet_id[]){x, number(graph, "clip.0", 0), number(graph, "clip.1", top)}, 3, 1,
                                &node));
    CHECK_OK(fet_graph_infer_node(graph, node));
    return graph->nodes[node].outputs[0];
}

typedef fet_id (*spelling)(fet_graph *graph, fet_id x);

static fet_id ramp(fet_graph *graph, fet_id x)
{
    return clip(graph, with(graph, FET_OP_ADD, "plus3", x, 3), 6);
}
static fet_id divided_last(fet_graph *graph, fet_id x)
{
    return with(graph, FET_OP_DIV, "by6", zoo_binary(graph, FET_OP_MUL, "product", x, ramp(graph, x)), 6);
}
static fet_id divided_first(fet_graph *graph, fet_id x)
{
    return zoo_binary(graph, FET_OP_MUL, "product", with(graph, FET_OP_DIV, "by6", ramp(graph, x), 6), x);
}
static fet_id times_sixth(fet_graph *graph, fet_id x)
{
    return zoo_binary(graph, FET_OP_MUL, "product", x, with(graph, FET_OP_MUL, "sixth", ramp(graph, x), 0.16666667f));
}
static fet_id line_inside(fet_graph *graph, fet_id x)
{
    return zoo_binary(graph, FET_OP_MUL, "product", x,
                      clip(graph, with(graph, FET_OP_ADD, "half", with(graph, FET_OP_DIV, "by6", x, 6), 0.5f), 1));
}
static fet_id silu(fet_graph *graph, fet_id x)
{
    return zoo_binary(graph, FET_OP_MUL, "product", x, zoo_unary(graph, FET_OP_SIGMOID, "gate", x));
}
static fet_id hard_sigmoid(fet_graph *graph, fet_id x)
{
    return with(graph, FET_OP_DIV, "by6", ramp(graph, x), 6);
}
static fet_id other_ramp(fet_graph *graph, fet_id x)
{
    return clip(graph, with(graph, FET_OP_SUB, "minus", with(graph, FET_OP_MUL, "slope", x, 0.4f), 0.2f), 1);
}
static fet_id relu6(fet_graph *graph, fet_id x)
{
    return clip(graph, x, 6);
}
static fet_id wrong_slope(fet_graph *graph, fet_id x)
{
    return with(graph, FET_OP_DIV, "by5", zoo_binary(graph, FET_OP_MUL, "product", x, ramp(graph, x)), 5);
}
static fet_id gate_of_another(fet_graph *graph, fet_id x)
{
    return zoo_binary(graph, FET_OP_MUL, "product", x, zoo_unary(graph, FET_OP_SIGMOID, "gate", zoo_conv(graph, "other", x, 6, 1, 1)));
}
static fet_id gate_is_read(fet_graph *graph, fet_id x)
{
    fet_id gate = zoo_unary(graph, FET_OP_SIGMOID, "gate", x);
    return zoo_binary(graph, FET_OP_ADD, "sum", zoo_binary(graph, FET_OP_MUL, "product", x, gate), gate);
}

static const struct {
    const char *name;
    spelling build;
    fet_op_kind becomes; /* NONE: stays */
} spellings[] = {
    {"divided_last", divided_last, FET_OP_HARD_SWISH},
    {"divided_first", divided_first, FET_OP_HARD_SWISH},
    {"times_sixth", times_sixth, FET_OP_HARD_SWISH},
    {"line_inside", line_inside, FET_OP_HARD_SWISH},
    {"silu", silu, FET_OP_SWISH},
    {"hard_sigmoid", hard_sigmoid, FET_OP_HARD_SIGMOID},
    {"other_ramp", other_ramp, FET_OP_HARD_SIGMOID},
    {"relu6", relu6, FET_OP_NONE},
    {"wrong_slope", wrong_slope, FET_OP_NONE},
    {"gate_of_another", gate_of_another, FET_OP_NONE},
    {"gate_is_read", gate_is_read, FET_OP_NONE},
};

static void spelled_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        fet_graph *graph = NULL;
        fet_shape shape = fet_shape_4d(1, 3, 5, 4);
        fet_id value = FET_NONE;
        CHECK_OK(fet_graph_create(NULL, &graph));
        CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &value));
        value = spellings[i].build(graph, with(graph, FET_OP_MUL, "wide", zoo_conv(graph, "a", value, 6, 3, 1), 4));
        CHECK_OK(fet_graph_add_output(graph, zoo_conv(graph, "b", value, 2, 1, 1)));
        CHECK_OK(fet_graph_verify(graph));
        give_numbers(graph, i);
        fet_auto(fet_graph) before = NULL;
        CHECK_OK(fet_graph_copy(graph, NULL, 0, &before));
        uint32_t found = 9, n_of = 0;
        CHECK_OK(fet_recognise_activation(graph, &found));
        CHECK_OK(fet_graph_verify(graph));
        for (fet_id n = 0; n < graph->n_nodes; n++) n_of += graph->nodes[n].op == spellings[i].becomes;
        bool changes = spellings[i].becomes != FET_OP_NONE;
        if (changes != (found > 0) || (changes && (n_of != 1 || graph->n_nodes > 4)))
            fail_msg("%s: %u found, %u nodes left", spellings[i].name, found, graph->n_nodes);
        double difference = run_difference(before, graph, 3);
        if (!(difference < 1e-5)) fail_msg("%s: outputs %g apart", spellings[i].name, difference);
        fet_graph_destroy(graph);
    }
}

static void softmax_goes(void **state)
{
    (void)state;
    fet_graph *graph = NULL;
    fet_shape shape = fet_shape_2d(1, 7);
    fet_id value = FET_NONE;
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &shape, &value));
    CHECK_OK(fet_build_gemm(graph, "m", value, 5, &value));
    CHECK_OK(fet_graph_add_output(graph, zoo_unary(graph, FET_OP_SOFTMAX, "probabilities", value)));
    give_numbers(graph, 1);
    run_result soft = run_graph(graph, 2);
    uint32_t removed = 0;
    CHECK_OK(fet_trim_softmax(graph, &removed));
    CHECK_OK(fet_graph_verify(graph));
    assert_int_equal(removed, 1);
    assert_int_equal(graph->n_nodes, 1);
    assert_string_equal(graph->values[graph->outputs[0]].name, "probabilities");
    run_result logits = run_graph(graph, 2);
    double sum = 0;
    for (int i = 0; i < 5; i++) sum += exp((double)logits.data[i]);
    for (int i = 0; i < 5; i++) CHECK_NEAR(soft.data[i], exp((double)logits.data[i]) / sum, 1e-6);
    CHECK_OK(fet_trim_softmax(graph, &removed));
    assert_int_equal(removed, 0);
    free(soft.data), free(logits.data);
    fet_graph_destroy(graph);
}

static fet_graph *segmenter(const char *mode)
{
    fet_graph *graph = NULL;
    fet_shape shape = fet_shape_4d(1, 3, 5, 4), scales_shape = fet_shape_1d(4);
    fet_id value = FET_NONE, scales = FET_NONE, node = FET_NONE;
    fet_auto(fet_tensor) tensor = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &value));
    value = zoo_conv(graph, "a", value, 6, 3, 1);
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &scales_shape, &tensor));
    memcpy(tensor->data, (float[]){1, 1, 3, 3}, 4 * sizeof(float));
    CHECK_OK(fet_graph_add_param(graph, "scales", FET_DTYPE_F32, &scales_shape, tensor, false, &scales));
    CHECK_OK(fet_graph_add_node(graph, FET_OP_RESIZE, "resize", (fet_id[]){value, FET_NONE, scales}, 3, 1, &node));
    CHECK_OK(fet_graph_set_string(graph, node, FET_ATTR_MODE, mode));
    CHECK_OK(fet_graph_set_string(graph, node, FET_ATTR_COORDINATE_TRANSFORMATION_MODE, "asymmetric"));
    CHECK_OK(fet_graph_set_string(graph, node, FET_ATTR_NEAREST_MODE, "floor"));
    CHECK_OK(fet_graph_infer_node(graph, node));
    value = graph->nodes[node].outputs[0];
    CHECK_OK(fet_graph_add_node(graph, FET_OP_ARG_MAX, "classes", &value, 1, 1, &node));
    CHECK_OK(fet_graph_set_int(graph, node, FET_ATTR_AXIS, 1));
    CHECK_OK(fet_graph_infer_node(graph, node));
    CHECK_OK(fet_graph_add_output(graph, graph->nodes[node].outputs[0]));
    CHECK_OK(fet_graph_verify(graph));
    give_numbers(graph, 1);
    return graph;
}

static void resize_behind_arg_max(void **state)
{
    (void)state;
    fet_graph *graph = segmenter("nearest");
    fet_op_work before, after;
    uint32_t moved = 0;
    fet_graph_work(graph, &before);
    run_result wanted = run_graph(graph, 2);
    CHECK_OK(fet_trim_resize(graph, false, &moved));
    CHECK_OK(fet_graph_verify(graph));
    assert_int_equal(moved, 1);
    fet_graph_work(graph, &after);
    assert_true(after.src_bytes + after.dst_bytes < before.src_bytes + before.dst_bytes);
    assert_int_equal(graph->nodes[1].op, FET_OP_ARG_MAX);
    assert_string_equal(graph->values[graph->outputs[0]].name, "classes");
    assert_int_equal(graph->values[graph->outputs[0]].shape.dim[2], 15);
    run_result classes = run_graph(graph, 2);
    CHECK_NEAR(run_compare(&wanted, &classes), 0, 0);
    free(wanted.data), free(classes.data);
    fet_graph_destroy(graph);
    graph = segmenter("linear");
    CHECK_OK(fet_trim_resize(graph, false, &moved));
    assert_int_equal(moved, 0);
    CHECK_OK(fet_trim_resize(graph, true, &moved));
    assert_int_equal(moved, 1);
    CHECK_OK(fet_graph_verify(graph));
    fet_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spelled_out), cmocka_unit_test(softmax_goes),
                                       cmocka_unit_test(resize_behind_arg_max)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
