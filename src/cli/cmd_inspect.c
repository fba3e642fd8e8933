// SPDX-License-Identifier: Apache-2.0
/* fettle inspect: what a network does layer by layer, what each layer costs on a device, and what fills the memory at its peak. */
#include "advise/change.h"
#include "cli/costing.h"
#include "cli/names.h"
#include "cli/source.h"
#include "cli/table.h"
#include "cli/wrap.h"
#include "device/memory.h"
#include "device/peak.h"
#include "op/op.h"

#include <math.h>
#include <string.h>

typedef struct values {
    fet_cli_costing costing;
    fet_cli_texts input;
    bool json;
} values;

static const fet_cli_option OPTIONS[] = {
    FET_CLI_COSTING(values, costing),
    FET_CLI_BINDINGS(values, input),
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    *(values *)v = (values){.costing = FET_CLI_COSTING_DEFAULTS};
}

static const fet_column COLUMNS[] = {
    {.key = "name", .title = "layer", .cut = 14},
    {.key = "what", .title = "kernel", .cut = 20},
    {.key = "kernel", .title = "kernel", .json_only = true},
    {.key = "output", .title = "output", .drop = 2},
    {.key = "macs", .title = "MACs, M", .right = true, .decimals = 3, .scale = 1e-6, .no_zero = true},
    {.key = "param_bytes", .title = "weights, KB", .right = true, .decimals = 1, .scale = 1e-3, .no_zero = true, .drop = 1},
    {.key = "dst_bytes", .title = "output, KB", .right = true, .decimals = 1, .scale = 1e-3, .drop = 3},
    {.key = "latency_us", .title = "us", .right = true, .decimals = 2},
    {.key = "latency_spread", .title = "+- %", .right = true, .decimals = 1, .scale = 100, .drop = 4},
    {.key = "share", .title = "share, %", .right = true, .decimals = 1},
    {.key = "utilisation", .title = "peak, %", .right = true, .decimals = 1},
};
enum { N_COLUMNS = sizeof COLUMNS / sizeof COLUMNS[0] };

/* The network as the device sees it. Everything from `arena`. */
typedef struct view {
    const fet_graph *graph;
    fet_arena *arena;
    const fet_device_options *options;
    fet_device *device; /* NULL: no times */
    fet_dtype precision;
    const char *precision_name; /* as the user writes it */
    fet_names_prefix prefix;    /* of the layers' names */
    fet_kernels kernels;
    fet_cost *costs; /* [kernels.count]; latency NAN: the device has no model for it */
    double total_ms; /* of the network; of the kernels that are known, where it is not whole */
    bool is_whole;
    uint32_t n_unknown;
    double between_ms; /* learned, on top of total_ms */
    fet_device_peak peak;
    fet_memory_plan memory;
} view;

/* Each kernel's part of the network where all are known, else each by itself. */
static fet_status fill_costs(view *v, const fet_kernel_key *keys)
{
    double *part_ms = fet_arena_zalloc(v->arena, v->kernels.count + 1, sizeof *part_ms);
    if (!part_ms) return fet_arena_full();
    fet_status status = fet_device_network_latency(v->device, v->graph, &v->kernels, v->arena, part_ms, &v->total_ms);
    if (status == FET_ERROR_NOMEM) return status;
    v->is_whole = status == FET_OK;
    if (!v->is_whole) v->total_ms = 0;
    if (v->is_whole) v->between_ms = fet_device_between_ms(v->device, v->graph, &v->kernels);
    for (uint32_t k = 0; k < v->kernels.count; k++) {
        bool known = fet_device_lookup(v->device, &keys[k], &v->costs[k]);
        if (!known) v->costs[k] = (fet_cost){.latency_ms = (double)NAN, .spread = (double)NAN, .source = fet_device_source(v->device)};
        if (v->is_whole) v->costs[k].latency_ms = part_ms[k];
        else if (known) v->total_ms += v->costs[k].latency_ms;
        v->n_unknown += isnan(v->costs[k].latency_ms) != 0;
    }
    return v->is_whole || v->n_unknown || status == FET_ERROR_LIMIT ? FET_OK : status;
}

