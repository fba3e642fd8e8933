// SPDX-License-Identifier: Apache-2.0
/* Everything in the file is checked before the graph is touched: header, ranges without gaps or overlaps, then each parameter's entry. */
#include "base/file.h"
#include "format/safetensors/dtype.h"
#include "format/safetensors/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8 };

typedef struct source {
    const char *name;
    json_t *header;
    const uint8_t *data;
    size_t data_bytes;
} source;

typedef struct range {
    uint64_t begin, end;
} range;

static fet_status parse_header(const uint8_t *file, size_t bytes, source *s)
{
    if (bytes < LENGTH_BYTES)
        return fet_fail(FET_ERROR_CORRUPT, "%s: %zu bytes, expected a safetensors file of at least 8", s->name, bytes);
    uint64_t length = 0;
    for (int i = 0; i < LENGTH_BYTES; i++) length |= (uint64_t)file[i] << (8 * i);
    if (length > FET_SAFETENSORS_LIMIT_HEADER || length > bytes - LENGTH_BYTES)
        return fet_fail(FET_ERROR_CORRUPT, "%s: byte 0: a header of %llu bytes, expected at most %zu", s->name, (unsigned long long)length,
                        bytes - LENGTH_BYTES);
    json_error_t error;
    s->header = json_loadb((const char *)file + LENGTH_BYTES, length, JSON_REJECT_DUPLICATES, &error);
    if (!s->header)
        return fet_fail(FET_ERROR_CORRUPT, "%s: byte %d: header: %s, expected a JSON object", s->name, LENGTH_BYTES + error.position,
                        error.text);
    if (!json_is_object(s->header)) return fet_fail(FET_ERROR_CORRUPT, "%s: byte 8: the header is no JSON object", s->name);
    s->data = file + LENGTH_BYTES + length;
    s->data_bytes = bytes - LENGTH_BYTES - length;
    return FET_OK;
}

static bool read_offset(const json_t *array, size_t i, size_t limit, uint64_t *out)
{
    const json_t *item = json_array_get(array, i);
    json_int_t value = json_integer_value(item);
    if (!json_is_integer(item) || value < 0 || (uint64_t)value > limit) return false;
    *out = (uint64_t)value;
    return true;
}

static fet_status read_range(const source *s, const char *tensor, const json_t *entry, range *out_range)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    range r;
    if (json_array_size(offsets) != 2 || !read_offset(offsets, 0, s->data_bytes, &r.begin) ||
        !read_offset(offsets, 1, s->data_bytes, &r.end) || r.begin > r.end)
        return fet_fail(FET_ERROR_CORRUPT, "%s: tensor \"%s\": data_offsets are not [begin, end] within the %zu bytes of data", s->name,
                        tensor, s->data_bytes);
    *out_range = r;
    return FET_OK;
}

