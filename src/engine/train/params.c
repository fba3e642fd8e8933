// SPDX-License-Identifier: Apache-2.0
/* Parameters of a training: f32 master numbers and gradients, in plain row-major order or in the layout of their one user. */
#include "engine/train/train.h"

#include <string.h>

fet_status fet_train_plain_desc(uint32_t rank, const int64_t *dims, dnnl_memory_desc_t *out_desc)
{
    dnnl_dims_t copy = {1}, strides = {1};
    uint32_t axes = rank ? rank : 1; /* a scalar is one number */
    for (uint32_t a = 0; a < rank; a++) copy[a] = dims[a];
    strides[axes - 1] = 1;
    for (uint32_t a = axes - 1; a > 0; a--) strides[a - 1] = strides[a] * copy[a];
    FET_DNNL_TRY(dnnl_memory_desc_init_by_strides(out_desc, (int)axes, copy, dnnl_f32, strides), "describe a parameter");
    return FET_OK;
}

fet_status fet_train_reorder(const fet_trainer *trainer, const dnnl_memory_desc_t *from, const void *src, const dnnl_memory_desc_t *to,
                             void *dst)
{
    if (dnnl_memory_desc_equal(from, to)) {
        memcpy(dst, src, dnnl_memory_desc_get_size(to));
        return FET_OK;
    }
    dnnl_primitive_desc_t descriptor = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t memory[2] = {NULL, NULL};
    dnnl_status_t status = dnnl_reorder_primitive_desc_create(&descriptor, from, trainer->engine, to, trainer->engine, NULL);
    if (status == dnnl_success) status = dnnl_primitive_create(&primitive, descriptor);
    /* oneDNN takes the source without const, but only reads it. */
    void *source = NULL;
    memcpy(&source, &src, sizeof source);
    if (status == dnnl_success) status = dnnl_memory_create(&memory[0], from, trainer->engine, source);
    if (status == dnnl_success) status = dnnl_memory_create(&memory[1], to, trainer->engine, dst);
    if (status == dnnl_success) {
        dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, memory[0]}, {DNNL_ARG_TO, memory[1]}};
        status = dnnl_primitive_execute(primitive, trainer->stream, 2, args);
    }
    dnnl_memory_destroy(memory[0]);
    dnnl_memory_destroy(memory[1]);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(descriptor);
    return fet_engine_check(status, "reorder a parameter");
}

/* Copies what two row-major boxes of one rank have in common; the rest of `to` stays. */
static void copy_common(uint32_t rank, const int64_t *from_dim, const float *from, const int64_t *to_dim, float *to)
{
    if (rank == 0) {
        *to = *from;
        return;
    }
    int64_t common = from_dim[0] < to_dim[0] ? from_dim[0] : to_dim[0], from_step = 1, to_step = 1;
    for (uint32_t a = 1; a < rank; a++) from_step *= from_dim[a], to_step *= to_dim[a];
    for (int64_t i = 0; i < common; i++) copy_common(rank - 1, from_dim + 1, from + i * from_step, to_dim + 1, to + i * to_step);
}

static bool is_padded(const fet_train_param *param)
{
    for (int a = 0; a < param->plain.ndims; a++)
        if (param->plain.dims[a] != param->dim[a]) return true;
    return false;
}

static fet_status load_numbers(fet_trainer *trainer, fet_train_param *param, const fet_tensor *tensor)
{
    if (!is_padded(param)) return fet_train_reorder(trainer, &param->plain, tensor->data, &param->desc, param->master);
    fet_auto(fet_tensor) padded = NULL;
    fet_shape shape = fet_shape_make((uint32_t)param->plain.ndims, param->plain.dims);
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &shape, &padded));
    copy_common(shape.rank, param->dim, fet_tensor_f32(tensor), shape.dim, fet_tensor_f32(padded));
    return fet_train_reorder(trainer, &param->plain, padded->data, &param->desc, param->master);
}

fet_status fet_train_param_read(const fet_trainer *trainer, const fet_train_param *param, const float *from, float *plain)
{
    if (!is_padded(param)) return fet_train_reorder(trainer, &param->desc, from, &param->plain, plain);
    fet_auto(fet_tensor) padded = NULL;
    fet_shape shape = fet_shape_make((uint32_t)param->plain.ndims, param->plain.dims);
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &shape, &padded));
    FET_TRY(fet_train_reorder(trainer, &param->desc, from, &param->plain, padded->data));
    copy_common(shape.rank, shape.dim, fet_tensor_f32(padded), param->dim, plain);
    return FET_OK;
}

fet_status fet_train_param_prepare(fet_trainer *trainer, fet_train_param *param, const fet_train_view *view, const dnnl_memory_desc_t *desc)
{
    const fet_param *p = &trainer->graph->params[param->id];
    const fet_value *value = &trainer->graph->values[p->value];
    fet_train_view whole = {.rank = value->shape.rank ? value->shape.rank : 1, .dim = {1}};
    for (uint32_t a = 0; a < value->shape.rank; a++) whole.dim[a] = value->shape.dim[a];
    FET_TRY(fet_train_plain_desc(whole.rank, whole.dim, &whole.desc));
    if (!view) view = &whole;
    if (param->master) { /* shared: an earlier step has asked */
        if (dnnl_memory_desc_equal(&param->plain, &view->desc)) return FET_OK;
        return fet_fail(FET_ERROR_UNSUPPORTED, "parameter \"%s\" is shared by operators that see it in different ways", value->name);
    }
    if (!p->tensor) return fet_fail(FET_ERROR_STATE, "parameter \"%s\" has no numbers yet", value->name);
    if (p->tensor->dtype != FET_DTYPE_F32)
        return fet_fail(FET_ERROR_UNSUPPORTED, "parameter \"%s\" is %s, training needs f32", value->name, fet_dtype_name(p->tensor->dtype));
    param->plain = view->desc;
    memcpy(param->dim, view->dim, sizeof param->dim);
    param->desc = desc && param->n_uses == 1 ? *desc : view->desc;
    size_t bytes = dnnl_memory_desc_get_size(&param->desc);
    param->items = (int64_t)(bytes / sizeof(float));
    float *master = NULL;
    FET_TRY(fet_train_alloc(trainer, bytes, "a parameter", &master));
    if (param->trainable) FET_TRY(fet_train_alloc(trainer, bytes, "a gradient", &param->gradient));
    param->master = master;
    return load_numbers(trainer, param, p->tensor);
}
