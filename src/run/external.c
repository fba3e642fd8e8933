// SPDX-License-Identifier: Apache-2.0
#include "run/external.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_BYTES = 256, LINE_BYTES = 512, POLL_MS = 250 };

/* What a pipe gave: the last `capacity` bytes of it. */
typedef struct tail {
    int fd; /* -1: ended */
    char *bytes;
    size_t used, capacity;
} tail;

typedef struct evaluator {
    const fet_external_options *options;
    char name[COMMAND_BYTES]; /* the command, for messages */
    pid_t pid;
    tail out, err;
} evaluator;

static void print_command(const fet_external_options *options, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t w = 0; w < options->n_words && used < bytes; w++) {
        int length = snprintf(text + used, bytes - used, "%s%s", w ? " " : "", options->command[w]);
        used += length > 0 ? (size_t)length : 0;
    }
}

/* --- starting --- */

/* In the child, between fork and exec: calls that are safe there only. A failure is told through `report`. */
static void become(char *const arguments[], int out, int err, int report)
{
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigset_t none;
    sigemptyset(&none);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a worker that is killed takes it along */
    for (int s = 1; s < NSIG; s++) sigaction(s, &normal, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0)
        execvp(arguments[0], arguments);
    int code = errno;
    ssize_t written = write(report, &code, sizeof code);
    (void)written;
    _exit(127);
}

static fet_status make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) == 0) return FET_OK;
    ends[0] = ends[1] = -1;
    return fet_fail(FET_ERROR_IO, "cannot make a pipe to an evaluator: %s", strerror(errno));
}

static void close_end(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* The write ends of out, err and report are this function's; they end here. */
static fet_status fork_child(evaluator *e, char *const arguments[], int *out, int *err, int report[2])
{
    int code = 0;
    e->pid = fork();
    if (e->pid == 0) become(arguments, *out, *err, report[1]);
    close_end(out);
    close_end(err);
    close_end(&report[1]);
    if (e->pid < 0) return fet_fail(FET_ERROR_IO, "cannot start evaluator \"%s\": %s", e->name, strerror(errno));
    setpgid(e->pid, e->pid); /* as in the child, whoever comes first */
    ssize_t got;
    do got = read(report[0], &code, sizeof code);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof code) return FET_OK; /* closed by exec */
    waitpid(e->pid, NULL, 0);
    e->pid = -1;
    return fet_fail(FET_ERROR_ARG, "evaluator \"%s\" cannot be started: %s", e->name, strerror(code));
}

static fet_status start(evaluator *e, const char *onnx_path, const char *request_path)
{
    char *arguments[FET_EXTERNAL_MAX_WORDS + 3] = {0};
    const fet_external_options *o = e->options;
    int out[2] = {-1, -1}, err[2] = {-1, -1}, report[2] = {-1, -1};
    if (o->n_words < 1 || o->n_words > FET_EXTERNAL_MAX_WORDS)
        return fet_fail(FET_ERROR_ARG, "a command of an evaluator has %u words, expected 1 to %d", o->n_words, FET_EXTERNAL_MAX_WORDS);
    /* execvp changes nothing, whatever its type says. */
    for (uint32_t w = 0; w < o->n_words; w++) memcpy(&arguments[w], &o->command[w], sizeof *arguments);
    memcpy(&arguments[o->n_words], &onnx_path, sizeof *arguments);
    memcpy(&arguments[o->n_words + 1], &request_path, sizeof *arguments);
    fet_status status = make_pipe(out);
    if (status == FET_OK) status = make_pipe(err);
    if (status == FET_OK) status = make_pipe(report);
    if (status == FET_OK) status = fork_child(e, arguments, &out[1], &err[1], report);
    close_end(&out[1]), close_end(&err[1]), close_end(&report[0]), close_end(&report[1]);
    e->out.fd = out[0];
    e->err.fd = err[0];
    if (status == FET_OK) fcntl(out[0], F_SETFL, O_NONBLOCK), fcntl(err[0], F_SETFL, O_NONBLOCK);
    return status;
}

/* --- listening --- */

static void append(tail *t, const char *bytes, size_t n)
{
    if (n > t->capacity) bytes += n - t->capacity, n = t->capacity;
    size_t over = t->used + n > t->capacity ? t->used + n - t->capacity : 0;
    if (over) memmove(t->bytes, t->bytes + over, t->used - over);
    t->used -= over;
    memcpy(t->bytes + t->used, bytes, n);
    t->used += n;
    t->bytes[t->used] = '\0';
}

/* What is there now; of one that never stops talking, some of it. */
static void drain(tail *t)
{
    char buffer[4096];
    for (int reads = 0; reads < 64 && t->fd >= 0; reads++) {
        ssize_t got = read(t->fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got > 0) append(t, buffer, (size_t)got);
        else close_end(&t->fd);
    }
}

