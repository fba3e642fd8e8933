// SPDX-License-Identifier: Apache-2.0
#include "engine/init.h"

#include "base/hash.h"
#include "engine/factor.h"

#include <math.h>
#include <string.h>

/* What a fresh parameter is filled with. */
typedef struct fill {
    bool random;
    float value; /* constant, or standard deviation when random */
} fill;

/* The base parameter's tensor. */
static fet_status base_tensor(const fet_graph *base, fet_id param, const char *what, const fet_tensor **out_tensor)
{
    if (!base) return fet_fail(FET_ERROR_ARG, "%s comes from a base graph, but none is given", what);
    if (param >= base->n_params)
        return fet_fail(FET_ERROR_ARG, "%s: the base graph has no parameter %u (it has %u)", what, param, base->n_params);
    if (!base->params[param].tensor)
        return fet_fail(FET_ERROR_STATE, "%s: base parameter \"%s\" has no numbers yet", what,
                        base->values[base->params[param].value].name);
    *out_tensor = base->params[param].tensor;
    return FET_OK;
}

static fet_status base_f32(const fet_graph *base, fet_id param, const char *what, const fet_tensor **out_tensor)
{
    FET_TRY(base_tensor(base, param, what, out_tensor));
    if ((*out_tensor)->dtype != FET_DTYPE_F32)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: base parameter \"%s\" is %s, expected f32", what,
                        base->values[base->params[param].value].name, fet_dtype_name((*out_tensor)->dtype));
    return FET_OK;
}

/* Every index in range, and the result of the wanted shape. */
static fet_status check_axes(const fet_origin *origin, const fet_shape *from, const fet_shape *to)
{
    char text[2][FET_SHAPE_TEXT_BYTES];
    bool fits = from->rank == to->rank;
    for (uint32_t a = 0; fits && a < from->rank; a++) {
        const fet_origin_axis *axis = a < FET_ORIGIN_AXES ? &origin->axis[a] : NULL;
        bool identity = !axis || !axis->index;
        if (!identity)
            for (uint32_t i = 0; i < axis->count; i++)
                if (axis->index[i] != FET_NONE && axis->index[i] >= from->dim[a])
                    return fet_fail(FET_ERROR_SHAPE, "an origin takes entry %u of axis %u, which has %lld", axis->index[i], a,
                                    (long long)from->dim[a]);
        fits = to->dim[a] == (identity ? from->dim[a] : (int64_t)axis->count);
        if (identity && axis && axis->scale && axis->count != from->dim[a]) fits = false;
    }
    if (fits) return FET_OK;
    return fet_fail(FET_ERROR_SHAPE, "an origin does not make %s out of %s", fet_shape_print(to, text[0], sizeof text[0]),
                    fet_shape_print(from, text[1], sizeof text[1]));
}

/* dst = src with each axis gathered and scaled, axis by axis from the outermost. */
static void slice(const fet_origin *origin, const fet_shape *from, const fet_shape *to, uint32_t axis, float scale, const float *src,
                  float *dst)
{
    if (axis == from->rank) {
        *dst = scale == 1.0f ? *src : *src * scale;
        return;
    }
    int64_t src_step = 1, dst_step = 1;
    for (uint32_t a = axis + 1; a < from->rank; a++) src_step *= from->dim[a], dst_step *= to->dim[a];
    const fet_origin_axis *by = axis < FET_ORIGIN_AXES ? &origin->axis[axis] : NULL;
    for (int64_t i = 0; i < to->dim[axis]; i++) {
        if (by && by->index && by->index[i] == FET_NONE) {
            memset(dst + i * dst_step, 0, (size_t)dst_step * sizeof *dst);
            continue;
        }
        int64_t j = by && by->index ? (int64_t)by->index[i] : i;
        float s = by && by->scale ? scale * by->scale[i] : scale;
        slice(origin, from, to, axis + 1, s, src + j * src_step, dst + i * dst_step);
    }
}

static fet_status apply_slice(const fet_origin *origin, const fet_tensor *from, const fet_shape *shape, fet_tensor **out_tensor)
{
    FET_TRY(check_axes(origin, &from->shape, shape));
    fet_tensor *to = NULL;
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, shape, &to));
    slice(origin, &from->shape, shape, 0, 1.0f, fet_tensor_f32(from), fet_tensor_f32(to));
    *out_tensor = to;
    return FET_OK;
}

