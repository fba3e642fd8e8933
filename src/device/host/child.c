// SPDX-License-Identifier: Apache-2.0
#include "device/host/child.h"

#include "base/clock.h"
#include "device/host/host.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The largest kernel takes a second at most; a network's file may be read from a slow disk and is measured for seconds. */
#define START_S 60.0
#define KERNEL_S 120.0
#define NETWORKS_S 900.0

enum { ANSWER_BYTES = 2048, NAME_BYTES = 64, PATH_BYTES = 4096 };

struct fet_host_child {
    pid_t pid;
    int socket; /* -1: dead */
    char buffer[2 * ANSWER_BYTES];
    size_t used;
};

/* Entries of the environment that say what the child is. */
#define MARK "FETTLE_MEASURING=1"

/* The environment of the child: ours, but for the variables that are set here. entries: MARK and the like, NULL-terminated. */
static char **make_environment(char *const entries[])
{
    size_t n = 0, used = 0;
    while (environ[n]) n++;
    char **made = fet_calloc(n + 12, sizeof *made);
    if (!made) return NULL;
    for (size_t i = 0; entries[i]; i++) made[used++] = entries[i];
    for (size_t i = 0; i < n; i++) {
        bool replaced = false;
        for (size_t j = 0; entries[j] && !replaced; j++) replaced = strncmp(environ[i], entries[j], strcspn(entries[j], "=") + 1) == 0;
        if (!replaced) made[used++] = environ[i];
    }
    return made;
}

static fet_status spawn(const char *isa, double patience_s, const char *pulse_path, int child_end, pid_t *out_pid)
{
    char limit[NAME_BYTES + 24], patience[NAME_BYTES], pulse[PATH_BYTES];
    snprintf(limit, sizeof limit, "ONEDNN_MAX_CPU_ISA=%s", strcmp(isa, "OTHER") == 0 ? "ALL" : isa);
    char *entries[] = {(char[]){MARK}, limit, (char[]){"OMP_NUM_THREADS=1"}, (char[]){"OMP_DYNAMIC=false"}, patience, pulse, NULL};
    snprintf(patience, sizeof patience, FET_HOST_PATIENCE "=%g", patience_s);
    int n = snprintf(pulse, sizeof pulse, FET_HOST_PULSE "=%s", pulse_path ? pulse_path : "");
    if (n < 0 || (size_t)n >= sizeof pulse) return fet_fail(FET_ERROR_LIMIT, "%s: the path is too long", pulse_path);
    char *arguments[] = {(char[]){"fettle"}, (char[]){FET_HOST_MEASURE_COMMAND}, NULL};
    char **environment = make_environment(entries);
    if (!environment) return fet_fail(FET_ERROR_NOMEM, "no memory to start the measuring process");
    posix_spawn_file_actions_t actions;
    int code = posix_spawn_file_actions_init(&actions);
    if (code == 0) {
        code = posix_spawn_file_actions_adddup2(&actions, child_end, STDIN_FILENO);
        if (code == 0) code = posix_spawn_file_actions_adddup2(&actions, child_end, STDOUT_FILENO);
        if (code == 0) code = posix_spawn(out_pid, "/proc/self/exe", &actions, NULL, arguments, environment);
        posix_spawn_file_actions_destroy(&actions);
    }
    fet_free(environment);
    return code == 0 ? FET_OK : fet_fail(FET_ERROR_IO, "cannot start the measuring process: %s", strerror(code));
}

static fet_status read_line(fet_host_child *child, double seconds, char *line, const char *doing);

/* Ends the process and says how it ended: "signal 11 (Segmentation fault)". */
static void bury(fet_host_child *child, char *how, size_t bytes)
{
    int state = 0;
    close(child->socket);
    child->socket = -1;
    /* Its input has ended, so it goes by itself, but for one that hangs. */
    for (int i = 0; i < 20 && waitpid(child->pid, &state, WNOHANG) == 0; i++) {
        if (i == 19) {
            kill(child->pid, SIGKILL);
            waitpid(child->pid, &state, 0);
            break;
        }
        fet_clock_sleep_s(0.01);
    }
    child->pid = -1;
    if (WIFSIGNALED(state)) snprintf(how, bytes, "signal %d (%s)", WTERMSIG(state), strsignal(WTERMSIG(state)));
    else snprintf(how, bytes, "exit code %d", WEXITSTATUS(state));
}

fet_status fet_host_child_start(const char *isa, double patience_s, const char *pulse_path, fet_host_child **out_child)
{
    fet_auto(fet_host_child) child = NULL;
    int ends[2];
    if (getenv("FETTLE_MEASURING"))
        return fet_fail(FET_ERROR_STATE,
                        "the measuring process was asked to measure by another one: does main() call fet_host_measure_main?");
    FET_TRY(fet_alloc_zeroed(1, sizeof *child, "a measuring process", &child));
    child->socket = child->pid = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return fet_fail(FET_ERROR_IO, "cannot start the measuring process: %s", strerror(errno));
    child->socket = ends[0];
    fet_status status = spawn(isa, patience_s, pulse_path, ends[1], &child->pid);
    close(ends[1]);
    FET_TRY(status);
    char line[ANSWER_BYTES], got[NAME_BYTES];
    FET_TRY(read_line(child, START_S, line, "start"));
    if (sscanf(line, "ok %63s", got) != 1)
        return fet_fail(FET_ERROR_STATE, "the measuring process started with \"%.200s\": expected \"ok\"", line);
    if (strcmp(got, isa) != 0)
        return fet_fail(FET_ERROR_UNSUPPORTED, "this machine does not have the instruction set %s: its best below that is %s", isa, got);
    *out_child = fet_take(child);
    return FET_OK;
}

