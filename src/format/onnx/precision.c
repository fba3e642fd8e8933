// SPDX-License-Identifier: Apache-2.0
/*
 * Which layers of an int8 network stay in another precision, as metadata of the model: what operators compute is not changed by it, so any
 * runtime reads the file. A layer is named by the value it makes, for names of nodes may be missing or stand twice in a file.
 */
#include "format/onnx/reader.h"
#include "format/onnx/writer.h"
#include "rewrite/mark_precision.h"

#include <string.h>

static const char KEY[] = "fettle.precision";

static bool is_marked(const fet_node *node)
{
    return node->op != FET_OP_NONE && (node->precision == FET_DTYPE_BF16 || node->precision == FET_DTYPE_F32);
}

void fet_onnx_write_precisions(fet_onnx_writer *writer, Onnx__ModelProto *model)
{
    const fet_graph *graph = writer->graph;
    size_t bytes = 1, used = 0;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        if (!is_marked(&graph->nodes[n])) continue;
        const char *name = writer->names[graph->nodes[n].outputs[0]];
        bytes += strlen(fet_dtype_name((fet_dtype)graph->nodes[n].precision)) + strlen(name) + 2;
        if (strpbrk(name, "\n\r") && writer->status == FET_OK)
            writer->status = fet_fail(FET_ERROR_UNSUPPORTED, "layer \"%s\" has a precision of its own and a line break in its name",
                                      graph->nodes[n].name);
    }
    if (bytes == 1 || writer->status != FET_OK) return;
    char *text = fet_onnx_room(writer, bytes, 1), *key = fet_onnx_text(writer, KEY);
    Onnx__StringStringEntryProto *entry = fet_onnx_room(writer, 1, sizeof *entry), **list = fet_onnx_room(writer, 1, sizeof(void *));
    if (writer->status != FET_OK) return;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        if (!is_marked(&graph->nodes[n])) continue;
        const char *parts[] = {fet_dtype_name((fet_dtype)graph->nodes[n].precision), " ", writer->names[graph->nodes[n].outputs[0]], "\n"};
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            memcpy(text + used, parts[p], strlen(parts[p]));
            used += strlen(parts[p]);
        }
    }
    onnx__string_string_entry_proto__init(entry);
    entry->key = key;
    entry->value = text;
    list[0] = entry;
    model->metadata_props = list;
    model->n_metadata_props = 1;
}

/* One line, "bf16 RESULT". */
static fet_status mark(fet_onnx_reader *reader, const char *line)
{
    const char *space = strchr(line, ' ');
    char type[8] = "";
    if (space && (size_t)(space - line) < sizeof type) memcpy(type, line, (size_t)(space - line));
    fet_dtype precision = fet_dtype_parse(type);
    if (precision != FET_DTYPE_BF16 && precision != FET_DTYPE_F32)
        return fet_fail(FET_ERROR_CORRUPT, "%s: metadata %s: \"%.80s\": expected bf16 or f32 and a layer's result", reader->file, KEY,
                        line);
    const fet_onnx_name *name = fet_onnx_name_find(reader, space + 1);
    const fet_value *value = name && name->value != FET_NONE ? &reader->graph->values[name->value] : NULL;
    fet_node *node = value && value->kind == FET_VALUE_COMPUTED && value->node != FET_NONE ? &reader->graph->nodes[value->node] : NULL;
    if (!node || !fet_mark_precision_is_layer(reader->graph, node))
        return fet_fail(FET_ERROR_CORRUPT,
                        "%s: metadata %s: \"%.120s\" is the result of no convolution or product: expected one, or no such line; another "
                        "program may have changed the network",
                        reader->file, KEY, space + 1);
    node->precision = (uint16_t)precision;
    return FET_OK;
}

fet_status fet_onnx_read_precisions(fet_onnx_reader *reader)
{
    for (size_t i = 0; i < reader->model->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = reader->model->metadata_props[i];
        if (!entry->key || strcmp(entry->key, KEY) != 0 || !entry->value) continue;
        char *text = fet_arena_strdup(reader->scratch, entry->value);
        if (!text) return fet_arena_full();
        for (char *line = text, *next; *line; line = next) {
            next = line + strcspn(line, "\n");
            if (*next) *next++ = '\0';
            if (*line) FET_TRY(mark(reader, line));
        }
    }
    return FET_OK;
}
