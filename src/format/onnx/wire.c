// SPDX-License-Identifier: Apache-2.0
/*
 * The step from bytes to protobuf-c's structures. protobuf-c itself recurses as deep as a file says and merges repeated messages in
 * quadratic time, so the wire format is walked first: every length must lie inside its parent, nesting is limited, a message that may stand
 * once stands once, and the number of messages (each of which costs more memory than bytes) is limited.
 */
#include "format/onnx/wire.h"

#include <string.h>

enum {
    NESTING_LIMIT = 32,              /* a model without subgraphs needs 7 */
    MESSAGES_LIMIT = 8 * 1024 * 1024 /* of at most about 200 bytes each */
};

typedef struct scan {
    const char *name;
    uint64_t n_messages;
} scan;

static fet_status corrupt(const scan *s, const char *what)
{
    return fet_fail(FET_ERROR_CORRUPT, "%s: not an ONNX model, or cut short: %s", s->name, what);
}

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7Fu) << shift;
        if (!(byte & 0x80u)) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* Past one field's data. *out_data, *out_bytes: what is inside a length-delimited one. */
static bool skip_field(const uint8_t **at, const uint8_t *end, unsigned wire_type, const uint8_t **out_data, size_t *out_bytes)
{
    uint64_t value = 0;
    size_t left = (size_t)(end - *at);
    switch (wire_type) {
    case 0: return read_varint(at, end, &value);
    case 1: return left >= 8 ? (*at += 8, true) : false;
    case 5: return left >= 4 ? (*at += 4, true) : false;
    case 2:
        if (!read_varint(at, end, &value) || value > (uint64_t)(end - *at)) return false;
        *out_data = *at;
        *out_bytes = (size_t)value;
        *at += value;
        return true;
    default: return false; /* groups are not in ONNX */
    }
}

/* Descriptors with more fields than bits here do not exist in onnx.proto. */
static fet_status scan_message(scan *s, const ProtobufCMessageDescriptor *type, const uint8_t *at, const uint8_t *end, int depth)
{
    uint64_t seen = 0;
    if (depth > NESTING_LIMIT) return fet_fail(FET_ERROR_LIMIT, "%s: messages nested deeper than %d", s->name, NESTING_LIMIT);
    if (++s->n_messages > MESSAGES_LIMIT) return fet_fail(FET_ERROR_LIMIT, "%s: more than %d parts", s->name, MESSAGES_LIMIT);
    while (at < end) {
        uint64_t tag = 0;
        const uint8_t *data = NULL;
        size_t bytes = 0;
        if (!read_varint(&at, end, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) return corrupt(s, "a field's tag is wrong");
        if (!skip_field(&at, end, (unsigned)(tag & 7u), &data, &bytes)) return corrupt(s, "a field ends behind its message");
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
        if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE || !data) continue;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            unsigned bit = (unsigned)(field - type->fields) & 63u;
            if (seen >> bit & 1u) return corrupt(s, "a part that may stand once stands twice");
            seen |= (uint64_t)1 << bit;
        }
        FET_TRY(scan_message(s, field->descriptor, data, data + bytes, depth + 1));
    }
    return FET_OK;
}

static void *proto_alloc(void *context, size_t bytes)
{
    (void)context;
    return fet_malloc(bytes);
}

static void proto_free(void *context, void *pointer)
{
    (void)context;
    fet_free(pointer);
}

static ProtobufCAllocator allocator = {.alloc = proto_alloc, .free = proto_free, .allocator_data = NULL};

fet_status fet_onnx_unpack(const void *data, size_t bytes, const char *name, Onnx__ModelProto **out_model)
{
    scan s = {.name = name};
    FET_TRY(scan_message(&s, &onnx__model_proto__descriptor, data, (const uint8_t *)data + bytes, 0));
    Onnx__ModelProto *model = onnx__model_proto__unpack(&allocator, bytes, data);
    /* protobuf-c does not say why; after the walk above it is nearly always a field of the wrong kind. */
    if (!model) return fet_fail(FET_ERROR_CORRUPT, "%s: not an ONNX model (or no memory to read its %zu bytes)", name, bytes);
    *out_model = model;
    return FET_OK;
}

void fet_onnx_free(Onnx__ModelProto *model)
{
    if (model) onnx__model_proto__free_unpacked(model, &allocator);
}
