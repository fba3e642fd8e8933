// SPDX-License-Identifier: Apache-2.0
/* fettle device list|show|check|compare|parallelism|crossover|fusion|probe|fit: what devices there are, what a file says, whether it is
 * right, what a network costs on many, how a device likes its channels and blocks, and measuring it for networks to come. */
#include "base/text.h"
#include "cli/device_compare.h"
#include "cli/device_fit.h"
#include "cli/device_fusion.h"
#include "cli/device_parallelism.h"
#include "cli/device_probe.h"
#include "cli/table.h"
#include "device/estimated/estimated.h"
#include "device/recorded/recorded.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

typedef struct values {
    const char *devices, *precision, *sweep, *input, *stem, *plot, *trace, *isa;
    const char *keys, *budget, *export, *import, *like;
    fet_cli_texts spaces, networks;
    int64_t kernels, draws, whole, again, rounds, batch, seed;
    double until;
    const char *output, *prior, *outside;
    double coverage;
    int64_t splits, suggest;
    bool plan, json;
} values;

static const char *const PRECISIONS[] = {"int8", "fp16", "bf16", "f32", NULL};
static const char *const ISAS[] = {"auto", "amx", "avx512_bf16", "avx512_vnni", "avx512", "avx2_vnni", "avx2", NULL};
static const char *const ACTIONS[] = {"list", "show", "check", "compare", "parallelism", "crossover", "fusion", "probe", "fit"};

static const char *const OUTSIDE[] = {"refuse", "widen", NULL};

