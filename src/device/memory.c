// SPDX-License-Identifier: Apache-2.0
/*
 * The memory planner's front: kernels become steps that read and write tensors (1), a better running order is looked for where branches
 * leave a choice (2), live ranges in that order become buffers, with results written over operands that die (3), buffers get offsets (4),
 * parameters are counted (5). All working memory is the caller's arena, so planning a candidate costs no heap.
 *
 * In a network of several precisions a tensor is a value in one of them. A kernel that reads a value in another one than it is there in has
 * a step before it, which reads the one tensor and writes the other: the two are alive together.
 */
#include "device/memory.h"

#include "device/memory_internal.h"
#include "op/op.h"

#include <string.h>

typedef struct builder {
    const fet_graph *graph;
    const fet_memory_options *options;
    fet_memory_net net;
    uint32_t *tensor_of; /* [n_values], FET_NONE: not known (yet) */
    uint32_t *item_of;   /* [net.n_kernels] index in the caller's kernels: casts have no step, but from one precision to another */
    /* Of several precisions only: */
    bool mixed;
    uint8_t *dtype_of;                  /* [net.n_tensors] */
    uint32_t *forms[FET_KERNEL_WORLDS]; /* [n_values]: what the value was converted to; FET_NONE */
    uint32_t *cast_of;                  /* [n_values]: the last cast of it that was met */
    uint8_t *given_as;                  /* [n_values]: what a value that no fast kernel makes is first wanted as, NONE: as the network */
} builder;

fet_memory_options fet_memory_default_options(fet_dtype precision)
{
    return (fet_memory_options){
        .activation_dtype = precision, .weight_dtype = precision, .channel_rounding = 1, .alignment_bytes = 16, .search_order = true};
}

static bool is_float(fet_dtype dtype)
{
    return dtype == FET_DTYPE_F32 || dtype == FET_DTYPE_BF16 || dtype == FET_DTYPE_F16 || dtype == FET_DTYPE_F64;
}

/* Bytes of a value on the device; numbers that are no floats (indices, masks) keep their type. */
static uint64_t value_bytes(const fet_memory_options *options, const fet_value *value, fet_dtype as)
{
    uint64_t elements = 1;
    for (uint32_t axis = 0; axis < value->shape.rank; axis++) {
        uint64_t d = (uint64_t)value->shape.dim[axis];
        if (axis == 1 && value->shape.rank >= 3)
            d = (d + options->channel_rounding - 1) / options->channel_rounding * options->channel_rounding;
        elements *= d;
    }
    uint64_t bytes = elements * fet_dtype_bytes(is_float(value->dtype) ? as : value->dtype);
    return (bytes + options->alignment_bytes - 1) / options->alignment_bytes * options->alignment_bytes;
}

static uint32_t add_tensor(builder *b, fet_id value, uint32_t producer, fet_dtype as)
{
    uint32_t t = b->net.n_tensors++;
    b->net.tensors[t] =
        (fet_memory_tensor){.bytes = value_bytes(b->options, &b->graph->values[value], as), .value = value, .producer = producer};
    b->tensor_of[value] = t;
    if (b->mixed) b->dtype_of[t] = (uint8_t)as;
    return t;
}

/* What a value that no fast kernel makes is kept as. */
static fet_dtype given_as(const builder *b, fet_id value)
{
    fet_dtype network = b->options->activation_dtype;
    return b->mixed && b->given_as[value] != FET_DTYPE_NONE ? (fet_dtype)b->given_as[value] : network;
}

/* The tensor that holds a value, through views; FET_NONE for parameters and what is computed from shapes alone. */
static uint32_t find_tensor(const builder *b, fet_id value)
{
    for (;;) {
        if (value == FET_NONE || b->tensor_of[value] != FET_NONE) break;
        const fet_value *v = &b->graph->values[value];
        if (v->kind != FET_VALUE_COMPUTED || v->node == FET_NONE) return FET_NONE;
        const fet_node *node = &b->graph->nodes[v->node];
        if (!fet_kernel_is_view(node->op)) return FET_NONE;
        value = node->inputs[0];
    }
    return value == FET_NONE ? FET_NONE : b->tensor_of[value];
}

