// SPDX-License-Identifier: Apache-2.0
/*
 * The structure of a job file: which keys there are, and which hold mappings and lists. A new field is a member in job_raw.h, a line here,
 * one in job.c and one in job_print.c.
 */
#include "run/job_raw.h"

enum { LIMIT_TEXT = 4096, OPTIONAL = CYAML_FLAG_OPTIONAL, POINTER = CYAML_FLAG_POINTER };

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
#define LIST(struct_, key_, entry_, max_)                                                                                                  \
    {                                                                                                                                      \
        .key = #key_, .data_offset = offsetof(struct_, key_), .count_offset = offsetof(struct_, n_##key_), .count_size = sizeof(uint32_t), \
        .value = {                                                                                                                         \
            .type = CYAML_SEQUENCE,                                                                                                        \
            .flags = (enum cyaml_flag)(OPTIONAL | POINTER),                                                                                \
            .data_size = sizeof(*((struct_ *)NULL)->key_),                                                                                 \
            .sequence = {.entry = &entry_, .min = 1, .max = max_}                                                                          \
        }                                                                                                                                  \
    }
#define END                                                                                                                                \
    {                                                                                                                                      \
        .key = NULL                                                                                                                        \
    }

static const cyaml_schema_value_t text_entry = {
    .type = CYAML_STRING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof(char), .string = {.min = 0, .max = LIMIT_TEXT}};

static const cyaml_schema_field_t data_fields[] = {TEXT(fet_job_raw_data, kind),      TEXT(fet_job_raw_data, path),
                                                   TEXT(fet_job_raw_data, val_share), TEXT(fet_job_raw_data, test_share),
                                                   TEXT(fet_job_raw_data, seed),      END};
static const cyaml_schema_field_t task_fields[] = {TEXT(fet_job_raw_task, kind), MAPPING(fet_job_raw_task, data, data_fields), END};

static const cyaml_schema_field_t stem_fields[] = {TEXT(fet_job_raw_stem, channels), TEXT(fet_job_raw_stem, kernel),
                                                   TEXT(fet_job_raw_stem, stride), END};
static const cyaml_schema_field_t stage_fields[] = {TEXT(fet_job_raw_stage, blocks),    TEXT(fet_job_raw_stage, channels),
                                                    TEXT(fet_job_raw_stage, expansion), TEXT(fet_job_raw_stage, stride),
                                                    TEXT(fet_job_raw_stage, kernel),    END};
static const cyaml_schema_value_t stage_entry = {
    .type = CYAML_MAPPING, .flags = CYAML_FLAG_DEFAULT, .data_size = sizeof(fet_job_raw_stage), .mapping = {.fields = stage_fields}};
static const cyaml_schema_field_t base_fields[] = {TEXT(fet_job_raw_base, template),
                                                   TEXT(fet_job_raw_base, input),
                                                   TEXT(fet_job_raw_base, classes),
                                                   MAPPING(fet_job_raw_base, stem, stem_fields),
                                                   LIST(fet_job_raw_base, stages, stage_entry, FET_JOB_MAX_STAGES),
                                                   TEXT(fet_job_raw_base, head),
                                                   TEXT(fet_job_raw_base, activation),
                                                   TEXT(fet_job_raw_base, epochs),
                                                   TEXT(fet_job_raw_base, learning_rate),
                                                   END};

static const cyaml_schema_field_t device_fields[] = {TEXT(fet_job_raw_device, name), TEXT(fet_job_raw_device, precision),
                                                     TEXT(fet_job_raw_device, isa), TEXT(fet_job_raw_device, cache), END};

static const cyaml_schema_field_t decision_fields[] = {TEXT(fet_job_raw_decision, fuse), TEXT(fet_job_raw_decision, width),
                                                       TEXT(fet_job_raw_decision, options),
                                                       LIST(fet_job_raw_decision, multiplier, text_entry, 8), END};
static const cyaml_schema_value_t decision_entry = {
    .type = CYAML_MAPPING, .flags = CYAML_FLAG_DEFAULT, .data_size = sizeof(fet_job_raw_decision), .mapping = {.fields = decision_fields}};
static const cyaml_schema_field_t space_fields[] = {
    TEXT(fet_job_raw_space, curate),
    LIST(fet_job_raw_space, decisions, decision_entry, 8),
    /* Keys are names of decisions, which libcyaml cannot say; job.c reads them from the document. */
    {.key = "lock", .value = {.type = CYAML_IGNORE, .flags = (enum cyaml_flag)OPTIONAL}},
    END};

static const cyaml_schema_field_t limit_fields[] = {TEXT(fet_job_raw_limits, latency), TEXT(fet_job_raw_limits, peak_memory),
                                                    TEXT(fet_job_raw_limits, params), END};
static const cyaml_schema_field_t goal_fields[] = {TEXT(fet_job_raw_goal, maximise), LIST(fet_job_raw_goal, minimise, text_entry, 3),
                                                   MAPPING(fet_job_raw_goal, subject_to, limit_fields),
                                                   TEXT(fet_job_raw_goal, quality_margin), END};

static const cyaml_schema_field_t search_fields[] = {TEXT(fet_job_raw_search, strategy),
                                                     TEXT(fet_job_raw_search, trials),
                                                     TEXT(fet_job_raw_search, budget),
                                                     TEXT(fet_job_raw_search, workers),
                                                     TEXT(fet_job_raw_search, lookahead),
                                                     TEXT(fet_job_raw_search, seed),
                                                     TEXT(fet_job_raw_search, finalists),
                                                     LIST(fet_job_raw_search, variants, text_entry, FET_JOB_MAX_VARIANTS),
                                                     END};

static const cyaml_schema_field_t augment_fields[] = {TEXT(fet_job_raw_augment, flip), TEXT(fet_job_raw_augment, shift),
                                                      TEXT(fet_job_raw_augment, erase), END};
static const cyaml_schema_field_t train_fields[] = {TEXT(fet_job_raw_train, short_epochs),
                                                    TEXT(fet_job_raw_train, full_epochs),
                                                    TEXT(fet_job_raw_train, short_learning_rate),
                                                    TEXT(fet_job_raw_train, full_learning_rate),
                                                    TEXT(fet_job_raw_train, batch),
                                                    TEXT(fet_job_raw_train, label_smoothing),
                                                    MAPPING(fet_job_raw_train, augment, augment_fields),
                                                    END};
static const cyaml_schema_field_t report_fields[] = {TEXT(fet_job_raw_report, watts_per_core), END};

static const cyaml_schema_field_t job_fields[] = {MAPPING(fet_job_raw, task, task_fields),
                                                  MAPPING(fet_job_raw, base, base_fields),
                                                  MAPPING(fet_job_raw, device, device_fields),
                                                  MAPPING(fet_job_raw, space, space_fields),
                                                  MAPPING(fet_job_raw, goal, goal_fields),
                                                  MAPPING(fet_job_raw, search, search_fields),
                                                  MAPPING(fet_job_raw, train, train_fields),
                                                  MAPPING(fet_job_raw, report, report_fields),
                                                  TEXT(fet_job_raw, output),
                                                  END};

const cyaml_schema_value_t fet_job_schema = {
    .type = CYAML_MAPPING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof(fet_job_raw), .mapping = {.fields = job_fields}};
