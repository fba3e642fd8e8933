// SPDX-License-Identifier: Apache-2.0
#include "estimate/variant.h"

#include "base/alloc.h"
#include "base/median.h"

#include <math.h>

bool fet_family_has_variants(fet_family family)
{
    return family == FET_FAMILY_POOL || family == FET_FAMILY_ELEMENTWISE || family == FET_FAMILY_MOVE || family == FET_FAMILY_PLAIN;
}

fet_variant fet_variant_of(const fet_kernel_key *key)
{
    bool means = key->op == FET_OP_CAST || key->op == FET_OP_RESIZE; /* elsewhere it is a size, or a hash */
    return (fet_variant){.op = key->op,
                         .flags = key->flags & (FET_KERNEL_CONST | FET_KERNEL_BROADCAST | FET_KERNEL_PLAIN_SRC | FET_KERNEL_F32_DST),
                         .extra = means ? key->extra : 0,
                         .shape = key->oh * key->ow <= 1 ? 1
                                  : key->oc <= 1         ? 2
                                                         : 0};
}

static bool same(const fet_variant *a, const fet_variant *b)
{
    return a->op == b->op && a->flags == b->flags && a->extra == b->extra && a->shape == b->shape;
}

const fet_variant *fet_variant_find(const fet_variant *variants, uint32_t n, const fet_kernel_key *key)
{
    if (n == 0) return NULL;
    fet_variant wanted = fet_variant_of(key);
    for (uint32_t v = 0; v < n; v++)
        if (same(&variants[v], &wanted)) return &variants[v];
    return NULL;
}

/* One variant's kernels. */
typedef struct part {
    fet_workload *workloads;
    double *ms, *ratios;
    size_t n;
} part;

static fet_status fit_one(part *p, const fet_roofline *family, fet_roofline *out_roofline)
{
    if (p->n >= FET_VARIANT_OWN) return fet_roofline_fit(p->workloads, p->ms, p->n, 0, 1, out_roofline);
    for (size_t i = 0; i < p->n; i++) p->ratios[i] = p->ms[i] / fet_roofline_ms(family, &p->workloads[i], NULL);
    fet_sort_doubles(p->ratios, p->n);
    double scale = sqrt(p->ratios[(p->n - 1) / 2] * p->ratios[p->n / 2]);
    *out_roofline = *family;
    out_roofline->overhead_ms *= scale;
    out_roofline->ms_per_pixel *= scale;
    out_roofline->ms_per_work *= scale;
    out_roofline->ms_per_byte *= scale;
    return FET_OK;
}

static fet_status fit_all(const fet_kernel_key *const *keys, const fet_workload *workloads, const double *latency_ms, size_t n,
                          const fet_roofline *family, part *p, fet_variant *variants, uint32_t *out_n)
{
    uint32_t found = 0;
    for (size_t first = 0; first < n && found < FET_VARIANTS_MAX; first++) {
        fet_variant variant = fet_variant_of(keys[first]);
        if (fet_variant_find(variants, found, keys[first])) continue;
        p->n = 0;
        for (size_t i = 0; i < n; i++) {
            fet_variant other = fet_variant_of(keys[i]);
            if (!same(&variant, &other)) continue;
            p->workloads[p->n] = workloads[i];
            p->ms[p->n++] = latency_ms[i];
        }
        if (p->n < FET_VARIANT_LEAST) continue;
        FET_TRY(fit_one(p, family, &variant.roofline));
        variants[found++] = variant;
    }
    *out_n = found;
    return FET_OK;
}

fet_status fet_variants_fit(const fet_kernel_key *const *keys, const fet_workload *workloads, const double *latency_ms, size_t n,
                            const fet_roofline *family, fet_variant *variants, uint32_t *out_n)
{
    part p = {.n = 0};
    FET_TRY(fet_alloc_zeroed(n + 1, sizeof *p.workloads, "kernels", &p.workloads));
    fet_status status = fet_alloc_zeroed(2 * n + 1, sizeof *p.ms, "kernels", &p.ms);
    if (status == FET_OK) {
        p.ratios = p.ms + n;
        status = fit_all(keys, workloads, latency_ms, n, family, &p, variants, out_n);
    }
    fet_free(p.workloads);
    fet_free(p.ms);
    return status;
}
