// SPDX-License-Identifier: Apache-2.0
/*
 * How well does a kernel's latency repeat? Measures a dozen kernels several times within a process and in several processes, and prints for
 * each of three statistics over the kept batches (minimum, lower quartile, median) the relative standard deviation within a process and
 * between processes. The lower quartile is what the host device records (device/host/sampler.h).
 *
 *     kernel_repeat [ISA [PRECISION [PROCESSES]]]       default: auto s8 5
 */
#include "base/clock.h"
#include "base/median.h"
#include "device/host/measure.h"
#include "engine/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_KERNELS = 12, N_REPEATS = 4, N_STATISTICS = 3, MAX_PROCESSES = 32 };

static const char *const statistic_names[N_STATISTICS] = {"minimum", "lower quartile", "median"};

/* Expand, depthwise, project and fused kernels of inverted bottlenecks from 28 x 28 to 7 x 7; %s is the precision. */
static const char *const kernel_texts[N_KERNELS] = {
    "conv %s 1x24x28x28>96x28x28 k1x1 s1x1 g1 relu+bias",  "conv %s 1x96x28x28>96x28x28 k3x3 s1x1 p1,1,1,1 g96 relu+bias",
    "conv %s 1x96x28x28>24x28x28 k1x1 s1x1 g1 bias",       "conv %s 1x24x28x28>96x28x28 k3x3 s1x1 p1,1,1,1 g1 relu+bias",
    "conv %s 1x40x14x14>160x14x14 k1x1 s1x1 g1 relu+bias", "conv %s 1x160x14x14>160x14x14 k3x3 s1x1 p1,1,1,1 g160 relu+bias",
    "conv %s 1x160x14x14>40x14x14 k1x1 s1x1 g1 bias",      "conv %s 1x40x14x14>160x14x14 k3x3 s1x1 p1,1,1,1 g1 relu+bias",
    "conv %s 1x80x7x7>320x7x7 k1x1 s1x1 g1 relu+bias",     "conv %s 1x320x7x7>320x7x7 k3x3 s1x1 p1,1,1,1 g320 relu+bias",
    "conv %s 1x320x7x7>80x7x7 k1x1 s1x1 g1 bias",          "conv %s 1x80x7x7>320x7x7 k3x3 s1x1 p1,1,1,1 g1 relu+bias",
};

/* One process: a line "kernel repeat minimum quartile median spread dropped passes" for each measurement. */
static fet_status measure_all(const char *isa, const char *precision, const char *pulse_path)
{
    fet_pulse pulse = {0};
    fet_sampler_options options = fet_sampler_default_options();
    options.pulse = &pulse;
    fet_pulse_recall(&pulse, pulse_path);
    if (strcmp(isa, "auto") != 0) FET_TRY(fet_engine_limit_isa(isa));
    for (int repeat = 0; repeat < N_REPEATS; repeat++)
        for (int k = 0; k < N_KERNELS; k++) {
            char text[FET_KERNEL_KEY_TEXT_BYTES];
            fet_kernel_key key;
            char implementation[64];
            fet_samples s;
            const char *cut = strstr(kernel_texts[k], "%s");
            snprintf(text, sizeof text, "%.*s%s%s", (int)(cut - kernel_texts[k]), kernel_texts[k], precision, cut + 2);
            FET_TRY(fet_kernel_key_parse(text, &key));
            FET_TRY(fet_host_measure_kernel(&key, &options, &s, implementation, sizeof implementation));
            printf("%d %d %.9g %.9g %.9g %.4g %u %u\n", k, repeat, s.minimum_ms, s.latency_ms, s.median_ms, s.spread, s.n_dropped,
                   s.n_passes);
        }
    fet_pulse_remember(&pulse, pulse_path);
    return FET_OK;
}

static double times[N_STATISTICS][N_KERNELS][MAX_PROCESSES][N_REPEATS];
static double total_spread, total_passes;

