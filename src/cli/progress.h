// SPDX-License-Identifier: Apache-2.0
/*
 * How far a long job is: on a terminal one line that rewrites itself, with an estimate of the time left; in a pipe a plain line now and
 * then. On stderr, so that results can be piped. Nothing is printed with --quiet.
 */
#ifndef FET_CLI_PROGRESS_H
#define FET_CLI_PROGRESS_H

#include "cli/command.h"

typedef struct fet_progress_mark {
    double at_s;
    uint64_t done;
} fet_progress_mark;

typedef struct fet_progress {
    const fet_cli *cli;
    const char *label; /* "training"; borrowed */
    double shown_s;
    /* Where this run began (a resumed one not at 0); where the rate is counted from, about half of the time ago, so that a stage of
     * another kind is forgotten; and where it will be counted from next. */
    fet_progress_mark first, from, next;
    bool has_first, on_screen;
} fet_progress;

void fet_progress_begin(fet_progress *progress, const fet_cli *cli, const char *label);
/* Shows at most about twice a second (a pipe: every 10 seconds). note: what else to say, "loss 0.41, 3012 images/s", or "". */
void fet_progress_show(fet_progress *progress, uint64_t done, uint64_t total, const char *note);
/* What show says is left, seconds; below 0: it is too early to say. Called with the time and what is done by then, in order. */
double fet_progress_left_s(fet_progress *progress, double now_s, uint64_t done, uint64_t total);
/* A line that stays, above the progress line. */
void fet_progress_say(fet_progress *progress, const char *format, ...) FET_PRINTF(2, 3);
/* Wipes the line from a terminal. */
void fet_progress_end(fet_progress *progress);

/* "1 h 02 min", "3 min 20 s", "12 s". */
enum { FET_DURATION_TEXT_BYTES = 32 };
const char *fet_duration_print(double seconds, char *text, size_t bytes);

#endif
