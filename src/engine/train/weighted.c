// SPDX-License-Identifier: Apache-2.0
#include "engine/train/weighted.h"

#include "engine/train/kernels.h"

#include <string.h>

/* Large enough for every op descriptor of oneDNN that stands for a weighted operator. */
typedef union any_desc {
    dnnl_convolution_desc_t convolution;
    dnnl_inner_product_desc_t inner_product;
} any_desc;

static dnnl_memory_desc_t any_layout(const dnnl_memory_desc_t *view, dnnl_data_type_t type)
{
    dnnl_memory_desc_t desc = {0};
    /* Cannot fail: the dimensions were accepted before. */
    if (dnnl_memory_desc_init_by_tag(&desc, view->ndims, view->dims, type, dnnl_format_tag_any) != dnnl_success) return *view;
    return desc;
}

static fet_status make_descs(const fet_trainer *trainer, const fet_train_step *step, const fet_weighted *w,
                             fet_weighted_direction direction, fet_weighted_descs *out_descs)
{
    int64_t count = step->chunk[direction == FET_WEIGHTED_FORWARD ? FET_FORWARD : FET_BACKWARD];
    fet_weighted_descs d = {.has_bias = w->bias != NULL};
    FET_TRY(fet_train_desc(trainer, step->inputs[0], count, &d.src));
    FET_TRY(fet_train_desc(trainer, step->dst, count, &d.dst));
    dnnl_data_type_t type = fet_train_dnnl_type(trainer->options.dtype);
    d.weights = any_layout(&w->view.desc, direction == FET_WEIGHTED_WEIGHTS ? dnnl_f32 : type);
    int64_t channels[] = {fet_train_channels(trainer, step->dst)};
    FET_TRY(fet_train_plain_desc(1, channels, &d.bias));
    *out_descs = d;
    return FET_OK;
}

/* One direction's descriptor; `hint` the forward one. */
static fet_status describe(fet_trainer *trainer, fet_train_step *step, fet_weighted *w, fet_weighted_direction direction,
                           const_dnnl_primitive_desc_t hint, fet_weighted_descs *out_descs, dnnl_primitive_desc_t *out_descriptor)
{
    any_desc desc;
    FET_TRY(make_descs(trainer, step, w, direction, out_descs));
    FET_TRY(w->describe(step, direction, out_descs, &desc));
    return fet_train_describe(trainer, &desc, hint, step->name, out_descriptor);
}

/* Memory and, where the layouts differ, the reorder that fills it from the master numbers. */
static fet_status make_pack(fet_trainer *trainer, const fet_train_step *step, fet_weighted *w, const dnnl_memory_desc_t *wanted,
                            fet_weighted_pack *pack)
{
    const dnnl_memory_desc_t *have = w->own_layout ? &w->weights->desc : &w->view.desc;
    if (!w->master) FET_TRY(fet_train_memory(trainer, have, w->weights->master, &w->master));
    if (dnnl_memory_desc_equal(have, wanted)) {
        pack->memory = w->master;
        return FET_OK;
    }
    void *data = NULL;
    FET_TRY(fet_train_alloc(trainer, dnnl_memory_desc_get_size(wanted), "packed weights", &data));
    FET_TRY(fet_train_memory(trainer, wanted, data, &pack->memory));
    dnnl_primitive_desc_t descriptor = NULL;
    FET_DNNL_TRY(dnnl_reorder_primitive_desc_create(&descriptor, have, trainer->engine, wanted, trainer->engine, NULL),
                 "describe a reorder");
    const char *name = fet_arena_printf(trainer->arena, "%s pack", step->name);
    if (!name) {
        dnnl_primitive_desc_destroy(descriptor);
        return fet_arena_full();
    }
    return fet_train_primitive(trainer, descriptor, name, false, &pack->reorder);
}

static fet_status prepare_params(fet_trainer *trainer, const fet_train_step *step, fet_weighted *w, const dnnl_memory_desc_t *diff_weights)
{
    w->diff_weights_desc = *diff_weights;
    w->own_layout = w->weights->n_uses == 1;
    FET_TRY(fet_train_param_prepare(trainer, w->weights, &w->view, diff_weights));
    if (!w->bias) return FET_OK;
    const fet_value *bias = &trainer->graph->values[trainer->graph->params[w->bias->id].value];
    fet_train_view view = {.rank = 1, .dim = {fet_shape_elements(&bias->shape)}};
    int64_t channels[] = {fet_train_channels(trainer, step->dst)};
    FET_TRY(fet_train_plain_desc(1, channels, &view.desc));
    return fet_train_param_prepare(trainer, w->bias, &view, NULL);
}

