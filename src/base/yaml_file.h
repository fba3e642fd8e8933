// SPDX-License-Identifier: Apache-2.0
/*
 * YAML files of a fixed structure, such as jobs and devices. The structure is a libcyaml schema in which every scalar is a text (char *,
 * NULL when it is not there); fet_yaml_real and its like turn texts into values with defaults and ranges. Every message names file, line
 * and field; a field's path is "search.strategy" or "base.stages[2].blocks". Anchors, aliases, second documents and doubled keys are
 * refused. Thread-compatible.
 */
#ifndef FET_BASE_YAML_FILE_H
#define FET_BASE_YAML_FILE_H

#include "base/status.h"

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

typedef struct fet_yaml_kind {
    const char *noun;    /* "job", for messages */
    const char *example; /* a file of the kind, for who gives an empty one */
    const cyaml_schema_value_t *schema;
} fet_yaml_kind;

typedef struct fet_yaml {
    const fet_yaml_kind *kind;
    const char *name; /* of the file, for messages; borrowed */
    yaml_document_t document;
    void *raw; /* as the schema says */
} fet_yaml;

/* Reads the text, checks its structure against the schema, and loads it. Deinit whatever the outcome. Errors: ARG with file, line and
 * field; NOMEM. */
FET_MUST_CHECK fet_status fet_yaml_init(fet_yaml *yaml, const fet_yaml_kind *kind, const char *name, const char *text, size_t bytes);
void fet_yaml_deinit(fet_yaml *yaml);

/* The node at a path, NULL when it is not there. */
yaml_node_t *fet_yaml_find(fet_yaml *yaml, const char *path);
/* Its line, or that of the nearest node above it. */
size_t fet_yaml_line(fet_yaml *yaml, const char *path);

/* ARG: `NAME:LINE: field "PATH": ...`. */
FET_MUST_CHECK fet_status fet_yaml_fail(fet_yaml *yaml, const char *path, const char *format, ...) FET_PRINTF(3, 4);

/* NULL text: the field is not there, and `otherwise` is meant. Errors: ARG, what was expected. */
FET_MUST_CHECK fet_status fet_yaml_real(fet_yaml *yaml, const char *text, const char *path, double otherwise, double low, double high,
                                        double *out_value);
FET_MUST_CHECK fet_status fet_yaml_whole(fet_yaml *yaml, const char *text, const char *path, uint64_t otherwise, uint64_t low,
                                         uint64_t high, uint64_t *out_value);
FET_MUST_CHECK fet_status fet_yaml_whole32(fet_yaml *yaml, const char *text, const char *path, uint32_t otherwise, uint32_t low,
                                           uint32_t high, uint32_t *out_value);
FET_MUST_CHECK fet_status fet_yaml_bool(fet_yaml *yaml, const char *text, const char *path, bool otherwise, bool *out_value);
/* One of n names; `noun` says what they are: "strategy". *out_index is its place. */
FET_MUST_CHECK fet_status fet_yaml_choice(fet_yaml *yaml, const char *text, const char *path, const char *noun, const char *const *names,
                                          size_t n, size_t otherwise, size_t *out_index);

/* A finite decimal number at the start of the text; where it ends, NULL when there is none. */
const char *fet_yaml_number(const char *text, double *out);

#endif
