// SPDX-License-Identifier: Apache-2.0
/* A job's field `evaluate`: a program that says how good a candidate is, instead of fettle's own training. */
#include "run/evaluate_external.h"
#include "run/job_reader.h"

#include <stdio.h>
#include <string.h>

static const double default_timeout_s = 600;

fet_status fet_job_read_evaluate(fet_job_reader *r)
{
    const fet_job_raw_evaluate *raw = &r->yaml.raw->evaluate;
    fet_job_evaluate *evaluate = &r->job->evaluate;
    if (raw->n_command == 0) {
        if (raw->timeout) return fet_job_yaml_fail(&r->yaml, "evaluate.command", "it is missing: expected a program and its arguments");
        return FET_OK;
    }
    const char **words = fet_arena_zalloc(r->arena, raw->n_command, sizeof *words);
    if (!words) return fet_arena_full();
    for (uint32_t w = 0; w < raw->n_command; w++) {
        char path[64];
        snprintf(path, sizeof path, "evaluate.command[%u]", w);
        if (!raw->command[w] || (w == 0 && !raw->command[w][0]))
            return fet_job_yaml_fail(&r->yaml, path, "it is empty: expected a program");
        words[w] = fet_arena_strdup(r->arena, raw->command[w]);
        if (!words[w]) return fet_arena_full();
    }
    evaluate->command = words;
    evaluate->n_words = raw->n_command;
    evaluate->timeout_s = default_timeout_s;
    if (raw->timeout) FET_TRY(fet_job_duration(&r->yaml, raw->timeout, "evaluate.timeout", &evaluate->timeout_s));
    if (evaluate->timeout_s <= 0) return fet_job_yaml_fail(&r->yaml, "evaluate.timeout", "there must be one: expected such as 10min");
    if (r->yaml.raw->task.kind)
        return fet_job_yaml_fail(&r->yaml, "task.kind", "with \"evaluate\" the program is the task: expected no kind");
    if (r->yaml.raw->task.data.path)
        return fet_job_yaml_fail(&r->yaml, "task.data", "with \"evaluate\" fettle reads no data: give the program its path as an argument");
    r->job->task = &fet_task_external;
    return FET_OK;
}
