// SPDX-License-Identifier: Apache-2.0
/* NumPy's .npy files: read as NumPy writes them (the bytes are made here by hand), and refused in one line when anything is wrong. */
#include "npy_bytes.h"

#include "data/npy.h"

static uint8_t file[NPY_ROOM];

#define F4 "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"

static void test_what_numpy_writes(void **state)
{
    (void)state;
    const float numbers[] = {0.5f, -1.0f, 3e38f, 0.0f, 1e-30f, 7.0f};
    for (uint8_t version = 1; version <= 3; version++) {
        fet_npy npy;
        float read[6];
        size_t bytes = npy_make(file, version, F4, false, numbers, sizeof numbers);
        CHECK_OK(fet_npy_parse(file, bytes, "x.npy", &npy));
        assert_int_equal(npy.dtype, FET_DTYPE_F32);
        const fet_shape expected = fet_shape_2d(2, 3);
        assert_true(fet_shape_equal(&npy.shape, &expected));
        assert_int_equal(npy.count, 6);
        fet_npy_read(&npy, 0, 6, read);
        assert_memory_equal(read, numbers, sizeof numbers);
        fet_npy_read(&npy, 4, 2, read);
        assert_memory_equal(read, numbers + 4, 2 * sizeof *numbers);
    }
}

/* Keys in any order, either quote, no space or much of it; one dimension, none; bytes. */
static void test_forms_of_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        uint32_t rank;
        int64_t first;
        size_t bytes;
    } good[] = {
        {"{\"shape\":(4,),\"fortran_order\":False,\"descr\":\"|u1\"}", 1, 4, 4},
        {"{ 'fortran_order' : False , 'descr' : '<u1' , 'shape' : ( 4 , 2 ) }", 2, 4, 8},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (), }", 0, 0, 1},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 5), }", 2, 0, 0},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 2)}", 8, 1, 2},
    };
    const uint8_t numbers[] = {0, 1, 128, 255, 5, 6, 7, 8};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        for (int raw = 0; raw < 2; raw++) {
            fet_npy npy;
            float read[8];
            CHECK_OK(fet_npy_parse(file, npy_make(file, 1, good[i].header, raw, numbers, good[i].bytes), "x.npy", &npy));
            assert_int_equal(npy.dtype, FET_DTYPE_U8);
            assert_int_equal(npy.shape.rank, good[i].rank);
            if (good[i].rank) assert_int_equal(npy.shape.dim[0], good[i].first);
            assert_int_equal(npy.count, good[i].bytes);
            fet_npy_read(&npy, 0, npy.count, read);
            for (size_t k = 0; k < npy.count; k++) assert_true(read[k] == (float)numbers[k]);
        }
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *says;
        fet_status code;
    } wrong[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3)}", "\">f4\", expected float32", FET_ERROR_UNSUPPORTED},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3)}", "<f8", FET_ERROR_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", "row by row", FET_ERROR_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}", "True or False", FET_ERROR_CORRUPT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3)}", "a dimension", FET_ERROR_CORRUPT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}", "behind a dimension", FET_ERROR_CORRUPT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3]}", "in parentheses", FET_ERROR_CORRUPT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", "behind a value", FET_ERROR_CORRUPT},
        {"{'descr': '<f4', 'fortran_order': False}", "lacks a part", FET_ERROR_CORRUPT},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", "each once", FET_ERROR_CORRUPT},
        {"{'descr': '<f4', 'order': False, 'shape': (2, 3)}", "\"order\"", FET_ERROR_CORRUPT},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "a quoted text", FET_ERROR_CORRUPT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1)}", "more than 8", FET_ERROR_LIMIT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3)}", "smaller dimension", FET_ERROR_CORRUPT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", "x.npy", FET_ERROR_LIMIT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}", "24 bytes of numbers, expected 16 for 2x2", FET_ERROR_CORRUPT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4)}", "expected 32 for 2x4", FET_ERROR_CORRUPT},
        {"", "a dictionary", FET_ERROR_CORRUPT},
        {"{'descr'", "\":\"", FET_ERROR_CORRUPT},
        {"{'descr: '<f4'}", "x.npy", FET_ERROR_CORRUPT},
    };
    const float numbers[6] = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fet_npy npy;
        size_t bytes = npy_make(file, 1, wrong[i].header, true, numbers, sizeof numbers);
        CHECK_FAILS(wrong[i].code, fet_npy_parse(file, bytes, "x.npy", &npy));
        CHECK_SAYS("x.npy", wrong[i].says);
    }
}

/* Cut anywhere, or with any one byte changed: refused or read, never more than is there. */
static void test_damaged(void **state)
{
    (void)state;
    const float numbers[6] = {1, 2, 3, 4, 5, 6};
    size_t bytes = npy_make(file, 1, F4, false, numbers, sizeof numbers);
    fet_npy npy;
    for (size_t cut = 0; cut < bytes; cut++) {
        uint8_t *part = malloc(cut + 1);
        assert_non_null(part);
        memcpy(part, file, cut);
        CHECK_FAILS(FET_ERROR_CORRUPT, fet_npy_parse(part, cut, "x.npy", &npy));
        free(part);
    }
    for (size_t at = 0; at < bytes; at++)
        for (int bit = 0; bit < 8; bit++) {
            file[at] ^= (uint8_t)(1 << bit);
            if (fet_npy_parse(file, bytes, "x.npy", &npy) == FET_OK)
                assert_true(npy.bytes + npy.count * (npy.dtype == FET_DTYPE_F32 ? 4 : 1) == file + bytes);
            file[at] ^= (uint8_t)(1 << bit);
        }
    file[6] = 4;
    CHECK_FAILS(FET_ERROR_UNSUPPORTED, fet_npy_parse(file, bytes, "x.npy", &npy));
    CHECK_SAYS("version 4, expected 1 to 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_numpy_writes),
        cmocka_unit_test(test_forms_of_headers),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
