// SPDX-License-Identifier: Apache-2.0
/* Reads what file.c writes. Every number has limits, every name must be known, and an error says file, line and what was expected. */
#include "estimate/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 300 };

typedef struct reader {
    const char *name;
    const char *at, *end;
    char *line; /* of the present line: its own copy, cut into words by whoever reads it */
    size_t capacity;
    size_t number;
    char *words[MAX_WORDS];
    size_t n_words;
    uint32_t columns[FET_FEATURE_COUNT], n_columns; /* features of the trees' columns */
    fet_estimator *e;
    fet_model *model; /* of the present family; NULL: none yet */
} reader;

static fet_status wrong(const reader *r, const char *expected)
{
    return fet_fail(FET_ERROR_CORRUPT, "%s:%zu: \"%.60s\": expected %s", r->name, r->number, r->line, expected);
}

/* Copies the next line; false at the end. */
static fet_status next_line(reader *r, bool *out_there)
{
    *out_there = r->at < r->end;
    if (!*out_there) return FET_OK;
    const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    size_t bytes = (size_t)((newline ? newline : r->end) - r->at);
    r->number++;
    FET_TRY(fet_grow(&r->line, &r->capacity, bytes + 1, 1));
    memcpy(r->line, r->at, bytes);
    r->line[bytes] = '\0';
    if (!newline) return wrong(r, "a line with an end: the file was cut off");
    if (strlen(r->line) != bytes) return wrong(r, "a text without zero bytes");
    r->at = newline + 1;
    return FET_OK;
}

/* The line's first word ends; returns the rest. */
static char *cut_word(char *text)
{
    char *space = strchr(text, ' ');
    if (!space) return text + strlen(text);
    *space = '\0';
    return space + 1;
}

static fet_status split(reader *r, char *rest)
{
    r->n_words = 0;
    for (char *word = rest, *next; *word; word = next) {
        next = cut_word(word);
        if (r->n_words == MAX_WORDS) return fet_fail(FET_ERROR_LIMIT, "%s:%zu: more than %d words", r->name, r->number, MAX_WORDS);
        if (word[0]) r->words[r->n_words++] = word;
    }
    return FET_OK;
}

static bool real(const char *text, double low, double high, double *out)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= low && value <= high)) return false;
    *out = value;
    return true;
}

static bool whole(const char *text, int base, uint64_t limit, uint64_t *out)
{
    char *end = NULL;
    if (text[0] == '-' || text[0] == '+') return false;
    unsigned long long value = strtoull(text, &end, base);
    if (end == text || *end || value > limit) return false;
    *out = value;
    return true;
}

static bool whole32(const char *text, uint32_t *out)
{
    uint64_t value = 0;
    if (!whole(text, 10, UINT32_MAX, &value)) return false;
    *out = (uint32_t)value;
    return true;
}

static bool flag(const char *text, bool *out)
{
    *out = text[0] == '1';
    return (text[0] == '0' || text[0] == '1') && text[1] == '\0';
}

/* --- the head --- */

static fet_status keep(const char *rest, char **text)
{
    fet_free(*text);
    *text = NULL;
    return fet_strdup_checked(rest, text);
}

static fet_status read_device(reader *r, char *rest)
{
    return keep(rest, &r->e->device);
}

static fet_status read_precision(reader *r, char *rest)
{
    r->e->precision = fet_dtype_parse(rest);
    return r->e->precision == FET_DTYPE_NONE ? wrong(r, "a type such as s8") : FET_OK;
}

static fet_status read_fusion(reader *r, char *rest)
{
    fet_fusion_rules *rules = &r->e->rules;
    char *words[6];
    uint64_t activations = 0;
    for (int i = 0; i < 6; i++) words[i] = rest, rest = cut_word(rest);
    bool good = flag(words[0], &rules->batch_norm) && whole(words[1], 16, UINT32_MAX, &activations) && flag(words[2], &rules->add) &&
                flag(words[3], &rules->activation_after_add) && flag(words[4], &rules->add_after_activation) &&
                flag(words[5], &rules->activation_after_pool) && rest[0];
    if (!good) return wrong(r, "fusion: 0 or 1, bits of activations, four more of 0 or 1, and a name");
    rules->activations = (uint32_t)activations;
    return keep(rest, &r->e->rules_name);
}

