// SPDX-License-Identifier: Apache-2.0
#include "estimate/boost.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <xgboost/c_api.h>

enum { THREADS = 1 }; /* more would change the order of sums, and with it the model */

typedef struct session {
    DMatrixHandle matrix;
    BoosterHandle booster;
} session;

static void end(session *s)
{
    if (s->booster) XGBoosterFree(s->booster);
    if (s->matrix) XGDMatrixFree(s->matrix);
}

/* XGBoost's messages begin with a time and a place and end in a stack trace: only what is between them is for people. */
static fet_status refused(const char *doing)
{
    const char *message = XGBGetLastError();
    const char *text = strstr(message, "] ");
    text = text ? text + 2 : message;
    return fet_fail(FET_ERROR_STATE, "XGBoost cannot %s: %.*s", doing, (int)strcspn(text, "\n"), text);
}

static fet_status set(session *s, const char *name, const char *value)
{
    return XGBoosterSetParam(s->booster, name, value) == 0 ? FET_OK : refused("take a parameter");
}

static fet_status set_number(session *s, const char *name, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", value);
    return set(s, name, text);
}

static fet_status set_all(session *s, const fet_boost_options *options)
{
    FET_TRY(set(s, "booster", "gbtree"));
    FET_TRY(set(s, "objective", "reg:squarederror"));
    FET_TRY(set(s, "tree_method", "hist"));
    FET_TRY(set(s, "verbosity", "0"));
    FET_TRY(set_number(s, "nthread", THREADS));
    FET_TRY(set_number(s, "base_score", 0)); /* the baseline is the start */
    FET_TRY(set_number(s, "max_depth", options->depth));
    FET_TRY(set_number(s, "eta", options->learning_rate));
    FET_TRY(set_number(s, "subsample", options->subsample));
    FET_TRY(set_number(s, "colsample_bytree", options->column_share));
    FET_TRY(set_number(s, "min_child_weight", options->min_child));
    FET_TRY(set_number(s, "lambda", options->lambda));
    return set_number(s, "seed", (double)(options->seed & 0x7fffffff));
}

static fet_status train(session *s, const fet_boost_options *options, const float *rows, size_t n, uint32_t n_features,
                        const float *targets, const float *weights)
{
    if (XGDMatrixCreateFromMat_omp(rows, n, n_features, NAN, &s->matrix, THREADS) != 0) return refused("take the rows");
    if (XGDMatrixSetFloatInfo(s->matrix, "label", targets, n) != 0) return refused("take the targets");
    if (weights && XGDMatrixSetFloatInfo(s->matrix, "weight", weights, n) != 0) return refused("take the weights");
    if (XGBoosterCreate(&s->matrix, 1, &s->booster) != 0) return refused("start");
    FET_TRY(set_all(s, options));
    for (int t = 0; t < (int)options->trees; t++)
        if (XGBoosterUpdateOneIter(s->booster, t, s->matrix) != 0) return refused("grow a tree");
    return FET_OK;
}

fet_status fet_boost_fit(const fet_boost_options *options, const float *rows, size_t n, uint32_t n_features, const float *targets,
                         const float *weights, char **out_json, size_t *out_bytes)
{
    session s = {NULL, NULL};
    bst_ulong bytes = 0;
    const char *json = NULL;
    char *copy = NULL;
    fet_status status = train(&s, options, rows, n, n_features, targets, weights);
    if (status == FET_OK && XGBoosterSaveModelToBuffer(s.booster, "{\"format\": \"json\"}", &bytes, &json) != 0)
        status = refused("write its model");
    if (status == FET_OK) status = fet_alloc_zeroed(bytes + 1, 1, "a model", &copy);
    if (status == FET_OK) memcpy(copy, json, bytes);
    end(&s);
    FET_TRY(status);
    *out_json = copy;
    *out_bytes = bytes;
    return FET_OK;
}

static fet_status predict(session *s, const char *json, size_t bytes, const float *rows, size_t n, uint32_t n_features, float *out)
{
    static const char config[] =
        "{\"type\": 0, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0, \"strict_shape\": false}";
    bst_ulong dims = 0;
    const bst_ulong *shape = NULL;
    const float *result = NULL;
    if (XGBoosterCreate(NULL, 0, &s->booster) != 0) return refused("start");
    if (XGBoosterLoadModelFromBuffer(s->booster, json, bytes) != 0) return refused("read a model");
    FET_TRY(set_number(s, "nthread", THREADS));
    if (XGDMatrixCreateFromMat_omp(rows, n, n_features, NAN, &s->matrix, THREADS) != 0) return refused("take the rows");
    if (XGBoosterPredictFromDMatrix(s->booster, s->matrix, config, &shape, &dims, &result) != 0) return refused("predict");
    memcpy(out, result, n * sizeof *out);
    return FET_OK;
}

fet_status fet_boost_predict(const char *json, size_t bytes, const float *rows, size_t n, uint32_t n_features, float *out)
{
    session s = {NULL, NULL};
    fet_status status = predict(&s, json, bytes, rows, n, n_features, out);
    end(&s);
    return status;
}