static void add_read(builder *b, uint32_t k, uint32_t tensor)
{
    fet_memory_kernel *kernel = &b->net.kernels[k];
    for (uint32_t i = 0; i < kernel->n_reads; i++)
        if (b->net.reads[kernel->first_read + i].tensor == tensor) return;
    b->net.reads[kernel->first_read + kernel->n_reads++] = (fet_memory_read){.tensor = tensor};
    b->net.tensors[tensor].n_readers++;
    b->net.n_reads++;
}

/* The tensor that a kernel of precision `as` reads for `value`, converted in a step of its own where it is there in others only. */
static uint32_t find_form(builder *b, fet_id value, fet_dtype as)
{
    uint32_t native = find_tensor(b, value), w = fet_kernel_world(as);
    if (!b->mixed || native == FET_NONE || b->dtype_of[native] == as) return native;
    fet_id root = b->net.tensors[native].value;
    if (!is_float(b->graph->values[root].dtype)) return native;
    if (b->forms[w][root] != FET_NONE) return b->forms[w][root];
    uint32_t k = b->net.n_kernels++, cast = b->cast_of[root];
    b->net.kernels[k] = (fet_memory_kernel){.first_read = b->net.n_reads, .first_write = b->net.n_tensors, .n_writes = 1};
    b->item_of[k] = cast;
    add_read(b, k, native);
    b->forms[w][root] = add_tensor(b, root, k, as);
    b->tensor_of[root] = native;
    return b->forms[w][root];
}

/* Kernels of the long tail take what is there. */
static uint32_t find_read(builder *b, const fet_kernel *kernel, fet_id value)
{
    if (kernel->key.flags & FET_KERNEL_PLAIN_SRC) return find_tensor(b, value);
    return find_form(b, value, fet_kernel_dtype(&kernel->key, b->options->activation_dtype));
}

/* Which operand a kernel may overwrite: the residual that a convolution adds up into, or any operand of an elementwise operation. */
static void mark_in_place(builder *b, const fet_kernel *kernel, uint32_t k, uint32_t residual)
{
    fet_memory_kernel *entry = &b->net.kernels[k];
    const fet_node *anchor = &b->graph->nodes[kernel->anchor];
    bool elementwise = fet_op_find(anchor->op)->flags & FET_OP_ELEMENTWISE;
    if (entry->n_writes != 1 || (!elementwise && residual == FET_NONE)) return;
    /* A convolution still reads its source while it writes, so x + conv(x) needs room of its own. */
    for (uint32_t i = 0; !elementwise && i < anchor->n_inputs; i++)
        if (find_read(b, kernel, fet_kernel_operand(b->graph, kernel, i)) == residual) return;
    uint64_t bytes = b->net.tensors[entry->first_write].bytes;
    for (uint32_t i = 0; i < entry->n_reads; i++) {
        fet_memory_read *read = &b->net.reads[entry->first_read + i];
        read->in_place = b->net.tensors[read->tensor].bytes == bytes && (elementwise || read->tensor == residual);
    }
}

/* Steps of conversion come before the kernel's own. */
static void prepare_reads(builder *b, const fet_kernel *kernel)
{
    const fet_node *anchor = &b->graph->nodes[kernel->anchor];
    for (uint32_t i = 0; i < anchor->n_inputs; i++) (void)find_read(b, kernel, fet_kernel_operand(b->graph, kernel, i));
    (void)find_read(b, kernel, kernel->residual);
}

