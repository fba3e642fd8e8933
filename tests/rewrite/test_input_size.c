// SPDX-License-Identifier: Apache-2.0
/*
 * Another size of the input: by hand on networks that name sizes of maps in every way we follow, refused where weights or outputs depend on
 * it, and on real networks, whose resized copies run and whose base's own size is the identity.
 */
#include "run.h"
#include "zoo.h"

#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "rewrite/input_size.h"

#include <unistd.h>

static fet_id constant(fet_graph *graph, const char *name, const int64_t *numbers, int64_t n)
{
    fet_tensor *tensor = NULL;
    fet_shape shape = {.rank = 1, .dim = {n}};
    fet_id value = FET_NONE;
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &shape, &tensor));
    memcpy(fet_tensor_s64(tensor), numbers, (size_t)n * sizeof *numbers);
    CHECK_OK(fet_graph_add_param(graph, name, FET_DTYPE_S64, &shape, tensor, false, &value));
    fet_tensor_release(tensor);
    return value;
}

static fet_id node_of(fet_graph *graph, fet_op_kind op, const char *name, const fet_id *inputs, uint32_t n)
{
    fet_id node = FET_NONE;
    CHECK_OK(fet_graph_add_node(graph, op, name, inputs, n, 1, &node));
    return node;
}

static fet_id done(fet_graph *graph, fet_id node)
{
    CHECK_OK(fet_graph_infer_node(graph, node));
    return graph->nodes[node].outputs[0];
}

static fet_id reshape(fet_graph *graph, const char *name, fet_id src, fet_id target)
{
    return done(graph, node_of(graph, FET_OP_RESHAPE, name, (fet_id[]){src, target}, 2));
}

/* 24x16 -> stride 2 -> channel shuffle by Reshapes with literal sizes -> flattened and unflattened map -> pool over the whole map ->
 * matrix. */
static fet_graph *network(void)
{
    fet_graph *graph = NULL;
    fet_id v = FET_NONE;
    CHECK_OK(fet_graph_create(NULL, &graph));
    fet_shape shape = fet_shape_4d(1, 3, 24, 16);
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &v));
    CHECK_OK(fet_build_conv(graph, "stem", v, &(fet_conv_options){.out_channels = 6, .kernel = 3, .stride = 2, .bias = true}, &v));
    v = reshape(graph, "split", v, constant(graph, "split.shape", (const int64_t[]){1, 2, 3, 12, 8}, 5));
    fet_id turn = node_of(graph, FET_OP_TRANSPOSE, "turn", &v, 1);
    CHECK_OK(fet_graph_set_ints(graph, turn, FET_ATTR_PERM, (const int64_t[]){0, 2, 1, 3, 4}, 5));
    v = reshape(graph, "join", done(graph, turn), constant(graph, "join.shape", (const int64_t[]){1, 6, 12, 8}, 4));
    v = zoo_unary(graph, FET_OP_RELU, "act", v);
    fet_id sizes = constant(graph, "sizes", (const int64_t[]){1, 6, 24, 16}, 4);
    v = done(graph, node_of(graph, FET_OP_RESIZE, "larger", (fet_id[]){v, FET_NONE, FET_NONE, sizes}, 4));
    CHECK_OK(fet_build_conv(graph, "down", v, &(fet_conv_options){.out_channels = 8, .kernel = 3, .stride = 4, .bias = true}, &v));
    fet_id pool = node_of(graph, FET_OP_AVERAGE_POOL, "pool", &v, 1);
    CHECK_OK(fet_graph_set_ints(graph, pool, FET_ATTR_KERNEL_SHAPE, (const int64_t[]){6, 4}, 2));
    v = reshape(graph, "flat", done(graph, pool), constant(graph, "flat.shape", (const int64_t[]){1, 8}, 2));
    CHECK_OK(fet_build_gemm(graph, "out", v, 4, &v));
    CHECK_OK(fet_graph_add_output(graph, v));
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_graph_init_params(graph, NULL, 1));
    return graph;
}

static const fet_shape *shape_named(const fet_graph *graph, const char *name)
{
    fet_id value = fet_graph_find_value(graph, name);
    assert_true(value != FET_NONE);
    return &graph->values[value].shape;
}

