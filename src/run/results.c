// SPDX-License-Identifier: Apache-2.0
/* The last phase: what only the search knows goes into the study as "report_facts" (src/report/schema.md); the report joins it with the
 * trials. */
#include "run/search_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "engine/engine.h"
#include "run/machine.h"
#include "task/compare.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static json_t *figure(double value, const char *unit, const char *source)
{
    if (!isfinite(value)) return json_null();
    return json_pack("{s:f, s:s, s:s}", "value", value, "unit", unit, "source", source);
}

static json_t *figure_spread(double value, const char *unit, const char *source, double spread)
{
    json_t *f = figure(value, unit, source);
    if (json_is_object(f) && !isnan(spread)) json_object_set_new(f, "spread", json_real(spread));
    return f;
}

static json_t *figure_interval(double value, const char *source, double low, double high)
{
    json_t *f = figure(value, "share", source);
    if (json_is_object(f) && !isnan(low)) json_object_set_new(f, "interval", json_pack("[f, f]", low, high));
    return f;
}

/* Whole networks: measured, simulated. */
static const char *whole_source(const fet_search *search)
{
    return fet_cost_source_name(fet_device_source(search->device));
}

/* What the search itself went by. */
static const char *predicted_source(const fet_search *search)
{
    fet_cost_source source = fet_device_source(search->device);
    if (source == FET_COST_SIMULATED || source == FET_COST_ESTIMATED) return fet_cost_source_name(source);
    return search->between.gains ? "kernels + between" : "kernel sum";
}

static const char *precision_label(const fet_search *search)
{
    return fet_job_is_quantised(search->job) ? "int8" : fet_dtype_name(search->job->device.precision);
}

static const char *quality_source(const fet_search *search)
{
    return fet_job_is_quantised(search->job) ? "quantised" : "trained";
}

static void put(json_t *object, const char *name, json_t *value)
{
    if (json_is_null(value)) json_decref(value);
    else json_object_set_new(object, name, value);
}

static bool same_quality(const fet_search *search, const fet_finalist *f)
{
    return f->test_device >= search->finalists[0].test_device - search->job->quality_margin;
}

static fet_status describe(const fet_search *search, const fet_finalist *f, char **out_text)
{
    const fet_space *space = NULL;
    fet_genome genome;
    FET_TRY(fet_workspace_space(search->workspace, f->variant, &space));
    FET_TRY(fet_genome_parse(space, f->genome, &genome));
    return fet_genome_describe(space, &genome, out_text);
}

/* What the interval of either figure cannot say: both saw the same samples, so only those count that one of them gets wrong. */
static fet_comparison comparison_of(const fet_finalist *f)
{
    return fet_compare_counts((uint32_t)f->compared, (uint32_t)f->only_it, (uint32_t)f->only_base);
}

static json_t *against_base_json(const fet_finalist *f)
{
    if (isnan(f->compared)) return json_null();
    fet_comparison c = comparison_of(f);
    return json_pack("{s:f, s:[f, f], s:f, s:i, s:i, s:i}", "difference", c.difference, "interval", c.low, c.high, "p", c.p, "samples",
                     (int)c.n, "only_it", (int)c.only_one, "only_base", (int)c.only_other);
}

