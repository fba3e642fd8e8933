// SPDX-License-Identifier: Apache-2.0
#include "rewrite/importance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a parameter says about the channels that it holds. */
typedef enum voice { VOICE_NONE, VOICE_GAMMA, VOICE_FILTER, VOICE_READER } voice;

static bool feeds_batch_norm(const fet_graph *graph, const fet_node *node)
{
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op == FET_OP_BATCH_NORMALIZATION && graph->nodes[n].inputs[0] == node->outputs[0]) return true;
    return false;
}

static voice voice_of(const fet_graph *graph, const fet_channel_groups *groups, const fet_channel_member *member)
{
    fet_id value = graph->params[member->param].value;
    if (fet_channel_param_dim(groups, member->param, member->axis)->summed) return VOICE_READER;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        if (node->op == FET_OP_NONE || node->n_inputs < 2 || node->inputs[1] != value) continue;
        if (node->op == FET_OP_BATCH_NORMALIZATION || node->op == FET_OP_INSTANCE_NORMALIZATION) return VOICE_GAMMA;
        bool weights = node->op == FET_OP_CONV || node->op == FET_OP_CONV_TRANSPOSE || node->op == FET_OP_GEMM || node->op == FET_OP_MATMUL;
        if (weights && !feeds_batch_norm(graph, node)) return VOICE_FILTER;
    }
    return VOICE_NONE;
}

/* sum[c] = L1 norm of the entries of channel c along the member's axis. */
static void add_norms(const fet_tensor *tensor, uint32_t axis, const fet_channel_dim *dim, const fet_channel_groups *groups, uint32_t group,
                      float *sum)
{
    const int64_t *d = tensor->shape.dim;
    int64_t outer = 1, inner = 1;
    for (uint32_t a = 0; a < axis; a++) outer *= d[a];
    for (uint32_t a = axis + 1; a < tensor->shape.rank; a++) inner *= d[a];
    const float *data = fet_tensor_f32(tensor);
    int64_t at = 0;
    for (uint32_t r = 0; r < dim->n_runs; r++) {
        int64_t entries = dim->runs[r].inner, channels = groups->groups[dim->runs[r].group].channels;
        for (int64_t c = 0; dim->runs[r].group == group && c < channels; c++)
            for (int64_t o = 0; o < outer; o++)
                for (int64_t i = 0; i < entries * inner; i++) sum[c] += fabsf(data[(o * d[axis] + at + c * entries) * inner + i]);
        at += channels * entries;
    }
}

/* total += values / mean(values) */
static void add_voice(const float *values, uint32_t channels, float *total, bool *heard)
{
    double mean = 0;
    for (uint32_t c = 0; c < channels; c++) mean += values[c];
    mean /= channels;
    if (!(mean > 0) || !isfinite(mean)) return;
    for (uint32_t c = 0; c < channels; c++) total[c] += (float)(values[c] / mean);
    *heard = true;
}

fet_status fet_channel_importance(const fet_graph *graph, const fet_channel_groups *groups, uint32_t group, fet_arena *scratch,
                                  float *score)
{
    const fet_channel_group *g = &groups->groups[group];
    float *values = fet_arena_zalloc(scratch, g->channels, sizeof *values);
    float *total[2] = {fet_arena_zalloc(scratch, g->channels, sizeof(float)), fet_arena_zalloc(scratch, g->channels, sizeof(float))};
    if (!values || !total[0] || !total[1]) return fet_arena_full();
    bool heard[2] = {false, false}; /* who makes the channels, who reads them */
    for (uint32_t m = 0; m < g->n_members; m++) {
        const fet_channel_member *member = &g->members[m];
        const fet_tensor *tensor = graph->params[member->param].tensor;
        if (!tensor || tensor->dtype != FET_DTYPE_F32) continue;
        voice v = voice_of(graph, groups, member);
        if (v == VOICE_NONE) continue;
        memset(values, 0, g->channels * sizeof *values);
        add_norms(tensor, member->axis, fet_channel_param_dim(groups, member->param, member->axis), groups, group, values);
        add_voice(values, g->channels, total[v == VOICE_READER], &heard[v == VOICE_READER]);
    }
    for (uint32_t c = 0; c < g->channels; c++) score[c] = (heard[0] ? total[0][c] : 1) * (heard[1] ? total[1][c] : 1);
    return FET_OK;
}

