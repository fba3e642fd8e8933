// SPDX-License-Identifier: Apache-2.0
/* A field's text becomes a number, a truth or a choice; the message says file, line, field, value and what was expected. */
#include "base/text.h"
#include "base/yaml_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A finite decimal number at the start of the text; where it ends, NULL when there is none. */
const char *fet_yaml_number(const char *text, double *out)
{
    char *end = NULL;
    if (strspn(text, "+-.0123456789") == 0) return NULL;
    *out = strtod(text, &end);
    bool hexadecimal = memchr(text, 'x', (size_t)(end - text)) || memchr(text, 'X', (size_t)(end - text));
    return end == text || hexadecimal || !isfinite(*out) ? NULL : end;
}

fet_status fet_yaml_real(fet_yaml *yaml, const char *text, const char *path, double otherwise, double low, double high, double *out_value)
{
    double value = otherwise;
    if (text) {
        const char *end = fet_yaml_number(text, &value);
        if (!end || *end) return fet_yaml_fail(yaml, path, "\"%.60s\" is no number: expected %g to %g", text, low, high);
        if (!(value >= low && value <= high)) return fet_yaml_fail(yaml, path, "%s is out of range: expected %g to %g", text, low, high);
    }
    *out_value = value;
    return FET_OK;
}

fet_status fet_yaml_whole(fet_yaml *yaml, const char *text, const char *path, uint64_t otherwise, uint64_t low, uint64_t high,
                          uint64_t *out_value)
{
    uint64_t value = otherwise;
    if (text) {
        size_t digits = strspn(text, "0123456789");
        errno = 0;
        unsigned long long read = strtoull(text, NULL, 10);
        if (digits == 0 || text[digits])
            return fet_yaml_fail(yaml, path, "\"%.60s\" is no whole number: expected %llu to %llu", text, (unsigned long long)low,
                                 (unsigned long long)high);
        if (errno == ERANGE || read < low || read > high)
            return fet_yaml_fail(yaml, path, "%.60s is out of range: expected %llu to %llu", text, (unsigned long long)low,
                                 (unsigned long long)high);
        value = read;
    }
    *out_value = value;
    return FET_OK;
}

fet_status fet_yaml_whole32(fet_yaml *yaml, const char *text, const char *path, uint32_t otherwise, uint32_t low, uint32_t high,
                            uint32_t *out_value)
{
    uint64_t value = 0;
    FET_TRY(fet_yaml_whole(yaml, text, path, otherwise, low, high, &value));
    *out_value = (uint32_t)value;
    return FET_OK;
}

fet_status fet_yaml_bool(fet_yaml *yaml, const char *text, const char *path, bool otherwise, bool *out_value)
{
    static const char *const names[] = {"false", "no", "off", "true", "yes", "on"};
    bool value = otherwise, found = !text;
    for (size_t i = 0; i < 6 && !found; i++)
        if (strcmp(text, names[i]) == 0) value = i >= 3, found = true;
    if (!found) return fet_yaml_fail(yaml, path, "\"%.60s\" is neither yes nor no: expected true or false", text);
    *out_value = value;
    return FET_OK;
}

fet_status fet_yaml_choice(fet_yaml *yaml, const char *text, const char *path, const char *noun, const char *const *names, size_t n,
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
    return fet_yaml_fail(yaml, path, "\"%.60s\" is no %s%s%s%s: expected %s", text, noun, nearest ? ", did you mean \"" : "",
                         nearest ? nearest : "", nearest ? "\"?" : "", list);
}
