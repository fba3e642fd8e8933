// SPDX-License-Identifier: Apache-2.0
/* fettle device fit: reads what was measured, judges by splits, fits to all of it, writes the file, says what to measure next. */
#include "cli/device_fit.h"

#include "base/alloc.h"
#include "base/file.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/wrap.h"
#include "device/between.h"
#include "device/kit/samples.h"
#include "device/recorded/recorded.h"
#include "estimate/suggest.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What there is to fit to. */
typedef struct data {
    fet_kit_samples samples;
    char device[256];
    fet_dtype precision;
    fet_fusion_rules rules;
    fet_parallelism parallelism;
    uint32_t channel_rounding;
    char between[FET_BETWEEN_TEXT_BYTES]; /* "": none is learned */
    uint32_t bases[FET_ESTIMATE_BASES_MAX], n_bases;
    char of_base[FET_ESTIMATE_BASES_MAX][FET_BETWEEN_TEXT_BYTES];
} data;

static bool ends_in(const char *text, const char *ending)
{
    size_t n = strlen(text), e = strlen(ending);
    return n > e && strcmp(text + n - e, ending) == 0;
}

/* Kernels that somebody recorded: the precision is what most of them are in, the rules are the host's. */
static fet_status read_csv(const char *path, data *d)
{
    fet_recorded_kernel *kernels = NULL;
    uint32_t n = 0, in[FET_DTYPE_BOOL + 1] = {0};
    FET_TRY(fet_recorded_read(path, &kernels, &n));
    for (uint32_t i = 0; i < n; i++) in[kernels[i].key.precision]++;
    for (uint32_t p = 1; p <= FET_DTYPE_BOOL; p++)
        if (in[p] > in[d->precision]) d->precision = (fet_dtype)p;
    fet_status status = FET_OK;
    for (uint32_t i = 0; i < n && status == FET_OK; i++) {
        if (fet_kit_belongs(&kernels[i].key, d->precision))
            status = fet_kit_samples_add(&d->samples, &kernels[i].key, kernels[i].latency_ms, kernels[i].spread);
        else d->samples.others++;
    }
    fet_free(kernels);
    snprintf(d->device, sizeof d->device, "%s", path);
    d->rules = fet_fusion_rules_host;
    return status;
}

static fet_status read_between(const fet_device *device, data *d)
{
    fet_between between;
    char *path = NULL;
    char kind[FET_BETWEEN_KIND_BYTES];
    FET_TRY(fet_device_side_file(device, fet_between_kind(0, kind), &path));
    fet_status status = FET_OK;
    if (path && fet_file_exists(path)) {
        status = fet_between_read(path, fet_device_describe(device), &between);
        if (status == FET_OK) fet_between_print(&between, d->between);
    }
    fet_free(path);
    return status;
}

/* "between-1a2b3c4d" of this device, in `folder`; other files are passed over, and what an estimator has no room for. */
static fet_status read_base(const fet_device *device, const char *folder, const char *name, const char *stem, data *d)
{
    size_t bytes = strlen(stem);
    char *end = NULL, *path = NULL;
    fet_between between;
    if (strncmp(name, stem, bytes) != 0 || d->n_bases == FET_ESTIMATE_BASES_MAX) return FET_OK;
    unsigned long base = strtoul(name + bytes, &end, 16);
    if (end != name + bytes + 8 || *end) return FET_OK;
    FET_TRY(fet_path_join(folder, name, &path));
    fet_status status = fet_between_read(path, fet_device_describe(device), &between);
    fet_free(path);
    FET_TRY(status);
    d->bases[d->n_bases] = (uint32_t)base;
    fet_between_print(&between, d->of_base[d->n_bases++]);
    return FET_OK;
}

/* What was learned of single base networks, in the order of their hashes. */
static fet_status read_bases(const fet_device *device, data *d)
{
    char *path = NULL;
    struct dirent **entries = NULL;
    FET_TRY(fet_device_side_file(device, "between-", &path));
    char *slash = path ? strrchr(path, '/') : NULL;
    if (slash) *slash = '\0';
    int n = slash ? scandir(path, &entries, NULL, alphasort) : 0;
    fet_status status = FET_OK;
    for (int i = 0; i < n; i++) {
        if (status == FET_OK) status = read_base(device, path, entries[i]->d_name, slash + 1, d);
        free(entries[i]); /* scandir's own */
    }
    free(entries);
    fet_free(path);
    return status;
}

