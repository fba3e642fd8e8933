// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a job file: no crash, no leak; what is accepted prints a text that means the same. */
#include "run/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fet_auto(fet_job) job = NULL;
    fet_auto(fet_job) again = NULL;
    fet_error_clear();
    if (fet_job_parse("/fuzz/job.yaml", (const char *)data, bytes, &job) != FET_OK) {
        if (fet_error_message()[0]) return 0;
        fprintf(stderr, "refused without a message\n");
        abort();
    }
    fet_status status = fet_job_parse("/elsewhere/study", job->text, strlen(job->text), &again);
    if (status != FET_OK || strcmp(job->text, again->text) != 0) {
        fprintf(stderr, "%s\n%s\n%s\n", fet_error_message(), job->text, status == FET_OK ? again->text : "");
        abort();
    }
    return 0;
}
