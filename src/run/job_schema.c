// SPDX-License-Identifier: Apache-2.0
/*
 * The structure of a job file: which keys there are, and which hold mappings and lists. A new field is a member in job_raw.h, a line here,
 * one in job.c and one in job_print.c.
 */
#include "base/yaml_schema.h"
#include "run/external.h"
#include "run/job_raw.h"

static const cyaml_schema_value_t text_entry = {
    .type = CYAML_STRING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof(char), .string = {.min = 0, .max = FET_YAML_LIMIT_TEXT}};

static const cyaml_schema_field_t data_fields[] = {
    FET_YAML_TEXT(fet_job_raw_data, kind),
    FET_YAML_TEXT(fet_job_raw_data, path),
    FET_YAML_TEXT(fet_job_raw_data, val_share),
    FET_YAML_TEXT(fet_job_raw_data, test_share),
    FET_YAML_TEXT(fet_job_raw_data, seed),
    /* One number or one a channel, which libcyaml cannot say; job.c reads them from the document. */
    {.key = "mean", .value = {.type = CYAML_IGNORE, .flags = (enum cyaml_flag)FET_YAML_OPTIONAL}},
    {.key = "std", .value = {.type = CYAML_IGNORE, .flags = (enum cyaml_flag)FET_YAML_OPTIONAL}},
    FET_YAML_END};
static const cyaml_schema_field_t task_fields[] = {FET_YAML_TEXT(fet_job_raw_task, kind),
                                                   FET_YAML_MAPPING(fet_job_raw_task, data, data_fields), FET_YAML_END};

static const cyaml_schema_field_t stem_fields[] = {FET_YAML_TEXT(fet_job_raw_stem, channels), FET_YAML_TEXT(fet_job_raw_stem, kernel),
                                                   FET_YAML_TEXT(fet_job_raw_stem, stride), FET_YAML_END};
static const cyaml_schema_field_t stage_fields[] = {FET_YAML_TEXT(fet_job_raw_stage, blocks),    FET_YAML_TEXT(fet_job_raw_stage, channels),
                                                    FET_YAML_TEXT(fet_job_raw_stage, expansion), FET_YAML_TEXT(fet_job_raw_stage, stride),
                                                    FET_YAML_TEXT(fet_job_raw_stage, kernel),    FET_YAML_END};
static const cyaml_schema_value_t stage_entry = {
    .type = CYAML_MAPPING, .flags = CYAML_FLAG_DEFAULT, .data_size = sizeof(fet_job_raw_stage), .mapping = {.fields = stage_fields}};
static const cyaml_schema_field_t base_fields[] = {FET_YAML_TEXT(fet_job_raw_base, template),
                                                   FET_YAML_TEXT(fet_job_raw_base, onnx),
                                                   FET_YAML_TEXT(fet_job_raw_base, hash),
                                                   FET_YAML_TEXT(fet_job_raw_base, input),
                                                   FET_YAML_TEXT(fet_job_raw_base, classes),
                                                   FET_YAML_MAPPING(fet_job_raw_base, stem, stem_fields),
                                                   FET_YAML_LIST(fet_job_raw_base, stages, stage_entry, FET_JOB_MAX_STAGES),
                                                   FET_YAML_TEXT(fet_job_raw_base, head),
                                                   FET_YAML_TEXT(fet_job_raw_base, activation),
                                                   FET_YAML_TEXT(fet_job_raw_base, epochs),
                                                   FET_YAML_TEXT(fet_job_raw_base, learning_rate),
                                                   FET_YAML_END};

static const cyaml_schema_field_t device_fields[] = {FET_YAML_TEXT(fet_job_raw_device, name),
                                                     FET_YAML_TEXT(fet_job_raw_device, precision),
                                                     FET_YAML_TEXT(fet_job_raw_device, isa),
                                                     FET_YAML_TEXT(fet_job_raw_device, cache),
                                                     FET_YAML_TEXT(fet_job_raw_device, calibrate),
                                                     FET_YAML_TEXT(fet_job_raw_device, calibration),
                                                     FET_YAML_TEXT(fet_job_raw_device, bias_correction),
                                                     FET_YAML_TEXT(fet_job_raw_device, first),
                                                     FET_YAML_TEXT(fet_job_raw_device, last),
                                                     FET_YAML_END};

static const cyaml_schema_field_t decision_fields[] = {
    FET_YAML_TEXT(fet_job_raw_decision, fuse),
    FET_YAML_TEXT(fet_job_raw_decision, dense),
    FET_YAML_TEXT(fet_job_raw_decision, group),
    FET_YAML_TEXT(fet_job_raw_decision, kernel),
    FET_YAML_TEXT(fet_job_raw_decision, skip),
    FET_YAML_TEXT(fet_job_raw_decision, activation),
    FET_YAML_TEXT(fet_job_raw_decision, resolution),
    FET_YAML_TEXT(fet_job_raw_decision, tail),
    FET_YAML_TEXT(fet_job_raw_decision, precision),
    FET_YAML_TEXT(fet_job_raw_decision, width),
    {.key = "options", .value = {.type = CYAML_IGNORE, .flags = (enum cyaml_flag)FET_YAML_OPTIONAL}},
    FET_YAML_LIST(fet_job_raw_decision, multiplier, text_entry, 8),
    FET_YAML_END};
static const cyaml_schema_value_t decision_entry = {
    .type = CYAML_MAPPING, .flags = CYAML_FLAG_DEFAULT, .data_size = sizeof(fet_job_raw_decision), .mapping = {.fields = decision_fields}};
