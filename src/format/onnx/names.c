// SPDX-License-Identifier: Apache-2.0
/* The names of a file, and the order of its nodes. */
#include "base/hash.h"
#include "format/onnx/reader.h"

#include <string.h>

static fet_onnx_name *slot_of(const fet_onnx_reader *reader, const char *text)
{
    size_t mask = reader->n_slots - 1, at = (size_t)fet_hash(text, strlen(text)) & mask;
    while (reader->names[at].text && strcmp(reader->names[at].text, text) != 0) at = (at + 1) & mask;
    return &reader->names[at];
}

fet_onnx_name *fet_onnx_name_find(const fet_onnx_reader *reader, const char *text)
{
    fet_onnx_name *slot = slot_of(reader, text);
    return slot->text ? slot : NULL;
}

static fet_status add(fet_onnx_reader *reader, const char *text, uint32_t producer)
{
    if (!text || !*text) return fet_fail(FET_ERROR_CORRUPT, "%s: an input or initializer has no name", reader->file);
    fet_onnx_name *slot = slot_of(reader, text);
    if (slot->text) {
        if (producer == FET_NONE && slot->producer == FET_NONE) return FET_OK; /* an initializer that is listed as input too */
        return fet_fail(FET_ERROR_CORRUPT, "%s: \"%s\" is made twice", reader->file, text);
    }
    *slot = (fet_onnx_name){.text = text, .value = FET_NONE, .producer = producer};
    return FET_OK;
}

static void use(fet_onnx_reader *reader, const char *text)
{
    fet_onnx_name *name = fet_onnx_name_find(reader, text);
    if (name) name->used = true;
}

fet_status fet_onnx_names_create(fet_onnx_reader *reader)
{
    const Onnx__GraphProto *proto = reader->proto;
    size_t count = proto->n_input + proto->n_initializer;
    for (size_t n = 0; n < proto->n_node; n++) count += proto->node[n]->n_output;
    reader->n_slots = 16;
    while (reader->n_slots < 2 * count) reader->n_slots *= 2;
    reader->names = fet_arena_zalloc(reader->scratch, reader->n_slots, sizeof *reader->names);
    if (!reader->names) return fet_arena_full();
    for (size_t i = 0; i < proto->n_input; i++) FET_TRY(add(reader, proto->input[i]->name, FET_NONE));
    for (size_t i = 0; i < proto->n_initializer; i++) FET_TRY(add(reader, proto->initializer[i]->name, FET_NONE));
    for (size_t n = 0; n < proto->n_node; n++)
        for (size_t i = 0; i < proto->node[n]->n_output; i++)
            if (proto->node[n]->output[i][0]) FET_TRY(add(reader, proto->node[n]->output[i], (uint32_t)n));
    for (size_t n = 0; n < proto->n_node; n++)
        for (size_t i = 0; i < proto->node[n]->n_input; i++) use(reader, proto->node[n]->input[i]);
    for (size_t i = 0; i < proto->n_output; i++)
        if (proto->output[i]->name) use(reader, proto->output[i]->name);
    return FET_OK;
}

fet_status fet_onnx_order(const fet_onnx_reader *reader, uint32_t **out_order)
{
    const Onnx__GraphProto *proto = reader->proto;
    uint32_t n_nodes = (uint32_t)proto->n_node, n_order = 0;
    uint8_t *state = fet_arena_zalloc(reader->scratch, (size_t)n_nodes + 1, 1); /* 0 new, 1 on the stack, 2 placed */
    uint32_t *stack = fet_arena_alloc(reader->scratch, ((size_t)n_nodes + 1) * sizeof *stack);
    size_t *cursor = fet_arena_zalloc(reader->scratch, (size_t)n_nodes + 1, sizeof *cursor);
    uint32_t *order = fet_arena_alloc(reader->scratch, ((size_t)n_nodes + 1) * sizeof *order);
    if (!state || !stack || !cursor || !order) return fet_arena_full();
    for (uint32_t root = 0; root < n_nodes; root++) {
        uint32_t depth = 0;
        if (!state[root]) stack[depth++] = root, state[root] = 1;
        while (depth > 0) {
            uint32_t n = stack[depth - 1];
            if (cursor[n] == proto->node[n]->n_input) {
                state[n] = 2, order[n_order++] = n, depth--;
                continue;
            }
            const fet_onnx_name *from = fet_onnx_name_find(reader, proto->node[n]->input[cursor[n]++]);
            if (!from || from->producer == FET_NONE || state[from->producer] == 2) continue;
            if (state[from->producer] == 1) return fet_fail(FET_ERROR_CORRUPT, "%s: \"%s\" depends on itself", reader->file, from->text);
            stack[depth++] = from->producer, state[from->producer] = 1;
        }
    }
    *out_order = order;
    return FET_OK;
}
