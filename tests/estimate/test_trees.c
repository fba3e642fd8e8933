// SPDX-License-Identifier: Apache-2.0
/* The flat trees against XGBoost's own predictions of the same model, trained here (boost.c); models that are none. */
#include "check.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "estimate/boost.h"

#include <math.h>

enum { ROWS = 500, FEATURES = 7 };

static float rows[ROWS * FEATURES], targets[ROWS];

static int fill(void **state)
{
    (void)state;
    fet_rng rng;
    fet_rng_init(&rng, 3, 0, FET_RNG_TEST);
    for (int i = 0; i < ROWS; i++) {
        float *x = rows + i * FEATURES;
        for (int f = 0; f < FEATURES; f++) x[f] = f % 2 ? (float)fet_rng_below(&rng, 8) : (float)(1e4 * fet_rng_uniform(&rng));
        x[5] = (float)fet_rng_normal(&rng); /* numbers of both signs, and either zero */
        if (i % 9 == 0) x[5] = i % 2 ? -0.0f : 0.0f;
        targets[i] = (float)(3 * x[5] + sin(x[0] * 1e-3) + 0.2 * x[1] + (x[2] > 5000 ? x[3] : 0) + 0.05 * fet_rng_normal(&rng));
    }
    return 0;
}

static const fet_boost_options usual = {
    .trees = 40, .depth = 5, .learning_rate = 0.2, .subsample = 0.8, .column_share = 0.7, .min_child = 1, .lambda = 1, .seed = 5};

static void fit(const fet_boost_options *options, size_t n, char **json, size_t *bytes)
{
    CHECK_OK(fet_boost_fit(options, rows, n, FEATURES, targets, NULL, json, bytes));
}

static void test_as_xgboost(void **state)
{
    (void)state;
    for (uint32_t depth = 1; depth <= FET_TREES_MAX_DEPTH; depth += 3) {
        fet_auto(fet_trees) trees = NULL;
        fet_boost_options options = usual;
        char *json = NULL;
        size_t bytes = 0;
        float theirs[ROWS], ours[ROWS];
        options.depth = depth;
        fit(&options, ROWS, &json, &bytes);
        CHECK_OK(fet_trees_parse("model", json, bytes, FEATURES, &trees));
        assert_int_equal(fet_trees_count(trees), 40);
        CHECK_OK(fet_boost_predict(json, bytes, rows, ROWS, FEATURES, theirs));
        fet_trees_predict(trees, rows, ROWS, FEATURES, ours);
        /* Both add 40 floats below 4, perhaps in another order. */
        for (int i = 0; i < ROWS; i++) CHECK_NEAR(ours[i], theirs[i], 1e-5);
        fet_free(json);
    }
}

/* Any number of rows, wider rows, and columns under other numbers give the same. */
static void test_rows(void **state)
{
    (void)state;
    fet_auto(fet_trees) trees = NULL;
    fet_auto(fet_trees) renamed = NULL;
    char *json = NULL;
    size_t bytes = 0;
    enum { WIDE = 11 };
    static float wide[ROWS * WIDE], all[ROWS], some[ROWS], other[ROWS];
    uint32_t to[FEATURES];
    fit(&usual, ROWS, &json, &bytes);
    CHECK_OK(fet_trees_parse("model", json, bytes, FEATURES, &trees));
    CHECK_OK(fet_trees_parse("model", json, bytes, FEATURES, &renamed));
    for (uint32_t f = 0; f < FEATURES; f++) to[f] = 10 - f;
    fet_trees_rename(renamed, to, WIDE);
    for (int i = 0; i < ROWS; i++)
        for (uint32_t f = 0; f < FEATURES; f++) wide[i * WIDE + 10 - (int)f] = rows[i * FEATURES + (int)f];
    fet_trees_predict(trees, rows, ROWS, FEATURES, all);
    fet_trees_predict(renamed, wide, ROWS, WIDE, other);
    assert_memory_equal(all, other, sizeof all);
    for (size_t n = 1; n < 20; n++) {
        fet_trees_predict(trees, rows, n, FEATURES, some);
        assert_memory_equal(all, some, n * sizeof *all);
    }
    fet_free(json);
}

static void test_same_rows_same_model(void **state)
{
    (void)state;
    char *one = NULL, *two = NULL;
    size_t one_bytes = 0, two_bytes = 0;
    fit(&usual, ROWS, &one, &one_bytes);
    fit(&usual, ROWS, &two, &two_bytes);
    assert_int_equal(one_bytes, two_bytes);
    assert_memory_equal(one, two, one_bytes);
    fet_free(one);
    fet_free(two);
}