static fet_status add_kernel(builder *b, const fet_kernel *kernel, uint32_t item)
{
    const fet_node *anchor = &b->graph->nodes[kernel->anchor];
    bool plain = kernel->key.flags & FET_KERNEL_PLAIN_SRC;
    fet_dtype as = fet_kernel_dtype(&kernel->key, b->options->activation_dtype);
    if (b->mixed) prepare_reads(b, kernel);
    uint32_t k = b->net.n_kernels++;
    fet_memory_kernel *entry = &b->net.kernels[k];
    *entry = (fet_memory_kernel){.first_read = b->net.n_reads, .first_write = b->net.n_tensors};
    b->item_of[k] = item;
    uint32_t residual = find_read(b, kernel, kernel->residual);
    if (kernel->residual != FET_NONE && residual == FET_NONE && b->graph->values[kernel->residual].kind == FET_VALUE_COMPUTED)
        return fet_fail(FET_ERROR_CORRUPT, "%s: its kernel adds %s, which no kernel before it has made", anchor->name,
                        b->graph->values[kernel->residual].name);
    for (uint32_t i = 0; i < anchor->n_inputs; i++) {
        uint32_t tensor = find_read(b, kernel, fet_kernel_operand(b->graph, kernel, i));
        if (tensor != FET_NONE) add_read(b, k, tensor);
    }
    if (residual != FET_NONE) add_read(b, k, residual);
    fet_dtype dtype = kernel->key.flags & FET_KERNEL_F32_DST ? FET_DTYPE_F32 : as;
    for (uint32_t i = 1; i < anchor->n_outputs; i++)
        if (anchor->outputs[i] != FET_NONE) add_tensor(b, anchor->outputs[i], k, plain ? given_as(b, anchor->outputs[i]) : dtype);
    add_tensor(b, kernel->dst, k, plain ? given_as(b, kernel->dst) : dtype);
    entry->n_writes = b->net.n_tensors - entry->first_write;
    mark_in_place(b, kernel, k, residual);
    return FET_OK;
}

/* Whether some kernels work in another precision than the network; then room for what that takes. */
static fet_status look_for_others(builder *b, const fet_kernels *kernels, fet_arena *arena)
{
    fet_dtype network = b->options->activation_dtype;
    uint32_t n_values = b->graph->n_values;
    for (uint32_t i = 0; i < kernels->count && !b->mixed; i++) b->mixed = fet_kernel_dtype(&kernels->items[i].key, network) != network;
    if (!b->mixed) return FET_OK;
    b->cast_of = fet_arena_zalloc(arena, n_values + 1, sizeof *b->cast_of);
    b->given_as = fet_arena_zalloc(arena, n_values + 1, 1);
    if (!b->cast_of || !b->given_as) return fet_arena_full();
    for (uint32_t w = 0; w < FET_KERNEL_WORLDS; w++) {
        b->forms[w] = fet_arena_alloc(arena, (n_values + 1) * sizeof *b->forms[w]);
        if (!b->forms[w]) return fet_arena_full();
        memset(b->forms[w], 0xff, n_values * sizeof *b->forms[w]);
    }
    for (uint32_t i = kernels->count; i-- > 0;) {
        const fet_kernel *kernel = &kernels->items[i];
        bool to_fast = kernel->anchor == FET_NONE && kernel->key.flags & FET_KERNEL_PLAIN_SRC;
        if (to_fast) b->given_as[fet_kernel_view_root(b->graph, kernel->src)] = kernel->key.precision;
    }
    return FET_OK;
}

/* Each tensor's readers, and whether the order is forced. */
static fet_status index_readers(builder *b, fet_arena *arena)
{
    fet_memory_net *net = &b->net;
    net->readers = fet_arena_alloc(arena, (net->n_reads + 1) * sizeof *net->readers);
    if (!net->readers) return fet_arena_full();
    uint32_t next = 0;
    for (uint32_t t = 0; t < net->n_tensors; t++) {
        net->tensors[t].first_reader = next;
        next += net->tensors[t].n_readers;
        net->tensors[t].n_readers = 0;
    }
    net->forced = true;
    for (uint32_t k = 0; k < net->n_kernels; k++) {
        bool follows = k == 0;
        for (uint32_t i = 0; i < net->kernels[k].n_reads; i++) {
            fet_memory_tensor *tensor = &net->tensors[net->reads[net->kernels[k].first_read + i].tensor];
            net->readers[tensor->first_reader + tensor->n_readers++] = k;
            follows = follows || tensor->producer == k - 1;
        }
        net->forced = net->forced && follows;
    }
    return FET_OK;
}

