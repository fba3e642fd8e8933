// SPDX-License-Identifier: Apache-2.0
/*
 * Short forms for libcyaml schemas of files whose every scalar is read as text (base/yaml_file.h turns texts into numbers, with line
 * numbers in its messages). `struct_`: the raw struct; the key is the member's name. Every field is optional to libcyaml; what must be
 * there is told by the reader.
 */
#ifndef FET_BASE_YAML_SCHEMA_H
#define FET_BASE_YAML_SCHEMA_H

#include <cyaml/cyaml.h>
#include <stddef.h>

enum { FET_YAML_LIMIT_TEXT = 4096, FET_YAML_OPTIONAL = CYAML_FLAG_OPTIONAL, FET_YAML_POINTER = CYAML_FLAG_POINTER };

#define FET_YAML_TEXT(struct_, key_)                                                                                                       \
    {                                                                                                                                      \
        .key = #key_, .data_offset = offsetof(struct_, key_), .value = {                                                                   \
            .type = CYAML_STRING,                                                                                                          \
            .flags = (enum cyaml_flag)(FET_YAML_OPTIONAL | FET_YAML_POINTER),                                                              \
            .data_size = sizeof(char),                                                                                                     \
            .string = {.min = 0, .max = FET_YAML_LIMIT_TEXT}                                                                               \
        }                                                                                                                                  \
    }
#define FET_YAML_MAPPING(struct_, key_, fields_)                                                                                           \
    {                                                                                                                                      \
        .key = #key_, .data_offset = offsetof(struct_, key_), .value = {                                                                   \
            .type = CYAML_MAPPING,                                                                                                         \
            .flags = (enum cyaml_flag)FET_YAML_OPTIONAL,                                                                                   \
            .data_size = sizeof(((struct_ *)NULL)->key_),                                                                                  \
            .mapping = {.fields = fields_}                                                                                                 \
        }                                                                                                                                  \
    }
/* A list with its length in the member n_<key>. */
#define FET_YAML_LIST(struct_, key_, entry_, max_)                                                                                         \
    {                                                                                                                                      \
        .key = #key_, .data_offset = offsetof(struct_, key_), .count_offset = offsetof(struct_, n_##key_), .count_size = sizeof(uint32_t), \
        .value = {                                                                                                                         \
            .type = CYAML_SEQUENCE,                                                                                                        \
            .flags = (enum cyaml_flag)(FET_YAML_OPTIONAL | FET_YAML_POINTER),                                                              \
            .data_size = sizeof(*((struct_ *)NULL)->key_),                                                                                 \
            .sequence = {.entry = &entry_, .min = 1, .max = max_}                                                                          \
        }                                                                                                                                  \
    }
#define FET_YAML_END                                                                                                                       \
    {                                                                                                                                      \
        .key = NULL                                                                                                                        \
    }

#endif
