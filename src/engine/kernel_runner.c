// SPDX-License-Identifier: Apache-2.0
/*
 * One kernel from nothing but its key: formats follow from the key as the executor derives them from a graph, weights and activations are
 * random numbers. The step is built by the same code as the executor's, so it is the same primitive in the same layouts.
 */
#include "base/repeated.h"
#include "engine/executor.h"
#include "engine/infer/sample.h"
#include "engine/infer/step.h"

#include <math.h>
#include <string.h>

enum { BUFFER_ALIGNMENT = 64, MAX_SOURCES = 256 };

struct fet_kernel_runner {
    fet_step *step;
    fet_graph *graph; /* plain kernels: the one node */
    fet_format src[MAX_SOURCES];
    fet_step_spec spec;
    void **buffers; /* sources, results, residual: freed */
    uint32_t n_buffers;
    void *scratch;
    float *weights, *bias;
    size_t repeated_bytes; /* of the weights; 0: not made so */
};

/* Numbers of an activation do not change its cost; these are the usual ones. */
static fet_activation usual(uint8_t kind)
{
    fet_activation a = {.kind = (fet_activation_kind)kind};
    switch (a.kind) {
    case FET_ACTIVATION_CLIP: a.beta = 6.0f; break;
    case FET_ACTIVATION_LEAKY_RELU: a.alpha = 0.01f; break;
    case FET_ACTIVATION_ELU:
    case FET_ACTIVATION_SWISH: a.alpha = 1.0f; break;
    case FET_ACTIVATION_HARD_SIGMOID: a.alpha = 0.2f, a.beta = 0.5f; break;
    default: break;
    }
    return a;
}

/* Scales that use the whole range for numbers of about unit size, as a calibration would find. */
static fet_format fast(uint32_t n, uint32_t c, uint32_t h, uint32_t w, const fet_kernel_key *key, bool is_unsigned)
{
    fet_shape shape = fet_shape_4d(n, c, h, w);
    bool matrix = (key->op == FET_OP_GEMM || key->op == FET_OP_MATMUL) && h * w == 1;
    if (matrix) shape = fet_shape_2d(n, c);
    fet_format format = fet_format_fast(&shape, (fet_dtype)key->precision, is_unsigned);
    if (key->precision == FET_DTYPE_S8) format.scale = is_unsigned ? 6.0f / 255.0f : 4.0f / 127.0f;
    return format;
}

static fet_status set_formats(fet_kernel_runner *r, const fet_kernel_key *key)
{
    fet_step_spec *spec = &r->spec;
    bool signed_src = key->flags & FET_KERNEL_SIGNED_SRC || key->precision != FET_DTYPE_S8;
    bool keeps = key->op == FET_OP_MAX_POOL || key->op == FET_OP_AVERAGE_POOL || key->op == FET_OP_RESIZE ||
                 key->op == FET_OP_GLOBAL_MAX_POOL || key->op == FET_OP_GLOBAL_AVERAGE_POOL || key->op == FET_OP_CONCAT ||
                 key->op == FET_OP_PAD || key->op == FET_OP_TRANSPOSE || key->op == FET_OP_SLICE;
    bool unsigned_dst = keeps ? !signed_src : fet_activation_is_nonnegative(&spec->activation);
    r->src[0] = fast(key->n, key->ic, key->ih, key->iw, key, !signed_src);
    spec->dst = fast(key->n, key->oc, key->oh, key->ow, key, unsigned_dst);
    if (keeps) spec->dst.scale = r->src[0].scale;
    spec->residual = fast(key->n, key->oc, key->oh, key->ow, key, false);
    spec->residual.dtype = spec->dst.dtype; /* in place: one buffer */
    if (key->flags & FET_KERNEL_F32_DST) spec->dst.dtype = FET_DTYPE_F32, spec->dst.scale = 1.0f;
    spec->n_src = 1;
    bool binary = (key->op == FET_OP_ADD || key->op == FET_OP_SUB || key->op == FET_OP_MUL) && !(key->flags & FET_KERNEL_CONST);
    if (binary) {
        bool small = key->flags & FET_KERNEL_BROADCAST;
        r->src[spec->n_src++] = fast(key->n, key->oc, small ? 1 : key->oh, small ? 1 : key->ow, key, !signed_src);
    }
    if (key->op != FET_OP_CONCAT) return FET_OK;
    if (key->extra < 1 || key->extra > MAX_SOURCES || key->oc < key->ic || (key->extra == 1 && key->oc != key->ic))
        return fet_fail(FET_ERROR_ARG, "a concat key of %u inputs, %u of %u channels in the first", key->extra, key->ic, key->oc);
    uint32_t rest = key->oc - key->ic;
    for (; spec->n_src < key->extra; spec->n_src++) {
        uint32_t left = key->extra - spec->n_src, part = rest / left;
        rest -= part;
        r->src[spec->n_src] = fast(key->n, part, key->oh, key->ow, key, !signed_src);
    }
    return FET_OK;
}