static fet_status variant_json(const fet_search *search, const fet_finalist *f, bool block_form, bool width, json_t **out_json)
{
    char *description = NULL;
    FET_TRY(describe(search, f, &description));
    const double *metric = f->cost.metric;
    json_t *v = json_pack("{s:s, s:b, s:b, s:s, s:s, s:s, s:b}", "name", f->variant, "fused_search", block_form, "width_search", width,
                          "genome", f->genome, "description", description, "file", f->file, "same_quality", same_quality(search, f));
    fet_free(description);
    if (!v) return fet_fail(FET_ERROR_NOMEM, "no memory for the results");
    put(v, "latency", figure_spread(f->measured_ms, "ms", whole_source(search), f->measured_spread));
    put(v, "latency_predicted", figure(metric[FET_METRIC_LATENCY], "ms", predicted_source(search)));
    if (search->between.gains) put(v, "latency_between", figure(f->cost.between_ms, "ms", "learned"));
    put(v, "reduction", figure(1.0 - f->measured_ms / search->finalists[0].measured_ms, "share", whole_source(search)));
    put(v, "val", figure(f->val_device, "share", quality_source(search)));
    put(v, "test", figure_interval(f->test, "trained", f->test_low, f->test_high));
    put(v, "test_int8", figure_interval(f->test_device, quality_source(search), f->test_device_low, f->test_device_high));
    put(v, "against_base", against_base_json(f));
    put(v, "params", figure(metric[FET_METRIC_PARAMS], "bytes", "counted"));
    put(v, "peak_memory", figure(metric[FET_METRIC_PEAK_MEMORY], "bytes", "planned"));
    put(v, "macs", figure((double)f->cost.macs, "macs", "counted"));
    *out_json = v;
    return FET_OK;
}

static fet_status variants_json(const fet_search *search, json_t *array)
{
    for (uint32_t r = 0; r < search->n_rows; r++) {
        const fet_finalist *f = &search->finalists[search->rows[r]];
        bool block_form = false, width = false;
        for (uint32_t v = 0; v < search->job->n_variants; v++)
            if (strcmp(search->job->variants[v].name, f->variant) == 0)
                block_form = search->job->variants[v].block_form, width = search->job->variants[v].width;
        json_t *row = NULL;
        FET_TRY(variant_json(search, f, block_form, width, &row));
        json_array_append_new(array, row);
    }
    return FET_OK;
}

/* What is drawn as one bar: the block of the space that a layer stands in; of a template "head" or "stem", what its name begins with; of
 * other networks, whose names tell nothing, all layers of an operator that stand in no block. */
static void bar_of(const fet_space *space, const fet_graph *graph, fet_id anchor, char *bar, size_t bytes)
{
    const fet_node *node = &graph->nodes[anchor];
    if (fet_space_place(space, graph, anchor, bar, bytes)) return;
    const char *end = strchr(node->name, '.');
    if (end && !strchr(node->name, '/')) snprintf(bar, bytes, "%.*s", (int)(end - node->name), node->name);
    else snprintf(bar, bytes, "%s, no block", fet_op_onnx_name(node->op));
}

static fet_status layers_json(const fet_search *search, const fet_finalist *f, json_t *array)
{
    const fet_space *space = NULL;
    fet_genome genome;
    fet_kernels kernels;
    double *kernel_ms = NULL, whole_ms = 0;
    fet_auto(fet_arena) arena = NULL;
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_workspace_space(search->workspace, f->variant, &space));
    FET_TRY(fet_genome_parse(space, f->genome, &genome));
    FET_TRY(fet_space_derive(space, &genome, arena, &graph));
    FET_TRY(fet_kernels_split(graph, fet_device_fusion_rules(search->device), fet_device_precision(search->device), arena, &kernels));
    kernel_ms = fet_arena_zalloc(arena, kernels.count + 1, sizeof *kernel_ms);
    if (!kernel_ms) return fet_arena_full();
    FET_TRY(fet_device_network_latency(search->device, graph, &kernels, arena, kernel_ms, &whole_ms));
    for (uint32_t k = 0; k < kernels.count; k++) {
        const fet_kernel *kernel = &kernels.items[k];
        char key[FET_KERNEL_KEY_TEXT_BYTES], block[64];
        fet_cost cost = {0};
        const char *name = kernel->anchor == FET_NONE ? "input" : graph->nodes[kernel->anchor].name;
        if (kernel_ms[k] <= 0 || !fet_device_lookup(search->device, &kernel->key, &cost)) continue;
        if (kernel->anchor == FET_NONE) snprintf(block, sizeof block, "input");
        else bar_of(space, graph, kernel->anchor, block, sizeof block);
        fet_kernel_key_print(&kernel->key, key, sizeof key);
        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:I, s:f, s:f, s:s}", "name", name, "block", block, "kernel", key, "macs",
                                               (json_int_t)fet_kernel_macs(graph, kernel), "us", kernel_ms[k] * 1e3, "spread", cost.spread,
                                               "source", whole_source(search)));
    }
    return FET_OK;
}

