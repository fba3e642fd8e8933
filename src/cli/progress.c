// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include "base/clock.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double TERMINAL_EVERY_S = 0.4, PIPE_EVERY_S = 10.0, FIRST_ESTIMATE_S = 1.0;
enum { LINE_BYTES = 256, DEFAULT_COLUMNS = 80, BAR_CELLS = 20 };

const char *fet_duration_print(double seconds, char *text, size_t bytes)
{
    if (!(seconds >= 0.0) || seconds > 1e9) snprintf(text, bytes, "?");
    else if (seconds < 59.5) snprintf(text, bytes, "%.0f s", seconds);
    else if (seconds < 3599.5) snprintf(text, bytes, "%d min %02d s", (int)(seconds + 0.5) / 60, (int)(seconds + 0.5) % 60);
    else snprintf(text, bytes, "%d h %02d min", (int)(seconds / 60 + 0.5) / 60, (int)(seconds / 60 + 0.5) % 60);
    return text;
}

void fet_progress_begin(fet_progress *progress, const fet_cli *cli, const char *label)
{
    double now_s = fet_clock_monotonic_s();
    *progress = (fet_progress){.cli = cli, .label = label, .first.at_s = now_s, .shown_s = -1e9};
    if (!cli->err_is_terminal) progress->shown_s = now_s; /* a short job prints nothing into a pipe */
}

static size_t columns(const fet_cli *cli)
{
    struct winsize size;
    return ioctl(fileno(cli->err), TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : DEFAULT_COLUMNS;
}

static void wipe(fet_progress *progress)
{
    if (progress->on_screen) fputs("\r\x1b[K", progress->cli->err);
    progress->on_screen = false;
}

double fet_progress_left_s(fet_progress *progress, double now_s, uint64_t done, uint64_t total)
{
    const fet_progress_mark now = {now_s, done};
    if (!progress->has_first) {
        progress->has_first = true;
        progress->first.done = done;
        progress->from = progress->next = progress->first;
    }
    if (now_s - progress->next.at_s >= 0.5 * (progress->next.at_s - progress->first.at_s))
        progress->from = progress->next, progress->next = now;
    /* The first steps of a long job are seldom like the others: no estimate before a twentieth is done. */
    bool is_begun = done > progress->first.done && done - progress->first.done >= (total - progress->first.done) / 20;
    if (!is_begun || done >= total || done <= progress->from.done || now_s - progress->first.at_s < FIRST_ESTIMATE_S) return -1;
    return (now_s - progress->from.at_s) * (double)(total - done) / (double)(done - progress->from.done);
}

void fet_progress_show(fet_progress *progress, uint64_t done, uint64_t total, const char *note)
{
    const fet_cli *cli = progress->cli;
    double now_s = fet_clock_monotonic_s(), left_s = fet_progress_left_s(progress, now_s, done, total);
    if (cli->quiet || now_s - progress->shown_s < (cli->err_is_terminal ? TERMINAL_EVERY_S : PIPE_EVERY_S)) return;
    progress->shown_s = now_s;

    char left[FET_DURATION_TEXT_BYTES + 8] = "", duration[FET_DURATION_TEXT_BYTES], line[LINE_BYTES];
    if (left_s >= 0) snprintf(left, sizeof left, ", %s left", fet_duration_print(left_s, duration, sizeof duration));
    double share = total ? (double)done / (double)total : 0.0;
    if (!cli->err_is_terminal) {
        fprintf(cli->err, "%s: %llu/%llu%s%s%s\n", progress->label, (unsigned long long)done, (unsigned long long)total, *note ? ", " : "",
                note, left);
        fflush(cli->err);
        return;
    }
    char bar[BAR_CELLS + 1];
    int full = (int)(share * BAR_CELLS + 0.5);
    for (int i = 0; i < BAR_CELLS; i++) bar[i] = i < full ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    snprintf(line, sizeof line, "%s [%s] %3.0f%%%s%s%s", progress->label, bar, share * 100.0, *note ? ", " : "", note, left);
    size_t limit = columns(cli) - 1;
    if (limit < sizeof line) line[limit] = '\0'; /* a line that wraps could not be wiped */
    fprintf(cli->err, "\r\x1b[K%s", line);
    fflush(cli->err);
    progress->on_screen = true;
}

void fet_progress_say(fet_progress *progress, const char *format, ...)
{
    if (progress->cli->quiet) return;
    wipe(progress);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(progress->cli->err, format, arguments);
    va_end(arguments);
    fputc('\n', progress->cli->err);
    fflush(progress->cli->err);
    if (progress->cli->err_is_terminal) progress->shown_s = -1e9; /* the line comes back with the next show */
}

void fet_progress_end(fet_progress *progress)
{
    wipe(progress);
    fflush(progress->cli->err);
}
