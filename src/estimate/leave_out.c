// SPDX-License-Identifier: Apache-2.0
#include "estimate/leave_out.h"

#include "base/alloc.h"
#include "base/rng.h"

#include <math.h>

/* Blocks are dealt out in a shuffled order, so that a part is no stretch of time. */
static fet_status deal(size_t n, uint64_t seed, uint32_t *part)
{
    uint32_t n_blocks = (uint32_t)((n + FET_LEAVE_OUT_BLOCK - 1) / FET_LEAVE_OUT_BLOCK), *order = NULL;
    fet_rng rng;
    FET_TRY(fet_alloc_zeroed(n_blocks, sizeof *order, "parts", &order));
    for (uint32_t b = 0; b < n_blocks; b++) order[b] = b;
    fet_rng_init(&rng, seed, 1, FET_RNG_SPLIT);
    fet_rng_shuffle(&rng, order, n_blocks);
    for (uint32_t b = 0; b < n_blocks; b++)
        for (size_t i = (size_t)order[b] * FET_LEAVE_OUT_BLOCK; i < n && i < ((size_t)order[b] + 1) * FET_LEAVE_OUT_BLOCK; i++)
            part[i] = b % FET_LEAVE_OUT_PARTS;
    fet_free(order);
    return FET_OK;
}

static fet_status leave_out(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n, const uint32_t *part,
                            uint32_t p, fet_estimate_sample *rest, fet_estimate *out)
{
    fet_auto(fet_estimator) estimator = NULL;
    size_t n_rest = 0;
    for (size_t i = 0; i < n; i++)
        if (part[i] != p) rest[n_rest++] = samples[i];
    if (n_rest == n) return FET_OK; /* nothing is of this part */
    FET_TRY(fet_estimator_fit(options, rest, n_rest, &estimator));
    for (size_t i = 0; i < n; i++) {
        if (part[i] != p || fet_estimator_predict(estimator, &samples[i].key, 1, &out[i]) == FET_OK) continue;
        out[i] = (fet_estimate){.latency_ms = (double)NAN, .low_ms = (double)NAN, .high_ms = (double)NAN};
        fet_error_clear();
    }
    return FET_OK;
}

fet_status fet_estimate_leave_out_parts(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n,
                                        const uint32_t *part, uint32_t n_parts, fet_leave_out_progress progress, void *context,
                                        fet_estimate *out_estimates)
{
    fet_estimator_options own = options ? *options : fet_estimator_default_options();
    fet_estimate_sample *rest = NULL;
    own.outside = FET_ESTIMATE_WIDEN, own.keep_kernels = false;
    FET_TRY(fet_alloc_zeroed(n, sizeof *rest, "kernels", &rest));
    fet_status status = FET_OK;
    for (uint32_t p = 0; p < n_parts && status == FET_OK; p++) {
        bool stopped = progress && !progress(context, p, n_parts);
        status = stopped ? fet_fail(FET_ERROR_STATE, "stopped after %u of %u parts", p, n_parts)
                         : leave_out(&own, samples, n, part, p, rest, out_estimates);
    }
    fet_free(rest);
    return status;
}

fet_status fet_estimate_leave_out(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n,
                                  fet_leave_out_progress progress, void *context, fet_estimate *out_estimates)
{
    uint32_t *part = NULL;
    uint64_t seed = options ? options->seed : fet_estimator_default_options().seed;
    if (n <= FET_LEAVE_OUT_BLOCK)
        return fet_fail(FET_ERROR_ARG, "%zu measured kernels: expected more than %d, to leave some out", n, (int)FET_LEAVE_OUT_BLOCK);
    FET_TRY(fet_alloc_zeroed(n, sizeof *part, "parts", &part));
    fet_status status = deal(n, seed, part);
    if (status == FET_OK)
        status = fet_estimate_leave_out_parts(options, samples, n, part, FET_LEAVE_OUT_PARTS, progress, context, out_estimates);
    fet_free(part);
    return status;
}