static void set_cast_formats(fet_kernel_runner *r, const fet_kernel_key *key)
{
    fet_dtype other = fet_kernel_cast_source(key);
    bool is_signed = key->flags & FET_KERNEL_SIGNED_SRC || key->flags & FET_KERNEL_PLAIN_SRC;
    fet_format inner = fast(key->n, key->ic, key->ih, key->iw, key, !is_signed);
    if (key->extra & 1) inner.dtype = FET_DTYPE_F32, inner.scale = 1.0f;
    fet_format plain = fet_format_plain(&inner.shape);
    bool inward = key->flags & FET_KERNEL_PLAIN_SRC;
    r->src[0] = inward ? plain : inner;
    r->spec.dst = inward ? inner : plain;
    r->spec.n_src = 1;
    if (other == FET_DTYPE_NONE) return;
    fet_kernel_key source = *key;
    source.precision = (uint8_t)other;
    r->src[0] = fast(key->n, key->ic, key->ih, key->iw, &source, other == FET_DTYPE_S8 && !(key->flags & FET_KERNEL_SIGNED_SRC));
    r->spec.dst = fast(key->n, key->ic, key->ih, key->iw, key, false);
}

static size_t count_weights(const fet_kernel_key *key)
{
    size_t g = key->group ? key->group : 1;
    switch ((fet_op_kind)key->op) {
    case FET_OP_CONV:
    case FET_OP_CONV_TRANSPOSE: return (size_t)key->oc * (key->ic / g) * key->kh * key->kw;
    case FET_OP_GEMM:
    case FET_OP_MATMUL: return (size_t)key->oc * key->ic * key->ih * key->iw;
    default: return key->flags & FET_KERNEL_CONST ? key->oc : 0;
    }
}

/* How many numbers are drawn; larger buffers repeat them, for the time does not depend on them and a hundred million take a second to draw.
 * A prime, so that rows do not come out equal. */
enum { DRAWN = 65521 };

/* Doubles what is there until `bytes` are full. */
static void repeat(void *data, size_t filled, size_t bytes)
{
    for (size_t n; filled < bytes; filled += n) {
        n = filled < bytes - filled ? filled : bytes - filled;
        memcpy((char *)data + filled, data, n);
    }
}

/* Numbers that nobody looks at, for a tenth of what good ones cost (Numerical Recipes' quick generator, of which the high bits are used).
 */
static int32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (int32_t)*state;
}

static float next_unit(uint32_t *state) /* [-1, 1) */
{
    return (float)(next(state) >> 8) * 0x1p-23f;
}

static void draw(uint32_t *state, size_t count, double size, float *numbers)
{
    size_t drawn = count < DRAWN ? count : DRAWN;
    for (size_t i = 0; i < drawn; i++) numbers[i] = next_unit(state) * (float)size;
    repeat(numbers, drawn * sizeof *numbers, count * sizeof *numbers);
}

/* From 16 MB on they are one period, mapped again and again: they are read once, when oneDNN copies them into its own layout. */
static fet_status add_weights(fet_kernel_runner *r, const fet_kernel_key *key, uint32_t *state)
{
    enum { PERIOD = FET_REPEATED_PERIOD / sizeof(float) };
    size_t count = count_weights(key), bytes = count * sizeof(float);
    if (count == 0) return FET_OK;
    if (count > 4 * PERIOD && (r->weights = fet_repeated_map(bytes))) r->repeated_bytes = bytes;
    if (!r->weights) r->weights = fet_large_malloc(bytes);
    if (!r->weights) return fet_fail(FET_ERROR_NOMEM, "no memory for random weights");
    draw(state, r->repeated_bytes ? PERIOD : count, sqrt(3.0 * key->oc / (double)count), r->weights);
    if (key->flags & (FET_KERNEL_BIAS | FET_KERNEL_CONST)) {
        FET_TRY(fet_alloc_zeroed(key->oc, sizeof(float), "a random bias", &r->bias));
        draw(state, key->oc, 0.1, r->bias);
    }
    r->spec.weights = r->weights;
    r->spec.bias = r->bias;
    return FET_OK;
}

