// SPDX-License-Identifier: Apache-2.0
/* fettle device compare: one network on many described devices, and over the values of one of their fields. */
#include "cli/device_compare.h"

#include "base/file.h"
#include "cli/source.h"
#include "cli/stages.h"
#include "cli/table.h"

#include <math.h>
#include <string.h>

enum { MAX_DEVICES = 64, MAX_POINTS = 32 };

typedef struct comparison {
    const fet_compare_options *options;
    fet_network network;
    fet_arena *names, *scratch;
    fet_dtype precision;
    const char *devices[MAX_DEVICES];
    uint32_t n_devices;
    char field[64];
    double points[MAX_POINTS];
    uint32_t n_points; /* 0: no sweep */
    fet_compare_row *rows;
    uint32_t n_rows;
} comparison;

static fet_status build_template(comparison *c)
{
    unsigned channels = 0, height = 0, width = 0;
    fet_template_options options = {.n_classes = 1000, .stem_channels = 32, .stem_kernel = 3, .stem_stride = 2};
    if (sscanf(c->options->input, "%ux%ux%u", &channels, &height, &width) != 3)
        return fet_fail(FET_ERROR_ARG, "--input is \"%s\": expected CHANNELSxHEIGHTxWIDTH, such as 3x224x224", c->options->input);
    options.channels = channels, options.height = height, options.width = width;
    FET_TRY(fet_stem_parse(c->options->stem, &options));
    FET_TRY(fet_stages_parse(strchr(c->options->model, ':') + 1, &options));
    return fet_template_build("ibn_classifier", &options, &c->network.graph);
}

static fet_status read_precision(comparison *c)
{
    static const struct {
        const char *name;
        fet_dtype dtype;
    } known[] = {{"int8", FET_DTYPE_S8}, {"fp16", FET_DTYPE_F16}, {"bf16", FET_DTYPE_BF16}};
    for (size_t i = 0; i < 3; i++)
        if (strcmp(known[i].name, c->options->precision) == 0) {
            c->precision = known[i].dtype;
            return FET_OK;
        }
    return fet_fail(FET_ERROR_ARG, "--precision is \"%s\": expected int8, fp16 or bf16", c->options->precision);
}

/* Those named, or every described device that has the precision. */
static fet_status read_devices(comparison *c)
{
    const char *const *all = NULL;
    uint32_t n = 0;
    char *list = c->options->devices ? fet_arena_strdup(c->names, c->options->devices) : NULL, *rest = NULL;
    if (c->options->devices && !list) return fet_arena_full();
    for (char *name = list ? strtok_r(list, ",", &rest) : NULL; name; name = strtok_r(NULL, ",", &rest)) {
        if (c->n_devices == MAX_DEVICES) return fet_fail(FET_ERROR_LIMIT, "--devices: more than %d", MAX_DEVICES);
        c->devices[c->n_devices++] = name;
    }
    if (list) return c->n_devices ? FET_OK : fet_fail(FET_ERROR_ARG, "--devices is empty: expected names, such as npu-16,npu-64");
    FET_TRY(fet_device_file_list(c->names, &all, &n));
    for (uint32_t i = 0; i < n && c->n_devices < MAX_DEVICES; i++) {
        fet_auto(fet_device_file) file = NULL;
        FET_TRY(fet_device_file_load(all[i], &file));
        bool able = file->kind == FET_DEVICE_DESCRIBED && fet_sim_precision_of(&file->machine, c->precision) != FET_SIM_N_PRECISIONS;
        if (able) c->devices[c->n_devices++] = all[i];
    }
    return c->n_devices ? FET_OK : fet_fail(FET_ERROR_NOT_FOUND, "no described device has precision %s", c->options->precision);
}

