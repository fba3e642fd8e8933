// SPDX-License-Identifier: Apache-2.0
/*
 * Fits an estimator, family by family: the baseline's constants, then trees on the logarithm of measured / baseline. The same on parts of
 * the data gives errors on kernels that were not seen, which say whether the trees help, and how wide the intervals are.
 */
#include "base/median.h"
#include "base/rng.h"
#include "estimate/boost.h"
#include "estimate/conformal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FOLDS = 5, MANY_FOLDS = 10, FEW = 50, TREES_FROM = 16 };

static const double NOISY = 0.05;      /* a measurement with this spread counts half */
static const double PRIOR_KERNELS = 3; /* how many kernels a prior's common scale counts as, against a family's own */

fet_estimator_options fet_estimator_default_options(void)
{
    return (fet_estimator_options){.precision = FET_DTYPE_S8, .coverage = 0.9, .keep_kernels = true, .intervals = true, .seed = 1};
}

/* One family's kernels. */
typedef struct table {
    const fet_estimate_sample **samples;
    fet_workload *workloads;
    double *ms, *prior_ms;
    size_t n;
    const fet_estimator_options *options;
    fet_parallelism parallelism; /* as given, or found from all of them */
    bool variants;               /* rooflines by variant, where the family has any */
    double prior_scale;          /* of all families together, a logarithm */
} table;

/* What is learned from the kernels at[n] of a table, and room for it. */
typedef struct part {
    uint32_t *at;
    size_t n;
    const fet_kernel_key **keys;
    fet_workload *workloads;
    double *ms;
    float *rows, *targets, *weights;
} part;

static void free_table(table *t)
{
    fet_free(t->samples);
    fet_free(t->workloads);
    fet_free(t->ms);
}

static void free_part(part *p)
{
    fet_free(p->at);
    fet_free(p->keys);
    fet_free(p->workloads);
    fet_free(p->ms);
    fet_free(p->rows);
}

static fet_status make_part(size_t n, part *p)
{
    FET_TRY(fet_alloc_zeroed(n, sizeof *p->at, "kernels", &p->at));
    FET_TRY(fet_alloc_zeroed(n, sizeof *p->keys, "kernels", &p->keys));
    FET_TRY(fet_alloc_zeroed(n, sizeof *p->workloads, "kernels", &p->workloads));
    FET_TRY(fet_alloc_zeroed(n, sizeof *p->ms, "kernels", &p->ms));
    FET_TRY(fet_alloc_zeroed(n * (FET_FEATURE_COUNT + 2), sizeof *p->rows, "features", &p->rows));
    p->targets = p->rows + n * FET_FEATURE_COUNT;
    p->weights = p->targets + n;
    return FET_OK;
}

/* --- baseline --- */

/* measured = exp(offset) * prior^slope: the offset drawn to what all families have together, the slope to 1. */
static void scale_prior(const table *t, const part *p, fet_model *model)
{
    double mean_x = 0, mean_y = 0, var = 0, cov = 0, n = (double)p->n;
    model->prior_slope = 1;
    model->prior_offset = t->prior_scale;
    if (p->n == 0) return;
    for (size_t i = 0; i < p->n; i++) mean_x += log(t->prior_ms[p->at[i]]) / n, mean_y += log(p->ms[i]) / n;
    for (size_t i = 0; i < p->n; i++) {
        double x = log(t->prior_ms[p->at[i]]) - mean_x, y = log(p->ms[i]) - mean_y;
        var += x * x / n, cov += x * y / n;
    }
    double pull = 5;
    if (var > 1e-6) model->prior_slope = (n * cov + pull * var) / (n * var + pull * var);
    double own = mean_y - model->prior_slope * mean_x, common = t->prior_scale + (1 - model->prior_slope) * mean_x;
    model->prior_offset = (n * own + PRIOR_KERNELS * common) / (n + PRIOR_KERNELS);
}

static fet_status fit_baseline(const table *t, const part *p, fet_model *model)
{
    if (model->scales_prior) scale_prior(t, p, model);
    if (p->n == 0) { /* only ever asked for a share of nothing */
        model->roofline = (fet_roofline){1, 1, 1, 1, 1, 0};
        return FET_OK;
    }
    FET_TRY(fet_roofline_fit(p->workloads, p->ms, p->n, t->parallelism.out_channels, t->parallelism.in_channels, &model->roofline));
    model->n_variants = 0;
    if (!t->variants) return FET_OK;
    for (size_t i = 0; i < p->n; i++) p->keys[i] = &t->samples[p->at[i]]->key;
    return fet_variants_fit(p->keys, p->workloads, p->ms, p->n, &model->roofline, model->variants, &model->n_variants);
}