static fet_status read_device(const fet_fit_options *options, data *d)
{
    fet_device_options wanted = options->device;
    fet_auto(fet_device) device = NULL;
    wanted.name = options->source;
    FET_TRY(fet_device_open(&wanted, &device));
    FET_TRY(fet_kit_samples_read(device, &d->samples));
    if (d->samples.n == 0)
        return fet_fail(FET_ERROR_NOT_FOUND, "%s has no measured kernels: measure some first (`fettle device probe`, `fettle inspect`)",
                        fet_device_describe(device));
    snprintf(d->device, sizeof d->device, "%s", fet_device_describe(device));
    d->precision = wanted.precision;
    d->rules = *fet_device_fusion_rules(device);
    d->rules.name = "device";
    d->parallelism = fet_device_parallelism(device);
    d->channel_rounding = fet_device_channel_rounding(device);
    FET_TRY(read_between(device, d));
    return read_bases(device, d);
}

/* --- what is printed --- */

static const fet_column COLUMNS[] = {
    {.key = "family", .title = "family"},
    {.key = "kernels", .title = "kernels", .right = true},
    {.key = "within_5", .title = "within 5 %", .right = true, .decimals = 1, .scale = 100},
    {.key = "within_5_sd", .title = "sd", .right = true, .decimals = 1, .scale = 100, .drop = 5},
    {.key = "within_10", .title = "within 10 %", .right = true, .decimals = 1, .scale = 100},
    {.key = "within_10_sd", .title = "sd", .right = true, .decimals = 1, .scale = 100, .drop = 4},
    {.key = "mape", .title = "MAPE, %", .right = true, .decimals = 2, .scale = 100},
    {.key = "mape_sd", .title = "sd", .right = true, .decimals = 2, .scale = 100, .drop = 3},
    {.key = "rmspe", .title = "RMSPE, %", .right = true, .decimals = 2, .scale = 100, .drop = 2},
    {.key = "rmspe_sd", .title = "sd", .json_only = true},
    {.key = "spearman", .title = "Spearman", .right = true, .decimals = 4, .drop = 1},
    {.key = "spearman_sd", .title = "sd", .json_only = true},
    {.key = "covered", .title = "in interval, %", .right = true, .decimals = 1, .scale = 100},
    {.key = "without_model", .title = "without", .json_only = true},
};
enum { N_COLUMNS = sizeof COLUMNS / sizeof COLUMNS[0] };

static void add_scores(fet_table *table, const char *name, const fet_score_splits *s)
{
    fet_table_text(table, name);
    fet_table_number(table, s->n);
    fet_table_number(table, s->mean.within_5);
    fet_table_number(table, s->sd.within_5);
    fet_table_number(table, s->mean.within_10);
    fet_table_number(table, s->sd.within_10);
    fet_table_number(table, s->mean.mape);
    fet_table_number(table, s->sd.mape);
    fet_table_number(table, s->mean.rmspe);
    fet_table_number(table, s->sd.rmspe);
    fet_table_number(table, s->mean.spearman);
    fet_table_number(table, s->sd.spearman);
    fet_table_number(table, s->mean.covered);
    fet_table_number(table, s->without);
}

static fet_status make_table(const fet_scores *scores, fet_table **out_table)
{
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_table_create(COLUMNS, N_COLUMNS, &table));
    for (int f = 0; f < FET_FAMILY_COUNT; f++)
        if (scores->family[f].n) add_scores(table, fet_family_name((fet_family)f), &scores->family[f]);
    add_scores(table, "all", &scores->all);
    *out_table = fet_take(table);
    return FET_OK;
}

typedef struct result {
    const fet_fit_options *options;
    const data *data;
    fet_estimator *estimator;
    fet_scores scores;
    fet_kernel_key *suggested;
    uint32_t n_suggested;
} result;

static json_t *suggested_json(const result *r)
{
    json_t *list = json_array();
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    for (uint32_t i = 0; i < r->n_suggested; i++)
        json_array_append_new(list, json_string(fet_kernel_key_print(&r->suggested[i], text, sizeof text)));
    return list;
}

