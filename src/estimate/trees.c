// SPDX-License-Identifier: Apache-2.0
#include "estimate/trees.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 4 }; /* walked together: their steps do not wait for each other */

/* Numbers are compared as whole ones of the same order: that is quicker, and the step below has no branch. */
typedef struct node {
    int32_t threshold; /* INT32_MAX: everything goes left, where a tree is not complete */
    uint32_t feature;
} node;

struct fet_trees {
    uint32_t n, n_features;
    size_t n_nodes;
    float base_score;
    uint8_t *depths;
    size_t *first_node, *first_leaf; /* of each tree */
    node *nodes;                     /* 2^depth - 1 a tree, breadth first */
    float *leaves;                   /* 2^depth a tree */
};

void fet_trees_destroy(fet_trees *trees)
{
    if (!trees) return;
    fet_free(trees->depths);
    fet_free(trees->first_node);
    fet_free(trees->first_leaf);
    fet_free(trees->nodes);
    fet_free(trees->leaves);
    fet_free(trees);
}

uint32_t fet_trees_count(const fet_trees *trees)
{
    return trees->n;
}

void fet_trees_rename(fet_trees *trees, const uint32_t *to, uint32_t n_features)
{
    for (size_t i = 0; i < trees->n_nodes; i++) trees->nodes[i].feature = to[trees->nodes[i].feature];
    trees->n_features = n_features;
}

/* --- walking --- */

/* a < b as floats exactly where ordered(a) < ordered(b); none is NaN, and -0 is 0. */
static inline int32_t ordered(float value)
{
    int32_t bits;
    value += 0.0f;
    memcpy(&bits, &value, sizeof bits);
    return bits ^ (int32_t)((uint32_t)(bits >> 31) >> 1);
}

static inline __attribute__((always_inline)) void walk(const node *nodes, const float *leaves, uint32_t depth, const int32_t *rows,
                                                       size_t stride, float *sums)
{
    uint32_t at[ROWS] = {0};
    for (uint32_t level = 0; level < depth; level++)
        for (int r = 0; r < ROWS; r++) {
            const node *here = &nodes[at[r]];
            at[r] = 2 * at[r] + 1 + (rows[(size_t)r * stride + here->feature] >= here->threshold);
        }
    uint32_t inner = (1u << depth) - 1;
    for (int r = 0; r < ROWS; r++) sums[r] += leaves[at[r] - inner];
}

/* The usual depths as constants, so that their loops are unrolled. */
static void walk_any(const node *nodes, const float *leaves, uint32_t depth, const int32_t *rows, size_t stride, float *sums)
{
    switch (depth) {
    case 2: walk(nodes, leaves, 2, rows, stride, sums); break;
    case 3: walk(nodes, leaves, 3, rows, stride, sums); break;
    case 4: walk(nodes, leaves, 4, rows, stride, sums); break;
    case 5: walk(nodes, leaves, 5, rows, stride, sums); break;
    default: walk(nodes, leaves, depth, rows, stride, sums);
    }
}

void fet_trees_predict(const fet_trees *trees, const float *rows, size_t n, size_t stride, float *sums)
{
    int32_t block[ROWS * FET_TREES_MAX_FEATURES];
    size_t width = trees->n_features;
    for (size_t first = 0; first < n; first += ROWS) {
        size_t left = n - first < ROWS ? n - first : ROWS;
        float sum[ROWS];
        for (size_t r = 0; r < ROWS; r++) { /* behind the last row: copies of it */
            const float *row = rows + (first + (r < left ? r : left - 1)) * stride;
            for (size_t f = 0; f < width; f++) block[r * width + f] = ordered(row[f]);
            sum[r] = trees->base_score;
        }
        for (uint32_t t = 0; t < trees->n; t++)
            walk_any(trees->nodes + trees->first_node[t], trees->leaves + trees->first_leaf[t], trees->depths[t], block, width, sum);
        memcpy(sums + first, sum, left * sizeof *sums);
    }
}

/* --- reading --- */

typedef struct raw_tree {
    const char *name;
    uint32_t index;
    const json_t *left, *right, *feature, *threshold, *default_left;
    size_t n;
} raw_tree;

