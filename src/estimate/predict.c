// SPDX-License-Identifier: Apache-2.0
/* Kernels are looked at by the chunk: those of one family together, so that trees are walked by several rows at once. */
#include "estimate/model.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 64 };

static const double UNSEEN_OPERATOR = 1.0; /* what an operator or activation nobody measured adds to the interval's logarithm */

static fet_status no_model(const fet_estimator *e, const fet_kernel_key *key, fet_family family)
{
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    return fet_fail(FET_ERROR_NOT_FOUND, "kernel \"%s\": no model of family \"%s\" (%s): fewer than %d of its kernels were measured",
                    fet_kernel_key_print(key, text, sizeof text), fet_family_name(family), e->device, FET_ESTIMATE_MIN);
}

static fet_status refuse(const fet_estimator *e, const fet_kernel_key *key, uint32_t dimension)
{
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    fet_family family = fet_family_of(key);
    const fet_model *m = &e->models[family];
    fet_kernel_key_print(key, text, sizeof text);
    if (dimension < FET_DIMENSION_COUNT)
        return fet_fail(FET_ERROR_LIMIT, "kernel \"%s\": %s = %u is outside of what was measured of family \"%s\": %u to %u (%s)", text,
                        fet_model_dimension_name(dimension), fet_model_dimension(key, dimension), fet_family_name(family),
                        m->low[dimension], m->high[dimension], e->device);
    return fet_fail(FET_ERROR_LIMIT, "kernel \"%s\": its operator or activation was never measured in family \"%s\" (%s)", text,
                    fet_family_name(family), e->device);
}

/* How far outside of the measured range, as a logarithm; 0: inside. *out_dimension: the one that is furthest. */
static double excess(const fet_model *m, const fet_kernel_key *key, uint32_t *out_dimension)
{
    double sum = 0, most = 0;
    if (m->n == 0) return 0; /* the prior's, as far as it goes */
    for (uint32_t d = 0; d < FET_DIMENSION_COUNT; d++) {
        uint32_t x = fet_model_dimension(key, d);
        if (x >= m->low[d] && x <= m->high[d]) continue;
        double edge = x < m->low[d] ? m->low[d] : m->high[d], far = fabs(log((x + 1.0) / (edge + 1.0)));
        sum += far;
        if (far > most) most = far, *out_dimension = d;
    }
    bool known = m->ops[key->op / 64] >> (key->op % 64) & 1 && m->activations >> key->activation & 1;
    if (!known) sum += UNSEEN_OPERATOR;
    if (!known && most == 0) *out_dimension = FET_DIMENSION_COUNT;
    return sum;
}

typedef struct chunk {
    const fet_kernel_key *keys;
    size_t n;
    fet_family family[CHUNK];                /* FET_FAMILY_COUNT: it was measured */
    const fet_estimate_sample *known[CHUNK]; /* NULL: to be estimated */
    double prior_ms[CHUNK], excess[CHUNK];
} chunk;

/* Rows of one family, in the order of `at`. NAN: the model cannot say. */
static void predict_family(const fet_estimator *e, const fet_model *m, const chunk *c, const uint32_t *at, size_t n, fet_estimate *out)
{
    float rows[CHUNK][FET_FEATURE_COUNT], ratio[CHUNK], difficulty[CHUNK];
    double baseline[CHUNK], quantile = fet_model_quantile(m, e->coverage);
    for (size_t i = 0; i < n; i++) {
        fet_model_row row;
        bool can = fet_model_look(m, &c->keys[at[i]], c->prior_ms[at[i]], &row, rows[i]);
        baseline[i] = can ? row.baseline_ms : (double)NAN;
        if (!can) memset(rows[i], 0, sizeof rows[i]);
        ratio[i] = difficulty[i] = 0;
    }
    if (m->ratio.flat) fet_trees_predict(m->ratio.flat, rows[0], n, FET_FEATURE_COUNT, ratio);
    if (m->difficulty.flat) fet_trees_predict(m->difficulty.flat, rows[0], n, FET_FEATURE_COUNT, difficulty);
    for (size_t i = 0; i < n; i++) {
        double ms = baseline[i] * exp(ratio[i]), far = c->excess[at[i]];
        double wide = exp(quantile * exp(difficulty[i]) + far);
        out[at[i]] = (fet_estimate){.latency_ms = ms, .low_ms = ms / wide, .high_ms = ms * wide, .outside = far > 0};
    }
}

static fet_estimate as_measured(const fet_estimate_sample *sample)
{
    double wide = 1 + 2 * sample->spread; /* the spread is that of the middle half of the samples */
    return (fet_estimate){
        .latency_ms = sample->latency_ms, .low_ms = sample->latency_ms / wide, .high_ms = sample->latency_ms * wide, .measured = true};
}

