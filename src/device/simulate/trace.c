// SPDX-License-Identifier: Apache-2.0
/*
 * A network's timeline as Chrome's trace events: a row each for the kernels, the array, the output stage, SRAM and what lies outside. Times
 * are microseconds on the device. The rows below the first show how long each was busy, drawn from the kernel's start.
 */
#include "base/text.h"
#include "device/simulate/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct text {
    char *data;
    size_t used, capacity;
    fet_status status; /* the first failure; later calls do nothing */
} text;

static void put(text *t, const char *format, ...) FET_PRINTF(2, 3);
static void put(text *t, const char *format, ...)
{
    if (t->status != FET_OK) return;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    t->status = fet_grow(&t->data, &t->capacity, t->used + (size_t)n + 1, 1);
    if (t->status == FET_OK) {
        vsnprintf(t->data + t->used, (size_t)n + 1, format, again);
        t->used += (size_t)n;
    }
    va_end(again);
}

/* Names come from files of others: what JSON does not take as it is becomes a space. */
static void put_name(text *t, const char *name)
{
    for (; *name; name++) put(t, "%c", *name == '"' || *name == '\\' || (unsigned char)*name < 0x20 ? ' ' : *name);
}

static void put_span(text *t, int row, const char *name, double begin, double cycles, double us_per_cycle)
{
    if (cycles <= 0) return;
    put(t, ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%.4f,\"dur\":%.4f,\"name\":\"", row, begin * us_per_cycle, cycles * us_per_cycle);
    put_name(t, name);
    put(t, "\"");
}

static void put_kernel(text *t, const fet_sim_machine *machine, const char *name, const fet_kernel_key *key, const fet_sim_result *r)
{
    char kernel[FET_KERNEL_KEY_TEXT_BYTES];
    double us = 1e6 / machine->clock_hz, begin = r->end_cycle - r->cycles;
    if (r->cycles <= 0) return;
    put_span(t, 1, name, begin, r->cycles, us);
    put(t,
        ",\"args\":{\"kernel\":\"%s\",\"cycles\":%.0f,\"bound\":\"%s\",\"utilisation\":%.4f,\"sram_bytes\":%.0f,\"external_bytes\":%.0f,"
        "\"tiles\":%u,\"energy_uj\":%.4f}}",
        fet_kernel_key_print(key, kernel, sizeof kernel), r->cycles, fet_sim_bound_name(r->bound), r->utilisation, r->sram_bytes,
        r->external_bytes, r->tiles, r->energy_uj);
    const double busy[] = {r->compute_cycles, r->output_cycles, r->sram_bytes / machine->sram.bytes_per_cycle,
                           r->external_bytes / machine->external.bytes_per_cycle};
    for (int i = 0; i < 4; i++)
        if (busy[i] > 0) {
            put_span(t, 2 + i, name, begin, fet_sim_min(busy[i], r->cycles), us);
            put(t, ",\"args\":{\"busy_cycles\":%.0f}}", busy[i]);
        }
}

fet_status fet_sim_trace(const fet_sim_machine *machine, const fet_graph *graph, const fet_kernels *kernels, const fet_sim_network *network,
                         char **out_text)
{
    static const char *const rows[] = {"kernels", "array", "output stage", "SRAM", "outside"};
    text t = {.status = FET_OK};
    put(&t, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"%s\"}}",
        machine->name);
    for (int i = 0; i < 5; i++)
        put(&t, ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}}", i + 1, rows[i]);
    for (uint32_t k = 0; k < network->n; k++) {
        const fet_kernel *kernel = &kernels->items[k];
        const char *name = kernel->anchor != FET_NONE ? graph->nodes[kernel->anchor].name : "cast";
        put_kernel(&t, machine, name ? name : "", &kernel->key, &network->kernels[k]);
    }
    put(&t, "\n]}\n");
    if (t.status != FET_OK) {
        fet_free(t.data);
        return t.status;
    }
    *out_text = t.data;
    return FET_OK;
}
