// SPDX-License-Identifier: Apache-2.0
/*
 * Smaller maps behind the same inputs and outputs: the candidate computes what resizing the image by hand, running the smaller network and
 * resizing its map by hand gives; names and shapes are the base's; a Resize that stands at the end already is used; real networks with maps
 * as outputs run so.
 */
#include "run.h"
#include "zoo.h"

#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "rewrite/inner_size.h"
#include "rewrite/input_size.h"

static fet_id node(fet_graph *graph, fet_op_kind op, const char *name, fet_id src)
{
    return zoo_unary(graph, op, name, src);
}

typedef struct ending {
    bool own_resize, softmax, arg_max, keepdims;
} ending;

/* 16x24 -> stride 2 -> 3 classes of each place, perhaps made as large as the image, perhaps with what is computed by place behind. */
static fet_graph *network(ending form, int64_t h, int64_t w)
{
    fet_graph *graph = NULL;
    fet_id v = FET_NONE, n = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 3, h, w);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &v));
    CHECK_OK(fet_build_conv(graph, "stem", v, &(fet_conv_options){.out_channels = 6, .kernel = 3, .stride = 2, .bias = true}, &v));
    CHECK_OK(fet_build_conv(graph, "classes", v, &(fet_conv_options){.out_channels = 3, .kernel = 1, .stride = 1, .bias = true}, &v));
    if (form.own_resize) {
        fet_tensor *tensor = NULL;
        fet_id scales = FET_NONE;
        fet_shape four = {.rank = 1, .dim = {4}};
        CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &four, &tensor));
        memcpy(fet_tensor_f32(tensor), (float[]){1, 1, 2, 2}, 4 * sizeof(float));
        CHECK_OK(fet_graph_add_param(graph, "scales", FET_DTYPE_F32, &four, tensor, false, &scales));
        fet_tensor_release(tensor);
        CHECK_OK(fet_graph_add_node(graph, FET_OP_RESIZE, "larger", (fet_id[]){v, FET_NONE, scales}, 3, 1, &n));
        CHECK_OK(fet_graph_set_string(graph, n, FET_ATTR_MODE, "linear"));
        CHECK_OK(fet_graph_infer_node(graph, n));
        v = graph->nodes[n].outputs[0];
    }
    if (form.softmax) {
        CHECK_OK(fet_graph_add_node(graph, FET_OP_SOFTMAX, "share", &v, 1, 1, &n));
        CHECK_OK(fet_graph_set_int(graph, n, FET_ATTR_AXIS, 1));
        v = graph->nodes[n].outputs[0];
    }
    if (form.arg_max) {
        CHECK_OK(fet_graph_add_node(graph, FET_OP_ARG_MAX, "largest", &v, 1, 1, &n));
        CHECK_OK(fet_graph_set_int(graph, n, FET_ATTR_AXIS, 1));
        CHECK_OK(fet_graph_set_int(graph, n, FET_ATTR_KEEPDIMS, form.keepdims));
        v = graph->nodes[n].outputs[0];
    }
    CHECK_OK(fet_graph_add_output(graph, v));
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_graph_init_params(graph, NULL, 1));
    return graph;
}

static uint32_t count(const fet_graph *graph, fet_op_kind op)
{
    uint32_t n = 0;
    for (fet_id i = 0; i < graph->n_nodes; i++) n += graph->nodes[i].op == op;
    return n;
}

static fet_graph *inside(const fet_graph *base, uint32_t take, uint32_t of)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_input_size_set(base, take, of, true, NULL, &graph));
    assert_true(fet_inner_size_needs_wrap(base, graph) == (take != of));
    CHECK_OK(fet_inner_size_wrap(graph, base));
    CHECK_OK(fet_graph_verify(graph));
    return graph;
}

static void check_interface(const fet_graph *base, const fet_graph *graph)
{
    assert_int_equal(graph->n_inputs, base->n_inputs);
    assert_int_equal(graph->n_outputs, base->n_outputs);
    for (uint32_t i = 0; i < 1 + base->n_outputs; i++) {
        const fet_value *old = &base->values[i ? base->outputs[i - 1] : base->inputs[0]];
        const fet_value *new = &graph->values[i ? graph->outputs[i - 1] : graph->inputs[0]];
        assert_string_equal(old->name, new->name);
        assert_true(fet_shape_equal(&old->shape, &new->shape));
        assert_int_equal(old->dtype, new->dtype);
    }
}

