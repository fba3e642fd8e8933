// SPDX-License-Identifier: Apache-2.0
/*
 * Our side of bench/train_vs_torch.py: trains one of its two networks on random numbers. Each line read from stdin asks for some steps; the
 * answer is the processor seconds of each, so that the script can take turns with PyTorch.   Usage: bench_train_step NETWORK f32|bf16 BATCH
 */
#include "engine/engine.h"
#include "engine/init.h"
#include "engine/trainer.h"
#include "op/builder.h"
#include "op/op.h"
#include "task/classify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE = 28, CLASSES = 10 };

typedef struct layered {
    fet_graph *graph;
    int count; /* of layers, for their names */
} layered;

static fet_status conv_bn(layered *net, fet_id src, int64_t channels, int64_t kernel, int64_t stride, int64_t group, bool relu, fet_id *out)
{
    char name[32], part[48];
    fet_conv_options options = {.out_channels = channels, .kernel = kernel, .stride = stride, .group = group};
    snprintf(name, sizeof name, "layer%d", net->count++);
    FET_TRY(fet_build_conv(net->graph, name, src, &options, out));
    snprintf(part, sizeof part, "%s.bn", name);
    FET_TRY(fet_build_batch_norm(net->graph, part, *out, out));
    snprintf(part, sizeof part, "%s.relu", name);
    return relu ? fet_build_unary(net->graph, FET_OP_RELU, part, *out, out) : FET_OK;
}

/* An inverted bottleneck of expansion 4, or its fused form; the residual where shapes allow it. */
static fet_status block(layered *net, fet_id src, int64_t in, int64_t out_channels, int64_t stride, bool fused, fet_id *out)
{
    fet_id x = src;
    if (!fused) FET_TRY(conv_bn(net, x, in * 4, 1, 1, 1, true, &x));
    FET_TRY(conv_bn(net, x, in * 4, 3, stride, fused ? 1 : in * 4, true, &x));
    FET_TRY(conv_bn(net, x, out_channels, 1, 1, 1, false, &x));
    char name[32];
    snprintf(name, sizeof name, "add%d", net->count);
    if (stride == 1 && in == out_channels) FET_TRY(fet_build_binary(net->graph, FET_OP_ADD, name, x, src, &x));
    *out = x;
    return FET_OK;
}

static const struct {
    const char *name;
    int64_t channels, stem;
    struct {
        int64_t in, out, stride;
        bool fused;
    } blocks[7];
    int n_blocks;
} networks[] = {
    {"ibn",
     1,
     24,
     {{24, 24, 1, false},
      {24, 24, 1, false},
      {24, 40, 2, false},
      {40, 40, 1, false},
      {40, 40, 1, false},
      {40, 80, 2, false},
      {80, 80, 1, false}},
     7},
    {"mixed", 3, 16, {{16, 24, 2, true}, {24, 24, 1, true}, {24, 48, 2, false}, {48, 48, 1, false}}, 4},
};

static fet_status build(int which, fet_graph **out_graph)
{
    layered net = {0};
    fet_id x = FET_NONE;
    fet_shape shape = fet_shape_4d(1, networks[which].channels, SIZE, SIZE);
    FET_TRY(fet_graph_create(NULL, &net.graph));
    FET_TRY(fet_graph_add_input(net.graph, "image", FET_DTYPE_F32, &shape, &x));
    FET_TRY(conv_bn(&net, x, networks[which].stem, 3, 1, 1, true, &x));
    for (int b = 0; b < networks[which].n_blocks; b++)
        FET_TRY(block(&net, x, networks[which].blocks[b].in, networks[which].blocks[b].out, networks[which].blocks[b].stride,
                      networks[which].blocks[b].fused, &x));
    FET_TRY(conv_bn(&net, x, 192, 1, 1, 1, true, &x));
    FET_TRY(fet_build_unary(net.graph, FET_OP_GLOBAL_AVERAGE_POOL, "pool", x, &x));
    FET_TRY(fet_build_unary(net.graph, FET_OP_FLATTEN, "flatten", x, &x));
    FET_TRY(fet_build_gemm(net.graph, "classifier", x, CLASSES, &x));
    FET_TRY(fet_graph_add_output(net.graph, x));
    FET_TRY(fet_graph_infer(net.graph));
    *out_graph = net.graph;
    return fet_graph_init_params(net.graph, NULL, 1);
}

