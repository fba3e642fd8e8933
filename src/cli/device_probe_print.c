// SPDX-License-Identifier: Apache-2.0
/* What `fettle device probe` planned, measured and learned, for people and as JSON. */
#include "cli/device_probe.h"

#include "base/median.h"
#include "cli/progress.h"
#include "cli/table.h"

#include <math.h>
#include <string.h>

static const char *const reasons[] = {"asked", "network", "sweep"};

static fet_status make_table(const fet_device *device, const fet_kit_plan *plan, fet_table **out_table)
{
    static const fet_column columns[] = {{.key = "family", .title = "kernel family"},
                                         {.key = "pool", .title = "in networks", .right = true},
                                         {.key = "planned", .title = "planned", .right = true},
                                         {.key = "swept", .title = "and around them", .right = true},
                                         {.key = "known", .title = "known", .right = true}};
    fet_auto(fet_table) table = NULL;
    FET_TRY(fet_table_create(columns, sizeof columns / sizeof *columns, &table));
    for (uint32_t f = 0; f < plan->n_families; f++) {
        uint32_t known = 0;
        fet_cost cost;
        for (uint32_t i = 0; i < plan->n; i++) known += plan->items[i].family == f && fet_device_lookup(device, &plan->items[i].key, &cost);
        fet_table_text(table, plan->families[f].name);
        fet_table_number(table, plan->families[f].pool);
        fet_table_number(table, plan->families[f].planned);
        fet_table_number(table, plan->families[f].swept);
        fet_table_number(table, known);
    }
    *out_table = fet_take(table);
    return FET_OK;
}