/* Bilinear with half pixels, slowly: [channels][h][w]. */
static void resize(const float *src, int64_t channels, const int64_t from[2], const int64_t to[2], float *dst)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t y = 0; y < to[0]; y++)
            for (int64_t x = 0; x < to[1]; x++) {
                double at[2] = {((double)y + 0.5) * (double)from[0] / (double)to[0] - 0.5,
                                ((double)x + 0.5) * (double)from[1] / (double)to[1] - 0.5};
                double sum = 0;
                for (int64_t j = 0; j < from[0]; j++)
                    for (int64_t i = 0; i < from[1]; i++) {
                        double down = fmin(fmax(at[0], 0), (double)from[0] - 1), right = fmin(fmax(at[1], 0), (double)from[1] - 1);
                        double share = fmax(0, 1 - fabs(down - (double)j)) * fmax(0, 1 - fabs(right - (double)i));
                        sum += share * (double)src[(c * from[0] + j) * from[1] + i];
                    }
                dst[(c * to[0] + y) * to[1] + x] = (float)sum;
            }
}

static void run(const fet_graph *graph, const float *src, float *dst)
{
    fet_auto(fet_executor) executor = NULL;
    fet_executor_options options = fet_executor_default_options();
    CHECK_OK(fet_executor_create(graph, &options, &executor));
    CHECK_OK(fet_executor_run(executor, &src, &dst));
}

enum { H = 16, W = 24, H_IN = 12, W_IN = 18, CLASSES = 3 };

/* What a user would do by hand around the network made for the smaller image. */
static void by_definition(void **state)
{
    (void)state;
    const ending forms[] = {{0}, {.softmax = true}, {.own_resize = true}, {.own_resize = true, .softmax = true}};
    static float image[3 * H * W], small[3 * H_IN * W_IN], map[CLASSES * H * W], wanted[CLASSES * H * W], got[CLASSES * H * W];
    fet_rng rng;
    fet_rng_init(&rng, 7, 0, FET_RNG_TEST);
    for (size_t i = 0; i < sizeof image / sizeof *image; i++) image[i] = (float)(2 * fet_rng_uniform(&rng) - 1);
    resize(image, 3, (int64_t[]){H, W}, (int64_t[]){H_IN, W_IN}, small);
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        fet_auto(fet_graph) base = network(forms[f], H, W);
        fet_auto(fet_graph) built = network((ending){0}, H_IN, W_IN); /* the classes before anything else */
        fet_auto(fet_graph) graph = inside(base, 3, 4);
        check_interface(base, graph);
        assert_int_equal(count(graph, FET_OP_RESIZE), 2); /* the base's own one is used */
        int64_t out[2] = {forms[f].own_resize ? H : H / 2, forms[f].own_resize ? W : W / 2};
        run(built, small, map);
        resize(map, CLASSES, (int64_t[]){H_IN / 2, W_IN / 2}, out, wanted);
        for (int64_t p = 0; p < out[0] * out[1] && forms[f].softmax; p++) {
            double sum = 0;
            for (int64_t c = 0; c < CLASSES; c++) sum += exp((double)wanted[c * out[0] * out[1] + p]);
            for (int64_t c = 0; c < CLASSES; c++)
                wanted[c * out[0] * out[1] + p] = (float)(exp((double)wanted[c * out[0] * out[1] + p]) / sum);
        }
        run(graph, image, got);
        for (int64_t k = 0; k < CLASSES * out[0] * out[1]; k++) assert_true(fabsf(got[k] - wanted[k]) < 1e-5f);
    }
}

