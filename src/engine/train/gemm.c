// SPDX-License-Identifier: Apache-2.0
/* Gemm and MatMul of activations [N, K] with a parameter: oneDNN's inner product. */
#include "engine/train/weighted.h"

static fet_status describe(const fet_train_step *step, fet_weighted_direction direction, const fet_weighted_descs *d, void *out_desc)
{
    const dnnl_memory_desc_t *bias = d->has_bias ? &d->bias : NULL;
    dnnl_status_t status = dnnl_success;
    if (direction == FET_WEIGHTED_FORWARD)
        status = dnnl_inner_product_forward_desc_init(out_desc, dnnl_forward_training, &d->src, &d->weights, bias, &d->dst);
    else if (direction == FET_WEIGHTED_DATA) status = dnnl_inner_product_backward_data_desc_init(out_desc, &d->src, &d->weights, &d->dst);
    else status = dnnl_inner_product_backward_weights_desc_init(out_desc, &d->src, &d->weights, bias, &d->dst);
    return fet_engine_check(status, step->name);
}

static fet_status check(const fet_trainer *trainer, const fet_train_step *step, const fet_weighted *w, int64_t out)
{
    const fet_node *node = step->node;
    const char *name = fet_op_onnx_name(node->op);
    if (trainer->values[step->inputs[0]].shape.rank != 2 || !w->weights || trainer->graph->values[step->inputs[1]].shape.rank != 2)
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": %s is trained only as activations [N, K] times a parameter [K, M]", step->name,
                        name);
    if (fet_node_int(node, FET_ATTR_TRANS_A, 0) || fet_node_float(node, FET_ATTR_ALPHA, 1.0f) != 1.0f ||
        (w->bias && fet_node_float(node, FET_ATTR_BETA, 1.0f) != 1.0f))
        return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": %s with transA, alpha or beta cannot be trained", step->name, name);
    if (step->n_inputs > 2 && step->inputs[2] != FET_NONE) {
        const fet_shape *bias = &trainer->graph->values[step->inputs[2]].shape;
        if (!w->bias || fet_shape_elements(bias) != out || (bias->rank > 1 && bias->dim[bias->rank - 1] != out))
            return fet_fail(FET_ERROR_UNSUPPORTED, "node \"%s\": the third input of a Gemm must be a parameter of %lld numbers", step->name,
                            (long long)out);
    }
    return FET_OK;
}

static fet_status plan(fet_trainer *trainer, fet_train_step *step)
{
    fet_weighted *w = fet_train_state(trainer, sizeof *w);
    if (!w) return fet_arena_full();
    step->state = w;
    w->weights = fet_train_param_of(trainer, step->inputs[1]);
    w->bias = step->n_inputs > 2 ? fet_train_param_of(trainer, step->inputs[2]) : NULL;
    const int64_t *dim = trainer->graph->values[step->inputs[1]].shape.dim;
    bool transposed = step->node->op == FET_OP_GEMM && fet_node_int(step->node, FET_ATTR_TRANS_B, 0) != 0;
    int64_t out = dim[transposed ? 0 : 1], in = dim[transposed ? 1 : 0];
    FET_TRY(check(trainer, step, w, out));
    dnnl_dims_t dims = {out, in}, strides = {transposed ? in : 1, transposed ? 1 : out};
    w->view = (fet_train_view){.rank = 2, .dim = {out, in}};
    FET_DNNL_TRY(dnnl_memory_desc_init_by_strides(&w->view.desc, 2, dims, dnnl_f32, strides), "describe a matrix");
    w->describe = describe;
    step->needs[0] = w->weights->trainable || (w->bias && w->bias->trainable);
    return FET_OK;
}

static fet_status prepare(fet_trainer *trainer, fet_train_step *step)
{
    bool slow = false;
    FET_TRY(fet_weighted_prepare(trainer, step, step->state, &slow));
    if (!slow) return FET_OK;
    return fet_fail(FET_ERROR_STATE, "node \"%s\": oneDNN has only a slow implementation of this %s on %s", step->name,
                    fet_op_onnx_name(step->node->op), fet_engine_isa_name());
}

static fet_status refresh(fet_trainer *trainer, fet_train_step *step)
{
    return fet_weighted_refresh(trainer, step->state);
}

static fet_status forward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    return fet_weighted_forward(trainer, step, step->state, range);
}

static fet_status backward(fet_trainer *trainer, fet_train_step *step, const fet_train_range *range)
{
    return fet_weighted_backward(trainer, step, step->state, range);
}

const fet_train_op fet_train_gemm = {
    .kind = FET_OP_GEMM, .plan = plan, .prepare = prepare, .refresh = refresh, .forward = forward, .backward = backward};
const fet_train_op fet_train_matmul = {
    .kind = FET_OP_MATMUL, .plan = plan, .prepare = prepare, .refresh = refresh, .forward = forward, .backward = backward};
