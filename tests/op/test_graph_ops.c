// SPDX-License-Identifier: Apache-2.0
/* What op does with whole graphs: builder, inference, work, verify, print, hash, batch; and that inference is as fast and as frugal as the
 * search needs. */
#include "one_node.h"

#include "base/clock.h"
#include "op/builder.h"

/* conv-bn-relu6 x n, with a residual each, pool, flatten, gemm. */
static fet_graph *build(uint32_t n, int64_t channels, const char *prefix)
{
    fet_graph *graph = NULL;
    fet_shape src = fet_shape_4d(1, 3, 16, 16);
    fet_id v = FET_NONE, skip = FET_NONE;
    char name[64];
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &src, &v));
    for (uint32_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%sconv%u", prefix, i);
        CHECK_OK(fet_build_conv(graph, name, v, &(fet_conv_options){.out_channels = channels, .kernel = 3, .stride = i == 0 ? 2 : 1}, &v));
        snprintf(name, sizeof name, "%sbn%u", prefix, i);
        CHECK_OK(fet_build_batch_norm(graph, name, v, &v));
        snprintf(name, sizeof name, "%srelu%u", prefix, i);
        CHECK_OK(fet_build_relu6(graph, name, v, &v));
        snprintf(name, sizeof name, "%sadd%u", prefix, i);
        if (skip != FET_NONE) CHECK_OK(fet_build_binary(graph, FET_OP_ADD, name, v, skip, &v));
        skip = v;
    }
    CHECK_OK(fet_build_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_FLATTEN, "flatten", v, &v));
    CHECK_OK(fet_build_gemm(graph, "fc", v, 10, &v));
    CHECK_OK(fet_graph_add_output(graph, v));
    return graph;
}

static void builder_and_verify(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = build(3, 8, "");
    CHECK_OK(fet_graph_verify(graph));
    fet_shape want = fet_shape_2d(1, 10);
    check_shape(&graph->values[graph->outputs[0]].shape, &want);
    assert_int_not_equal(fet_graph_find_value(graph, "conv0.weight"), FET_NONE);
    assert_int_not_equal(fet_graph_find_value(graph, "bn2.variance"), FET_NONE);
    assert_true(graph->params[graph->values[fet_graph_find_value(graph, "bn0.gamma")].param].trainable);
    assert_false(graph->params[graph->values[fet_graph_find_value(graph, "bn0.mean")].param].trainable);
    fet_id v = FET_NONE;
    CHECK_FAILS(FET_ERROR_ARG, fet_build_conv(graph, "bad", graph->outputs[0], &(fet_conv_options){.out_channels = 8, .kernel = 3}, &v));
    CHECK_FAILS(FET_ERROR_ARG, fet_build_gemm(graph, "bad", graph->inputs[0], 10, &v));
}

static void work_is_counted(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = build(2, 8, "");
    fet_op_work work;
    /* By hand: conv0 8x8x8 outputs of 27 MACs, conv1 of 72; fc 8 x 10. */
    int64_t macs = 512 * 27 + 512 * 72 + 80;
    int64_t params = 4 * (8 * 27 + 8 * 72 + 2 * 4 * 8 + 80 + 10 + 2 * 2);
    fet_graph_work(graph, &work);
    assert_int_equal(work.macs, macs);
    assert_int_equal(work.param_bytes, params);
    int64_t bytes = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        fet_op_work one;
        fet_graph_work_of_node(graph, n, &one);
        bytes += one.param_bytes;
        if (graph->nodes[n].op == FET_OP_FLATTEN) assert_int_equal(one.src_bytes + one.dst_bytes + one.other_ops, 0);
        if (graph->nodes[n].op == FET_OP_ADD) {
            assert_int_equal(one.src_bytes, 2 * 512 * 4);
            assert_int_equal(one.dst_bytes, 512 * 4);
            assert_int_equal(one.other_ops, 512);
        }
    }
    assert_int_equal(bytes, params);
    /* A shared weight counts once for the graph. */
    fet_id conv1 = fet_graph_find_node(graph, "conv1"), node = FET_NONE;
    fet_id inputs[2] = {graph->nodes[conv1].inputs[0], graph->nodes[conv1].inputs[1]};
    CHECK_OK(fet_graph_add_node(graph, FET_OP_CONV, "again", inputs, 2, 1, &node));
    CHECK_OK(fet_graph_set_ints(graph, node, FET_ATTR_PADS, (int64_t[]){1, 1, 1, 1}, 4));
    CHECK_OK(fet_graph_infer_node(graph, node));
    fet_graph_work(graph, &work);
    assert_int_equal(work.param_bytes, params);
    assert_int_equal(work.macs, macs + 512 * 72);
}