static fet_status print_json(const fet_cli *cli, const result *r, const fet_table *table)
{
    json_t *list = NULL;
    FET_TRY(fet_table_json(table, &list));
    json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:f, s:s, s:s?, s:s?, s:o, s:o}", "device", r->data->device, "precision",
                             fet_dtype_name(r->data->precision), "kernels", (json_int_t)r->data->samples.n, "splits",
                             (json_int_t)r->options->splits, "coverage", r->options->coverage, "outside", r->options->outside, "prior",
                             r->options->prior, "output", r->options->output, "families", list, "suggested", suggested_json(r));
    return root ? fet_cli_print_json(cli, root) : fet_fail(FET_ERROR_NOMEM, "no memory for JSON");
}

static fet_status print_text(const fet_cli *cli, const result *r, const fet_table *table)
{
    const data *d = r->data;
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    if (r->options->suggest) { /* for another program: nothing but keys */
        for (uint32_t i = 0; i < r->n_suggested; i++) fprintf(cli->out, "%s\n", fet_kernel_key_print(&r->suggested[i], text, sizeof text));
        return FET_OK;
    }
    FET_TRY(fet_table_print(table, cli));
    fputc('\n', cli->out);
    fet_cli_wrap(cli, 0,
                 "%zu kernels of %s, %s; errors on kernels that were left out: mean and standard deviation over %lld splits, 80 %% fitted, "
                 "20 %% judged.",
                 d->samples.n, d->device, fet_dtype_name(d->precision), (long long)r->options->splits);
    if (d->samples.others) fet_cli_wrap(cli, 0, "Left out: %u kernels in other precisions.", d->samples.others);
    if (r->scores.all.without)
        fet_cli_wrap(cli, 0, "%u estimates were not possible: their family had fewer than %d kernels to fit to.", r->scores.all.without,
                     FET_ESTIMATE_MIN);
    if (d->between[0]) fet_cli_wrap(cli, 0, "What was learned to stand between its kernels is kept in the file.");
    if (r->options->output)
        fet_cli_wrap(cli, 0, "Wrote %s: give it wherever a device is named, as in `fettle inspect MODEL --device %s`.", r->options->output,
                     r->options->output);
    return FET_OK;
}

/* --- the work --- */

static bool on_split(void *progress, size_t done, size_t total)
{
    fet_progress_show(progress, done, total, "");
    return !fet_cli_interrupted();
}

static fet_estimator_options estimator_options(const fet_fit_options *options, const data *d, const fet_estimator *prior)
{
    fet_estimator_options o = fet_estimator_default_options();
    o.device = d->device;
    o.rules = &d->rules;
    o.precision = d->precision;
    o.parallelism = d->parallelism;
    o.channel_rounding = d->channel_rounding;
    o.prior = prior;
    o.outside = strcmp(options->outside, "widen") == 0 ? FET_ESTIMATE_WIDEN : FET_ESTIMATE_REFUSE;
    o.coverage = options->coverage;
    o.seed = (uint64_t)options->seed;
    return o;
}

static fet_status judge_and_fit(fet_cli *cli, const data *d, const fet_estimator *prior, result *r)
{
    const fet_fit_options *options = r->options;
    fet_estimator_options o = estimator_options(options, d, prior);
    fet_progress progress;
    fet_progress_begin(&progress, cli, "fitting");
    fet_status status = fet_score_by_splits(&o, d->samples.items, d->samples.n, (uint32_t)options->splits, on_split, &progress, &r->scores);
    if (status == FET_OK) status = fet_estimator_fit(&o, d->samples.items, d->samples.n, &r->estimator);
    fet_progress_end(&progress);
    FET_TRY(status);
    if (d->between[0]) FET_TRY(fet_estimator_set_between(r->estimator, d->between));
    for (uint32_t i = 0; i < d->n_bases; i++) FET_TRY(fet_estimator_add_base(r->estimator, d->bases[i], d->of_base[i]));
    if (options->output) FET_TRY(fet_estimator_write(r->estimator, options->output));
    if (options->plot) FET_TRY(fet_device_fit_plot(options->plot, d->device, &r->scores));
    if (options->suggest == 0) return FET_OK;
    FET_TRY(fet_alloc_zeroed((size_t)options->suggest, sizeof *r->suggested, "kernels", &r->suggested));
    return fet_estimate_suggest(r->estimator, d->samples.items, d->samples.n, (uint32_t)options->suggest, o.seed, r->suggested,
                                &r->n_suggested);
}