static fet_status add_buffer(fet_kernel_runner *r, uint32_t operand, const fet_format *format, uint32_t *state)
{
    size_t bytes = fet_format_bytes(format);
    void *data = fet_aligned_malloc(BUFFER_ALIGNMENT, bytes);
    if (!data) return fet_fail(FET_ERROR_NOMEM, "no memory for an operand of %zu bytes", bytes);
    r->buffers[r->n_buffers++] = data;
    size_t count = bytes / fet_dtype_bytes(format->dtype), drawn = count < DRAWN ? count : DRAWN;
    for (size_t i = 0; i < drawn; i++) {
        float x = next_unit(state);
        if (format->dtype == FET_DTYPE_F32) ((float *)data)[i] = x;
        else if (format->dtype == FET_DTYPE_BF16) ((uint16_t *)data)[i] = fet_bf16_from_f32(x);
        else ((uint8_t *)data)[i] = (uint8_t)(next(state) >> 24);
    }
    repeat(data, drawn * fet_dtype_bytes(format->dtype), count * fet_dtype_bytes(format->dtype));
    return fet_step_bind(r->step, operand, data);
}

static fet_status check_key(const fet_kernel_key *key)
{
    bool conv = key->op == FET_OP_CONV || key->op == FET_OP_CONV_TRANSPOSE;
    bool sizes = key->n && key->ic && key->ih && key->iw && key->oc && key->oh && key->ow;
    bool window = !conv || (key->group && key->kh && key->kw && key->sh && key->sw && key->dh && key->dw && key->ic % key->group == 0 &&
                            key->oc % key->group == 0);
    bool precision = key->precision == FET_DTYPE_F32 || key->precision == FET_DTYPE_BF16 || key->precision == FET_DTYPE_S8;
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    if (key->op == FET_OP_NONE || key->op >= FET_OP_COUNT || key->activation >= FET_ACTIVATION_COUNT)
        return fet_fail(FET_ERROR_ARG, "a kernel key of operator %u and activation %u", key->op, key->activation);
    if (!sizes || !window || !precision)
        return fet_fail(FET_ERROR_ARG, "kernel \"%s\" lacks a size, a window or a precision", fet_kernel_key_print(key, text, sizeof text));
    return FET_OK;
}

static fet_status create(fet_kernel_runner *r, const fet_kernel_key *key)
{
    uint32_t state = (uint32_t)fet_kernel_key_hash(key);
    r->spec = (fet_step_spec){
        .key = key, .activation = usual(key->activation), .name = "kernel", .src = r->src, .n_dst = 1, .residual_in_place = true};
    bool plain = key->flags & FET_KERNEL_PLAIN_SRC && key->op != FET_OP_CAST;
    if (plain) FET_TRY(fet_sample_plain(key, &r->graph, r->src, MAX_SOURCES, &r->spec));
    else if (key->op == FET_OP_CAST) set_cast_formats(r, key);
    else FET_TRY(set_formats(r, key));
    FET_TRY(add_weights(r, key, &state));
    FET_TRY(fet_step_create(&r->spec, &r->step));
    FET_TRY(fet_alloc_zeroed(r->spec.n_src + r->spec.n_dst, sizeof *r->buffers, "operands of a kernel", &r->buffers));
    for (uint32_t i = 0; i < r->spec.n_src; i++) FET_TRY(add_buffer(r, i, &r->src[i], &state));
    for (uint32_t o = 0; o < r->spec.n_dst; o++) FET_TRY(add_buffer(r, r->spec.n_src + o, &r->spec.dst, &state));
    r->scratch = fet_aligned_malloc(BUFFER_ALIGNMENT, fet_step_scratch_bytes(r->step));
    if (!r->scratch) return fet_fail(FET_ERROR_NOMEM, "no memory for a scratchpad of %zu bytes", fet_step_scratch_bytes(r->step));
    return fet_step_bind_scratch(r->step, r->scratch);
}

fet_status fet_kernel_runner_create(const fet_kernel_key *key, fet_kernel_runner **out_runner)
{
    fet_auto(fet_kernel_runner) runner = NULL;
    FET_TRY(check_key(key));
    FET_TRY(fet_alloc_zeroed(1, sizeof *runner, "a kernel runner", &runner));
    FET_TRY(create(runner, key));
    *out_runner = fet_take(runner);
    return FET_OK;
}

fet_status fet_kernel_runner_run(fet_kernel_runner *runner)
{
    return fet_step_run(runner->step);
}

const char *fet_kernel_runner_implementation(const fet_kernel_runner *runner)
{
    return fet_step_implementation(runner->step);
}

void fet_kernel_runner_destroy(fet_kernel_runner *runner)
{
    if (!runner) return;
    fet_step_destroy(runner->step);
    fet_graph_destroy(runner->graph);
    for (uint32_t i = 0; i < runner->n_buffers; i++) fet_free(runner->buffers[i]);
    fet_free(runner->buffers);
    fet_free(runner->scratch);
    if (runner->repeated_bytes) fet_repeated_unmap(runner->weights, runner->repeated_bytes);
    else fet_free(runner->weights);
    fet_free(runner->bias);
    fet_free(runner);
}
