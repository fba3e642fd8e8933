// SPDX-License-Identifier: Apache-2.0
#include "run/job_value.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A finite decimal number at the start of the text; where it ends, NULL when there is none. */
static const char *number(const char *text, double *out)
{
    char *end = NULL;
    if (strspn(text, "+-.0123456789") == 0) return NULL;
    *out = strtod(text, &end);
    bool hexadecimal = memchr(text, 'x', (size_t)(end - text)) || memchr(text, 'X', (size_t)(end - text));
    return end == text || hexadecimal || !isfinite(*out) ? NULL : end;
}

static const char *skip_spaces(const char *text)
{
    return text + strspn(text, " ");
}

fet_status fet_job_real(fet_job_yaml *yaml, const char *text, const char *path, double otherwise, double low, double high,
                        double *out_value)
{
    double value = otherwise;
    if (text) {
        const char *end = number(text, &value);
        if (!end || *end) return fet_job_yaml_fail(yaml, path, "\"%.60s\" is no number: expected %g to %g", text, low, high);
        if (!(value >= low && value <= high))
            return fet_job_yaml_fail(yaml, path, "%s is out of range: expected %g to %g", text, low, high);
    }
    *out_value = value;
    return FET_OK;
}

fet_status fet_job_whole(fet_job_yaml *yaml, const char *text, const char *path, uint64_t otherwise, uint64_t low, uint64_t high,
                         uint64_t *out_value)
{
    uint64_t value = otherwise;
    if (text) {
        size_t digits = strspn(text, "0123456789");
        errno = 0;
        unsigned long long read = strtoull(text, NULL, 10);
        if (digits == 0 || text[digits])
            return fet_job_yaml_fail(yaml, path, "\"%.60s\" is no whole number: expected %llu to %llu", text, (unsigned long long)low,
                                     (unsigned long long)high);
        if (errno == ERANGE || read < low || read > high)
            return fet_job_yaml_fail(yaml, path, "%.60s is out of range: expected %llu to %llu", text, (unsigned long long)low,
                                     (unsigned long long)high);
        value = read;
    }
    *out_value = value;
    return FET_OK;
}

fet_status fet_job_whole32(fet_job_yaml *yaml, const char *text, const char *path, uint32_t otherwise, uint32_t low, uint32_t high,
                           uint32_t *out_value)
{
    uint64_t value = 0;
    FET_TRY(fet_job_whole(yaml, text, path, otherwise, low, high, &value));
    *out_value = (uint32_t)value;
    return FET_OK;
}

fet_status fet_job_bool(fet_job_yaml *yaml, const char *text, const char *path, bool otherwise, bool *out_value)
{
    static const char *const names[] = {"false", "no", "off", "true", "yes", "on"};
    bool value = otherwise, found = !text;
    for (size_t i = 0; i < 6 && !found; i++)
        if (strcmp(text, names[i]) == 0) value = i >= 3, found = true;
    if (!found) return fet_job_yaml_fail(yaml, path, "\"%.60s\" is neither yes nor no: expected true or false", text);
    *out_value = value;
    return FET_OK;
}

fet_status fet_job_choice(fet_job_yaml *yaml, const char *text, const char *path, const char *noun, const char *const *names, size_t n,
                          size_t otherwise, size_t *out_index)
{
    char list[256] = "";
    size_t used = 0;
    for (size_t i = 0; text && i < n; i++)
        if (strcmp(names[i], text) == 0) {
            *out_index = i;
            return FET_OK;
        }
    if (!text) {
        *out_index = otherwise;
        return FET_OK;
    }
    for (size_t i = 0; i < n && used < sizeof list; i++) {
        int more = snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", names[i]);
        used += more > 0 ? (size_t)more : 0;
    }
    const char *nearest = n > 3 ? fet_text_nearest(text, names, n) : NULL;
    return fet_job_yaml_fail(yaml, path, "\"%.60s\" is no %s%s%s%s: expected %s", text, noun, nearest ? ", did you mean \"" : "",
                             nearest ? nearest : "", nearest ? "\"?" : "", list);
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

fet_status fet_job_duration(fet_job_yaml *yaml, const char *text, const char *path, double *out_seconds)
{
    static const unit units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"m", 60}, {"d", 86400}};
    double seconds = 0;
    const char *at = text && strcmp(text, "none") != 0 ? text : "";
    while (at && *at) {
        double value = 0, factor = 0;
        char *end = NULL;
        value = strspn(at, "0123456789.") ? strtod(at, &end) : -1;
        at = value >= 0 && end ? take_unit(skip_spaces(end), units, sizeof units / sizeof *units, &factor) : NULL;
        seconds += value * factor;
        if (at) at = skip_spaces(at);
    }
    if (!at || (text && !text[0]) || !(seconds >= 0 && seconds < 1e9))
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
        end = number(first, &from);
        end = end && !*end ? number(dots + 2, &to) : NULL;
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
    const char *end = text ? number(text, &value) : "";
    if (end && *end == '%') end++, value /= 100;
    if (!end || *skip_spaces(end) || !(value >= 0 && value <= 1))
        return fet_job_yaml_fail(yaml, path, "\"%.60s\" is no share: expected such as 0.3%% or 0.003", text);
    *out_share = value;
    return FET_OK;
}