static void predict_chunk(const fet_estimator *e, chunk *c, fet_estimate *out)
{
    bool any = false;
    for (size_t i = 0; i < c->n; i++) {
        if (c->known[i]) out[i] = as_measured(c->known[i]);
        else any = true;
    }
    if (!any) return;
    if (e->prior) fet_model_ask_prior(e->prior, c->keys, c->n, c->prior_ms);
    for (int f = 0; f < FET_FAMILY_COUNT; f++) {
        uint32_t at[CHUNK];
        size_t n = 0;
        for (uint32_t i = 0; i < c->n; i++)
            if (c->family[i] == (fet_family)f) at[n++] = i;
        if (n && e->models[f].is_there) predict_family(e, &e->models[f], c, at, n, out);
        for (size_t i = 0; i < n && !e->models[f].is_there; i++) out[at[i]] = (fet_estimate){.latency_ms = (double)NAN};
    }
}

static void begin_chunk(const fet_estimator *e, const fet_kernel_key *keys, size_t n, chunk *c)
{
    c->keys = keys;
    c->n = n < CHUNK ? n : CHUNK;
    for (size_t i = 0; i < c->n; i++) {
        c->known[i] = fet_known_find(&e->known, &keys[i]);
        c->family[i] = c->known[i] ? FET_FAMILY_COUNT : fet_family_of(&keys[i]);
        c->prior_ms[i] = c->excess[i] = 0;
    }
}

static fet_status check_chunk(const fet_estimator *e, chunk *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->known[i]) continue;
        const fet_model *m = &e->models[c->family[i]];
        uint32_t dimension = 0;
        if (!m->is_there) return no_model(e, &c->keys[i], c->family[i]);
        c->excess[i] = excess(m, &c->keys[i], &dimension);
        if (c->excess[i] > 0 && e->outside == FET_ESTIMATE_REFUSE) return refuse(e, &c->keys[i], dimension);
    }
    return FET_OK;
}

fet_status fet_estimator_predict(const fet_estimator *estimator, const fet_kernel_key *keys, size_t n, fet_estimate *out_estimates)
{
    chunk c;
    fet_estimate out[CHUNK];
    /* First all that can fail, so that nothing is half written. */
    for (size_t first = 0; first < n && n > CHUNK; first += CHUNK) {
        begin_chunk(estimator, keys + first, n - first, &c);
        FET_TRY(check_chunk(estimator, &c));
    }
    for (size_t first = 0; first < n; first += CHUNK) {
        begin_chunk(estimator, keys + first, n - first, &c);
        FET_TRY(check_chunk(estimator, &c));
        predict_chunk(estimator, &c, out);
        for (size_t i = 0; i < c.n; i++)
            if (isnan(out[i].latency_ms)) return no_model(estimator, &keys[first + i], c.family[i]);
        memcpy(out_estimates + first, out, c.n * sizeof *out);
    }
    return FET_OK;
}

void fet_model_ask_prior(const fet_estimator *prior, const fet_kernel_key *keys, size_t n, double *out_ms)
{
    for (size_t first = 0; first < n; first += CHUNK) {
        fet_kernel_key mapped[CHUNK];
        fet_estimate out[CHUNK];
        chunk c;
        size_t some = n - first < CHUNK ? n - first : CHUNK;
        for (size_t i = 0; i < some; i++) { /* the same kernel, as the other device would run it */
            mapped[i] = keys[first + i];
            if (!(mapped[i].flags & FET_KERNEL_PLAIN_SRC) || mapped[i].op == FET_OP_CAST) mapped[i].precision = (uint8_t)prior->precision;
            if (prior->precision != FET_DTYPE_S8) mapped[i].flags &= ~(uint32_t)FET_KERNEL_SIGNED_SRC;
            if (prior->precision == FET_DTYPE_F32) mapped[i].flags &= ~(uint32_t)FET_KERNEL_F32_DST;
        }
        begin_chunk(prior, mapped, some, &c);
        predict_chunk(prior, &c, out);
        for (size_t i = 0; i < some; i++) out_ms[first + i] = out[i].latency_ms > 0 ? out[i].latency_ms : 0;
    }
}

fet_status fet_model_predict_unmeasured(const fet_estimator *estimator, const fet_kernel_key *key, fet_estimate *out_estimate)
{
    chunk c = {.keys = key, .n = 1, .family = {fet_family_of(key)}};
    fet_estimate out[CHUNK];
    FET_TRY(check_chunk(estimator, &c));
    predict_chunk(estimator, &c, out);
    if (isnan(out[0].latency_ms)) return no_model(estimator, key, c.family[0]);
    *out_estimate = out[0];
    return FET_OK;
}