static void verify_finds_damage(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = build(2, 8, "");
    fet_id conv1 = fet_graph_find_node(graph, "conv1"), saved = graph->nodes[conv1].inputs[0];
    fet_value *value = &graph->values[graph->nodes[conv1].outputs[0]];

    value->shape.dim[2]++;
    CHECK_FAILS(FET_ERROR_SHAPE, fet_graph_verify(graph));
    value->shape.dim[2]--;
    graph->nodes[conv1].inputs[0] = graph->nodes[conv1].outputs[0]; /* reads itself */
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_graph_verify(graph));
    graph->nodes[conv1].inputs[0] = graph->n_values;
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_graph_verify(graph));
    graph->nodes[conv1].inputs[0] = saved;
    value->node = 0;
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_graph_verify(graph));
    value->node = conv1;
    fet_id output = graph->outputs[0];
    graph->outputs[0] = graph->n_values;
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_graph_verify(graph));
    graph->outputs[0] = output;
    graph->params[0].value = graph->inputs[0];
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_graph_verify(graph));
    graph->params[0].value = graph->nodes[fet_graph_find_node(graph, "conv0")].inputs[1];
    fet_node swap = graph->nodes[0];
    graph->nodes[0] = graph->nodes[1], graph->nodes[1] = swap; /* out of order */
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_graph_verify(graph));
    swap = graph->nodes[0], graph->nodes[0] = graph->nodes[1], graph->nodes[1] = swap;
    CHECK_OK(fet_graph_verify(graph));
}

static void hash_is_of_the_structure(void **state)
{
    (void)state;
    fet_auto(fet_graph) a = build(3, 8, "");
    fet_auto(fet_graph) b = build(3, 8, "other_"); /* names do not count */
    fet_auto(fet_graph) c = build(3, 16, "");
    uint64_t hash = fet_graph_hash(a);
    assert_true(hash != 0 && hash == fet_graph_hash(b));
    assert_true(hash != fet_graph_hash(c));
    /* A bound of an activation does. */
    fet_id clip = fet_graph_find_node(b, "other_relu1");
    fet_auto(fet_tensor) seven = NULL;
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &(fet_shape){0}, &seven));
    fet_tensor_f32(seven)[0] = 7;
    fet_graph_set_tensor(b, b->values[b->nodes[clip].inputs[2]].param, seven);
    assert_true(hash != fet_graph_hash(b));
    /* Trained numbers do not. */
    fet_auto(fet_tensor) weights = NULL;
    fet_id w = a->nodes[fet_graph_find_node(a, "conv0")].inputs[1];
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &a->values[w].shape, &weights));
    fet_graph_set_tensor(a, a->values[w].param, weights);
    assert_true(hash == fet_graph_hash(a));
    CHECK_OK(fet_graph_set_int(a, fet_graph_find_node(a, "conv0"), FET_ATTR_GROUP, 3));
    assert_true(hash != fet_graph_hash(a));
}

/* Two branches in either order are one network; one branch read twice is another. */
static void hash_and_order(void **state)
{
    (void)state;
    uint64_t hashes[3];
    for (int form = 0; form < 3; form++) {
        fet_auto(fet_graph) graph = NULL;
        fet_shape src = fet_shape_2d(1, 4);
        fet_id x, a = FET_NONE, b = FET_NONE, sum;
        CHECK_OK(fet_graph_create(NULL, &graph));
        CHECK_OK(fet_graph_add_input(graph, "x", FET_DTYPE_F32, &src, &x));
        if (form == 0) CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "a", x, &a));
        CHECK_OK(fet_build_unary(graph, form == 2 ? FET_OP_RELU : FET_OP_TANH, "b", x, &b));
        if (form == 1) CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "a", x, &a));
        if (form == 2) a = b;
        CHECK_OK(fet_build_binary(graph, FET_OP_ADD, "sum", a, b, &sum));
        CHECK_OK(fet_graph_add_output(graph, sum));
        hashes[form] = fet_graph_hash(graph);
    }
    assert_true(hashes[0] == hashes[1]);
    assert_true(hashes[0] != hashes[2]);
}

static void printed(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = build(1, 8, "");
    char *text = NULL;
    CHECK_OK(fet_graph_print(graph, &text));
    assert_string_equal(
        text, "graph \n"
              "input x 1x3x16x16\n"
              "   0 Conv conv0(x 1x3x16x16, conv0.weight 8x3x3x3) -> conv0 1x8x8x8 dilations=1,1 group=1 kernel_shape=3,3 pads=1,1,1,1 "
              "strides=2,2\n"
              "   1 BatchNormalization bn0(conv0 1x8x8x8, bn0.gamma 8, bn0.beta 8, bn0.mean 8, bn0.variance 8) -> bn0 1x8x8x8 "
              "epsilon=1e-05\n"
              "   2 Clip relu0(bn0 1x8x8x8, relu0.min scalar, relu0.max scalar) -> relu0 1x8x8x8\n"
              "   3 GlobalAveragePool pool(relu0 1x8x8x8) -> pool 1x8x1x1\n"
              "   4 Flatten flatten(pool 1x8x1x1) -> flatten 1x8\n"
              "   5 Gemm fc(flatten 1x8, fc.weight 10x8, fc.bias 10) -> fc 1x10 transB=1\n"
              "output fc 1x10\n");
    fet_free(text);
}

