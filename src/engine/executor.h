// SPDX-License-Identifier: Apache-2.0
/*
 * Runs a graph for inference: define (graph) -> plan (kernels, layouts, buffers, primitives) -> run. f32, bf16 or int8.
 * Activations live in nhwc (see infer/format.h for why f32 too); inputs and outputs of the executor are plain f32 NCHW.
 * int8: weights per-channel symmetric s8, activations per-tensor affine-free u8 (after a ReLU) or s8, scales from a calibration,
 * requantisation as output scales and post-ops. Thread-compatible: one executor, one thread.
 */
#ifndef FET_ENGINE_EXECUTOR_H
#define FET_ENGINE_EXECUTOR_H

#include "graph/graph.h"
#include "kernel/kernel.h"

typedef struct fet_executor fet_executor;

/* What was seen of activation values in f32 over a few batches; it belongs to value names. */
typedef struct fet_calibration fet_calibration;
/* How a range is made of it (quantise/method.h). */
typedef struct fet_calibration_method fet_calibration_method;

typedef struct fet_executor_options {
    fet_dtype precision;                /* F32, BF16 or S8 */
    int64_t batch;                      /* >= 1 */
    const fet_calibration *calibration; /* S8: required; borrowed during create */
    bool keep_all; /* keep every computed value readable with fet_executor_value (tests, distillation); default false */
} fet_executor_options;

fet_executor_options fet_executor_default_options(void);

/* `graph`: verified, every parameter with numbers; borrowed during create only. Errors: UNSUPPORTED names the operator, STATE a slow
 * fallback. */
FET_MUST_CHECK fet_status fet_executor_create(const fet_graph *graph, const fet_executor_options *options, fet_executor **out_executor);
void fet_executor_destroy(fet_executor *executor);
FET_DEFINE_AUTO(fet_executor);

/* src[i]: f32 [batch, ...] of graph input i; dst[o]: room for f32 [batch, ...] of graph output o. */
FET_MUST_CHECK fet_status fet_executor_run(fet_executor *executor, const float *const src[], float *const dst[]);

/* With keep_all: a computed value by name as plain f32, after a run. NOT_FOUND when it was fused away. */
FET_MUST_CHECK fet_status fet_executor_value(fet_executor *executor, const char *name, fet_tensor **out_tensor);

uint32_t fet_executor_n_steps(const fet_executor *executor);
/* The oneDNN implementation string of step i ("brgemm:avx512_core_amx_int8"), "own" for our own code; and its kernel's key text. */
const char *fet_executor_step_implementation(const fet_executor *executor, uint32_t step);
const char *fet_executor_step_name(const fet_executor *executor, uint32_t step);

/* method: NULL: the default. */
FET_MUST_CHECK fet_status fet_calibration_create(const fet_calibration_method *method, fet_calibration **out_calibration);
void fet_calibration_destroy(fet_calibration *calibration);
FET_DEFINE_AUTO(fet_calibration);
/* Runs `batch` samples of src[] through `graph` in f32 and counts what it sees of all its values. */
FET_MUST_CHECK fet_status fet_calibration_observe(fet_calibration *calibration, const fet_graph *graph, const float *const src[],
                                                  int64_t batch);

/* The size of a step of a value in 8 bits when nothing of what was seen is cut off: what errors of outputs are measured in. NOT_FOUND. */
FET_MUST_CHECK fet_status fet_calibration_step(const fet_calibration *calibration, const char *name, float *out_step);
/*
 * After observing: finds how much int8 shifts the mean of each output channel of convolutions and matrix products on these samples, and
 * takes it out of their biases in every int8 executor made with this calibration from then on. Calling it again starts anew.
 */
FET_MUST_CHECK fet_status fet_calibration_correct(fet_calibration *calibration, const fet_graph *graph, const float *const src[],
                                                  int64_t batch);

/*
 * Times one kernel alone, with weights and activations of random numbers, in the layouts the executor uses.
 * create -> run many times (the caller times it) -> destroy. `key` holds everything needed.
 */
typedef struct fet_kernel_runner fet_kernel_runner;
FET_MUST_CHECK fet_status fet_kernel_runner_create(const fet_kernel_key *key, fet_kernel_runner **out_runner);
FET_MUST_CHECK fet_status fet_kernel_runner_run(fet_kernel_runner *runner);
const char *fet_kernel_runner_implementation(const fet_kernel_runner *runner);
void fet_kernel_runner_destroy(fet_kernel_runner *runner);
FET_DEFINE_AUTO(fet_kernel_runner);

#endif
