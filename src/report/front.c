// SPDX-License-Identifier: Apache-2.0
/*
 * The front of all searches of a document, and how the hypervolume of each grew. Objectives are scaled to 0..1 between the best value of
 * all trials and their 95th percentile, and the reference point is (1, ..., 1): so the figure is a share, and one failed training does not
 * squash the picture.
 */
#include "report/parts.h"

#include "base/alloc.h"
#include "base/median.h"
#include "search/pareto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct point {
    double value[FET_REPORT_MAX_OBJECTIVES]; /* minimised */
    double finished_s;
    const char *series;
    json_t *trial;
} point;

typedef struct point_cloud {
    point *items;
    size_t count;
    uint32_t n_objectives;
    fet_report_objective objectives[FET_REPORT_MAX_OBJECTIVES];
    double best[FET_REPORT_MAX_OBJECTIVES], worst[FET_REPORT_MAX_OBJECTIVES];
} point_cloud;

uint32_t fet_report_objectives(const json_t *document, fet_report_objective objectives[FET_REPORT_MAX_OBJECTIVES])
{
    const json_t *list = json_object_get(document, "objectives");
    uint32_t count = 0;
    for (size_t i = 0; i < json_array_size(list) && count < FET_REPORT_MAX_OBJECTIVES; i++) {
        const json_t *objective = json_array_get(list, i);
        const char *figure = fet_json_get_text(objective, "figure");
        double sign = strcmp(fet_json_get_text(objective, "direction"), "max") == 0 ? -1.0 : 1.0;
        if (figure[0]) objectives[count++] = (fet_report_objective){.figure = figure, .sign = sign};
    }
    return count;
}

static bool is_search(const json_t *searches, const char *series)
{
    for (size_t i = 0; i < json_array_size(searches); i++)
        if (strcmp(fet_json_get_text(json_array_get(searches, i), "name"), series) == 0) return true;
    return false;
}

fet_status fet_report_add_searches(json_t *document)
{
    if (json_is_array(json_object_get(document, "searches"))) return FET_OK;
    json_t *searches = NULL;
    FET_TRY(fet_json_child(document, "searches", true, &searches));
    const json_t *trials = json_object_get(document, "trials");
    for (size_t i = 0; i < json_array_size(trials); i++) {
        const json_t *trial = json_array_get(trials, i);
        const char *series = fet_json_get_text(trial, "series");
        if (strcmp(fet_json_get_text(trial, "fidelity"), "short") != 0 || is_search(searches, series)) continue;
        /* The base at the searches' fidelity is there for comparison, not as a search. */
        if (strcmp(series, "baseline") == 0) continue;
        FET_TRY(fet_json_push(searches, json_pack("{s:o}", "name", fet_json_text(series))));
    }
    return FET_OK;
}

/* A finished, feasible trial of a search with all objectives. */
static bool read_point(const point_cloud *cloud, const json_t *searches, json_t *trial, point *out)
{
    const char *series = fet_json_get_text(trial, "series");
    if (strcmp(fet_json_get_text(trial, "state"), "done") != 0 || fet_json_get_number(trial, "violation", 0) > 0) return false;
    if (!is_search(searches, series)) return false;
    *out = (point){.series = series, .trial = trial, .finished_s = fet_json_get_number(trial, "finished_s", 0)};
    for (uint32_t o = 0; o < cloud->n_objectives; o++) {
        double value = fet_json_get_figure(json_object_get(trial, "figures"), cloud->objectives[o].figure, NAN);
        if (!isfinite(value)) return false;
        out->value[o] = cloud->objectives[o].sign * value;
    }
    return true;
}

static int by_finish(const void *a, const void *b)
{
    const point *p = a, *q = b;
    if (p->finished_s != q->finished_s) return p->finished_s < q->finished_s ? -1 : 1;
    double m = fet_json_get_number(p->trial, "number", 0), n = fet_json_get_number(q->trial, "number", 0);
    return m < n ? -1 : m > n;
}

/* Best and 95th percentile of each objective, a little apart even when all trials are equal. */
static fet_status find_box(point_cloud *cloud)
{
    double *values = NULL;
    FET_TRY(fet_alloc_zeroed(cloud->count, sizeof *values, "the report's front", &values));
    for (uint32_t o = 0; o < cloud->n_objectives; o++) {
        for (size_t i = 0; i < cloud->count; i++) values[i] = cloud->items[i].value[o];
        fet_sort_doubles(values, cloud->count);
        cloud->best[o] = values[0];
        cloud->worst[o] = values[(size_t)(0.95 * (double)(cloud->count - 1) + 0.5)];
        if (cloud->worst[o] <= cloud->best[o]) cloud->worst[o] = cloud->best[o] + fmax(1e-12, fabs(cloud->best[o]) * 1e-9);
    }
    fet_free(values);
    return FET_OK;
}

