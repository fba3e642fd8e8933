// SPDX-License-Identifier: Apache-2.0
/* Base networks for the tests of spaces and rewrites, and numbers for them that no shortcut survives: norms with shifts, unequal channels.
 */
#ifndef FET_TESTS_SPACE_NETWORKS_H
#define FET_TESTS_SPACE_NETWORKS_H

#include "check.h"

#include "base/rng.h"
#include "op/op.h"
#include "space/template/template.h"

#include <math.h>
#include <string.h>

/* Expansion 1, strides, kernels 3 and 5, two stages with residuals; small enough for a slow reference. */
static inline fet_template_options small_options(void)
{
    return (fet_template_options){
        .channels = 2,
        .height = 12,
        .width = 10,
        .n_classes = 5,
        .stem_channels = 8,
        .stem_kernel = 3,
        .stem_stride = 1,
        .stages = {{1, 6, 1, 1, 3}, {2, 8, 3, 2, 3}, {3, 12, 2, 1, 5}},
        .n_stages = 3,
        .head_channels = 20,
        .relu6 = true,
    };
}

static inline fet_graph *small_network(void)
{
    fet_template_options options = small_options();
    fet_graph *graph = NULL;
    CHECK_OK(fet_template_build("ibn_classifier", &options, &graph));
    return graph;
}

/* Every parameter without numbers gets random ones; what must be positive (variances) is, and so that each channel has another weight,
 * scales differ. */
static inline void give_numbers(fet_graph *graph, uint64_t seed)
{
    for (fet_id p = 0; p < graph->n_params; p++) {
        const fet_value *value = &graph->values[graph->params[p].value];
        if (graph->params[p].tensor) continue;
        fet_rng rng;
        fet_rng_init(&rng, seed, p, FET_RNG_TEST);
        fet_tensor *tensor = NULL;
        CHECK_OK(fet_tensor_create(FET_DTYPE_F32, &value->shape, &tensor));
        bool positive = strstr(value->name, "variance") != NULL;
        int64_t n = fet_tensor_elements(tensor), fan_in = 1;
        for (uint32_t a = 1; a < value->shape.rank; a++) fan_in *= value->shape.dim[a];
        for (int64_t i = 0; i < n; i++) {
            double x = fet_rng_normal(&rng);
            fet_tensor_f32(tensor)[i] = (float)(positive ? 0.5 + x * x : value->shape.rank > 1 ? x / sqrt((double)fan_in) : 0.3 * x);
            if (strstr(value->name, "gamma")) fet_tensor_f32(tensor)[i] += 1.0f;
        }
        fet_graph_set_tensor(graph, p, tensor);
        fet_tensor_release(tensor);
    }
}

#endif
