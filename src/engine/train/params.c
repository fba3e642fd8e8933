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

fet_status fet_train_reorder(const fet_trainer *trainer, const dnnl_memory_desc_t *from, const void *src, const dnnl_memory_desc_t *to, void *dst)
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

fet_status fet_train_param_prepare(fet_trainer *trainer, fet_train_param *param, const dnnl_memory_desc_t *view, const dnnl_memory_desc_t *desc)
{
    if (param->master) return FET_OK; /* shared: an earlier step has asked */
    const fet_param *p = &trainer->graph->params[param->id];
    const fet_value *value = &trainer->graph->values[p->value];
    if (!p->tensor) return fet_fail(FET_ERROR_STATE, "parameter \"%s\" has no numbers yet", value->name);
    if (p->tensor->dtype != FET_DTYPE_F32)
        return fet_fail(FET_ERROR_UNSUPPORTED, "parameter \"%s\" is %s, training needs f32", value->name, fet_dtype_name(p->tensor->dtype));
    FET_TRY(fet_train_plain_desc(value->shape.rank, value->shape.dim, &param->plain));
    bool own = view && desc && param->n_uses == 1;
    if (own) param->plain = *view;
    param->desc = own ? *desc : param->plain;
    size_t bytes = dnnl_memory_desc_get_size(&param->desc);
    param->items = (int64_t)(bytes / sizeof(float));
    float *master = NULL;
    FET_TRY(fet_train_alloc(trainer, bytes, "a parameter", &master));
    if (param->trainable) FET_TRY(fet_train_alloc(trainer, bytes, "a gradient", &param->gradient));
    param->master = master;
    return fet_train_reorder(trainer, &param->plain, p->tensor->data, &param->desc, param->master);
}
