// SPDX-License-Identifier: Apache-2.0
#include "run/job_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_spaces(const char *text)
{
    return text + strspn(text, " ");
}

fet_status fet_job_real(fet_job_yaml *yaml, const char *text, const char *path, double otherwise, double low, double high,
                        double *out_value)
{
    return fet_yaml_real(&yaml->yaml, text, path, otherwise, low, high, out_value);
}

fet_status fet_job_whole(fet_job_yaml *yaml, const char *text, const char *path, uint64_t otherwise, uint64_t low, uint64_t high,
                         uint64_t *out_value)
{
    return fet_yaml_whole(&yaml->yaml, text, path, otherwise, low, high, out_value);
}

fet_status fet_job_whole32(fet_job_yaml *yaml, const char *text, const char *path, uint32_t otherwise, uint32_t low, uint32_t high,
                           uint32_t *out_value)
{
    return fet_yaml_whole32(&yaml->yaml, text, path, otherwise, low, high, out_value);
}

fet_status fet_job_bool(fet_job_yaml *yaml, const char *text, const char *path, bool otherwise, bool *out_value)
{
    return fet_yaml_bool(&yaml->yaml, text, path, otherwise, out_value);
}

fet_status fet_job_choice(fet_job_yaml *yaml, const char *text, const char *path, const char *noun, const char *const *names, size_t n,
                          size_t otherwise, size_t *out_index)
{
    return fet_yaml_choice(&yaml->yaml, text, path, noun, names, n, otherwise, out_index);
}

/* A unit at the start of the text: a factor, and where it ends. */
typedef struct unit {
    const char *name;
    double factor;
} unit;

static const char *take_unit(const char *text, const unit *units, size_t n, double *out_factor)
{
    size_t bytes = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%");
    for (size_t i = 0; i < n; i++)
        if (strlen(units[i].name) == bytes && memcmp(units[i].name, text, bytes) == 0) {
            *out_factor = units[i].factor;
            return text + bytes;
        }
    return NULL;
}

bool fet_duration_parse(const char *text, double *out_seconds)
{
    static const unit units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"m", 60}, {"d", 86400}};
    double seconds = 0;
    const char *at = strcmp(text, "none") != 0 ? text : "";
    while (at && *at) {
        double value = 0, factor = 0;
        char *end = NULL;
        value = strspn(at, "0123456789.") ? strtod(at, &end) : -1;
        at = value >= 0 && end ? take_unit(skip_spaces(end), units, sizeof units / sizeof *units, &factor) : NULL;
        seconds += value * factor;
        if (at) at = skip_spaces(at);
    }
    *out_seconds = seconds;
    return at && text[0] && seconds >= 0 && seconds < 1e9;
}

fet_status fet_job_duration(fet_job_yaml *yaml, const char *text, const char *path, double *out_seconds)
{
    double seconds = 0;
    if (text && !fet_duration_parse(text, &seconds))
        return fet_job_yaml_fail(yaml, path, "\"%.60s\" is no duration: expected such as 90s, 10min, 1h 30min or none", text);
    *out_seconds = seconds;
    return FET_OK;
}

fet_status fet_job_limit(fet_job_yaml *yaml, const char *text, const char *path, fet_metric metric, fet_limit *out_limit, bool *out_there)
{
    static const unit times[] = {{"%", -1}, {"us", 1e-3}, {"ms", 1}, {"s", 1e3}};
    static const unit sizes[] = {{"%", -1}, {"B", 1}, {"KB", 1e3}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1048576}};
    bool is_time = metric == FET_METRIC_LATENCY;
    *out_there = text != NULL;
    if (!text) return FET_OK;
    const char *at = skip_spaces(text);
    bool less_than_base = *at == '-';
    if (strncmp(at, "<=", 2) == 0) at = skip_spaces(at + 2);
    else if (less_than_base) at++;
    else at = NULL;
    double value = 0, factor = 0;
    char *end = NULL;
    if (at && strspn(at, "0123456789.")) {
        value = strtod(at, &end);
        at = take_unit(skip_spaces(end), is_time ? times : sizes, is_time ? sizeof times / sizeof *times : sizeof sizes / sizeof *sizes,
                       &factor);
    }
    bool relative = factor < 0;
    /* Eight digits, so that a share written as a percentage reads back as the same number. */
    if (relative) value = round((less_than_base ? 100 - value : value) * 1e6) * 1e-8;
    else value *= factor;
    if (!at || *skip_spaces(at) || !(value > 0 && value < 1e15) || (less_than_base && !relative))
        return fet_job_yaml_fail(yaml, path, "\"%.60s\" is no limit: expected such as \"<= 60%%\" of the base, \"-40%%\" or \"<= %s\"",
                                 text, is_time ? "1.5 ms" : "300 KB");
    *out_limit = (fet_limit){.metric = metric, .relative = relative, .value = value};
    return FET_OK;
}

fet_status fet_job_range(fet_job_yaml *yaml, const char *text, const char *path, double low, double high, double *out_low, double *out_high)
{
    char first[64] = "";
    double from = 0, to = 0;
    const char *dots = strstr(text, ".."), *end = NULL;
    if (dots && (size_t)(dots - text) < sizeof first) {
        memcpy(first, text, (size_t)(dots - text));
        end = fet_yaml_number(first, &from);
        end = end && !*end ? fet_yaml_number(dots + 2, &to) : NULL;
    }
    if (!end || *end || !(low <= from && from <= to && to <= high))
        return fet_job_yaml_fail(yaml, path, "\"%.60s\" is no range: expected such as 0.5..1.5 within %g..%g", text, low, high);
    *out_low = from;
    *out_high = to;
    return FET_OK;
}

fet_status fet_job_share(fet_job_yaml *yaml, const char *text, const char *path, double otherwise, double *out_share)
{
    double value = otherwise;
    const char *end = text ? fet_yaml_number(text, &value) : "";
    if (end && *end == '%') end++, value /= 100;
    if (!end || *skip_spaces(end) || !(value >= 0 && value <= 1))
        return fet_job_yaml_fail(yaml, path, "\"%.60s\" is no share: expected such as 0.3%% or 0.003", text);
    *out_share = value;
    return FET_OK;
}
