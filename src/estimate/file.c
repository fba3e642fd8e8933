// SPDX-License-Identifier: Apache-2.0
/*
 * The file of an estimator: lines of words, and the trees as XGBoost writes them, each on a line of its own.
 *
 *   # fettle estimator 2
 *   device host s8 AVX512_CORE_VNNI, ...
 *   precision s8
 *   fusion BATCH_NORM ACTIVATIONS ADD ACTIVATION_AFTER_ADD ADD_AFTER_ACTIVATION ACTIVATION_AFTER_POOL NAME
 *   parallelism OUT IN
 *   rounding CHANNELS
 *   outside refuse|widen
 *   coverage 0.9
 *   kernels N
 *   seed N
 *   between TEXT              optional
 *   base HASH TEXT            optional, several: what stands between kernels of one base network; HASH: 8 hexadecimal digits
 *   features n ic ih ...      what the trees' columns are
 *   family conv KERNELS       then of each family, in this order:
 *   roofline OUT IN OVERHEAD_MS MS_PER_WORK MS_PER_BYTE MS_PER_PIXEL
 *   variant OPERATOR FLAGS EXTRA SHAPE OUT IN OVERHEAD_MS MS_PER_WORK MS_PER_BYTE MS_PER_PIXEL      any number
 *   scale OFFSET SLOPE        only where the baseline is the prior's, scaled
 *   range DIMENSION LOW HIGH  one a dimension
 *   operators Conv Gemm ...
 *   activations none relu ...
 *   error COVERAGE WIDTH      one a level
 *   ratio {...}               optional
 *   difficulty {...}          optional
 *   known LATENCY_MS SPREAD KEY   optional, one a kernel that was measured
 *   prior                     optional: the rest is another estimator's file
 *
 * ACTIVATIONS (bits), FLAGS and EXTRA are hexadecimal.
 *
 * A later version reads this one: features, operators, activations and dimensions are named, and what is not named keeps its default.
 * Version 1 had neither variants nor MS_PER_PIXEL.
 */
#include "base/file.h"
#include "estimate/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct writer {
    char *text;
    size_t bytes, capacity;
    fet_status status;
} writer;

static void put_bytes(writer *w, const char *data, size_t bytes)
{
    if (w->status == FET_OK) w->status = fet_grow(&w->text, &w->capacity, w->bytes + bytes + 1, 1);
    if (w->status != FET_OK) return;
    memcpy(w->text + w->bytes, data, bytes);
    w->bytes += bytes;
    w->text[w->bytes] = '\0';
}

