// SPDX-License-Identifier: Apache-2.0
/*
 * Private to the job: the file as libcyaml gives it (every scalar a text, NULL when it is not there; job.c turns texts into numbers), the
 * schema, and the YAML document itself, which knows the lines. A field's path is "search.strategy" or "base.stages[2].blocks".
 */
#ifndef FET_RUN_JOB_RAW_H
#define FET_RUN_JOB_RAW_H

#include "base/yaml_file.h"
#include "run/job.h"

typedef struct fet_job_raw_data {
    char *kind, *path, *val_share, *test_share, *seed;
} fet_job_raw_data; /* mean, std: a number or a list, so read from the document */

typedef struct fet_job_raw_task {
    char *kind;
    fet_job_raw_data data;
} fet_job_raw_task;

typedef struct fet_job_raw_stem {
    char *channels, *kernel, *stride;
} fet_job_raw_stem;

typedef struct fet_job_raw_stage {
    char *blocks, *channels, *expansion, *stride, *kernel;
} fet_job_raw_stage;

typedef struct fet_job_raw_base {
    char *template, *onnx, *hash, *input, *classes, *head, *activation, *epochs, *learning_rate;
    fet_job_raw_stem stem;
    fet_job_raw_stage *stages;
    uint32_t n_stages;
} fet_job_raw_base;

typedef struct fet_job_raw_device {
    char *name, *precision, *isa, *cache, *calibrate, *calibration, *bias_correction, *first, *last;
} fet_job_raw_device;

typedef struct fet_job_raw_decision {
    char *fuse, *dense, *group, *kernel, *skip, *activation, *resolution, *tail, *precision, *width;
    char **multiplier;
    uint32_t n_multiplier;
} fet_job_raw_decision; /* options: a range or a list, so read from the document */

typedef struct fet_job_raw_space {
    char *curate, *importance, *file;
    fet_job_raw_decision *decisions;
    uint32_t n_decisions;
} fet_job_raw_space; /* lock: any keys, so read from the document */

typedef struct fet_job_raw_limits {
    char *latency, *peak_memory, *params;
} fet_job_raw_limits;

typedef struct fet_job_raw_goal {
    char *maximise, *quality_margin, *prefer;
    char **minimise;
    uint32_t n_minimise;
    fet_job_raw_limits subject_to;
} fet_job_raw_goal;

typedef struct fet_job_raw_search {
    char *strategy, *trials, *budget, *workers, *lookahead, *seed, *finalists;
    char **variants;
    uint32_t n_variants;
} fet_job_raw_search;

typedef struct fet_job_raw_augment {
    char *flip, *shift, *erase, *zoom, *light, *mix;
} fet_job_raw_augment;

typedef struct fet_job_raw_distil {
    char *weight, *temperature, *hints;
} fet_job_raw_distil;

typedef struct fet_job_raw_train {
    char *short_epochs, *full_epochs, *short_learning_rate, *full_learning_rate, *batch, *label_smoothing, *fit, *precision;
    fet_job_raw_augment augment;
    fet_job_raw_distil distil;
} fet_job_raw_train;

typedef struct fet_job_raw_evaluate {
    char **command;
    uint32_t n_command;
    char *timeout;
} fet_job_raw_evaluate;

typedef struct fet_job_raw_report {
    char *watts_per_core;
} fet_job_raw_report;

typedef struct fet_job_raw {
    fet_job_raw_task task;
    fet_job_raw_base base;
    fet_job_raw_device device;
    fet_job_raw_space space;
    fet_job_raw_goal goal;
    fet_job_raw_search search;
    fet_job_raw_train train;
    fet_job_raw_report report;
    fet_job_raw_evaluate evaluate;
    char *output;
} fet_job_raw;

extern const cyaml_schema_value_t fet_job_schema;

typedef struct fet_job_yaml {
    fet_yaml yaml;
    fet_job_raw *raw; /* its raw */
} fet_job_yaml;

/* Reads the text, checks its structure against the schema, and loads it. Deinit whatever the outcome. Errors: ARG with file, line and
 * field; NOMEM. */
FET_MUST_CHECK fet_status fet_job_yaml_init(fet_job_yaml *yaml, const char *name, const char *text, size_t bytes);
void fet_job_yaml_deinit(fet_job_yaml *yaml);

/* The node at a path, NULL when it is not there. */
yaml_node_t *fet_job_yaml_find(fet_job_yaml *yaml, const char *path);
/* Its line, or that of the nearest node above it. */
size_t fet_job_yaml_line(fet_job_yaml *yaml, const char *path);

/* ARG: `NAME:LINE: field "PATH": ...`. */
FET_MUST_CHECK fet_status fet_job_yaml_fail(fet_job_yaml *yaml, const char *path, const char *format, ...) FET_PRINTF(3, 4);

/* The completed job as YAML, in the arena; a fixed point: parsing it gives the same text. */
FET_MUST_CHECK fet_status fet_job_print(const fet_job *job, fet_arena *arena, const char **out_text);

#endif