static const cyaml_schema_field_t space_fields[] = {
    FET_YAML_TEXT(fet_job_raw_space, curate),
    FET_YAML_TEXT(fet_job_raw_space, importance),
    FET_YAML_TEXT(fet_job_raw_space, file),
    FET_YAML_LIST(fet_job_raw_space, decisions, decision_entry, 16),
    /* Keys are names of decisions, which libcyaml cannot say; job.c reads them from the document. */
    {.key = "lock", .value = {.type = CYAML_IGNORE, .flags = (enum cyaml_flag)FET_YAML_OPTIONAL}},
    FET_YAML_END};

static const cyaml_schema_field_t limit_fields[] = {FET_YAML_TEXT(fet_job_raw_limits, latency),
                                                    FET_YAML_TEXT(fet_job_raw_limits, peak_memory),
                                                    FET_YAML_TEXT(fet_job_raw_limits, params), FET_YAML_END};
static const cyaml_schema_field_t goal_fields[] = {FET_YAML_TEXT(fet_job_raw_goal, maximise),
                                                   FET_YAML_LIST(fet_job_raw_goal, minimise, text_entry, 3),
                                                   FET_YAML_MAPPING(fet_job_raw_goal, subject_to, limit_fields),
                                                   FET_YAML_TEXT(fet_job_raw_goal, quality_margin),
                                                   FET_YAML_TEXT(fet_job_raw_goal, prefer),
                                                   FET_YAML_END};

static const cyaml_schema_field_t search_fields[] = {FET_YAML_TEXT(fet_job_raw_search, strategy),
                                                     FET_YAML_TEXT(fet_job_raw_search, trials),
                                                     FET_YAML_TEXT(fet_job_raw_search, budget),
                                                     FET_YAML_TEXT(fet_job_raw_search, workers),
                                                     FET_YAML_TEXT(fet_job_raw_search, lookahead),
                                                     FET_YAML_TEXT(fet_job_raw_search, seed),
                                                     FET_YAML_TEXT(fet_job_raw_search, finalists),
                                                     FET_YAML_LIST(fet_job_raw_search, variants, text_entry, FET_JOB_MAX_VARIANTS),
                                                     FET_YAML_END};

static const cyaml_schema_field_t augment_fields[] = {FET_YAML_TEXT(fet_job_raw_augment, flip),
                                                      FET_YAML_TEXT(fet_job_raw_augment, shift),
                                                      FET_YAML_TEXT(fet_job_raw_augment, erase),
                                                      FET_YAML_TEXT(fet_job_raw_augment, zoom),
                                                      FET_YAML_TEXT(fet_job_raw_augment, light),
                                                      FET_YAML_TEXT(fet_job_raw_augment, mix),
                                                      FET_YAML_END};
static const cyaml_schema_field_t distil_fields[] = {FET_YAML_TEXT(fet_job_raw_distil, weight),
                                                     FET_YAML_TEXT(fet_job_raw_distil, temperature),
                                                     FET_YAML_TEXT(fet_job_raw_distil, hints), FET_YAML_END};
static const cyaml_schema_field_t train_fields[] = {FET_YAML_TEXT(fet_job_raw_train, short_epochs),
                                                    FET_YAML_TEXT(fet_job_raw_train, full_epochs),
                                                    FET_YAML_TEXT(fet_job_raw_train, short_learning_rate),
                                                    FET_YAML_TEXT(fet_job_raw_train, full_learning_rate),
                                                    FET_YAML_TEXT(fet_job_raw_train, batch),
                                                    FET_YAML_TEXT(fet_job_raw_train, label_smoothing),
                                                    FET_YAML_TEXT(fet_job_raw_train, fit),
                                                    FET_YAML_TEXT(fet_job_raw_train, precision),
                                                    FET_YAML_MAPPING(fet_job_raw_train, augment, augment_fields),
                                                    FET_YAML_MAPPING(fet_job_raw_train, distil, distil_fields),
                                                    FET_YAML_END};
static const cyaml_schema_field_t evaluate_fields[] = {FET_YAML_LIST(fet_job_raw_evaluate, command, text_entry, FET_EXTERNAL_MAX_WORDS),
                                                       FET_YAML_TEXT(fet_job_raw_evaluate, timeout), FET_YAML_END};
static const cyaml_schema_field_t report_fields[] = {FET_YAML_TEXT(fet_job_raw_report, watts_per_core), FET_YAML_END};

static const cyaml_schema_field_t job_fields[] = {FET_YAML_MAPPING(fet_job_raw, task, task_fields),
                                                  FET_YAML_MAPPING(fet_job_raw, base, base_fields),
                                                  FET_YAML_MAPPING(fet_job_raw, device, device_fields),
                                                  FET_YAML_MAPPING(fet_job_raw, space, space_fields),
                                                  FET_YAML_MAPPING(fet_job_raw, goal, goal_fields),
                                                  FET_YAML_MAPPING(fet_job_raw, search, search_fields),
                                                  FET_YAML_MAPPING(fet_job_raw, train, train_fields),
                                                  FET_YAML_MAPPING(fet_job_raw, report, report_fields),
                                                  FET_YAML_MAPPING(fet_job_raw, evaluate, evaluate_fields),
                                                  FET_YAML_TEXT(fet_job_raw, output),
                                                  FET_YAML_END};

const cyaml_schema_value_t fet_job_schema = {
    .type = CYAML_MAPPING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof(fet_job_raw), .mapping = {.fields = job_fields}};
