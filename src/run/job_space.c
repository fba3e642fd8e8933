// SPDX-License-Identifier: Apache-2.0
/* What a job searches: decisions, the expert's locks, and which of the decisions each of its searches (variants) may take. */
#include "run/job_reader.h"
#include "space/space_file.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef fet_job_reader reader;

enum { LONGEST_OPTIONS = 900 }; /* of a decision, "16,32,48": as long as a lock may be, less a name */

/* {width: stages, options: 0.5..1.5} */
static fet_status read_range(reader *r, const char *path, const char *options)
{
    (void)path;
    const yaml_node_t *node = fet_job_yaml_find(&r->yaml, options);
    r->job->has_width = true;
    if (!node) return FET_OK;
    if (node->type != YAML_SCALAR_NODE) return fet_job_yaml_fail(&r->yaml, options, "expected a range such as 0.5..1.5");
    return fet_job_range(&r->yaml, (const char *)node->data.scalar.value, options, 0.05, 8, &r->job->width_low, &r->job->width_high);
}

/* {resolution: network, options: [0.6, 0.8, 1]} */
static fet_status read_resolutions(reader *r, const char *path, const char *options)
{
    (void)path;
    enum { MOST = sizeof r->job->resolutions / sizeof *r->job->resolutions };
    const yaml_node_t *list = fet_job_yaml_find(&r->yaml, options);
    uint32_t n = 0;
    if (!list) return FET_OK;
    if (list->type != YAML_SEQUENCE_NODE)
        return fet_job_yaml_fail(&r->yaml, options, "expected a list of shares of the base's size, such as [0.6, 0.8]");
    for (const yaml_node_item_t *item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++, n++) {
        const yaml_node_t *node = yaml_document_get_node(&r->yaml.yaml.document, *item);
        if (node->type != YAML_SCALAR_NODE) return fet_job_yaml_fail(&r->yaml, options, "expected numbers in the list, such as [0.6, 0.8]");
        if (n == MOST) return fet_job_yaml_fail(&r->yaml, options, "too many: expected at most %d", MOST);
        FET_TRY(fet_job_real(&r->yaml, (const char *)node->data.scalar.value, options, 1, 0.05, 4, &r->job->resolutions[n]));
    }
    if (n == 0) return fet_job_yaml_fail(&r->yaml, options, "the list is empty: expected shares of the base's size, such as [0.6, 0.8]");
    r->job->n_resolutions = n;
    return FET_OK;
}

/* Decisions beside the multiplier, by the key that asks for them: the field that the key fills, where they may stand, what kind that is,
 * and who reads their "options". A new kind is one line here. */
static const struct {
    const char *key;
    size_t field; /* of fet_job_raw_decision, a const char * */
    const char *sites[4];
    uint32_t kinds[4];                                                    /* by site; 0: what every space has */
    fet_status (*read)(reader *r, const char *path, const char *options); /* NULL: it has no options */
} known[] = {
#define FIELD(name) #name, offsetof(fet_job_raw_decision, name)
    {FIELD(fuse), {"blocks"}, {FET_SPACE_FUSE}, NULL},
    {FIELD(dense), {"blocks"}, {FET_SPACE_DENSE}, NULL},
    {FIELD(group), {"blocks"}, {FET_SPACE_GROUP}, NULL},
    {FIELD(kernel), {"blocks"}, {FET_SPACE_KERNEL}, NULL},
    {FIELD(skip), {"blocks"}, {FET_SPACE_SKIP}, NULL},
    {FIELD(activation), {"network"}, {FET_SPACE_ACTIVATION}, NULL},
    {FIELD(resolution), {"network"}, {FET_SPACE_RESOLUTION}, read_resolutions},
    {FIELD(tail), {"network"}, {FET_SPACE_TAIL}, NULL},
    {FIELD(precision), {"blocks", "layers"}, {FET_SPACE_PRECISION, FET_SPACE_LAYER_PRECISION}, fet_job_read_precisions},
    {FIELD(width),
     {"stages", "groups", "blocks", "all"},
     {0, FET_SPACE_GROUP_WIDTH, FET_SPACE_INNER_WIDTH, FET_SPACE_GROUP_WIDTH | FET_SPACE_INNER_WIDTH},
     read_range},
#undef FIELD
};
enum { N_KNOWN = sizeof known / sizeof *known, MULTIPLIER = N_KNOWN };

