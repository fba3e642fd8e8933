// SPDX-License-Identifier: Apache-2.0
/* The results of a study: files in its folder, and the final table on the terminal. What `fettle search` ends with and `fettle report`
 * repeats. */
#ifndef FET_CLI_RESULTS_H
#define FET_CLI_RESULTS_H

#include "cli/command.h"
#include "run/job.h"
#include "study/study.h"

#include <jansson.h>

/* The study of a user's argument: a folder that holds study.sqlite, or that file itself. out_folder: where its files are; heap. */
FET_MUST_CHECK fet_status fet_cli_open_study(const char *argument, fet_study **out_study, char **out_folder);

/*
 * Writes report.html (to `page`; NULL: into the folder) and front.csv, and prints the variants as a table with the network to take, or with
 * `json` as one object {"variants", "base", "chosen", "chosen_reason", "notes", "folder", "report"}. Without variants yet it says so.
 */
FET_MUST_CHECK fet_status fet_cli_write_results(const fet_cli *cli, const char *argument, const char *page, bool json);

/* The same with the table of `fettle fit`: the original against what was found. */
FET_MUST_CHECK fet_status fet_cli_write_fit(const fet_cli *cli, const char *argument, bool json);

/* Runs a job with progress on the terminal; `what` names it there. *out_interrupted: by the user; cli->exit_code is set then. run_job.c */
FET_MUST_CHECK fet_status fet_cli_run_job(fet_cli *cli, const fet_job *job, const char *what, bool resume, uint32_t workers,
                                          bool *out_interrupted);

#endif