static void put(writer *w, const char *format, ...) FET_PRINTF(2, 3);
static void put(writer *w, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    put_bytes(w, line, n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void put_trees(writer *w, const char *name, const fet_model_trees *trees)
{
    if (!trees->json) return;
    put(w, "%s ", name);
    put_bytes(w, trees->json, trees->json_bytes);
    put(w, "\n");
}

static void put_roofline(writer *w, const fet_roofline *r)
{
    put(w, "%u %u %.17g %.17g %.17g %.17g\n", r->out, r->in, r->overhead_ms, r->ms_per_work, r->ms_per_byte, r->ms_per_pixel);
}

static void put_family(writer *w, fet_family family, const fet_model *m)
{
    put(w, "family %s %u\n", fet_family_name(family), m->n);
    put(w, "roofline ");
    put_roofline(w, &m->roofline);
    for (uint32_t v = 0; v < m->n_variants; v++) {
        const fet_variant *one = &m->variants[v];
        put(w, "variant %s %x %x %u ", fet_op_onnx_name((fet_op_kind)one->op), one->flags, one->extra, one->shape);
        put_roofline(w, &one->roofline);
    }
    if (m->scales_prior) put(w, "scale %.17g %.17g\n", m->prior_offset, m->prior_slope);
    for (uint32_t d = 0; d < FET_DIMENSION_COUNT && m->n; d++)
        put(w, "range %s %u %u\n", fet_model_dimension_name(d), m->low[d], m->high[d]);
    put(w, "operators");
    for (uint32_t op = 0; op < FET_OP_COUNT; op++)
        if (m->ops[op / 64] >> (op % 64) & 1) put(w, " %s", fet_op_onnx_name((fet_op_kind)op));
    put(w, "\nactivations");
    for (uint32_t a = 0; a < FET_ACTIVATION_COUNT; a++)
        if (m->activations >> a & 1) put(w, " %s", fet_model_activation_name(a));
    put(w, "\n");
    for (int l = 0; l < FET_MODEL_LEVELS; l++) put(w, "error %g %.17g\n", fet_model_levels[l], m->quantiles[l]);
    put_trees(w, "ratio", &m->ratio);
    put_trees(w, "difficulty", &m->difficulty);
}

static void put_estimator(writer *w, const fet_estimator *e)
{
    const fet_fusion_rules *r = &e->rules;
    put(w, FET_ESTIMATOR_MAGIC "%d\n", FET_ESTIMATOR_VERSION);
    put(w, "device ");
    put_bytes(w, e->device, strcspn(e->device, "\n\r"));
    put(w, "\nprecision %s\n", fet_dtype_name(e->precision));
    put(w, "fusion %d %x %d %d %d %d ", r->batch_norm, r->activations, r->add, r->activation_after_add, r->add_after_activation,
        r->activation_after_pool);
    put_bytes(w, r->name, strcspn(r->name, "\n\r"));
    put(w, "\nparallelism %u %u\nrounding %u\n", e->parallelism.out_channels, e->parallelism.in_channels, e->channel_rounding);
    put(w, "outside %s\ncoverage %.17g\nkernels %u\nseed %llu\n", e->outside == FET_ESTIMATE_WIDEN ? "widen" : "refuse", e->coverage, e->n,
        (unsigned long long)e->seed);
    if (e->between[0]) put(w, "between %s\n", e->between);
    for (uint32_t i = 0; i < e->n_bases; i++) put(w, "base %08x %s\n", (unsigned)e->bases[i].base, e->bases[i].between);
    put(w, "features");
    for (uint32_t f = 0; f < FET_FEATURE_COUNT; f++) put(w, " %s", fet_feature_name(f));
    put(w, "\n");
    for (int f = 0; f < FET_FAMILY_COUNT; f++)
        if (e->models[f].is_there) put_family(w, (fet_family)f, &e->models[f]);
    for (size_t i = 0; i < e->known.n; i++) {
        char key[FET_KERNEL_KEY_TEXT_BYTES];
        const fet_estimate_sample *s = &e->known.items[i];
        put(w, "known %.9g %.4g %s\n", s->latency_ms, s->spread, fet_kernel_key_print(&s->key, key, sizeof key));
    }
    if (e->prior) {
        put(w, "prior\n");
        put_estimator(w, e->prior);
    }
}

const char *fet_model_activation_name(uint32_t activation)
{
    return activation == FET_ACTIVATION_NONE ? "none" : fet_activation_name((fet_activation_kind)activation);
}

fet_status fet_estimator_print(const fet_estimator *estimator, char **out_text, size_t *out_bytes)
{
    writer w = {.status = FET_OK};
    put_estimator(&w, estimator);
    if (w.status != FET_OK) {
        fet_free(w.text);
        return w.status;
    }
    *out_text = w.text;
    *out_bytes = w.bytes;
    return FET_OK;
}

fet_status fet_estimator_write(const fet_estimator *estimator, const char *path)
{
    char *text = NULL;
    size_t bytes = 0;
    FET_TRY(fet_estimator_print(estimator, &text, &bytes));
    fet_status status = fet_file_replace(path, text, bytes);
    fet_free(text);
    return status;
}

fet_status fet_estimator_read(const char *path, fet_estimator **out_estimator)
{
    void *text = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, FET_ESTIMATOR_LIMIT_BYTES, &text, &bytes));
    fet_status status = fet_estimator_parse(path, text, bytes, out_estimator);
    fet_free(text);
    return status;
}