/* A slice; where `shape` has fewer input channels than the origin gives, of each group's rows the columns that are its own. */
static fet_status slice_in_groups(const fet_origin *origin, const fet_tensor *from, const fet_shape *shape, fet_tensor **out_tensor)
{
    fet_shape full = *shape;
    full.dim[1] = origin->axis[1].index ? (int64_t)origin->axis[1].count : from->shape.dim[1];
    if (shape->rank != 4 || full.dim[1] == shape->dim[1]) return apply_slice(origin, from, shape, out_tensor);
    int64_t columns = shape->dim[1], groups = columns > 0 ? full.dim[1] / columns : 0, window = shape->dim[2] * shape->dim[3];
    if (groups < 1 || groups * columns != full.dim[1] || shape->dim[0] % groups != 0)
        return fet_fail(FET_ERROR_SHAPE,
                        "an origin of %lld input channels does not make a kernel of %lld outputs and groups of %lld inputs",
                        (long long)full.dim[1], (long long)shape->dim[0], (long long)columns);
    fet_auto(fet_tensor) dense = NULL;
    fet_tensor *to = NULL;
    FET_TRY(apply_slice(origin, from, &full, &dense));
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, shape, &to));
    size_t row = (size_t)(columns * window);
    for (int64_t o = 0; o < shape->dim[0]; o++) {
        int64_t group = o / (shape->dim[0] / groups);
        memcpy(fet_tensor_f32(to) + (size_t)o * row, fet_tensor_f32(dense) + (o * full.dim[1] + group * columns) * window,
               row * sizeof(float));
    }
    *out_tensor = to;
    return FET_OK;
}

/* w[e,i,y,x] = expand[e,i] * gamma[e] / sqrt(variance[e] + epsilon) * depthwise[e,y,x], then sliced. */
static fet_status apply_compose(const fet_origin *origin, const fet_graph *base, const fet_shape *shape, fet_tensor **out_tensor)
{
    const char *what = "a composed kernel";
    const fet_tensor *expand = NULL, *gamma = NULL, *variance = NULL, *depthwise = NULL;
    FET_TRY(base_f32(base, origin->base[0], what, &expand));
    if (origin->base[1] != FET_NONE) FET_TRY(base_f32(base, origin->base[1], what, &gamma));
    if (origin->base[2] != FET_NONE) FET_TRY(base_f32(base, origin->base[2], what, &variance));
    FET_TRY(base_f32(base, origin->base[3], what, &depthwise));
    const int64_t *e = expand->shape.dim, *d = depthwise->shape.dim;
    bool fits = expand->shape.rank == 4 && depthwise->shape.rank == 4 && e[2] == 1 && e[3] == 1 && d[0] == e[0] && d[1] == 1 &&
                (!gamma || fet_tensor_elements(gamma) == e[0]) && (!variance || fet_tensor_elements(variance) == e[0]);
    if (!fits) {
        char text[2][FET_SHAPE_TEXT_BYTES];
        return fet_fail(FET_ERROR_SHAPE, "a composed kernel needs E,I,1,1 and E,1,KH,KW, got %s and %s",
                        fet_shape_print(&expand->shape, text[0], sizeof text[0]),
                        fet_shape_print(&depthwise->shape, text[1], sizeof text[1]));
    }
    fet_shape full = fet_shape_4d(e[0], e[1], d[2], d[3]);
    fet_auto(fet_tensor) composed = NULL;
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &full, &composed));
    float *w = fet_tensor_f32(composed);
    int64_t window = d[2] * d[3];
    for (int64_t c = 0; c < e[0]; c++) {
        float scale = gamma ? fet_tensor_f32(gamma)[c] : 1.0f;
        if (variance) scale /= sqrtf(fet_tensor_f32(variance)[c] + origin->epsilon);
        for (int64_t i = 0; i < e[1]; i++) {
            float factor = fet_tensor_f32(expand)[c * e[1] + i] * scale;
            for (int64_t k = 0; k < window; k++) *w++ = factor * fet_tensor_f32(depthwise)[c * window + k];
        }
    }
    return slice_in_groups(origin, composed, shape, out_tensor);
}

/* w[c,j] = depthwise[c] where j = c mod k, 0 elsewhere. */
static fet_status apply_spread(const fet_origin *origin, const fet_tensor *depthwise, const fet_shape *shape, fet_tensor **out_tensor)
{
    fet_auto(fet_tensor) sliced = NULL;
    fet_tensor *to = NULL;
    fet_shape thin = *shape;
    if (shape->rank != 4 || shape->dim[1] < 1 || shape->dim[0] % shape->dim[1] != 0)
        return fet_fail(FET_ERROR_SHAPE, "a spread kernel of %lld channels does not come in groups of %lld", (long long)shape->dim[0],
                        (long long)(shape->rank > 1 ? shape->dim[1] : 0));
    thin.dim[1] = 1;
    FET_TRY(apply_slice(origin, depthwise, &thin, &sliced));
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, shape, &to));
    size_t window = (size_t)(shape->dim[2] * shape->dim[3]);
    memset(to->data, 0, to->bytes);
    for (int64_t c = 0; c < shape->dim[0]; c++)
        memcpy(fet_tensor_f32(to) + (size_t)(c * shape->dim[1] + c % shape->dim[1]) * window, fet_tensor_f32(sliced) + (size_t)c * window,
               window * sizeof(float));
    *out_tensor = to;
    return FET_OK;
}

