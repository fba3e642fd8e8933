// SPDX-License-Identifier: Apache-2.0
/* What quantisation reads from a calibration. */
#ifndef FET_ENGINE_INFER_CALIBRATION_H
#define FET_ENGINE_INFER_CALIBRATION_H

#include "engine/executor.h"

/* fet_executor_create with other fusion rules than the host's. */
FET_MUST_CHECK fet_status fet_executor_create_by(const fet_graph *graph, const fet_executor_options *options, const fet_fusion_rules *rules,
                                                 fet_executor **out_executor);

/* Smallest and largest number seen of a value; NOT_FOUND names it. */
FET_MUST_CHECK fet_status fet_calibration_range(const fet_calibration *calibration, const char *name, float *out_low, float *out_high);

#endif
