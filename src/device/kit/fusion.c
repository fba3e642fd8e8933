// SPDX-License-Identifier: Apache-2.0
#include "device/kit/fusion.h"

#include "base/file.h"
#include "device/kit/fusion_network.h"
#include "format/onnx/onnx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ALPHA 0.5

enum { N_CHAINS = 80 };

/* Which of the rules a pair asks about. */
typedef enum rule { NO_RULE = 0, BATCH_NORM, ACTIVATION, ADD, ACTIVATION_AFTER_ADD, ADD_AFTER_ACTIVATION, ACTIVATION_AFTER_POOL } rule;

/* A: one or two pieces; B: one. */
typedef struct question {
    int first[2], second;
    rule rule;
    const char *name; /* of A, and of the rule */
} question;

static const question questions[] = {
    {{FET_PIECE_CONV}, FET_PIECE_BATCH_NORM, BATCH_NORM, "conv"},
    {{FET_PIECE_CONV}, FET_PIECE_ADD, ADD, "conv"},
    {{FET_PIECE_CONV, FET_PIECE_ADD}, FET_PIECE_ACTIVATION + FET_ACTIVATION_RELU, ACTIVATION_AFTER_ADD, "conv+add"},
    {{FET_PIECE_CONV, FET_PIECE_ACTIVATION + FET_ACTIVATION_RELU}, FET_PIECE_ADD, ADD_AFTER_ACTIVATION, "conv+relu"},
    {{FET_PIECE_POOL}, FET_PIECE_ACTIVATION + FET_ACTIVATION_RELU, ACTIVATION_AFTER_POOL, "max pool"},
    {{FET_PIECE_CONV}, FET_PIECE_POOL, NO_RULE, "conv"},
    {{FET_PIECE_DEPTHWISE}, FET_PIECE_CONV, NO_RULE, "depthwise"},
    {{FET_PIECE_CONV}, FET_PIECE_DEPTHWISE, NO_RULE, "conv"},
    {{FET_PIECE_DEPTHWISE}, FET_PIECE_ACTIVATION + FET_ACTIVATION_RELU, NO_RULE, "depthwise"},
};
enum { N_QUESTIONS = sizeof questions / sizeof *questions };

typedef struct finder {
    fet_device *device;
    fet_fusion_chain chains[N_CHAINS];
    char *paths[N_CHAINS];
    double ms[N_CHAINS], second_ms[N_CHAINS]; /* the quickest visits */
    uint32_t n;
    fet_fusion_found *found;
} finder;

const char *fet_fusion_verdict_name(fet_fusion_verdict verdict)
{
    static const char *const names[] = {"no", "yes", "cannot tell"};
    return names[verdict];
}

fet_fusion_verdict fet_fusion_judge(double first_ms, double second_ms, double both_ms, double error_ms)
{
    double margin = first_ms + second_ms - both_ms - ALPHA * fmin(first_ms, second_ms);
    if (fabs(margin) <= error_ms) return FET_FUSION_OPEN;
    return margin > 0 ? FET_FUSION_YES : FET_FUSION_NO;
}

/* The chain's number, the same for the same chain. */
static uint32_t number_of(finder *f, const int pieces[FET_PIECES], int watched)
{
    fet_fusion_chain chain = {.watched = watched};
    memcpy(chain.pieces, pieces, sizeof chain.pieces);
    for (uint32_t i = 0; i < f->n; i++)
        if (memcmp(&f->chains[i], &chain, sizeof chain) == 0) return i;
    f->chains[f->n] = chain;
    return f->n++;
}

/* The five networks of a question, by number. */
typedef struct five {
    uint32_t start, first, both, apart, watched;
} five;

static five networks_of(finder *f, const question *q)
{
    int length = q->first[1] != FET_PIECE_NONE ? 2 : 1;
    int none[FET_PIECES] = {0}, first[FET_PIECES] = {q->first[0], q->first[1]}, both[FET_PIECES] = {q->first[0], q->first[1]};
    both[length] = q->second;
    return (five){.start = number_of(f, none, -1),
                  .first = number_of(f, first, -1),
                  .both = number_of(f, both, -1),
                  .apart = number_of(f, both, length),
                  .watched = number_of(f, first, 0)};
}

static fet_status write_networks(finder *f, const char *folder)
{
    for (uint32_t i = 0; i < f->n; i++) {
        fet_auto(fet_graph) graph = NULL;
        char name[64];
        snprintf(name, sizeof name, "fusion-%ld-%u.onnx", (long)getpid(), i);
        FET_TRY(fet_path_join(folder, name, &f->paths[i]));
        FET_TRY(fet_fusion_network(&f->chains[i], &graph));
        FET_TRY(fet_onnx_write(graph, f->paths[i], FET_ONNX_OPSET_WRITTEN));
    }
    return FET_OK;
}

