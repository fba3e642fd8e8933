// SPDX-License-Identifier: Apache-2.0
/*
 * A classifier of inverted bottlenecks in the manner of MobileNetV2 (Sandler et al., CVPR 2018): stem convolution, stages of blocks
 * (expand 1x1, depthwise, linear project 1x1), head 1x1, global average pool, one matrix.
 *
 * Every block of a stage but the first has a residual; the first never has one, also where its stride and channels would allow it, so that
 * a stage is exactly the blocks of one channel group and its width can change alone.
 */
#include "op/builder.h"
#include "space/template/template.h"

#include <stdio.h>

extern const fet_template_ops fet_template_ibn_classifier;

enum { LIMIT_CHANNELS = 1 << 14, LIMIT_SIDE = 1 << 14, LIMIT_BLOCKS = 64, LIMIT_EXPANSION = 64 };
enum { NAME_BYTES = 64, PREFIX_BYTES = NAME_BYTES - 16 }; /* a name is a prefix and one word more */

static fet_status check_range(const char *field, int64_t value, int64_t low, int64_t high)
{
    if (value >= low && value <= high) return FET_OK;
    return fet_fail(FET_ERROR_ARG, "template ibn_classifier: %s is %lld, expected %lld to %lld", field, (long long)value, (long long)low,
                    (long long)high);
}

static fet_status check_kernel(const char *field, uint32_t kernel)
{
    if (kernel == 3 || kernel == 5 || kernel == 7) return FET_OK;
    return fet_fail(FET_ERROR_ARG, "template ibn_classifier: %s is %u, expected 3, 5 or 7", field, kernel);
}

static fet_status check_stage(const fet_template_stage *stage, uint32_t number)
{
    const struct {
        const char *field;
        int64_t value, high;
    } ranges[] = {
        {"blocks", stage->blocks, LIMIT_BLOCKS},
        {"channels", stage->channels, LIMIT_CHANNELS},
        {"expansion", stage->expansion, LIMIT_EXPANSION},
        {"stride", stage->stride, 2},
    };
    char field[NAME_BYTES];
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        snprintf(field, sizeof field, "stages[%u].%s", number, ranges[i].field);
        FET_TRY(check_range(field, ranges[i].value, 1, ranges[i].high));
    }
    snprintf(field, sizeof field, "stages[%u].kernel", number);
    return check_kernel(field, stage->kernel);
}

static fet_status check(const fet_template_options *options)
{
    FET_TRY(check_range("input channels", options->channels, 1, LIMIT_CHANNELS));
    FET_TRY(check_range("input height", options->height, 1, LIMIT_SIDE));
    FET_TRY(check_range("input width", options->width, 1, LIMIT_SIDE));
    FET_TRY(check_range("classes", options->n_classes, 2, 1 << 20));
    FET_TRY(check_range("stem channels", options->stem_channels, 1, LIMIT_CHANNELS));
    FET_TRY(check_range("stem stride", options->stem_stride, 1, 2));
    FET_TRY(check_kernel("stem kernel", options->stem_kernel));
    FET_TRY(check_range("number of stages", options->n_stages, 1, FET_TEMPLATE_MAX_STAGES));
    for (uint32_t s = 0; s < options->n_stages; s++) FET_TRY(check_stage(&options->stages[s], s));
    return check_range("head channels", options->head_channels, 0, LIMIT_CHANNELS);
}

/* Convolution, batch norm and, where wanted, activation: "<prefix>.conv", ".bn", ".act". */
static fet_status add_unit(fet_graph *graph, const char *prefix, const fet_conv_options *conv, const fet_template_options *options,
                           bool activate, fet_id *value)
{
    char name[NAME_BYTES + 16];
    snprintf(name, sizeof name, "%s.conv", prefix);
    FET_TRY(fet_build_conv(graph, name, *value, conv, value));
    snprintf(name, sizeof name, "%s.bn", prefix);
    FET_TRY(fet_build_batch_norm(graph, name, *value, value));
    if (!activate) return FET_OK;
    snprintf(name, sizeof name, "%s.act", prefix);
    return options->relu6 ? fet_build_relu6(graph, name, *value, value) : fet_build_unary(graph, FET_OP_RELU, name, *value, value);
}

static fet_status add_block(fet_graph *graph, const char prefix[PREFIX_BYTES], const fet_template_stage *stage, bool first,
                            const fet_template_options *options, fet_id *value)
{
    char name[NAME_BYTES];
    fet_id input = *value;
    int64_t hidden = graph->values[input].shape.dim[1] * stage->expansion;
    if (stage->expansion > 1) {
        snprintf(name, sizeof name, "%s.expand", prefix);
        FET_TRY(add_unit(graph, name, &(fet_conv_options){.out_channels = hidden, .kernel = 1}, options, true, value));
    }
    snprintf(name, sizeof name, "%s.depthwise", prefix);
    fet_conv_options depthwise = {.out_channels = hidden, .kernel = stage->kernel, .stride = first ? stage->stride : 1, .group = hidden};
    FET_TRY(add_unit(graph, name, &depthwise, options, true, value));
    snprintf(name, sizeof name, "%s.project", prefix);
    FET_TRY(add_unit(graph, name, &(fet_conv_options){.out_channels = stage->channels, .kernel = 1}, options, false, value));
    if (first) return FET_OK;
    snprintf(name, sizeof name, "%s.add", prefix);
    return fet_build_binary(graph, FET_OP_ADD, name, input, *value, value);
}

static fet_status add_body(fet_graph *graph, const fet_template_options *options, fet_id *value)
{
    char prefix[PREFIX_BYTES];
    fet_conv_options stem = {.out_channels = options->stem_channels, .kernel = options->stem_kernel, .stride = options->stem_stride};
    FET_TRY(add_unit(graph, "stem", &stem, options, true, value));
    for (uint32_t s = 0; s < options->n_stages; s++)
        for (uint32_t b = 0; b < options->stages[s].blocks; b++) {
            snprintf(prefix, sizeof prefix, "stage%u.block%u", s + 1, b);
            FET_TRY(add_block(graph, prefix, &options->stages[s], b == 0, options, value));
        }
    if (options->head_channels == 0) return FET_OK;
    return add_unit(graph, "head", &(fet_conv_options){.out_channels = options->head_channels, .kernel = 1}, options, true, value);
}

static fet_status build(const fet_template_options *options, fet_graph **out_graph)
{
    FET_TRY(check(options));
    fet_auto(fet_graph) graph = NULL;
    FET_TRY(fet_graph_create(NULL, &graph));
    graph->name = "ibn_classifier";
    fet_shape shape = fet_shape_4d(1, options->channels, options->height, options->width);
    fet_id value = FET_NONE;
    FET_TRY(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &value));
    FET_TRY(add_body(graph, options, &value));
    FET_TRY(fet_build_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", value, &value));
    FET_TRY(fet_build_unary(graph, FET_OP_FLATTEN, "flatten", value, &value));
    FET_TRY(fet_build_gemm(graph, "classifier", value, options->n_classes, &value));
    /* The value a user meets has a name of its own; the node keeps its. */
    graph->values[value].name = "logits";
    FET_TRY(fet_graph_add_output(graph, value));
    *out_graph = fet_take(graph);
    return FET_OK;
}

const fet_template_ops fet_template_ibn_classifier = {
    .name = "ibn_classifier",
    .help = "image classifier of inverted bottlenecks, as MobileNetV2",
    .build = build,
};
