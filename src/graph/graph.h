// SPDX-License-Identifier: Apache-2.0
/*
 * The IR: a network as values, nodes and parameters, each named by a 32-bit id, all in one arena. Copying or rewriting is cheap and safe
 * because nothing holds pointers into anything else. Shapes are static and NCHW; names are kept from ONNX; the batch is dimension 0 of
 * the inputs. Nodes stand in topological order (fet_graph_verify demands it).
 *
 * A parameter is a tensor, or a shape still without numbers, and its origin: which parameter of a base graph it comes from, and how.
 * From origins follow inherited weights, the supernet, and what a candidate is called.
 *
 * Order of use: create -> add inputs, params, nodes (builder.h has the short forms) -> set outputs -> fet_graph_infer (op/infer.h) -> read.
 * Ids stay valid until fet_graph_compact. Thread-compatible; a graph nobody writes may be read by many threads.
 */
#ifndef FET_GRAPH_GRAPH_H
#define FET_GRAPH_GRAPH_H

#include "base/arena.h"
#include "tensor/tensor.h"

typedef uint32_t fet_id;
#define FET_NONE UINT32_MAX /* no value, node or parameter; as a node input: an optional input left out */

typedef enum fet_op_kind {
    FET_OP_NONE = 0, /* a removed node, until fet_graph_compact */
#define FET_OP(id, info, onnx_name, min_inputs, max_inputs) FET_OP_##id,
#include "graph/ops.def"
#undef FET_OP
    FET_OP_COUNT
} fet_op_kind;

typedef enum fet_attr_key {
    FET_ATTR_OTHER = 0, /* known only by its name */
#define FET_ATTR(id, onnx_name) FET_ATTR_##id,
#include "graph/attrs.def"
#undef FET_ATTR
    FET_ATTR_COUNT
} fet_attr_key;

typedef enum fet_attr_type {
    FET_ATTR_TYPE_INT,
    FET_ATTR_TYPE_FLOAT,
    FET_ATTR_TYPE_INTS,
    FET_ATTR_TYPE_FLOATS,
    FET_ATTR_TYPE_STRING,
    FET_ATTR_TYPE_TENSOR,
} fet_attr_type;

typedef struct fet_attr {
    fet_attr_key key;
    fet_attr_type type;
    const char *name; /* as ONNX writes it */
    uint32_t count;   /* of ints, floats; bytes of a string */
    union {
        int64_t i;
        float f;
        const int64_t *ints;
        const float *floats;
        const char *string;
        fet_tensor *tensor; /* retained by the graph */
    };
} fet_attr;

typedef enum fet_value_kind {
    FET_VALUE_COMPUTED = 0, /* by `node` */
    FET_VALUE_INPUT,        /* given by the caller */
    FET_VALUE_PARAM,        /* the numbers of `param` */
} fet_value_kind;

typedef struct fet_value {
    const char *name;
    fet_value_kind kind;
    fet_dtype dtype;
    fet_shape shape; /* valid after inference */
    fet_id node;     /* COMPUTED: the node that makes it */
    fet_id param;    /* PARAM */
} fet_value;

typedef struct fet_node {
    fet_op_kind op;
    uint16_t n_inputs, n_outputs, n_attrs;
    /* fet_dtype: where the network runs in int8, this Conv, Gemm or the like is computed in F32 or BF16 all the same; 0 (FET_DTYPE_NONE):
     * as the network. ONNX files hold it among their metadata (format/onnx), a candidate's genome decides it (space/precision.c). */
    uint16_t precision;
    const char *name;
    fet_id *inputs;  /* value ids */
    fet_id *outputs; /* value ids; FET_NONE for an optional output nobody asked for */
    fet_attr *attrs;
} fet_node;