static const char *text_of(const fet_job_raw_decision *raw, uint32_t k)
{
    return *(const char *const *)((const char *)raw + known[k].field);
}

static fet_status read_multipliers(reader *r, const fet_job_raw_decision *raw, uint32_t d)
{
    char path[64];
    bool has_one = false;
    for (uint32_t m = 0; m < raw->n_multiplier; m++) {
        snprintf(path, sizeof path, "space.decisions[%u].multiplier[%u]", d, m);
        FET_TRY(fet_job_real(&r->yaml, raw->multiplier[m], path, 1, 0.05, 8, &r->job->multipliers[m]));
        has_one = has_one || r->job->multipliers[m] == 1;
    }
    r->job->n_multipliers = raw->n_multiplier;
    snprintf(path, sizeof path, "space.decisions[%u].multiplier", d);
    return has_one ? FET_OK : fet_job_yaml_fail(&r->yaml, path, "1 is not among them: expected the base itself to be a choice");
}

/* One entry is one decision; `has`: those of the entries above. */
static fet_status read_decision(reader *r, uint32_t d, unsigned *has)
{
    const fet_job_raw_decision *raw = &r->yaml.raw->space.decisions[d];
    char path[64];
    size_t site = 0, n_sites = 1;
    uint32_t kind = MULTIPLIER, n = raw->n_multiplier ? 1 : 0;
    for (uint32_t k = 0; k < N_KNOWN; k++)
        if (text_of(raw, k)) kind = k, n++;
    snprintf(path, sizeof path, "space.decisions[%u]", d);
    if (n != 1)
        return fet_job_yaml_fail(
            &r->yaml, path,
            "expected one of {fuse: blocks}, {dense: blocks}, {group: blocks}, {kernel: blocks}, {skip: blocks}, "
            "{activation: network}, {resolution: network}, {tail: network}, {precision: blocks, options: [int8, bf16]}, {width: stages, "
            "options: 0.5..1.5} and {multiplier: [0.5, 1]}");
    if (*has & 1u << kind) return fet_job_yaml_fail(&r->yaml, path, "a decision of this kind stands above already");
    char options[80];
    snprintf(options, sizeof options, "%s.options", path);
    fet_status (*read)(reader *, const char *, const char *) = kind == MULTIPLIER ? NULL : known[kind].read;
    if (!read && fet_job_yaml_find(&r->yaml, options))
        return fet_job_yaml_fail(&r->yaml, path,
                                 "\"options\" belongs to {width: stages}, {resolution: network} and {precision: blocks} alone");
    *has |= 1u << kind;
    if (kind == MULTIPLIER) return read_multipliers(r, raw, d);
    snprintf(path, sizeof path, "space.decisions[%u].%s", d, known[kind].key);
    while (n_sites < 4 && known[kind].sites[n_sites]) n_sites++;
    FET_TRY(fet_job_choice(&r->yaml, text_of(raw, kind), path, "site of a decision", known[kind].sites, n_sites, 0, &site));
    r->job->kinds |= known[kind].kinds[site];
    return read ? read(r, path, options) : FET_OK;
}