static fet_status measure_kernels(view *v, fet_progress *progress)
{
    fet_kernel_key *keys = fet_arena_zalloc(v->arena, v->kernels.count + 1, sizeof *keys);
    v->costs = fet_arena_zalloc(v->arena, v->kernels.count + 1, sizeof *v->costs);
    if (!keys || !v->costs) return fet_arena_full();
    for (uint32_t k = 0; k < v->kernels.count; k++) keys[k] = v->kernels.items[k].key;
    fet_status status = fet_device_measure(v->device, keys, v->kernels.count, fet_cli_on_measured, progress);
    /* A description need not have a model of everything, nor a table every kernel: those are shown without a time. */
    if (status != FET_OK && status != FET_ERROR_UNSUPPORTED && status != FET_ERROR_NOT_FOUND) return status;
    FET_TRY(fill_costs(v, keys));
    if (status != FET_OK && v->n_unknown == v->kernels.count) return status;
    return fet_device_find_peak(v->options, v->device, fet_cli_on_measured, progress, &v->peak);
}

static fet_status measure(const fet_cli *cli, view *v)
{
    fet_progress progress;
    fet_progress_begin(&progress, cli, "measuring kernels");
    fet_status status = measure_kernels(v, &progress);
    fet_progress_end(&progress);
    return status;
}

/* At the layer's precision: an f32 weight counts 1 byte in int8; biases and other vectors keep 4 there, 2 in bf16. */
static int64_t weight_bytes(const view *v, const fet_kernel *kernel)
{
    fet_op_work work;
    fet_graph_work_of_node(v->graph, kernel->anchor, &work);
    const fet_node *node = &v->graph->nodes[kernel->anchor];
    const fet_value *weights = fet_node_input(v->graph, node, 1);
    bool dense = (node->op == FET_OP_CONV || node->op == FET_OP_GEMM || node->op == FET_OP_CONV_TRANSPOSE) && weights;
    int64_t numbers = dense ? fet_shape_elements(&weights->shape) : work.param_bytes / 4;
    fet_dtype precision = fet_kernel_dtype(&kernel->key, v->precision);
    int64_t bytes = numbers * (int64_t)fet_dtype_bytes(precision);
    if (kernel->key.flags & FET_KERNEL_BIAS)
        bytes += (int64_t)kernel->key.oc * (precision == FET_DTYPE_S8 ? 4 : (int64_t)fet_dtype_bytes(precision));
    return bytes;
}

static const char *layer_name(const view *v, const fet_kernel *kernel)
{
    if (kernel->anchor != FET_NONE) return v->graph->nodes[kernel->anchor].name;
    return v->graph->values[kernel->dst != FET_NONE ? kernel->dst : kernel->src].name;
}

static void add_row(const view *v, uint32_t k, bool json, fet_table *table)
{
    const fet_kernel *kernel = &v->kernels.items[k];
    char key[FET_KERNEL_KEY_TEXT_BYTES], shape[FET_SHAPE_TEXT_BYTES], what[FET_LAYER_TEXT_BYTES];
    const fet_shape *output = kernel->dst != FET_NONE ? &v->graph->values[kernel->dst].shape : NULL;
    int64_t macs = fet_kernel_macs(v->graph, kernel);
    double ms = v->device ? v->costs[k].latency_ms : (double)NAN;
    fet_dtype precision = fet_kernel_dtype(&kernel->key, v->precision);
    size_t item_bytes = fet_dtype_bytes(kernel->key.flags & FET_KERNEL_F32_DST ? FET_DTYPE_F32 : precision);
    fet_table_text(table, json ? layer_name(v, kernel) : fet_names_strip(&v->prefix, layer_name(v, kernel)));
    fet_layer_describe(&kernel->key, what, sizeof what);
    if (precision != v->precision) snprintf(what + strlen(what), sizeof what - strlen(what), " %s", fet_dtype_name(precision));
    fet_table_text(table, what);
    fet_table_text(table, fet_kernel_key_print(&kernel->key, key, sizeof key));
    fet_table_text(table, output ? fet_shape_print(output, shape, sizeof shape) : NULL);
    fet_table_number(table, (double)macs);
    fet_table_number(table, kernel->anchor != FET_NONE ? (double)weight_bytes(v, kernel) : 0.0);
    fet_table_number(table, output ? (double)fet_shape_elements(output) * (double)item_bytes : (double)NAN);
    fet_table_number(table, ms * 1e3);
    fet_table_number(table, v->device ? v->costs[k].spread : (double)NAN);
    fet_table_number(table, v->device ? ms / v->total_ms * 100.0 : (double)NAN);
    fet_table_number(table, macs && v->peak.macs_per_s > 0 ? 100 * fet_layer_utilisation(macs, ms, v->peak.macs_per_s) : (double)NAN);
}

