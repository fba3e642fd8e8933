// SPDX-License-Identifier: Apache-2.0
/* The structure of a device file, from the list of its fields. */
#include "device/described/raw.h"

enum { LIMIT_TEXT = 1024, LIMIT_ACTIVATIONS = 32, OPTIONAL = CYAML_FLAG_OPTIONAL, POINTER = CYAML_FLAG_POINTER };

#define TEXT(struct_, key_)                                                                                                                \
    {                                                                                                                                      \
        .key = #key_, .data_offset = offsetof(struct_, key_), .value = {                                                                   \
            .type = CYAML_STRING,                                                                                                          \
            .flags = (enum cyaml_flag)(OPTIONAL | POINTER),                                                                                \
            .data_size = sizeof(char),                                                                                                     \
            .string = {.min = 0, .max = LIMIT_TEXT}                                                                                        \
        }                                                                                                                                  \
    }
#define MAPPING(struct_, key_, fields_)                                                                                                    \
    {                                                                                                                                      \
        .key = #key_, .data_offset = offsetof(struct_, key_), .value = {                                                                   \
            .type = CYAML_MAPPING,                                                                                                         \
            .flags = (enum cyaml_flag)OPTIONAL,                                                                                            \
            .data_size = sizeof(((struct_ *)NULL)->key_),                                                                                  \
            .mapping = {.fields = fields_}                                                                                                 \
        }                                                                                                                                  \
    }
#define END                                                                                                                                \
    {                                                                                                                                      \
        .key = NULL                                                                                                                        \
    }
#define SECTION(name, FIELDS, LINE) static const cyaml_schema_field_t name##_fields[] = {FIELDS(LINE) END}

#define LINE_BLOCKS(s, key, k, m, o, l, h) TEXT(fet_device_raw_blocks, key),
#define LINE_VECTOR(s, key, k, m, o, l, h) TEXT(fet_device_raw_vector, key),
#define LINE_SRAM(s, key, k, m, o, l, h) TEXT(fet_device_raw_sram, key),
#define LINE_EXTERNAL(s, key, k, m, o, l, h) TEXT(fet_device_raw_external, key),
#define LINE_MEMORY(s, key, k, m, o, l, h) TEXT(fet_device_raw_memory, key),
#define LINE_ENERGY(s, key, k, m, o, l, h) TEXT(fet_device_raw_energy, key),
#define LINE_FUSION(s, key, k, m, o, l, h) TEXT(fet_device_raw_fusion, key),
#define LINE_ARRAY(s, key, k, m, o, l, h) TEXT(fet_device_raw_array, key),
#define LINE_TOP(s, key, k, m, o, l, h) TEXT(fet_device_raw, key),

SECTION(blocks, FET_DEVICE_BLOCKS, LINE_BLOCKS);
SECTION(vector, FET_DEVICE_VECTOR, LINE_VECTOR);
SECTION(sram, FET_DEVICE_SRAM, LINE_SRAM);
SECTION(external, FET_DEVICE_EXTERNAL, LINE_EXTERNAL);
SECTION(memory, FET_DEVICE_MEMORY, LINE_MEMORY);
SECTION(energy, FET_DEVICE_ENERGY, LINE_ENERGY);

static const cyaml_schema_value_t text_entry = {
    .type = CYAML_STRING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof(char), .string = {.min = 0, .max = LIMIT_TEXT}};
static const cyaml_schema_field_t fusion_fields[] = {
    FET_DEVICE_FUSION(LINE_FUSION){.key = "activations",
                                   .data_offset = offsetof(fet_device_raw_fusion, activations),
                                   .count_offset = offsetof(fet_device_raw_fusion, n_activations),
                                   .count_size = sizeof(uint32_t),
                                   .value = {.type = CYAML_SEQUENCE,
                                             .flags = (enum cyaml_flag)(OPTIONAL | POINTER),
                                             .data_size = sizeof(char *),
                                             .sequence = {.entry = &text_entry, .min = 0, .max = LIMIT_ACTIVATIONS}}},
    END};

static const cyaml_schema_field_t unit_fields[] = {TEXT(fet_device_raw_unit, out), TEXT(fet_device_raw_unit, in),
                                                   TEXT(fet_device_raw_unit, pixels), END};
static const cyaml_schema_field_t array_fields[] = {TEXT(fet_device_raw_array, dataflow),
                                                    TEXT(fet_device_raw_array, depthwise),
                                                    FET_DEVICE_ARRAY(LINE_ARRAY) MAPPING(fet_device_raw_array, int8, unit_fields),
                                                    MAPPING(fet_device_raw_array, int16, unit_fields),
                                                    MAPPING(fet_device_raw_array, fp16, unit_fields),
                                                    MAPPING(fet_device_raw_array, bf16, unit_fields),
                                                    END};
static const cyaml_schema_field_t parallelism_fields[] = {TEXT(fet_device_raw_parallelism, out), TEXT(fet_device_raw_parallelism, in), END};

static const cyaml_schema_field_t fields[] = {TEXT(fet_device_raw, kind),
                                              TEXT(fet_device_raw, help),
                                              TEXT(fet_device_raw, table),
                                              TEXT(fet_device_raw, isa),
                                              FET_DEVICE_TOP(LINE_TOP) MAPPING(fet_device_raw, array, array_fields),
                                              MAPPING(fet_device_raw, blocks, blocks_fields),
                                              MAPPING(fet_device_raw, vector, vector_fields),
                                              MAPPING(fet_device_raw, sram, sram_fields),
                                              MAPPING(fet_device_raw, external, external_fields),
                                              MAPPING(fet_device_raw, memory, memory_fields),
                                              MAPPING(fet_device_raw, energy, energy_fields),
                                              MAPPING(fet_device_raw, fusion, fusion_fields),
                                              MAPPING(fet_device_raw, parallelism, parallelism_fields),
                                              END};

const cyaml_schema_value_t fet_device_schema = {
    .type = CYAML_MAPPING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof(fet_device_raw), .mapping = {.fields = fields}};