static fet_status visit(finder *f, uint32_t visits, fet_device_progress go_on, void *context)
{
    double ms[N_CHAINS], spread[N_CHAINS];
    for (uint32_t v = 0; v < visits; v++) {
        if (go_on && !go_on(context, v, visits)) return fet_fail(FET_ERROR_STATE, "stopped after %u of %u visits", v, visits);
        FET_TRY(fet_device_measure_networks(f->device, (const char *const *)f->paths, f->n, ms, spread));
        for (uint32_t i = 0; i < f->n; i++) {
            double slower = v == 0 ? ms[i] : fmax(ms[i], f->ms[i]);
            f->second_ms[i] = v < 2 ? slower : fmin(slower, f->second_ms[i]);
            f->ms[i] = v == 0 ? ms[i] : fmin(ms[i], f->ms[i]);
        }
    }
    return FET_OK;
}

static bool is_stated(const fet_fusion_rules *rules, const question *q)
{
    switch (q->rule) {
    case BATCH_NORM: return rules->batch_norm;
    case ACTIVATION: return rules->activations >> (q->second - FET_PIECE_ACTIVATION) & 1;
    case ADD: return rules->add;
    case ACTIVATION_AFTER_ADD: return rules->activation_after_add;
    case ADD_AFTER_ACTIVATION: return rules->add_after_activation;
    case ACTIVATION_AFTER_POOL: return rules->activation_after_pool;
    case NO_RULE: break;
    }
    return false;
}

static void keep(fet_fusion_rules *rules, const question *q, bool fused)
{
    uint32_t bit = q->rule == ACTIVATION ? 1u << (q->second - FET_PIECE_ACTIVATION) : 0;
    switch (q->rule) {
    case BATCH_NORM: rules->batch_norm = fused; break;
    case ACTIVATION: rules->activations = (rules->activations & ~bit) | (fused ? bit : 0); break;
    case ADD: rules->add = fused; break;
    case ACTIVATION_AFTER_ADD: rules->activation_after_add = fused; break;
    case ADD_AFTER_ACTIVATION: rules->add_after_activation = fused; break;
    case ACTIVATION_AFTER_POOL: rules->activation_after_pool = fused; break;
    case NO_RULE: break;
    }
}

static void answer(finder *f, const question *q)
{
    static const char *const rules[] = {
        NULL, "batch_norm", "activations", "add", "activation_after_add", "add_after_activation", "activation_after_pool"};
    five n = networks_of(f, q);
    const uint32_t all[] = {n.start, n.first, n.both, n.apart, n.watched};
    fet_fusion_pair *pair = &f->found->pairs[f->found->n++];
    *pair = (fet_fusion_pair){.first = q->name, .second = fet_piece_name(q->second), .rule = rules[q->rule]};
    pair->first_ms = f->ms[n.first] - f->ms[n.start];
    pair->both_ms = f->ms[n.both] - f->ms[n.start];
    pair->second_ms = f->ms[n.apart] - f->ms[n.watched];
    for (int i = 0; i < 5; i++) pair->error_ms += f->second_ms[all[i]] - f->ms[all[i]];
    pair->found = fet_fusion_judge(pair->first_ms, pair->second_ms, pair->both_ms, pair->error_ms);
    pair->stated = is_stated(fet_device_fusion_rules(f->device), q);
    if (pair->found != FET_FUSION_OPEN) keep(&f->found->rules, q, pair->found == FET_FUSION_YES);
}

/*
 * The questions above, then each activation behind a convolution; but GELU, which an ONNX file of the opset we write spells out in five
 * nodes: what is stated of it stays.
 */
static question question_at(uint32_t i)
{
    if (i < N_QUESTIONS) return questions[i];
    uint32_t kind = 1 + i - N_QUESTIONS;
    kind += kind >= FET_ACTIVATION_GELU;
    return (question){{FET_PIECE_CONV}, (int)(FET_PIECE_ACTIVATION + kind), ACTIVATION, "conv"};
}
enum { N_ALL = N_QUESTIONS + FET_ACTIVATION_COUNT - 2 };
_Static_assert((int)N_ALL <= (int)FET_FUSION_MAX_PAIRS && 4 * (int)N_ALL <= (int)N_CHAINS, "room for every question");

static fet_status find(finder *f, uint32_t visits, const char *folder, fet_device_progress go_on, void *context)
{
    f->found->rules = *fet_device_fusion_rules(f->device);
    for (uint32_t i = 0; i < N_ALL; i++) {
        question q = question_at(i);
        networks_of(f, &q);
    }
    FET_TRY(write_networks(f, folder));
    FET_TRY(visit(f, visits, go_on, context));
    for (uint32_t i = 0; i < N_ALL; i++) {
        question q = question_at(i);
        answer(f, &q);
    }
    return FET_OK;
}

fet_status fet_fusion_find(fet_device *device, uint32_t visits, const char *folder, fet_device_progress go_on, void *context,
                           fet_fusion_found *out_found)
{
    fet_fusion_found found = {.n = 0};
    finder *f = NULL;
    if (visits < 2) return fet_fail(FET_ERROR_ARG, "%u visits of each network: expected 2 or more", visits);
    FET_TRY(fet_alloc_zeroed(1, sizeof *f, "networks for fusion", &f));
    f->device = device, f->found = &found;
    fet_status status = find(f, visits, folder, go_on, context);
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->paths[i]) unlink(f->paths[i]);
        fet_free(f->paths[i]);
    }
    fet_free(f);
    if (status == FET_OK) *out_found = found;
    return status;
}