/* Classes are taken at the image's size, from logits made that large; the interface stays. */
static void classes(void **state)
{
    (void)state;
    for (int keepdims = 0; keepdims < 2; keepdims++)
        for (int own = 0; own < 2; own++) {
            fet_auto(fet_graph) base = network((ending){.own_resize = own, .arg_max = true, .keepdims = keepdims}, H, W);
            fet_auto(fet_graph) graph = inside(base, 1, 2);
            check_interface(base, graph);
            assert_int_equal(count(graph, FET_OP_RESIZE), 2);
            fet_id last = graph->values[graph->outputs[0]].node;
            assert_int_equal(graph->nodes[last].op, FET_OP_ARG_MAX);
            assert_int_equal(graph->nodes[graph->values[graph->nodes[last].inputs[0]].node].op, FET_OP_RESIZE);
        }
}

/* A map that is an output and is read inside as well, and a second output that is no map. */
static void shared_map(void **state)
{
    (void)state;
    fet_auto(fet_graph) base = NULL;
    fet_id v = FET_NONE, map = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 3, H, W);
    CHECK_OK(fet_graph_create(NULL, &base));
    CHECK_OK(fet_graph_add_input(base, "image", FET_DTYPE_F32, &shape, &v));
    CHECK_OK(fet_build_conv(base, "stem", v, &(fet_conv_options){.out_channels = 6, .kernel = 3, .stride = 2, .bias = true}, &v));
    map = node(base, FET_OP_SIGMOID, "map", v);
    v = node(base, FET_OP_GLOBAL_AVERAGE_POOL, "pool", map);
    v = node(base, FET_OP_FLATTEN, "flat", v);
    CHECK_OK(fet_graph_add_output(base, map));
    CHECK_OK(fet_graph_add_output(base, v));
    CHECK_OK(fet_graph_infer(base));
    CHECK_OK(fet_graph_init_params(base, NULL, 1));
    fet_auto(fet_graph) graph = inside(base, 1, 2);
    check_interface(base, graph);
    /* The pool reads the small map: no more work than that. */
    fet_id flat = graph->values[graph->outputs[1]].node, pool = graph->values[graph->nodes[flat].inputs[0]].node;
    assert_int_equal(graph->values[graph->nodes[pool].inputs[0]].shape.dim[2], H / 4);
    run_result result = run_graph(graph, 1);
    assert_true(result.largest > 0);
    free(result.data);
}

static void without_memory(void **state)
{
    (void)state;
    fet_auto(fet_graph) base = network((ending){.softmax = true}, H, W);
    for (uint64_t n = 0, failures = 1; failures > 0; n++) {
        fet_auto(fet_graph) graph = NULL;
        CHECK_OK(fet_input_size_set(base, 1, 2, true, NULL, &graph));
        fet_alloc_fail_after(n);
        fet_status status = fet_inner_size_wrap(graph, base);
        fet_alloc_fail_after(UINT64_MAX);
        failures = status != FET_OK;
        if (failures) assert_int_equal(status, FET_ERROR_NOMEM);
        assert_true(n < 10000);
    }
}

static void real_networks(void **state)
{
    (void)state;
    static const char *const names[] = {"sinet-portrait", "yunet-n-320"};
    uint32_t n_found = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char relative[256];
        bool there = false;
        snprintf(relative, sizeof relative, "models/%s/model.onnx", names[i]);
        const char *path = check_shared_path(relative, &there);
        if (!there) continue;
        n_found++;
        fet_auto(fet_graph) base = NULL;
        fet_graph *resized = NULL;
        CHECK_OK(fet_onnx_read(path, NULL, &base));
        fet_status status = fet_input_size_set(base, 7, 10, true, NULL, &resized);
        bool is_map = i == 0; /* the other one's outputs are lists of places, as long as there are places */
        if ((status == FET_OK) != is_map) fail_msg("%s: %s", path, status == FET_OK ? "resizes" : fet_error_message());
        if (status != FET_OK) continue;
        fet_graph_destroy(resized);
        fet_auto(fet_graph) graph = inside(base, 7, 10);
        check_interface(base, graph);
        run_result result = run_graph(graph, 1);
        assert_true(result.largest > 0);
        free(result.data);
    }
    if (n_found == 0) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_definition), cmocka_unit_test(classes), cmocka_unit_test(shared_map),
                                       cmocka_unit_test(without_memory), cmocka_unit_test(real_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