/* 1. Kernels as steps that read and write tensors. */
static fet_status build_net(builder *b, const fet_kernels *kernels, fet_arena *arena)
{
    const fet_graph *graph = b->graph;
    size_t n_tensors = graph->n_inputs, n_reads = 0;
    FET_TRY(look_for_others(b, kernels, arena));
    for (uint32_t k = 0; k < kernels->count; k++) {
        if (kernels->items[k].anchor == FET_NONE) n_tensors++, n_reads++; /* perhaps from one precision to another */
        if (kernels->items[k].anchor == FET_NONE) continue;
        const fet_node *anchor = &graph->nodes[kernels->items[k].anchor];
        n_tensors += anchor->n_outputs ? anchor->n_outputs : 1;
        n_reads += anchor->n_inputs + 1u;
    }
    b->net.tensors = fet_arena_alloc(arena, n_tensors * sizeof *b->net.tensors);
    b->net.kernels = fet_arena_alloc(arena, kernels->count * sizeof *b->net.kernels);
    b->net.reads = fet_arena_alloc(arena, n_reads * sizeof *b->net.reads);
    b->tensor_of = fet_arena_alloc(arena, graph->n_values * sizeof *b->tensor_of);
    b->item_of = fet_arena_alloc(arena, kernels->count * sizeof *b->item_of);
    b->dtype_of = fet_arena_zalloc(arena, n_tensors + 1, 1);
    if (!b->net.tensors || !b->net.kernels || !b->net.reads || !b->tensor_of || !b->item_of || !b->dtype_of) return fet_arena_full();
    memset(b->tensor_of, 0xff, graph->n_values * sizeof *b->tensor_of);
    for (uint32_t i = 0; i < graph->n_inputs; i++) add_tensor(b, graph->inputs[i], FET_NONE, given_as(b, graph->inputs[i]));
    for (uint32_t i = 0; i < kernels->count; i++) {
        const fet_kernel *kernel = &kernels->items[i];
        if (kernel->anchor == FET_NONE && b->mixed) b->cast_of[fet_kernel_view_root(graph, kernel->src)] = i;
        if (kernel->anchor != FET_NONE) FET_TRY(add_kernel(b, kernel, i));
    }
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        uint32_t tensor = find_tensor(b, graph->outputs[o]);
        if (tensor != FET_NONE) b->net.tensors[tensor].output = true;
    }
    return index_readers(b, arena);
}

/* The last step at which somebody needs tensor t, made in step s. at: step of each kernel. */
static uint32_t last_use(const fet_memory_net *net, const uint32_t *at, uint32_t t, uint32_t s)
{
    const fet_memory_tensor *tensor = &net->tensors[t];
    uint32_t last = tensor->output && net->n_kernels ? net->n_kernels - 1 : s;
    for (uint32_t i = 0; i < tensor->n_readers; i++) {
        uint32_t reader = at[net->readers[tensor->first_reader + i]];
        if (reader > last) last = reader;
    }
    return last;
}

/* 3. Buffers with live ranges when the kernels run in plan->order. at: [n_kernels], buffer_of: [n_tensors], both scratch. */
static void make_buffers(const fet_memory_net *net, uint32_t *at, uint32_t *buffer_of, fet_memory_plan *plan)
{
    plan->n_buffers = 0;
    for (uint32_t s = 0; s < net->n_kernels; s++) at[plan->order[s]] = s;
    for (uint32_t t = 0; t < net->n_tensors && net->tensors[t].producer == FET_NONE; t++) {
        buffer_of[t] = plan->n_buffers;
        plan->buffers[plan->n_buffers++] =
            (fet_memory_buffer){.value = net->tensors[t].value, .bytes = net->tensors[t].bytes, .last_step = last_use(net, at, t, 0)};
    }
    for (uint32_t s = 0; s < net->n_kernels; s++) {
        const fet_memory_kernel *kernel = &net->kernels[plan->order[s]];
        uint32_t over = FET_NONE; /* the buffer to be overwritten */
        for (uint32_t i = 0; i < kernel->n_reads && over == FET_NONE; i++) {
            const fet_memory_read *read = &net->reads[kernel->first_read + i];
            bool dies = plan->buffers[buffer_of[read->tensor]].last_step == s && !net->tensors[read->tensor].output;
            if (read->in_place && dies) over = buffer_of[read->tensor];
        }
        for (uint32_t t = kernel->first_write; t < kernel->first_write + kernel->n_writes; t++) {
            buffer_of[t] = over != FET_NONE ? over : plan->n_buffers++;
            fet_memory_buffer *buffer = &plan->buffers[buffer_of[t]];
            if (over == FET_NONE)
                *buffer = (fet_memory_buffer){.value = net->tensors[t].value, .bytes = net->tensors[t].bytes, .first_step = s};
            buffer->last_step = last_use(net, at, t, s);
        }
    }
}

