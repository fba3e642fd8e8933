// SPDX-License-Identifier: Apache-2.0
/* What a kernel swallows of the nodes behind it: each only where nobody else reads what it replaces. */
#include "kernel/split.h"

/* The node that alone reads `value`, as its input 0 (or any input, for an addition); FET_NONE when there is none. */
static fet_id only_reader(const fet_split *s, fet_id value)
{
    return s->n_readers[value] == 1 ? s->reader[value] : FET_NONE;
}

static void take_batch_norm(fet_split *s, fet_kernel *kernel)
{
    fet_id n = s->rules->batch_norm ? only_reader(s, kernel->dst) : FET_NONE;
    if (n == FET_NONE || s->graph->nodes[n].op != FET_OP_BATCH_NORMALIZATION || s->graph->nodes[n].inputs[0] != kernel->dst) return;
    for (uint32_t i = 1; i < s->graph->nodes[n].n_inputs; i++)
        if (s->graph->values[s->graph->nodes[n].inputs[i]].kind != FET_VALUE_PARAM) return;
    kernel->batch_norm = n;
    kernel->key.flags |= FET_KERNEL_BIAS;
    kernel->dst = s->graph->nodes[n].outputs[0];
    s->taken[n] = 1;
}

bool fet_split_take_activation(fet_split *s, fet_kernel *kernel)
{
    fet_id n = only_reader(s, kernel->dst);
    if (n == FET_NONE || s->classes[n] != FET_CLASS_ACTIVATION || s->graph->nodes[n].inputs[0] != kernel->dst) return false;
    fet_activation activation = fet_activation_of_node(s->graph, &s->graph->nodes[n]);
    if (!(s->rules->activations & 1u << activation.kind)) return false;
    kernel->activation = activation;
    kernel->activation_node = n;
    kernel->key.activation = (uint8_t)activation.kind;
    kernel->dst = s->graph->nodes[n].outputs[0];
    s->taken[n] = 1;
    return true;
}

/* The other summand must be in memory, fast and of the same shape: then it becomes the residual. */
static bool take_add(fet_split *s, fet_kernel *kernel, uint32_t flag)
{
    fet_id n = s->rules->add ? only_reader(s, kernel->dst) : FET_NONE;
    if (n == FET_NONE || s->classes[n] != FET_CLASS_BINARY) return false;
    if (s->graph->nodes[n].op != FET_OP_ADD && s->graph->nodes[n].op != FET_OP_SUM) return false;
    const fet_node *node = &s->graph->nodes[n];
    fet_id other = node->inputs[0] == kernel->dst ? node->inputs[1] : node->inputs[0];
    if (!(s->fast[other] & FET_SPLIT_HAS_FAST) || !fet_shape_equal(&s->graph->values[other].shape, &s->graph->values[kernel->dst].shape))
        return false;
    kernel->add_node = n;
    kernel->residual = other;
    kernel->key.flags |= flag;
    kernel->dst = node->outputs[0];
    s->taken[n] = 1;
    return true;
}

void fet_split_fuse(fet_split *s, fet_kernel *kernel)
{
    take_batch_norm(s, kernel);
    if (fet_split_take_activation(s, kernel)) {
        if (s->rules->add_after_activation) take_add(s, kernel, FET_KERNEL_ADD_AFTER);
    } else if (take_add(s, kernel, FET_KERNEL_ADD) && s->rules->activation_after_add) {
        fet_split_take_activation(s, kernel);
    }
}