/* "sram=128K..2M": doublings from the first to the last, which is always there. */
static fet_status read_sweep(comparison *c, fet_sim_machine *any)
{
    if (!c->options->sweep) return FET_OK;
    const char *equals = strchr(c->options->sweep, '='), *dots = equals ? strstr(equals, "..") : NULL;
    char low_text[64], *high_text = dots ? fet_arena_strdup(c->names, dots + 2) : NULL;
    if (!dots || equals == c->options->sweep || (size_t)(equals - c->options->sweep) >= sizeof c->field ||
        (size_t)(dots - equals) > sizeof low_text)
        return fet_fail(FET_ERROR_ARG, "--sweep is \"%s\": expected FIELD=LOW..HIGH, such as sram=128K..2M", c->options->sweep);
    if (!high_text) return fet_arena_full();
    snprintf(c->field, sizeof c->field, "%.*s", (int)(equals - c->options->sweep), c->options->sweep);
    snprintf(low_text, sizeof low_text, "%.*s", (int)(dots - equals - 1), equals + 1);
    double low = 0, high = 0;
    FET_TRY(fet_device_machine_set(any, c->field, low_text, &low));
    FET_TRY(fet_device_machine_set(any, c->field, high_text, &high));
    if (!(low > 0 && low < high)) return fet_fail(FET_ERROR_ARG, "--sweep: \"%s\": expected a range that rises from above 0", equals + 1);
    for (double value = low; value < high * 0.999; value *= 2) {
        if (c->n_points == MAX_POINTS - 1) return fet_fail(FET_ERROR_LIMIT, "--sweep: more than %d doublings", MAX_POINTS - 2);
        c->points[c->n_points++] = value;
    }
    c->points[c->n_points++] = high;
    return FET_OK;
}

static fet_sim_bound main_bound(const fet_sim_network *network)
{
    double cycles[4] = {0};
    fet_sim_bound best = FET_SIM_BOUND_COMPUTE;
    for (uint32_t k = 0; k < network->n; k++) cycles[network->kernels[k].bound] += network->kernels[k].cycles;
    for (uint32_t b = 1; b < 4; b++)
        if (cycles[b] > cycles[best]) best = (fet_sim_bound)b;
    return best;
}

static fet_status simulate(comparison *c, const fet_device_file *file, fet_compare_row *row)
{
    fet_kernels kernels;
    fet_arena_reset(c->scratch);
    FET_TRY(fet_kernels_split(c->network.graph, &file->fusion, c->precision, c->scratch, &kernels));
    FET_TRY(fet_sim_network_run(&file->machine, c->network.graph, &kernels, c->scratch, &row->network));
    row->latency_ms = row->network.latency_ms;
    row->bound = main_bound(&row->network);
    if (!c->options->trace || c->n_rows != 0) return FET_OK;
    char *text = NULL; /* the first row's timeline */
    FET_TRY(fet_sim_trace(&file->machine, c->network.graph, &kernels, &row->network, &text));
    fet_status status = fet_file_replace(c->options->trace, text, strlen(text));
    fet_free(text);
    return status;
}

/* A device that cannot run the network stays in the table, with why; other errors end the command. */
static fet_status add_row(comparison *c, const fet_device_file *file, const char *device, double value)
{
    fet_compare_row *row = &c->rows[c->n_rows];
    *row = (fet_compare_row){.device = device, .value = value};
    fet_status status = simulate(c, file, row);
    bool cannot = status == FET_ERROR_UNSUPPORTED || status == FET_ERROR_LIMIT;
    if (cannot && (c->n_devices > 1 || c->n_points > 1)) {
        snprintf(row->note, sizeof row->note, "%s", fet_error_message());
        status = FET_OK;
    }
    row->network.kernels = NULL; /* in the scratch, which the next row takes */
    c->n_rows++;
    return status;
}