static void by_hand(void **state)
{
    (void)state;
    fet_auto(fet_graph) base = network();
    fet_auto(fet_graph) resized = NULL;
    fet_auto(fet_graph) same = NULL;
    assert_int_equal(fet_input_size_parts(base), 2); /* the last map is 6x4 */
    CHECK_OK(fet_input_size_set(base, 1, 2, false, NULL, &resized));
    CHECK_OK(fet_graph_verify(resized));
    const fet_shape wanted[] = {fet_shape_4d(1, 3, 12, 8), {.rank = 5, .dim = {1, 2, 3, 6, 4}},
                                fet_shape_4d(1, 6, 6, 4),  fet_shape_4d(1, 6, 12, 8),
                                fet_shape_4d(1, 8, 3, 2),  fet_shape_4d(1, 8, 1, 1)};
    static const char *const names[] = {"image", "split", "join", "larger", "down", "pool"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) assert_true(fet_shape_equal(shape_named(resized, names[i]), &wanted[i]));
    /* Weights are shared, constants that changed are its own; the base keeps its numbers. */
    for (uint32_t p = 0; p < base->n_params; p++) {
        bool shared = base->params[p].tensor == resized->params[p].tensor;
        const char *name = base->values[base->params[p].value].name;
        bool size = strcmp(name, "split.shape") == 0 || strcmp(name, "join.shape") == 0 || strcmp(name, "sizes") == 0;
        assert_true(shared != size);
    }
    CHECK_OK(fet_graph_verify(base));
    CHECK_OK(fet_input_size_set(base, 2, 2, false, NULL, &same));
    assert_true(run_difference(base, same, 1) == 0);
    run_result small = run_graph(resized, 1);
    assert_true(small.largest > 0);
    free(small.data);
    fet_graph *larger = NULL;
    CHECK_OK(fet_input_size_set(base, 3, 2, false, NULL, &larger));
    assert_true(shape_named(larger, "image")->dim[2] == 36);
    fet_graph_destroy(larger);
    CHECK_FAILS(FET_ERROR_ARG, fet_input_size_set(base, 0, 2, false, NULL, &larger));
}

/* Numbers at half of the size are those of the network built at that size. */
static void same_as_built(void **state)
{
    (void)state;
    fet_graph *graphs[2] = {NULL};
    for (int i = 0; i < 2; i++) {
        fet_shape shape = i ? fet_shape_4d(1, 3, 6, 10) : fet_shape_4d(1, 3, 12, 20);
        fet_id v = FET_NONE;
        CHECK_OK(fet_graph_create(NULL, &graphs[i]));
        CHECK_OK(fet_graph_add_input(graphs[i], "image", FET_DTYPE_F32, &shape, &v));
        CHECK_OK(fet_build_conv(graphs[i], "a", v, &(fet_conv_options){.out_channels = 5, .kernel = 3, .stride = 2, .bias = true}, &v));
        CHECK_OK(fet_build_conv(graphs[i], "b", v, &(fet_conv_options){.out_channels = 5, .kernel = 5, .group = 5}, &v));
        v = zoo_unary(graphs[i], FET_OP_GLOBAL_AVERAGE_POOL, "pool", v);
        v = zoo_unary(graphs[i], FET_OP_FLATTEN, "flat", v);
        CHECK_OK(fet_build_gemm(graphs[i], "out", v, 3, &v));
        CHECK_OK(fet_graph_add_output(graphs[i], v));
        CHECK_OK(fet_graph_infer(graphs[i]));
        CHECK_OK(fet_graph_init_params(graphs[i], NULL, 1));
    }
    fet_auto(fet_graph) half = NULL;
    CHECK_OK(fet_input_size_set(graphs[0], 1, 2, false, NULL, &half)); /* maps of 6x10: gcd of 12, 20, 6, 10 */
    assert_true(run_difference(graphs[1], half, 3) == 0);
    fet_graph_destroy(graphs[0]), fet_graph_destroy(graphs[1]);
}

/* Between whole parts, too: 64 -> 32 -> 16 -> 8 at five eighths is 40 -> 20 -> 10 -> 5, and with one stride more it ends with 3, not 2.5.
 */
static void between_parts(void **state)
{
    (void)state;
    fet_graph *graphs[2] = {NULL};
    for (int i = 0; i < 2; i++) {
        fet_shape shape = i ? fet_shape_4d(1, 3, 40, 40) : fet_shape_4d(1, 3, 64, 64);
        fet_id v = FET_NONE;
        CHECK_OK(fet_graph_create(NULL, &graphs[i]));
        CHECK_OK(fet_graph_add_input(graphs[i], "image", FET_DTYPE_F32, &shape, &v));
        static const char *const names[] = {"a", "b", "c", "d"};
        for (int l = 0; l < 4; l++)
            CHECK_OK(
                fet_build_conv(graphs[i], names[l], v, &(fet_conv_options){.out_channels = 5, .kernel = 3, .stride = 2, .bias = true}, &v));
        v = zoo_unary(graphs[i], FET_OP_GLOBAL_AVERAGE_POOL, "pool", v);
        v = zoo_unary(graphs[i], FET_OP_FLATTEN, "flat", v);
        CHECK_OK(fet_build_gemm(graphs[i], "out", v, 3, &v));
        CHECK_OK(fet_graph_add_output(graphs[i], v));
        CHECK_OK(fet_graph_infer(graphs[i]));
        CHECK_OK(fet_graph_init_params(graphs[i], NULL, 1));
    }
    assert_int_equal(fet_input_size_parts(graphs[0]), 4);
    assert_int_equal(fet_input_size_steps(graphs[0]), 4); /* a step is 16 pixels already */
    fet_auto(fet_graph) resized = NULL;
    fet_graph *none = NULL;
    CHECK_OK(fet_input_size_set(graphs[0], 5, 8, false, NULL, &resized));
    CHECK_OK(fet_graph_verify(resized));
    assert_true(run_difference(graphs[1], resized, 3) == 0);
    CHECK_FAILS(FET_ERROR_ARG, fet_input_size_set(graphs[0], 5, 7, false, NULL, &none)); /* 64 / 7 */
    fet_graph_destroy(graphs[0]), fet_graph_destroy(graphs[1]);
}

