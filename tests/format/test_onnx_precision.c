// SPDX-License-Identifier: Apache-2.0
/* Layers of their own precision in ONNX files: they come back as they went, others' metadata is left alone, and what names no layer is
 * refused. */
#include "check.h"

#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "format/onnx/wire.h"
#include "op/builder.h"
#include "op/op.h"
#include "rewrite/mark_precision.h"

#include <string.h>

/* Each kind of layer: Conv, a depthwise one, ConvTranspose, MatMul, Gemm, the last one the graph's output. */
static fet_graph *network(void)
{
    fet_graph *g = NULL;
    fet_id x = FET_NONE, w = FET_NONE, node = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 4, 6, 6), up = fet_shape_4d(8, 2, 2, 2), product = fet_shape_2d(12, 5);
    CHECK_OK(fet_graph_create(NULL, &g));
    CHECK_OK(fet_graph_add_input(g, "image", FET_DTYPE_F32, &shape, &x));
    CHECK_OK(fet_build_conv(g, "stem", x, &(fet_conv_options){.out_channels = 8, .kernel = 3, .bias = true}, &x));
    CHECK_OK(fet_build_conv(g, "deep", x, &(fet_conv_options){.out_channels = 8, .kernel = 3, .group = 8}, &x));
    CHECK_OK(fet_graph_add_param(g, "up.weight", FET_DTYPE_F32, &up, NULL, true, &w));
    CHECK_OK(fet_graph_add_node(g, FET_OP_CONV_TRANSPOSE, "up", (const fet_id[]){x, w}, 2, 1, &node));
    CHECK_OK(fet_graph_set_int(g, node, FET_ATTR_GROUP, 2));
    CHECK_OK(fet_graph_set_ints(g, node, FET_ATTR_STRIDES, (const int64_t[]){2, 2}, 2));
    CHECK_OK(fet_graph_infer_node(g, node));
    CHECK_OK(fet_graph_add_param(g, "product.weight", FET_DTYPE_F32, &product, NULL, true, &w));
    CHECK_OK(fet_graph_add_node(g, FET_OP_MATMUL, "a product", (const fet_id[]){g->nodes[node].outputs[0], w}, 2, 1, &node));
    CHECK_OK(fet_graph_infer_node(g, node));
    CHECK_OK(fet_build_unary(g, FET_OP_FLATTEN, "flat", g->nodes[node].outputs[0], &x));
    CHECK_OK(fet_build_gemm(g, "fc", x, 6, &x));
    CHECK_OK(fet_graph_add_output(g, x));
    CHECK_OK(fet_graph_infer(g));
    CHECK_OK(fet_graph_init_params(g, NULL, 3));
    return g;
}

static void check_same_marks(const fet_graph *a, const fet_graph *b)
{
    assert_int_equal(a->n_nodes, b->n_nodes);
    for (fet_id n = 0; n < a->n_nodes; n++) {
        fet_id other = fet_graph_find_node(b, a->nodes[n].name);
        assert_true(other != FET_NONE);
        assert_int_equal(a->nodes[n].precision, b->nodes[other].precision);
    }
    assert_true(fet_graph_hash(a) == fet_graph_hash(b));
}

static void test_round_trip(void **state)
{
    (void)state;
    fet_auto(fet_graph) g = network();
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    static const fet_dtype choices[] = {FET_DTYPE_NONE, FET_DTYPE_BF16, FET_DTYPE_F32};
    uint64_t plain = fet_graph_hash(g);
    for (int i = 0; i < 60; i++) {
        bool any = false;
        for (fet_id n = 0; n < g->n_nodes; n++) {
            bool layer = fet_mark_precision_is_layer(g, &g->nodes[n]);
            g->nodes[n].precision = (uint16_t)(layer ? choices[fet_rng_below(&rng, i == 0 ? 1 : 3)] : FET_DTYPE_NONE);
            any = any || g->nodes[n].precision != FET_DTYPE_NONE;
        }
        fet_auto(fet_graph) again = NULL;
        void *data = NULL;
        size_t bytes = 0;
        CHECK_OK(fet_onnx_write_buffer(g, i % 2 ? 13 : 18, &data, &bytes));
        CHECK_OK(fet_onnx_read_buffer(data, bytes, "test.onnx", NULL, &again));
        check_same_marks(g, again);
        assert_int_equal(fet_graph_hash(g) != plain, any); /* other marks, another network */
        Onnx__ModelProto *model = NULL;
        CHECK_OK(fet_onnx_unpack(data, bytes, "test.onnx", &model));
        assert_int_equal(model->n_metadata_props, any ? 1 : 0);
        fet_onnx_free(model);
        fet_free(data);
    }
}