static fet_status run(fet_cli *cli, const data *d, const fet_estimator *prior, result *r)
{
    fet_auto(fet_table) table = NULL;
    FET_TRY(judge_and_fit(cli, d, prior, r));
    FET_TRY(make_table(&r->scores, &table));
    return r->options->json ? print_json(cli, r, table) : print_text(cli, r, table);
}

static fet_status check(const fet_fit_options *options)
{
    if (!options->output && !options->suggest)
        return fet_fail(FET_ERROR_ARG, "device fit: expected --output FILE.estimate, or --suggest N");
    if (options->output && !ends_in(options->output, ".estimate"))
        return fet_fail(FET_ERROR_ARG,
                        "device fit: --output \"%.80s\": expected a name that ends in .estimate, by which it is known as a device",
                        options->output);
    return FET_OK;
}

fet_status fet_device_fit(fet_cli *cli, const fet_fit_options *options)
{
    data d = {.precision = FET_DTYPE_NONE};
    result r = {.options = options, .data = &d};
    fet_auto(fet_estimator) prior = NULL;
    FET_TRY(check(options));
    fet_cli_catch_signals();
    if (options->prior) FET_TRY(fet_estimator_read(options->prior, &prior));
    fet_status status = ends_in(options->source, ".csv") ? read_csv(options->source, &d) : read_device(options, &d);
    if (status == FET_OK) status = run(cli, &d, prior, &r);
    fet_kit_samples_clear(&d.samples);
    fet_free(r.suggested);
    fet_scores_clear(&r.scores);
    fet_estimator_destroy(r.estimator);
    return status;
}

/* --- an estimator's file, shown --- */

fet_status fet_device_show_estimate(fet_cli *cli, const char *path, bool json)
{
    static const fet_column columns[] = {{.key = "family", .title = "family"},
                                         {.key = "kernels", .title = "kernels", .right = true},
                                         {.key = "baseline", .title = "baseline"},
                                         {.key = "trees", .title = "trees"}};
    fet_auto(fet_estimator) e = NULL;
    fet_auto(fet_table) table = NULL;
    json_t *list = NULL;
    FET_TRY(fet_estimator_read(path, &e));
    FET_TRY(fet_table_create(columns, sizeof columns / sizeof *columns, &table));
    for (uint32_t f = 0; f < FET_ESTIMATOR_FAMILIES; f++) {
        fet_estimator_family family;
        if (!fet_estimator_family_of(e, f, &family)) continue;
        fet_table_text(table, family.name);
        fet_table_number(table, family.kernels);
        fet_table_text(table, family.scales_prior ? "prior, scaled" : "roofline");
        fet_table_text(table, family.has_trees ? "yes" : "no");
    }
    fet_parallelism p = fet_estimator_parallelism(e);
    if (json) {
        FET_TRY(fet_table_json(table, &list));
        return fet_cli_print_json(cli,
                                  json_pack("{s:s, s:s, s:s, s:s, s:I, s:f, s:o}", "file", path, "kind", "estimated", "device",
                                            fet_estimator_device(e), "precision", fet_dtype_name(fet_estimator_precision(e)), "kernels",
                                            (json_int_t)fet_estimator_count(e), "coverage", fet_estimator_coverage(e), "families", list));
    }
    FET_TRY(fet_table_print(table, cli));
    fputc('\n', cli->out);
    fet_cli_wrap(cli, 0,
                 "%s: an estimated device, in order: %s, from %u kernels of %s; %u output, %u input channels; intervals hold %g %%%s.",
                 path, fet_dtype_name(fet_estimator_precision(e)), fet_estimator_count(e), fet_estimator_device(e), p.out_channels,
                 p.in_channels, 100 * fet_estimator_coverage(e), fet_estimator_between(e)[0] ? "; with what stands between kernels" : "");
    return FET_OK;
}
