// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include "report/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

json_t *fet_report_figure(double value, const char *unit, const char *source, double spread)
{
    json_t *figure =
        json_pack("{s:o, s:o, s:o}", "value", fet_json_number(value), "unit", fet_json_text(unit), "source", fet_json_text(source));
    if (figure && spread > 0 && json_object_set_new(figure, "spread", fet_json_number(spread)) != 0) {
        json_decref(figure);
        return NULL;
    }
    return figure;
}

/* Steps of a unit from small to large: values below `limit` are shown divided by `divisor`. */
typedef struct step {
    double limit, divisor;
    const char *unit;
} step;

static const char *print_scaled(double value, const step *steps, char *text, size_t bytes)
{
    while (fabs(value) >= steps->limit) steps++;
    double shown = value / steps->divisor;
    /* Three significant digits, but never digits cut off in front of the point. */
    int decimals = shown == 0 ? 0 : 2 - (int)floor(log10(fabs(shown)));
    snprintf(text, bytes, "%.*f %s", decimals < 0 ? 0 : decimals > 8 ? 8 : decimals, shown, steps->unit);
    return text;
}

const char *fet_report_number(double value, const char *unit, char *text, size_t bytes)
{
    static const struct {
        const char *unit;
        step steps[4];
    } units[] = {
        {"ms", {{1, 1e-3, "us"}, {INFINITY, 1, "ms"}}},
        {"us", {{INFINITY, 1, "us"}}},
        {"bytes", {{1e3, 1, "B"}, {1e6, 1e3, "KB"}, {1e9, 1e6, "MB"}, {INFINITY, 1e9, "GB"}}},
        {"macs", {{1e3, 1, "MACs"}, {1e6, 1e3, "kMACs"}, {1e9, 1e6, "MMACs"}, {INFINITY, 1e9, "GMACs"}}},
        {"s", {{120, 1, "s"}, {7200, 60, "min"}, {INFINITY, 3600, "h"}}},
    };
    if (!isfinite(value)) {
        snprintf(text, bytes, "-");
        return text;
    }
    if (strcmp(unit, "share") == 0) {
        snprintf(text, bytes, "%.2f %%", value * 100);
        return text;
    }
    for (size_t u = 0; u < sizeof units / sizeof *units; u++)
        if (strcmp(units[u].unit, unit) == 0) return print_scaled(value, units[u].steps, text, bytes);
    const step plain[] = {{INFINITY, 1, unit}};
    return print_scaled(value, plain, text, bytes);
}
