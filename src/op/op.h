// SPDX-License-Identifier: Apache-2.0
/*
 * What each operator means for shapes and work: one fet_op_info per line of graph/ops.def, in a file of its own or of its family, listed in
 * op/registry.c. Numbers are computed elsewhere (engine); here are only shapes, types, MACs and bytes. Immutable, thread-safe.
 */
#ifndef FET_OP_OP_H
#define FET_OP_OP_H

#include "graph/graph.h"

/* Work of one node at the batch size of its shapes. */
typedef struct fet_op_work {
    int64_t macs;        /* multiply-accumulates */
    int64_t other_ops;   /* elementwise operations that are no MACs: additions, comparisons, exponentials */
    int64_t param_bytes; /* of its parameters, at their stored type; 64-bit integers (shapes, axes, indices) do not count */
    int64_t src_bytes;   /* activations read; 0 for a view */
    int64_t dst_bytes;   /* activations written; 0 for a view */
} fet_op_work;

enum fet_op_flag {
    FET_OP_ELEMENTWISE = 1 << 0, /* output element i depends on element i of the input(s) alone (after broadcasting) */
    FET_OP_ACTIVATION = 1 << 1,  /* unary non-linearity that a device may fuse behind a convolution */
    FET_OP_VIEW = 1 << 2,        /* moves no data: Reshape, Flatten, Squeeze, Identity, inference-time Dropout */
    FET_OP_COMMUTATIVE = 1 << 3,
};

typedef struct fet_op_info {
    fet_op_kind op;
    const char *onnx_name;
    uint32_t min_inputs, max_inputs, max_outputs;
    uint32_t flags;
    /* Sets dtype and shape of every output from its inputs' and its attributes. Errors: SHAPE, UNSUPPORTED, ARG; naming the node. */
    fet_status (*infer)(fet_graph *graph, fet_id node);
    /* NULL: other_ops = elements of output 0, no MACs. Bytes are filled by the caller. */
    void (*work)(const fet_graph *graph, const fet_node *node, fet_op_work *work);
} fet_op_info;

const fet_op_info *fet_op_find(fet_op_kind op); /* never NULL for a kind of ops.def */

/* Infers every node, in order. Inputs and parameters must have shapes. Errors name node, operator and the shapes that do not fit. */
FET_MUST_CHECK fet_status fet_graph_infer(fet_graph *graph);
FET_MUST_CHECK fet_status fet_graph_infer_node(fet_graph *graph, fet_id node);

/*
 * Sets dimension 0 of every graph input to `batch` and infers again. Where a Reshape of batched data names the old batch as the first entry
 * of its target
 * ("1, -1"), the entry becomes 0 ("as the input has it") in a constant of its own; the first entry of a Resize's sizes becomes the new
 * batch and that of an Expand's shape 1. Targets that start with 0 or -1 are left alone. On failure the graph may be changed.
 */
FET_MUST_CHECK fet_status fet_graph_set_batch(fet_graph *graph, int64_t batch);

/*
 * Infers like fet_graph_infer, but computes what depends on constants alone (and the Shape of anything), in order: the results become
 * parameters of the value's name, their nodes are removed (call fet_graph_compact afterwards). So shapes computed inside an exported graph
 * become the constants that Reshape and its like need. *bytes_left limits what may be made; a node over it, or one that is not computed
 * here, stays.
 */
FET_MUST_CHECK fet_status fet_graph_fold(fet_graph *graph, size_t *bytes_left);
FET_MUST_CHECK fet_status fet_graph_fold_node(fet_graph *graph, fet_id node, size_t *bytes_left);

void fet_graph_work_of_node(const fet_graph *graph, fet_id node, fet_op_work *out_work);
void fet_graph_work(const fet_graph *graph, fet_op_work *out_work); /* sums over nodes; param_bytes counts each parameter once */

/*
 * Demands: ids in range, topological order, one producer a value, arity as in ops.def, unique parameter use rules, inferred shapes equal to
 * those a fresh inference gives, tensors of the declared shape. Errors: CORRUPT or SHAPE naming the place.
 */
FET_MUST_CHECK fet_status fet_graph_verify(const fet_graph *graph);

/* One line a node, for people and golden files; appended to a heap string the caller frees. */
FET_MUST_CHECK fet_status fet_graph_print(const fet_graph *graph, char **out_text);

/*
 * A hash of structure, shapes and attributes, not of names, trained numbers or the order of independent nodes: two candidates that are the
 * same network have the same one. Small constants (Clip bounds, Reshape targets) count. 0 when there is no memory for it.
 */
uint64_t fet_graph_hash(const fet_graph *graph);

#endif