static fet_status read_parallelism(reader *r, char *rest)
{
    FET_TRY(split(r, rest));
    bool good =
        r->n_words == 2 && whole32(r->words[0], &r->e->parallelism.out_channels) && whole32(r->words[1], &r->e->parallelism.in_channels);
    return good ? FET_OK : wrong(r, "parallelism: two whole numbers");
}

static fet_status read_rounding(reader *r, char *rest)
{
    return whole32(rest, &r->e->channel_rounding) ? FET_OK : wrong(r, "rounding: a whole number");
}

static fet_status read_outside(reader *r, char *rest)
{
    if (strcmp(rest, "refuse") == 0) r->e->outside = FET_ESTIMATE_REFUSE;
    else if (strcmp(rest, "widen") == 0) r->e->outside = FET_ESTIMATE_WIDEN;
    else return wrong(r, "outside: refuse or widen");
    return FET_OK;
}

static fet_status read_coverage(reader *r, char *rest)
{
    return real(rest, 0.5, 0.99, &r->e->coverage) ? FET_OK : wrong(r, "coverage: a number, 0.5 to 0.99");
}

static fet_status read_kernels(reader *r, char *rest)
{
    return whole32(rest, &r->e->n) ? FET_OK : wrong(r, "kernels: a whole number");
}

static fet_status read_seed(reader *r, char *rest)
{
    return whole(rest, 10, UINT64_MAX, &r->e->seed) ? FET_OK : wrong(r, "seed: a whole number");
}

static fet_status read_between(reader *r, char *rest)
{
    return fet_estimator_set_between(r->e, rest) == FET_OK ? FET_OK : wrong(r, "between: a short text");
}

static fet_status read_base(reader *r, char *rest)
{
    char *text = strchr(rest, ' ');
    uint64_t base = 0;
    if (text) *text++ = '\0';
    bool good = text && whole(rest, 16, UINT32_MAX, &base) && fet_estimator_add_base(r->e, (uint32_t)base, text) == FET_OK;
    return good ? FET_OK : wrong(r, "base: 8 hexadecimal digits and a short text, for no more bases than an estimator holds");
}

static fet_status read_features(reader *r, char *rest)
{
    bool seen[FET_FEATURE_COUNT] = {false};
    FET_TRY(split(r, rest));
    for (size_t i = 0; i < r->n_words; i++) {
        uint32_t f = fet_feature_parse(r->words[i]);
        if (f == FET_FEATURE_COUNT || seen[f])
            return fet_fail(FET_ERROR_CORRUPT, "%s:%zu: feature \"%.40s\" is %s", r->name, r->number, r->words[i],
                            f == FET_FEATURE_COUNT ? "none of this version" : "there twice");
        seen[f] = true;
        r->columns[i] = f;
    }
    r->n_columns = (uint32_t)r->n_words;
    return r->n_columns ? FET_OK : wrong(r, "features: names");
}

static fet_status read_known(reader *r, char *rest)
{
    fet_estimate_sample sample;
    char *ms = rest, *spread = cut_word(ms), *key = cut_word(spread);
    memset(&sample, 0, sizeof sample);
    if (!real(ms, 1e-12, 1e9, &sample.latency_ms) || !real(spread, 0, 1e9, &sample.spread))
        return wrong(r, "known: a latency, a spread, a kernel");
    fet_status status = fet_kernel_key_parse(key, &sample.key);
    if (status == FET_OK) status = fet_known_add(&r->e->known, &sample);
    if (status == FET_ERROR_EXISTS) return fet_fail(FET_ERROR_CORRUPT, "%s:%zu: kernel \"%.200s\" is there twice", r->name, r->number, key);
    return status == FET_OK ? FET_OK : fet_note(status, "%s:%zu", r->name, r->number);
}