/* A file's metadata changed by hand. */
static fet_status read_with(const char *key, const char *value, fet_graph **out_graph)
{
    fet_auto(fet_graph) g = network();
    void *data = NULL;
    size_t bytes = 0;
    Onnx__ModelProto *model = NULL;
    char own_key[64], own_value[256];
    snprintf(own_key, sizeof own_key, "%s", key);
    snprintf(own_value, sizeof own_value, "%s", value);
    CHECK_OK(fet_onnx_write_buffer(g, 13, &data, &bytes));
    CHECK_OK(fet_onnx_unpack(data, bytes, "test.onnx", &model));
    fet_free(data);
    Onnx__StringStringEntryProto entry, *list[] = {&entry};
    onnx__string_string_entry_proto__init(&entry);
    entry.key = own_key;
    entry.value = own_value;
    model->metadata_props = list;
    model->n_metadata_props = 1;
    bytes = onnx__model_proto__get_packed_size(model);
    data = malloc(bytes);
    assert_non_null(data);
    onnx__model_proto__pack(model, data);
    model->metadata_props = NULL;
    model->n_metadata_props = 0;
    fet_onnx_free(model);
    fet_status status = fet_onnx_read_buffer(data, bytes, "test.onnx", NULL, out_graph);
    free(data);
    return status;
}

static void test_by_hand(void **state)
{
    (void)state;
    fet_auto(fet_graph) g = NULL;
    CHECK_OK(read_with("fettle.precision", "f32 stem\n\nbf16 a product", &g)); /* names may have spaces; the last break may be missing */
    assert_int_equal(g->nodes[fet_graph_find_node(g, "stem")].precision, FET_DTYPE_F32);
    assert_int_equal(g->nodes[fet_graph_find_node(g, "a product")].precision, FET_DTYPE_BF16);
    assert_int_equal(g->nodes[fet_graph_find_node(g, "fc")].precision, FET_DTYPE_NONE);
    fet_auto(fet_graph) other = NULL;
    CHECK_OK(read_with("author", "bf16 nobody", &other));
    static const char *const wrong[] = {"bf16 nobody", "bf16 flat", "bf16 image", "int8 stem", "stem", "bf16", "bfloat16xyz stem", "bf16 "};
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
        fet_graph *none = NULL;
        CHECK_FAILS(FET_ERROR_CORRUPT, read_with("fettle.precision", wrong[w], &none));
        assert_non_null(strstr(fet_error_message(), "test.onnx: metadata fettle.precision"));
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    fet_auto(fet_graph) g = network();
    CHECK_OK(fet_mark_precision_ends(g, FET_DTYPE_BF16, FET_DTYPE_F32));
    for (uint64_t n = 0;; n++) {
        fet_auto(fet_graph) again = NULL;
        void *data = NULL;
        size_t bytes = 0;
        fet_alloc_fail_after(n);
        fet_status status = fet_onnx_write_buffer(g, 13, &data, &bytes);
        if (status == FET_OK) status = fet_onnx_read_buffer(data, bytes, "test.onnx", NULL, &again);
        bool done = fet_alloc_fail_after(UINT64_MAX) <= n;
        fet_free(data);
        /* protobuf-c does not tell one from the other */
        if (status != FET_OK) assert_true(status == FET_ERROR_NOMEM || status == FET_ERROR_CORRUPT);
        if (!done) continue;
        CHECK_OK(status);
        check_same_marks(g, again);
        break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_by_hand), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
