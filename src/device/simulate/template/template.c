// SPDX-License-Identifier: Apache-2.0
/*
 * A simulator to copy: the least that a device kind has to be, and it works (`fettle inspect MODEL --device template`). What it simulates
 * is a roofline: a kernel takes a launch, and then the longer of computing and moving; channels are rounded up to what the array holds. To
 * make one of your own:
 *
 *   1. copy this folder, rename `template` throughout, add the file to src/device/meson.build;
 *   2. declare the ops in device/ops.h and list them in device/registry.c: the name is what --device takes;
 *   3. put your model into `cycles_of`: everything that a kernel's cost may depend on stands in its key (kernel/kernel.h). What you have no
 *      model for must be an error that names the kernel, never a guess: return UNSUPPORTED from there;
 *   4. say in `rules` what the device runs as one kernel: the splitting of a network follows from it;
 *   5. run tests/device/test_conformance: it takes every kind in the registry.
 *
 * Numbers that a user should set belong into a device file, as for `described` (device/described); numbers that belong to the model stand
 * here. docs/how-to/add-device.md says when which kind of device is the right one.
 */
#include "device/ops.h"

#include <math.h>
#include <stdio.h>

/* The machine: 16 x 16 multipliers at 500 MHz, 8 bytes a cycle, 100 cycles to start a kernel. */
enum { OUT_LANES = 16, IN_LANES = 16, LAUNCH_CYCLES = 100 };
#define CLOCK_HZ 500e6
#define BYTES_PER_CYCLE 8.0

static const fet_fusion_rules rules = {
    .name = "template",
    .batch_norm = true,
    .activations = 1u << FET_ACTIVATION_RELU | 1u << FET_ACTIVATION_CLIP,
    .add = false,
};

/* What is kept between calls; this simulator needs no more than its description. */
typedef struct template_state {
    fet_dtype precision;
    char text[96];
} template_state;

static double round_up(double value, double unit)
{
    return unit * ceil(value / unit);
}

/* --- the model --- */

/* MACs as the array has to do them: a group's channels are rounded up to its lanes. 0: nothing is multiplied. */
static double padded_macs(const fet_kernel_key *key)
{
    double group = key->group ? key->group : 1, window = key->kh ? (double)key->kh * key->kw : 1;
    double ic = round_up(key->ic / group, IN_LANES), oc = round_up(key->oc / group, OUT_LANES);
    switch ((fet_op_kind)key->op) {
    case FET_OP_CONV: return key->n * group * ic * oc * window * key->oh * key->ow;
    case FET_OP_CONV_TRANSPOSE: return key->n * group * ic * oc * window * key->ih * key->iw;
    case FET_OP_GEMM:
    case FET_OP_MATMUL: return key->n * round_up((double)key->ic * key->ih * key->iw, IN_LANES) * round_up(key->oc, OUT_LANES);
    default: return 0;
    }
}

static double moved_bytes(const fet_kernel_key *key)
{
    double item = (double)fet_dtype_bytes((fet_dtype)key->precision), group = key->group ? key->group : 1;
    double src = (double)key->ic * key->ih * key->iw, dst = (double)key->oc * key->oh * key->ow, weights = 0;
    if (key->op == FET_OP_CONV || key->op == FET_OP_CONV_TRANSPOSE) weights = key->ic / group * key->oc * key->kh * key->kw;
    if (key->op == FET_OP_GEMM || key->op == FET_OP_MATMUL) weights = src * key->oc;
    return item * (key->n * (src + dst) + weights);
}

static fet_status cycles_of(const fet_kernel_key *key, double *out_cycles)
{
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    if (!key->ic || !key->ih || !key->iw || !key->oc || !key->oh || !key->ow)
        return fet_fail(FET_ERROR_UNSUPPORTED, "template: no model for kernel \"%s\": a dimension is missing",
                        fet_kernel_key_print(key, text, sizeof text));
    double compute = padded_macs(key) / (OUT_LANES * IN_LANES), move = moved_bytes(key) / BYTES_PER_CYCLE;
    *out_cycles = LAUNCH_CYCLES + fmax(compute, move);
    return FET_OK;
}

/* --- what every kind of device has --- */

/* The state is zeroed before, and freed behind. */
static void template_close(void *state)
{
    (void)state; /* holds nothing else */
}

static fet_status template_open(const fet_device_options *options, void *state)
{
    template_state *s = state;
    s->precision = options->precision;
    snprintf(s->text, sizeof s->text, "template %s (simulated, %d MACs a cycle at %.0f MHz)", fet_dtype_name(options->precision),
             OUT_LANES * IN_LANES, CLOCK_HZ / 1e6);
    return FET_OK;
}

static const char *template_describe(const void *state)
{
    return ((const template_state *)state)->text;
}

static const fet_fusion_rules *template_fusion_rules(const void *state)
{
    (void)state;
    return &rules;
}

/* Every kernel is known at once; the cost of one must not depend on what was asked before. */
static bool template_lookup(const void *state, const fet_kernel_key *key, fet_cost *out_cost)
{
    double cycles = 0;
    (void)state;
    if (cycles_of(key, &cycles) != FET_OK) return false;
    *out_cost = (fet_cost){.latency_ms = cycles / CLOCK_HZ * 1e3, .spread = 0, .source = FET_COST_SIMULATED};
    return true;
}

/* Nothing is measured, but a kernel without a model is said so. */
static fet_status template_measure(void *state, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context)
{
    double cycles = 0;
    (void)state, (void)progress, (void)context;
    for (size_t k = 0; k < n_keys; k++) FET_TRY(cycles_of(&keys[k], &cycles));
    return FET_OK;
}

static fet_status template_parallelism(const fet_device_options *options, fet_parallelism *out_parallelism)
{
    (void)options;
    *out_parallelism = (fet_parallelism){.out_channels = OUT_LANES, .in_channels = IN_LANES};
    return FET_OK;
}

/* The model takes a MAC for a MAC whatever the numbers are; only their bytes differ. */
static fet_status template_computes(const fet_device_options *options, fet_dtype precision, bool *out_computes)
{
    (void)options;
    *out_computes = fet_dtype_bytes(precision) > 0;
    return FET_OK;
}

/* Optional members that are left out: networks are the sum of their kernels, feature maps are stored as they are, no table grows. */
const fet_device_ops fet_device_template = {
    .name = "template",
    .help = "a small simulator to copy: src/device/simulate/template",
    .source = FET_COST_SIMULATED,
    .state_bytes = sizeof(template_state),
    .open = template_open,
    .close = template_close,
    .describe = template_describe,
    .fusion_rules = template_fusion_rules,
    .lookup = template_lookup,
    .measure = template_measure,
    .parallelism = template_parallelism,
    .computes = template_computes,
};
