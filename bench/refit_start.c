// SPDX-License-Identifier: Apache-2.0
/*
 * What a candidate's start is worth: fresh weights, inherited ones, and inherited ones with a linear fit, before and after the same short
 * training. Candidates are the single options of each kind of decision, and random genomes.
 *
 * usage: bench_refit_start fashion [EPOCHS_OF_BASE [EPOCHS_SHORT [RATE_SHORT [GENOMES]]]]
 *        bench_refit_start FOLDER MODEL.onnx [EPOCHS_OF_BASE [EPOCHS_SHORT [RATE_SHORT [GENOMES]]]]
 */
#include "base/clock.h"
#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "space/space.h"
#include "space/template/template.h"
#include "task/classify.h"
#include "task/refit.h"
#include "task/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(expr)                                                                                                                           \
    do {                                                                                                                                   \
        if ((expr) != FET_OK) {                                                                                                            \
            fprintf(stderr, "%s\n", fet_error_message());                                                                                  \
            exit(1);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

enum { STARTS = 3 };
static const char *const starts[STARTS] = {"fresh", "inherited", "fitted"};

static fet_graph *fashion_base(void)
{
    fet_template_options options = {.channels = 1,
                                    .height = 28,
                                    .width = 28,
                                    .n_classes = 10,
                                    .stem_channels = 16,
                                    .stem_kernel = 3,
                                    .stem_stride = 1,
                                    .stages = {{1, 16, 1, 1, 3}, {2, 24, 4, 2, 3}, {2, 32, 4, 2, 3}},
                                    .n_stages = 3,
                                    .head_channels = 128,
                                    .relu6 = true};
    fet_graph *graph = NULL;
    OK(fet_template_build("ibn_classifier", &options, &graph));
    OK(fet_graph_init_params(graph, NULL, 1));
    return graph;
}

static double accuracy_of(const fet_graph *graph, const fet_dataset *data)
{
    fet_accuracy accuracy;
    OK(fet_classify_eval(graph, data, FET_SPLIT_VAL, FET_DTYPE_F32, NULL, 0, &accuracy));
    return accuracy.share;
}

static double train(fet_graph *graph, const fet_dataset *data, double epochs, float rate)
{
    fet_train_options options = fet_train_default_options();
    fet_train_result result;
    options.epochs = epochs;
    options.learning_rate = rate;
    options.seed = 1;
    OK(fet_classify_train(graph, data, &options, &result));
    return result.seconds;
}

typedef struct bench {
    const fet_space *space;
    const fet_graph *base;
    const fet_dataset *data;
    fet_refit *kept;
    fet_task_refit_options fit;
    float rate;
    double epochs, sum[STARTS][2], fit_s, train_s;
    int n;
} bench;

static void run(bench *b, const fet_genome *genome)
{
    char *text = NULL;
    OK(fet_genome_describe(b->space, genome, &text));
    printf("%-34.34s", text);
    fet_free(text);
    for (int start = 0; start < STARTS; start++) {
        fet_arena *arena = NULL;
        fet_graph *graph = NULL;
        fet_refit_result fit = {0};
        OK(fet_arena_create(&arena));
        OK(fet_space_derive(b->space, genome, arena, &graph));
        for (fet_id p = 0; p < graph->n_params && start == 0; p++)
            if (graph->params[p].trainable) graph->params[p].origin = (fet_origin){.rule = FET_ORIGIN_FRESH};
        OK(fet_graph_init_params(graph, b->base, 7));
        double began = fet_clock_monotonic_s();
        if (start == 2) OK(fet_task_refit(graph, b->base, b->data, &b->fit, &b->kept, &fit));
        double fit_s = fet_clock_monotonic_s() - began;
        OK(fet_task_recalibrate(graph, b->data, 8, 1));
        double before = accuracy_of(graph, b->data), seconds = train(graph, b->data, b->epochs, b->rate),
               after = accuracy_of(graph, b->data);
        b->sum[start][0] += before, b->sum[start][1] += after;
        printf(" | %.3f %.3f", before, after);
        if (start == 2) {
            printf(" | %u fitted %u same %u left, %.2g -> %.2g, %.2f s of %.2f s", fit.n_fitted, fit.n_same, fit.n_left, fit.error,
                   fit.error_left, fit_s, seconds);
            b->fit_s += fit_s, b->train_s += seconds;
        }
        fet_graph_destroy(graph);
        fet_arena_destroy(arena);
    }
    printf("\n");
    fflush(stdout);
    b->n++;
}

int main(int argc, char **argv)
{
    if (argc < 2) return 2;
    bool fashion = strcmp(argv[1], "fashion") == 0;
    char **rest = argv + (fashion ? 2 : 3), **end = argv + argc;
    double base_epochs = rest < end ? strtod(*rest++, NULL) : 1;
    fet_dataset *data = NULL;
    fet_dataset_options from = {.kind = "idx", .path = "/usr/share/datasets/fashion-mnist"};
    fet_graph *base = NULL;
    if (fashion) {
        base = fashion_base();
    } else {
        OK(fet_onnx_read(argv[2], NULL, &base));
        const fet_shape *input = &base->values[base->inputs[0]].shape;
        from = (fet_dataset_options){
            .kind = "image_folder", .path = argv[1], .channels = input->dim[1], .height = input->dim[2], .width = input->dim[3]};
    }
    OK(fet_dataset_open(&from, &data));
    double seconds = train(base, data, base_epochs, fashion ? 0.2f : 0.02f);
    printf("base: val accuracy %.4f after %g epochs, %.1f s\n", accuracy_of(base, data), base_epochs, seconds);
    bench b = {.base = base, .data = data, .epochs = rest < end ? strtod(*rest++, NULL) : 0.1};
    b.rate = rest < end ? strtof(*rest++, NULL) : 0.02f;
    b.fit = fet_task_refit_default_options();
    int genomes = rest < end ? (int)strtol(*rest++, NULL, 10) : 6;
    fet_space_options options = fet_space_default_options();
    options.kinds = FET_SPACE_ALL;
    fet_space *space = NULL;
    OK(fet_space_create(base, &options, &space));
    b.space = space;
    printf("%-34s | %s: val accuracy before and after %g epochs | %s | %s\n", "candidate", starts[0], b.epochs, starts[1], starts[2]);
    /* One candidate a kind: all decisions of it at their first option but the base's. */
    for (fet_decision_kind kind = FET_DECISION_BLOCK_FORM; kind < FET_DECISION_TABLE; kind++) {
        fet_genome genome;
        fet_space_base_genome(space, &genome);
        bool any = false;
        for (uint32_t d = 0; d < genome.n; d++) {
            const fet_decision *decision = fet_space_decision(space, d);
            if (decision->kind != kind) continue;
            genome.option[d] = decision->base_option == 0 ? 1 : 0;
            any = true;
        }
        if (any) run(&b, &genome);
    }
    fet_rng rng;
    fet_rng_init(&rng, 1, 0, FET_RNG_TEST);
    for (int i = 0; i < genomes; i++) {
        fet_genome genome;
        fet_space_sample(space, &rng, &genome);
        run(&b, &genome);
    }
    printf("mean");
    for (int s = 0; s < STARTS; s++) printf(" | %s %.4f %.4f", starts[s], b.sum[s][0] / b.n, b.sum[s][1] / b.n);
    printf(" | fit %.2f s, short training %.2f s\n", b.fit_s / b.n, b.train_s / b.n);
    fet_refit_destroy(b.kept);
    fet_space_destroy(space);
    fet_dataset_close(data);
    fet_graph_destroy(base);
    return 0;
}