/* --- families --- */

static fet_status read_family(reader *r, char *rest)
{
    FET_TRY(split(r, rest));
    fet_family family = r->n_words == 2 ? fet_family_parse(r->words[0]) : FET_FAMILY_COUNT;
    uint32_t n = 0;
    if (family == FET_FAMILY_COUNT || !whole32(r->words[1], &n)) return wrong(r, "family: a family's name and a whole number");
    if (r->e->models[family].is_there) return wrong(r, "each family once");
    r->model = &r->e->models[family];
    r->model->is_there = true;
    r->model->n = n;
    r->model->roofline = (fet_roofline){.out = 1, .in = 1};
    for (uint32_t d = 0; d < FET_DIMENSION_COUNT; d++) r->model->high[d] = UINT32_MAX; /* a dimension of a later version: anything */
    return FET_OK;
}

/* From a word on; the last number is of version 2. */
static bool roofline_from(const reader *r, size_t first, fet_roofline *f)
{
    char *const *words = r->words + first;
    if (r->n_words != first + 6 && r->n_words != first + 5) return false;
    f->ms_per_pixel = 0;
    return whole32(words[0], &f->out) && whole32(words[1], &f->in) && f->out && f->in && real(words[2], 0, 1e9, &f->overhead_ms) &&
           real(words[3], 0, 1e9, &f->ms_per_work) && real(words[4], 0, 1e9, &f->ms_per_byte) &&
           (r->n_words == first + 5 || real(words[5], 0, 1e9, &f->ms_per_pixel)) &&
           f->overhead_ms + f->ms_per_work + f->ms_per_byte + f->ms_per_pixel > 0;
}

static fet_status read_roofline(reader *r, char *rest)
{
    FET_TRY(split(r, rest));
    return roofline_from(r, 0, &r->model->roofline) ? FET_OK : wrong(r, "roofline: two whole numbers from 1, and three or four from 0");
}

/* FET_OP_COUNT: no such operator. */
static uint32_t op_named(const char *name)
{
    uint32_t op = 0;
    while (op < FET_OP_COUNT && strcmp(fet_op_onnx_name((fet_op_kind)op), name) != 0) op++;
    return op;
}

static fet_status read_variant(reader *r, char *rest)
{
    fet_variant *v = &r->model->variants[r->model->n_variants];
    uint64_t flags = 0, extra = 0;
    FET_TRY(split(r, rest));
    if (r->model->n_variants == FET_VARIANTS_MAX)
        return fet_fail(FET_ERROR_LIMIT, "%s:%zu: more than %d variants of a family", r->name, r->number, FET_VARIANTS_MAX);
    bool good = r->n_words == 10 && (v->op = op_named(r->words[0])) < FET_OP_COUNT && whole(r->words[1], 16, UINT32_MAX, &flags) &&
                whole(r->words[2], 16, UINT32_MAX, &extra) && whole32(r->words[3], &v->shape) && v->shape <= 2 &&
                roofline_from(r, 4, &v->roofline);
    if (!good) return wrong(r, "variant: an operator, bits of flags, extra, 0 to 2, and a roofline's six numbers");
    v->flags = (uint32_t)flags, v->extra = (uint32_t)extra;
    r->model->n_variants++;
    return FET_OK;
}

static fet_status read_scale(reader *r, char *rest)
{
    FET_TRY(split(r, rest));
    r->model->scales_prior = true;
    bool good =
        r->n_words == 2 && real(r->words[0], -100, 100, &r->model->prior_offset) && real(r->words[1], -10, 10, &r->model->prior_slope);
    return good ? FET_OK : wrong(r, "scale: two numbers");
}