/* --- trees --- */

static fet_boost_options boost_options(const fet_estimator_options *options, size_t n)
{
    static const struct {
        size_t below;
        uint32_t trees, depth;
        double rate, min_child, lambda;
    } steps[] = {{60, 60, 2, 0.10, 3, 2},
                 {150, 100, 3, 0.10, 3, 1.5},
                 {1500, 120, 4, 0.13, 2, 1},
                 {4000, 200, 5, 0.10, 2, 1},
                 {SIZE_MAX, 800, 9, 0.07, 4, 1}};
    int s = 0;
    while (n >= steps[s].below) s++;
    fet_boost_options o = {.trees = steps[s].trees,
                           .depth = steps[s].depth,
                           .learning_rate = steps[s].rate,
                           .subsample = 0.8,
                           .column_share = 0.6,
                           .min_child = steps[s].min_child,
                           .lambda = steps[s].lambda,
                           .seed = options->seed};
    if (options->trees) o.trees = options->trees;
    if (options->depth) o.depth = options->depth;
    if (options->learning_rate > 0) o.learning_rate = options->learning_rate;
    return o;
}

/* Fills the part from the table's kernels `at`, which are set. */
static void gather(const table *t, part *p)
{
    for (size_t i = 0; i < p->n; i++) {
        p->workloads[i] = t->workloads[p->at[i]];
        p->ms[i] = t->ms[p->at[i]];
    }
}

static fet_status fit_part(const table *t, part *p, bool with_trees, fet_model *model)
{
    gather(t, p);
    FET_TRY(fit_baseline(t, p, model));
    if (!with_trees) return FET_OK;
    for (size_t i = 0; i < p->n; i++) {
        const fet_estimate_sample *s = t->samples[p->at[i]];
        fet_model_row row;
        (void)fet_model_look(model, &s->key, t->prior_ms[p->at[i]], &row, p->rows + i * FET_FEATURE_COUNT);
        p->targets[i] = (float)log(s->latency_ms / row.baseline_ms);
        p->weights[i] = (float)(1 / (1 + s->spread * s->spread / (NOISY * NOISY)));
    }
    fet_boost_options boost = boost_options(t->options, p->n);
    FET_TRY(fet_boost_fit(&boost, p->rows, p->n, FET_FEATURE_COUNT, p->targets, p->weights, &model->ratio.json, &model->ratio.json_bytes));
    return fet_trees_parse("trees", model->ratio.json, model->ratio.json_bytes, FET_FEATURE_COUNT, &model->ratio.flat);
}

/* --- errors on kernels that were left out --- */

typedef struct unseen {
    uint32_t *folds, n_folds;
    float *rows;
    double *with_trees, *without; /* logarithms */
} unseen;

static void free_unseen(unseen *u)
{
    fet_free(u->folds);
    fet_free(u->rows);
    fet_free(u->with_trees);
}

static fet_status make_unseen(const table *t, unseen *u)
{
    fet_rng rng;
    uint32_t *order = NULL;
    u->n_folds = t->n < FEW ? (t->n < MANY_FOLDS ? (uint32_t)t->n : MANY_FOLDS) : FOLDS;
    FET_TRY(fet_alloc_zeroed(t->n, sizeof *u->folds, "folds", &u->folds));
    FET_TRY(fet_alloc_zeroed(t->n * FET_FEATURE_COUNT, sizeof *u->rows, "features", &u->rows));
    FET_TRY(fet_alloc_zeroed(2 * t->n, sizeof *u->with_trees, "errors", &u->with_trees));
    u->without = u->with_trees + t->n;
    FET_TRY(fet_alloc_zeroed(t->n, sizeof *order, "an order", &order));
    for (uint32_t i = 0; i < t->n; i++) order[i] = i;
    fet_rng_init(&rng, t->options->seed, 0, FET_RNG_SPLIT);
    fet_rng_shuffle(&rng, order, t->n);
    for (uint32_t i = 0; i < t->n; i++) u->folds[order[i]] = i % u->n_folds;
    fet_free(order);
    return FET_OK;
}

