// SPDX-License-Identifier: Apache-2.0
/* A small made-up data set (stripes: upright, lying, or checks, with noise), a network for it, and options that learn it in a second. */
#ifndef FET_TESTS_TASK_MADE_DATA_H
#define FET_TESTS_TASK_MADE_DATA_H

#include "../data/samples.h"

#include "base/rng.h"
#include "engine/init.h"
#include "op/builder.h"
#include "op/op.h"
#include "task/internal.h"

enum { MADE_SIDE = 12, MADE_TRAIN = 600, MADE_TEST = 150, MADE_CLASSES = 3 };

static const char *made_folder;
static fet_dataset *made_dataset;

static inline uint8_t made_paint(uint32_t label, uint32_t x, uint32_t y, fet_rng *rng)
{
    bool on = label == 0 ? x / 2 % 2 : label == 1 ? y / 2 % 2 : (x / 2 + y / 2) % 2;
    return (uint8_t)(60u + (on ? 100u : 0u) + fet_rng_below(rng, 60));
}

static inline void made_write_split(const char *images, const char *labels, uint32_t n, uint64_t seed)
{
    uint8_t *pixels = malloc((size_t)n * MADE_SIDE * MADE_SIDE), *classes = malloc(n);
    assert_non_null(pixels);
    assert_non_null(classes);
    fet_rng rng;
    fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
    for (uint32_t i = 0; i < n; i++) {
        classes[i] = (uint8_t)(i % MADE_CLASSES);
        for (uint32_t p = 0; p < MADE_SIDE * MADE_SIDE; p++)
            pixels[(size_t)i * MADE_SIDE * MADE_SIDE + p] = made_paint(classes[i], p % MADE_SIDE, p / MADE_SIDE, &rng);
    }
    write_idx_images(path_in(made_folder, images), n, MADE_SIDE, MADE_SIDE, pixels);
    write_idx_labels(path_in(made_folder, labels), n, classes);
    free(pixels);
    free(classes);
}

static inline int made_data_setup(void **state)
{
    (void)state;
    made_folder = make_folder();
    made_write_split("train-images-idx3-ubyte", "train-labels-idx1-ubyte", MADE_TRAIN, 1);
    made_write_split("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", MADE_TEST, 2);
    fet_dataset_options options = {.kind = "idx", .path = made_folder, .val_share = 0.1, .seed = 1};
    CHECK_OK(fet_dataset_open(&options, &made_dataset));
    return 0;
}

static inline int made_data_teardown(void **state)
{
    (void)state;
    fet_dataset_close(made_dataset);
    remove_folder(made_folder);
    return 0;
}

/* conv 3x3 -> batch norm -> ReLU -> depthwise -> batch norm -> ReLU -> mean -> linear. */
static inline fet_graph *made_graph_of(int64_t side, int64_t channels, int64_t classes)
{
    fet_graph *graph = NULL;
    fet_id v;
    const fet_shape shape = fet_shape_4d(1, 1, side, side);
    CHECK_OK(fet_graph_create(NULL, &graph));
    CHECK_OK(fet_graph_add_input(graph, "image", FET_DTYPE_F32, &shape, &v));
    CHECK_OK(fet_build_conv(graph, "stem", v, &(fet_conv_options){.out_channels = channels, .kernel = 3, .stride = 1}, &v));
    CHECK_OK(fet_build_batch_norm(graph, "stem.bn", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "stem.act", v, &v));
    CHECK_OK(
        fet_build_conv(graph, "dw", v, &(fet_conv_options){.out_channels = channels, .kernel = 3, .stride = 2, .group = channels}, &v));
    CHECK_OK(fet_build_batch_norm(graph, "dw.bn", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_RELU, "dw.act", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", v, &v));
    CHECK_OK(fet_build_unary(graph, FET_OP_FLATTEN, "flatten", v, &v));
    CHECK_OK(fet_build_gemm(graph, "classifier", v, classes, &v));
    CHECK_OK(fet_graph_add_output(graph, v));
    CHECK_OK(fet_graph_infer(graph));
    CHECK_OK(fet_graph_init_params(graph, NULL, 3));
    return graph;
}

static inline fet_graph *made_graph(int64_t channels, int64_t classes)
{
    return made_graph_of(MADE_SIDE, channels, classes);
}

static inline fet_train_options made_options(void)
{
    fet_train_options options = fet_train_default_options();
    options.epochs = 6;
    options.learning_rate = 0.1f;
    options.seed = 5;
    options.augment = (fet_augment_options){.flip = true, .shift = 1};
    options.trainer.batch = 20;
    return options;
}

static inline void check_same_params(const fet_graph *a, const fet_graph *b)
{
    assert_int_equal(a->n_params, b->n_params);
    for (uint32_t p = 0; p < a->n_params; p++)
        if (memcmp(a->params[p].tensor->data, b->params[p].tensor->data, a->params[p].tensor->bytes) != 0)
            fail_msg("parameter \"%s\" differs", a->values[a->params[p].value].name);
}

#endif