static int collect(const char *program, const char *isa, const char *precision, const char *pulse_path, int process)
{
    char command[1024];
    int k, repeat;
    double value[N_STATISTICS], spread;
    unsigned dropped, passes;
    snprintf(command, sizeof command, "OMP_NUM_THREADS=1 %s --process %s %s %s", program, isa, precision, pulse_path);
    FILE *pipe = popen(command, "r");
    if (!pipe) return 1;
    int n = 0;
    while (fscanf(pipe, "%d %d %lf %lf %lf %lf %u %u", &k, &repeat, &value[0], &value[1], &value[2], &spread, &dropped, &passes) == 8) {
        for (int s = 0; s < N_STATISTICS; s++) times[s][k][process][repeat] = value[s];
        total_spread += spread;
        total_passes += passes;
        n++;
    }
    return pclose(pipe) != 0 || n != N_KERNELS * N_REPEATS;
}

static double relative_deviation(const double *values, int n)
{
    double mean = 0, square = 0;
    for (int i = 0; i < n; i++) mean += values[i] / n;
    for (int i = 0; i < n; i++) square += (values[i] - mean) * (values[i] - mean) / (n - 1);
    return sqrt(square) / mean;
}

static void report(int statistic, int n_processes)
{
    double within[N_KERNELS], between[N_KERNELS];
    for (int k = 0; k < N_KERNELS; k++) {
        double means[MAX_PROCESSES];
        within[k] = 0;
        for (int p = 0; p < n_processes; p++) {
            within[k] += relative_deviation(times[statistic][k][p], N_REPEATS) / n_processes;
            means[p] = times[statistic][k][p][0]; /* what the device would have recorded: one measurement a process */
        }
        between[k] = relative_deviation(means, n_processes);
    }
    fet_sort_doubles(within, N_KERNELS);
    fet_sort_doubles(between, N_KERNELS);
    printf("%-16s within a process %5.2f%% (worst kernel %5.2f%%)   between processes %5.2f%% (worst %5.2f%%)\n",
           statistic_names[statistic], 100 * within[N_KERNELS / 2], 100 * within[N_KERNELS - 1], 100 * between[N_KERNELS / 2],
           100 * between[N_KERNELS - 1]);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--process") == 0) {
        fet_status status = measure_all(argv[2], argv[3], argv[4]);
        if (status != FET_OK) fprintf(stderr, "%s\n", fet_error_message());
        return status != FET_OK;
    }
    const char *isa = argc > 1 ? argv[1] : "auto", *precision = argc > 2 ? argv[2] : "s8";
    int n_processes = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5;
    if (n_processes < 2 || n_processes > MAX_PROCESSES) return fprintf(stderr, "expected 2 to %d processes\n", MAX_PROCESSES), 2;
    char pulse_path[] = "/tmp/fettle-pulse-XXXXXX"; /* the quickest clock, handed from process to process as beside a kernel table */
    int file = mkstemp(pulse_path);
    if (file < 0) return fprintf(stderr, "%s: cannot make it\n", pulse_path), 1;
    close(file);
    double start = fet_clock_monotonic_s();
    int failed = 0;
    for (int p = 0; p < n_processes && !failed; p++) failed = collect(argv[0], isa, precision, pulse_path, p) ? p + 1 : 0;
    unlink(pulse_path);
    if (failed) return fprintf(stderr, "process %d failed\n", failed - 1), 1;
    int n = n_processes * N_KERNELS * N_REPEATS;
    printf("%d kernels, %s, %s: %d processes with %d measurements each; %.0f ms a measurement, mean spread %.1f%%, %.2f passes\n",
           N_KERNELS, precision, isa, n_processes, N_REPEATS, 1e3 * (fet_clock_monotonic_s() - start) / n, 100 * total_spread / n,
           total_passes / n);
    for (int s = 0; s < N_STATISTICS; s++) report(s, n_processes);
    return 0;
}