/* What the study does not hold about the searches' trials: cost figures, descriptions, files. */
static fet_status trials_json(const fet_search *search, json_t *array)
{
    for (uint32_t v = 0; v < search->job->n_variants; v++) {
        uint32_t n = 0;
        const fet_series_trial *trials = fet_series_trials(search->series[v], &n);
        for (uint32_t i = 0; i < n; i++) {
            char *description = NULL;
            FET_TRY(fet_genome_describe(search->workspace->spaces[v], &trials[i].genome, &description));
            json_t *t = json_pack("{s:s, s:i, s:s, s:f}", "series", search->job->variants[v].name, "number", (int)i, "description",
                                  description, "violation", trials[i].result.violation);
            fet_free(description);
            json_t *figures = json_object();
            put(figures, "latency", figure(trials[i].cost.metric[FET_METRIC_LATENCY], "ms", predicted_source(search)));
            put(figures, "peak_memory", figure(trials[i].cost.metric[FET_METRIC_PEAK_MEMORY], "bytes", "planned"));
            put(figures, "params", figure(trials[i].cost.metric[FET_METRIC_PARAMS], "bytes", "counted"));
            put(figures, "macs", figure((double)trials[i].cost.macs, "macs", "counted"));
            json_object_set_new(t, "figures", figures);
            json_array_append_new(array, t);
        }
    }
    for (uint32_t i = 0; i < search->n_finalists; i++) {
        const fet_finalist *f = &search->finalists[i];
        char *description = NULL, label[96];
        FET_TRY(describe(search, f, &description));
        snprintf(label, sizeof label, "%s: %s", f->variant, description[0] ? description : "the base");
        fet_free(description);
        json_t *t =
            json_pack("{s:s, s:i, s:s, s:s}", "series", FET_SERIES_FINALISTS, "number", (int)i, "description", label, "file", f->file);
        json_t *figures = json_object();
        put(figures, "latency", figure(f->cost.metric[FET_METRIC_LATENCY], "ms", predicted_source(search)));
        put(figures, "latency_measured", figure_spread(f->measured_ms, "ms", whole_source(search), f->measured_spread));
        put(figures, "peak_memory", figure(f->cost.metric[FET_METRIC_PEAK_MEMORY], "bytes", "planned"));
        put(figures, "params", figure(f->cost.metric[FET_METRIC_PARAMS], "bytes", "counted"));
        json_object_set_new(t, "figures", figures);
        json_array_append_new(array, t);
    }
    return FET_OK;
}

static json_t *objectives_json(const fet_search *search)
{
    const fet_task_ops *task = search->job->task;
    char quality[64];
    snprintf(quality, sizeof quality, "%s on val", task->measure);
    quality[0] = (char)toupper((unsigned char)quality[0]);
    const struct {
        const char *figure, *label;
    } names[] = {[FET_METRIC_QUALITY] = {task->figures[FET_FIGURE_VAL_DEVICE].value, quality},
                 [FET_METRIC_LATENCY] = {"latency", "Latency"},
                 [FET_METRIC_PEAK_MEMORY] = {"peak_memory", "Peak activation memory"},
                 [FET_METRIC_PARAMS] = {"params", "Parameters"}};
    json_t *array = json_array();
    for (uint32_t o = 0; o < search->job->n_objectives; o++) {
        fet_metric metric = search->job->objectives[o];
        const char *more = metric == FET_METRIC_QUALITY                              ? precision_label(search)
                           : metric != FET_METRIC_LATENCY                            ? ""
                           : fet_device_source(search->device) == FET_COST_SIMULATED ? "simulated"
                           : fet_device_source(search->device) == FET_COST_ESTIMATED ? "estimated"
                                                                                     : "sum of kernels";
        char label[128];
        snprintf(label, sizeof label, "%s%s%s", names[metric].label, more[0] ? ", " : "", more);
        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:s}", "figure", names[metric].figure, "label", label, "direction",
                                               metric == FET_METRIC_QUALITY ? "max" : "min", "unit", fet_metric_unit(metric)));
    }
    return array;
}

