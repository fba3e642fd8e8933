// SPDX-License-Identifier: Apache-2.0
#include "run/pool.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "run/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * So many crashes in a row without a finished trial between them mean that it is not the trials' fault. A worker that ends with an error of
 * its own (a full disk, no memory) has found out already: it counts as several.
 */
enum { MAX_CRASHES = 6, OWN_ERROR_COUNTS = 3, LINE_BYTES = 2048, MAX_WORKERS = 256 };
#define LOOK_EVERY_S 2.0 /* for the dead among workers that are not ours */

typedef struct child {
    pid_t pid; /* 0: none */
    int out;   /* its standard output and error */
    char owner[256];
    char line[LINE_BYTES];
    size_t used;
    char last_words[512];
} child;

struct fet_pool {
    const char *dir;
    fet_study *study;
    void (*say)(void *context, const char *line);
    void *context;
    child *children;
    uint32_t n;
    uint32_t crashes;
    double looked_s;
};

static void run_child(const char *dir, int out, pid_t parent)
{
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    setenv("OMP_NUM_THREADS", "1", 1);
    unsetenv("ONEDNN_MAX_CPU_ISA"); /* training uses all this CPU has, whatever target is measured */
    signal(SIGINT, SIG_IGN);        /* Ctrl-C goes to the coordinator, which asks us to stop */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1); /* it died before the line above */
    execl("/proc/self/exe", "fettle", "worker", dir, "--child", (char *)NULL);
    fprintf(stderr, "cannot start a worker: %s\n", strerror(errno));
    _exit(1);
}

static fet_status start(fet_pool *pool, child *c)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return fet_fail(FET_ERROR_IO, "cannot make a pipe for a worker: %s", strerror(errno));
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        close(ends[0]), close(ends[1]);
        return fet_fail(FET_ERROR_IO, "cannot start a worker: %s", strerror(errno));
    }
    if (pid == 0) run_child(pool->dir, ends[1], parent);
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *c = (child){.pid = pid, .out = ends[0]};
    return FET_OK;
}

fet_status fet_pool_start(const char *dir, fet_study *study, uint32_t n_workers, void (*say)(void *context, const char *line),
                          void *context, fet_pool **out_pool)
{
    if (n_workers < 1 || n_workers > MAX_WORKERS) return fet_fail(FET_ERROR_ARG, "%u workers: expected 1 to %d", n_workers, MAX_WORKERS);
    fet_pool *pool = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *pool, "a pool of workers", &pool));
    *pool = (fet_pool){.dir = dir, .study = study, .say = say, .context = context, .n = n_workers};
    fet_status status = fet_alloc_zeroed(n_workers, sizeof *pool->children, "a pool of workers", &pool->children);
    for (uint32_t w = 0; status == FET_OK && w < n_workers; w++) status = start(pool, &pool->children[w]);
    if (status != FET_OK) {
        fet_pool_stop(pool, 1);
        return status;
    }
    *out_pool = pool;
    return FET_OK;
}

static void take_line(fet_pool *pool, child *c, const char *line)
{
    if (strncmp(line, "owner ", 6) == 0) {
        snprintf(c->owner, sizeof c->owner, "%s", line + 6);
        return;
    }
    if (strncmp(line, "done ", 5) == 0) pool->crashes = 0;
    if (strncmp(line, "progress ", 9) != 0) snprintf(c->last_words, sizeof c->last_words, "%s", line);
    if (pool->say) pool->say(pool->context, line);
}

static void drain(fet_pool *pool, child *c)
{
    for (;;) {
        ssize_t got = read(c->out, c->line + c->used, sizeof c->line - 1 - c->used);
        if (got <= 0) return;
        c->used += (size_t)got;
        c->line[c->used] = '\0';
        char *start_of_line = c->line, *end;
        while ((end = strchr(start_of_line, '\n'))) {
            *end = '\0';
            take_line(pool, c, start_of_line);
            start_of_line = end + 1;
        }
        c->used = strlen(start_of_line);
        memmove(c->line, start_of_line, c->used + 1);
        if (c->used == sizeof c->line - 1) c->used = 0; /* a line too long to be one of ours */
    }
}