/* {stage2.block0: ibn} becomes "stage2.block0.form=ibn"; whether there is such a decision, the space will say. */
static fet_status read_locks(reader *r)
{
    yaml_node_t *lock = fet_job_yaml_find(&r->yaml, "space.lock");
    if (!lock || (lock->type == YAML_SCALAR_NODE && lock->data.scalar.length == 0)) return FET_OK;
    if (lock->type != YAML_MAPPING_NODE)
        return fet_job_yaml_fail(&r->yaml, "space.lock", "expected a mapping such as {stage2.block0: ibn}");
    for (yaml_node_pair_t *pair = lock->data.mapping.pairs.start; pair < lock->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&r->yaml.yaml.document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&r->yaml.yaml.document, pair->value);
        if (key->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE || !key->data.scalar.length || !value->data.scalar.length)
            return fet_job_yaml_fail(&r->yaml, "space.lock",
                                     "expected names of decisions with the option that stays, such as {stage2.block0: ibn}");
        const char *name = (const char *)key->data.scalar.value, *option = (const char *)value->data.scalar.value;
        const char *last = strrchr(name, '.');
        bool block = last && strncmp(last, ".block", 6) == 0;
        if (strlen(name) > 64 || strlen(option) > LONGEST_OPTIONS || strchr(name, '='))
            return fet_job_yaml_fail(&r->yaml, "space.lock", "\"%.60s\" is no name of a decision", name);
        if (r->job->n_locks == sizeof r->job->locks / sizeof *r->job->locks)
            return fet_job_yaml_fail(&r->yaml, "space.lock", "too many: expected at most %d", FET_JOB_MAX_LOCKS);
        /* "stage1.block0!": all but */
        int length = (int)strcspn(name, "!");
        const char *text = fet_arena_printf(r->arena, "%.*s%s%s=%s", length, name, block ? ".form" : "", name + length, option);
        if (!text) return fet_arena_full();
        r->job->locks[r->job->n_locks++] = text;
    }
    return FET_OK;
}

/* A list that `fettle space --save` wrote and somebody edited: every decision that can be found, with the options that it leaves. */
static fet_status read_file(reader *r, const char *text)
{
    const char *path = NULL, *const *locks = NULL;
    uint32_t n = 0;
    if (!text) return FET_OK;
    FET_TRY(fet_job_keep_path(r, text, &path));
    FET_TRY(fet_space_file_read(path, r->arena, &locks, &n));
    if (n > FET_JOB_MAX_LOCKS)
        return fet_job_yaml_fail(&r->yaml, "space.file", "%s has %u lines: expected at most %d", path, n, FET_JOB_MAX_LOCKS);
    memcpy(r->job->locks, locks, n * sizeof *locks);
    r->job->n_locks = n;
    if (r->yaml.raw->space.n_decisions) return FET_OK;
    uint32_t more = fet_space_file_kinds(locks, n);
    r->job->kinds = FET_SPACE_ALL | more;
    return more & FET_SPACE_PRECISION ? fet_job_read_precisions(r, "space.file", NULL) : FET_OK;
}

/* Nothing said: the published comparison for a template; for a network that somebody else made, what takes latency away on most devices.
 * Every further kind multiplies the kernels that a device has to measure, so other forms, kernels and the multiplier are asked for. */
static void default_decisions(fet_job *job)
{
    static const double multipliers[] = {0.5, 0.75, 1, 1.25};
    job->kinds = FET_SPACE_FUSE;
    job->has_width = true;
    if (job->base_onnx) {
        job->kinds |= FET_SPACE_SKIP | FET_SPACE_ACTIVATION;
        if (!fet_dataset_kind_is_tensors(job->data.kind)) job->kinds |= FET_SPACE_RESOLUTION; /* tensors are given as they are */
        return;
    }
    memcpy(job->multipliers, multipliers, sizeof multipliers);
    job->n_multipliers = sizeof multipliers / sizeof *multipliers;
}

static fet_status read_importance(reader *r)
{
    static const char *const rules[] = {"magnitude", "taylor"};
    size_t index = 0;
    FET_TRY(fet_job_choice(&r->yaml, r->yaml.raw->space.importance, "space.importance", "importance of channels", rules, 2, 0, &index));
    r->job->taylor = index == 1;
    if (!r->job->taylor || !r->job->evaluate.n_words) return FET_OK;
    return fet_job_yaml_fail(&r->yaml, "space.importance", "taylor needs the data, which only evaluate.command has: expected magnitude");
}