static fet_status leave_out(const table *t, part *p, uint32_t fold, bool scales_prior, bool with_trees, unseen *u)
{
    fet_model model = {.scales_prior = scales_prior};
    p->n = 0;
    for (uint32_t i = 0; i < t->n; i++)
        if (u->folds[i] != fold) p->at[p->n++] = i;
    fet_status status = fit_part(t, p, with_trees && p->n >= TREES_FROM, &model);
    for (uint32_t i = 0; i < t->n && status == FET_OK; i++) {
        fet_model_row row;
        float *features = u->rows + (size_t)i * FET_FEATURE_COUNT, ratio = 0;
        if (u->folds[i] != fold) continue;
        (void)fet_model_look(&model, &t->samples[i]->key, t->prior_ms[i], &row, features);
        if (model.ratio.flat) fet_trees_predict(model.ratio.flat, features, 1, FET_FEATURE_COUNT, &ratio);
        u->without[i] = log(t->ms[i] / row.baseline_ms);
        u->with_trees[i] = u->without[i] - ratio;
    }
    fet_model_deinit(&model);
    return status;
}

static double mean_size(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += fabs(values[i]) / (double)n;
    return sum;
}

static fet_status leave_each_out(const table *t, part *p, bool scales_prior, bool with_trees, unseen *u)
{
    for (uint32_t f = 0; f < u->n_folds; f++) FET_TRY(leave_out(t, p, f, scales_prior, with_trees, u));
    return FET_OK;
}

static bool all_have_prior(const table *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (!(t->prior_ms[i] > 0)) return false;
    return t->options->prior != NULL;
}

/* --- a family --- */

static void note_ranges(const table *t, fet_model *model)
{
    for (uint32_t d = 0; d < FET_DIMENSION_COUNT; d++) {
        model->low[d] = UINT32_MAX, model->high[d] = 0;
        for (size_t i = 0; i < t->n; i++) {
            uint32_t x = fet_model_dimension(&t->samples[i]->key, d);
            if (x < model->low[d]) model->low[d] = x;
            if (x > model->high[d]) model->high[d] = x;
        }
    }
    for (size_t i = 0; i < t->n; i++) {
        const fet_kernel_key *key = &t->samples[i]->key;
        model->ops[key->op / 64] |= 1ull << (key->op % 64);
        model->activations |= 1u << key->activation;
    }
}

/* What a family's model is made of. */
typedef struct form {
    bool scales_prior, variants, trees;
    double error; /* mean size of the logarithm, on unseen kernels */
} form;

/* Its error, with trees or without, whichever is less. */
static fet_status try_form(table *t, part *p, unseen *u, form *f)
{
    t->variants = f->variants;
    bool trees = t->n >= TREES_FROM;
    FET_TRY(leave_each_out(t, p, f->scales_prior, trees, u));
    double with = mean_size(u->with_trees, t->n), without = mean_size(u->without, t->n);
    f->trees = trees && with < without;
    f->error = f->trees ? with : without;
    return FET_OK;
}

/* Errors on unseen kernels say which baseline it is, and whether trees help; with many kernels, no prior and no intervals it is known. */
static fet_status choose(table *t, part *p, unseen *u, form *out_form)
{
    bool prior = all_have_prior(t), variants = fet_family_has_variants(fet_family_of(&t->samples[0]->key));
    const form all[] = {{.scales_prior = true}, {.variants = true}, {.variants = false}};
    form best = {.variants = variants, .trees = t->n >= TREES_FROM, .error = INFINITY};
    size_t which = 0, last = 0;
    if (prior || t->options->intervals || t->n < 200)
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
            form one = all[i];
            if ((one.scales_prior && !prior) || (one.variants && !variants)) continue;
            FET_TRY(try_form(t, p, u, &one));
            last = i;
            if (one.error < best.error) best = one, which = i;
        }
    if (which != last) FET_TRY(try_form(t, p, u, &best)); /* its errors are what intervals are made of */
    t->variants = best.variants;
    *out_form = best;
    return FET_OK;
}

/* Once a family: parts of its kernels would find the same. */
static fet_status find_parallelism(table *t)
{
    fet_roofline found;
    FET_TRY(fet_roofline_fit(t->workloads, t->ms, t->n, t->parallelism.out_channels, t->parallelism.in_channels, &found));
    t->parallelism = (fet_parallelism){found.out, found.in};
    return FET_OK;
}