static int compare_ranges(const void *a, const void *b)
{
    const range *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The format's rule: the tensors fill the data, each byte once. A cut-off or overwritten file breaks it. */
static fet_status check_coverage(const source *s)
{
    range *ranges = NULL;
    FET_TRY(fet_alloc_zeroed(json_object_size(s->header), sizeof *ranges, "a header", &ranges));
    fet_status status = FET_OK;
    size_t n = 0;
    const char *key = NULL;
    json_t *entry = NULL;
    json_object_foreach(s->header, key, entry)
    {
        if (strcmp(key, "__metadata__") == 0) continue;
        status = read_range(s, key, entry, &ranges[n++]);
        if (status != FET_OK) break;
    }
    if (status == FET_OK && n > 0) qsort(ranges, n, sizeof *ranges, compare_ranges);
    uint64_t end = 0;
    for (size_t i = 0; i < n && status == FET_OK; i++) {
        if (ranges[i].begin != end)
            status = fet_fail(FET_ERROR_CORRUPT, "%s: data byte %llu: tensors overlap or leave a gap", s->name, (unsigned long long)end);
        end = ranges[i].end;
    }
    if (status == FET_OK && end != s->data_bytes)
        status = fet_fail(FET_ERROR_CORRUPT, "%s: %zu bytes of data, expected %llu", s->name, s->data_bytes, (unsigned long long)end);
    fet_free(ranges);
    return status;
}

static fet_status read_shape(const source *s, const char *tensor, const json_t *entry, fet_shape *out_shape)
{
    const json_t *list = json_object_get(entry, "shape");
    if (!json_is_array(list) || json_array_size(list) > FET_MAX_RANK)
        return fet_fail(FET_ERROR_CORRUPT, "%s: tensor \"%s\": shape is no list of at most %d numbers", s->name, tensor, FET_MAX_RANK);
    fet_shape shape = {.rank = (uint32_t)json_array_size(list)};
    for (uint32_t d = 0; d < shape.rank; d++) {
        const json_t *item = json_array_get(list, d);
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            return fet_fail(FET_ERROR_CORRUPT, "%s: tensor \"%s\": shape[%u] is no size", s->name, tensor, d);
        shape.dim[d] = json_integer_value(item);
    }
    *out_shape = shape;
    return FET_OK;
}

static fet_status read_tensor(const source *s, const fet_value *value, fet_tensor **out_tensor)
{
    const char *name = value->name;
    const json_t *entry = json_object_get(s->header, name);
    if (!entry) return fet_fail(FET_ERROR_NOT_FOUND, "%s: no tensor \"%s\", expected one for each parameter", s->name, name);
    const char *dtype = json_string_value(json_object_get(entry, "dtype")), *wanted = fet_safetensors_dtype_name(value->dtype);
    if (!dtype) return fet_fail(FET_ERROR_CORRUPT, "%s: tensor \"%s\": no dtype", s->name, name);
    if (!wanted || strcmp(dtype, wanted) != 0)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: tensor \"%s\" is %s, expected %s", s->name, name, dtype,
                        wanted ? wanted : fet_dtype_name(value->dtype));
    fet_shape shape;
    FET_TRY(read_shape(s, name, entry, &shape));
    if (!fet_shape_equal(&shape, &value->shape)) {
        char has[FET_SHAPE_TEXT_BYTES], wants[FET_SHAPE_TEXT_BYTES];
        return fet_fail(FET_ERROR_SHAPE, "%s: tensor \"%s\" is %s, expected %s", s->name, name, fet_shape_print(&shape, has, sizeof has),
                        fet_shape_print(&value->shape, wants, sizeof wants));
    }
    range r;
    FET_TRY(read_range(s, name, entry, &r));
    fet_auto(fet_tensor) tensor = NULL;
    FET_TRY(fet_tensor_create(value->dtype, &shape, &tensor));
    if (r.end - r.begin != tensor->bytes)
        return fet_fail(FET_ERROR_CORRUPT, "%s: tensor \"%s\": %llu bytes, expected %zu", s->name, name,
                        (unsigned long long)(r.end - r.begin), tensor->bytes);
    memcpy(tensor->data, s->data + r.begin, tensor->bytes);
    *out_tensor = fet_take(tensor);
    return FET_OK;
}

static fet_status read_all(const source *s, fet_graph *graph)
{
    fet_tensor **tensors = NULL;
    FET_TRY(check_coverage(s));
    FET_TRY(fet_alloc_zeroed(graph->n_params, sizeof(fet_tensor *), "parameters", &tensors));
    fet_status status = FET_OK;
    for (uint32_t p = 0; p < graph->n_params && status == FET_OK; p++)
        status = read_tensor(s, &graph->values[graph->params[p].value], &tensors[p]);
    for (uint32_t p = 0; p < graph->n_params; p++) {
        if (status == FET_OK) fet_graph_set_tensor(graph, p, tensors[p]);
        fet_tensor_release(tensors[p]);
    }
    fet_free(tensors);
    return status;
}

fet_status fet_safetensors_parse(const void *data, size_t bytes, const char *name, fet_graph *graph)
{
    source s = {.name = name};
    fet_status status = parse_header(data, bytes, &s);
    if (status == FET_OK) status = read_all(&s, graph);
    json_decref(s.header);
    return status;
}

fet_status fet_safetensors_read(const char *path, fet_graph *graph)
{
    void *data = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, FET_SAFETENSORS_LIMIT_BYTES, &data, &bytes));
    fet_status status = fet_safetensors_parse(data, bytes, path, graph);
    fet_free(data);
    return status;
}