/* --- memory at its peak --- */

static bool alive_at_peak(const view *v, const fet_memory_buffer *buffer)
{
    return buffer->first_step <= v->memory.peak_step && v->memory.peak_step <= buffer->last_step;
}

/* The layer that runs when most memory is needed. */
static const char *peak_layer(const view *v)
{
    return v->memory.peak_step < v->memory.n_steps ? layer_name(v, &v->kernels.items[v->memory.order[v->memory.peak_step]]) : "";
}

static json_t *peak_json(const view *v)
{
    json_t *list = json_array();
    for (uint32_t b = 0; b < v->memory.n_buffers; b++) {
        const fet_memory_buffer *buffer = &v->memory.buffers[b];
        if (alive_at_peak(v, buffer))
            json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "name", v->graph->values[buffer->value].name, "bytes",
                                                  (json_int_t)buffer->bytes, "offset_bytes", (json_int_t)buffer->offset_bytes));
    }
    return list;
}

static uint64_t mcunet_peak(const view *v)
{
    return fet_memory_mcunet_peak(v->graph, &v->kernels, v->precision, true);
}

static void print_peak(const fet_cli *cli, const view *v)
{
    const char *layer = peak_layer(v);
    fet_cli_wrap(cli, 0, "Peak activation memory %.1f KB (lower bound %.1f) at %s, planned; most is needed while %s runs, alive then:",
                 (double)v->memory.arena_bytes / 1e3, (double)v->memory.lower_bound_bytes / 1e3, v->precision_name,
                 fet_names_strip(&v->prefix, layer));
    fet_cli_wrap(cli, 0, "As MCUNet counts it (source and result of one convolution, and what waits beside a depthwise one): %.1f KB.",
                 (double)mcunet_peak(v) / 1e3);
    for (uint32_t b = 0; b < v->memory.n_buffers; b++) {
        const fet_memory_buffer *buffer = &v->memory.buffers[b];
        const fet_value *value = &v->graph->values[buffer->value];
        char shape[FET_SHAPE_TEXT_BYTES];
        if (!alive_at_peak(v, buffer)) continue;
        fprintf(cli->out, "  %10.1f KB  %s  %s\n", (double)buffer->bytes / 1e3, fet_shape_print(&value->shape, shape, sizeof shape),
                fet_names_strip(&v->prefix, value->name));
    }
}

/* --- */

static int64_t total_macs(const view *v)
{
    fet_op_work work;
    fet_graph_work(v->graph, &work);
    return work.macs;
}

/* Half of the kernels' intervals together: what the network errs by where all kernels err the same way. */
static double relative_interval(const view *v)
{
    double half_ms = 0;
    for (uint32_t k = 0; k < v->kernels.count; k++)
        if (!isnan(v->costs[k].latency_ms)) half_ms += v->costs[k].spread * v->costs[k].latency_ms;
    return half_ms / v->total_ms;
}

