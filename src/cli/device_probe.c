// SPDX-License-Identifier: Apache-2.0
/* fettle device probe: plan -> measure -> doubtful kernels again -> adaptive rounds -> a few networks whole. */
#include "cli/device_probe.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/progress.h"
#include "cli/source.h"
#include "cli/table.h"
#include "device/kit/sheet.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_KEYS_BYTES = 1 << 26, ROUNDS = 2 };

typedef struct probing {
    fet_cli *cli;
    const fet_device_probe_options *options;
    fet_device *device;
    fet_probe_space spaces[FET_CLI_MAX_TEXTS];
    fet_kit_pool *pool;
    fet_kit_plan *plan;
    double budget_s, started_s;
    fet_progress progress;
} probing;

static bool on_measured(void *context, size_t done, size_t total)
{
    fet_progress_show(context, done, total, "");
    return !fet_cli_interrupted();
}

/* One canonical key a line, as `fettle device fit --suggest` prints them; empty lines and lines from # on are passed over. */
static fet_status add_keys(const char *path, fet_kit_pool *pool)
{
    void *data = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, LIMIT_KEYS_BYTES, &data, &bytes));
    fet_status status = FET_OK;
    uint32_t row = 0;
    for (char *line = data, *next; line && status == FET_OK; line = next) {
        fet_kernel_key key;
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        row++;
        if (line[0] == '\0' || line[0] == '#') continue;
        status = fet_kernel_key_parse(line, &key);
        if (status == FET_OK) status = fet_kit_pool_add_key(pool, &key);
        else status = fet_note(status, "%s:%u", path, row);
    }
    fet_free(data);
    return status;
}

static fet_status add_networks(const fet_cli_texts *networks, fet_kit_pool *pool)
{
    for (uint32_t i = 0; i < networks->n; i++) {
        fet_network network = {0};
        fet_status status = fet_network_load(networks->items[i], false, &network);
        if (status == FET_OK) status = fet_kit_pool_add_graph(pool, network.graph);
        fet_network_clear(&network);
        FET_TRY(status);
    }
    return FET_OK;
}

static fet_status fill_pool(probing *p, fet_kit_pool *pool)
{
    const fet_device_probe_options *o = p->options;
    bool measured = fet_device_source(p->device) == FET_COST_MEASURED, find = measured && !o->plan_only && !o->export;
    if (o->keys) FET_TRY(add_keys(o->keys, pool));
    for (uint32_t i = 0; i < o->spaces.n; i++) {
        uint32_t whole = o->whole > 0 ? fet_lesson_share((uint32_t)o->whole, o->spaces.n, i) : 0;
        fet_progress_begin(&p->progress, p->cli, "measuring staircases");
        fet_status status = fet_probe_space_init(&p->spaces[i], o->spaces.items[i], p->device, find, on_measured, &p->progress);
        fet_progress_end(&p->progress);
        FET_TRY(status);
        FET_TRY(fet_kit_pool_add_space(pool, p->spaces[i].space, (uint32_t)o->draws, whole, (uint64_t)o->seed));
    }
    return add_networks(&o->networks, pool);
}

/* Without what the rounds will ask for, but half of it all at least. */
static uint32_t kernels_planned(const fet_device_probe_options *o)
{
    int64_t of_rounds = o->rounds * o->batch;
    return (uint32_t)(of_rounds <= o->kernels / 2 ? o->kernels - of_rounds : o->kernels - o->kernels / 2);
}

static fet_status make_plan(probing *p)
{
    const fet_device_probe_options *o = p->options;
    fet_kit_plan_options options = fet_kit_plan_default_options();
    fet_parallelism parallelism = fet_device_parallelism(p->device);
    if (o->spaces.n == 0 && !o->keys && o->networks.n == 0 && o->again <= 0)
        return fet_fail(FET_ERROR_ARG,
                        "device probe: expected what to measure for: --space JOB, --networks MODEL or --keys FILE; or --again N alone");
    FET_TRY(fet_kit_pool_create(fet_device_fusion_rules(p->device), fet_device_precision(p->device), &p->pool));
    FET_TRY(fill_pool(p, p->pool));
    options.n_kernels = o->spaces.n || o->networks.n ? kernels_planned(o) : fet_kit_pool_count(p->pool);
    options.n_out = parallelism.out_channels, options.n_in = parallelism.in_channels;
    options.seed = (uint64_t)o->seed;
    return fet_kit_plan_make(p->pool, &options, &p->plan);
}

