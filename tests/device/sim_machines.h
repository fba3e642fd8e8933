// SPDX-License-Identifier: Apache-2.0
/* Networks that the tests of the simulator and its bench share. */
#ifndef FET_TESTS_DEVICE_SIM_MACHINES_H
#define FET_TESTS_DEVICE_SIM_MACHINES_H

#include "op/builder.h"
#include "op/op.h"

#include <stdio.h>

typedef struct sim_stage {
    int64_t expansion, channels, blocks, stride;
} sim_stage;

static inline fet_status sim_unit(fet_graph *graph, const char *name, int64_t channels, int64_t kernel, int64_t stride, int64_t group,
                                  bool activate, fet_id *value)
{
    char text[96];
    fet_conv_options conv = {.out_channels = channels, .kernel = kernel, .stride = stride, .group = group, .bias = true};
    FET_TRY(fet_build_conv(graph, name, *value, &conv, value));
    snprintf(text, sizeof text, "%s.act", name);
    return activate ? fet_build_unary(graph, FET_OP_RELU, text, *value, value) : FET_OK;
}

/* MobileNetV2-1.0-224 as published (Sandler et al., table 2): the first block without expansion, residuals where stride 1 keeps the
 * channels. 300.8 MMACs. */
static inline fet_status sim_mobilenet_v2(fet_graph **out_graph)
{
    static const sim_stage stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                       {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    fet_auto(fet_graph) graph = NULL;
    char name[64];
    fet_id value = FET_NONE;
    fet_shape shape = fet_shape_4d(1, 3, 224, 224);
    FET_TRY(fet_graph_create(NULL, &graph));
    FET_TRY(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &value));
    FET_TRY(sim_unit(graph, "stem", 32, 3, 2, 1, true, &value));
    int64_t channels = 32;
    for (uint32_t s = 0; s < sizeof stages / sizeof *stages; s++)
        for (int64_t b = 0; b < stages[s].blocks; b++) {
            fet_id before = value;
            int64_t hidden = channels * stages[s].expansion, stride = b == 0 ? stages[s].stride : 1;
            snprintf(name, sizeof name, "s%u.b%d.expand", s, (int)b);
            if (stages[s].expansion > 1) FET_TRY(sim_unit(graph, name, hidden, 1, 1, 1, true, &value));
            snprintf(name, sizeof name, "s%u.b%d.depthwise", s, (int)b);
            FET_TRY(sim_unit(graph, name, hidden, 3, stride, hidden, true, &value));
            snprintf(name, sizeof name, "s%u.b%d.project", s, (int)b);
            FET_TRY(sim_unit(graph, name, stages[s].channels, 1, 1, 1, false, &value));
            snprintf(name, sizeof name, "s%u.b%d.add", s, (int)b);
            if (stride == 1 && channels == stages[s].channels) FET_TRY(fet_build_binary(graph, FET_OP_ADD, name, before, value, &value));
            channels = stages[s].channels;
        }
    FET_TRY(sim_unit(graph, "head", 1280, 1, 1, 1, true, &value));
    FET_TRY(fet_build_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", value, &value));
    FET_TRY(fet_build_unary(graph, FET_OP_FLATTEN, "flatten", value, &value));
    FET_TRY(fet_build_gemm(graph, "classifier", value, 1000, &value));
    FET_TRY(fet_graph_add_output(graph, value));
    *out_graph = fet_take(graph);
    return FET_OK;
}

#endif
