// SPDX-License-Identifier: Apache-2.0
/* Nodes as activations: which operator, which numbers. Defaults are those of ONNX opset 13. */
#include "kernel/kernel.h"

#include <float.h>
#include <string.h>

static const char *const names[FET_ACTIVATION_COUNT] = {
    [FET_ACTIVATION_NONE] = "none",
    [FET_ACTIVATION_RELU] = "relu",
    [FET_ACTIVATION_CLIP] = "clip",
    [FET_ACTIVATION_LEAKY_RELU] = "leaky_relu",
    [FET_ACTIVATION_ELU] = "elu",
    [FET_ACTIVATION_SIGMOID] = "sigmoid",
    [FET_ACTIVATION_HARD_SIGMOID] = "hard_sigmoid",
    [FET_ACTIVATION_HARD_SWISH] = "hard_swish",
    [FET_ACTIVATION_SWISH] = "swish",
    [FET_ACTIVATION_GELU] = "gelu",
    [FET_ACTIVATION_TANH] = "tanh",
};

const char *fet_activation_name(fet_activation_kind kind)
{
    return names[kind];
}

bool fet_activation_is_nonnegative(const fet_activation *activation)
{
    switch (activation->kind) {
    case FET_ACTIVATION_RELU:
    case FET_ACTIVATION_SIGMOID:
    case FET_ACTIVATION_HARD_SIGMOID: return true;
    case FET_ACTIVATION_CLIP: return activation->alpha >= 0.0f;
    default: return false;
    }
}

/* A bound of Clip: input i when it is there, else the attribute of older opsets. A graph without numbers gets `unknown`. */
static float bound(const fet_graph *graph, const fet_node *node, uint32_t i, fet_attr_key key, float unknown, float otherwise,
                   bool *constant)
{
    const fet_value *value = fet_node_input(graph, node, i);
    if (!value) return fet_node_float(node, key, otherwise);
    if (value->kind != FET_VALUE_PARAM) *constant = false;
    const fet_tensor *tensor = fet_graph_constant(graph, node->inputs[i]);
    return tensor && tensor->dtype == FET_DTYPE_F32 && tensor->bytes >= sizeof(float) ? fet_tensor_f32(tensor)[0] : unknown;
}

static fet_activation clip(const fet_graph *graph, const fet_node *node)
{
    bool constant = true;
    fet_activation activation = {.kind = FET_ACTIVATION_CLIP};
    activation.alpha = bound(graph, node, 1, FET_ATTR_MIN, 0.0f, -FLT_MAX, &constant);
    activation.beta = bound(graph, node, 2, FET_ATTR_MAX, 6.0f, FLT_MAX, &constant);
    if (!constant) return (fet_activation){0};
    if (activation.alpha == 0.0f && activation.beta >= FLT_MAX) return (fet_activation){.kind = FET_ACTIVATION_RELU};
    return activation;
}

static fet_activation gelu(const fet_node *node)
{
    const fet_attr *attr = fet_node_attr(node, FET_ATTR_APPROXIMATE);
    bool approximate = attr && attr->type == FET_ATTR_TYPE_STRING && strcmp(attr->string, "tanh") == 0;
    return (fet_activation){.kind = FET_ACTIVATION_GELU, .alpha = approximate ? 1.0f : 0.0f};
}

fet_activation fet_activation_of_node(const fet_graph *graph, const fet_node *node)
{
    switch (node->op) {
    case FET_OP_RELU: return (fet_activation){.kind = FET_ACTIVATION_RELU};
    case FET_OP_CLIP: return clip(graph, node);
    case FET_OP_LEAKY_RELU:
        return (fet_activation){.kind = FET_ACTIVATION_LEAKY_RELU, .alpha = fet_node_float(node, FET_ATTR_ALPHA, 0.01f)};
    case FET_OP_ELU: return (fet_activation){.kind = FET_ACTIVATION_ELU, .alpha = fet_node_float(node, FET_ATTR_ALPHA, 1.0f)};
    case FET_OP_SIGMOID: return (fet_activation){.kind = FET_ACTIVATION_SIGMOID};
    case FET_OP_HARD_SIGMOID:
        return (fet_activation){.kind = FET_ACTIVATION_HARD_SIGMOID,
                                .alpha = fet_node_float(node, FET_ATTR_ALPHA, 0.2f),
                                .beta = fet_node_float(node, FET_ATTR_BETA, 0.5f)};
    case FET_OP_HARD_SWISH: return (fet_activation){.kind = FET_ACTIVATION_HARD_SWISH};
    case FET_OP_SWISH: return (fet_activation){.kind = FET_ACTIVATION_SWISH, .alpha = fet_node_float(node, FET_ATTR_ALPHA, 1.0f)};
    case FET_OP_GELU: return gelu(node);
    case FET_OP_TANH: return (fet_activation){.kind = FET_ACTIVATION_TANH};
    default: return (fet_activation){0};
    }
}
