// SPDX-License-Identifier: Apache-2.0
/* For tests of the job file: a job out of text, and whether every mistake is told in its own line. */
#ifndef FET_TESTS_RUN_JOB_CHECK_H
#define FET_TESTS_RUN_JOB_CHECK_H

#include "check.h"

#include "run/job.h"

#include <string.h>

#define DATA "task: {data: {path: /data}}\n"

static inline fet_status job_of(const char *text, fet_job **job)
{
    return fet_job_parse("/jobs/night/job.yaml", text, strlen(text), job);
}

typedef struct job_mistake {
    const char *text, *message; /* the whole message behind the file's name; NULL: any */
} job_mistake;

static inline void check_job_mistakes(const job_mistake *mistakes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fet_job *job = NULL;
        CHECK_FAILS(FET_ERROR_ARG, job_of(mistakes[i].text, &job));
        assert_null(job);
        assert_memory_equal(fet_error_message(), "/jobs/night/job.yaml:", 21);
        if (mistakes[i].message) assert_string_equal(fet_error_message() + 21, mistakes[i].message);
    }
}

#endif
