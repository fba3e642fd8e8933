// SPDX-License-Identifier: Apache-2.0
#include "engine/refit/internal.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the base computes at a layer, at sampled places. */
typedef struct target {
    uint64_t *places; /* [n]; NULL: the base has no such layer */
    uint64_t of;      /* places there are */
    uint32_t n, outputs;
    float *result; /* [n, outputs] */
    float *sum;    /* [n, outputs]: of the addition behind, or NULL */
} target;

struct fet_refit {
    fet_refit_options options;
    target *targets; /* [n_targets]: by the layer's weights, a parameter of the base */
    uint32_t n_targets;
};

/* A layer in front of a residual addition: layer -> (batch norm) -> addition, read by nobody else. */
typedef struct addition {
    fet_id norm, add, other; /* node or FET_NONE, node, value */
} addition;

fet_refit_options fet_refit_default_options(void)
{
    return (fet_refit_options){.rows = 4096, .most_inputs = 1536, .ridge = 0.1};
}

void fet_refit_destroy(fet_refit *fit)
{
    if (!fit) return;
    for (fet_id p = 0; fit->targets && p < fit->n_targets; p++) {
        fet_free(fit->targets[p].places);
        fet_free(fit->targets[p].result);
        fet_free(fit->targets[p].sum);
    }
    fet_free(fit->targets);
    fet_free(fit);
}

/* The only node that reads a value; FET_NONE when there are several or the user gets it. */
static fet_id only_reader(const fet_graph *graph, fet_id value)
{
    fet_id reader = FET_NONE;
    for (uint32_t o = 0; o < graph->n_outputs; o++)
        if (graph->outputs[o] == value) return FET_NONE;
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs && graph->nodes[n].op != FET_OP_NONE; i++) {
            if (graph->nodes[n].inputs[i] != value) continue;
            if (reader != FET_NONE) return FET_NONE;
            reader = n;
        }
    return reader;
}

/* A batch norm over the layer's channels with numbers of its own. */
static bool is_norm(const fet_graph *graph, fet_id n, uint32_t channels)
{
    if (n == FET_NONE || graph->nodes[n].op != FET_OP_BATCH_NORMALIZATION) return false;
    for (uint32_t i = 1; i < 5; i++) {
        const fet_value *value = fet_node_input(graph, &graph->nodes[n], i);
        if (!value || value->kind != FET_VALUE_PARAM || value->dtype != FET_DTYPE_F32 || fet_shape_elements(&value->shape) != channels ||
            !graph->params[value->param].tensor)
            return false;
    }
    return true;
}

static bool find_addition(const fet_graph *graph, const fit_layer *layer, addition *out)
{
    *out = (addition){.norm = FET_NONE, .add = FET_NONE, .other = FET_NONE};
    fet_id value = graph->nodes[layer->node].outputs[0], next = only_reader(graph, value);
    if (is_norm(graph, next, layer->outputs)) {
        out->norm = next;
        value = graph->nodes[next].outputs[0];
        next = only_reader(graph, value);
    }
    if (next == FET_NONE || layer->matrix) return false;
    const fet_node *node = &graph->nodes[next];
    if ((node->op != FET_OP_ADD && node->op != FET_OP_SUM) || node->n_inputs != 2) return false;
    out->other = node->inputs[node->inputs[0] == value];
    out->add = next;
    const fet_value *other = &graph->values[out->other];
    return other->kind == FET_VALUE_COMPUTED && fet_shape_equal(&other->shape, &graph->values[value].shape);
}

/* --- create --- */

