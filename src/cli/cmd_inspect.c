// SPDX-License-Identifier: Apache-2.0
/* fettle inspect: what a network does layer by layer, and what each layer costs on a device. */
#include "base/arena.h"
#include "cli/progress.h"
#include "cli/source.h"
#include "cli/table.h"
#include "device/device.h"
#include "device/memory.h"
#include "op/op.h"

#include <math.h>
#include <string.h>

typedef struct values {
    const char *device, *isa, *precision;
    bool json;
} values;

static const char *const ISAS[] = {"auto", "amx", "avx512_vnni", "avx512", "avx2", NULL};

static const fet_cli_option OPTIONS[] = {
    {.name = "device",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, device),
     .value = "NAME",
     .help = "what the layers run on: host, this CPU (default), a device of `fettle device list` or a device file; none leaves times out"},
    {.name = "precision",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, precision),
     .value = "TYPE",
     .choices = fet_cli_precisions,
     .help = "f32, bf16 or int8 (default int8)"},
    {.name = "isa",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, isa),
     .value = "NAME",
     .choices = ISAS,
     .help = "instructions of the host: auto (the best it has), amx, avx512_vnni, avx512, avx2"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    *(values *)v = (values){.device = "host", .isa = "auto", .precision = "int8"};
}

static const fet_column COLUMNS[] = {
    {.key = "name", .title = "layer"},
    {.key = "kernel", .title = "kernel"},
    {.key = "output", .title = "output"},
    {.key = "macs", .title = "MACs", .right = true},
    {.key = "param_bytes", .title = "weights, bytes", .right = true},
    {.key = "dst_bytes", .title = "output, bytes", .right = true},
    {.key = "latency_us", .title = "us", .right = true, .decimals = 2},
    {.key = "latency_spread", .title = "spread", .right = true, .decimals = 3},
    {.key = "share", .title = "share, %", .right = true, .decimals = 1},
};
enum { N_COLUMNS = sizeof COLUMNS / sizeof COLUMNS[0] };

/* The network as the device sees it. Everything from `arena`. */
typedef struct view {
    const fet_graph *graph;
    fet_arena *arena;
    fet_device *device; /* NULL: no times */
    fet_dtype precision;
    const char *precision_name; /* as the user writes it */
    fet_kernels kernels;
    fet_cost *costs; /* [kernels.count] */
    double total_ms;
    fet_memory_plan memory;
} view;

typedef struct measuring {
    fet_progress *progress;
} measuring;

static bool on_measured(void *context, size_t done, size_t total)
{
    fet_progress_show(((measuring *)context)->progress, done, total, "");
    return !fet_cli_interrupted();
}

static fet_status measure(const fet_cli *cli, view *v)
{
    fet_kernel_key *keys = fet_arena_zalloc(v->arena, v->kernels.count + 1, sizeof *keys);
    double *kernel_ms = fet_arena_zalloc(v->arena, v->kernels.count + 1, sizeof *kernel_ms);
    v->costs = fet_arena_zalloc(v->arena, v->kernels.count + 1, sizeof *v->costs);
    if (!keys || !kernel_ms || !v->costs) return fet_arena_full();
    for (uint32_t k = 0; k < v->kernels.count; k++) keys[k] = v->kernels.items[k].key;
    fet_progress progress;
    fet_progress_begin(&progress, cli, "measuring kernels");
    measuring context = {&progress};
    fet_status status = fet_device_measure(v->device, keys, v->kernels.count, on_measured, &context);
    fet_progress_end(&progress);
    FET_TRY(status);
    FET_TRY(fet_device_network_latency(v->device, v->graph, &v->kernels, v->arena, kernel_ms, &v->total_ms));
    for (uint32_t k = 0; k < v->kernels.count; k++) {
        if (!fet_device_lookup(v->device, &keys[k], &v->costs[k])) v->costs[k] = (fet_cost){0}; /* part of what was simulated whole */
        v->costs[k].latency_ms = kernel_ms[k];
    }
    return FET_OK;
}

/* At the device's precision: an f32 weight counts 1 byte in int8; biases and other vectors keep 4 there, 2 in bf16. */
static int64_t weight_bytes(const view *v, const fet_kernel *kernel)
{
    fet_op_work work;
    fet_graph_work_of_node(v->graph, kernel->anchor, &work);
    const fet_node *node = &v->graph->nodes[kernel->anchor];
    const fet_value *weights = fet_node_input(v->graph, node, 1);
    bool dense = (node->op == FET_OP_CONV || node->op == FET_OP_GEMM || node->op == FET_OP_CONV_TRANSPOSE) && weights;
    int64_t numbers = dense ? fet_shape_elements(&weights->shape) : work.param_bytes / 4;
    int64_t bytes = numbers * (int64_t)fet_dtype_bytes(v->precision);
    if (kernel->key.flags & FET_KERNEL_BIAS)
        bytes += (int64_t)kernel->key.oc * (v->precision == FET_DTYPE_S8 ? 4 : (int64_t)fet_dtype_bytes(v->precision));
    return bytes;
}

static const char *layer_name(const view *v, const fet_kernel *kernel)
{
    if (kernel->anchor != FET_NONE) return v->graph->nodes[kernel->anchor].name;
    return v->graph->values[kernel->dst != FET_NONE ? kernel->dst : kernel->src].name;
}