static const fet_cli_option OPTIONS[] = {
    {.name = "devices",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, devices),
     .value = "NAMES",
     .help = "compare: npu-16,npu-64 (default: all described ones)"},
    {.name = "precision",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, precision),
     .value = "TYPE",
     .choices = PRECISIONS,
     .help = "compare: int8, fp16 or bf16; parallelism, crossover: also f32 (default int8)"},
    {.name = "sweep",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, sweep),
     .value = "FIELD=LOW..HIGH",
     .help = "compare: in doublings, sram=128K..2M or external.bytes_per_cycle=1..16"},
    {.name = "plot",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, plot),
     .value = "FILE",
     .help = "compare, parallelism, crossover: draw it, .svg or .html"},
    {.name = "isa",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, isa),
     .value = "NAME",
     .choices = ISAS,
     .help = "parallelism, crossover: instructions of the host: auto, amx, avx512_vnni, ..."},
    {.name = "trace",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, trace),
     .value = "FILE",
     .help = "compare: the first row's timeline, for chrome://tracing"},
    {.name = "input",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, input),
     .value = "CxHxW",
     .help = "compare: input of a template (default 3x224x224)"},
    {.name = "stem",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, stem),
     .value = "STEM",
     .help = "compare: stem of a template (default 32s2)"},
    {.name = "space",
     .kind = FET_CLI_TEXTS,
     .offset = offsetof(values, spaces),
     .value = "JOB",
     .help = "probe: for the networks of this job's space; may stand several times"},
    {.name = "networks",
     .kind = FET_CLI_TEXTS,
     .offset = offsetof(values, networks),
     .value = "MODEL",
     .help = "probe: for this network too; may stand several times"},
    {.name = "keys",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, keys),
     .value = "FILE",
     .help = "probe: these kernels first, one a line"},
    {.name = "kernels",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, kernels),
     .value = "N",
     .low = 1,
     .high = 1000000,
     .help = "probe: how many to know in the end (default 1500)"},
    {.name = "draws",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, draws),
     .value = "N",
     .low = 1,
     .high = 100000,
     .help = "probe: networks drawn from the space to see what it contains (default 500)"},
    {.name = "whole",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, whole),
     .value = "N",
     .low = 0,
     .high = FET_LESSON_MAX,
     .help = "probe: networks of the space measured whole, to learn what stands between kernels (default 20; 0: none)"},
    {.name = "again",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, again),
     .value = "N",
     .low = -1,
     .high = 100000,
     .help = "probe: measure N kernels again at another time, the most doubtful first (default -1: all; 0: none)"},
    {.name = "rounds",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, rounds),
     .value = "N",
     .low = 0,
     .high = FET_KIT_ROUNDS_MAX,
     .help = "probe: then N times fit an estimator and measure what would teach it most, and print the error by round (default 0)"},
    {.name = "batch",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, batch),
     .value = "N",
     .low = 1,
     .high = FET_KIT_BATCH_MAX,
     .help = "probe: kernels a round, of those of --kernels (default 50)"},
    {.name = "until",
     .kind = FET_CLI_REAL,
     .offset = offsetof(values, until),
     .value = "ERROR",
     .low = 0,
     .high = 1,
     .help = "probe: end the rounds at this mean error, 0.03 (default 0: make all of them)"},
    {.name = "budget",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, budget),
     .value = "TIME",
     .help = "probe: stop after it, 90s or 30min (default none); the same command goes on"},
    {.name = "output",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, output),
     .value = "FILE.estimate",
     .help = "fit: the estimator's file; given wherever a device is named"},
    {.name = "prior",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, prior),
     .value = "FILE.estimate",
     .help = "fit: another device's estimator to start from, where few kernels were measured"},
    {.name = "outside",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, outside),
     .value = "WHAT",
     .choices = OUTSIDE,
     .help = "fit: kernels beyond the measured range: refuse or widen the interval (default refuse)"},
    {.name = "coverage",
     .kind = FET_CLI_REAL,
     .offset = offsetof(values, coverage),
     .value = "SHARE",
     .low = 0.5,
     .high = 0.99,
     .help = "fit: how often an interval holds the truth (default 0.9)"},
    {.name = "splits",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, splits),
     .value = "N",
     .low = 1,
     .high = 100,
     .help = "fit: how many splits judge it (default 5)"},
    {.name = "suggest",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, suggest),
     .value = "N",
     .low = 0,
     .high = 100000,
     .help = "fit: print only the next N kernels to measure, one a line"},
    {.name = "seed",
     .kind = FET_CLI_INT,
     .offset = offsetof(values, seed),
     .value = "N",
     .low = 0,
     .high = 9e15,
     .help = "probe, fit: of what is drawn, of splits and trees (default 1)"},
    {.name = "export",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, export),
     .value = "DIR",
     .help = "probe: for a board elsewhere: an ONNX file a kernel and a CSV to fill in"},
    {.name = "import",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, import),
     .value = "CSV",
     .help = "probe: the filled CSV; DEVICE is the device file to make, board.yaml"},
    {.name = "like",
     .kind = FET_CLI_TEXT,
     .offset = offsetof(values, like),
     .value = "DEVICE",
     .help = "probe --import: the board fuses operators as this device does (default host)"},
    {.name = "plan", .kind = FET_CLI_FLAG, .offset = offsetof(values, plan), .help = "probe: say what would be measured, measure nothing"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    *(values *)v = (values){.precision = "int8",
                            .isa = "auto",
                            .input = "3x224x224",
                            .stem = "32s2",
                            .budget = "none",
                            .like = "host",
                            .kernels = 1500,
                            .draws = 500,
                            .whole = 20,
                            .again = -1,
                            .batch = 50,
                            .outside = "refuse",
                            .coverage = 0.9,
                            .splits = 5,
                            .seed = 1};
}

static const char *kind_name(fet_device_kind kind)
{
    static const char *const names[] = {"described", "recorded", "measured"};
    return names[kind];
}

static fet_status print_table(const fet_cli *cli, const values *given, const fet_table *table)
{
    if (!given->json) return fet_table_print(table, cli);
    json_t *list = NULL;
    FET_TRY(fet_table_json(table, &list));
    return fet_cli_print_json(cli, list);
}