static bool is_from_outside(int wait_status)
{
    if (!WIFSIGNALED(wait_status)) return false;
    int number = WTERMSIG(wait_status);
    return number == SIGKILL || number == SIGTERM || number == SIGINT || number == SIGHUP;
}

/* A worker ended: its pipe is read to the end and its trial given back. */
static fet_status bury(fet_pool *pool, child *c, int wait_status)
{
    drain(pool, c);
    close(c->out);
    c->pid = 0;
    bool crashed = WIFSIGNALED(wait_status) && !is_from_outside(wait_status);
    char reason[600];
    snprintf(reason, sizeof reason, "the worker died of signal %d (%s)", crashed ? WTERMSIG(wait_status) : 0,
             crashed ? strsignal(WTERMSIG(wait_status)) : "");
    if (c->owner[0]) FET_TRY(fet_study_release(pool->study, c->owner, crashed, reason));
    /* 3: it was asked to stop, by somebody else than us */
    bool clean = WIFEXITED(wait_status) && (WEXITSTATUS(wait_status) == 0 || WEXITSTATUS(wait_status) == 3);
    if (!clean && !is_from_outside(wait_status)) pool->crashes += WIFEXITED(wait_status) ? OWN_ERROR_COUNTS : 1;
    if (pool->crashes >= MAX_CRASHES)
        return fet_fail(FET_ERROR_STATE, "workers end before they finish anything; the last one said: %s",
                        c->last_words[0] ? c->last_words : reason);
    return FET_OK;
}

/*
 * Workers that are not ours: started by hand, or left over by a search that was killed, which end a moment after it. Whoever dies of them
 * while we wait would keep its trial until the lease runs out.
 */
static fet_status look_for_dead(fet_pool *pool)
{
    double now_s = fet_clock_monotonic_s();
    if (now_s - pool->looked_s < LOOK_EVERY_S) return FET_OK;
    pool->looked_s = now_s;
    return fet_pool_release_dead(pool->study);
}

fet_status fet_pool_pump(fet_pool *pool, double timeout_s)
{
    struct pollfd polled[MAX_WORKERS];
    for (uint32_t w = 0; w < pool->n; w++)
        polled[w] = (struct pollfd){.fd = pool->children[w].pid ? pool->children[w].out : -1, .events = POLLIN};
    poll(polled, pool->n, (int)(timeout_s * 1000));
    for (uint32_t w = 0; w < pool->n; w++) {
        child *c = &pool->children[w];
        int wait_status = 0;
        if (c->pid) drain(pool, c);
        if (c->pid && waitpid(c->pid, &wait_status, WNOHANG) == c->pid) FET_TRY(bury(pool, c, wait_status));
        if (!c->pid) FET_TRY(start(pool, c));
    }
    return look_for_dead(pool);
}

void fet_pool_stop(fet_pool *pool, double grace_s)
{
    if (!pool) return;
    for (uint32_t w = 0; pool->children && w < pool->n; w++)
        if (pool->children[w].pid) kill(pool->children[w].pid, SIGTERM);
    double deadline_s = fet_clock_monotonic_s() + grace_s;
    for (uint32_t w = 0; pool->children && w < pool->n; w++) {
        child *c = &pool->children[w];
        int wait_status = 0;
        while (c->pid && waitpid(c->pid, &wait_status, WNOHANG) == 0) {
            if (fet_clock_monotonic_s() > deadline_s) kill(c->pid, SIGKILL);
            drain(pool, c); /* or it would block on a full pipe */
            fet_clock_sleep_s(0.02);
        }
        pool->crashes = 0;
        if (c->pid && bury(pool, c, wait_status) != FET_OK) fet_error_clear();
    }
    fet_free(pool->children);
    fet_free(pool);
}

uint32_t fet_pool_n_workers(const fet_pool *pool)
{
    return pool->n;
}

fet_status fet_pool_release_dead(fet_study *study)
{
    fet_trials trials = {0};
    FET_TRY(fet_study_trials(study, NULL, &trials));
    fet_status status = FET_OK;
    for (size_t t = 0; status == FET_OK && t < trials.count; t++)
        if (trials.items[t].state == FET_TRIAL_LEASED && fet_worker_owner_is_dead(trials.items[t].owner))
            status = fet_study_release(study, trials.items[t].owner, false, "");
    fet_trials_clear(&trials);
    return status;
}
