// SPDX-License-Identifier: Apache-2.0
/* safetensors: round trips bit by bit, files written by hand after the format's description, and every way a file can be wrong. */
#include "check.h"

#include "base/file.h"
#include "format/safetensors/safetensors.h"

#include <string.h>
#include <unistd.h>

static char path[512];

static int setup(void **state)
{
    (void)state;
    const char *root = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/fettle-test-%ld.safetensors", root ? root : "/tmp", (long)getpid());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fet_alloc_fail_after(UINT64_MAX);
    unlink(path);
    return 0;
}

/* "w" 2x3 f32, "shape \"x\"" 3 s64, "c" scalar f32. */
static fet_graph *make_graph(bool with_numbers)
{
    fet_graph *graph = NULL;
    CHECK_OK(fet_graph_create(NULL, &graph));
    const fet_shape shapes[] = {fet_shape_2d(2, 3), fet_shape_1d(3), {.rank = 0}};
    const fet_dtype dtypes[] = {FET_DTYPE_F32, FET_DTYPE_S64, FET_DTYPE_F32};
    const char *names[] = {"w", "shape \"x\"", "c"};
    for (int i = 0; i < 3; i++) {
        fet_tensor *tensor = NULL;
        fet_id value;
        if (with_numbers) {
            CHECK_OK(fet_tensor_create(dtypes[i], &shapes[i], &tensor));
            for (size_t b = 0; b < tensor->bytes; b++) ((uint8_t *)tensor->data)[b] = (uint8_t)(b * 41 + (size_t)i);
        }
        CHECK_OK(fet_graph_add_param(graph, names[i], dtypes[i], &shapes[i], tensor, true, &value));
        fet_tensor_release(tensor);
    }
    return graph;
}

static void test_round_trip(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = make_graph(true);
    fet_auto(fet_graph) back = make_graph(false);
    CHECK_OK(fet_safetensors_write(graph, path));
    CHECK_OK(fet_safetensors_read(path, back));
    for (uint32_t p = 0; p < 3; p++) {
        assert_int_equal(back->params[p].tensor->bytes, graph->params[p].tensor->bytes);
        assert_memory_equal(back->params[p].tensor->data, graph->params[p].tensor->data, graph->params[p].tensor->bytes);
    }
    /* The layout as published: length, JSON, data. */
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(path, 1 << 20, &data, &bytes));
    const uint8_t *b = data;
    size_t header = b[0] | (size_t)b[1] << 8;
    assert_int_equal(header % 8, 0);
    assert_int_equal(bytes, 8 + header + 24 + 24 + 4);
    assert_int_equal(b[8], '{');
    fet_free(data);
}

static void test_without_numbers(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = make_graph(false);
    CHECK_FAILS(FET_ERROR_STATE, fet_safetensors_write(graph, path));
    assert_false(fet_file_exists("/nonexistent/x"));
    fet_auto(fet_graph) full = make_graph(true);
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_safetensors_write(full, "/nonexistent/x"));
}

/* A file of this header and n bytes of data into a graph that wants "w" 2x3, "shape \"x\"" 3, "c" scalar. */
static fet_status parse(const char *header, size_t n, fet_graph *graph)
{
    static uint8_t file[2048];
    size_t length = strlen(header);
    memset(file, 0, sizeof file);
    file[0] = (uint8_t)length, file[1] = (uint8_t)(length >> 8);
    memcpy(file + 8, header, length);
    for (size_t i = 0; i < n; i++) file[8 + length + i] = (uint8_t)i;
    return fet_safetensors_parse(file, 8 + length + n, "x", graph);
}

#define SHAPE_AND_C                                                                                                                        \
    "\"shape "                                                                                                                             \
    "\\\"x\\\"\":{\"dtype\":\"I64\",\"shape\":[3],\"data_offsets\":[24,48]},\"c\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[48,"   \
    "52]}"

static void test_foreign_file(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = make_graph(false);
    CHECK_OK(parse("{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}," SHAPE_AND_C
                   ",\"more\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[52,54]}}   ",
                   54, graph));
    assert_int_equal(((uint8_t *)graph->params[0].tensor->data)[23], 23);
    assert_int_equal(((uint8_t *)graph->params[2].tensor->data)[3], 51);
}