static fet_status read_range(reader *r, char *rest)
{
    FET_TRY(split(r, rest));
    for (uint32_t d = 0; r->n_words == 3 && d < FET_DIMENSION_COUNT; d++)
        if (strcmp(fet_model_dimension_name(d), r->words[0]) == 0 && whole32(r->words[1], &r->model->low[d]) &&
            whole32(r->words[2], &r->model->high[d]) && r->model->low[d] <= r->model->high[d])
            return FET_OK;
    return wrong(r, "range: a dimension, its least and its most");
}

static fet_status read_operators(reader *r, char *rest)
{
    FET_TRY(split(r, rest));
    for (size_t i = 0; i < r->n_words; i++) {
        uint32_t op = op_named(r->words[i]);
        if (op == FET_OP_COUNT) return wrong(r, "operators: names as ONNX has them");
        r->model->ops[op / 64] |= 1ull << (op % 64);
    }
    return FET_OK;
}

static fet_status read_activations(reader *r, char *rest)
{
    FET_TRY(split(r, rest));
    for (size_t i = 0; i < r->n_words; i++) {
        uint32_t a = 0;
        while (a < FET_ACTIVATION_COUNT && strcmp(fet_model_activation_name(a), r->words[i]) != 0) a++;
        if (a == FET_ACTIVATION_COUNT) return wrong(r, "activations: names such as relu");
        r->model->activations |= 1u << a;
    }
    return FET_OK;
}

static fet_status read_error(reader *r, char *rest)
{
    double level = 0;
    FET_TRY(split(r, rest));
    for (int l = 0; r->n_words == 2 && real(r->words[0], 0, 1, &level) && l < FET_MODEL_LEVELS; l++)
        if (fabs(level - fet_model_levels[l]) < 1e-6 && real(r->words[1], 0, 1e6, &r->model->quantiles[l])) return FET_OK;
    return wrong(r, "error: one of the levels of coverage, and a number from 0");
}

static fet_status read_trees(reader *r, const char *rest, fet_model_trees *trees)
{
    char place[64];
    const char *slash = strrchr(r->name, '/');
    if (trees->json) return wrong(r, "these trees once");
    if (r->n_columns == 0) return wrong(r, "the line \"features\" before it");
    snprintf(place, sizeof place, "%.40s:%zu", slash ? slash + 1 : r->name, r->number);
    trees->json_bytes = strlen(rest);
    FET_TRY(fet_strdup_checked(rest, &trees->json));
    FET_TRY(fet_trees_parse(place, trees->json, trees->json_bytes, r->n_columns, &trees->flat));
    fet_trees_rename(trees->flat, r->columns, FET_FEATURE_COUNT);
    return FET_OK;
}

static fet_status read_ratio(reader *r, char *rest)
{
    return read_trees(r, rest, &r->model->ratio);
}

static fet_status read_difficulty(reader *r, char *rest)
{
    return read_trees(r, rest, &r->model->difficulty);
}

static const struct {
    const char *word;
    bool of_family;
    fet_status (*read)(reader *r, char *rest);
} lines[] = {{"device", false, read_device},       {"precision", false, read_precision},
             {"fusion", false, read_fusion},       {"parallelism", false, read_parallelism},
             {"rounding", false, read_rounding},   {"outside", false, read_outside},
             {"coverage", false, read_coverage},   {"kernels", false, read_kernels},
             {"seed", false, read_seed},           {"between", false, read_between},
             {"base", false, read_base},           {"features", false, read_features},
             {"known", false, read_known},         {"family", false, read_family},
             {"roofline", true, read_roofline},    {"variant", true, read_variant},
             {"scale", true, read_scale},          {"range", true, read_range},
             {"operators", true, read_operators},  {"activations", true, read_activations},
             {"error", true, read_error},          {"ratio", true, read_ratio},
             {"difficulty", true, read_difficulty}};
enum { N_LINES = sizeof lines / sizeof *lines };