/* How a parameter's first numbers are made. */
typedef enum fet_origin_rule {
    FET_ORIGIN_FRESH = 0, /* new: initialised at random, or by constants (see init.h) */
    FET_ORIGIN_SAME,      /* base[0] as it is */
    FET_ORIGIN_SLICE,     /* base[0], on each axis the entries of axis[a].index (which may also repeat: growth) */
    FET_ORIGIN_COMPOSE, /* one dense kernel out of an expand 1x1 (base[0]: E,I,1,1), a scale per channel (base[1] / sqrt(base[2] + epsilon),
                           batch norm gamma and variance; FET_NONE: 1) and a depthwise kernel (base[3]: E,1,KH,KW):
                           w[e,i,y,x] = expand[e,i] * scale[e] * depthwise[e,y,x], then sliced as SLICE. Where the parameter's shape
                           has fewer input channels than axis[1] gives, it is a kernel in groups: the blocks on the diagonal are kept */
    FET_ORIGIN_SPREAD,  /* a dense or grouped kernel that does what the depthwise kernel base[0] (C,1,KH,KW) did: base[0] sliced as SLICE
                           (axis[1] untouched) to C' channels, then, with k input channels a group in the parameter's shape,
                           w[c,j] = sliced[c] where j = c mod k, 0 elsewhere */
    FET_ORIGIN_FACTOR,  /* a factor of the product expand[o,i] * depthwise[o,y,x] that is nearest, output by output, to the dense kernel
                           base[0]  (O,I,KH,KW), sliced as SLICE: the expand where the parameter's shape is O,I,1,1, else the depthwise,
                           O,1,KH,KW */
} fet_origin_rule;

/* One axis of an origin. index == NULL: the identity. An index of FET_NONE is an entry of zeros (a kernel grown at its border). `scale` (or
 * NULL: 1) multiplies; growth halves what it doubled. */
typedef struct fet_origin_axis {
    uint32_t count;
    const uint32_t *index; /* [count] positions in the base's axis */
    const float *scale;    /* [count] */
} fet_origin_axis;

enum { FET_ORIGIN_AXES = 4, FET_ORIGIN_BASES = 4 };

typedef struct fet_origin {
    fet_origin_rule rule;
    fet_id base[FET_ORIGIN_BASES]; /* parameter ids in the base graph */
    float epsilon;                 /* COMPOSE */
    fet_origin_axis axis[FET_ORIGIN_AXES];
} fet_origin;

typedef struct fet_param {
    fet_id value;       /* name, dtype and shape stand there */
    fet_tensor *tensor; /* retained by the graph; NULL: a shape still without numbers */
    fet_origin origin;
    bool trainable; /* false: running statistics, shapes, constants */
} fet_param;

typedef struct fet_graph {
    fet_arena *arena;
    bool owns_arena;
    const char *name;
    fet_value *values;
    fet_node *nodes;
    fet_param *params;
    fet_id *inputs;  /* value ids, in order */
    fet_id *outputs; /* value ids, in order */
    uint32_t n_values, n_nodes, n_params, n_inputs, n_outputs;
    uint32_t capacity_values, capacity_nodes, capacity_params, capacity_inputs, capacity_outputs;
} fet_graph;

/* An empty graph in `arena` (borrowed, must outlive it) or, with NULL, in an arena of its own. */
FET_MUST_CHECK fet_status fet_graph_create(fet_arena *arena, fet_graph **out_graph);
void fet_graph_destroy(fet_graph *graph); /* releases tensors; frees the arena if it is its own */
FET_DEFINE_AUTO(fet_graph);

/*
 * A copy that may be changed without touching the source. Names, attributes and origins' index lists are shared with the source when
 * `arena` is borrowed (the source's arena must outlive the copy), deep otherwise. Tensors are shared (retained). `spare` leaves room for
 * that many further nodes.
 */
FET_MUST_CHECK fet_status fet_graph_copy(const fet_graph *source, fet_arena *arena, uint32_t spare, fet_graph **out_graph);

/* --- building. Names are copied. --- */
FET_MUST_CHECK fet_status fet_graph_add_input(fet_graph *graph, const char *name, fet_dtype dtype, const fet_shape *shape,
                                              fet_id *out_value);
/* `tensor` may be NULL (dtype and shape then say what it will be); it is retained. Origin starts as FRESH. Gives the value; its .param is
 * the parameter. */
FET_MUST_CHECK fet_status fet_graph_add_param(fet_graph *graph, const char *name, fet_dtype dtype, const fet_shape *shape,
                                              fet_tensor *tensor, bool trainable, fet_id *out_value);
/* Appends a node with n_outputs fresh values called `name`, "name:1", ... */
FET_MUST_CHECK fet_status fet_graph_add_node(fet_graph *graph, fet_op_kind op, const char *name, const fet_id *inputs, uint32_t n_inputs,
                                             uint32_t n_outputs, fet_id *out_node);
/* The same with outputs that exist already (fet_graph_add_value; FET_NONE: not asked for) and have no producer yet. */
FET_MUST_CHECK fet_status fet_graph_add_node_to(fet_graph *graph, fet_op_kind op, const char *name, const fet_id *inputs, uint32_t n_inputs,
                                                const fet_id *outputs, uint32_t n_outputs, fet_id *out_node);
