// SPDX-License-Identifier: Apache-2.0
#include "cli/device_again.h"

#include "base/alloc.h"
#include "cli/progress.h"

#include <math.h>

static const char *const fates[] = {"left", "open", "confirmed", "replaced"};

void fet_device_again_clear(fet_device_again *again)
{
    fet_kit_suspects_clear(&again->suspects);
    fet_free(again->fates);
    *again = (fet_device_again){.known = 0};
}

static bool on_progress(void *context, size_t done, size_t total)
{
    fet_progress_show(context, done, total, "");
    return !fet_cli_interrupted();
}

static fet_status find(fet_cli *cli, const fet_device *device, int64_t most, uint64_t seed, fet_device_again *again)
{
    fet_estimator_options options = fet_kit_estimator_options(device);
    fet_progress progress;
    fet_kernel_key key;
    fet_cost cost;
    options.seed = seed;
    while (fet_device_known(device, again->known, &key, &cost)) again->known++;
    fet_progress_begin(&progress, cli, "looking for doubtful kernels");
    fet_status status =
        fet_kit_find_suspects(device, &options, most < 0 ? again->known : (uint32_t)most, on_progress, &progress, &again->suspects);
    fet_progress_end(&progress);
    FET_TRY(status);
    return fet_alloc_zeroed((size_t)again->suspects.n + 1, sizeof *again->fates, "kernels", &again->fates);
}

fet_status fet_device_measure_again(fet_cli *cli, fet_device *device, int64_t most, double budget_s, uint64_t seed,
                                    fet_device_again *out_again)
{
    fet_kit_again_options options = fet_kit_again_default_options();
    fet_progress progress;
    if (most == 0) return FET_OK;
    fet_status status = find(cli, device, most, seed, out_again);
    if (status == FET_ERROR_STATE && fet_cli_interrupted()) {
        out_again->result.outcome = FET_KIT_STOPPED;
        fet_error_clear();
        return FET_OK;
    }
    FET_TRY(status);
    options.budget_s = budget_s, options.seed = seed;
    fet_progress_begin(&progress, cli, "measuring kernels again");
    status = fet_kit_measure_again(device, &out_again->suspects, &options, on_progress, &progress, out_again->fates, &out_again->result);
    fet_progress_end(&progress);
    return status;
}

void fet_device_again_print(const fet_cli *cli, const fet_device_again *again)
{
    const fet_kit_again *r = &again->result;
    uint32_t reasons[FET_KIT_DOUBTS] = {0};
    bool first = true;
    char duration[FET_DURATION_TEXT_BYTES];
    for (uint32_t i = 0; i < again->suspects.n; i++) reasons[again->suspects.items[i].reason]++;
    if (again->known == 0) return;
    fprintf(cli->out, "%u of %u known kernels are to be measured again", again->suspects.n, again->known);
    for (int d = 0; d < FET_KIT_DOUBTS; d++) {
        if (reasons[d] == 0) continue;
        fprintf(cli->out, "%s%u: %s", first ? " (" : ", ", reasons[d], fet_kit_doubt_name((fet_kit_doubt)d));
        first = false;
    }
    fprintf(cli->out, "%s\n", first ? "" : ")");
    if (r->groups == 0) return;
    fprintf(cli->out, "measured again in %s: %u confirmed, %u replaced (%u quicker, %u slower), %u without two that agree, %u left\n",
            fet_duration_print(r->seconds, duration, sizeof duration), r->fates[FET_KIT_CONFIRMED], r->fates[FET_KIT_REPLACED], r->quicker,
            r->slower, r->fates[FET_KIT_OPEN], r->fates[FET_KIT_LEFT]);
    fprintf(cli->out,
            "beside them %u measurements of anchors, %u of them more than 5%% from their figure; %u of %u groups dropped, as anchors were "
            "slow\n",
            r->anchor_visits, r->anchors_moved, r->dropped, r->groups);
}

static json_t *suspects_json(const fet_device *device, const fet_device_again *again)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < again->suspects.n; i++) {
        const fet_kit_suspect *s = &again->suspects.items[i];
        char text[FET_KERNEL_KEY_TEXT_BYTES];
        fet_cost now = {.latency_ms = (double)NAN};
        (void)fet_device_lookup(device, &s->key, &now);
        json_t *one = json_pack("{s:s, s:s, s:f, s:f, s:f, s:s}", "kernel", fet_kernel_key_print(&s->key, text, sizeof text), "reason",
                                fet_kit_doubt_name(s->reason), "doubt", s->doubt, "before_ms", s->latency_ms, "now_ms", now.latency_ms,
                                "fate", fates[again->fates[i]]);
        json_object_set_new(one, "predicted_ms", isnan(s->predicted_ms) ? json_null() : json_real(s->predicted_ms));
        json_array_append_new(list, one);
    }
    return list;
}

json_t *fet_device_again_json(const fet_device *device, const fet_device_again *again)
{
    const fet_kit_again *r = &again->result;
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:s, s:o}", "known", (int)again->known, "confirmed",
                     (int)r->fates[FET_KIT_CONFIRMED], "replaced", (int)r->fates[FET_KIT_REPLACED], "quicker", (int)r->quicker, "slower",
                     (int)r->slower, "open", (int)r->fates[FET_KIT_OPEN], "left", (int)r->fates[FET_KIT_LEFT], "groups", (int)r->groups,
                     "dropped", (int)r->dropped, "anchors", (int)r->anchor_visits, "anchors_moved", (int)r->anchors_moved, "seconds",
                     r->seconds, "outcome", fet_kit_outcome_name(r->outcome), "kernels", suspects_json(device, again));
}
