// SPDX-License-Identifier: Apache-2.0
/*
 * fettle device crossover: inverted bottleneck against fused block over channels, size of the map and expansion. A block is its two or
 * three convolutions with everything fused behind them and the residual; its latency is their sum.
 */
#include "cli/device_parallelism.h"

#include "cli/device_draw.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "graph/graph.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const uint32_t channels[] = {16, 24, 32, 48, 64, 96, 128, 160}, sizes[] = {56, 28, 14, 7}, expansions[] = {3, 4, 6};
enum { N_CHANNELS = 8, N_SIZES = 4, N_EXPANSIONS = 3, N_CELLS = N_CHANNELS * N_SIZES * N_EXPANSIONS, MAX_KERNELS = 3 };

typedef struct block {
    fet_kernel_key keys[MAX_KERNELS];
    uint32_t n;
    double latency_ms;
} block;

typedef struct cell {
    uint32_t channels, size, expansion;
    block ibn, fused;
} cell;

static fet_kernel_key convolution(uint32_t ic, uint32_t oc, uint32_t size, uint16_t window, uint32_t group, fet_dtype precision)
{
    fet_kernel_key key;
    memset(&key, 0, sizeof key);
    key.op = FET_OP_CONV;
    key.precision = (uint8_t)precision;
    key.activation = FET_ACTIVATION_RELU;
    key.flags = FET_KERNEL_BIAS;
    key.n = 1;
    key.group = group;
    key.ic = ic, key.oc = oc;
    key.ih = key.iw = key.oh = key.ow = size;
    key.kh = key.kw = window;
    key.sh = key.sw = key.dh = key.dw = 1;
    key.pad_top = key.pad_left = key.pad_bottom = key.pad_right = (uint16_t)(window / 2);
    return key;
}

/* As a template's block of stride 1 splits: its input has passed a projection, so it is signed in int8; the residual is added at the end.
 */
static void fill(cell *c, fet_dtype precision)
{
    uint32_t hidden = c->channels * c->expansion;
    uint32_t is_signed = precision == FET_DTYPE_S8 ? (uint32_t)FET_KERNEL_SIGNED_SRC : 0;
    c->ibn.n = 3, c->fused.n = 2;
    c->ibn.keys[0] = convolution(c->channels, hidden, c->size, 1, 1, precision);
    c->ibn.keys[1] = convolution(hidden, hidden, c->size, 3, hidden, precision);
    c->ibn.keys[2] = convolution(hidden, c->channels, c->size, 1, 1, precision);
    c->fused.keys[0] = convolution(c->channels, hidden, c->size, 3, 1, precision);
    c->ibn.keys[0].flags |= is_signed, c->fused.keys[0].flags |= is_signed;
    c->ibn.keys[2].activation = FET_ACTIVATION_NONE;
    c->ibn.keys[2].flags |= FET_KERNEL_ADD;
    c->fused.keys[1] = c->ibn.keys[2];
}

static void make_cells(cell *cells, fet_dtype precision)
{
    uint32_t n = 0;
    for (uint32_t e = 0; e < N_EXPANSIONS; e++)
        for (uint32_t s = 0; s < N_SIZES; s++)
            for (uint32_t c = 0; c < N_CHANNELS; c++) {
                cells[n] = (cell){.channels = channels[c], .size = sizes[s], .expansion = expansions[e]};
                fill(&cells[n++], precision);
            }
}

static bool on_measured(void *context, size_t done, size_t total)
{
    fet_progress_show(context, done, total, "");
    return !fet_cli_interrupted();
}

static fet_status measure(fet_cli *cli, fet_device *device, const cell *cells)
{
    fet_kernel_key *keys = NULL;
    size_t n = 0;
    fet_progress progress;
    FET_TRY(fet_alloc_zeroed((size_t)N_CELLS * 2 * MAX_KERNELS, sizeof *keys, "kernels of blocks", &keys));
    for (uint32_t i = 0; i < N_CELLS; i++) {
        for (uint32_t k = 0; k < cells[i].ibn.n; k++) keys[n++] = cells[i].ibn.keys[k];
        for (uint32_t k = 0; k < cells[i].fused.n; k++) keys[n++] = cells[i].fused.keys[k];
    }
    fet_progress_begin(&progress, cli, "measuring blocks");
    fet_status status = fet_device_measure(device, keys, n, on_measured, &progress);
    fet_progress_end(&progress);
    fet_free(keys);
    return status;
}

static fet_status add_up(const fet_device *device, block *b)
{
    for (uint32_t k = 0; k < b->n; k++) {
        fet_cost cost;
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        if (!fet_device_lookup(device, &b->keys[k], &cost))
            return fet_fail(FET_ERROR_NOT_FOUND, "%s: kernel \"%s\" is not known", fet_device_describe(device),
                            fet_kernel_key_print(&b->keys[k], text, sizeof text));
        b->latency_ms += cost.latency_ms;
    }
    return FET_OK;
}