static fet_status read_line(reader *r)
{
    char word[24];
    size_t bytes = strcspn(r->line, " ");
    if (r->line[0] == '#' || r->line[0] == '\0') return FET_OK;
    snprintf(word, sizeof word, "%.*s", (int)(bytes < sizeof word ? bytes : sizeof word - 1), r->line);
    for (int i = 0; i < N_LINES; i++) {
        if (strcmp(lines[i].word, word) != 0) continue;
        if (lines[i].of_family && !r->model) return wrong(r, "a line \"family\" before it");
        return lines[i].read(r, r->line + bytes + (r->line[bytes] == ' '));
    }
    return wrong(r, "a line that begins with device, precision, ..., family, roofline, ..., ratio, difficulty, known or prior");
}

static fet_status read_magic(reader *r)
{
    bool there = false;
    uint64_t version = 0;
    size_t head = strlen(FET_ESTIMATOR_MAGIC);
    FET_TRY(next_line(r, &there));
    if (!there || strncmp(r->line, FET_ESTIMATOR_MAGIC, head) != 0 || !whole(r->line + head, 10, UINT32_MAX, &version) || version == 0)
        return fet_fail(FET_ERROR_CORRUPT, "%s:%zu: it does not begin as an estimator: expected \"" FET_ESTIMATOR_MAGIC "%d\"", r->name,
                        r->number, FET_ESTIMATOR_VERSION);
    if (version > FET_ESTIMATOR_VERSION)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s:%zu: version %llu of estimators, which a later fettle wrote: expected at most %d",
                        r->name, r->number, (unsigned long long)version, FET_ESTIMATOR_VERSION);
    return FET_OK;
}

static fet_status check_whole(const reader *r)
{
    const fet_estimator *e = r->e;
    bool any = false;
    for (int f = 0; f < FET_FAMILY_COUNT; f++) {
        any |= e->models[f].is_there;
        if (e->models[f].scales_prior && !e->prior)
            return fet_fail(FET_ERROR_CORRUPT, "%s: family \"%s\" scales a prior, and the file has none", r->name,
                            fet_family_name((fet_family)f));
    }
    if (!e->device || e->precision == FET_DTYPE_NONE || !e->rules_name || !any)
        return fet_fail(FET_ERROR_CORRUPT, "%s: it is cut off: expected device, precision, fusion and at least one family", r->name);
    return FET_OK;
}

static fet_status read_estimator(reader *r, int depth);

static fet_status read_prior(reader *r, int depth)
{
    fet_auto(fet_estimator) prior = NULL;
    reader inner = {.name = r->name, .at = r->at, .end = r->end, .number = r->number};
    if (depth > 0) return wrong(r, "a prior that has none itself");
    FET_TRY(fet_alloc_zeroed(1, sizeof *prior, "an estimator", &prior));
    inner.e = prior;
    fet_status status = read_estimator(&inner, depth + 1);
    fet_free(inner.line);
    FET_TRY(status);
    r->at = inner.at;
    r->e->prior = fet_take(prior);
    return FET_OK;
}

static fet_status read_estimator(reader *r, int depth)
{
    r->e->coverage = fet_estimator_default_options().coverage;
    FET_TRY(read_magic(r));
    for (bool there = true;;) {
        FET_TRY(next_line(r, &there));
        if (!there) break;
        if (strcmp(r->line, "prior") == 0) FET_TRY(read_prior(r, depth));
        else FET_TRY(read_line(r));
    }
    FET_TRY(check_whole(r));
    r->e->rules.name = r->e->rules_name;
    return FET_OK;
}

fet_status fet_estimator_parse(const char *name, const char *text, size_t bytes, fet_estimator **out_estimator)
{
    fet_auto(fet_estimator) e = NULL;
    reader r = {.name = name, .at = text, .end = text + bytes};
    FET_TRY(fet_alloc_zeroed(1, sizeof *e, "an estimator", &e));
    r.e = e;
    fet_status status = read_estimator(&r, 0);
    fet_free(r.line);
    FET_TRY(status);
    *out_estimator = fet_take(e);
    return FET_OK;
}
