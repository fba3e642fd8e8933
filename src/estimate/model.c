// SPDX-License-Identifier: Apache-2.0
#include "estimate/model.h"

#include <math.h>
#include <string.h>

const double fet_model_levels[FET_MODEL_LEVELS] = {0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99};

static void deinit_trees(fet_model_trees *trees)
{
    fet_trees_destroy(trees->flat);
    fet_free(trees->json);
    *trees = (fet_model_trees){.json_bytes = 0};
}

void fet_model_deinit(fet_model *model)
{
    deinit_trees(&model->ratio);
    deinit_trees(&model->difficulty);
}

void fet_estimator_destroy(fet_estimator *estimator)
{
    if (!estimator) return;
    for (int f = 0; f < FET_FAMILY_COUNT; f++) fet_model_deinit(&estimator->models[f]);
    fet_estimator_destroy(estimator->prior);
    fet_known_clear(&estimator->known);
    fet_free(estimator->device);
    fet_free(estimator->rules_name);
    fet_free(estimator);
}

uint32_t fet_model_dimension(const fet_kernel_key *key, uint32_t dimension)
{
    switch (dimension) {
#define FET_MODEL_DIMENSION(member)                                                                                                        \
    case FET_DIMENSION_##member: return key->member;
        FET_MODEL_DIMENSIONS(FET_MODEL_DIMENSION)
#undef FET_MODEL_DIMENSION
    default: return 0;
    }
}

const char *fet_model_dimension_name(uint32_t dimension)
{
    static const char *const names[FET_DIMENSION_COUNT] = {
#define FET_MODEL_DIMENSION(member) #member,
        FET_MODEL_DIMENSIONS(FET_MODEL_DIMENSION)
#undef FET_MODEL_DIMENSION
    };
    return names[dimension];
}

bool fet_model_look(const fet_model *model, const fet_kernel_key *key, double prior_ms, fet_model_row *row,
                    float features[FET_FEATURE_COUNT])
{
    fet_feature_context context = {.prior_ms = prior_ms};
    row->workload = fet_workload_of(key);
    row->prior_ms = prior_ms;
    const fet_variant *variant = fet_variant_find(model->variants, model->n_variants, key);
    double roofline_ms = fet_roofline_ms(variant ? &variant->roofline : &model->roofline, &row->workload, &context.compute_share);
    row->baseline_ms = roofline_ms;
    if (model->scales_prior) {
        if (!(prior_ms > 0)) return false;
        row->baseline_ms = exp(model->prior_offset + model->prior_slope * log(prior_ms));
    }
    context.baseline_ms = row->baseline_ms;
    fet_features_fill(key, &row->workload, &context, features);
    return true;
}

double fet_model_quantile(const fet_model *model, double coverage)
{
    const double *level = fet_model_levels, *q = model->quantiles;
    for (int i = 1; i < FET_MODEL_LEVELS; i++)
        if (coverage <= level[i] || i == FET_MODEL_LEVELS - 1)
            return q[i - 1] + (q[i] - q[i - 1]) * fmax(0, coverage - level[i - 1]) / (level[i] - level[i - 1]);
    return q[FET_MODEL_LEVELS - 1];
}

const char *fet_estimator_device(const fet_estimator *estimator)
{
    return estimator->device;
}

const fet_fusion_rules *fet_estimator_rules(const fet_estimator *estimator)
{
    return &estimator->rules;
}

fet_dtype fet_estimator_precision(const fet_estimator *estimator)
{
    return estimator->precision;
}

fet_parallelism fet_estimator_parallelism(const fet_estimator *estimator)
{
    fet_parallelism p = estimator->parallelism;
    return (fet_parallelism){p.out_channels ? p.out_channels : 1, p.in_channels ? p.in_channels : 1};
}

uint32_t fet_estimator_channel_rounding(const fet_estimator *estimator)
{
    return estimator->channel_rounding ? estimator->channel_rounding : 1;
}

double fet_estimator_coverage(const fet_estimator *estimator)
{
    return estimator->coverage;
}

uint32_t fet_estimator_count(const fet_estimator *estimator)
{
    return estimator->n;
}

_Static_assert((int)FET_ESTIMATOR_FAMILIES == (int)FET_FAMILY_COUNT, "estimate.h says how many families there are");

bool fet_estimator_family_of(const fet_estimator *estimator, uint32_t family, fet_estimator_family *out_family)
{
    if (family >= FET_FAMILY_COUNT || !estimator->models[family].is_there) return false;
    const fet_model *m = &estimator->models[family];
    *out_family = (fet_estimator_family){
        .name = fet_family_name((fet_family)family), .kernels = m->n, .has_trees = m->ratio.flat != NULL, .scales_prior = m->scales_prior};
    return true;
}

const char *fet_estimator_between(const fet_estimator *estimator)
{
    return estimator->between;
}

static fet_status set_line(char line[FET_ESTIMATE_BETWEEN_BYTES], const char *text)
{
    size_t bytes = strlen(text);
    if (bytes >= FET_ESTIMATE_BETWEEN_BYTES || strpbrk(text, "\n\r"))
        return fet_fail(FET_ERROR_ARG, "\"%.40s\" is no line of at most %d bytes", text, FET_ESTIMATE_BETWEEN_BYTES - 1);
    memcpy(line, text, bytes + 1);
    return FET_OK;
}

fet_status fet_estimator_set_between(fet_estimator *estimator, const char *text)
{
    return set_line(estimator->between, text);
}

fet_status fet_estimator_add_base(fet_estimator *estimator, uint32_t base, const char *text)
{
    uint32_t i = 0;
    while (i < estimator->n_bases && estimator->bases[i].base != base) i++;
    if (i == FET_ESTIMATE_BASES_MAX) return fet_fail(FET_ERROR_LIMIT, "more than %d base networks", (int)FET_ESTIMATE_BASES_MAX);
    FET_TRY(set_line(estimator->bases[i].between, text));
    estimator->bases[i].base = base;
    if (i == estimator->n_bases) estimator->n_bases++;
    return FET_OK;
}

uint32_t fet_estimator_bases(const fet_estimator *estimator)
{
    return estimator->n_bases;
}

const char *fet_estimator_base(const fet_estimator *estimator, uint32_t i, uint32_t *out_base)
{
    *out_base = estimator->bases[i].base;
    return estimator->bases[i].between;
}
