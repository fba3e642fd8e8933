// SPDX-License-Identifier: Apache-2.0
/* Estimated over measured latency, both logarithmic: a dot a kernel that was not fitted to, between lines at 10 % more and less. */
#include "cli/device_draw.h"
#include "cli/device_fit.h"

#include <math.h>
#include <string.h>

enum { SIZE = 520, LEFT = 80, TOP = 50, LEGEND = 170, BOTTOM = 60, MOST_DOTS = 4000 };

static const char *const colours[FET_FAMILY_COUNT] = {"#1b6ca8", "#d1495b", "#3a7d44", "#8e5ea2", "#c77d11",
                                                      "#2a9d8f", "#6b705c", "#e07a5f", "#577590", "#ad2e24"};

typedef struct axes {
    double low, high;
} axes;

static double at(const axes *a, double ms)
{
    return SIZE * log(ms / a->low) / log(a->high / a->low);
}

static double x_of(const axes *a, double ms)
{
    return LEFT + at(a, ms);
}

static double y_of(const axes *a, double ms)
{
    return TOP + SIZE - at(a, ms);
}

static void put_axes(FILE *out, const axes *a)
{
    for (double tick = pow(10, ceil(log10(a->low))); tick <= a->high; tick *= 10) {
        fprintf(out, "<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' stroke='#ddd'/><text x='%d' y='%.1f' text-anchor='end'>%g</text>\n", LEFT,
                LEFT + SIZE, y_of(a, tick), y_of(a, tick), LEFT - 8, y_of(a, tick) + 4, tick);
        fprintf(out, "<line y1='%d' y2='%d' x1='%.1f' x2='%.1f' stroke='#ddd'/><text y='%d' x='%.1f' text-anchor='middle'>%g</text>\n", TOP,
                TOP + SIZE, x_of(a, tick), x_of(a, tick), TOP + SIZE + 18, x_of(a, tick), tick);
    }
    for (int line = -1; line <= 1; line++) {
        double factor = 1 + 0.1 * line;
        double from = fmax(a->low, a->low / factor), to = fmin(a->high, a->high / factor);
        fprintf(out, "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#999'%s/>\n", x_of(a, from), y_of(a, from * factor),
                x_of(a, to), y_of(a, to * factor), line ? " stroke-dasharray='4 3'" : "");
    }
    fprintf(
        out,
        "<text x='%d' y='%d' text-anchor='middle'>measured, ms</text><text x='%d' y='%d'>estimated, ms (dashed: 10 %% more, less)</text>\n",
        LEFT + SIZE / 2, TOP + SIZE + 42, LEFT - 60, TOP - 10);
}

static void put(FILE *out, const void *context)
{
    const fet_scores *s = context;
    axes a = {INFINITY, 0};
    size_t step = 1 + s->n_points / MOST_DOTS;
    for (size_t i = 0; i < s->n_points; i++) {
        const fet_score_point *p = &s->points[i];
        a.low = fmin(a.low, 0.8 * fmin(p->measured_ms, p->estimate.latency_ms));
        a.high = fmax(a.high, 1.25 * fmax(p->measured_ms, p->estimate.latency_ms));
    }
    if (s->n_points == 0) return;
    put_axes(out, &a);
    for (size_t i = 0; i < s->n_points; i += step)
        fprintf(out, "<circle cx='%.1f' cy='%.1f' r='2.2' fill='%s' fill-opacity='0.6'/>\n", x_of(&a, s->points[i].measured_ms),
                y_of(&a, s->points[i].estimate.latency_ms), colours[s->points[i].family]);
    int y = TOP + 10;
    for (int f = 0; f < FET_FAMILY_COUNT; f++) {
        if (s->family[f].n == 0) continue;
        fprintf(out, "<circle cx='%d' cy='%d' r='4' fill='%s'/><text x='%d' y='%d'>%s</text>\n", LEFT + SIZE + 20, y, colours[f],
                LEFT + SIZE + 30, y + 4, fet_family_name((fet_family)f));
        y += 20;
    }
}

fet_status fet_device_fit_plot(const char *path, const char *title, const fet_scores *scores)
{
    return fet_device_draw(path, title, LEFT + SIZE + LEGEND, TOP + SIZE + BOTTOM, put, scores);
}