static void add_row(const view *v, uint32_t k, fet_table *table)
{
    const fet_kernel *kernel = &v->kernels.items[k];
    char key[FET_KERNEL_KEY_TEXT_BYTES], shape[FET_SHAPE_TEXT_BYTES];
    const fet_shape *output = kernel->dst != FET_NONE ? &v->graph->values[kernel->dst].shape : NULL;
    fet_table_text(table, layer_name(v, kernel));
    fet_table_text(table, fet_kernel_key_print(&kernel->key, key, sizeof key));
    fet_table_text(table, output ? fet_shape_print(output, shape, sizeof shape) : NULL);
    fet_table_number(table, (double)fet_kernel_key_macs(&kernel->key));
    fet_table_number(table, kernel->anchor != FET_NONE ? (double)weight_bytes(v, kernel) : 0.0);
    size_t item_bytes = fet_dtype_bytes(kernel->key.flags & FET_KERNEL_F32_DST ? FET_DTYPE_F32 : v->precision);
    fet_table_number(table, output ? (double)fet_shape_elements(output) * (double)item_bytes : (double)NAN);
    fet_table_number(table, v->device ? v->costs[k].latency_ms * 1e3 : (double)NAN);
    fet_table_number(table, v->device ? v->costs[k].spread : (double)NAN);
    fet_table_number(table, v->device ? v->costs[k].latency_ms / v->total_ms * 100.0 : (double)NAN);
}

static int64_t total_macs(const view *v)
{
    fet_op_work work;
    fet_graph_work(v->graph, &work);
    return work.macs;
}

static fet_status print_json(const fet_cli *cli, const view *v, const fet_table *table)
{
    json_t *layers = NULL;
    FET_TRY(fet_table_json(table, &layers));
    json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "network", cli->arguments[0], "precision", v->precision_name, "macs",
                             (json_int_t)total_macs(v), "param_bytes", (json_int_t)v->memory.param_bytes, "peak_memory_bytes",
                             (json_int_t)v->memory.arena_bytes, "peak_memory_lower_bound_bytes", (json_int_t)v->memory.lower_bound_bytes,
                             "layers", layers);
    if (root && v->device) {
        json_object_set_new(root, "device", json_string(fet_device_describe(v->device)));
        json_object_set_new(root, "latency_ms", json_real(v->total_ms));
        json_object_set_new(root, "latency_source", json_string(fet_cost_source_name(fet_device_source(v->device))));
    }
    return fet_cli_print_json(cli, root);
}

static fet_status print_text(const fet_cli *cli, const view *v, const fet_table *table)
{
    FET_TRY(fet_table_print(table, cli));
    fprintf(cli->out, "\n%.3f MMACs, %llu bytes of weights, peak activation memory %llu bytes (lower bound %llu) at %s, planned\n",
            (double)total_macs(v) / 1e6, (unsigned long long)v->memory.param_bytes, (unsigned long long)v->memory.arena_bytes,
            (unsigned long long)v->memory.lower_bound_bytes, v->precision_name);
    if (!v->device) return FET_OK;
    fet_cost_source source = fet_device_source(v->device);
    fprintf(cli->out, "%s%.4f ms%s, ", fet_cli_style_text(cli, FET_STYLE_BOLD), v->total_ms, fet_cli_style_text(cli, FET_STYLE_RESET));
    if (source == FET_COST_SIMULATED)
        fprintf(cli->out, "%u kernels as one network on %s\n", v->kernels.count, fet_device_describe(v->device));
    else fprintf(cli->out, "sum of %u kernels %s on %s\n", v->kernels.count, fet_cost_source_name(source), fet_device_describe(v->device));
    return FET_OK;
}

static fet_status inspect(fet_cli *cli, const values *given, view *v)
{
    const fet_fusion_rules *rules = v->device ? fet_device_fusion_rules(v->device) : &fet_fusion_rules_host;
    fet_memory_options memory = fet_memory_default_options(v->precision);
    if (v->device) memory.channel_rounding = fet_device_channel_rounding(v->device);
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_kernels_split(v->graph, rules, v->precision, v->arena, &v->kernels));
    FET_TRY(fet_memory_plan_make(v->graph, &v->kernels, &memory, v->arena, &v->memory));
    if (v->device) FET_TRY(measure(cli, v));
    FET_TRY(fet_table_create(COLUMNS, N_COLUMNS, &table));
    for (uint32_t k = 0; k < v->kernels.count; k++) add_row(v, k, table);
    return given->json ? print_json(cli, v, table) : print_text(cli, v, table);
}

static fet_status run(fet_cli *cli, const void *val)
{
    const values *given = val;
    fet_auto(fet_device) device = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_dtype precision;
    fet_network network;
    FET_TRY(fet_cli_precision(given->precision, &precision));
    fet_device_options options = {.name = given->device, .precision = precision, .isa = given->isa};
    FET_TRY(fet_network_load(cli->arguments[0], false, &network));
    fet_status status = fet_arena_create(&arena);
    fet_cli_catch_signals();
    if (status == FET_OK && strcmp(given->device, "none") != 0) status = fet_device_open(&options, &device);
    view v = {.graph = network.graph, .arena = arena, .device = device, .precision = precision, .precision_name = given->precision};
    if (status == FET_OK) status = inspect(cli, given, &v);
    fet_network_clear(&network);
    return status;
}

const fet_command fet_cmd_inspect = {
    .name = "inspect",
    .summary = "show a network layer by layer: kernel, shape, MACs, bytes, time on the device",
    .usage = "MODEL [OPTION]...",
    .details = FET_NETWORK_HELP
    "\nKernels nobody has measured yet on this machine are measured first (a moment each) and kept for every later command.",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 1,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