static double peak_tops(const fet_device_file *file)
{
    for (uint32_t p = 0; p < FET_SIM_N_PRECISIONS; p++) {
        double peak = fet_sim_peak(&file->machine, (fet_sim_precision)p);
        if (peak > 0) return 2 * peak * file->machine.clock_hz * 1e-12;
    }
    return (double)NAN;
}

static fet_status list(fet_cli *cli, const values *given)
{
    static const fet_column columns[] = {{.key = "name", .title = "name"},
                                         {.key = "kind", .title = "kind"},
                                         {.key = "tops", .title = "TOPS", .right = true, .decimals = 3},
                                         {.key = "sram_kib", .title = "SRAM, KiB", .right = true},
                                         {.key = "help", .title = "what it is"}};
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_table) table = NULL;
    const char *const *names = NULL;
    uint32_t n = 0;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_device_file_list(arena, &names, &n));
    FET_TRY(fet_table_create(columns, sizeof columns / sizeof *columns, &table));
    for (uint32_t i = 0; i < n; i++) {
        fet_auto(fet_device_file) file = NULL;
        FET_TRY(fet_device_file_load(names[i], &file));
        bool described = file->kind == FET_DEVICE_DESCRIBED;
        fet_table_text(table, names[i]);
        fet_table_text(table, kind_name(file->kind));
        fet_table_number(table, described ? peak_tops(file) : (double)NAN);
        fet_table_number(table, described ? (double)file->machine.sram_bytes / 1024 : (double)NAN);
        fet_table_text(table, file->help);
    }
    return print_table(cli, given, table);
}

static void add(fet_table *table, const char *field, const char *format, ...) FET_PRINTF(3, 4);
static void add(fet_table *table, const char *field, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fet_table_text(table, field);
    fet_table_text(table, text);
}

static void add_machine(fet_table *table, const fet_device_file *file)
{
    static const char *const dataflows[] = {"weight-stationary", "output-stationary", "input-stationary", "blocks"};
    static const char *const depthwises[] = {"channels on output lanes", "a column of the array", "vector unit"};
    const fet_sim_machine *m = &file->machine;
    add(table, "clock", "%g MHz", m->clock_hz / 1e6);
    add(table, "dataflow", "%s%s", dataflows[m->dataflow], m->systolic ? ", systolic" : "");
    if (m->dataflow != FET_SIM_BLOCKS) add(table, "depthwise", "%s", depthwises[m->depthwise]);
    for (uint32_t p = 0; p < FET_SIM_N_PRECISIONS; p++)
        if (m->array[p].out)
            add(table, fet_sim_precision_name((fet_sim_precision)p), "%u output x %u input x %u pixels = %.0f MACs a cycle",
                m->array[p].out, m->array[p].in, m->array[p].pixels, fet_sim_peak(m, (fet_sim_precision)p));
    add(table, "sram", "%llu KiB, %g bytes a cycle", (unsigned long long)(m->sram_bytes / 1024), m->sram.bytes_per_cycle);
    add(table, "outside", "%g bytes a cycle (%.3g GB/s), bursts of %g bytes, latency %g cycles%s", m->external.bytes_per_cycle,
        m->external.bytes_per_cycle * m->clock_hz * 1e-9, m->external.burst_bytes, m->external.read_latency,
        m->maps_external ? ", feature maps too" : "");
    add(table, "channel rounding", "%u%s", m->channel_rounding, m->cascade ? ", maps passed on in stripes" : "");
}