#define MODEL(trees)                                                                                                                       \
    "{\"learner\": {\"gradient_booster\": {\"name\": \"gbtree\", \"model\": {\"trees\": [" trees "]}}, \"learner_model_param\": "          \
    "{\"base_score\": \"1.5E0\"}}}"
#define TREE(left, right, index, value)                                                                                                    \
    "{\"left_children\": [" left "], \"right_children\": [" right "], \"split_indices\": [" index "], \"split_conditions\": [" value "]}"

static fet_status parse(const char *text)
{
    fet_auto(fet_trees) trees = NULL;
    return fet_trees_parse("m.json", text, strlen(text), 2, &trees);
}

static void test_by_hand(void **state)
{
    (void)state;
    fet_auto(fet_trees) trees = NULL;
    /* x1 < 3 ? 10 : (x0 < 1 ? 20 : 30), and a tree that is a leaf of 0.25 */
    const char *text = MODEL(TREE("1,-1,3,-1,-1", "2,-1,4,-1,-1", "1,0,0,0,0", "3,10,1,20,30") "," TREE("-1", "-1", "0", "0.25"));
    const float x[] = {0, 2, 0, 3, 1, 3, 5, -1};
    float sums[4];
    CHECK_OK(fet_trees_parse("m.json", text, strlen(text), 2, &trees));
    fet_trees_predict(trees, x, 4, 2, sums);
    const float expected[] = {11.75f, 21.75f, 31.75f, 11.75f};
    assert_memory_equal(sums, expected, sizeof sums);
}

static void test_no_trees(void **state)
{
    (void)state;
    CHECK_OK(parse(MODEL("")));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse(""));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse("{\"learner\": 3}"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse("{\"learner\": {\"gradient_booster\": {\"name\": \"dart\"}}}"));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse(MODEL("3")));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse(MODEL(TREE("1,-1", "2,-1", "0,0", "0,0"))));           /* child beyond the list */
    CHECK_FAILS(FET_ERROR_CORRUPT, parse(MODEL(TREE("0,-1,-1", "2,-1,-1", "0,0,0", "0,0,0")))); /* a circle */
    CHECK_FAILS(FET_ERROR_CORRUPT, parse(MODEL(TREE("1,-1,-1", "-1,-1,-1", "0,0,0", "0,0,0"))));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse(MODEL(TREE("1,-1,-1", "2,-1,-1", "2,0,0", "0,0,0")))); /* no such feature */
    CHECK_FAILS(FET_ERROR_CORRUPT, parse(MODEL(TREE("1,-1,-1", "2,-1,-1", "0,0,0", "0,0,1e39"))));
    CHECK_FAILS(FET_ERROR_CORRUPT, parse(MODEL(TREE("1,-1,-1", "2,-1,-1", "0,0", "0,0,0"))));
    CHECK_FAILS(FET_ERROR_LIMIT,
                parse(MODEL(TREE("1,3,-1,5,-1,7,-1,9,-1,11,-1,13,-1,15,-1,17,-1,19,-1,21,-1,-1,-1",
                                 "2,4,-1,6,-1,8,-1,10,-1,12,-1,14,-1,16,-1,18,-1,20,-1,22,-1,-1,-1",
                                 "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0", "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0"))));
    assert_non_null(strstr(fet_error_message(), "m.json"));
    CHECK_FAILS(FET_ERROR_STATE, fet_boost_predict("{}", 2, rows, 1, FEATURES, targets + ROWS - 1));
}

static void test_faults(void **state)
{
    (void)state;
    const char *text = MODEL(TREE("1,-1,-1", "2,-1,-1", "1,0,0", "3,10,1"));
    for (uint64_t n = 0;; n++) {
        fet_auto(fet_trees) trees = NULL;
        fet_alloc_fail_after(n);
        fet_status status = fet_trees_parse("m.json", text, strlen(text), 2, &trees);
        bool hit = fet_alloc_fail_after(UINT64_MAX) > n;
        if (!hit) {
            CHECK_OK(status);
            break;
        }
        assert_int_equal(status, FET_ERROR_NOMEM);
        assert_null(trees);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_xgboost), cmocka_unit_test(test_rows),     cmocka_unit_test(test_same_rows_same_model),
        cmocka_unit_test(test_by_hand),    cmocka_unit_test(test_no_trees), cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests_name("trees", tests, fill, NULL);
}