static int by_place(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static fet_status choose_places(const fet_refit *fit, fet_id weight, target *t)
{
    uint32_t most = fit->options.rows;
    t->n = t->of < most ? (uint32_t)t->of : most;
    FET_TRY(fet_alloc_zeroed(t->n, sizeof *t->places, "places of a fit", &t->places));
    fet_rng rng;
    fet_rng_init(&rng, fit->options.seed, weight, FET_RNG_CALIBRATE);
    for (uint32_t i = 0; i < t->n; i++) t->places[i] = t->of <= most ? i : fet_rng_u64(&rng) % t->of; /* the bias is far below 2^-32 */
    qsort(t->places, t->n, sizeof *t->places, by_place);
    return FET_OK;
}

static fet_status keep_result(fet_refit *fit, const fit_walk *walk, const fit_layer *layer, const fet_tensor *result)
{
    target *t = &fit->targets[layer->weight];
    t->outputs = layer->outputs;
    t->of = fit_layer_places(walk->graph, layer, walk->batch);
    FET_TRY(choose_places(fit, layer->weight, t));
    FET_TRY(fet_alloc_zeroed((size_t)t->n * t->outputs, sizeof(float), "results of a fit", &t->result));
    fit_samples(layer, result, t->places, t->n, t->result);
    return FET_OK;
}

/* The layers whose addition this node is. */
static fet_status keep_sums(fet_refit *fit, const fit_walk *walk, fet_id n, const fit_layer *layers, const fet_id *add_of,
                            uint32_t n_layers)
{
    const fet_tensor *sum = walk->values[walk->graph->nodes[n].outputs[0]];
    for (uint32_t l = 0; l < n_layers; l++) {
        target *t = &fit->targets[layers[l].weight];
        if (add_of[l] != n || !sum || !t->places) continue;
        FET_TRY(fet_alloc_zeroed((size_t)t->n * t->outputs, sizeof(float), "results of a fit", &t->sum));
        fit_samples(&layers[l], sum, t->places, t->n, t->sum);
    }
    return FET_OK;
}

static fet_status walk_base(fet_refit *fit, fit_walk *walk, fit_layer *layers, fet_id *add_of)
{
    const fet_graph *base = walk->graph;
    uint32_t n_layers = 0;
    for (fet_id n = 0; n < base->n_nodes; n++) {
        FET_TRY(fit_walk_run(walk, n));
        if (base->nodes[n].op == FET_OP_NONE) continue;
        const fet_tensor *result =
            base->nodes[n].n_outputs && base->nodes[n].outputs[0] != FET_NONE ? walk->values[base->nodes[n].outputs[0]] : NULL;
        fit_layer layer;
        if (result && fit_layer_find(base, n, &layer)) {
            addition a;
            add_of[n_layers] = find_addition(base, &layer, &a) ? a.add : FET_NONE;
            layers[n_layers++] = layer;
            FET_TRY(keep_result(fit, walk, &layer, result));
        }
        if (base->nodes[n].op == FET_OP_ADD || base->nodes[n].op == FET_OP_SUM) FET_TRY(keep_sums(fit, walk, n, layers, add_of, n_layers));
        fit_walk_leave(walk, n);
    }
    return FET_OK;
}

static fet_status check(const fet_graph *graph, const fet_refit_options *options)
{
    if (graph->n_inputs != 1) return fet_fail(FET_ERROR_ARG, "a fit of a network of %u inputs: expected one", graph->n_inputs);
    if (options->batch < 1 || options->rows < 1 || !(options->ridge > 0))
        return fet_fail(FET_ERROR_ARG, "a fit on a batch of %lld with %u rows and a ridge of %g: expected all above 0",
                        (long long)options->batch, options->rows, options->ridge);
    return FET_OK;
}

fet_status fet_refit_create(const fet_graph *base, const float *images, const fet_refit_options *options, fet_refit **out_fit)
{
    fet_auto(fet_refit) fit = NULL;
    FET_TRY(check(base, options));
    FET_TRY(fet_alloc_zeroed(1, sizeof *fit, "a fit", &fit));
    fit->n_targets = base->n_params;
    fit->options = *options;
    FET_TRY(fet_alloc_zeroed(base->n_params + 1, sizeof *fit->targets, "results of a fit", &fit->targets));
    fit_walk walk = {0};
    fit_layer *layers = NULL;
    fet_id *add_of = NULL;
    fet_status status = fet_alloc_zeroed(base->n_nodes + 1, sizeof *layers, "layers of a fit", &layers);
    if (status == FET_OK) status = fet_alloc_zeroed(base->n_nodes + 1, sizeof *add_of, "layers of a fit", &add_of);
    if (status == FET_OK) status = fit_walk_init(&walk, base, images, options->batch);
    if (status == FET_OK) status = walk_base(fit, &walk, layers, add_of);
    fit_walk_clear(&walk);
    fet_free(layers);
    fet_free(add_of);
    FET_TRY(status);
    *out_fit = fet_take(fit);
    return FET_OK;
}

/* --- params --- */

/* One layer of a candidate being fitted. */
typedef struct work {
    const fet_refit *fit;
    fit_walk *walk;
    fet_graph *graph;
    fit_layer layer;
    const target *target;
    const uint32_t *map; /* [outputs]: channel of the base; NULL: the same */
    addition addition;   /* add FET_NONE: none that counts */
    fet_id norm;         /* batch norm behind it, whose mean takes a constant; FET_NONE */
    float *missing;      /* [n, outputs]: R */
    double *scale;       /* [outputs]: what the norm in front of an addition multiplies by; 0: the channel has no say */
    double *shift;       /* [outputs] */
    double *moved;       /* [outputs]: constants that the norm's mean has taken, which the layer's own result does not show */
} work;

/* What a layer's weights come from: the base's layer and which of its channels. False for fresh ones. */
static bool counterpart(const fet_refit *fit, const fet_graph *graph, const fit_layer *layer, work *w)
{
    const fet_origin *origin = &graph->params[layer->weight].origin;
    if (origin->rule == FET_ORIGIN_FRESH) return false;
    fet_id base = origin->rule == FET_ORIGIN_COMPOSE ? origin->base[3] : origin->base[0];
    if (base >= fit->n_targets || !fit->targets[base].places) return false;
    const fet_origin_axis *axis = &origin->axis[layer->matrix && layer->inputs_first ? 1 : 0];
    w->target = &fit->targets[base];
    w->map = axis->index;
    return layer->outputs == (axis->index ? axis->count : w->target->outputs) &&
           w->target->of == fit_layer_places(graph, layer, fit->options.batch);
}

static void read_norm(work *w)
{
    const float *numbers[5] = {NULL};
    const fet_node *node = w->addition.norm == FET_NONE ? NULL : &w->graph->nodes[w->addition.norm];
    double epsilon = node ? (double)fet_node_float(node, FET_ATTR_EPSILON, 1e-5f) : 0, mean_scale = 0;
    for (uint32_t i = 1; i < 5 && node; i++) numbers[i] = fet_tensor_f32(w->graph->params[w->graph->values[node->inputs[i]].param].tensor);
    for (uint32_t c = 0; c < w->layer.outputs; c++) {
        w->scale[c] = node ? (double)numbers[1][c] / sqrt((double)numbers[4][c] + epsilon) : 1;
        w->shift[c] = node ? (double)numbers[2][c] - (double)numbers[3][c] * w->scale[c] : 0;
        mean_scale += fabs(w->scale[c]) / w->layer.outputs;
    }
    /* A channel that the norm all but switches off cannot make good what others lack. */
    for (uint32_t c = 0; c < w->layer.outputs; c++)
        if (!(fabs(w->scale[c]) > 0.01 * mean_scale)) w->scale[c] = 0;
}

/* Fills `missing`; gives its square as a share of the wanted result's variance. `other` is room for [n, outputs]. */
static double measure(work *w, const fet_tensor *result, float *other)
{
    const target *t = w->target;
    uint32_t m = w->layer.outputs, n = t->n;
    bool sum = w->addition.add != FET_NONE;
    fit_samples(&w->layer, result, t->places, n, w->missing);
    if (sum) fit_samples(&w->layer, w->walk->values[w->addition.other], t->places, n, other);
    double lost = 0, spread = 0;
    for (uint32_t c = 0; c < m; c++) {
        uint32_t from = w->map ? w->map[c] : c;
        double mean = 0, square = 0;
        if (sum && w->scale[c] == 0) {
            for (uint32_t i = 0; i < n; i++) w->missing[(size_t)i * m + c] = 0;
            continue;
        }
        for (uint32_t i = 0; i < n; i++) {
            size_t at = (size_t)i * m + c;
            double is = (double)w->missing[at], wanted = (double)t->result[(size_t)i * t->outputs + from] - w->moved[c];
            if (sum) wanted = ((double)t->sum[(size_t)i * t->outputs + from] - (double)other[at] - w->shift[c]) / w->scale[c];
            w->missing[at] = (float)(wanted - is);
            lost += (wanted - is) * (wanted - is);
            mean += wanted;
            square += wanted * wanted;
        }
        spread += square - mean * mean / n;
    }
    return spread > 0 ? lost / spread : lost > 0 ? 1 : 0;
}

/* weights += d, of one group. */
static void add_weights(const fit_layer *layer, uint32_t g, const double *d, float *weights)
{
    uint32_t k = layer->inputs, m = layer->outputs / layer->groups;
    for (uint32_t i = 0; i < k; i++)
        for (uint32_t o = 0; o < m; o++) {
            size_t at = layer->inputs_first ? (size_t)i * layer->outputs + o : (size_t)(g * m + o) * k + i;
            weights[at] += (float)d[(size_t)i * m + o];
        }
}

/* A copy of a parameter's numbers that is the candidate's alone. */
static fet_status own_tensor(fet_graph *graph, fet_id param, float **out_numbers)
{
    fet_auto(fet_tensor) copy = NULL;
    FET_TRY(fet_tensor_copy(graph->params[param].tensor, &copy));
    fet_graph_set_tensor(graph, param, copy);
    *out_numbers = fet_tensor_f32(copy);
    return FET_OK;
}

/* The constants of all channels: to the bias, or out of the mean that the norm behind takes away. */
static fet_status add_constants(work *w, const double *constant)
{
    float *numbers = NULL;
    double sign = w->layer.bias != FET_NONE ? 1 : -1;
    fet_id param = w->layer.bias;
    if (param == FET_NONE) param = w->graph->values[w->graph->nodes[w->norm].inputs[3]].param;
    FET_TRY(own_tensor(w->graph, param, &numbers));
    for (uint32_t c = 0; c < w->layer.outputs; c++) {
        numbers[c] += (float)(sign * constant[c]);
        if (sign < 0) w->moved[c] += constant[c];
    }
    return FET_OK;
}

static fet_status regress(work *w, const fet_tensor *src, const fet_tensor *dst, float *x, float *r, double *d, double *constant)
{
    const fit_layer *layer = &w->layer;
    uint32_t n = w->target->n, m = layer->outputs / layer->groups;
    bool centred = layer->bias != FET_NONE || w->norm != FET_NONE;
    float *weights = NULL;
    FET_TRY(own_tensor(w->graph, layer->weight, &weights));
    for (uint32_t g = 0; g < layer->groups; g++) {
        fit_patches(layer, src, dst, g, w->target->places, n, x);
        for (uint32_t i = 0; i < n; i++) memcpy(r + (size_t)i * m, w->missing + (size_t)i * layer->outputs + g * m, m * sizeof *r);
        FET_TRY(fit_ridge(x, r, n, layer->inputs, m, w->fit->options.ridge, centred, d, constant + g * m));
        add_weights(layer, g, d, weights);
    }
    return centred ? add_constants(w, constant) : FET_OK;
}

static const double SAME = 1e-8; /* of the variance: far above rounding in f32, far below what a rewrite loses */

static fet_status fit_layer_weights(work *w, float *other, fet_refit_result *result)
{
    const fit_layer *layer = &w->layer;
    const fet_node *node = &w->graph->nodes[layer->node];
    const fet_tensor *dst = w->walk->values[node->outputs[0]];
    double before = measure(w, dst, other);
    if (!(before > SAME)) {
        result->n_same++;
        return FET_OK;
    }
    uint32_t n = w->target->n, m = layer->outputs / layer->groups;
    float *x = NULL, *r = NULL;
    double *d = NULL, *constant = NULL;
    fet_status status = fet_alloc_zeroed((size_t)n * layer->inputs, sizeof *x, "rows of a fit", &x);
    if (status == FET_OK) status = fet_alloc_zeroed((size_t)n * m, sizeof *r, "rows of a fit", &r);
    if (status == FET_OK) status = fet_alloc_zeroed((size_t)layer->inputs * m, sizeof *d, "a fit's weights", &d);
    if (status == FET_OK) status = fet_alloc_zeroed(layer->outputs, sizeof *constant, "a fit's constants", &constant);
    if (status == FET_OK) status = regress(w, w->walk->values[node->inputs[0]], dst, x, r, d, constant);
    if (status == FET_OK) status = fit_walk_run(w->walk, layer->node);
    fet_free(x);
    fet_free(r);
    fet_free(d);
    fet_free(constant);
    FET_TRY(status);
    read_norm(w); /* its mean may have taken a constant */
    result->n_fitted++;
    result->error += before;
    result->error_left += measure(w, w->walk->values[node->outputs[0]], other);
    return FET_OK;
}

enum { ROWS_PER_INPUT = 4 };

/* The layer at a node that has just been run. */
static fet_status visit(const fet_refit *fit, fit_walk *walk, fet_graph *graph, const fit_layer *layer, fet_refit_result *result)
{
    work w = {.fit = fit, .walk = walk, .graph = graph, .layer = *layer, .norm = FET_NONE};
    bool known = counterpart(fit, graph, layer, &w);
    /* With few rows a fit is of their chance, and large weights that cancel on them are a bad start for training. */
    bool enough = known && w.target->n >= ROWS_PER_INPUT * layer->inputs;
    if (!enough || layer->inputs > fit->options.most_inputs || !walk->values[graph->nodes[layer->node].outputs[0]]) {
        result->n_left++;
        return FET_OK;
    }
    bool sums = find_addition(graph, layer, &w.addition) && w.target->sum && walk->values[w.addition.other];
    if (!sums) w.addition.add = w.addition.norm = FET_NONE;
    fet_id next = only_reader(graph, graph->nodes[layer->node].outputs[0]);
    if (!layer->matrix && is_norm(graph, next, layer->outputs)) w.norm = next;
    size_t size = (size_t)w.target->n * layer->outputs;
    float *other = NULL;
    fet_status status = fet_alloc_zeroed(size, sizeof *w.missing, "rows of a fit", &w.missing);
    if (status == FET_OK) status = fet_alloc_zeroed(size, sizeof *other, "rows of a fit", &other);
    if (status == FET_OK) status = fet_alloc_zeroed((size_t)layer->outputs * 3, sizeof *w.scale, "a fit's constants", &w.scale);
    if (status == FET_OK) {
        w.shift = w.scale + layer->outputs;
        w.moved = w.shift + layer->outputs;
        read_norm(&w);
        status = fit_layer_weights(&w, other, result);
    }
    fet_free(w.missing);
    fet_free(other);
    fet_free(w.scale);
    return status;
}

fet_status fet_refit_params(const fet_refit *fit, fet_graph *candidate, const float *images, fet_refit_result *out_result)
{
    FET_TRY(check(candidate, &fit->options));
    fit_walk walk = {0};
    fet_refit_result result = {0};
    fet_status status = fit_walk_init(&walk, candidate, images, fit->options.batch);
    for (fet_id n = 0; n < candidate->n_nodes && status == FET_OK; n++) {
        if (candidate->nodes[n].op == FET_OP_NONE) continue;
        fit_layer layer;
        status = fit_walk_run(&walk, n);
        if (status == FET_OK && fit_layer_find(candidate, n, &layer)) status = visit(fit, &walk, candidate, &layer, &result);
        if (status == FET_OK) fit_walk_leave(&walk, n);
    }
    fit_walk_clear(&walk);
    FET_TRY(status);
    if (result.n_fitted) result.error /= result.n_fitted, result.error_left /= result.n_fitted;
    *out_result = result;
    return FET_OK;
}