/* Reshape targets that say the batch as 0, -1 or its number all follow it; one that is not about the batch does not change. */
static void batch_changes(void **state)
{
    (void)state;
    static const int64_t targets[][3] = {{0, 6, 4}, {-1, 6, 4}, {1, 6, 4}, {1, -1, 4}, {1, 6, -1}};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        one_node one = one_begin();
        one_f32(&one, fet_shape_4d(1, 2, 3, 4));
        one_ints(&one, targets[i], 3);
        one_op(&one, FET_OP_RESHAPE, 1);
        CHECK_OK(fet_graph_infer(one.graph));
        for (int64_t batch = 5; batch > 0; batch -= 2) { /* 5, 3, 1 */
            CHECK_OK(fet_graph_set_batch(one.graph, batch));
            fet_shape want = {3, {batch, 6, 4}};
            check_shape(&one_output(&one, 0)->shape, &want);
            CHECK_OK(fet_graph_verify(one.graph));
        }
        one_end(&one);
    }
    fet_auto(fet_graph) graph = build(2, 8, "");
    fet_op_work one, eight;
    fet_graph_work(graph, &one);
    CHECK_OK(fet_graph_set_batch(graph, 8));
    fet_graph_work(graph, &eight);
    assert_int_equal(eight.macs, 8 * one.macs);
    assert_int_equal(eight.param_bytes, one.param_bytes);
    CHECK_FAILS(FET_ERROR_ARG, fet_graph_set_batch(graph, 0));
}

/* A Resize by sizes and an Expand that name the batch. */
static void batch_in_sizes(void **state)
{
    (void)state;
    one_node one = one_begin();
    one_f32(&one, fet_shape_4d(2, 3, 4, 4));
    one_missing(&one);
    one_missing(&one);
    one_ints(&one, (int64_t[]){2, 3, 8, 8}, 4);
    one_op(&one, FET_OP_RESIZE, 1);
    CHECK_OK(fet_graph_infer(one.graph));
    CHECK_OK(fet_graph_set_batch(one.graph, 5));
    fet_shape want = fet_shape_4d(5, 3, 8, 8);
    check_shape(&one_output(&one, 0)->shape, &want);
    one_end(&one);
    one = one_begin();
    one_f32(&one, fet_shape_2d(2, 1));
    one_ints(&one, (int64_t[]){2, 6}, 2);
    one_op(&one, FET_OP_EXPAND, 1);
    CHECK_OK(fet_graph_infer(one.graph));
    CHECK_OK(fet_graph_set_batch(one.graph, 3));
    want = fet_shape_2d(3, 6);
    check_shape(&one_output(&one, 0)->shape, &want);
    one_end(&one);
}

/* Inference is called for each of 20,000 candidates a second: it must not touch the heap, and 150 nodes take microseconds. */
static void inference_is_cheap(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = build(40, 8, "");
    fet_alloc_fail_after(UINT64_MAX);
    size_t used = fet_arena_used_bytes(graph->arena);
    CHECK_OK(fet_graph_infer(graph));
    assert_int_equal(fet_alloc_fail_after(UINT64_MAX), 0);
    assert_int_equal(fet_arena_used_bytes(graph->arena), used);
    double best = 1;
    for (int round = 0; round < 200; round++) {
        double start = fet_clock_monotonic_s();
        CHECK_OK(fet_graph_infer(graph));
        double took = fet_clock_monotonic_s() - start;
        if (took < best) best = took;
    }
    print_message("inference of %u nodes: %.2f us\n", graph->n_nodes, best * 1e6);
    assert_true(best < 200e-6); /* 3 us at -O3; room for debug builds and sanitizers */
}

static void no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 0;; n++) {
        fet_graph *graph = NULL;
        fet_id v = FET_NONE;
        char *text = NULL;
        fet_shape src = fet_shape_4d(1, 3, 8, 8);
        fet_alloc_fail_after(n);
        fet_status status = fet_graph_create(NULL, &graph);
        if (status == FET_OK) status = fet_graph_add_input(graph, "x", FET_DTYPE_F32, &src, &v);
        if (status == FET_OK) status = fet_build_conv(graph, "c", v, &(fet_conv_options){.out_channels = 4, .kernel = 3, .bias = true}, &v);
        if (status == FET_OK) status = fet_build_batch_norm(graph, "b", v, &v);
        if (status == FET_OK) status = fet_build_relu6(graph, "r", v, &v);
        if (status == FET_OK) status = fet_graph_add_output(graph, v);
        if (status == FET_OK) status = fet_graph_verify(graph);
        if (status == FET_OK) status = fet_graph_set_batch(graph, 2);
        if (status == FET_OK) status = fet_graph_print(graph, &text);
        uint64_t calls = fet_alloc_fail_after(UINT64_MAX);
        fet_free(text);
        fet_graph_destroy(graph);
        if (status == FET_OK) {
            assert_true(n >= calls);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builder_and_verify),  cmocka_unit_test(work_is_counted),
        cmocka_unit_test(verify_finds_damage), cmocka_unit_test(hash_is_of_the_structure),
        cmocka_unit_test(hash_and_order),      cmocka_unit_test(printed),
        cmocka_unit_test(batch_changes),       cmocka_unit_test(batch_in_sizes),
        cmocka_unit_test(inference_is_cheap),  cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