static json_t *constraints_json(const fet_search *search)
{
    json_t *array = json_array();
    for (uint32_t l = 0; l < search->job->n_limits; l++) {
        const fet_limit *limit = &search->job->limits[l];
        char text[128];
        if (limit->relative) snprintf(text, sizeof text, "%s <= %.4g%% of the base", fet_metric_name(limit->metric), 100 * limit->value);
        else snprintf(text, sizeof text, "%s <= %.6g %s", fet_metric_name(limit->metric), limit->value, fet_metric_unit(limit->metric));
        json_array_append_new(array, json_string(text));
    }
    return array;
}

static json_t *searches_json(const fet_search *search)
{
    json_t *array = json_array();
    for (uint32_t v = 0; v < search->job->n_variants; v++) {
        const fet_variant *variant = &search->job->variants[v];
        bool only_fusing = (search->job->kinds & ~(uint32_t)FET_SPACE_WIDTHS) == FET_SPACE_FUSE;
        const char *forms = only_fusing ? "fused-IBN search" : "search of blocks";
        char label[64];
        snprintf(label, sizeof label, "%s", variant->block_form ? forms : "width search");
        if (variant->block_form && variant->width)
            snprintf(label, sizeof label, "%s", only_fusing ? "fused-IBN and width search" : "search of blocks and widths");
        json_array_append_new(array, json_pack("{s:s, s:s}", "name", variant->name, "label", label));
    }
    return array;
}

static json_t *latency_check_json(const fet_search *search)
{
    json_t *array = json_array();
    /* Only a measurement can check anything. */
    for (uint32_t i = 0; i < search->n_finalists && fet_device_source(search->device) == FET_COST_MEASURED; i++) {
        const fet_finalist *f = &search->finalists[i];
        if (isnan(f->measured_ms)) continue;
        char label[64];
        if (i == 0) snprintf(label, sizeof label, "%s", f->variant);
        else snprintf(label, sizeof label, "%s-%u", f->variant, i);
        json_array_append_new(array, json_pack("{s:s, s:f, s:f, s:f}", "label", label, "predicted_ms", f->cost.metric[FET_METRIC_LATENCY],
                                               "measured_ms", f->measured_ms, "spread", f->measured_spread));
    }
    return array;
}

/* "92.57%, 95% interval 92.04 to 93.07", without the interval where there is none. */
static const char *quality_text(const fet_finalist *f, bool named, char *text, size_t bytes)
{
    int n = snprintf(text, bytes, "%.2f%%", 100 * f->test_device);
    if (!isnan(f->test_device_low) && n > 0 && (size_t)n < bytes)
        snprintf(text + n, bytes - (size_t)n, ", %s%.2f to %.2f", named ? "95% interval " : "", 100 * f->test_device_low,
                 100 * f->test_device_high);
    return text;
}

static void chosen_json(const fet_search *search, json_t *facts)
{
    const fet_finalist *base = &search->finalists[0], *f = &search->finalists[search->chosen];
    const char *measure = search->job->task->measure;
    char text[512], own[96], its[96];
    if (search->chosen == 0) {
        snprintf(text, sizeof text,
                 "No searched network is both faster and within %.1f points of the base's %s on test at %s, so the base stays.",
                 100 * search->job->quality_margin, measure, precision_label(search));
        json_object_set_new(facts, "chosen", json_null());
    } else {
        snprintf(text, sizeof text, "The fastest network whose %s test %s (%s) is within %.1f points of the base's (%s).",
                 precision_label(search), measure, quality_text(f, true, own, sizeof own), 100 * search->job->quality_margin,
                 quality_text(base, false, its, sizeof its));
        json_object_set_new(facts, "chosen", json_string(f->variant));
    }
    json_object_set_new(facts, "base", json_string(FET_SERIES_BASELINE));
    json_object_set_new(facts, "chosen_reason", json_string(text));
}