/* Until it has ended; it is not waited for yet, so that its group keeps its number. */
static fet_status listen_to(evaluator *e)
{
    double start_s = fet_clock_monotonic_s();
    for (;;) {
        siginfo_t ended = {0};
        struct pollfd polled[2] = {{.fd = e->out.fd, .events = POLLIN}, {.fd = e->err.fd, .events = POLLIN}};
        bool silent = e->out.fd < 0 && e->err.fd < 0; /* it has closed both: only its end is waited for */
        poll(polled, 2, silent ? 10 : POLL_MS);
        drain(&e->out);
        drain(&e->err);
        if (waitid(P_PID, (id_t)e->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == e->pid) {
            drain(&e->out);
            return FET_OK;
        }
        double seconds = fet_clock_monotonic_s() - start_s;
        if (seconds > e->options->timeout_s)
            return fet_fail(FET_ERROR_STATE, "evaluator \"%s\" took longer than %g s and was killed", e->name, e->options->timeout_s);
        if (e->options->progress && !e->options->progress(e->options->context, seconds))
            return fet_fail(FET_ERROR_STATE, "evaluator \"%s\" was stopped", e->name);
    }
}

/* Kills what is left of the group; returns the state as of waitpid. */
static int finish(evaluator *e)
{
    int state = 0;
    if (e->pid > 0) {
        kill(-e->pid, SIGKILL);
        while (waitpid(e->pid, &state, 0) < 0 && errno == EINTR) continue;
    }
    e->pid = -1;
    drain(&e->err);
    close_end(&e->out.fd);
    close_end(&e->err.fd);
    return state;
}

/* The last line that is not blank, without its end, cut to `bytes`. */
static const char *last_line(const char *text, char *line, size_t bytes)
{
    size_t end = strlen(text), start;
    while (end > 0 && strchr(" \t\r\n", text[end - 1])) end--;
    for (start = end; start > 0 && text[start - 1] != '\n'; start--) continue;
    snprintf(line, bytes, "%.*s", (int)(end - start), text + start);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
    return line;
}

/* How it ended, when not well. */
static fet_status judge(const evaluator *e, int state)
{
    char line[LINE_BYTES];
    last_line(e->err.bytes, line, sizeof line);
    const char *between = line[0] ? ": " : "";
    if (WIFSIGNALED(state))
        return fet_fail(FET_ERROR_STATE, "evaluator \"%s\" was killed by signal %d (%s)%s%s", e->name, WTERMSIG(state),
                        strsignal(WTERMSIG(state)), between, line);
    if (WEXITSTATUS(state) != 0)
        return fet_fail(FET_ERROR_STATE, "evaluator \"%s\" ended with exit code %d%s%s", e->name, WEXITSTATUS(state), between, line);
    return FET_OK;
}

static fet_status take_metric(const char *command, const char *name, const json_t *value, fet_external_result *result)
{
    if (!json_is_number(value))
        return fet_fail(FET_ERROR_CORRUPT, "evaluator \"%s\": \"%.48s\" in its line of metrics is no number", command, name);
    if (strcmp(name, "quality") == 0) {
        result->quality = json_number_value(value);
        if (result->quality >= 0 && result->quality <= 1) return FET_OK;
        return fet_fail(FET_ERROR_CORRUPT, "evaluator \"%s\": \"quality\" is %g, expected a share of 0 to 1, larger is better", command,
                        result->quality);
    }
    if (result->n_metrics == FET_EXTERNAL_MAX_METRICS || strlen(name) >= FET_EXTERNAL_NAME_BYTES || name[0] == '\0')
        return fet_fail(FET_ERROR_CORRUPT, "evaluator \"%s\": metric \"%.48s\": expected at most %d metrics with names of 1 to %d bytes",
                        command, name, FET_EXTERNAL_MAX_METRICS, FET_EXTERNAL_NAME_BYTES - 1);
    fet_external_metric *metric = &result->metrics[result->n_metrics++];
    snprintf(metric->name, sizeof metric->name, "%s", name);
    metric->value = json_number_value(value);
    return FET_OK;
}

fet_status fet_external_parse(const char *command, const char *line, fet_external_result *out_result)
{
    json_error_t error;
    json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, &error), *value;
    fet_external_result result = {.quality = (double)NAN};
    fet_status status = FET_OK;
    const char *name;
    if (!json_is_object(root))
        status = fet_fail(FET_ERROR_CORRUPT, "evaluator \"%s\" printed \"%.120s\": expected a last line such as {\"quality\": 0.93}%s%s",
                          command, line, root ? "" : "; ", root ? "" : error.text);
    else json_object_foreach(root, name, value) if (status == FET_OK) status = take_metric(command, name, value, &result);
    if (status == FET_OK && isnan(result.quality))
        status = fet_fail(FET_ERROR_CORRUPT, "evaluator \"%s\" printed \"%.120s\": \"quality\" is missing", command, line);
    json_decref(root);
    if (status == FET_OK) *out_result = result;
    return status;
}

static fet_status run(evaluator *e, const char *onnx_path, const char *request_path, fet_external_result *out_result)
{
    char line[FET_EXTERNAL_STDOUT_BYTES];
    FET_TRY(start(e, onnx_path, request_path));
    fet_status status = listen_to(e);
    int state = finish(e);
    FET_TRY(status);
    FET_TRY(judge(e, state));
    return fet_external_parse(e->name, last_line(e->out.bytes, line, sizeof line), out_result);
}

fet_status fet_external_run(const fet_external_options *options, const char *onnx_path, const char *request_path,
                            fet_external_result *out_result, char **out_stderr)
{
    evaluator e = {.options = options, .pid = -1, .out = {.fd = -1}, .err = {.fd = -1}};
    e.out.capacity = FET_EXTERNAL_STDOUT_BYTES - 1;
    e.err.capacity = FET_EXTERNAL_STDERR_BYTES;
    *out_stderr = NULL;
    print_command(options, e.name, sizeof e.name);
    FET_TRY(fet_alloc_zeroed(e.out.capacity + 1, 1, "an evaluator's output", &e.out.bytes));
    fet_status status = fet_alloc_zeroed(e.err.capacity + 1, 1, "an evaluator's messages", &e.err.bytes);
    if (status == FET_OK) status = run(&e, onnx_path, request_path, out_result);
    finish(&e);
    fet_free(e.out.bytes);
    *out_stderr = e.err.bytes;
    return status;
}