static fet_status no_model(const char *name, const char *what)
{
    return fet_fail(FET_ERROR_CORRUPT, "%s: no trees of XGBoost: %s", name, what);
}

static fet_status bad_tree(const raw_tree *raw, size_t at, const char *expected)
{
    return fet_fail(FET_ERROR_CORRUPT, "%s: tree %u, node %zu: expected %s", raw->name, raw->index, at, expected);
}

static fet_status open_tree(const json_t *json, raw_tree *raw)
{
    raw->left = json_object_get(json, "left_children"), raw->right = json_object_get(json, "right_children");
    raw->feature = json_object_get(json, "split_indices"), raw->threshold = json_object_get(json, "split_conditions");
    raw->n = json_array_size(raw->left);
    if (raw->n == 0 || json_array_size(raw->right) != raw->n || json_array_size(raw->feature) != raw->n ||
        json_array_size(raw->threshold) != raw->n)
        return bad_tree(raw, 0, "four lists of one length: left_children, right_children, split_indices, split_conditions");
    return FET_OK;
}

static fet_status child(const raw_tree *raw, const json_t *list, size_t at, int64_t *out)
{
    const json_t *value = json_array_get(list, at);
    *out = json_integer_value(value);
    /* A child stands behind its parent, so that no tree has a circle. */
    if (!json_is_integer(value) || *out < -1 || (*out != -1 && (*out <= (int64_t)at || *out >= (int64_t)raw->n)))
        return bad_tree(raw, at, "children behind it in the list, or -1");
    return FET_OK;
}

/* Depth below node `at`; the recursion ends at FET_TREES_MAX_DEPTH. */
static fet_status measure(const raw_tree *raw, size_t at, uint32_t depth, uint32_t *deepest)
{
    int64_t left, right;
    FET_TRY(child(raw, raw->left, at, &left));
    FET_TRY(child(raw, raw->right, at, &right));
    if ((left == -1) != (right == -1)) return bad_tree(raw, at, "two children or none");
    if (depth > *deepest) *deepest = depth;
    if (left == -1) return FET_OK;
    if (depth == FET_TREES_MAX_DEPTH)
        return fet_fail(FET_ERROR_LIMIT, "%s: tree %u is deeper than %d levels", raw->name, raw->index, FET_TREES_MAX_DEPTH);
    FET_TRY(measure(raw, (size_t)left, depth + 1, deepest));
    return measure(raw, (size_t)right, depth + 1, deepest);
}

typedef struct placement {
    node *nodes;
    float *leaves;
    uint32_t depth, n_features;
} placement;

/* Node `at` of the list becomes node `to` of the complete tree; a leaf above the last level stands for all that is below it. */
static fet_status place(const raw_tree *raw, size_t at, uint32_t to, uint32_t level, const placement *p)
{
    const json_t *number = json_array_get(raw->threshold, at), *index = json_array_get(raw->feature, at);
    double value = json_number_value(number);
    if (!json_is_number(number) || !(fabs(value) <= 3.4028234e38)) return bad_tree(raw, at, "a finite number");
    bool leaf = json_integer_value(json_array_get(raw->left, at)) == -1;
    if (level == p->depth) {
        p->leaves[to - ((1u << p->depth) - 1)] = (float)value;
        return FET_OK;
    }
    if (leaf) {
        p->nodes[to] = (node){.threshold = INT32_MAX, .feature = 0};
        FET_TRY(place(raw, at, 2 * to + 1, level + 1, p));
        return place(raw, at, 2 * to + 2, level + 1, p);
    }
    int64_t feature = json_integer_value(index);
    if (!json_is_integer(index) || feature < 0 || feature >= p->n_features) return bad_tree(raw, at, "a feature of the model");
    p->nodes[to] = (node){.threshold = ordered((float)value), .feature = (uint32_t)feature};
    FET_TRY(place(raw, (size_t)json_integer_value(json_array_get(raw->left, at)), 2 * to + 1, level + 1, p));
    return place(raw, (size_t)json_integer_value(json_array_get(raw->right, at)), 2 * to + 2, level + 1, p);
}