void fet_host_child_destroy(fet_host_child *child)
{
    char how[128];
    if (!child) return;
    if (child->pid > 0) bury(child, how, sizeof how);
    else if (child->socket >= 0) close(child->socket);
    fet_free(child);
}

bool fet_host_child_is_dead(const fet_host_child *child)
{
    return child->socket < 0;
}

/* What ended the talk; the child is dead after this. */
static fet_status lost(fet_host_child *child, const char *doing, const char *what)
{
    char how[128];
    bury(child, how, sizeof how);
    return fet_fail(FET_ERROR_IO, "the measuring process %s at \"%s\" (%s)", what, doing, how);
}

static fet_status read_line(fet_host_child *child, double seconds, char *line, const char *doing)
{
    double until = fet_clock_monotonic_s() + seconds;
    for (;;) {
        char *end = memchr(child->buffer, '\n', child->used);
        if (end) {
            size_t bytes = (size_t)(end - child->buffer);
            if (bytes >= ANSWER_BYTES) return lost(child, doing, "said too much");
            memcpy(line, child->buffer, bytes);
            line[bytes] = '\0';
            child->used -= bytes + 1;
            memmove(child->buffer, end + 1, child->used);
            return FET_OK;
        }
        if (child->used == sizeof child->buffer) return lost(child, doing, "said too much");
        double left = until - fet_clock_monotonic_s();
        struct pollfd wait = {.fd = child->socket, .events = POLLIN};
        int ready = left > 0 ? poll(&wait, 1, (int)(left * 1000) + 1) : 0;
        if (ready == 0) return lost(child, doing, "gave no answer");
        if (ready < 0 && errno == EINTR) continue;
        ssize_t got = ready < 0 ? -1 : recv(child->socket, child->buffer + child->used, sizeof child->buffer - child->used, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return lost(child, doing, "died");
        child->used += (size_t)got;
    }
}

static fet_status send_text(fet_host_child *child, const char *text, size_t bytes, const char *doing)
{
    if (child->socket < 0) return fet_fail(FET_ERROR_STATE, "the measuring process is dead");
    while (bytes > 0) {
        ssize_t sent = send(child->socket, text, bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return lost(child, doing, "died");
        text += sent;
        bytes -= (size_t)sent;
    }
    return FET_OK;
}

/* An "error ..." line as ours. */
static fet_status child_error(const char *line)
{
    int code = 0, at = 0;
    if (sscanf(line, "error %d %n", &code, &at) != 1 || at == 0 || code >= 0 || code < FET_ERROR_NOMEM)
        return fet_fail(FET_ERROR_CORRUPT, "the measuring process answered \"%.200s\"", line);
    return fet_fail((fet_status)code, "%s", line + at);
}

fet_status fet_host_child_kernel(fet_host_child *child, const fet_kernel_key *key, fet_kernel_time *out_time)
{
    char text[FET_KERNEL_KEY_TEXT_BYTES], request[FET_KERNEL_KEY_TEXT_BYTES + 16], line[ANSWER_BYTES];
    fet_kernel_time time = {0};
    int n = snprintf(request, sizeof request, "kernel %s\n", fet_kernel_key_print(key, text, sizeof text));
    FET_TRY(send_text(child, request, (size_t)n, text));
    FET_TRY(read_line(child, KERNEL_S, line, text));
    if (sscanf(line, "ok %lf %lf %u %63s %lf", &time.latency_ms, &time.spread, &time.n_samples, time.implementation, &time.pulse) == 5) {
        *out_time = time;
        return FET_OK;
    }
    return fet_note(child_error(line), "kernel \"%s\"", text);
}

fet_status fet_host_child_networks(fet_host_child *child, fet_dtype precision, const char *const *paths, size_t n, double *out_ms,
                                   double *out_spread)
{
    char line[ANSWER_BYTES];
    int bytes = snprintf(line, sizeof line, "networks %s %zu\n", fet_dtype_name(precision), n);
    FET_TRY(send_text(child, line, (size_t)bytes, "networks"));
    for (size_t i = 0; i < n; i++) {
        FET_TRY(send_text(child, paths[i], strlen(paths[i]), paths[i]));
        FET_TRY(send_text(child, "\n", 1, paths[i]));
    }
    FET_TRY(read_line(child, NETWORKS_S, line, n ? paths[0] : "networks"));
    if (strcmp(line, "ok") != 0) return child_error(line);
    for (size_t i = 0; i < n; i++) {
        FET_TRY(read_line(child, START_S, line, paths[i]));
        if (sscanf(line, "%lf %lf", &out_ms[i], &out_spread[i]) != 2) return lost(child, paths[i], "made no sense");
    }
    return FET_OK;
}
