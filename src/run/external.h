// SPDX-License-Identifier: Apache-2.0
/*
 * An evaluator outside of fettle: any program that is given a candidate and says how good it is.
 *
 *     COMMAND... MODEL.onnx REQUEST.json
 *
 * runs without a shell, with an empty standard input and in a process group of its own. The last line it prints is a JSON object of
 * numbers, "quality" among them (0 to 1, larger is better): {"quality": 0.93, "loss": 0.21}. Exit code 0. Whatever else it does fails with
 * one line that names the command, how it ended, and the last line of its stderr. When the time is up, when the caller stops, and when it
 * has ended, everything left in its group is killed. docs/how-to/external-evaluator.md says what the files hold.
 */
#ifndef FET_RUN_EXTERNAL_H
#define FET_RUN_EXTERNAL_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FET_EXTERNAL_MAX_WORDS = 32,         /* of a command */
    FET_EXTERNAL_MAX_METRICS = 12,       /* beside quality */
    FET_EXTERNAL_NAME_BYTES = 48,        /* of a metric */
    FET_EXTERNAL_STDERR_BYTES = 1 << 14, /* of its stderr, the last are kept */
    FET_EXTERNAL_STDOUT_BYTES = 1 << 16, /* of its output, the last are looked at */
};

typedef struct fet_external_options {
    const char *const *command; /* [n_words]: program (looked for in PATH) and its first arguments */
    uint32_t n_words;
    double timeout_s; /* above 0 */
    /* Asked about four times a second; false stops (STATE "stopped"). May be NULL. */
    bool (*progress)(void *context, double seconds);
    void *context;
} fet_external_options;

typedef struct fet_external_metric {
    char name[FET_EXTERNAL_NAME_BYTES];
    double value;
} fet_external_metric;

typedef struct fet_external_result {
    double quality;
    fet_external_metric metrics[FET_EXTERNAL_MAX_METRICS];
    uint32_t n_metrics;
} fet_external_result;

/*
 * Runs the evaluator. *out_stderr: the end of what it said there, heap, written also on failure (NULL when it never ran).
 * Errors: ARG the command cannot be started; STATE how it failed, or "stopped"; CORRUPT what it printed; IO, NOMEM this machine's.
 */
FET_MUST_CHECK fet_status fet_external_run(const fet_external_options *options, const char *onnx_path, const char *request_path,
                                           fet_external_result *out_result, char **out_stderr);

/* The line of metrics alone. `command` is for messages. Errors: CORRUPT. */
FET_MUST_CHECK fet_status fet_external_parse(const char *command, const char *line, fet_external_result *out_result);

#endif