static fet_status allocate(const json_t *list, const char *name, fet_trees *trees)
{
    size_t n_nodes = 0, n_leaves = 0;
    FET_TRY(fet_alloc_zeroed(trees->n + 1, sizeof *trees->depths, "trees", &trees->depths));
    FET_TRY(fet_alloc_zeroed(trees->n + 1, sizeof *trees->first_node, "trees", &trees->first_node));
    FET_TRY(fet_alloc_zeroed(trees->n + 1, sizeof *trees->first_leaf, "trees", &trees->first_leaf));
    for (uint32_t t = 0; t < trees->n; t++) {
        raw_tree raw = {.name = name, .index = t};
        uint32_t depth = 0;
        FET_TRY(open_tree(json_array_get(list, t), &raw));
        FET_TRY(measure(&raw, 0, 0, &depth));
        trees->depths[t] = (uint8_t)depth;
        trees->first_node[t] = n_nodes, trees->first_leaf[t] = n_leaves;
        n_nodes += (1u << depth) - 1, n_leaves += 1u << depth;
    }
    trees->n_nodes = n_nodes;
    FET_TRY(fet_alloc_zeroed(n_nodes + 1, sizeof *trees->nodes, "nodes of trees", &trees->nodes));
    return fet_alloc_zeroed(n_leaves + 1, sizeof *trees->leaves, "leaves of trees", &trees->leaves);
}

static fet_status build(const json_t *root, const char *name, uint32_t n_features, fet_trees *trees)
{
    const json_t *learner = json_object_get(root, "learner"), *booster = json_object_get(learner, "gradient_booster");
    const json_t *list = json_object_get(json_object_get(booster, "model"), "trees");
    const char *kind = json_string_value(json_object_get(booster, "name"));
    const char *base = json_string_value(json_object_get(json_object_get(learner, "learner_model_param"), "base_score"));
    char *end = NULL;
    if (!kind || strcmp(kind, "gbtree") != 0) return no_model(name, "expected learner.gradient_booster.name \"gbtree\"");
    if (!json_is_array(list)) return no_model(name, "expected learner.gradient_booster.model.trees");
    trees->base_score = base ? strtof(base, &end) : NAN;
    if (!base || end == base || *end || !isfinite(trees->base_score))
        return no_model(name, "expected a number in learner.learner_model_param.base_score");
    size_t n = json_array_size(list);
    if (n > FET_TREES_MAX) return fet_fail(FET_ERROR_LIMIT, "%s: %zu trees: expected at most %d", name, n, FET_TREES_MAX);
    trees->n = (uint32_t)n, trees->n_features = n_features;
    FET_TRY(allocate(list, name, trees));
    for (uint32_t t = 0; t < trees->n; t++) {
        raw_tree raw = {.name = name, .index = t};
        placement p = {trees->nodes + trees->first_node[t], trees->leaves + trees->first_leaf[t], trees->depths[t], n_features};
        FET_TRY(open_tree(json_array_get(list, t), &raw));
        FET_TRY(place(&raw, 0, 0, 0, &p));
    }
    return FET_OK;
}

fet_status fet_trees_parse(const char *name, const char *json, size_t bytes, uint32_t n_features, fet_trees **out_trees)
{
    json_error_t error;
    if (n_features == 0 || n_features > FET_TREES_MAX_FEATURES)
        return fet_fail(FET_ERROR_LIMIT, "%s: %u features: expected 1 to %d", name, n_features, FET_TREES_MAX_FEATURES);
    json_t *root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!root && json_error_code(&error) == json_error_out_of_memory) return fet_fail(FET_ERROR_NOMEM, "%s: no memory for JSON", name);
    if (!root) return fet_fail(FET_ERROR_CORRUPT, "%s: column %d of its JSON: %.120s", name, error.column, error.text);
    fet_auto(fet_trees) trees = NULL;
    fet_status status = fet_alloc_zeroed(1, sizeof *trees, "trees", &trees);
    if (status == FET_OK) status = build(root, name, n_features, trees);
    json_decref(root);
    FET_TRY(status);
    *out_trees = fet_take(trees);
    return FET_OK;
}
