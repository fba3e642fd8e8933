// SPDX-License-Identifier: Apache-2.0
/* What quantisation reads from a calibration. */
#ifndef FET_ENGINE_INFER_CALIBRATION_H
#define FET_ENGINE_INFER_CALIBRATION_H

#include "engine/executor.h"
#include "engine/infer/plan.h"
#include "engine/infer/step.h"

/* fet_executor_create with other fusion rules than the host's. */
FET_MUST_CHECK fet_status fet_executor_create_by(const fet_graph *graph, const fet_executor_options *options, const fet_fusion_rules *rules,
                                                 fet_executor **out_executor);

/* A computed value's numbers as they lie in memory, in any order, of an f32 executor that keeps all; NOT_FOUND when it was fused away. */
FET_MUST_CHECK fet_status fet_executor_peek(const fet_executor *executor, const char *name, const float **out_numbers, int64_t *out_count);

/* A run that calls `before` in front of each step; its first failure ends the run. */
typedef fet_status (*fet_executor_before)(void *context, uint32_t step);
FET_MUST_CHECK fet_status fet_executor_run_watched(fet_executor *executor, const float *const src[], float *const dst[],
                                                   fet_executor_before before, void *context);
const fet_graph *fet_executor_graph(const fet_executor *executor); /* at the executor's batch, with the ids of the one it was made of */
const fet_plan_step *fet_executor_planned(const fet_executor *executor, uint32_t step);
fet_step *fet_executor_step(fet_executor *executor, uint32_t step);

/* A kernel whose bias can be corrected: a convolution or matrix product in int8. */
bool fet_kernel_is_correctable(const fet_kernel *kernel);
/* From here on int8 executors give every such kernel a bias; those there are forgotten. */
void fet_calibration_begin_shifts(fet_calibration *calibration);
/* What is taken off the bias of the kernel whose anchor makes the value `name`: one number an output channel. Copied. */
FET_MUST_CHECK fet_status fet_calibration_set_shift(fet_calibration *calibration, const char *name, const float *shift, uint32_t n);
/* *out_wanted: whether there are any at all; NULL where nothing is known of this value. */
const float *fet_calibration_shift(const fet_calibration *calibration, const char *name, uint32_t n, bool *out_wanted);

/* The range of a value by the calibration's method (see quantise/method.h); 0: nothing but zeros (unsigned: nothing above) was seen.
 * NOT_FOUND names it. */
FET_MUST_CHECK fet_status fet_calibration_range(const fet_calibration *calibration, const char *name, bool is_unsigned, float *out_range);

#endif
