// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "format/safetensors/dtype.h"
#include "format/safetensors/safetensors.h"

#include <jansson.h>
#include <string.h>

enum { LENGTH_BYTES = 8, ALIGNMENT = 8 };

static bool is_written(const fet_param *param, fet_dtype dtype)
{
    return param->tensor && param->tensor->dtype == dtype;
}

static fet_status add_entry(json_t *header, const fet_graph *graph, const fet_param *param, size_t *offset)
{
    const fet_tensor *tensor = param->tensor;
    const char *name = graph->values[param->value].name;
    if (json_object_get(header, name))
        return fet_fail(FET_ERROR_STATE, "parameter \"%s\" is twice in the graph, expected unique names", name);
    json_t *shape = json_array();
    for (uint32_t d = 0; shape && d < tensor->shape.rank; d++) json_array_append_new(shape, json_integer(tensor->shape.dim[d]));
    size_t end = *offset + tensor->bytes;
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", fet_safetensors_dtype_name(tensor->dtype), "shape", shape, "data_offsets",
                              (json_int_t)*offset, (json_int_t)end);
    if (!entry || json_object_set_new(header, name, entry) != 0)
        return fet_fail(FET_ERROR_NOMEM, "cannot put parameter \"%s\" into a header (no memory, or a name that is no UTF-8)", name);
    *offset = end;
    return FET_OK;
}

static fet_status check_params(const fet_graph *graph)
{
    for (uint32_t p = 0; p < graph->n_params; p++) {
        const fet_param *param = &graph->params[p];
        const char *name = graph->values[param->value].name;
        if (!param->tensor) return fet_fail(FET_ERROR_STATE, "parameter \"%s\" has no numbers to write", name);
        if (!fet_safetensors_dtype_name(param->tensor->dtype))
            return fet_fail(FET_ERROR_UNSUPPORTED, "parameter \"%s\" is %s, expected f32 or s64", name,
                            fet_dtype_name(param->tensor->dtype));
    }
    return FET_OK;
}

/* 8-byte numbers first, so that everything is aligned in the file. */
static const fet_dtype ORDER[] = {FET_DTYPE_S64, FET_DTYPE_F32};

static fet_status make_header(const fet_graph *graph, char **out_text, size_t *out_text_bytes, size_t *out_data_bytes)
{
    json_t *header = json_object();
    if (!header) return fet_fail(FET_ERROR_NOMEM, "no memory for a header");
    fet_status status = FET_OK;
    size_t offset = 0;
    for (size_t o = 0; o < sizeof ORDER / sizeof ORDER[0]; o++)
        for (uint32_t p = 0; p < graph->n_params && status == FET_OK; p++)
            if (is_written(&graph->params[p], ORDER[o])) status = add_entry(header, graph, &graph->params[p], &offset);
    char *text = status == FET_OK ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    FET_TRY(status);
    if (!text) return fet_fail(FET_ERROR_NOMEM, "no memory for a header");
    *out_text = text;
    *out_text_bytes = strlen(text);
    *out_data_bytes = offset;
    return FET_OK;
}

static fet_status assemble(const fet_graph *graph, const char *header, size_t header_bytes, size_t data_bytes, uint8_t **out_file,
                           size_t *out_bytes)
{
    size_t padded = (header_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t bytes = LENGTH_BYTES + padded + data_bytes;
    if (bytes > FET_SAFETENSORS_LIMIT_BYTES)
        return fet_fail(FET_ERROR_LIMIT, "parameters of %zu bytes, expected at most %zu", bytes, FET_SAFETENSORS_LIMIT_BYTES);
    uint8_t *file = fet_malloc(bytes);
    if (!file) return fet_fail(FET_ERROR_NOMEM, "no memory for %zu bytes of parameters", bytes);
    for (int i = 0; i < LENGTH_BYTES; i++) file[i] = (uint8_t)((uint64_t)padded >> (8 * i));
    memset(file + LENGTH_BYTES, ' ', padded);
    memcpy(file + LENGTH_BYTES, header, header_bytes);
    uint8_t *end = file + LENGTH_BYTES + padded;
    for (size_t o = 0; o < sizeof ORDER / sizeof ORDER[0]; o++) {
        for (uint32_t p = 0; p < graph->n_params; p++) {
            if (!is_written(&graph->params[p], ORDER[o])) continue;
            memcpy(end, graph->params[p].tensor->data, graph->params[p].tensor->bytes);
            end += graph->params[p].tensor->bytes;
        }
    }
    *out_file = file;
    *out_bytes = bytes;
    return FET_OK;
}

fet_status fet_safetensors_write(const fet_graph *graph, const char *path)
{
    char *header = NULL;
    uint8_t *file = NULL;
    size_t header_bytes = 0, data_bytes = 0, bytes = 0;
    fet_status status = check_params(graph);
    if (status == FET_OK) status = make_header(graph, &header, &header_bytes, &data_bytes);
    if (status == FET_OK) status = assemble(graph, header, header_bytes, data_bytes, &file, &bytes);
    if (status != FET_OK) status = fet_note(status, "%s", path);
    else status = fet_file_replace(path, file, bytes);
    free(header); /* jansson's */
    fet_free(file);
    return status;
}