enum { SQUARE = 52, MAP_LEFT = 70, MAP_TOP = 84, PLOT_WIDTH = 860 };

/* Green: fused is faster, the darker the more; red: slower. */
static void draw(FILE *out, const void *context)
{
    const cell *cells = context;
    fprintf(out, "<text x='20' y='42'>time of the fused block / time of the inverted bottleneck: below 1 (green) fused is faster. Columns: "
                 "channels; rows: the map</text>\n");
    for (uint32_t i = 0; i < N_CELLS; i++) {
        uint32_t e = i / (N_SIZES * N_CHANNELS), s = i / N_CHANNELS % N_SIZES, c = i % N_CHANNELS;
        double ratio = cells[i].fused.latency_ms / cells[i].ibn.latency_ms, strength = fmin(1, fabs(log2(ratio)));
        int x = MAP_LEFT + (int)c * SQUARE, y = MAP_TOP + (int)e * (N_SIZES * 26 + 60) + (int)s * 26;
        if (c == 0 && s == 0) fprintf(out, "<text x='%d' y='%d' font-weight='bold'>expansion %u</text>\n", x, y - 18, cells[i].expansion);
        if (c == 0) fprintf(out, "<text x='%d' y='%d' text-anchor='end'>%ux%u</text>\n", x - 6, y + 17, cells[i].size, cells[i].size);
        if (s == 0) fprintf(out, "<text x='%d' y='%d' text-anchor='middle'>%u</text>\n", x + SQUARE / 2, y - 4, cells[i].channels);
        fprintf(out,
                "<rect x='%d' y='%d' width='%d' height='24' fill='%s' fill-opacity='%.2f'/><text x='%d' y='%d' "
                "text-anchor='middle'>%.2f</text>\n",
                x, y, SQUARE - 2, ratio < 1 ? "#3a7d44" : "#d1495b", 0.15 + 0.7 * strength, x + SQUARE / 2, y + 16, ratio);
    }
}

static fet_status print(fet_cli *cli, const fet_probe_options *options, const fet_device *device, const cell *cells)
{
    static const fet_column columns[] = {{.key = "expansion", .title = "expansion", .right = true},
                                         {.key = "size", .title = "size", .right = true},
                                         {.key = "channels", .title = "channels", .right = true},
                                         {.key = "ibn_us", .title = "IBN, us", .right = true, .decimals = 2},
                                         {.key = "fused_us", .title = "fused, us", .right = true, .decimals = 2},
                                         {.key = "ratio", .title = "fused / IBN", .right = true, .decimals = 3},
                                         {.key = "faster", .title = "faster"}};
    fet_auto(fet_table) table = NULL;
    uint32_t n_fused = 0;
    FET_TRY(fet_table_create(columns, sizeof columns / sizeof *columns, &table));
    for (uint32_t i = 0; i < N_CELLS; i++) {
        const cell *c = &cells[i];
        bool fused = c->fused.latency_ms < c->ibn.latency_ms;
        n_fused += fused;
        fet_table_number(table, c->expansion);
        fet_table_number(table, c->size);
        fet_table_number(table, c->channels);
        fet_table_number(table, 1e3 * c->ibn.latency_ms);
        fet_table_number(table, 1e3 * c->fused.latency_ms);
        fet_table_number(table, c->fused.latency_ms / c->ibn.latency_ms);
        fet_table_text(table, fused ? "fused" : "IBN");
    }
    if (options->json) {
        json_t *list = NULL;
        FET_TRY(fet_table_json(table, &list));
        return fet_cli_print_json(cli, list);
    }
    FET_TRY(fet_table_print(table, cli));
    fprintf(cli->out, "\nthe fused block is faster in %u of %d cases on %s; sums of %s kernels, 3x3, stride 1\n", n_fused, (int)N_CELLS,
            fet_device_describe(device), fet_cost_source_name(fet_device_source(device)));
    return FET_OK;
}

static fet_status cross(fet_cli *cli, const fet_probe_options *options, cell *cells)
{
    fet_auto(fet_device) device = NULL;
    FET_TRY(fet_device_open(&options->device, &device));
    make_cells(cells, options->device.precision);
    FET_TRY(measure(cli, device, cells));
    for (uint32_t i = 0; i < N_CELLS; i++) {
        FET_TRY(add_up(device, &cells[i].ibn));
        FET_TRY(add_up(device, &cells[i].fused));
    }
    if (options->plot)
        FET_TRY(fet_device_draw(options->plot, fet_device_describe(device), PLOT_WIDTH, MAP_TOP + N_EXPANSIONS * (N_SIZES * 26 + 60), draw,
                                cells));
    return print(cli, options, device, cells);
}

fet_status fet_device_show_crossover(fet_cli *cli, const fet_probe_options *options)
{
    cell *cells = NULL;
    fet_cli_catch_signals();
    FET_TRY(fet_alloc_zeroed(N_CELLS, sizeof *cells, "blocks", &cells));
    fet_status status = cross(cli, options, cells);
    fet_free(cells);
    return status;
}
