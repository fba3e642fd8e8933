// SPDX-License-Identifier: Apache-2.0
/* The structure of a device file, from the list of its fields. */
#include "base/yaml_schema.h"
#include "device/described/raw.h"

enum { LIMIT_ACTIVATIONS = 32 };

#define SECTION(name, FIELDS, LINE) static const cyaml_schema_field_t name##_fields[] = {FIELDS(LINE) FET_YAML_END}

#define LINE_BLOCKS(s, key, k, m, o, l, h) FET_YAML_TEXT(fet_device_raw_blocks, key),
#define LINE_VECTOR(s, key, k, m, o, l, h) FET_YAML_TEXT(fet_device_raw_vector, key),
#define LINE_SRAM(s, key, k, m, o, l, h) FET_YAML_TEXT(fet_device_raw_sram, key),
#define LINE_EXTERNAL(s, key, k, m, o, l, h) FET_YAML_TEXT(fet_device_raw_external, key),
#define LINE_MEMORY(s, key, k, m, o, l, h) FET_YAML_TEXT(fet_device_raw_memory, key),
#define LINE_ENERGY(s, key, k, m, o, l, h) FET_YAML_TEXT(fet_device_raw_energy, key),
#define LINE_FUSION(s, key, k, m, o, l, h) FET_YAML_TEXT(fet_device_raw_fusion, key),
#define LINE_ARRAY(s, key, k, m, o, l, h) FET_YAML_TEXT(fet_device_raw_array, key),
#define LINE_TOP(s, key, k, m, o, l, h) FET_YAML_TEXT(fet_device_raw, key),

SECTION(blocks, FET_DEVICE_BLOCKS, LINE_BLOCKS);
SECTION(vector, FET_DEVICE_VECTOR, LINE_VECTOR);
SECTION(sram, FET_DEVICE_SRAM, LINE_SRAM);
SECTION(external, FET_DEVICE_EXTERNAL, LINE_EXTERNAL);
SECTION(memory, FET_DEVICE_MEMORY, LINE_MEMORY);
SECTION(energy, FET_DEVICE_ENERGY, LINE_ENERGY);

static const cyaml_schema_value_t text_entry = {
    .type = CYAML_STRING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof(char), .string = {.min = 0, .max = FET_YAML_LIMIT_TEXT}};
static const cyaml_schema_field_t fusion_fields[] = {
    FET_DEVICE_FUSION(LINE_FUSION){.key = "activations",
                                   .data_offset = offsetof(fet_device_raw_fusion, activations),
                                   .count_offset = offsetof(fet_device_raw_fusion, n_activations),
                                   .count_size = sizeof(uint32_t),
                                   .value = {.type = CYAML_SEQUENCE,
                                             .flags = (enum cyaml_flag)(FET_YAML_OPTIONAL | FET_YAML_POINTER),
                                             .data_size = sizeof(char *),
                                             .sequence = {.entry = &text_entry, .min = 0, .max = LIMIT_ACTIVATIONS}}},
    FET_YAML_END};

static const cyaml_schema_field_t unit_fields[] = {FET_YAML_TEXT(fet_device_raw_unit, out), FET_YAML_TEXT(fet_device_raw_unit, in),
                                                   FET_YAML_TEXT(fet_device_raw_unit, pixels), FET_YAML_END};
static const cyaml_schema_field_t array_fields[] = {FET_YAML_TEXT(fet_device_raw_array, dataflow),
                                                    FET_YAML_TEXT(fet_device_raw_array, depthwise),
                                                    FET_DEVICE_ARRAY(LINE_ARRAY) FET_YAML_MAPPING(fet_device_raw_array, int8, unit_fields),
                                                    FET_YAML_MAPPING(fet_device_raw_array, int16, unit_fields),
                                                    FET_YAML_MAPPING(fet_device_raw_array, fp16, unit_fields),
                                                    FET_YAML_MAPPING(fet_device_raw_array, bf16, unit_fields),
                                                    FET_YAML_END};
static const cyaml_schema_field_t parallelism_fields[] = {FET_YAML_TEXT(fet_device_raw_parallelism, out),
                                                          FET_YAML_TEXT(fet_device_raw_parallelism, in), FET_YAML_END};

static const cyaml_schema_field_t fields[] = {FET_YAML_TEXT(fet_device_raw, kind),
                                              FET_YAML_TEXT(fet_device_raw, help),
                                              FET_YAML_TEXT(fet_device_raw, table),
                                              FET_YAML_TEXT(fet_device_raw, isa),
                                              FET_DEVICE_TOP(LINE_TOP) FET_YAML_MAPPING(fet_device_raw, array, array_fields),
                                              FET_YAML_MAPPING(fet_device_raw, blocks, blocks_fields),
                                              FET_YAML_MAPPING(fet_device_raw, vector, vector_fields),
                                              FET_YAML_MAPPING(fet_device_raw, sram, sram_fields),
                                              FET_YAML_MAPPING(fet_device_raw, external, external_fields),
                                              FET_YAML_MAPPING(fet_device_raw, memory, memory_fields),
                                              FET_YAML_MAPPING(fet_device_raw, energy, energy_fields),
                                              FET_YAML_MAPPING(fet_device_raw, fusion, fusion_fields),
                                              FET_YAML_MAPPING(fet_device_raw, parallelism, parallelism_fields),
                                              FET_YAML_END};

const cyaml_schema_value_t fet_device_schema = {
    .type = CYAML_MAPPING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof(fet_device_raw), .mapping = {.fields = fields}};