static fet_status show(fet_cli *cli, const values *given, const char *name)
{
    static const fet_column columns[] = {{.key = "field", .title = "field"}, {.key = "value", .title = "value"}};
    fet_auto(fet_device_file) file = NULL;
    fet_auto(fet_table) table = NULL;
    if (fet_device_is_estimate(name)) return fet_device_show_estimate(cli, name, given->json);
    FET_TRY(fet_device_file_load(name, &file));
    FET_TRY(fet_table_create(columns, 2, &table));
    add(table, "name", "%s", file->name);
    add(table, "kind", "%s", kind_name(file->kind));
    add(table, "help", "%s", file->help);
    add(table, "file", "%s", file->path);
    add(table, "parallelism", "%u output, %u input channels", file->parallelism.out_channels, file->parallelism.in_channels);
    if (file->table) add(table, "table", "%s", file->table);
    if (file->kind == FET_DEVICE_DESCRIBED) add_machine(table, file);
    char fused[256] = "";
    for (uint32_t a = 1; a < FET_ACTIVATION_COUNT; a++)
        if (file->fusion.activations & (1u << a)) {
            size_t used = strlen(fused);
            snprintf(fused + used, sizeof fused - used, "%s%s", used ? ", " : "", fet_activation_name((fet_activation_kind)a));
        }
    add(table, "fused", "%s%s%s", file->fusion.batch_norm ? "batch norm, " : "", file->fusion.add ? "add, " : "", fused);
    return print_table(cli, given, table);
}

/* Reads the file and what it names; a recorded device's table too. */
static fet_status check(fet_cli *cli, const values *given, const char *name)
{
    fet_auto(fet_device_file) file = NULL;
    fet_recorded_kernel *kernels = NULL;
    uint32_t n = 0;
    if (fet_device_is_estimate(name)) return fet_device_show_estimate(cli, name, given->json);
    FET_TRY(fet_device_file_load(name, &file));
    if (file->kind == FET_DEVICE_RECORDED) FET_TRY(fet_recorded_read(file->table, &kernels, &n));
    fet_free(kernels);
    if (given->json) {
        json_t *value = json_pack("{s:s, s:s, s:b, s:i}", "file", file->path, "kind", kind_name(file->kind), "ok", 1, "kernels", (int)n);
        return value ? fet_cli_print_json(cli, value) : fet_fail(FET_ERROR_NOMEM, "no memory for JSON");
    }
    fprintf(cli->out, "%s: a %s device, in order", file->path, kind_name(file->kind));
    if (file->kind == FET_DEVICE_RECORDED) fprintf(cli->out, ", %u kernels in %s", n, file->table);
    fprintf(cli->out, "\n");
    return FET_OK;
}

static fet_device_options device_options(const fet_cli *cli, const values *given)
{
    static const struct {
        const char *name;
        fet_dtype dtype;
    } known[] = {{"int8", FET_DTYPE_S8}, {"fp16", FET_DTYPE_F16}, {"bf16", FET_DTYPE_BF16}, {"f32", FET_DTYPE_F32}};
    fet_device_options options = {.name = cli->arguments[1], .isa = given->isa};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, given->precision) == 0) options.precision = known[i].dtype;
    return options;
}

static fet_status stairs(fet_cli *cli, const values *given, const char *action)
{
    fet_probe_options options = {.device = device_options(cli, given), .plot = given->plot, .json = given->json};
    return strcmp(action, "parallelism") == 0 ? fet_device_show_parallelism(cli, &options) : fet_device_show_crossover(cli, &options);
}

static fet_status fusion(fet_cli *cli, const values *given)
{
    fet_device_options options = device_options(cli, given);
    return fet_device_show_fusion(cli, &options, given->json);
}

static fet_status probe(fet_cli *cli, const values *given)
{
    fet_device_probe_options options = {.device = device_options(cli, given),
                                        .spaces = given->spaces,
                                        .keys = given->keys,
                                        .networks = given->networks,
                                        .budget = given->budget,
                                        .export = given->export,
                                        .import = given->import,
                                        .like = given->like,
                                        .kernels = given->kernels,
                                        .draws = given->draws,
                                        .whole = given->whole,
                                        .again = given->again,
                                        .rounds = given->rounds,
                                        .batch = given->batch,
                                        .until = given->until,
                                        .seed = given->seed,
                                        .plan_only = given->plan,
                                        .json = given->json};
    return fet_device_probe(cli, &options);
}