typedef struct descriptors {
    dnnl_primitive_desc_t d[FET_WEIGHTED_DIRECTIONS];
    fet_weighted_descs memory[FET_WEIGHTED_DIRECTIONS];
    bool wanted[FET_WEIGHTED_DIRECTIONS];
} descriptors;

static dnnl_primitive_desc_t take(descriptors *all, int direction)
{
    return fet_take(all->d[direction]);
}

/*
 * oneDNN 2.6.3 with avx512_core_bf16 gives wrong numbers here: an odd number of output channels is read in pairs, and the last one is
 * paired with the first of the next pixel.
 */
static bool is_wrong(const fet_trainer *trainer, const fet_train_step *step, fet_weighted_direction direction, const char *implementation)
{
    return direction == FET_WEIGHTED_DATA && trainer->options.dtype == FET_DTYPE_BF16 && trainer->values[step->dst].shape.dim[1] % 2 == 1 &&
           strncmp(implementation, "jit_bf16_1x1", 12) == 0;
}

static fet_status describe_all(fet_trainer *trainer, fet_train_step *step, fet_weighted *w, descriptors *all, bool *out_slow)
{
    bool wanted[] = {true, step->wants[0], w->weights->trainable || (w->bias && w->bias->trainable)};
    memcpy(all->wanted, wanted, sizeof wanted);
    for (int i = 0; i < FET_WEIGHTED_DIRECTIONS; i++) {
        if (!wanted[i]) continue;
        FET_TRY(describe(trainer, step, w, (fet_weighted_direction)i, i ? all->d[0] : NULL, &all->memory[i], &all->d[i]));
        const char *implementation = fet_engine_implementation(all->d[i]);
        if (fet_engine_is_fallback(implementation, w->depthwise)) *out_slow = true;
        if (is_wrong(trainer, step, (fet_weighted_direction)i, implementation)) *out_slow = true;
    }
    return FET_OK;
}

static fet_status prepare_with(fet_trainer *trainer, fet_train_step *step, fet_weighted *w, descriptors *all)
{
    static const char *const names[] = {"forward", "backward data", "backward weights"};
    const fet_weighted_descs *descs = all->memory;
    const bool *wanted = all->wanted;
    const dnnl_memory_desc_t *diff_weights = &w->view.desc;
    if (wanted[2]) diff_weights = dnnl_primitive_desc_query_md(all->d[2], dnnl_query_diff_weights_md, 0);
    FET_TRY(prepare_params(trainer, step, w, diff_weights));
    for (int i = 0; i < 2; i++) {
        if (wanted[i]) FET_TRY(make_pack(trainer, step, w, dnnl_primitive_desc_query_md(all->d[i], dnnl_query_weights_md, 0), &w->pack[i]));
    }
    FET_TRY(fet_train_memory(trainer, &descs[0].src, NULL, &w->src));
    FET_TRY(fet_train_memory(trainer, &descs[0].dst, NULL, &w->dst));
    if (w->bias) FET_TRY(fet_train_memory(trainer, &descs[0].bias, w->bias->master, &w->bias_memory));
    int back = wanted[1] ? 1 : 2;
    if (wanted[back]) FET_TRY(fet_train_memory(trainer, &descs[back].dst, NULL, &w->diff_dst));
    if (wanted[1]) FET_TRY(fet_train_memory(trainer, &descs[1].src, NULL, &w->diff_src));
    if (wanted[2]) {
        FET_TRY(fet_train_memory(trainer, &descs[2].src, NULL, &w->back_src));
        FET_TRY(fet_train_memory(trainer, &w->diff_weights_desc, NULL, &w->diff_weights));
        FET_TRY(fet_train_alloc(trainer, dnnl_memory_desc_get_size(&w->diff_weights_desc), "a gradient", &w->partial));
        FET_TRY(fet_train_alloc(trainer, dnnl_memory_desc_get_size(&descs[2].bias), "a gradient", &w->partial_bias));
        if (!w->own_layout) FET_TRY(fet_train_alloc(trainer, dnnl_memory_desc_get_size(&w->view.desc), "a gradient", &w->plain));
        if (w->bias) FET_TRY(fet_train_memory(trainer, &descs[2].bias, NULL, &w->diff_bias));
    }
    for (int i = 0; i < FET_WEIGHTED_DIRECTIONS; i++) {
        if (!wanted[i]) continue;
        const char *name = fet_arena_printf(trainer->arena, "%s %s", step->name, names[i]);
        if (!name) return fet_arena_full();
        FET_TRY(fet_train_primitive(trainer, take(all, i), name, w->depthwise, &w->primitive[i]));
    }
    return FET_OK;
}

