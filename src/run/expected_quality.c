// SPDX-License-Identifier: Apache-2.0
#include "run/expected_quality.h"

#include "base/alloc.h"
#include "search/gaussian_process.h"

#include <math.h>

void fet_quality_features(const fet_candidate_cost *cost, double *features)
{
    features[0] = log((double)cost->macs);
    features[1] = log(cost->metric[FET_METRIC_PARAMS]);
}

/* values[n] and behind them room for as many means; places[n]: of the trials that have a quality. */
static fet_status expect(const fet_encoding *encoding, fet_series_trial *trials, uint32_t n, fet_gp_point *points, double *values,
                         uint32_t *places)
{
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (isnan(trials[i].quality)) continue;
        points[m] = (fet_gp_point){.genome = trials[i].genome};
        fet_quality_features(&trials[i].cost, points[m].feature);
        values[m] = trials[i].quality;
        places[m++] = i;
    }
    if (m < FET_FEWEST_TO_EXPECT) return FET_OK;
    FET_TRY(fet_gp_smooth(encoding, FET_N_QUALITY_FEATURES, points, values, m, values + n));
    for (uint32_t k = 0; k < m; k++) trials[places[k]].quality = values[n + k];
    return FET_OK;
}

fet_status fet_expect_qualities(const fet_encoding *encoding, fet_series_trial *trials, uint32_t n)
{
    fet_gp_point *points = NULL;
    double *values = NULL;
    uint32_t *places = NULL;
    fet_status status = fet_alloc_zeroed(n + 1u, sizeof *points, "qualities", &points);
    if (status == FET_OK) status = fet_alloc_zeroed((size_t)2 * n + 1, sizeof *values, "qualities", &values);
    if (status == FET_OK) status = fet_alloc_zeroed(n + 1u, sizeof *places, "qualities", &places);
    if (status == FET_OK) status = expect(encoding, trials, n, points, values, places);
    fet_free(points);
    fet_free(values);
    fet_free(places);
    return status;
}