static double processor_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static fet_status steps(fet_trainer *trainer, const float *images, const uint32_t *labels, uint32_t batch, float *diff, int n)
{
    for (int i = 0; i < n; i++) {
        double loss = 0, start_s = processor_s();
        FET_TRY(fet_trainer_forward(trainer, &images));
        FET_TRY(fet_classify_loss(fet_trainer_output(trainer, 0), &(fet_batch){.labels = labels, .count = batch}, batch, CLASSES, 0, diff,
                                  &loss));
        const float *diffs[] = {diff};
        FET_TRY(fet_trainer_backward(trainer, diffs));
        FET_TRY(fet_trainer_step(trainer, 0.05f));
        printf("%.6f ", processor_s() - start_s);
    }
    printf("\n");
    fflush(stdout);
    return FET_OK;
}

/* What this core does of the same arithmetic where nothing stands in the way: a large product of matrices in f32, the best of some. */
static fet_status product_gflops(double *out_gflops)
{
    enum { N = 1024, TIMES = 8 };
    float *numbers = NULL;
    double best_s = 1e9;
    FET_TRY(fet_alloc_zeroed((size_t)3 * N * N, sizeof *numbers, "matrices", &numbers));
    for (size_t i = 0; i < (size_t)2 * N * N; i++) numbers[i] = (float)(i % 7) - 3;
    dnnl_status_t status = dnnl_success;
    for (int t = 0; t < TIMES && status == dnnl_success; t++) {
        double start_s = processor_s();
        status = dnnl_sgemm('N', 'N', N, N, N, 1.0f, numbers, N, numbers + N * N, N, 0.0f, numbers + 2 * N * N, N);
        if (processor_s() - start_s < best_s) best_s = processor_s() - start_s;
    }
    fet_free(numbers);
    *out_gflops = 2.0 * N * N * N / best_s * 1e-9;
    return status == dnnl_success ? FET_OK : fet_fail(FET_ERROR_STATE, "a product of matrices failed");
}

static fet_status serve(int which, fet_dtype dtype, uint32_t batch)
{
    fet_auto(fet_graph) graph = NULL;
    fet_auto(fet_trainer) trainer = NULL;
    fet_trainer_options options = fet_trainer_default_options();
    options.dtype = dtype;
    options.batch = batch;
    FET_TRY(build(which, &graph));
    FET_TRY(fet_trainer_create(graph, &options, &trainer));
    size_t n = (size_t)batch * (size_t)networks[which].channels * SIZE * SIZE;
    float *images = NULL, *diff = NULL;
    uint32_t *labels = NULL;
    FET_TRY(fet_alloc_zeroed(n, sizeof *images, "images", &images));
    FET_TRY(fet_alloc_zeroed(batch, sizeof *labels, "labels", &labels));
    FET_TRY(fet_alloc_zeroed((size_t)batch * CLASSES, sizeof *diff, "gradients", &diff));
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (size_t i = 0; i < n; i++) images[i] = (float)fet_rng_normal(&rng);
    for (uint32_t i = 0; i < batch; i++) labels[i] = fet_rng_below(&rng, CLASSES);
    fet_op_work work;
    fet_graph_work(graph, &work);
    double gflops = 0;
    FET_TRY(product_gflops(&gflops));
    printf("%.2f MMACs an image, sgemm %.0f GFLOP/s, %s\n", (double)work.macs / 1e6, gflops, fet_engine_isa_name());
    fflush(stdout);
    char line[64];
    fet_status status = FET_OK;
    while (status == FET_OK && fgets(line, sizeof line, stdin))
        status = steps(trainer, images, labels, batch, diff, (int)strtol(line, NULL, 10));
    fet_free(images);
    fet_free(labels);
    fet_free(diff);
    return status;
}

int main(int argc, char **argv)
{
    int which = argc > 1 && strcmp(argv[1], "mixed") == 0;
    fet_dtype dtype = argc > 2 ? fet_dtype_parse(argv[2]) : FET_DTYPE_F32;
    if (argc != 4 || dtype == FET_DTYPE_NONE) {
        fprintf(stderr, "usage: %s ibn|mixed f32|bf16 BATCH\n", argv[0]);
        return 2;
    }
    if (serve(which, dtype, (uint32_t)strtoul(argv[3], NULL, 10)) == FET_OK) return 0;
    fprintf(stderr, "bench_train_step: %s\n", fet_error_message());
    return 1;
}