static json_t *notes_json(const fet_search *search)
{
    json_t *array = json_array();
    for (uint32_t r = 1; r < search->n_rows; r++) {
        const fet_finalist *f = &search->finalists[search->rows[r]];
        char text[384], chance[32];
        if (isnan(f->compared)) continue;
        fet_comparison c = comparison_of(f);
        if (c.p < 0.01) snprintf(chance, sizeof chance, "less than 1%%");
        else snprintf(chance, sizeof chance, "%.0f%%", 100 * c.p);
        snprintf(
            text, sizeof text,
            "%s against the base on the same %u samples of test at %s: %u that it alone gets right, %u that the base alone does, %+.2f "
            "points (95%% interval %+.2f to %+.2f); equally good networks would differ as much in %s of draws.",
            f->variant, c.n, precision_label(search), c.only_one, c.only_other, 100 * c.difference, 100 * c.low, 100 * c.high, chance);
        json_array_append_new(array, json_string(text));
    }
    return array;
}

static void spent_json(const fet_search *search, json_t *facts)
{
    char *text = NULL;
    double wall_s = fet_clock_monotonic_s() - search->started_s;
    if (fet_study_get(search->workspace->study, "wall_s", &text) == FET_OK) wall_s += strtod(text, NULL);
    fet_free(text);
    json_object_set_new(facts, "spent",
                        json_pack("{s:f, s:i, s:f}", "wall_s", wall_s, "cores", (int)fet_pool_n_workers(search->pool), "watts_per_core",
                                  search->job->watts_per_core));
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static fet_status fill(fet_search *search, json_t *facts)
{
    char created[32], title[256];
    time_t now = time(NULL);
    struct tm utc;
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    /* An evaluator has data of its own: then the program names the study. */
    const char *subject = search->job->evaluate.n_words ? search->job->evaluate.command[0] : search->job->data.path;
    if (search->job->evaluate.n_words && search->job->base_onnx) subject = search->job->base_onnx;
    snprintf(title, sizeof title, "%s on %s", last_part(subject), last_part(search->job->device.name));
    json_object_set_new(facts, "title", json_string(title));
    json_object_set_new(facts, "created", json_string(created));
    json_object_set_new(facts, "seed", json_integer((json_int_t)search->job->seed));
    json_object_set_new(facts, "machine", fet_machine_json(fet_device_describe(search->device), precision_label(search)));
    json_object_set_new(facts, "versions", fet_versions_json());
    json_object_set_new(facts, "measure", json_string(search->job->task->measure));
    json_object_set_new(facts, "quantised_label", json_string(precision_label(search)));
    json_object_set_new(facts, "objectives", objectives_json(search));
    json_object_set_new(facts, "constraints", constraints_json(search));
    json_object_set_new(facts, "searches", searches_json(search));
    json_object_set_new(facts, "latency_check", latency_check_json(search));
    chosen_json(search, facts);
    json_object_set_new(facts, "notes", notes_json(search));
    spent_json(search, facts);
    json_t *variants = json_array(), *trials = json_array(), *base_layers = json_array(), *chosen_layers = json_array();
    json_object_set_new(facts, "variants", variants);
    json_object_set_new(facts, "trials", trials);
    json_object_set_new(facts, "layers", json_pack("{s:o, s:o}", "base", base_layers, "chosen", chosen_layers));
    FET_TRY(variants_json(search, variants));
    FET_TRY(trials_json(search, trials));
    FET_TRY(layers_json(search, &search->finalists[0], base_layers));
    return search->chosen ? layers_json(search, &search->finalists[search->chosen], chosen_layers) : FET_OK;
}

fet_status fet_search_phase_report(fet_search *search)
{
    search->phase = "report";
    json_t *facts = json_object();
    if (!facts) return fet_fail(FET_ERROR_NOMEM, "no memory for the results");
    fet_status status = fill(search, facts);
    char *text = status == FET_OK ? json_dumps(facts, JSON_INDENT(1)) : NULL;
    json_decref(facts);
    if (status == FET_OK && !text) status = fet_fail(FET_ERROR_NOMEM, "no memory for the results");
    if (status == FET_OK) status = fet_study_set(search->workspace->study, "report_facts", text);
    free(text); /* jansson's */
    return status;
}