static fet_status check_can_measure(const fet_device *device)
{
    fet_cost_source source = fet_device_source(device);
    if (source == FET_COST_MEASURED) return FET_OK;
    return fet_fail(
        FET_ERROR_UNSUPPORTED,
        "device probe: %s is %s, nothing here can measure it: expected a measured device, or --export DIR for a board elsewhere",
        fet_device_describe(device), fet_cost_source_name(source));
}

/* Networks measured whole, in a folder of their own for the time being. */
static fet_status learn(probing *p, fet_lesson *lesson)
{
    char folder[] = "/tmp/fettle-probe-XXXXXX";
    const fet_space *spaces[FET_CLI_MAX_TEXTS];
    uint32_t n_spaces = p->options->spaces.n;
    for (uint32_t i = 0; i < n_spaces; i++) spaces[i] = p->spaces[i].space;
    if (!mkdtemp(folder)) return fet_fail(FET_ERROR_IO, "%s: cannot make a folder", folder);
    fet_status status =
        fet_lesson_learn(spaces, n_spaces, p->device, (uint32_t)p->options->whole, (uint64_t)p->options->seed, folder, lesson);
    rmdir(folder);
    return status;
}

/* 0: no end. */
static double left_s(const probing *p)
{
    double spent_s = fet_clock_monotonic_s() - p->started_s;
    return p->budget_s <= 0 ? 0 : p->budget_s > spent_s ? p->budget_s - spent_s : 1e-3;
}

typedef struct outcome {
    fet_kit_result result;
    fet_device_again again, once_more;
    fet_kit_adapted adapted;
    fet_lesson lesson;
} outcome;

static fet_status measure_plan(probing *p, outcome *o, fet_device_probed *probed)
{
    fet_progress_begin(&p->progress, p->cli, "measuring kernels");
    fet_status status = fet_kit_measure(p->device, p->plan, left_s(p), on_measured, &p->progress, &o->result);
    fet_progress_end(&p->progress);
    probed->plan = p->plan, probed->result = &o->result;
    return status;
}

static fet_status adapt(probing *p, outcome *o, fet_device_probed *probed)
{
    fet_kit_adapt_options options = fet_kit_adapt_default_options();
    options.rounds = (uint32_t)p->options->rounds, options.batch = (uint32_t)p->options->batch, options.until = p->options->until;
    options.budget_s = left_s(p), options.seed = (uint64_t)p->options->seed;
    FET_TRY(fet_device_adapt(p->cli, p->device, p->pool, p->plan, &options, &o->adapted));
    probed->adapted = &o->adapted;
    return FET_OK;
}

static fet_status look_again(probing *p, fet_device_again *again, const fet_device_again **out_probed)
{
    FET_TRY(fet_device_measure_again(p->cli, p->device, p->options->again, left_s(p), (uint64_t)p->options->seed, again));
    *out_probed = again;
    return FET_OK;
}

static bool is_stopped(const outcome *o)
{
    return o->result.outcome == FET_KIT_STOPPED || o->again.result.outcome == FET_KIT_STOPPED ||
           o->once_more.result.outcome == FET_KIT_STOPPED || o->adapted.end == FET_KIT_ADAPT_STOPPED;
}

/* The plan, doubtful kernels, rounds, what is doubtful of them, networks whole; each is over at once where it was done before. */
static fet_status measure_all(probing *p, outcome *o, fet_device_probed *probed)
{
    const fet_device_probe_options *options = p->options;
    FET_TRY(measure_plan(p, o, probed));
    bool whole_plan = o->result.outcome == FET_KIT_DONE;
    if (whole_plan && options->again) FET_TRY(look_again(p, &o->again, &probed->again));
    if (whole_plan && options->rounds && !is_stopped(o)) FET_TRY(adapt(p, o, probed));
    if (o->adapted.measured && options->again && !is_stopped(o)) FET_TRY(look_again(p, &o->once_more, &probed->once_more));
    if (is_stopped(o) || options->spaces.n == 0 || options->whole == 0) return FET_OK;
    probed->lesson = &o->lesson;
    return learn(p, &o->lesson);
}