/* The expand where the window is one entry, else the depthwise. */
static fet_status apply_factor(const fet_origin *origin, const fet_tensor *dense, const fet_shape *shape, fet_tensor **out_tensor)
{
    fet_shape full = dense->shape;
    for (uint32_t a = 0; a < full.rank && a < FET_ORIGIN_AXES; a++)
        if (origin->axis[a].index) full.dim[a] = origin->axis[a].count;
    int64_t window = full.rank == 4 ? full.dim[2] * full.dim[3] : 0;
    bool is_expand = shape->rank == 4 && shape->dim[2] * shape->dim[3] == 1;
    if (window < 2 || shape->rank != 4 || shape->dim[0] != full.dim[0] || shape->dim[1] != (is_expand ? full.dim[1] : 1) ||
        (!is_expand && shape->dim[2] * shape->dim[3] != window))
        return fet_fail(FET_ERROR_SHAPE, "a factor of a dense kernel is O,I,1,1 or O,1,KH,KW of its O,I,KH,KW");
    fet_auto(fet_tensor) sliced = NULL;
    fet_auto(fet_tensor) to = NULL;
    float *other = NULL; /* the other factor of one output */
    FET_TRY(apply_slice(origin, dense, &full, &sliced));
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, shape, &to));
    FET_TRY(fet_alloc_zeroed((size_t)(is_expand ? window : full.dim[1]), sizeof *other, "a factor", &other));
    for (int64_t o = 0; o < full.dim[0]; o++) {
        const float *from = fet_tensor_f32(sliced) + o * full.dim[1] * window;
        float *mine = fet_tensor_f32(to) + o * (is_expand ? full.dim[1] : window);
        fet_factor_channel(from, full.dim[1], window, is_expand ? mine : other, is_expand ? other : mine);
    }
    fet_free(other);
    *out_tensor = fet_take(to);
    return FET_OK;
}

fet_status fet_origin_apply(const fet_origin *origin, const fet_graph *base, const fet_shape *shape, fet_tensor **out_tensor)
{
    const fet_tensor *from = NULL;
    switch (origin->rule) {
    case FET_ORIGIN_SAME: {
        FET_TRY(base_tensor(base, origin->base[0], "a parameter", &from));
        fet_origin identity = {.rule = FET_ORIGIN_SAME};
        FET_TRY(check_axes(&identity, &from->shape, shape));
        *out_tensor = fet_tensor_retain(base->params[origin->base[0]].tensor); /* shared; a trainer makes it private before it writes */
        return FET_OK;
    }
    case FET_ORIGIN_SLICE:
        FET_TRY(base_f32(base, origin->base[0], "a sliced parameter", &from));
        return apply_slice(origin, from, shape, out_tensor);
    case FET_ORIGIN_COMPOSE: return apply_compose(origin, base, shape, out_tensor);
    case FET_ORIGIN_SPREAD:
        FET_TRY(base_f32(base, origin->base[0], "a spread kernel", &from));
        return apply_spread(origin, from, shape, out_tensor);
    case FET_ORIGIN_FACTOR:
        FET_TRY(base_f32(base, origin->base[0], "a factored kernel", &from));
        return apply_factor(origin, from, shape, out_tensor);
    case FET_ORIGIN_FRESH: break;
    }
    return fet_fail(FET_ERROR_ARG, "a fresh parameter has no origin to apply");
}

/* Input 1 of a convolution O,I/G,KH,KW: Kaiming normal by the fan-out of a group (He et al. 2015). */
static fill conv_weight(const fet_graph *graph, const fet_node *node, const fet_shape *shape)
{
    (void)graph;
    int64_t fan_out = node->op == FET_OP_CONV_TRANSPOSE ? shape->dim[1] : shape->dim[0] / fet_node_int(node, FET_ATTR_GROUP, 1);
    for (uint32_t a = 2; a < shape->rank; a++) fan_out *= shape->dim[a];
    return (fill){true, sqrtf(2.0f / (float)(fan_out > 0 ? fan_out : 1))};
}

/* A matrix: normal with the variance 1 / fan-in, which keeps the scale of logits. */
static fill matrix_weight(const fet_graph *graph, const fet_node *node, const fet_shape *shape)
{
    (void)graph;
    bool transposed = node->op == FET_OP_GEMM && fet_node_int(node, FET_ATTR_TRANS_B, 0) != 0;
    int64_t fan_in = shape->rank < 2 ? fet_shape_elements(shape) : shape->dim[shape->rank - (transposed ? 1 : 2)];
    return (fill){true, sqrtf(1.0f / (float)(fan_in > 0 ? fan_in : 1))};
}

