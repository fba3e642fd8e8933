// SPDX-License-Identifier: Apache-2.0
/* The measuring process from inside; the lines it reads and writes stand in child.h. */
#include "device/host/child.h"
#include "device/host/host.h"
#include "device/host/measure.h"
#include "engine/engine.h"

#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAST_DROP_MS 8000.0 /* many networks at once are worth more patience than a kernel */
enum { REQUEST_BYTES = 8192, LIMIT_NETWORKS = 4096 };

bool fet_host_is_measure_command(int argc, char **argv)
{
    return argc == 2 && strcmp(argv[1], FET_HOST_MEASURE_COMMAND) == 0;
}

/* Who does not wait for a calm moment does not repeat until one comes either, nor look for long at what will not get calmer. */
static fet_sampler_options sampling(fet_pulse *pulse, double patience_s)
{
    fet_sampler_options options = fet_sampler_default_options();
    options.pulse = pulse;
    if (patience_s > 0) return options;
    options.max_passes = 2;
    options.warm_ms = 1;
    options.calm_ms = 3;
    options.budget_ms = 8;
    return options;
}

static fet_status measure_kernel(const char *text, const fet_sampler_options *options, FILE *out)
{
    fet_kernel_key key;
    fet_samples samples;
    char implementation[64];
    FET_TRY(fet_kernel_key_parse(text, &key));
    FET_TRY(fet_host_measure_kernel(&key, options, &samples, implementation, sizeof implementation));
    fprintf(out, "ok %.9g %.6g %u %s %.4g\n", samples.latency_ms, samples.spread, samples.n_samples, implementation, samples.pulse);
    return FET_OK;
}

/* A line without its newline; false at the end of the input, or for one that is too long. */
static bool read_request(FILE *in, char *line)
{
    if (!fgets(line, REQUEST_BYTES, in)) return false;
    size_t bytes = strlen(line);
    if (bytes == 0 || line[bytes - 1] != '\n') return false;
    line[bytes - 1] = '\0';
    return true;
}

static void free_paths(char **paths, size_t n)
{
    for (size_t i = 0; i < n; i++) fet_free(paths[i]);
    fet_free(paths);
}

static fet_status measure_networks(const char *arguments, FILE *in, fet_pulse *pulse, double patience_s, FILE *out)
{
    char name[16], line[REQUEST_BYTES];
    size_t n = 0;
    double drop_ms = patience_s > 0 ? fmax(LEAST_DROP_MS, 1e3 * patience_s) : 0;
    if (sscanf(arguments, "%15s %zu", name, &n) != 2 || n > LIMIT_NETWORKS) return fet_fail(FET_ERROR_ARG, "networks \"%s\"", arguments);
    char **paths = fet_calloc(n + 1, sizeof *paths);
    double *ms = fet_calloc(2 * n + 1, sizeof *ms);
    fet_status status = paths && ms ? FET_OK : fet_fail(FET_ERROR_NOMEM, "no memory for %zu networks", n);
    for (size_t i = 0; i < n; i++) { /* all lines are read whatever happens, so that the next request starts right */
        if (!read_request(in, line)) status = fet_fail(FET_ERROR_ARG, "networks: %zu paths are missing", n - i);
        else if (status == FET_OK) status = fet_strdup_checked(line, &paths[i]);
    }
    if (status == FET_OK)
        status = fet_host_measure_networks(fet_dtype_parse(name), (const char *const *)paths, n, pulse, drop_ms, ms, ms + n);
    if (status == FET_OK) {
        fprintf(out, "ok\n");
        for (size_t i = 0; i < n; i++) fprintf(out, "%.9g %.6g\n", ms[i], ms[n + i]);
    }
    if (paths) free_paths(paths, n);
    fet_free(ms);
    return status;
}

/*
 * One measurement stays on one processor, the one it begins on: a move in its midst would cost its caches, and on some machines meet a core
 * of another kind. Between two measurements the system may move us to where there is room. Where pinning is not allowed, it is done
 * without.
 */
static void pin(cpu_set_t *before)
{
    int cpu = sched_getcpu();
    cpu_set_t one;
    CPU_ZERO(before);
    if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof *before, before) != 0) return;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) CPU_ZERO(before);
}

static void unpin(const cpu_set_t *before)
{
    if (CPU_COUNT(before) > 0 && sched_setaffinity(0, sizeof *before, before) != 0) return; /* stays where it is */
}

int fet_host_measure_main(void)
{
    char line[REQUEST_BYTES];
    fet_pulse pulse = {0};
    const char *patience = getenv(FET_HOST_PATIENCE), *calm = getenv(FET_HOST_PULSE);
    double patience_s = patience ? strtod(patience, NULL) : 0;
    const fet_sampler_options options = sampling(&pulse, patience_s);
    if (calm && calm[0]) fet_pulse_recall(&pulse, calm);
    /* Ctrl-C goes to the whole group; the parent decides when we end, by ending our input. */
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    /* Answers go where standard output went; whatever a library prints goes to standard error. */
    int answers = dup(STDOUT_FILENO);
    FILE *out = answers < 0 ? NULL : fdopen(answers, "w");
    if (!out || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return 1;
    fprintf(out, "ok %s\n", fet_engine_isa_name());
    while (fflush(out) == 0 && read_request(stdin, line)) {
        cpu_set_t processors;
        fet_error_clear();
        if (patience_s > 0) fet_pulse_wait(&pulse, patience_s);
        pin(&processors);
        fet_status status = strncmp(line, "kernel ", 7) == 0     ? measure_kernel(line + 7, &options, out)
                            : strncmp(line, "networks ", 9) == 0 ? measure_networks(line + 9, stdin, &pulse, patience_s, out)
                                                                 : fet_fail(FET_ERROR_ARG, "\"%.100s\" is no request", line);
        unpin(&processors);
        if (status != FET_OK) fprintf(out, "error %d %s\n", (int)status, fet_error_message());
        if (calm && calm[0]) fet_pulse_remember(&pulse, calm);
    }
    fclose(out);
    return 0;
}