/* The largest sum alive at one step, and where. change: [n_steps + 2] scratch. A network of views alone has one step. */
static void find_bound(fet_memory_plan *plan, int64_t *change)
{
    memset(change, 0, (plan->n_steps + 2) * sizeof *change);
    for (uint32_t i = 0; i < plan->n_buffers; i++) {
        change[plan->buffers[i].first_step] += (int64_t)plan->buffers[i].bytes;
        change[plan->buffers[i].last_step + 1] -= (int64_t)plan->buffers[i].bytes;
    }
    int64_t alive = 0, most = 0;
    for (uint32_t s = 0; s == 0 || s < plan->n_steps; s++) {
        alive += change[s];
        if (alive <= most) continue;
        most = alive;
        plan->peak_step = s;
    }
    plan->lower_bound_bytes = (uint64_t)most;
}

/* 2. to 4. */
static fet_status plan_net(const fet_memory_net *net, const fet_memory_options *options, fet_arena *arena, fet_memory_plan *plan)
{
    uint32_t n = net->n_kernels;
    plan->n_steps = n;
    plan->order = fet_arena_alloc(arena, n * sizeof *plan->order);
    plan->buffers = fet_arena_alloc(arena, net->n_tensors * sizeof *plan->buffers);
    uint32_t *at = fet_arena_alloc(arena, n * sizeof *at), *buffer_of = fet_arena_alloc(arena, net->n_tensors * sizeof *buffer_of);
    int64_t *change = fet_arena_alloc(arena, (n + 2) * sizeof *change);
    if (!plan->order || !plan->buffers || !at || !buffer_of || !change) return fet_arena_full();
    for (uint32_t k = 0; k < n; k++) plan->order[k] = k;
    uint64_t peak = 0;
    if (options->search_order && !net->forced) FET_TRY(fet_memory_order_search(net, plan->order, &peak));
    make_buffers(net, at, buffer_of, plan);
    find_bound(plan, change);
    return fet_memory_offsets_assign(plan->buffers, plan->n_buffers, plan->lower_bound_bytes, arena, &plan->arena_bytes);
}

/* 5. Weights as stored: the anchors' float parameters, each once; the bias as folded. counted: [n_params] */
static uint64_t count_params(const fet_graph *graph, const fet_kernels *kernels, const fet_memory_options *options, uint8_t *counted)
{
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < kernels->count; k++) {
        const fet_kernel *kernel = &kernels->items[k];
        if (kernel->anchor == FET_NONE) continue;
        const fet_node *anchor = &graph->nodes[kernel->anchor];
        bool folded = kernel->key.flags & FET_KERNEL_BIAS;
        fet_dtype dtype = fet_kernel_dtype(&kernel->key, options->weight_dtype);
        uint64_t weight_bytes = fet_dtype_bytes(dtype);
        uint8_t form = (uint8_t)(1u << fet_kernel_world(dtype)); /* shared by kernels of two precisions they are there twice */
        if (folded) bytes += kernel->key.oc * (dtype == FET_DTYPE_S8 ? 4 : weight_bytes);
        for (uint32_t i = 0; i < anchor->n_inputs; i++) {
            const fet_value *value = fet_node_input(graph, anchor, i);
            if (!value || value->kind != FET_VALUE_PARAM || !is_float(value->dtype) || counted[value->param] & form || (folded && i == 2))
                continue;
            counted[value->param] |= form;
            bytes += (uint64_t)fet_shape_elements(&value->shape) * weight_bytes;
        }
    }
    return bytes;
}

fet_status fet_memory_plan_make(const fet_graph *graph, const fet_kernels *kernels, const fet_memory_options *options, fet_arena *arena,
                                fet_memory_plan *out_plan)
{
    builder b = {.graph = graph, .options = options};
    fet_memory_plan plan = {0};
    uint8_t *counted = fet_arena_zalloc(arena, graph->n_params, 1);
    if (!counted) return fet_arena_full();
    FET_TRY(build_net(&b, kernels, arena));
    FET_TRY(plan_net(&b.net, options, arena, &plan));
    for (uint32_t s = 0; s < plan.n_steps; s++) plan.order[s] = b.item_of[plan.order[s]];
    plan.param_bytes = count_params(graph, kernels, options, counted);
    *out_plan = plan;
    return FET_OK;
}
