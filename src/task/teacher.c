// SPDX-License-Identifier: Apache-2.0
#include "task/teacher.h"

#include "engine/engine.h"
#include "engine/executor.h"
#include "op/op.h"

#include <string.h>

struct fet_teacher {
    fet_loader *loader; /* NULL: the images of the lesson have its size */
    fet_executor *executor;
    float **outputs;
    uint32_t n_outputs;
};

fet_node *fet_task_softmax_of(fet_graph *graph, uint32_t output)
{
    fet_id value = graph->outputs[output];
    if (graph->values[value].kind != FET_VALUE_COMPUTED || graph->nodes[graph->values[value].node].op != FET_OP_SOFTMAX) return NULL;
    for (fet_id n = 0; n < graph->n_nodes; n++)
        for (uint32_t i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] == value) return NULL;
    return &graph->nodes[graph->values[value].node];
}

fet_dtype fet_teacher_quick_precision(void)
{
    const char *isa = fet_engine_isa_name();
    return strstr(isa, "BF16") || strstr(isa, "AMX") ? FET_DTYPE_BF16 : FET_DTYPE_F32;
}

static fet_status make_outputs(fet_teacher *teacher, fet_graph *graph, int64_t batch)
{
    FET_TRY(fet_graph_set_batch(graph, batch));
    FET_TRY(fet_alloc_zeroed(graph->n_outputs, sizeof *teacher->outputs, "a teacher's outputs", &teacher->outputs));
    teacher->n_outputs = graph->n_outputs;
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        size_t n = (size_t)fet_shape_elements(&graph->values[graph->outputs[o]].shape);
        FET_TRY(fet_alloc_zeroed(n, sizeof **teacher->outputs, "a teacher's output", &teacher->outputs[o]));
    }
    return FET_OK;
}

/* The same stream gives the same samples and augmentations in another size. */
static fet_status make_loader(fet_teacher *teacher, const fet_graph *graph, const fet_graph *network, const fet_dataset *dataset,
                              const fet_train_options *training)
{
    fet_loader_options own = fet_task_lessons(graph, dataset, training), its = fet_task_lessons(network, dataset, training);
    return own.height == its.height && own.width == its.width ? FET_OK : fet_loader_create(dataset, &own, &teacher->loader);
}

fet_status fet_teacher_create(const fet_graph *graph, const fet_graph *network, const fet_dataset *dataset,
                              const fet_train_options *training, const fet_teacher_options *options, fet_teacher **out_teacher)
{
    fet_auto(fet_teacher) teacher = NULL;
    fet_auto(fet_graph) copy = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *teacher, "a teacher", &teacher));
    FET_TRY(fet_graph_copy(graph, NULL, 0, &copy));
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        fet_node *softmax = fet_task_softmax_of(copy, o);
        if (softmax) softmax->op = FET_OP_IDENTITY;
    }
    for (uint32_t i = 0; i < options->n_inner; i++) FET_TRY(fet_graph_add_output(copy, options->inner[i]));
    fet_executor_options running = fet_executor_default_options();
    running.precision = options->precision;
    running.batch = training->trainer.batch;
    FET_TRY(fet_executor_create(copy, &running, &teacher->executor));
    FET_TRY(make_loader(teacher, graph, network, dataset, training));
    FET_TRY(make_outputs(teacher, copy, running.batch));
    *out_teacher = fet_take(teacher);
    return FET_OK;
}

void fet_teacher_destroy(fet_teacher *teacher)
{
    if (!teacher) return;
    for (uint32_t o = 0; o < teacher->n_outputs; o++) fet_free(teacher->outputs[o]);
    fet_free(teacher->outputs);
    fet_executor_destroy(teacher->executor);
    fet_loader_destroy(teacher->loader);
    fet_free(teacher);
}

fet_status fet_teacher_answer(fet_teacher *teacher, const fet_lesson *lesson)
{
    fet_batch batch = lesson->batch;
    if (teacher->loader) FET_TRY(fet_loader_batch(teacher->loader, lesson->epoch, lesson->b, &batch));
    return fet_executor_run(teacher->executor, &batch.images, teacher->outputs);
}

const float *fet_teacher_output(const fet_teacher *teacher, uint32_t output)
{
    return teacher->outputs[output];
}
