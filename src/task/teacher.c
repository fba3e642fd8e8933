// SPDX-License-Identifier: Apache-2.0
#include "task/teacher.h"

#include "engine/engine.h"
#include "engine/executor.h"
#include "op/op.h"

struct fet_teacher {
    fet_executor *executor;
    float **outputs;
    uint32_t n_outputs;
};

fet_node *fet_task_softmax_at_end(fet_graph *graph)
{
    const fet_value *output = graph->n_outputs == 1 ? &graph->values[graph->outputs[0]] : NULL;
    fet_node *last = output && output->kind == FET_VALUE_COMPUTED ? &graph->nodes[output->node] : NULL;
    return last && last->op == FET_OP_SOFTMAX ? last : NULL;
}

fet_status fet_teacher_create(const fet_graph *graph, int64_t batch, fet_teacher **out_teacher)
{
    fet_auto(fet_teacher) teacher = NULL;
    fet_auto(fet_graph) copy = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *teacher, "a teacher", &teacher));
    FET_TRY(fet_graph_copy(graph, NULL, 0, &copy));
    fet_node *softmax = fet_task_softmax_at_end(copy);
    if (softmax) softmax->op = FET_OP_IDENTITY;
    fet_executor_options options = fet_executor_default_options();
    options.precision = fet_engine_training_dtype();
    options.batch = batch;
    FET_TRY(fet_executor_create(copy, &options, &teacher->executor));
    FET_TRY(fet_graph_set_batch(copy, batch));
    FET_TRY(fet_alloc_zeroed(copy->n_outputs, sizeof *teacher->outputs, "a teacher's outputs", &teacher->outputs));
    teacher->n_outputs = copy->n_outputs;
    for (uint32_t o = 0; o < copy->n_outputs; o++) {
        size_t n = (size_t)fet_shape_elements(&copy->values[copy->outputs[o]].shape);
        FET_TRY(fet_alloc_zeroed(n, sizeof **teacher->outputs, "a teacher's output", &teacher->outputs[o]));
    }
    *out_teacher = fet_take(teacher);
    return FET_OK;
}

void fet_teacher_destroy(fet_teacher *teacher)
{
    if (!teacher) return;
    for (uint32_t o = 0; o < teacher->n_outputs; o++) fet_free(teacher->outputs[o]);
    fet_free(teacher->outputs);
    fet_executor_destroy(teacher->executor);
    fet_free(teacher);
}

fet_status fet_teacher_run(fet_teacher *teacher, const float *images)
{
    return fet_executor_run(teacher->executor, &images, teacher->outputs);
}

const float *fet_teacher_output(const fet_teacher *teacher, uint32_t output)
{
    return teacher->outputs[output];
}