fet_status fet_job_read_space(reader *r)
{
    const fet_job_raw_space *raw = &r->yaml.raw->space;
    static const char *const ways[] = {"off", "device"};
    size_t index = 0;
    unsigned has = 0;
    FET_TRY(fet_job_choice(&r->yaml, raw->curate, "space.curate", "way to curate", ways, 2, 1, &index));
    r->job->curate = index == 1;
    FET_TRY(read_importance(r));
    r->job->width_low = 0.5;
    r->job->width_high = 1.5;
    for (uint32_t d = 0; d < raw->n_decisions; d++) FET_TRY(read_decision(r, d, &has));
    if (!raw->n_decisions) default_decisions(r->job);
    if ((has >> MULTIPLIER & 1u) && !r->job->has_width)
        return fet_job_yaml_fail(&r->yaml, "space.decisions",
                                 "a multiplier without {width: stages}: expected both, for it multiplies those widths");
    FET_TRY(read_file(r, raw->file));
    return read_locks(r);
}

/* The published comparison: one search of the widths, one of everything else, and one of both. "fit" is the last one alone, whatever the
 * job decides. The base alone, "baseline", is always part of it. */
static const fet_variant known_variants[] = {
    {.name = "V1", .block_form = false, .width = true},
    {.name = "V2", .block_form = true, .width = false},
    {.name = "V3", .block_form = true, .width = true},
    {.name = "fit", .block_form = true, .width = true},
};
enum { FIT = 3, BASELINE = 4, N_NAMES = 5 };

static fet_status add_variant(reader *r, size_t index, bool asked, const char *path)
{
    fet_job *job = r->job;
    fet_variant variant = known_variants[index];
    bool has_forms = (job->kinds & ~(uint32_t)FET_SPACE_WIDTHS) != 0;
    if (index == FIT) variant.block_form = has_forms, variant.width = job->has_width;
    bool possible = (!variant.block_form || has_forms) && (!variant.width || job->has_width);
    if (!possible && !asked) return FET_OK;
    if (!possible) return fet_job_yaml_fail(&r->yaml, path, "%s needs a decision that space.decisions does not list", variant.name);
    for (uint32_t o = 0; o < job->n_variants; o++)
        if (job->variants[o].name == variant.name) return fet_job_yaml_fail(&r->yaml, path, "\"%s\" stands there twice", variant.name);
    job->variants[job->n_variants++] = variant;
    return FET_OK;
}

fet_status fet_job_read_variants(reader *r)
{
    const fet_job_raw_search *raw = &r->yaml.raw->search;
    static const char *const names[N_NAMES] = {"V1", "V2", "V3", "fit", "baseline"};
    fet_job *job = r->job;
    char path[64];
    for (uint32_t v = 0; v < raw->n_variants; v++) {
        size_t index = 0;
        snprintf(path, sizeof path, "search.variants[%u]", v);
        FET_TRY(fet_job_choice(&r->yaml, raw->variants[v], path, "variant", names, N_NAMES, 0, &index));
        if (index != BASELINE) FET_TRY(add_variant(r, index, true, path));
    }
    if (!raw->n_variants && job->base_onnx) FET_TRY(add_variant(r, FIT, false, "search.variants"));
    for (size_t v = 0; !raw->n_variants && !job->base_onnx && v < FIT; v++) FET_TRY(add_variant(r, v, false, "search.variants"));
    if (job->n_variants) return FET_OK;
    return fet_job_yaml_fail(
        &r->yaml, "search.variants",
        "nothing is searched: expected V1 (widths), V2 (all but widths), V3 (both) or fit (all that space.decisions lists)");
}