static json_t *kernels_json(const fet_device *device, const fet_kit_plan *plan)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < plan->n; i++) {
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        const fet_kit_item *item = &plan->items[i];
        fet_cost cost;
        bool known = fet_device_lookup(device, &item->key, &cost);
        json_t *one = json_pack("{s:s, s:s, s:s, s:i}", "kernel", fet_kernel_key_print(&item->key, text, sizeof text), "family",
                                plan->families[item->family].name, "reason", reasons[item->reason], "count", (int)item->count);
        json_object_set_new(one, "latency_ms", known ? json_real(cost.latency_ms) : json_null());
        json_object_set_new(one, "spread", known ? json_real(cost.spread) : json_null());
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *lesson_json(const fet_lesson *lesson)
{
    json_t *networks = json_array();
    for (uint32_t i = 0; i < lesson->n; i++)
        json_array_append_new(networks, json_pack("{s:f, s:f, s:f, s:f}", "whole_ms", lesson->samples[i].whole_ms, "spread",
                                                  lesson->spread[i], "kernels_ms", lesson->samples[i].sum_ms, "between_ms",
                                                  fet_between_ms(&lesson->between, lesson->samples[i].terms)));
    json_t *bases = json_array();
    for (uint32_t s = 0; s < lesson->n_spaces; s++) {
        char base[16];
        snprintf(base, sizeof base, "%08x", (unsigned)(lesson->space[s].base & 0xffffffffu));
        json_array_append_new(bases, json_pack("{s:s, s:i, s:f, s:f}", "base", base, "networks", (int)lesson->space[s].n, "error_before",
                                               lesson->space[s].between.error_before, "error_after", lesson->space[s].between.error_after));
    }
    const double *ms = lesson->between.weight_ms;
    return json_pack("{s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "kept", lesson->between.gains, "ms_a_kernel",
                     ms[FET_BETWEEN_KERNELS], "ms_a_weight_byte", ms[FET_BETWEEN_WEIGHTS], "ms_a_weight_byte_beyond",
                     ms[FET_BETWEEN_WEIGHTS_BEYOND], "ms_a_map_byte", ms[FET_BETWEEN_MAPS], "ms_a_map_byte_beyond",
                     ms[FET_BETWEEN_MAPS_BEYOND], "error_before", lesson->between.error_before, "error_after", lesson->between.error_after,
                     "networks", networks, "bases", bases);
}

static fet_status print_json(fet_cli *cli, const fet_device *device, const fet_device_probed *probed, const fet_table *table)
{
    const fet_kit_plan *plan = probed->plan;
    const fet_kit_result *result = probed->result;
    json_t *families = NULL;
    FET_TRY(fet_table_json(table, &families));
    json_t *value = json_pack("{s:s, s:i, s:i, s:o, s:o}", "device", fet_device_describe(device), "planned", (int)plan->n, "known",
                              (int)fet_kit_count_known(device, plan), "families", families, "kernels", kernels_json(device, plan));
    if (value && result) {
        json_object_set_new(value, "known_before", json_integer(result->known));
        json_object_set_new(value, "measured", json_integer(result->measured));
        json_object_set_new(value, "failed", json_integer(result->failed));
        json_object_set_new(value, "left", json_integer(result->left));
        json_object_set_new(value, "seconds", json_real(result->seconds));
        json_object_set_new(value, "outcome", json_string(fet_kit_outcome_name(result->outcome)));
    }
    if (value && probed->again) json_object_set_new(value, "again", fet_device_again_json(device, probed->again));
    if (value && probed->once_more) json_object_set_new(value, "once_more", fet_device_again_json(device, probed->once_more));
    if (value && probed->adapted) {
        json_t *adapted = NULL;
        FET_TRY(fet_device_adapt_json(probed->adapted, &adapted));
        json_object_set_new(value, "adapted", adapted);
    }
    if (value && probed->lesson) json_object_set_new(value, "between", lesson_json(probed->lesson));
    return value ? fet_cli_print_json(cli, value) : fet_fail(FET_ERROR_NOMEM, "no memory for JSON");
}

static void print_result(const fet_cli *cli, const fet_kit_result *result)
{
    char duration[FET_DURATION_TEXT_BYTES];
    static const char *const ends[] = {"", "; the time is up, the same command goes on here", "; stopped, the same command goes on here"};
    fprintf(cli->out, "%u measured in %s, %u were known before, %u are left%s\n", result->measured,
            fet_duration_print(result->seconds, duration, sizeof duration), result->known, result->left, ends[result->outcome]);
    if (result->failed) fprintf(cli->out, "%u cannot be measured: %s\n", result->failed, result->failure);
}

static double median_spread(const fet_lesson *lesson)
{
    double sorted[FET_LESSON_MAX];
    memcpy(sorted, lesson->spread, sizeof sorted);
    return fet_median(sorted, lesson->n);
}

static void print_lesson(const fet_cli *cli, const fet_lesson *lesson)
{
    const fet_between *b = &lesson->between;
    fprintf(cli->out,
            "%u networks measured whole (spread %.1f%%): the sum of their kernels is off by %.1f%%, with what is learned to stand between "
            "them by %.1f%%, on networks left out (medians)%s\n",
            lesson->n, 100 * median_spread(lesson), 100 * b->error_before, 100 * b->error_after, b->gains ? "" : "; not kept");
    const double *ms = b->weight_ms;
    if (b->gains)
        fprintf(cli->out,
                "between: %.0f ns a kernel; a KB of weights %.2f ns, beyond the second-level cache %.2f more; a KB handed over in maps "
                "%.2f ns, of each beyond the first-level cache %.2f\n",
                1e6 * ms[FET_BETWEEN_KERNELS], 1.024e9 * ms[FET_BETWEEN_WEIGHTS], 1.024e9 * ms[FET_BETWEEN_WEIGHTS_BEYOND],
                1.024e9 * ms[FET_BETWEEN_MAPS], 1.024e9 * ms[FET_BETWEEN_MAPS_BEYOND]);
    fprintf(cli->out, "error where it is learned of one space alone (networks):");
    for (uint32_t i = 0; i < lesson->n_spaces; i++) {
        if (lesson->space[i].n < FET_BETWEEN_MIN) fprintf(cli->out, " - (%u)", lesson->space[i].n);
        else fprintf(cli->out, " %.1f%% (%u)", 100 * lesson->space[i].between.error_after, lesson->space[i].n);
    }
    fputc('\n', cli->out);
}

fet_status fet_device_probe_print(fet_cli *cli, const fet_device_probe_options *options, const fet_device *device,
                                  const fet_device_probed *probed)
{
    fet_auto(fet_table) table = NULL;
    const fet_kit_plan *plan = probed->plan;
    FET_TRY(make_table(device, plan, &table));
    if (options->json) return print_json(cli, device, probed, table);
    if (plan->n) FET_TRY(fet_table_print(table, cli));
    if (plan->n)
        fprintf(cli->out, "\n%s: %u kernels planned, %u known\n", fet_device_describe(device), plan->n, fet_kit_count_known(device, plan));
    if (plan->n && probed->result) print_result(cli, probed->result);
    if (probed->again) fet_device_again_print(cli, probed->again);
    if (probed->adapted) FET_TRY(fet_device_adapt_print(cli, probed->adapted));
    if (probed->once_more) fet_device_again_print(cli, probed->once_more);
    if (probed->lesson) print_lesson(cli, probed->lesson);
    return FET_OK;
}