static fet_status fit_family(table *t, part *p, unseen *u, fet_model *model)
{
    form chosen = {.error = INFINITY};
    FET_TRY(make_part(t->n, p));
    FET_TRY(make_unseen(t, u));
    FET_TRY(find_parallelism(t));
    FET_TRY(choose(t, p, u, &chosen));
    model->scales_prior = chosen.scales_prior;
    p->n = t->n;
    for (uint32_t i = 0; i < t->n; i++) p->at[i] = i;
    FET_TRY(fit_part(t, p, chosen.trees, model));
    model->n = (uint32_t)t->n;
    model->is_there = true;
    note_ranges(t, model);
    if (!t->options->intervals) return FET_OK;
    return fet_conformal_fit(u->rows, chosen.trees ? u->with_trees : u->without, u->folds, u->n_folds, t->n, t->options->seed, model);
}

static fet_status make_table(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n, fet_family family,
                             table *t)
{
    t->options = options;
    /* What is given is of multiplying units; others have widths of their own. */
    if (!fet_family_has_variants(family)) t->parallelism = options->parallelism;
    for (size_t i = 0; i < n; i++) t->n += fet_family_of(&samples[i].key) == family;
    FET_TRY(fet_alloc_zeroed(t->n + 1, sizeof *t->samples, "kernels", &t->samples));
    FET_TRY(fet_alloc_zeroed(t->n + 1, sizeof *t->workloads, "kernels", &t->workloads));
    FET_TRY(fet_alloc_zeroed(2 * (t->n + 1), sizeof *t->ms, "kernels", &t->ms));
    t->prior_ms = t->ms + t->n + 1;
    t->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (fet_family_of(&samples[i].key) != family) continue;
        t->samples[t->n] = &samples[i];
        t->workloads[t->n] = fet_workload_of(&samples[i].key);
        t->ms[t->n] = samples[i].latency_ms;
        if (options->prior) fet_model_ask_prior(options->prior, &samples[i].key, 1, &t->prior_ms[t->n]);
        t->n++;
    }
    return FET_OK;
}

/* The median of measured / prior over all kernels; and what is left of it, for families of which nothing was measured. */
static fet_status common_scale(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n, double *out_scale,
                               double quantiles[FET_MODEL_LEVELS])
{
    double *ratios = NULL, ms;
    size_t found = 0;
    *out_scale = 0;
    if (!options->prior) return FET_OK;
    FET_TRY(fet_alloc_zeroed(n, sizeof *ratios, "ratios", &ratios));
    for (size_t i = 0; i < n; i++) {
        fet_model_ask_prior(options->prior, &samples[i].key, 1, &ms);
        if (ms > 0) ratios[found++] = log(samples[i].latency_ms / ms);
    }
    if (found) {
        fet_sort_doubles(ratios, found);
        *out_scale = ratios[found / 2];
        for (size_t i = 0; i < found; i++) ratios[i] = fabs(ratios[i] - *out_scale);
        for (int l = 0; l < FET_MODEL_LEVELS; l++) quantiles[l] = fet_conformal_quantile(ratios, found, fet_model_levels[l]);
    }
    fet_free(ratios);
    return FET_OK;
}

static fet_status fit_families(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n, fet_estimator *e)
{
    double scale, quantiles[FET_MODEL_LEVELS] = {0};
    FET_TRY(common_scale(options, samples, n, &scale, quantiles));
    for (int f = 0; f < FET_FAMILY_COUNT; f++) {
        table t = {.prior_scale = scale};
        part p = {.n = 0};
        unseen u = {.n_folds = 0};
        fet_model *model = &e->models[f];
        fet_status status = make_table(options, samples, n, (fet_family)f, &t);
        bool prior = options->prior && options->prior->models[f].is_there;
        if (status == FET_OK && t.n >= FET_ESTIMATE_MIN) status = fit_family(&t, &p, &u, model);
        else if (status == FET_OK && prior) { /* too few of its own: the prior's, scaled as the others are */
            model->is_there = model->scales_prior = true;
            status = fit_baseline(&t, &(part){.n = 0}, model);
            memcpy(model->quantiles, quantiles, sizeof quantiles);
        }
        free_table(&t);
        free_part(&p);
        free_unseen(&u);
        FET_TRY(status);
    }
    return FET_OK;
}

/* --- the whole --- */

typedef struct hashed {
    uint64_t hash;
    size_t at;
} hashed;

static int by_hash(const void *a, const void *b)
{
    const hashed *x = a, *y = b;
    return x->hash != y->hash ? (x->hash > y->hash) - (x->hash < y->hash) : (x->at > y->at) - (x->at < y->at);
}