static fet_status run_device(comparison *c, const char *device)
{
    fet_auto(fet_device_file) file = NULL;
    FET_TRY(fet_device_file_load(device, &file));
    if (file->kind != FET_DEVICE_DESCRIBED)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: only described devices are compared; `fettle inspect --device` measures", file->path);
    if (c->options->sweep && c->n_points == 0) FET_TRY(read_sweep(c, &file->machine));
    uint32_t n = c->n_points ? c->n_points : 1;
    if (!c->rows) c->rows = fet_arena_zalloc(c->names, (size_t)c->n_devices * n, sizeof *c->rows);
    if (!c->rows) return fet_arena_full();
    if (c->n_points == 0) return add_row(c, file, device, (double)NAN);
    for (uint32_t i = 0; i < n; i++) {
        FET_TRY(fet_device_machine_set_number(&file->machine, c->field, c->points[i]));
        FET_TRY(add_row(c, file, device, c->points[i]));
    }
    return FET_OK;
}

static fet_status print(const fet_cli *cli, const comparison *c)
{
    const fet_column columns[] = {{.key = "device", .title = "device"},
                                  {.key = "value", .title = c->field[0] ? c->field : "-", .right = true, .decimals = 0},
                                  {.key = "latency_ms", .title = "latency, ms", .right = true, .decimals = 4},
                                  {.key = "cycles", .title = "cycles", .right = true},
                                  {.key = "utilisation", .title = "utilisation, %", .right = true, .decimals = 1},
                                  {.key = "bound", .title = "bound"},
                                  {.key = "energy_mj", .title = "energy, mJ", .right = true, .decimals = 3},
                                  {.key = "external_kb", .title = "outside, kB", .right = true},
                                  {.key = "sram_kb", .title = "SRAM, kB", .right = true},
                                  {.key = "map_kib", .title = "maps, KiB", .right = true},
                                  {.key = "note", .title = "note"}};
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_table_create(columns, sizeof columns / sizeof *columns, &table));
    for (uint32_t i = 0; i < c->n_rows; i++) {
        const fet_compare_row *r = &c->rows[i];
        double none = (double)NAN;
        bool ok = !r->note[0];
        fet_table_text(table, r->device);
        fet_table_number(table, r->value);
        fet_table_number(table, ok ? r->latency_ms : none);
        fet_table_number(table, ok ? floor(r->network.cycles + 0.5) : none);
        fet_table_number(table, ok ? 100 * r->network.utilisation : none);
        fet_table_text(table, ok ? fet_sim_bound_name(r->bound) : NULL);
        fet_table_number(table, ok && r->network.energy_uj > 0 ? r->network.energy_uj * 1e-3 : none);
        fet_table_number(table, ok ? floor(r->network.external_bytes / 1e3) : none);
        fet_table_number(table, ok ? floor(r->network.sram_bytes / 1e3) : none);
        fet_table_number(table, ok ? floor((double)r->network.peak_map_bytes / 1024) : none);
        fet_table_text(table, ok ? NULL : r->note);
    }
    if (!c->options->json) return fet_table_print(table, cli);
    json_t *list = NULL;
    FET_TRY(fet_table_json(table, &list));
    return fet_cli_print_json(cli, list);
}

static fet_status compare(fet_cli *cli, comparison *c)
{
    FET_TRY(fet_arena_create(&c->names));
    FET_TRY(fet_arena_create(&c->scratch));
    FET_TRY(read_precision(c));
    FET_TRY(read_devices(c));
    if (strncmp(c->options->model, "template:", 9) == 0) FET_TRY(build_template(c));
    else FET_TRY(fet_network_load(c->options->model, false, &c->network));
    for (uint32_t d = 0; d < c->n_devices; d++) FET_TRY(run_device(c, c->devices[d]));
    if (c->options->plot) {
        const char *title = fet_arena_printf(c->names, "%s, %s, simulated", c->options->model, c->options->precision);
        if (!title) return fet_arena_full();
        FET_TRY(fet_device_plot(c->options->plot, title, c->n_points ? c->field : NULL, c->rows, c->n_rows));
    }
    return print(cli, c);
}

fet_status fet_device_compare(fet_cli *cli, const fet_compare_options *options)
{
    comparison c = {.options = options};
    fet_status status = compare(cli, &c);
    fet_network_clear(&c.network);
    fet_arena_destroy(c.names);
    fet_arena_destroy(c.scratch);
    return status;
}
