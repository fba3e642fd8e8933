// SPDX-License-Identifier: Apache-2.0
/*
 * Private to the job: a field's text becomes a number, a name, a duration, a limit. Each takes the text (NULL: the field is not there, and
 * `otherwise` is meant), the field's path for the message, and what is allowed. Errors: ARG naming file, line, field, value and what was
 * expected.
 */
#ifndef FET_RUN_JOB_VALUE_H
#define FET_RUN_JOB_VALUE_H

#include "run/job_raw.h"

FET_MUST_CHECK fet_status fet_job_real(fet_job_yaml *yaml, const char *text, const char *path, double otherwise, double low, double high,
                                       double *out_value);
FET_MUST_CHECK fet_status fet_job_whole(fet_job_yaml *yaml, const char *text, const char *path, uint64_t otherwise, uint64_t low,
                                        uint64_t high, uint64_t *out_value);
FET_MUST_CHECK fet_status fet_job_whole32(fet_job_yaml *yaml, const char *text, const char *path, uint32_t otherwise, uint32_t low,
                                          uint32_t high, uint32_t *out_value);
FET_MUST_CHECK fet_status fet_job_bool(fet_job_yaml *yaml, const char *text, const char *path, bool otherwise, bool *out_value);
/* One of n names; `noun` says what they are: "strategy". *out_index is its place. */
FET_MUST_CHECK fet_status fet_job_choice(fet_job_yaml *yaml, const char *text, const char *path, const char *noun, const char *const *names,
                                         size_t n, size_t otherwise, size_t *out_index);
/* "10min", "90 s", "1h 30min"; "none": 0. */
FET_MUST_CHECK fet_status fet_job_duration(fet_job_yaml *yaml, const char *text, const char *path, double *out_seconds);
/* "<= 60%" of the base, "-40%" (less than the base), "<= 300 KB" (1000 bytes; KiB: 1024), "<= 1.5 ms". NULL text: *out_there false. */
FET_MUST_CHECK fet_status fet_job_limit(fet_job_yaml *yaml, const char *text, const char *path, fet_metric metric, fet_limit *out_limit,
                                        bool *out_there);
/* "0.5..1.5" */
FET_MUST_CHECK fet_status fet_job_range(fet_job_yaml *yaml, const char *text, const char *path, double low, double high, double *out_low,
                                        double *out_high);
/* "0.3%" or "0.003" */
FET_MUST_CHECK fet_status fet_job_share(fet_job_yaml *yaml, const char *text, const char *path, double otherwise, double *out_share);

/* The job's device, all but its cache; `folder` is the job file's. Texts come from the arena. */
FET_MUST_CHECK fet_status fet_job_device(fet_job_yaml *yaml, fet_arena *arena, const char *folder, fet_device_options *out_device);

#endif
