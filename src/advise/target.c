// SPDX-License-Identifier: Apache-2.0
#include "advise/target.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    bool is_time;
    double factor; /* to ms or bytes */
} units[] = {{"ms", true, 1},    {"us", true, 1e-3}, {"s", true, 1e3},   {"B", false, 1},      {"KB", false, 1e3},
             {"kB", false, 1e3}, {"MB", false, 1e6}, {"GB", false, 1e9}, {"KiB", false, 1024}, {"MiB", false, 1048576}};

static fet_status fail_value(const char *text)
{
    return fet_fail(FET_ERROR_ARG, "target \"%s\": expected -40%% (less than now), 60%% (of now), or an amount such as 1.5ms, 300KB", text);
}

static fet_status parse_value(const char *value, fet_target *target)
{
    char *end = NULL;
    double number = strtod(value, &end);
    if (end == value || !isfinite(number)) return fail_value(target->text);
    while (*end == ' ') end++;
    if (strcmp(end, "%") == 0) {
        target->relative = true;
        target->value = number < 0 ? 1 + number / 100 : number / 100;
        return target->value > 0 && target->value < 1e6 ? FET_OK : fail_value(target->text);
    }
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        if (strcmp(units[u].text, end) != 0 || units[u].is_time != (target->metric == FET_METRIC_LATENCY)) continue;
        target->value = number * units[u].factor;
        return target->value > 0 ? FET_OK : fail_value(target->text);
    }
    return fail_value(target->text);
}

static fet_status parse_one(char *part, fet_target *target)
{
    const char *names[FET_METRIC_COUNT];
    char *equals = strpbrk(part, "=<");
    if (!equals) return fet_fail(FET_ERROR_ARG, "target \"%s\": expected NAME=VALUE, as in latency=-40%%", part);
    size_t length = (size_t)(equals - part), skip = strspn(equals, "=<");
    uint32_t n = 0, found = FET_METRIC_COUNT;
    for (uint32_t m = 0; m < FET_METRIC_COUNT; m++) {
        if (m == FET_METRIC_QUALITY) continue;
        names[n++] = fet_metric_name((fet_metric)m);
        if (strlen(names[n - 1]) == length && strncmp(names[n - 1], part, length) == 0) found = m;
    }
    if (found == FET_METRIC_COUNT) {
        char saved = *equals;
        *equals = '\0';
        const char *near = fet_text_nearest(part, names, n);
        fet_status status = fet_fail(FET_ERROR_ARG, "target \"%s\": expected latency, peak_memory or params%s%s%s", part,
                                     near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
        *equals = saved;
        return status;
    }
    target->metric = (fet_metric)found;
    return parse_value(equals + skip, target);
}

fet_status fet_targets_parse(const char *text, fet_arena *arena, fet_targets *out_targets)
{
    fet_targets targets = {0};
    char *rest = text ? fet_arena_strdup(arena, text) : NULL, *part;
    if (text && !rest) return fet_arena_full();
    while (rest && (part = strsep(&rest, ","))) {
        if (targets.count == FET_MAX_TARGETS) return fet_fail(FET_ERROR_ARG, "more than %d targets: %s", FET_MAX_TARGETS, text);
        fet_target *target = &targets.items[targets.count++];
        while (*part == ' ') part++;
        target->text = part;
        FET_TRY(parse_one(part, target));
    }
    *out_targets = targets;
    return FET_OK;
}
