// SPDX-License-Identifier: Apache-2.0
/* Inside of steps: what the builders of the single kernels (step_conv.c, step_pool.c, ...) fill, and what they share. Private to this
 * folder. */
#ifndef FET_ENGINE_INFER_BUILD_H
#define FET_ENGINE_INFER_BUILD_H

#include "engine/infer/step.h"

enum { FET_STEP_MAX_CONSTANTS = 4, FET_STEP_MAX_ARGS = 12 };

struct fet_step {
    const char *implementation; /* a copy of its own, or "own" */
    char *implementation_text;
    dnnl_stream_t stream;

    uint32_t n_src;
    uint32_t n_operands; /* sources, result and, when it is copied in, the residual */
    void **data;         /* [n_operands] */

    /* a oneDNN primitive; NULL: own */
    dnnl_primitive_t primitive;
    dnnl_memory_t *memory; /* [n_operands], NULL where oneDNN does not see the operand */
    dnnl_exec_arg_t args[FET_STEP_MAX_ARGS];
    int n_args;
    dnnl_memory_t constants[FET_STEP_MAX_CONSTANTS]; /* weights, bias: oneDNN owns the bytes */
    int n_constants;
    dnnl_memory_t scratch;
    size_t scratch_bytes;

    size_t copy_bytes; /* of the residual, copied to the result before a sum in place; 0: none */

    /* own code */
    void (*own)(const fet_step *step);
    void *state; /* heap, plain bytes */
};

typedef struct fet_engine_pair {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} fet_engine_pair;

/*
 * Makes the primitive of `descriptor`, refusing slow implementations. The caller keeps the descriptor. `args` of the operands follow with
 * fet_step_add_operand. Messages name spec->name.
 */
FET_MUST_CHECK fet_status fet_step_set_primitive(fet_step *step, const fet_step_spec *spec, const_dnnl_primitive_desc_t descriptor,
                                                 bool depthwise);
FET_MUST_CHECK fet_status fet_step_add_operand(fet_step *step, uint32_t operand, int arg, const dnnl_memory_desc_t *desc);
/* A constant in the form `desc`, reordered from `numbers` in the form `given`. */
FET_MUST_CHECK fet_status fet_step_add_constant(fet_step *step, int arg, const dnnl_memory_desc_t *given, const void *numbers,
                                                const dnnl_memory_desc_t *desc);
/* Creates the primitive descriptor of an operation descriptor; a failure names the step. */
FET_MUST_CHECK fet_status fet_step_describe(const fet_step_spec *spec, const void *operation, const_dnnl_primitive_attr_t attr,
                                            dnnl_primitive_desc_t *out_descriptor);
FET_MUST_CHECK fet_status fet_step_set_own(fet_step *step, void (*own)(const fet_step *), size_t state_bytes);

/* Attributes with scratchpad by the user, post-operations as activation and flags say and, in int8, output scales: src_scale *
 * weight_scale[o] / dst. */
FET_MUST_CHECK fet_status fet_step_attr_create(const fet_step_spec *spec, const float *weight_scales, uint32_t n_scales, int scale_mask,
                                               dnnl_primitive_attr_t *out_attr);
/* The activation as a eltwise post-operations (one or two) on numbers in units of in_scale, giving units of out_scale. */
FET_MUST_CHECK fet_status fet_step_append_activation(dnnl_post_ops_t ops, const fet_activation *activation, float in_scale,
                                                     float out_scale);

/* What weights are multiplied with, and the bias that is added in the accumulator. */
typedef struct fet_weights_source {
    bool is_signed; /* see weights.c */
    float scale;
    const float *bias; /* [rows] or NULL */
} fet_weights_source;
/* s8 weights, one scale an output channel; `rows` outputs of `length` numbers each. scales[rows]. */
void fet_weights_quantise(const float *weights, int64_t rows, int64_t length, const fet_weights_source *src, int8_t *quantised,
                          float *scales);

/* A bias in whole steps of the accumulator, as integer hardware and files with s32 biases have it; as it is where it is too large for that.
 */
float fet_weights_quantise_bias(float bias, float step);

/* The builders. */
fet_status fet_step_build_conv(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_deconv(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_gemm(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_scale(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_pool(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_global(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_binary(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_activation(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_concat(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_resize(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_prelu(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_pad(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_channels(const fet_step_spec *spec, fet_step *step);
/* Maps of fewer channels leave vectors along the channels nearly empty. */
enum { FET_RESIZE_FEW_CHANNELS = 8 };
fet_status fet_step_build_taps(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_cast(const fet_step_spec *spec, fet_step *step);
fet_status fet_step_build_plain(const fet_step_spec *spec, fet_step *step);

#endif