static fet_status print_json(const fet_cli *cli, const view *v, const fet_table *table)
{
    json_t *layers = NULL;
    FET_TRY(fet_table_json(table, &layers));
    json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:o, s:o}", "network", cli->arguments[0], "precision",
                             v->precision_name, "macs", (json_int_t)total_macs(v), "param_bytes", (json_int_t)v->memory.param_bytes,
                             "peak_memory_bytes", (json_int_t)v->memory.arena_bytes, "peak_memory_lower_bound_bytes",
                             (json_int_t)v->memory.lower_bound_bytes, "peak_memory_mcunet_bytes", (json_int_t)mcunet_peak(v), "peak_layer",
                             peak_layer(v), "alive_at_peak", peak_json(v), "layers", layers);
    if (root && v->device) {
        json_object_set_new(root, "device", json_string(fet_device_describe(v->device)));
        json_object_set_new(root, "source", json_string(fet_cost_source_name(fet_device_source(v->device))));
        json_object_set_new(root, "latency_ms", json_real(v->total_ms));
        json_object_set_new(root, "between_ms", json_real(v->between_ms));
        if (fet_device_source(v->device) == FET_COST_ESTIMATED)
            json_object_set_new(root, "relative_interval", json_real(relative_interval(v)));
        json_object_set_new(root, "is_whole_network", json_boolean(v->is_whole));
        json_object_set_new(root, "kernels_without_time", json_integer(v->n_unknown));
        json_object_set_new(root, "peak_macs_per_s", json_real(v->peak.macs_per_s));
    }
    return fet_cli_print_json(cli, root);
}

/* The operators of kernels without a time, each once. */
static void print_unknown(const fet_cli *cli, const view *v)
{
    fprintf(cli->out, "Not counted: %u kernel%s for which the device has no figure (", v->n_unknown, v->n_unknown > 1 ? "s" : "");
    bool seen[FET_OP_COUNT] = {false}, any = false;
    for (uint32_t k = 0; k < v->kernels.count; k++) {
        uint16_t op = v->kernels.items[k].key.op;
        if (!isnan(v->costs[k].latency_ms) || seen[op]) continue;
        seen[op] = true;
        fprintf(cli->out, "%s%s", any ? ", " : "", fet_op_onnx_name((fet_op_kind)op));
        any = true;
    }
    fprintf(cli->out, ")\n");
}

static void print_latency(const fet_cli *cli, const view *v)
{
    fet_cost_source source = fet_device_source(v->device);
    char how[64] = "", peak[96] = "";
    if (source != FET_COST_SIMULATED || !v->is_whole) snprintf(how, sizeof how, "sum of %u kernels, ", v->kernels.count - v->n_unknown);
    if (v->peak.macs_per_s > 0)
        snprintf(peak, sizeof peak, "; %.3g%% of the peak, %.4g GMAC/s (%s)",
                 100 * fet_layer_utilisation(total_macs(v), v->total_ms, v->peak.macs_per_s), v->peak.macs_per_s / 1e9,
                 v->peak.source == FET_COST_SIMULATED ? "stated" : fet_cost_source_name(v->peak.source));
    fet_cli_wrap(cli, 0, "%s%.4f ms%s, %s%s on %s%s", fet_cli_style_text(cli, FET_STYLE_BOLD), v->total_ms,
                 fet_cli_style_text(cli, FET_STYLE_RESET), how, fet_cost_source_name(source), fet_device_describe(v->device), peak);
    if (source == FET_COST_ESTIMATED)
        fet_cli_wrap(cli, 0, "The intervals of its kernels add up to +- %.1f %%: that much, if all were wrong the same way.",
                     100 * relative_interval(v));
    if (v->between_ms > 0)
        fet_cli_wrap(cli, 0, "Between the kernels another %.4f ms are learned to pass: %.4f ms for the whole network.", v->between_ms,
                     v->total_ms + v->between_ms);
    if (v->n_unknown) print_unknown(cli, v);
    else if (!v->is_whole) fet_cli_wrap(cli, 0, "As a whole it does not fit into the device's memory: these are its kernels one by one.");
}

