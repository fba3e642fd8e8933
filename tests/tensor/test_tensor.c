// SPDX-License-Identifier: Apache-2.0
#include "check.h"

#include "base/rng.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

static void shapes(void **state)
{
    (void)state;
    char text[FET_SHAPE_TEXT_BYTES];
    fet_shape shape = fet_shape_4d(1, 32, 28, 28), other = {0}, scalar = {0};
    assert_string_equal(fet_shape_print(&shape, text, sizeof text), "1x32x28x28");
    assert_string_equal(fet_shape_print(&scalar, text, sizeof text), "scalar");
    assert_int_equal(fet_shape_elements(&shape), 25088);
    assert_int_equal(fet_shape_elements(&scalar), 1);
    CHECK_OK(fet_shape_parse("1x32x28x28", &other));
    assert_true(fet_shape_equal(&shape, &other));
    other.dim[3]++;
    assert_false(fet_shape_equal(&shape, &other));
    other = fet_shape_make(3, shape.dim);
    assert_false(fet_shape_equal(&shape, &other));
    other.dim[7] = 99; /* behind the rank: does not count */
    fet_shape same = fet_shape_make(3, shape.dim);
    assert_true(fet_shape_equal(&same, &other));
    /* The longest text that can be. */
    fet_shape longest = {.rank = FET_MAX_RANK};
    for (int i = 0; i < FET_MAX_RANK; i++) longest.dim[i] = INT64_MAX;
    assert_true(strlen(fet_shape_print(&longest, text, sizeof text)) < FET_SHAPE_TEXT_BYTES - 1);
    assert_int_equal(strlen(fet_shape_print(&longest, text, 10)), 9); /* cut, ended */
}

static void shapes_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "x", "1x", "x1", "1xx2", "0", "1x0", "-1x3", "1,2", "1 x 2", "1x2y", "99999999999x1", "1x1x1x1x1x1x1x1x1", "+3"};
    fet_shape shape = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_FAILS(FET_ERROR_ARG, fet_shape_parse(bad[i], &shape));
    fet_shape large = fet_shape_4d(1 << 20, 1 << 20, 1 << 20, 1 << 20), negative = fet_shape_2d(2, -1), empty = fet_shape_2d(1 << 30, 0);
    CHECK_FAILS(FET_ERROR_LIMIT, fet_shape_check(&large, 4, FET_TENSOR_LIMIT_BYTES, "it"));
    CHECK_FAILS(FET_ERROR_LIMIT, fet_shape_check(&negative, 4, FET_TENSOR_LIMIT_BYTES, "it"));
    CHECK_OK(fet_shape_check(&empty, 4, FET_TENSOR_LIMIT_BYTES, "it"));
    fet_shape edge = fet_shape_1d(1024);
    CHECK_OK(fet_shape_check(&edge, 4, 4096, "it"));
    CHECK_FAILS(FET_ERROR_LIMIT, fet_shape_check(&edge, 4, 4095, "it"));
}

static void dtypes(void **state)
{
    (void)state;
    static const size_t bytes[] = {0, 4, 2, 2, 8, 1, 1, 2, 4, 8, 1};
    for (int d = FET_DTYPE_NONE; d <= FET_DTYPE_BOOL; d++) {
        assert_int_equal(fet_dtype_bytes((fet_dtype)d), bytes[d]);
        if (d) assert_int_equal(fet_dtype_parse(fet_dtype_name((fet_dtype)d)), d);
    }
    assert_int_equal(fet_dtype_parse("int8"), FET_DTYPE_S8);
    assert_int_equal(fet_dtype_parse("float32"), FET_DTYPE_F32);
    assert_int_equal(fet_dtype_parse("none"), FET_DTYPE_NONE);
    assert_int_equal(fet_dtype_parse("float"), FET_DTYPE_NONE);
}

/* Rounding to bfloat16 by its definition: the nearer of the two neighbours, the even one in the middle. */
static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = fet_rng_u32(&rng);
        if (i % 4 == 0) bits = (bits & 0xFFFF0000u) | 0x8000u; /* exactly between */
        if (i % 4 == 1) bits &= 0xFFFF0000u;                   /* exactly representable */
        float value;
        memcpy(&value, &bits, sizeof value);
        uint16_t got = fet_bf16_from_f32(value);
        if (isnan(value)) {
            assert_true(isnan(fet_f32_from_bf16(got)));
            continue;
        }
        uint16_t low = (uint16_t)(bits >> 16), high = (uint16_t)(low + 1); /* neighbours in magnitude */
        uint32_t rest = bits & 0xFFFFu;
        uint16_t want = rest < 0x8000u ? low : rest > 0x8000u ? high : (low & 1u) ? high : low;
        assert_int_equal(got, want);
    }
    assert_true(fet_f32_from_bf16(fet_bf16_from_f32(1.0f)) == 1.0f);
    assert_true(isinf(fet_f32_from_bf16(fet_bf16_from_f32(3.4028235e38f)))); /* the largest float rounds up */
}

static void lifetime(void **state)
{
    (void)state;
    fet_tensor *tensor = NULL, *copy = NULL;
    fet_shape shape = fet_shape_2d(3, 5), empty = fet_shape_2d(0, 5), large = fet_shape_2d((int64_t)1 << 32, 4);
    CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &shape, &tensor));
    assert_int_equal(tensor->bytes, 60);
    assert_int_equal((uintptr_t)tensor->data % 64, 0);
    for (int i = 0; i < 15; i++) assert_true(fet_tensor_f32(tensor)[i] == 0.0f);
    fet_tensor_f32(tensor)[14] = 2.5f;
    assert_ptr_equal(fet_tensor_retain(tensor), tensor);
    assert_int_equal(tensor->references, 2);
    fet_tensor_release(tensor);
    CHECK_OK(fet_tensor_copy(tensor, &copy));
    fet_tensor_f32(tensor)[14] = 0;
    assert_true(fet_tensor_f32(copy)[14] == 2.5f);
    fet_tensor_release(tensor);
    fet_tensor_release(copy);
    CHECK_OK(fet_tensor_create(FET_DTYPE_S64, &empty, &tensor));
    assert_int_equal(fet_tensor_elements(tensor), 0);
    fet_tensor_release(tensor);
    CHECK_FAILS(FET_ERROR_LIMIT, fet_tensor_create(FET_DTYPE_F32, &large, &tensor));
    for (uint64_t n = 0; n < 2; n++) {
        fet_alloc_fail_after(n);
        CHECK_FAILS(FET_ERROR_NOMEM, fet_tensor_create(FET_DTYPE_F32, &shape, &tensor));
        fet_alloc_fail_after(UINT64_MAX);
    }
    assert_null(fet_tensor_retain(NULL));
    fet_tensor_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shapes), cmocka_unit_test(shapes_that_are_none), cmocka_unit_test(dtypes),
                                       cmocka_unit_test(bf16_rounds_to_nearest_even), cmocka_unit_test(lifetime)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