static fet_status mark_front(const point_cloud *cloud)
{
    uint32_t n = cloud->n_objectives, *rank = NULL;
    double *values = NULL;
    fet_status status = fet_alloc_zeroed(cloud->count, sizeof *rank, "the report's front", &rank);
    if (status == FET_OK) status = fet_alloc_zeroed(cloud->count * n, sizeof *values, "the report's front", &values);
    for (size_t i = 0; status == FET_OK && i < cloud->count; i++) memcpy(values + i * n, cloud->items[i].value, n * sizeof *values);
    if (status == FET_OK) status = fet_pareto_ranks(values, cloud->count, n, rank);
    for (size_t i = 0; status == FET_OK && i < cloud->count; i++)
        if (rank[i] == 0) status = fet_json_put(cloud->items[i].trial, "front", json_true());
    fet_free(rank);
    fet_free(values);
    return status;
}

/* points: [trials so far, seconds, share] wherever the share grew, and at the end. `kept`: room for all points, scaled. */
static fet_status add_growth(const point_cloud *cloud, const char *series, double *kept, json_t *points)
{
    uint32_t n = cloud->n_objectives;
    double reference[FET_REPORT_MAX_OBJECTIVES] = {1, 1, 1, 1}, share = 0, last_s = 0;
    size_t n_kept = 0, n_trials = 0;
    for (size_t i = 0; i < cloud->count; i++) {
        const point *p = &cloud->items[i];
        if (strcmp(p->series, series) != 0) continue;
        n_trials++;
        last_s = p->finished_s;
        double *scaled = kept + n_kept * n;
        for (uint32_t o = 0; o < n; o++) scaled[o] = (p->value[o] - cloud->best[o]) / (cloud->worst[o] - cloud->best[o]);
        bool dominated = false;
        for (size_t k = 0; k < n_kept && !dominated; k++)
            dominated = fet_pareto_dominates(kept + k * n, scaled, n) || memcmp(kept + k * n, scaled, n * sizeof *kept) == 0;
        if (dominated) continue;
        n_kept++;
        double grown = 0;
        FET_TRY(fet_pareto_hypervolume(kept, n_kept, n, reference, &grown));
        if (grown <= share && json_array_size(points) > 0) continue;
        share = grown;
        FET_TRY(fet_json_push(points, json_pack("[I, o, o]", (json_int_t)n_trials, fet_json_number(last_s), fet_json_number(share))));
    }
    const json_t *end = json_array_get(points, json_array_size(points) - 1);
    if (end && json_integer_value(json_array_get(end, 0)) == (json_int_t)n_trials) return FET_OK;
    return fet_json_push(points, json_pack("[I, o, o]", (json_int_t)n_trials, fet_json_number(last_s), fet_json_number(share)));
}

static fet_status add_hypervolume(const point_cloud *cloud, json_t *document, const json_t *searches)
{
    json_t *volume = NULL, *best = NULL, *worst = NULL, *list = NULL;
    FET_TRY(fet_json_put(document, "hypervolume", json_pack("{s:s}", "unit", "share")));
    volume = json_object_get(document, "hypervolume");
    FET_TRY(fet_json_child(volume, "best", true, &best));
    FET_TRY(fet_json_child(volume, "worst", true, &worst));
    FET_TRY(fet_json_child(volume, "series", true, &list));
    for (uint32_t o = 0; o < cloud->n_objectives; o++) {
        FET_TRY(fet_json_push(best, fet_json_number(cloud->objectives[o].sign * cloud->best[o])));
        FET_TRY(fet_json_push(worst, fet_json_number(cloud->objectives[o].sign * cloud->worst[o])));
    }
    double *kept = NULL;
    FET_TRY(fet_alloc_zeroed(cloud->count * cloud->n_objectives, sizeof *kept, "the report's hypervolume", &kept));
    fet_status status = FET_OK;
    for (size_t i = 0; status == FET_OK && i < json_array_size(searches); i++) {
        const char *name = fet_json_get_text(json_array_get(searches, i), "name");
        json_t *points = json_array();
        status = fet_json_push(list, json_pack("{s:o, s:o}", "name", fet_json_text(name), "points", json_incref(points)));
        if (status == FET_OK) status = add_growth(cloud, name, kept, points);
        json_decref(points);
    }
    fet_free(kept);
    return status;
}

fet_status fet_report_add_front(json_t *document)
{
    point_cloud cloud = {0};
    cloud.n_objectives = fet_report_objectives(document, cloud.objectives);
    json_t *trials = json_object_get(document, "trials");
    const json_t *searches = json_object_get(document, "searches");
    if (cloud.n_objectives == 0 || json_array_size(trials) == 0) return FET_OK;
    FET_TRY(fet_alloc_zeroed(json_array_size(trials), sizeof *cloud.items, "the report's front", &cloud.items));
    for (size_t i = 0; i < json_array_size(trials); i++)
        cloud.count += read_point(&cloud, searches, json_array_get(trials, i), &cloud.items[cloud.count]);
    fet_status status = FET_OK;
    if (cloud.count > 0) {
        qsort(cloud.items, cloud.count, sizeof *cloud.items, by_finish);
        status = find_box(&cloud);
        if (status == FET_OK) status = mark_front(&cloud);
        if (status == FET_OK) status = add_hypervolume(&cloud, document, searches);
    }
    fet_free(cloud.items);
    return status;
}
