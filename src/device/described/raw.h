// SPDX-License-Identifier: Apache-2.0
/* Private to the device file: what libcyaml fills, every scalar a text. */
#ifndef FET_DEVICE_DESCRIBED_RAW_H
#define FET_DEVICE_DESCRIBED_RAW_H

#include "base/yaml_file.h"
#include "device/described/described.h"
#include "device/described/fields.h"

#define FET_RAW_MEMBER(section, key, kind, member, otherwise, low, high) char *key;

typedef struct fet_device_raw_unit {
    char *out, *in, *pixels;
} fet_device_raw_unit;

typedef struct fet_device_raw_array {
    char *dataflow, *depthwise;
    FET_DEVICE_ARRAY(FET_RAW_MEMBER)
    fet_device_raw_unit int8, int16, fp16, bf16;
} fet_device_raw_array;

#define FET_RAW_SECTION(name, FIELDS)                                                                                                      \
    typedef struct fet_device_raw_##name {                                                                                                 \
        FIELDS(FET_RAW_MEMBER)                                                                                                             \
    } fet_device_raw_##name
FET_RAW_SECTION(blocks, FET_DEVICE_BLOCKS);
FET_RAW_SECTION(vector, FET_DEVICE_VECTOR);
FET_RAW_SECTION(sram, FET_DEVICE_SRAM);
FET_RAW_SECTION(external, FET_DEVICE_EXTERNAL);
FET_RAW_SECTION(memory, FET_DEVICE_MEMORY);
FET_RAW_SECTION(energy, FET_DEVICE_ENERGY);

typedef struct fet_device_raw_fusion {
    FET_DEVICE_FUSION(FET_RAW_MEMBER)
    char **activations;
    uint32_t n_activations;
} fet_device_raw_fusion;

typedef struct fet_device_raw_parallelism {
    char *out, *in;
} fet_device_raw_parallelism;

typedef struct fet_device_raw {
    char *kind, *help, *table, *isa;
    FET_DEVICE_TOP(FET_RAW_MEMBER)
    fet_device_raw_array array;
    fet_device_raw_blocks blocks;
    fet_device_raw_vector vector;
    fet_device_raw_sram sram;
    fet_device_raw_external external;
    fet_device_raw_memory memory;
    fet_device_raw_energy energy;
    fet_device_raw_fusion fusion;
    fet_device_raw_parallelism parallelism;
} fet_device_raw;

extern const cyaml_schema_value_t fet_device_schema;

#endif