static fet_status measure(probing *p)
{
    outcome *o = NULL;
    fet_device_probed probed = {.plan = NULL};
    FET_TRY(check_can_measure(p->device));
    FET_TRY(fet_alloc_zeroed(1, sizeof *o, "what was measured", &o));
    fet_status status = measure_all(p, o, &probed);
    if (status == FET_OK) status = fet_device_probe_print(p->cli, p->options, p->device, &probed);
    if (is_stopped(o)) p->cli->exit_code = FET_EXIT_INTERRUPTED;
    fet_device_again_clear(&o->again);
    fet_device_again_clear(&o->once_more);
    fet_kit_adapted_clear(&o->adapted);
    fet_free(o);
    return status;
}

static fet_status export(const probing *p)
{
    fet_kit_sheet sheet;
    const char *folder = p->options->export;
    FET_TRY(fet_kit_sheet_write(p->plan, folder, &sheet));
    if (p->options->json)
        return fet_cli_print_json(p->cli, json_pack("{s:s, s:s, s:i, s:i}", "folder", folder, "sheet", FET_KIT_SHEET_NAME, "written",
                                                    (int)sheet.written, "left_out", (int)sheet.left_out));
    fprintf(p->cli->out, "%u kernels in %s, one ONNX file each; fill in %s/%s, then: fettle device probe board.yaml --import %s/%s\n",
            sheet.written, folder, folder, FET_KIT_SHEET_NAME, folder, FET_KIT_SHEET_NAME);
    if (sheet.left_out)
        fprintf(p->cli->out,
                "%u rows have no file, for they are no networks of their own (\"%s\" is one): the sheet says what to write there\n",
                sheet.left_out, sheet.first_left_out);
    return FET_OK;
}

/* The device named is new: a recorded one of the filled sheet; rules and parallelism factors are those of --like. */
static fet_status import(fet_cli *cli, const fet_device_probe_options *o)
{
    fet_auto(fet_device) like = NULL;
    const char *path = o->device.name;
    size_t length = strlen(path);
    uint32_t n = 0;
    fet_device_options options = o->device;
    if (length < 6 || strcmp(path + length - 5, ".yaml") != 0)
        return fet_fail(FET_ERROR_ARG, "device probe %.60s --import: expected the device file to make, such as board.yaml", path);
    options.name = o->like;
    FET_TRY(fet_device_open(&options, &like));
    FET_TRY(fet_kit_sheet_import(o->import, path, fet_device_fusion_rules(like), fet_device_parallelism(like), o->device.precision, &n));
    if (o->json) return fet_cli_print_json(cli, json_pack("{s:s, s:i}", "device", path, "kernels", (int)n));
    fprintf(cli->out, "%s: a recorded device of %u kernels, which fuses what %s does; fettle device fit %s learns all others from them\n",
            path, n, o->like, o->import);
    return FET_OK;
}

static fet_status run(probing *p)
{
    fet_device_options device = p->options->device;
    device.rounds = ROUNDS;
    if (!fet_duration_parse(p->options->budget, &p->budget_s))
        return fet_fail(FET_ERROR_ARG, "--budget \"%.40s\" is no duration: expected such as 90s, 30min, 1h 30min or none",
                        p->options->budget);
    if (p->options->whole > 0 && p->options->whole < FET_BETWEEN_MIN)
        return fet_fail(FET_ERROR_ARG, "--whole %lld: expected 0, or %d to %d", (long long)p->options->whole, (int)FET_BETWEEN_MIN,
                        (int)FET_LESSON_MAX);
    if (p->options->import) return import(p->cli, p->options);
    fet_cli_catch_signals();
    FET_TRY(fet_device_open(&device, &p->device));
    FET_TRY(make_plan(p));
    if (p->options->plan_only) return fet_device_probe_print(p->cli, p->options, p->device, &(fet_device_probed){.plan = p->plan});
    return p->options->export ? export(p) : measure(p);
}

fet_status fet_device_probe(fet_cli *cli, const fet_device_probe_options *options)
{
    probing p = {.cli = cli, .options = options, .started_s = fet_clock_monotonic_s()};
    fet_status status = run(&p);
    fet_kit_plan_destroy(p.plan);
    fet_kit_pool_destroy(p.pool);
    for (uint32_t i = 0; i < FET_CLI_MAX_TEXTS; i++) fet_probe_space_deinit(&p.spaces[i]);
    fet_device_close(p.device);
    return status;
}
