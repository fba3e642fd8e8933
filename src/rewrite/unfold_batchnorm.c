// SPDX-License-Identifier: Apache-2.0
#include "rewrite/unfold_batchnorm.h"

#include "op/op.h"

#include <math.h>

static const float EPSILON = 1e-5f;
enum { GAMMA = 1, BETA, MEAN, VARIANCE, N_INPUTS };

static const fet_tensor *f32_of(const fet_graph *graph, fet_id value)
{
    const fet_tensor *tensor = value == FET_NONE ? NULL : fet_graph_constant(graph, value);
    return tensor && tensor->dtype == FET_DTYPE_F32 ? tensor : NULL;
}

static bool is_normed(const fet_graph *graph, fet_id value)
{
    for (fet_id n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op == FET_OP_BATCH_NORMALIZATION && graph->nodes[n].inputs[0] == value) return true;
    return false;
}

static bool wants_norm(const fet_graph *graph, const fet_node *node)
{
    if (node->op != FET_OP_CONV || !f32_of(graph, node->inputs[1])) return false;
    const fet_value *map = &graph->values[node->outputs[0]];
    bool has_bias = node->n_inputs > 2 && node->inputs[2] != FET_NONE;
    if (map->shape.rank != 4 || map->shape.dim[2] * map->shape.dim[3] < 2) return false; /* statistics of a few numbers say nothing */
    return (!has_bias || f32_of(graph, node->inputs[2])) && !is_normed(graph, node->outputs[0]);
}

/* A vector of the norm's; its name is the node's with what it is. */
static fet_status add_vector(fet_graph *graph, const char *node, const char *what, int64_t channels, float fill, const fet_tensor *copied,
                             bool trainable, fet_id *out_value)
{
    fet_auto(fet_tensor) tensor = NULL;
    fet_shape shape = fet_shape_1d(channels);
    char *name = fet_arena_printf(graph->arena, "%s.norm.%s", node, what);
    if (!name) return fet_arena_full();
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &shape, &tensor));
    for (int64_t c = 0; c < channels; c++) fet_tensor_f32(tensor)[c] = copied ? fet_tensor_f32(copied)[c] : fill;
    return fet_graph_add_param(graph, name, FET_DTYPE_F32, &shape, tensor, trainable, out_value);
}

static fet_status add_norm(fet_graph *graph, fet_id conv)
{
    const fet_node *node = &graph->nodes[conv];
    fet_id inputs[N_INPUTS], raw = FET_NONE, out = node->outputs[0], norm = FET_NONE;
    const fet_tensor *bias = node->n_inputs > 2 ? f32_of(graph, node->inputs[2]) : NULL;
    int64_t channels = graph->values[out].shape.dim[1];
    const char *name = node->name;
    char *raw_name = fet_arena_printf(graph->arena, "%s.raw", graph->values[out].name);
    char *norm_name = fet_arena_printf(graph->arena, "%s.norm", name);
    if (!raw_name || !norm_name) return fet_arena_full();
    FET_TRY(add_vector(graph, name, "gamma", channels, 1, NULL, true, &inputs[GAMMA]));
    FET_TRY(add_vector(graph, name, "beta", channels, 0, bias, true, &inputs[BETA]));
    FET_TRY(add_vector(graph, name, "mean", channels, 0, NULL, false, &inputs[MEAN]));
    FET_TRY(add_vector(graph, name, "variance", channels, 1.0f - EPSILON, NULL, false, &inputs[VARIANCE]));
    FET_TRY(fet_graph_add_value(graph, raw_name, FET_DTYPE_F32, &raw));
    inputs[0] = raw;
    graph->nodes[conv].outputs[0] = raw;
    graph->nodes[conv].n_inputs = 2;
    graph->values[raw].node = conv;
    graph->values[raw].shape = graph->values[out].shape;
    graph->values[out].node = FET_NONE;
    FET_TRY(fet_graph_add_node_to(graph, FET_OP_BATCH_NORMALIZATION, norm_name, inputs, N_INPUTS, &out, 1, &norm));
    return fet_graph_set_float(graph, norm, FET_ATTR_EPSILON, EPSILON);
}

fet_status fet_unfold_batchnorm(fet_graph *graph, uint32_t *out_unfolded)
{
    uint32_t unfolded = 0, n_nodes = graph->n_nodes;
    for (fet_id n = 0; n < n_nodes; n++) {
        if (!wants_norm(graph, &graph->nodes[n])) continue;
        FET_TRY(add_norm(graph, n));
        unfolded++;
    }
    if (unfolded > 0) FET_TRY(fet_graph_compact(graph)); /* norms behind their convolutions */
    if (out_unfolded) *out_unfolded = unfolded;
    return FET_OK;
}

static bool is_all(const fet_tensor *tensor, float value)
{
    for (int64_t i = 0; tensor && i < fet_tensor_elements(tensor); i++)
        if (fet_tensor_f32(tensor)[i] != value) return false;
    return tensor != NULL;
}

bool fet_batchnorm_is_neutral(const fet_graph *graph, const fet_node *norm)
{
    return norm->op == FET_OP_BATCH_NORMALIZATION && fet_node_float(norm, FET_ATTR_EPSILON, EPSILON) == EPSILON &&
           is_all(f32_of(graph, norm->inputs[GAMMA]), 1) && is_all(f32_of(graph, norm->inputs[MEAN]), 0) &&
           is_all(f32_of(graph, norm->inputs[VARIANCE]), 1.0f - EPSILON) && f32_of(graph, norm->inputs[BETA]);
}

fet_status fet_batchnorm_set_statistics(fet_graph *graph, fet_id norm, const double *mean, const double *variance)
{
    fet_tensor *vectors[N_INPUTS] = {0};
    fet_status status = FET_OK;
    for (int i = GAMMA; i < N_INPUTS && status == FET_OK; i++)
        status = fet_tensor_copy(f32_of(graph, graph->nodes[norm].inputs[i]), &vectors[i]);
    for (int64_t c = 0; status == FET_OK && c < fet_tensor_elements(vectors[GAMMA]); c++) {
        double used = fmax(variance[c], 0);
        fet_tensor_f32(vectors[GAMMA])[c] = (float)sqrt(used + (double)EPSILON);
        fet_tensor_f32(vectors[BETA])[c] = (float)((double)fet_tensor_f32(vectors[BETA])[c] + mean[c]);
        fet_tensor_f32(vectors[MEAN])[c] = (float)mean[c];
        fet_tensor_f32(vectors[VARIANCE])[c] = (float)used;
    }
    for (int i = GAMMA; i < N_INPUTS; i++) {
        if (status == FET_OK) fet_graph_set_tensor(graph, graph->values[graph->nodes[norm].inputs[i]].param, vectors[i]);
        fet_tensor_release(vectors[i]);
    }
    return status;
}