static fet_status print_text(const fet_cli *cli, const view *v, const fet_table *table)
{
    FET_TRY(fet_table_print(table, cli));
    fprintf(cli->out, "\n%.3f MMACs, %.1f KB of weights at %s", (double)total_macs(v) / 1e6, (double)v->memory.param_bytes / 1e3,
            v->precision_name);
    if (v->prefix.length) fprintf(cli->out, "; names without \"%.*s\"", (int)v->prefix.length, v->prefix.text);
    fputc('\n', cli->out);
    print_peak(cli, v);
    if (v->device) print_latency(cli, v);
    return FET_OK;
}

static fet_status find_prefix(view *v)
{
    const char **names = fet_arena_zalloc(v->arena, v->kernels.count + 1, sizeof *names);
    if (!names) return fet_arena_full();
    for (uint32_t k = 0; k < v->kernels.count; k++) names[k] = layer_name(v, &v->kernels.items[k]);
    v->prefix = fet_names_find_prefix(names, v->kernels.count);
    return FET_OK;
}

/* A layer marked to be computed in what the device does not have is no layer without a figure. */
static fet_status check_precisions(const view *v)
{
    for (uint32_t k = 0; v->device && k < v->kernels.count; k++) {
        fet_dtype precision = fet_kernel_dtype(&v->kernels.items[k].key, v->precision);
        bool can = true;
        if (precision == v->precision || v->kernels.items[k].anchor == FET_NONE) continue;
        FET_TRY(fet_device_computes(v->options, precision, &can));
        if (!can)
            return fet_fail(FET_ERROR_UNSUPPORTED, "layer \"%s\" is to be computed in %s, which %s does not have",
                            layer_name(v, &v->kernels.items[k]), fet_dtype_name(precision), fet_device_describe(v->device));
    }
    return FET_OK;
}

static fet_status inspect(fet_cli *cli, const values *given, view *v)
{
    const fet_fusion_rules *rules = v->device ? fet_device_fusion_rules(v->device) : &fet_fusion_rules_host;
    fet_memory_options memory = fet_memory_default_options(v->precision);
    if (v->device) memory.channel_rounding = fet_device_channel_rounding(v->device);
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_kernels_split(v->graph, rules, v->precision, v->arena, &v->kernels));
    FET_TRY(check_precisions(v));
    FET_TRY(fet_memory_plan_make(v->graph, &v->kernels, &memory, v->arena, &v->memory));
    FET_TRY(find_prefix(v));
    if (v->device) FET_TRY(measure(cli, v));
    FET_TRY(fet_table_create(COLUMNS, N_COLUMNS, &table));
    for (uint32_t k = 0; k < v->kernels.count; k++) add_row(v, k, given->json, table);
    return given->json ? print_json(cli, v, table) : print_text(cli, v, table);
}

static fet_status run(fet_cli *cli, const void *val)
{
    const values *given = val;
    fet_auto(fet_device) device = NULL;
    fet_auto(fet_arena) arena = NULL;
    fet_device_options options = {0};
    fet_dtype precision;
    fet_network network;
    FET_TRY(fet_cli_precision(given->costing.precision, &precision));
    FET_TRY(fet_cli_check_bindings(&given->input));
    FET_TRY(fet_network_load_bound(cli->arguments[0], false, &given->input, &network));
    fet_status status = fet_arena_create(&arena);
    fet_cli_catch_signals();
    if (status == FET_OK && strcmp(given->costing.device, "none") != 0) status = fet_cli_device_open(&given->costing, &options, &device);
    view v = {.graph = network.graph,
              .arena = arena,
              .options = &options,
              .device = device,
              .precision = precision,
              .precision_name = given->costing.precision};
    if (status == FET_OK) status = inspect(cli, given, &v);
    fet_network_clear(&network);
    return status;
}

const fet_command fet_cmd_inspect = {
    .name = "inspect",
    .summary = "show a network layer by layer: kernel, MACs, bytes, time and utilisation of the device; and its peak memory",
    .usage = "MODEL [OPTION]...",
    .details = FET_NETWORK_HELP
    "\nKernels nobody has measured yet on this machine are measured first (a moment each) and kept for every later command. --device none "
    "leaves times out.",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 1,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
