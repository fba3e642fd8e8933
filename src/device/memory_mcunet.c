// SPDX-License-Identifier: Apache-2.0
/*
 * The peak of activations as MCUNet counts it (count_peak_activation_size of its code): the largest sum of what one layer reads and writes;
 * while a depthwise convolution inside a residual block runs, the block's input waits, too. Weights are streamed, nothing is in place.
 * Source: Lin et al., MCUNet, NeurIPS 2020.
 */
#include "device/memory.h"

static uint64_t bytes_of(const fet_graph *graph, fet_id value, fet_dtype dtype)
{
    const fet_shape *shape = &graph->values[value].shape;
    uint64_t bytes = fet_dtype_bytes(dtype);
    for (uint32_t axis = 0; axis < shape->rank; axis++) bytes *= (uint64_t)shape->dim[axis];
    return bytes;
}

/* The kernel that makes `value`; kernels->count: none, an input of the graph. */
static uint32_t maker_of(const fet_kernels *kernels, fet_id value)
{
    uint32_t k = 0;
    while (k < kernels->count && (kernels->items[k].anchor == FET_NONE || kernels->items[k].dst != value)) k++;
    return k;
}

/* What waits, made before kernel k, to be added behind it; `src` itself does not count twice. */
static uint64_t waiting(const fet_graph *graph, const fet_kernels *kernels, uint32_t k, fet_id src, fet_dtype network)
{
    uint64_t most = 0;
    for (uint32_t later = k; later < kernels->count; later++) { /* its own addition, too */
        const fet_kernel *kernel = &kernels->items[later];
        fet_id added[2] = {kernel->residual, FET_NONE};
        if (kernel->anchor != FET_NONE && kernel->key.op == FET_OP_ADD && graph->nodes[kernel->anchor].n_inputs == 2)
            added[0] = graph->nodes[kernel->anchor].inputs[0], added[1] = graph->nodes[kernel->anchor].inputs[1];
        for (int i = 0; i < 2; i++) {
            if (added[i] == FET_NONE || graph->values[added[i]].kind == FET_VALUE_PARAM) continue;
            fet_id value = fet_kernel_view_root(graph, added[i]);
            uint32_t maker = maker_of(kernels, value);
            uint64_t bytes = bytes_of(graph, value, fet_kernel_dtype(&kernel->key, network));
            if (value != src && (maker < k || maker == kernels->count) && bytes > most) most = bytes;
        }
    }
    return most;
}

uint64_t fet_memory_mcunet_peak(const fet_graph *graph, const fet_kernels *kernels, fet_dtype activation_dtype, bool residuals)
{
    uint64_t peak = 0;
    for (uint32_t k = 0; k < kernels->count; k++) {
        const fet_kernel *kernel = &kernels->items[k];
        const fet_kernel_key *key = &kernel->key;
        if (kernel->anchor == FET_NONE || (key->op != FET_OP_CONV && key->op != FET_OP_GEMM && key->op != FET_OP_MATMUL)) continue;
        fet_id src = fet_kernel_view_root(graph, fet_kernel_operand(graph, kernel, 0));
        fet_dtype dtype = fet_kernel_dtype(key, activation_dtype);
        uint64_t sum = bytes_of(graph, src, dtype) + bytes_of(graph, kernel->dst, dtype);
        if (residuals && key->group > 1 && key->group == key->ic) sum += waiting(graph, kernels, k, src, activation_dtype);
        peak = sum > peak ? sum : peak;
    }
    return peak;
}