static void test_wrong_files(void **state)
{
    (void)state;
    static const struct {
        fet_status code;
        const char *header;
        size_t n;
    } cases[] = {
        {FET_ERROR_CORRUPT, "{\"w\":", 52},
        {FET_ERROR_CORRUPT, "[1, 2]", 0},
        {FET_ERROR_NOT_FOUND, "{" SHAPE_AND_C ",\"v\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", 52},
        {FET_ERROR_UNSUPPORTED, "{" SHAPE_AND_C ",\"w\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", 52},
        {FET_ERROR_SHAPE, "{" SHAPE_AND_C ",\"w\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]}}", 52},
        {FET_ERROR_CORRUPT, "{" SHAPE_AND_C ",\"w\":{\"dtype\":\"F32\",\"shape\":[2,-3],\"data_offsets\":[0,24]}}", 52},
        {FET_ERROR_CORRUPT, "{" SHAPE_AND_C ",\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,20]}}", 52}, /* a gap */
        {FET_ERROR_CORRUPT, "{" SHAPE_AND_C ",\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,28]}}", 52}, /* an overlap */
        {FET_ERROR_CORRUPT, "{" SHAPE_AND_C ",\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,0]}}", 52},
        {FET_ERROR_CORRUPT, "{" SHAPE_AND_C ",\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,99999999999]}}", 52},
        {FET_ERROR_CORRUPT, "{" SHAPE_AND_C ",\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", 51}, /* cut off */
        {FET_ERROR_CORRUPT, "{" SHAPE_AND_C ",\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}", 53}, /* too much */
        {FET_ERROR_CORRUPT, "{" SHAPE_AND_C ",\"w\":{\"dtype\":\"F32\",\"shape\":[2,3]}}", 52},
        {FET_ERROR_CORRUPT, "{" SHAPE_AND_C ",\"w\":7}", 52},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fet_auto(fet_graph) graph = make_graph(false);
        CHECK_FAILS(cases[i].code, parse(cases[i].header, cases[i].n, graph));
        assert_int_equal(strncmp(fet_error_message(), "x: ", 3), 0);
        for (uint32_t p = 0; p < 3; p++) assert_null(graph->params[p].tensor); /* all or nothing */
    }
    fet_auto(fet_graph) graph = make_graph(false);
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_safetensors_parse("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", 10, "x", graph));
    CHECK_FAILS(FET_ERROR_CORRUPT, fet_safetensors_parse("", 0, "x", graph));
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_safetensors_read("/nonexistent/x", graph));
}

/* Cut anywhere, a written file is refused. */
static void test_cut_off(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = make_graph(true);
    fet_auto(fet_graph) back = make_graph(false);
    CHECK_OK(fet_safetensors_write(graph, path));
    void *data = NULL;
    size_t bytes = 0;
    CHECK_OK(fet_file_read(path, 1 << 20, &data, &bytes));
    for (size_t cut = 0; cut < bytes; cut++) CHECK_FAILS(FET_ERROR_CORRUPT, fet_safetensors_parse(data, cut, "x", back));
    fet_free(data);
}

static void test_no_memory(void **state)
{
    (void)state;
    fet_auto(fet_graph) graph = make_graph(true);
    fet_auto(fet_graph) back = make_graph(false);
    CHECK_OK(fet_safetensors_write(graph, path));
    for (int writes = 0; writes < 2; writes++) {
        for (uint64_t n = 0;; n++) {
            fet_alloc_fail_after(n);
            fet_error_clear();
            fet_status status = writes ? fet_safetensors_write(graph, path) : fet_safetensors_read(path, back);
            if (fet_alloc_fail_after(UINT64_MAX) <= n) {
                assert_int_equal(status, FET_OK);
                break;
            }
            assert_int_equal(status, FET_ERROR_NOMEM);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_without_numbers), cmocka_unit_test(test_foreign_file),
        cmocka_unit_test(test_wrong_files), cmocka_unit_test(test_cut_off),         cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