fet_status fet_weighted_prepare(fet_trainer *trainer, fet_train_step *step, fet_weighted *w, bool *out_slow)
{
    descriptors all = {.d = {NULL}};
    bool slow = false;
    fet_status status = describe_all(trainer, step, w, &all, &slow);
    if (status == FET_OK && !slow) status = prepare_with(trainer, step, w, &all);
    for (int i = 0; i < FET_WEIGHTED_DIRECTIONS; i++)
        if (all.d[i]) dnnl_primitive_desc_destroy(all.d[i]);
    if (status == FET_OK) *out_slow = slow;
    return status;
}

fet_status fet_weighted_refresh(fet_trainer *trainer, fet_weighted *w)
{
    for (int i = 0; i < 2; i++) {
        if (!w->pack[i].reorder) continue;
        dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, w->master}, {DNNL_ARG_TO, w->pack[i].memory}};
        FET_TRY(fet_train_execute(trainer, w->pack[i].reorder, args, 2));
    }
    return FET_OK;
}

fet_status fet_weighted_forward(fet_trainer *trainer, fet_train_step *step, fet_weighted *w, const fet_train_range *range)
{
    FET_TRY(fet_train_point(w->src, fet_train_data(trainer, step->inputs[0], range)));
    FET_TRY(fet_train_point(w->dst, fet_train_data(trainer, step->dst, range)));
    dnnl_exec_arg_t args[] = {
        {DNNL_ARG_SRC, w->src}, {DNNL_ARG_WEIGHTS, w->pack[0].memory}, {DNNL_ARG_DST, w->dst}, {DNNL_ARG_BIAS, w->bias_memory}};
    return fet_train_execute(trainer, w->primitive[FET_WEIGHTED_FORWARD], args, w->bias ? 4 : 3);
}

/* Straight into the parameter's gradient where it can, else through an array of our own. */
static fet_status backward_weights(fet_trainer *trainer, fet_train_step *step, fet_weighted *w, const fet_train_range *range)
{
    bool direct = w->own_layout && w->weights->trainable && !fet_train_gradient_adds(w->weights, range);
    bool direct_bias = w->bias && w->bias->trainable && !fet_train_gradient_adds(w->bias, range);
    FET_TRY(fet_train_point(w->back_src, fet_train_data(trainer, step->inputs[0], range)));
    FET_TRY(fet_train_point(w->diff_weights, direct ? w->weights->gradient : w->partial));
    if (w->bias) FET_TRY(fet_train_point(w->diff_bias, direct_bias ? w->bias->gradient : w->partial_bias));
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, w->back_src},
                              {DNNL_ARG_DIFF_DST, w->diff_dst},
                              {DNNL_ARG_DIFF_WEIGHTS, w->diff_weights},
                              {DNNL_ARG_DIFF_BIAS, w->diff_bias}};
    FET_TRY(fet_train_execute(trainer, w->primitive[FET_WEIGHTED_WEIGHTS], args, w->bias ? 4 : 3));
    if (w->bias && w->bias->trainable && !direct_bias) fet_train_simd_get()->accumulate(w->bias->items, w->partial_bias, w->bias->gradient);
    if (direct || !w->weights->trainable) return FET_OK;
    if (w->own_layout) {
        fet_train_simd_get()->accumulate(w->weights->items, w->partial, w->weights->gradient);
        return FET_OK;
    }
    /* A shared parameter is plain: bring the gradient into its order first. */
    FET_TRY(fet_train_reorder(trainer, &w->diff_weights_desc, w->partial, &w->view.desc, w->plain));
    fet_train_simd_get()->accumulate(w->weights->items, w->plain, w->weights->gradient);
    return FET_OK;
}

fet_status fet_weighted_backward(fet_trainer *trainer, fet_train_step *step, fet_weighted *w, const fet_train_range *range)
{
    FET_TRY(fet_train_point(w->diff_dst, fet_train_diff(trainer, step->dst, range)));
    if (w->primitive[FET_WEIGHTED_WEIGHTS]) FET_TRY(backward_weights(trainer, step, w, range));
    if (!w->primitive[FET_WEIGHTED_DATA]) return FET_OK;
    FET_TRY(fet_train_point(w->diff_src, fet_train_diff_begin(trainer, step, 0, range)));
    dnnl_exec_arg_t args[] = {{DNNL_ARG_DIFF_DST, w->diff_dst}, {DNNL_ARG_WEIGHTS, w->pack[1].memory}, {DNNL_ARG_DIFF_SRC, w->diff_src}};
    FET_TRY(fet_train_execute(trainer, w->primitive[FET_WEIGHTED_DATA], args, 3));
    fet_train_diff_end(trainer, step, 0, range);
    return FET_OK;
}
