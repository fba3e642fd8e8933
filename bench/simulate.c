// SPDX-License-Identifier: Apache-2.0
/*
 * The simulator's fidelity and speed: MobileNetV2-1.0-224 int8 on Ethos-U against Arm's cycle model, single layers against the estimates of
 * Arm's compiler Vela (median ratio by kind and device), and microseconds a network of CPU time, splitting included. Argument:
 * vela_u55_layers.csv (skipped without).
 */
#include "../tests/device/sim_machines.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/median.h"
#include "device/described/described.h"

#include <math.h>
#include <string.h>

enum { MAX_ROWS = 2000, REPEATS = 200 };

static fet_status networks(void)
{
    static const struct {
        const char *name;
        double cycles;
    } rows[] = {{"ethos-u55-32", 22781050},
                {"ethos-u55-64", 12100050},
                {"ethos-u55-128", 7365050},
                {"ethos-u55-256", 5474050},
                {"ethos-u65-256", 3730068},
                {"ethos-u65-512", 2424068},
                {"npu-16", 0},
                {"npu-64", 0},
                {"systolic-32x32", 0},
                {"edge-tpu-like", 0}};
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_arena) arena = NULL;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(sim_mobilenet_v2(&graph));
    printf("%-16s %12s %12s %8s %10s %10s %8s\n", "MobileNetV2", "cycles", "Arm's model", "error", "ms", "kernels", "us CPU");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fet_auto(fet_device_file) file = NULL;
        fet_kernels kernels;
        fet_sim_network network;
        FET_TRY(fet_device_file_load(rows[i].name, &file));
        double best_us = INFINITY;
        for (int r = 0; r < REPEATS; r++) {
            fet_arena_reset(arena);
            double begin = fet_clock_cpu_s();
            FET_TRY(fet_kernels_split(graph, &file->fusion, FET_DTYPE_S8, arena, &kernels));
            FET_TRY(fet_sim_network_run(&file->machine, graph, &kernels, arena, &network));
            best_us = fmin(best_us, (fet_clock_cpu_s() - begin) * 1e6);
        }
        printf("%-16s %12.0f ", rows[i].name, network.cycles);
        if (rows[i].cycles > 0) printf("%12.0f %+7.2f%% ", rows[i].cycles, 100 * (network.cycles / rows[i].cycles - 1));
        else printf("%12s %8s ", "-", "-");
        printf("%10.3f %10u %8.1f\n", network.latency_ms, network.n, best_us);
    }
    return FET_OK;
}

typedef struct ratios {
    double values[MAX_ROWS];
    size_t n;
} ratios;

static void print_ratios(const char *what, ratios *r)
{
    if (r->n == 0) return;
    fet_sort_doubles(r->values, r->n);
    printf("%-24s %5zu layers, ratio median %.3f, quarter %.3f, three quarters %.3f\n", what, r->n, r->values[r->n / 2],
           r->values[r->n / 4], r->values[3 * r->n / 4]);
}

/* accel,kind,h,w,cin,cout,k,s,total,... with padding "same". */
static fet_status layer(const fet_device_file *file, const char *line, double *out_ratio)
{
    unsigned h, w, cin, cout, k, s;
    char kind[8];
    double total;
    if (sscanf(line, "%*[^,],%7[^,],%u,%u,%u,%u,%u,%u,%lf", kind, &h, &w, &cin, &cout, &k, &s, &total) != 8)
        return fet_fail(FET_ERROR_CORRUPT, "not a row: %.60s", line);
    fet_kernel_key key;
    memset(&key, 0, sizeof key);
    key.op = FET_OP_CONV, key.precision = FET_DTYPE_S8, key.flags = FET_KERNEL_BIAS, key.n = 1;
    key.ic = cin, key.ih = h, key.iw = w, key.oc = cout, key.oh = (h + s - 1) / s, key.ow = (w + s - 1) / s;
    key.kh = key.kw = (uint16_t)k, key.sh = key.sw = (uint16_t)s, key.dh = key.dw = 1;
    key.group = strcmp(kind, "dw") == 0 ? cin : 1;
    fet_sim_result result;
    FET_TRY(fet_sim_kernel(&file->machine, &key, &result));
    *out_ratio = result.cycles / total;
    return FET_OK;
}

static fet_status layers(const char *path)
{
    static ratios all[2][4];
    static const char *const names[] = {"ethos-u55-128", "ethos-u55-256"}, *const kinds[] = {",conv,", ",pw,", ",dw,"};
    void *text = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, 1 << 24, &text, &bytes));
    for (size_t d = 0; d < 2; d++) {
        fet_auto(fet_device_file) file = NULL;
        FET_TRY(fet_device_file_load(names[d], &file));
        for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
            double ratio = 0;
            if (strncmp(line, names[d], strlen(names[d])) != 0) continue;
            FET_TRY(layer(file, line, &ratio));
            for (size_t q = 0; q < 4; q++) {
                char head[32];
                snprintf(head, sizeof head, "%.31s", line);
                if ((q < 3 && !strstr(head, kinds[q])) || all[d][q].n == MAX_ROWS) continue;
                all[d][q].values[all[d][q].n++] = ratio;
            }
        }
    }
    printf("\nsingle layers, ours / Vela's estimate (which charges blocks at the edges in full)\n");
    for (size_t d = 0; d < 2; d++)
        for (size_t q = 0; q < 4; q++) {
            char what[64];
            snprintf(what, sizeof what, "%s %s", names[d], q < 3 ? kinds[q] + 1 : "all");
            what[strcspn(what, ",")] = '\0';
            print_ratios(what, &all[d][q]);
        }
    fet_free(text);
    return FET_OK;
}

int main(int argc, char **argv)
{
    fet_status status = networks();
    if (status == FET_OK && argc > 1 && fet_file_exists(argv[1])) status = layers(argv[1]);
    if (status != FET_OK) fprintf(stderr, "%s\n", fet_error_message());
    return status == FET_OK ? 0 : 1;
}