static void refused(void **state)
{
    (void)state;
    fet_auto(fet_graph) zoo = zoo_network(); /* flattens a map of 6x5 into a matrix; gcd 1 */
    fet_graph *none = NULL;
    assert_int_equal(fet_input_size_parts(zoo), 1);
    CHECK_FAILS(FET_ERROR_SHAPE, fet_input_size_set(zoo, 2, 1, false, NULL, &none));
    assert_non_null(strstr(fet_error_message(), "hidden"));
    fet_auto(fet_graph) base = network();
    for (uint64_t n = 0, failures = 1; failures > 0; n++) {
        fet_alloc_fail_after(n);
        fet_status status = fet_input_size_set(base, 1, 2, false, NULL, &none);
        fet_alloc_fail_after(UINT64_MAX);
        failures = status != FET_OK;
        if (failures) assert_int_equal(status, FET_ERROR_NOMEM);
        else fet_graph_destroy(none);
        assert_true(n < 10000);
    }
    /* The output is a map. */
    fet_graph *maps = NULL;
    fet_id v = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 3, 8, 8);
    CHECK_OK(fet_graph_create(NULL, &maps));
    CHECK_OK(fet_graph_add_input(maps, "image", FET_DTYPE_F32, &shape, &v));
    CHECK_OK(fet_graph_add_output(maps, zoo_conv(maps, "only", v, 2, 3, 1)));
    CHECK_OK(fet_graph_infer(maps));
    CHECK_FAILS(FET_ERROR_SHAPE, fet_input_size_set(maps, 4, 8, false, NULL, &none));
    assert_non_null(strstr(fet_error_message(), "output \"only\""));
    fet_graph_destroy(maps);
}

/* Parts of the input's size; whether half (or the next part above it) can be had. With one part
 * there is only the whole. */
static const struct {
    const char *path;
    uint32_t parts;
    bool resizes;
} models[] = {
    {"derived-mnv2-035-96/model.onnx", 3, true},
    {"derived-vww-float/model.onnx", 3, true},
    {"mnist-cnn/model.onnx", 2, false}, /* a matrix over the map */
    {"onnx-light/light_densenet121.onnx", 7, true},
    {"onnx-light/light_inception_v1.onnx", 1, true},
    {"onnx-light/light_inception_v2.onnx", 7, true},
    {"onnx-light/light_resnet50.onnx", 7, true},
    {"onnx-light/light_shufflenet.onnx", 7, true},
    {"onnx-light/light_vgg19.onnx", 7, false},
    {"sinet-portrait/model.onnx", 10, false},
    {"stm-flowers-mobilenetv2-035/model.onnx", 4, true},
    {"stm-person-mobilenetv2/model.onnx", 4, true},
    {"stm-yamnet-256/model.onnx", 4, true},
    {"ultraface-rfb-320/model.onnx", 1, true},
    {"yunet-n-320/model.onnx", 10, false},
};

static void real_networks(void **state)
{
    (void)state;
    uint32_t n_found = 0;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char relative[256];
        bool there = false;
        snprintf(relative, sizeof relative, "models/%s", models[i].path);
        const char *path = check_shared_path(relative, &there);
        if (!there) continue;
        n_found++;
        fet_auto(fet_graph) base = NULL;
        fet_auto(fet_graph) resized = NULL;
        CHECK_OK(fet_onnx_read(path, NULL, &base));
        uint32_t parts = fet_input_size_parts(base);
        fet_status status = fet_input_size_set(base, parts > 1 ? (parts + 1) / 2 : 1, parts, false, NULL, &resized);
        print_message("# %s: %u parts, %s\n", models[i].path, parts, status == FET_OK ? "resizes" : fet_error_message());
        assert_int_equal(parts, models[i].parts);
        if (strcmp(models[i].path, "stm-person-mobilenetv2/model.onnx") == 0) {
            assert_int_equal(fet_input_size_steps(base), 8);
            fet_graph_destroy(fet_take(resized));
            status = fet_input_size_set(base, 5, 8, false, NULL, &resized); /* 80x80 of 128x128 */
        }
        if ((status == FET_OK) != models[i].resizes) fail_msg("%s: expected otherwise", models[i].path);
        if (status != FET_OK) continue;
        CHECK_OK(fet_graph_verify(resized));
        run_result result = run_graph(resized, 1);
        if (isnan(result.largest)) fail_msg("%s: outputs that are not finite", path);
        free(result.data);
    }
    if (n_found == 0) print_message("# skipped: no models in ../shared/models of this checkout\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(same_as_built), cmocka_unit_test(between_parts),
                                       cmocka_unit_test(refused), cmocka_unit_test(real_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