/* Makes the channel, or shifts what makes it: see the header. */
static bool is_source(const fet_graph *graph, const fet_channel_groups *groups, const fet_channel_member *member)
{
    fet_id value = graph->params[member->param].value;
    if (fet_channel_param_dim(groups, member->param, member->axis)->summed || !graph->params[member->param].trainable) return false;
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        for (uint32_t i = 1; i < node->n_inputs && node->op != FET_OP_NONE; i++) {
            if (node->inputs[i] != value) continue;
            if (node->op == FET_OP_BATCH_NORMALIZATION || node->op == FET_OP_INSTANCE_NORMALIZATION) return i < 3;
            return (node->op == FET_OP_CONV || node->op == FET_OP_CONV_TRANSPOSE || node->op == FET_OP_GEMM || node->op == FET_OP_MATMUL) &&
                   !feeds_batch_norm(graph, node);
        }
    }
    return false;
}

/* sum[c] += weight * gradient over the entries of channel c along the member's axis. */
static void add_products(const fet_tensor *weight, const fet_tensor *gradient, uint32_t axis, const fet_channel_dim *dim,
                         const fet_channel_groups *groups, uint32_t group, double *sum)
{
    const int64_t *d = weight->shape.dim;
    const float *w = fet_tensor_f32(weight), *g = fet_tensor_f32(gradient);
    int64_t outer = 1, inner = 1, at = 0;
    for (uint32_t a = 0; a < axis; a++) outer *= d[a];
    for (uint32_t a = axis + 1; a < weight->shape.rank; a++) inner *= d[a];
    for (uint32_t r = 0; r < dim->n_runs; r++) {
        int64_t entries = dim->runs[r].inner, channels = groups->groups[dim->runs[r].group].channels;
        for (int64_t c = 0; dim->runs[r].group == group && c < channels; c++)
            for (int64_t o = 0; o < outer; o++)
                for (int64_t i = 0; i < entries * inner; i++) {
                    int64_t k = (o * d[axis] + at + c * entries) * inner + i;
                    sum[c] += (double)w[k] * (double)g[k];
                }
        at += channels * entries;
    }
}

fet_status fet_channel_taylor(const fet_graph *graph, const fet_channel_groups *groups, uint32_t group, const fet_tensor *const *gradients,
                              fet_arena *scratch, double *score)
{
    const fet_channel_group *g = &groups->groups[group];
    double *sum = fet_arena_zalloc(scratch, g->channels, sizeof *sum);
    if (!sum) return fet_arena_full();
    for (uint32_t m = 0; m < g->n_members; m++) {
        const fet_channel_member *member = &g->members[m];
        const fet_tensor *tensor = graph->params[member->param].tensor, *gradient = gradients[member->param];
        if (!tensor || !gradient || tensor->dtype != FET_DTYPE_F32 || !is_source(graph, groups, member)) continue;
        add_products(tensor, gradient, member->axis, fet_channel_param_dim(groups, member->param, member->axis), groups, group, sum);
    }
    for (uint32_t c = 0; c < g->channels; c++) score[c] += sum[c] * sum[c];
    return FET_OK;
}

typedef struct scored {
    float score;
    uint32_t channel;
} scored;

static int more_important(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->channel > y->channel) - (x->channel < y->channel);
}

fet_status fet_channel_order(const fet_graph *graph, const fet_channel_groups *groups, uint32_t group, fet_arena *scratch, uint32_t *order)
{
    uint32_t channels = groups->groups[group].channels;
    scored *items = fet_arena_alloc(scratch, channels * sizeof *items);
    float *score = fet_arena_alloc(scratch, channels * sizeof *score);
    if (!items || !score) return fet_arena_full();
    if (groups->scores && groups->scores[group]) memcpy(score, groups->scores[group], channels * sizeof *score);
    else FET_TRY(fet_channel_importance(graph, groups, group, scratch, score));
    /* A NaN weight must not make the comparison inconsistent: it counts as unimportant. */
    for (uint32_t c = 0; c < channels; c++) items[c] = (scored){isnan(score[c]) ? -1.0f : score[c], c};
    qsort(items, channels, sizeof *items, more_important);
    for (uint32_t c = 0; c < channels; c++) order[c] = items[c].channel;
    return FET_OK;
}
