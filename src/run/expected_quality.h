// SPDX-License-Identifier: Apache-2.0
/*
 * What the qualities of a search's trials are expected to be, without the luck of a single short training on a few hundred samples: what
 * else was learned of networks like them is taken into account (search/gaussian_process.h). Which candidates are trained long goes by it.
 */
#ifndef FET_RUN_EXPECTED_QUALITY_H
#define FET_RUN_EXPECTED_QUALITY_H

#include "run/series.h"

/* What of a candidate's cost its quality may depend on: features[FET_N_QUALITY_FEATURES], logarithms of MACs and of parameters. */
enum { FET_N_QUALITY_FEATURES = 2 };
void fet_quality_features(const fet_candidate_cost *cost, double *features);

/* Replaces the quality of each trial that has one. Of a few trials (below FET_FEWEST_TO_EXPECT) nothing is learned. Errors: NOMEM. */
enum { FET_FEWEST_TO_EXPECT = 8 };
FET_MUST_CHECK fet_status fet_expect_qualities(const fet_encoding *encoding, fet_series_trial *trials, uint32_t n);

#endif
