// SPDX-License-Identifier: Apache-2.0
#include "estimate/kernel_features.h"

#include "estimate/family.h"

#include <math.h>
#include <string.h>

static double round_up(double value, double to)
{
    return ceil(value / to) * to;
}

/* The share of a row of units that works. */
static double filled(double value, double width)
{
    return value / round_up(value, width);
}

static double tiles(const fet_workload *w, double pixels, double outputs)
{
    return ceil(w->pixels / pixels) * ceil(w->outputs / outputs);
}

/* Of 16 channels. Convolutions take three or four of them at once, where that comes out even. */
static uint32_t blocks(uint32_t channels)
{
    return channels / 16 + (channels % 16 != 0);
}

static void set_bytes(const fet_kernel_key *key, fet_family family, fet_workload *w)
{
    double item = (double)fet_dtype_bytes((fet_dtype)key->precision);
    double src = (double)key->n * key->ic * key->ih * key->iw, dst = (double)key->n * key->oc * key->oh * key->ow;
    bool cast_from = key->op == FET_OP_CAST && key->flags & FET_KERNEL_PLAIN_SRC;
    uint32_t residuals = (key->flags & (FET_KERNEL_ADD | FET_KERNEL_ADD_AFTER)) != 0;
    if (family == FET_FAMILY_ELEMENTWISE && !(key->flags & (FET_KERNEL_CONST | FET_KERNEL_BROADCAST))) residuals = 1;
    fet_dtype crossed = fet_kernel_cast_source(key);
    if (crossed != FET_DTYPE_NONE) src *= (double)fet_dtype_bytes(crossed) / item;
    w->src_bytes = src * (cast_from ? 4 : item) + dst * item * residuals;
    w->dst_bytes = dst * (key->flags & FET_KERNEL_F32_DST ? 4 : item);
    if (key->op == FET_OP_CONCAT) w->src_bytes = w->dst_bytes; /* all of its sources together; the key has the first */
    w->bytes = w->src_bytes + w->dst_bytes + w->weight_bytes;
    if (!(w->bytes > 0)) w->bytes = 1;
}

fet_workload fet_workload_of(const fet_kernel_key *key)
{
    fet_workload w = {.window = 1, .inputs = 1};
    fet_family family = fet_family_of(key);
    double group = key->group ? key->group : 1, item = (double)fet_dtype_bytes((fet_dtype)key->precision);
    w.outputs = key->oc;
    w.pixels = (double)key->n * key->oh * key->ow;
    if (key->kh * key->kw > 0) w.window = (double)key->kh * key->kw;
    if (key->op == FET_OP_GLOBAL_AVERAGE_POOL || key->op == FET_OP_GLOBAL_MAX_POOL) w.window = (double)key->ih * key->iw;
    if (family <= FET_FAMILY_MATMUL) {
        w.sums_inputs = family != FET_FAMILY_DEPTHWISE;
        w.inputs = fmax(1, key->ic / group);
        if (family == FET_FAMILY_TRANSPOSED || family == FET_FAMILY_MATMUL) w.pixels = (double)key->n * key->ih * key->iw;
        w.weight_bytes = item * w.inputs * w.window * w.outputs;
    }
    if (family == FET_FAMILY_PLAIN) w.pixels = fmax(w.pixels, (double)key->n * key->ic * key->ih * key->iw / fmax(1, w.outputs));
    w.work = fmax(1, w.pixels * w.inputs * w.window * w.outputs);
    set_bytes(key, family, &w);
    return w;
}

double fet_workload_rounded(const fet_workload *w, uint32_t out, uint32_t in)
{
    double inputs = w->sums_inputs ? round_up(w->inputs, in) : w->inputs;
    return fmax(1, w->pixels * w->window * inputs * round_up(w->outputs, out));
}

void fet_features_fill(const fet_kernel_key *key, const fet_workload *workload, const fet_feature_context *context,
                       float out_features[FET_FEATURE_COUNT])
{
    const fet_kernel_key *k = key;
    const fet_workload *w = workload;
    const fet_feature_context *c = context;
#define FET_FEATURE(name, value) out_features[FET_FEATURE_##name] = (float)(value);
#include "estimate/kernel_features.def"
#undef FET_FEATURE
}

static const char *const names[FET_FEATURE_COUNT] = {
#define FET_FEATURE(name, value) #name,
#include "estimate/kernel_features.def"
#undef FET_FEATURE
};

const char *fet_feature_name(uint32_t feature)
{
    return names[feature];
}

uint32_t fet_feature_parse(const char *name)
{
    for (uint32_t f = 0; f < FET_FEATURE_COUNT; f++)
        if (strcmp(names[f], name) == 0) return f;
    return FET_FEATURE_COUNT;
}
