// SPDX-License-Identifier: Apache-2.0
/* The picture of a comparison: a line a device over the swept field (logarithmic both ways), or a bar a device. Written by hand: a few
 * hundred bytes of SVG. */
#include "cli/device_compare.h"
#include "cli/device_draw.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 860, HEIGHT = 480, LEFT = 80, RIGHT = 190, TOP = 50, BOTTOM = 60, BAR = 28 };

static const char *const colours[] = {"#1b6ca8", "#d1495b", "#3a7d44", "#8e5ea2", "#c77d11", "#2a9d8f",
                                      "#6b705c", "#e07a5f", "#3d405b", "#b5179e", "#577590", "#ad2e24"};
enum { N_COLOURS = sizeof colours / sizeof *colours };

/* 1, 2, 5 times powers of ten within the range. */
static double next_tick(double value)
{
    double power = pow(10, floor(log10(value) + 1e-9)), digit = value / power;
    return digit < 1.5 ? 2 * power : digit < 3 ? 5 * power : 10 * power;
}

static const char *value_text(double value, char text[32])
{
    if (value >= 1048576 && fmod(value, 1048576) == 0) snprintf(text, 32, "%gM", value / 1048576);
    else if (value >= 1024 && fmod(value, 1024) == 0) snprintf(text, 32, "%gK", value / 1024);
    else snprintf(text, 32, "%.4g", value);
    return text;
}

typedef struct axes {
    double low_x, high_x, low_y, high_y;
} axes;

static double at_x(const axes *a, double v)
{
    double span = log(a->high_x / a->low_x);
    return LEFT + (WIDTH - LEFT - RIGHT) * (span > 0 ? log(v / a->low_x) / span : 0.5);
}

static double at_y(const axes *a, double v)
{
    double span = log(a->high_y / a->low_y);
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (span > 0 ? log(v / a->low_y) / span : 0.5);
}

static void put_axes(FILE *out, const axes *a, const char *field, const fet_compare_row *rows, uint32_t n)
{
    double power = pow(10, floor(log10(a->low_y)));
    for (double tick = power; tick <= a->high_y * 1.0001; tick = next_tick(tick)) {
        if (tick < a->low_y * 0.9999) continue;
        fprintf(out, "<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' stroke='#ddd'/><text x='%d' y='%.1f' text-anchor='end'>%g</text>\n", LEFT,
                WIDTH - RIGHT, at_y(a, tick), at_y(a, tick), LEFT - 8, at_y(a, tick) + 4, tick);
    }
    for (uint32_t i = 0; i < n && strcmp(rows[i].device, rows[0].device) == 0; i++) {
        char text[32];
        fprintf(out, "<text x='%.1f' y='%d' text-anchor='middle'>%s</text>\n", at_x(a, rows[i].value), HEIGHT - BOTTOM + 20,
                value_text(rows[i].value, text));
    }
    fprintf(out, "<text x='%d' y='%d' text-anchor='middle'>%s</text><text x='%d' y='%d'>latency, ms</text>\n", (LEFT + WIDTH - RIGHT) / 2,
            HEIGHT - 14, field, LEFT - 60, TOP - 12);
}

static void put_lines(FILE *out, const char *field, const fet_compare_row *rows, uint32_t n)
{
    axes a = {INFINITY, 0, INFINITY, 0};
    for (uint32_t i = 0; i < n; i++) {
        a.low_x = fmin(a.low_x, rows[i].value), a.high_x = fmax(a.high_x, rows[i].value);
        if (!rows[i].note[0]) a.low_y = fmin(a.low_y, rows[i].latency_ms), a.high_y = fmax(a.high_y, rows[i].latency_ms);
    }
    if (a.high_y <= 0) return;
    a.low_y *= 0.8, a.high_y *= 1.2;
    put_axes(out, &a, field, rows, n);
    for (uint32_t i = 0, device = 0; i < n; device++) {
        uint32_t first = i;
        const char *colour = colours[device % N_COLOURS];
        fprintf(out, "<polyline fill='none' stroke-width='2' stroke='%s' points='", colour);
        double last_y = -1;
        for (; i < n && strcmp(rows[i].device, rows[first].device) == 0; i++)
            if (!rows[i].note[0]) fprintf(out, "%.1f,%.1f ", at_x(&a, rows[i].value), last_y = at_y(&a, rows[i].latency_ms));
        fprintf(out, "'/>\n");
        if (last_y < 0) continue;
        fprintf(out, "<text x='%d' y='%.1f' fill='%s'>", WIDTH - RIGHT + 10, last_y + 4, colour);
        fet_device_draw_text(out, rows[first].device);
        fprintf(out, "</text>\n");
    }
}

static void put_bars(FILE *out, const fet_compare_row *rows, uint32_t n)
{
    double most = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!rows[i].note[0]) most = fmax(most, rows[i].latency_ms);
    for (uint32_t i = 0; i < n; i++) {
        int y = TOP + (int)i * BAR;
        fprintf(out, "<text x='150' y='%d' text-anchor='end'>", y + 16);
        fet_device_draw_text(out, rows[i].device);
        double width = rows[i].note[0] || most <= 0 ? 0 : (WIDTH - 300) * rows[i].latency_ms / most;
        fprintf(out, "</text><rect x='160' y='%d' width='%.1f' height='%d' fill='%s'/><text x='%.1f' y='%d'>", y + 2, width, BAR - 8,
                colours[i % N_COLOURS], 168 + width, y + 16);
        if (rows[i].note[0]) fprintf(out, "no result</text>\n");
        else fprintf(out, "%.4g ms, %s</text>\n", rows[i].latency_ms, fet_sim_bound_name(rows[i].bound));
    }
}

typedef struct comparison {
    const char *field;
    const fet_compare_row *rows;
    uint32_t n;
} comparison;

static void put(FILE *out, const void *context)
{
    const comparison *c = context;
    if (c->field) put_lines(out, c->field, c->rows, c->n);
    else put_bars(out, c->rows, c->n);
}

fet_status fet_device_plot(const char *path, const char *title, const char *field, const fet_compare_row *rows, uint32_t n)
{
    const comparison c = {.field = field, .rows = rows, .n = n};
    return fet_device_draw(path, title, WIDTH, field ? HEIGHT : TOP + (int)n * BAR + 20, put, &c);
}