/* Who gives a parameter its role: the operator and the input at which it stands. */
static const struct role {
    fet_op_kind op;
    uint32_t input;
    fill (*rule)(const fet_graph *graph, const fet_node *node, const fet_shape *shape); /* NULL: the constant */
    float value;
} roles[] = {
    {FET_OP_CONV, 1, conv_weight, 0},
    {FET_OP_CONV, 2, NULL, 0},
    {FET_OP_CONV_TRANSPOSE, 1, conv_weight, 0},
    {FET_OP_CONV_TRANSPOSE, 2, NULL, 0},
    {FET_OP_GEMM, 1, matrix_weight, 0},
    {FET_OP_GEMM, 2, NULL, 0},
    {FET_OP_MATMUL, 1, matrix_weight, 0},
    {FET_OP_BATCH_NORMALIZATION, 1, NULL, 1}, /* gamma */
    {FET_OP_BATCH_NORMALIZATION, 2, NULL, 0}, /* beta */
    {FET_OP_BATCH_NORMALIZATION, 3, NULL, 0}, /* mean */
    {FET_OP_BATCH_NORMALIZATION, 4, NULL, 1}, /* variance */
    {FET_OP_INSTANCE_NORMALIZATION, 1, NULL, 1},
    {FET_OP_INSTANCE_NORMALIZATION, 2, NULL, 0},
    {FET_OP_LAYER_NORMALIZATION, 1, NULL, 1},
    {FET_OP_LAYER_NORMALIZATION, 2, NULL, 0},
    {FET_OP_PRELU, 1, NULL, 0.25f},
    {FET_OP_ADD, 0, NULL, 0},
    {FET_OP_ADD, 1, NULL, 0},
    {FET_OP_MUL, 0, NULL, 1},
    {FET_OP_MUL, 1, NULL, 1},
};

static fet_status fill_by_role(const fet_graph *graph, fet_id param, fill *out_fill)
{
    fet_id value = graph->params[param].value;
    const char *user = "nobody";
    for (fet_id n = 0; n < graph->n_nodes; n++) {
        const fet_node *node = &graph->nodes[n];
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] != value) continue;
            user = fet_op_onnx_name(node->op);
            for (size_t r = 0; r < sizeof roles / sizeof *roles; r++) {
                if (roles[r].op != node->op || roles[r].input != i) continue;
                *out_fill = roles[r].rule ? roles[r].rule(graph, node, &graph->values[value].shape) : (fill){false, roles[r].value};
                return FET_OK;
            }
        }
    }
    return fet_fail(FET_ERROR_UNSUPPORTED, "parameter \"%s\" has no numbers and is used by %s, which gives it no role to initialise it by",
                    graph->values[value].name, user);
}

static fet_status init_fresh(const fet_graph *graph, fet_id param, uint64_t seed, fet_tensor **out_tensor)
{
    const fet_value *value = &graph->values[graph->params[param].value];
    if (value->dtype != FET_DTYPE_F32)
        return fet_fail(FET_ERROR_UNSUPPORTED, "parameter \"%s\" is %s without numbers, only f32 can be initialised", value->name,
                        fet_dtype_name(value->dtype));
    fill by = {0};
    FET_TRY(fill_by_role(graph, param, &by));
    fet_tensor *tensor = NULL;
    FET_TRY(fet_tensor_create(FET_DTYPE_F32, &value->shape, &tensor));
    fet_rng rng;
    fet_rng_init(&rng, seed, fet_hash(value->name, strlen(value->name)), FET_RNG_INIT);
    int64_t elements = fet_tensor_elements(tensor);
    for (int64_t i = 0; i < elements; i++) fet_tensor_f32(tensor)[i] = by.random ? by.value * (float)fet_rng_normal(&rng) : by.value;
    *out_tensor = tensor;
    return FET_OK;
}

fet_status fet_graph_init_params(fet_graph *graph, const fet_graph *base, uint64_t seed)
{
    for (fet_id p = 0; p < graph->n_params; p++) {
        fet_param *param = &graph->params[p];
        if (param->tensor) continue;
        const fet_value *value = &graph->values[param->value];
        fet_auto(fet_tensor) tensor = NULL;
        if (param->origin.rule == FET_ORIGIN_FRESH) {
            FET_TRY(init_fresh(graph, p, seed, &tensor));
        } else {
            fet_status status = fet_origin_apply(&param->origin, base, &value->shape, &tensor);
            if (status != FET_OK) return fet_note(status, "parameter \"%s\"", value->name);
        }
        fet_graph_set_tensor(graph, p, tensor);
    }
    return FET_OK;
}
