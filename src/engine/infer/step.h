// SPDX-License-Identifier: Apache-2.0
/*
 * One kernel made ready to run: a oneDNN primitive, or a loop of our own, with its weights and prepared arguments. Built from a key,
 * formats and numbers only, so that the executor and the kernel runner (which knows nothing but the key) run the same primitive in the same
 * layouts. Order: fet_step_create -> fet_step_bind every operand -> fet_step_run many times. Thread-compatible.
 */
#ifndef FET_ENGINE_INFER_STEP_H
#define FET_ENGINE_INFER_STEP_H

#include "engine/infer/format.h"
#include "kernel/kernel.h"

typedef struct fet_step fet_step;

/* What a step is built from. Everything is borrowed during fet_step_create, but node and graph of a plain step, which must outlive it. */
typedef struct fet_step_spec {
    const fet_kernel_key *key;
    fet_activation activation;
    const char *name;      /* of the anchor, for messages */
    const fet_format *src; /* [n_src] activations; for elementwise ones the operand of the result's shape first */
    uint32_t n_src;
    fet_format dst;
    fet_format residual;    /* with the flag ADD */
    const float *weights;   /* Conv: O, I/G, KH, KW; ConvTranspose: I, O/G, KH, KW; Gemm: O, I; SCALE: C. Batch norm folded in */
    const float *bias;      /* O, or NULL */
    bool residual_in_place; /* the residual lies where the result goes */
    uint32_t n_dst;         /* plain steps: outputs of the node; else 1 */
    const fet_graph *graph; /* plain steps: the node to compute */
    const fet_node *node;
} fet_step_spec;

FET_MUST_CHECK fet_status fet_step_create(const fet_step_spec *spec, fet_step **out_step);
void fet_step_destroy(fet_step *step);
FET_DEFINE_AUTO(fet_step);

/* Operand i < n_src: a source; n_src: the result (plain steps: n_src + o, result o); n_src + 1: the residual when it is not in place. */
FET_MUST_CHECK fet_status fet_step_bind(fet_step *step, uint32_t operand, void *data);
size_t fet_step_scratch_bytes(const fet_step *step);
/* 64-byte aligned, shared by all steps of an executor. */
FET_MUST_CHECK fet_status fet_step_bind_scratch(fet_step *step, void *scratch);

FET_MUST_CHECK fet_status fet_step_run(fet_step *step);
/* Adds to the bias of an int8 convolution or matrix product made with one, in units of its accumulator. STATE when it has none. */
FET_MUST_CHECK fet_status fet_step_add_to_bias(fet_step *step, const float *added, uint32_t n);

const char *fet_step_implementation(const fet_step *step);
bool fet_step_is_own(const fet_step *step);

#endif
