// SPDX-License-Identifier: Apache-2.0
/*
 * Built-in base networks, from a plain description. One builder a template, listed in template/registry.c.
 * Nodes are named "stem.conv", "stage1.block0.expand.conv", ".expand.bn", ".expand.act", ".depthwise.*", ".project.*", ".add", "head.*",
 * "pool", "flatten", "classifier"; the input is "image", the output "logits".
 */
#ifndef FET_SPACE_TEMPLATE_TEMPLATE_H
#define FET_SPACE_TEMPLATE_TEMPLATE_H

#include "graph/graph.h"

enum { FET_TEMPLATE_MAX_STAGES = 12 };

typedef struct fet_template_stage {
    uint32_t blocks; /* >= 1 */
    uint32_t channels;
    uint32_t expansion; /* hidden = expansion * input channels; 1: no expand convolution */
    uint32_t stride;    /* of the first block: 1 or 2 */
    uint32_t kernel;    /* of the depthwise: 3, 5, 7 */
} fet_template_stage;

typedef struct fet_template_options {
    int64_t channels, height, width; /* of the input */
    uint32_t n_classes;
    uint32_t stem_channels, stem_kernel, stem_stride;
    fet_template_stage stages[FET_TEMPLATE_MAX_STAGES];
    uint32_t n_stages;
    uint32_t head_channels; /* 1x1 convolution before pooling; 0: none */
    bool relu6;             /* false: ReLU */
} fet_template_options;

typedef struct fet_template_ops {
    const char *name; /* "ibn_classifier" */
    const char *help;
    fet_status (*build)(const fet_template_options *options, fet_graph **out_graph);
} fet_template_ops;

extern const fet_template_ops *const fet_templates[]; /* NULL-terminated */

/* An inferred graph at batch 1 without numbers. Errors: ARG names the field and the range; NOT_FOUND lists the templates. */
FET_MUST_CHECK fet_status fet_template_build(const char *name, const fet_template_options *options, fet_graph **out_graph);

#endif
