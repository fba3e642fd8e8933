// SPDX-License-Identifier: Apache-2.0
/*
 * Trains a graph: forward with batch statistics, backward, optimiser. The loss is the task's: forward gives f32 outputs, the task gives
 * back the gradient of the loss by them. f32, or bf16 activations and weights with f32 master weights, gradients of weights and statistics.
 * One thread is bit-reproducible.
 * Order: create -> { forward -> backward -> step } * -> sync_params (writes the numbers back into graph tensors). Thread-compatible.
 */
#ifndef FET_ENGINE_TRAINER_H
#define FET_ENGINE_TRAINER_H

#include "graph/graph.h"

typedef struct fet_trainer fet_trainer;

typedef enum fet_optimizer_kind { FET_OPTIMIZER_SGD = 0, FET_OPTIMIZER_ADAMW } fet_optimizer_kind;

typedef struct fet_trainer_options {
    fet_dtype dtype;              /* F32 or BF16; NONE: what this machine does best */
    int64_t batch;                /* default 64 */
    fet_optimizer_kind optimizer; /* default SGD with Nesterov momentum */
    float momentum;               /* default 0.9; AdamW: beta1 */
    float beta2;                  /* default 0.999 */
    float weight_decay;           /* default 1e-4; of weights, not of biases and batch norm */
    float bn_momentum;            /* share of the new batch in the running statistics; default 0.1 */
    bool freeze_bn_stats;         /* normalise with running statistics; default false */
    bool input_gradients;         /* also the gradient by the graph's inputs; default false, it costs a pass through the stem */
    size_t cache_bytes;           /* how much a run of operators may touch at once; 0: half of this machine's L2 cache */
} fet_trainer_options;

fet_trainer_options fet_trainer_default_options(void);

/* `graph`: inferred, every parameter with numbers (see engine/init.h); borrowed, must outlive the trainer. */
FET_MUST_CHECK fet_status fet_trainer_create(fet_graph *graph, const fet_trainer_options *options, fet_trainer **out_trainer);
void fet_trainer_destroy(fet_trainer *trainer);
FET_DEFINE_AUTO(fet_trainer);

/* src[i]: f32 [batch, ...]. Outputs stay readable until the next forward. */
FET_MUST_CHECK fet_status fet_trainer_forward(fet_trainer *trainer, const float *const src[]);
const float *fet_trainer_output(const fet_trainer *trainer, uint32_t output); /* [batch, ...] f32 */
/* diff[o]: gradient of the loss by output o, f32 [batch, ...]; NULL: zero. Overwrites all parameter gradients. */
FET_MUST_CHECK fet_status fet_trainer_backward(fet_trainer *trainer, const float *const diff[]);
/* Share of the next batches in the running statistics: 1 / k for the k-th batch makes them plain means. Errors: ARG outside of 0..1. */
FET_MUST_CHECK fet_status fet_trainer_set_bn_momentum(fet_trainer *trainer, float share);
/* One optimiser step with the gradients of the last backward. */
FET_MUST_CHECK fet_status fet_trainer_step(fet_trainer *trainer, float learning_rate);

/* Copies weights and running statistics into the graph's parameter tensors (made private to the graph if shared). */
FET_MUST_CHECK fet_status fet_trainer_sync_params(fet_trainer *trainer);

/*
 * All that the next steps depend on besides the data (master weights, running statistics, the optimiser's state), as bytes for a
 * checkpoint; heap. Load takes it into a trainer of the same graph and options on the same kind of machine. Errors: CORRUPT when it is not
 * of such a one; the trainer is then unchanged.
 */
FET_MUST_CHECK fet_status fet_trainer_save_state(const fet_trainer *trainer, void **out_data, size_t *out_bytes);
FET_MUST_CHECK fet_status fet_trainer_load_state(fet_trainer *trainer, const void *data, size_t bytes);

/* For tests: gradient of a parameter after backward, plain f32 in the parameter's shape; gradient of input i likewise. */
FET_MUST_CHECK fet_status fet_trainer_param_gradient(fet_trainer *trainer, fet_id param, fet_tensor **out_gradient);
FET_MUST_CHECK fet_status fet_trainer_input_gradient(fet_trainer *trainer, uint32_t input, fet_tensor **out_gradient);

uint32_t fet_trainer_n_primitives(const fet_trainer *trainer);
const char *fet_trainer_primitive_implementation(const fet_trainer *trainer, uint32_t i);

#endif