static fet_status check_samples(const fet_estimate_sample *samples, size_t n)
{
    hashed *order = NULL;
    char text[FET_KERNEL_KEY_TEXT_BYTES];
    fet_status status = FET_OK;
    if (n == 0) return fet_fail(FET_ERROR_ARG, "no measured kernels to fit an estimator to");
    for (size_t i = 0; i < n; i++)
        if (!(samples[i].latency_ms > 0 && samples[i].latency_ms < 1e9) || !(samples[i].spread >= 0))
            return fet_fail(FET_ERROR_ARG, "kernel \"%s\": latency %g ms, spread %g: expected a latency above 0",
                            fet_kernel_key_print(&samples[i].key, text, sizeof text), samples[i].latency_ms, samples[i].spread);
    FET_TRY(fet_alloc_zeroed(n, sizeof *order, "kernels", &order));
    for (size_t i = 0; i < n; i++) order[i] = (hashed){fet_kernel_key_hash(&samples[i].key), i};
    qsort(order, n, sizeof *order, by_hash);
    for (size_t i = 1; i < n && status == FET_OK; i++)
        if (order[i].hash == order[i - 1].hash && fet_kernel_key_equal(&samples[order[i].at].key, &samples[order[i - 1].at].key))
            status =
                fet_fail(FET_ERROR_ARG, "kernel \"%s\" is there twice", fet_kernel_key_print(&samples[order[i].at].key, text, sizeof text));
    fet_free(order);
    return status;
}

static fet_status check_options(const fet_estimator_options *o)
{
    if (!(o->coverage >= 0.5 && o->coverage <= 0.99)) return fet_fail(FET_ERROR_ARG, "coverage %g: expected 0.5 to 0.99", o->coverage);
    if (o->trees > FET_TREES_MAX) return fet_fail(FET_ERROR_ARG, "%u trees: expected at most %d", o->trees, FET_TREES_MAX);
    if (o->depth > FET_TREES_MAX_DEPTH) return fet_fail(FET_ERROR_ARG, "depth %u: expected at most %d", o->depth, FET_TREES_MAX_DEPTH);
    if (!(o->learning_rate >= 0 && o->learning_rate <= 1))
        return fet_fail(FET_ERROR_ARG, "learning rate %g: expected 0 to 1", o->learning_rate);
    if (o->prior && o->prior->prior) return fet_fail(FET_ERROR_ARG, "%s: it has a prior itself, and cannot be one", o->prior->device);
    return FET_OK;
}

/* Through its own text, so that what is kept is what would be read. */
static fet_status copy_prior(const fet_estimator *prior, fet_estimator **out_copy)
{
    char *text = NULL;
    size_t bytes = 0;
    FET_TRY(fet_estimator_print(prior, &text, &bytes));
    fet_status status = fet_estimator_parse("the prior", text, bytes, out_copy);
    fet_free(text);
    return status;
}

fet_status fet_estimator_fit(const fet_estimator_options *options, const fet_estimate_sample *samples, size_t n,
                             fet_estimator **out_estimator)
{
    fet_estimator_options usual = fet_estimator_default_options();
    const fet_estimator_options *o = options ? options : &usual;
    const fet_fusion_rules *rules = o->rules ? o->rules : &fet_fusion_rules_host;
    fet_auto(fet_estimator) e = NULL;
    FET_TRY(check_options(o));
    FET_TRY(check_samples(samples, n));
    FET_TRY(fet_alloc_zeroed(1, sizeof *e, "an estimator", &e));
    FET_TRY(fet_strdup_checked(o->device ? o->device : "a device", &e->device));
    FET_TRY(fet_strdup_checked(rules->name ? rules->name : "device", &e->rules_name));
    e->rules = *rules;
    e->rules.name = e->rules_name;
    e->precision = o->precision;
    e->parallelism = o->parallelism;
    e->channel_rounding = o->channel_rounding;
    e->outside = o->outside;
    e->coverage = o->coverage;
    e->seed = o->seed;
    e->n = (uint32_t)n;
    if (o->prior) FET_TRY(copy_prior(o->prior, &e->prior));
    for (size_t i = 0; i < n && o->keep_kernels; i++) FET_TRY(fet_known_add(&e->known, &samples[i]));
    FET_TRY(fit_families(o, samples, n, e));
    *out_estimator = fet_take(e);
    return FET_OK;
}