/* Replaces the list of inputs of a node. */
FET_MUST_CHECK fet_status fet_graph_set_inputs(fet_graph *graph, fet_id node, const fet_id *inputs, uint32_t n_inputs);
FET_MUST_CHECK fet_status fet_graph_add_output(fet_graph *graph, fet_id value);
/* A value without a producer yet, for importers that know names before nodes. */
FET_MUST_CHECK fet_status fet_graph_add_value(fet_graph *graph, const char *name, fet_dtype dtype, fet_id *out_value);

/* Sets or replaces an attribute of a node; arrays and strings are copied, tensors retained. attr->name may be NULL when key is not OTHER.
 */
FET_MUST_CHECK fet_status fet_graph_set_attr(fet_graph *graph, fet_id node, const fet_attr *attr);
FET_MUST_CHECK fet_status fet_graph_set_int(fet_graph *graph, fet_id node, fet_attr_key key, int64_t value);
FET_MUST_CHECK fet_status fet_graph_set_float(fet_graph *graph, fet_id node, fet_attr_key key, float value);
FET_MUST_CHECK fet_status fet_graph_set_ints(fet_graph *graph, fet_id node, fet_attr_key key, const int64_t *values, uint32_t count);
FET_MUST_CHECK fet_status fet_graph_set_string(fet_graph *graph, fet_id node, fet_attr_key key, const char *value);

/* Takes an attribute away; nothing happens when it is not set. */
FET_MUST_CHECK fet_status fet_graph_remove_attr(fet_graph *graph, fet_id node, fet_attr_key key);
/* Turns a value without producer into a constant parameter that holds `tensor` (retained). */
FET_MUST_CHECK fet_status fet_graph_make_constant(fet_graph *graph, fet_id value, fet_tensor *tensor);

/* Gives `param` numbers (retains `tensor`; dtype and shape of its value become the tensor's). */
void fet_graph_set_tensor(fet_graph *graph, fet_id param, fet_tensor *tensor);

/* --- reading --- */
const fet_attr *fet_node_attr(const fet_node *node, fet_attr_key key); /* NULL when it is not set */
int64_t fet_node_int(const fet_node *node, fet_attr_key key, int64_t otherwise);
float fet_node_float(const fet_node *node, fet_attr_key key, float otherwise);
const char *fet_node_string(const fet_node *node, fet_attr_key key, const char *otherwise);

static inline const fet_value *fet_node_input(const fet_graph *graph, const fet_node *node, uint32_t i)
{
    return i < node->n_inputs && node->inputs[i] != FET_NONE ? &graph->values[node->inputs[i]] : NULL;
}
static inline const fet_value *fet_node_output(const fet_graph *graph, const fet_node *node, uint32_t i)
{
    return i < node->n_outputs && node->outputs[i] != FET_NONE ? &graph->values[node->outputs[i]] : NULL;
}
/* The numbers of a value, if it is a parameter that has them; else NULL. */
const fet_tensor *fet_graph_constant(const fet_graph *graph, fet_id value);
fet_id fet_graph_find_value(const fet_graph *graph, const char *name); /* FET_NONE when there is none; O(values) */
fet_id fet_graph_find_node(const fet_graph *graph, const char *name);

const char *fet_op_onnx_name(fet_op_kind op);
fet_op_kind fet_op_by_onnx_name(const char *name); /* FET_OP_NONE when we do not know it */
const char *fet_attr_onnx_name(fet_attr_key key);
fet_attr_key fet_attr_by_onnx_name(const char *name);

/* --- rewriting --- */
void fet_graph_remove_node(fet_graph *graph, fet_id node); /* leaves FET_OP_NONE; its outputs stay as values without producer */
void fet_graph_replace_uses(fet_graph *graph, fet_id value, fet_id by); /* in all node inputs and graph outputs */
/* Drops removed nodes, sorts the rest topologically, drops parameters and values nobody uses. Ids change. Errors: CORRUPT on a cycle. */
FET_MUST_CHECK fet_status fet_graph_compact(fet_graph *graph);

/* Who reads each value: consumers of value v are nodes[first[v] .. first[v+1]). Memory from `arena`. */
typedef struct fet_graph_uses {
    uint32_t *first; /* [n_values + 1] */
    fet_id *nodes;
} fet_graph_uses;
FET_MUST_CHECK fet_status fet_graph_uses_create(const fet_graph *graph, fet_arena *arena, fet_graph_uses *out_uses);

#endif
