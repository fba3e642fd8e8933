// SPDX-License-Identifier: Apache-2.0
/* op/quantize.c: types and shapes of QuantizeLinear and DequantizeLinear, what is refused; constants folded against the definition. */
#include "one_node.h"

#include <math.h>

static fet_id constant(one_node *one, fet_dtype dtype, fet_shape shape, const void *numbers)
{
    char name[16];
    fet_auto(fet_tensor) tensor = NULL;
    snprintf(name, sizeof name, "c%u", one->n_inputs);
    CHECK_OK(fet_tensor_create(dtype, &shape, &tensor));
    memcpy(tensor->data, numbers, tensor->bytes);
    CHECK_OK(fet_graph_add_param(one->graph, name, dtype, &shape, tensor, false, &one->inputs[one->n_inputs]));
    return one->inputs[one->n_inputs++];
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        fet_op_kind op;
        fet_dtype src, zero, dst; /* zero NONE: left out; dst NONE: refused */
        int64_t axis, scales;     /* scales 0: one number */
        fet_status status;
    } cases[] = {
        {FET_OP_QUANTIZE_LINEAR, FET_DTYPE_F32, FET_DTYPE_NONE, FET_DTYPE_U8, 1, 0, FET_OK},
        {FET_OP_QUANTIZE_LINEAR, FET_DTYPE_F32, FET_DTYPE_S8, FET_DTYPE_S8, 1, 3, FET_OK},
        {FET_OP_QUANTIZE_LINEAR, FET_DTYPE_F32, FET_DTYPE_U8, FET_DTYPE_U8, -1, 5, FET_OK},
        {FET_OP_QUANTIZE_LINEAR, FET_DTYPE_F32, FET_DTYPE_S32, FET_DTYPE_NONE, 1, 0, FET_ERROR_UNSUPPORTED},
        {FET_OP_QUANTIZE_LINEAR, FET_DTYPE_F32, FET_DTYPE_U8, FET_DTYPE_NONE, 1, 4, FET_ERROR_SHAPE},
        {FET_OP_QUANTIZE_LINEAR, FET_DTYPE_F32, FET_DTYPE_U8, FET_DTYPE_NONE, 4, 3, FET_ERROR_ARG},
        {FET_OP_DEQUANTIZE_LINEAR, FET_DTYPE_S8, FET_DTYPE_S8, FET_DTYPE_F32, 0, 2, FET_OK},
        {FET_OP_DEQUANTIZE_LINEAR, FET_DTYPE_S32, FET_DTYPE_NONE, FET_DTYPE_F32, 1, 0, FET_OK},
        {FET_OP_DEQUANTIZE_LINEAR, FET_DTYPE_S64, FET_DTYPE_NONE, FET_DTYPE_NONE, 1, 0, FET_ERROR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        one_node one = one_begin();
        fet_shape scale = {0};
        if (cases[i].scales) scale = fet_shape_1d(cases[i].scales);
        one_input(&one, cases[i].src, fet_shape_4d(2, 3, 4, 5));
        one_f32(&one, scale);
        if (cases[i].zero != FET_DTYPE_NONE) one_input(&one, cases[i].zero, scale);
        one_op(&one, cases[i].op, 1);
        CHECK_OK(fet_graph_set_int(one.graph, one.node, FET_ATTR_AXIS, cases[i].axis));
        const fet_value *dst = &one.graph->values[one.graph->nodes[one.node].outputs[0]];
        if (cases[i].status != FET_OK) {
            CHECK_FAILS(cases[i].status, fet_graph_infer(one.graph));
        } else {
            CHECK_OK(fet_graph_infer(one.graph));
            const fet_shape whole = fet_shape_4d(2, 3, 4, 5);
            assert_int_equal(dst->dtype, cases[i].dst);
            assert_true(fet_shape_equal(&dst->shape, &whole));
        }
        fet_graph_destroy(one.graph);
    }
}

static void test_folding(void **state)
{
    (void)state;
    const int8_t steps[12] = {-128, -3, 0, 1, 2, 127, 9, -9, 50, -50, 7, 8};
    const float scales[3] = {0.5f, 0.25f, 3.0f};
    const int8_t zeros[3] = {1, 0, -4};
    for (int zero = 0; zero < 2; zero++) {
        one_node one = one_begin();
        constant(&one, FET_DTYPE_S8, fet_shape_4d(2, 3, 2, 1), steps);
        constant(&one, FET_DTYPE_F32, fet_shape_1d(3), scales);
        if (zero) constant(&one, FET_DTYPE_S8, fet_shape_1d(3), zeros);
        one_op(&one, FET_OP_DEQUANTIZE_LINEAR, 1);
        fet_id dst = one.graph->nodes[one.node].outputs[0];
        size_t left = 1000;
        CHECK_OK(fet_graph_fold(one.graph, &left));
        const fet_tensor *tensor = fet_graph_constant(one.graph, dst);
        assert_non_null(tensor);
        for (int i = 0; i < 12; i++) {
            int c = i / 2 % 3;
            CHECK_NEAR((double)fet_tensor_f32(tensor)[i], (steps[i] - (zero ? zeros[c] : 0)) * (double)scales[c], 0);
        }
        fet_graph_destroy(one.graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_types), cmocka_unit_test(test_folding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