static fet_status fit(fet_cli *cli, const values *given)
{
    fet_fit_options options = {.source = cli->arguments[1],
                               .device = device_options(cli, given),
                               .output = given->output,
                               .prior = given->prior,
                               .plot = given->plot,
                               .outside = given->outside,
                               .coverage = given->coverage,
                               .splits = given->splits,
                               .suggest = given->suggest,
                               .seed = given->seed,
                               .json = given->json};
    return fet_device_fit(cli, &options);
}

static fet_status run(fet_cli *cli, const void *v)
{
    const values *given = v;
    const char *action = cli->arguments[0];
    bool is_list = strcmp(action, "list") == 0;
    if (is_list && cli->n_arguments == 1) return list(cli, given);
    const char *nearest = fet_text_nearest(action, ACTIONS, sizeof ACTIONS / sizeof *ACTIONS);
    bool known = nearest && strcmp(nearest, action) == 0;
    if (!known)
        return fet_fail(FET_ERROR_ARG,
                        "device: \"%.40s\"%s%s%s: expected list, show, check, compare, parallelism, crossover, fusion, probe or fit",
                        action, nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    if (is_list) return fet_fail(FET_ERROR_ARG, "device list: \"%.60s\": expected nothing more", cli->arguments[1]);
    if (cli->n_arguments < 2)
        return fet_fail(FET_ERROR_ARG, "device %s: expected %s", action, strcmp(action, "compare") == 0 ? "a MODEL" : "a device");
    if (strcmp(action, "show") == 0) return show(cli, given, cli->arguments[1]);
    if (strcmp(action, "check") == 0) return check(cli, given, cli->arguments[1]);
    if (strcmp(action, "parallelism") == 0 || strcmp(action, "crossover") == 0) return stairs(cli, given, action);
    if (strcmp(action, "fusion") == 0) return fusion(cli, given);
    if (strcmp(action, "probe") == 0) return probe(cli, given);
    if (strcmp(action, "fit") == 0) return fit(cli, given);
    fet_compare_options options = {.model = cli->arguments[1],
                                   .devices = given->devices,
                                   .precision = given->precision,
                                   .sweep = given->sweep,
                                   .input = given->input,
                                   .stem = given->stem,
                                   .plot = given->plot,
                                   .trace = given->trace,
                                   .json = given->json};
    return fet_device_compare(cli, &options);
}

const fet_command fet_cmd_device = {
    .name = "device",
    .summary = "what devices there are, and what a network costs on each of them",
    .usage = "list | show DEVICE | check DEVICE | compare MODEL | parallelism DEVICE | crossover DEVICE | fusion DEVICE | probe DEVICE | "
             "fit DEVICE|CSV "
             "[OPTION]...",
    .details =
        "DEVICE is a name of `fettle device list` or the path of a device file (YAML). compare simulates MODEL on described "
        "devices; with --sweep over the\n"
        "values of one field. MODEL is an ONNX file, DIR@TRIAL or DIR@GENOME of a study, or template:STAGES such as "
        "template:2x24s2e6,3x32s2e6.\n"
        "parallelism finds the multiples of channels that fill DEVICE, from the steps in its latencies; crossover shows where a fused "
        "block beats an\ninverted bottleneck. Both measure what is missing on a device that can be measured, once.\n"
        "fusion finds which pairs of operators DEVICE runs as one, beside what its rules state.\n"
        "probe measures what the networks of a job's space (--space) or given networks (--networks) contain, spread over kernel families, "
        "and staircases\naround it; a killed run goes on. Then all are measured again at another time, the doubtful ones first, "
        "and the figure counts on which most measurements of a kernel agree.\n"
        "fit learns from DEVICE's measured kernels, or from a CSV of recorded ones, and prints how well kernels that were left out are "
        "estimated; the "
        "file it writes\nis a device like any other.\n"
        "Simulated figures were checked against Arm's cycle model on Ethos-U (bench/simulate); they are no measurements.",
    .options = OPTIONS,
    .min_arguments = 1,
    .max_arguments = 2,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
