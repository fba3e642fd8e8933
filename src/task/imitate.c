// SPDX-License-Identifier: Apache-2.0
/*
 * Training without labels: a network learns to give what the original gives, at its outputs and, where both have them by name and shape, at
 * the ends of blocks inside. An output that Softmax makes is matched as probabilities, any other as numbers (match.h).
 *     loss = mean over outputs of their matches + hints * mean over block ends of theirs
 * Sources: Hinton et al. 2015 (outputs); Romero et al., FitNets, 2015 (inner tensors).
 */
#include "task/internal.h"
#include "task/match.h"
#include "task/task.h"
#include "task/teacher.h"

#include "op/op.h"
#include "rewrite/blocks.h"

#include <math.h>

/* Batches that say how much each tensor changes from sample to sample. */
enum { SCALE_BATCHES = 4 };
/* Inner tensors beyond these are spread out over the network: each costs memory for itself and its gradient. */
enum { MAX_HINTS = 8 };

typedef struct imitation {
    const fet_train_options *options;
    fet_teacher *teacher;
    fet_match *matches; /* [n_outputs + n_hints] */
    uint32_t n_outputs, n_hints;
    fet_id theirs[MAX_HINTS], ours[MAX_HINTS]; /* the same inner value in the original and in the network that learns */
} imitation;

static bool is_output(const fet_graph *graph, fet_id value)
{
    for (uint32_t o = 0; o < graph->n_outputs; o++) {
        if (graph->outputs[o] == value) return true;
        const fet_value *output = &graph->values[graph->outputs[o]];
        if (output->kind == FET_VALUE_COMPUTED && graph->nodes[output->node].n_inputs && graph->nodes[output->node].inputs[0] == value)
            return true; /* all but one: the loss at the output says it already */
    }
    return false;
}

/* The value of the network that learns that stands for `value` of the original: same name, same shape. FET_NONE: there is none. */
static fet_id twin_of(const fet_graph *original, fet_id value, const fet_graph *graph)
{
    fet_id twin = fet_graph_find_value(graph, original->values[value].name);
    if (twin == FET_NONE || graph->values[twin].kind != FET_VALUE_COMPUTED || is_output(original, value) || is_output(graph, twin))
        return FET_NONE;
    return fet_task_same_sample(&original->values[value].shape, &graph->values[twin].shape) ? twin : FET_NONE;
}

/* Up to MAX_HINTS block ends that both networks have, evenly spread, the last one always among them. */
static fet_status choose_hints(imitation *m, const fet_graph *original, const fet_graph *graph)
{
    fet_auto(fet_arena) arena = NULL;
    fet_blocks blocks = {0};
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_blocks_find(original, arena, &blocks));
    fet_id *theirs = fet_arena_alloc(arena, ((size_t)blocks.count + 1) * sizeof *theirs);
    if (!theirs) return fet_arena_full();
    uint32_t n = 0;
    for (uint32_t b = 0; b < blocks.count; b++)
        if (twin_of(original, blocks.items[b].output, graph) != FET_NONE) theirs[n++] = blocks.items[b].output;
    m->n_hints = n < MAX_HINTS ? n : MAX_HINTS;
    for (uint32_t h = 0; h < m->n_hints; h++) {
        m->theirs[h] = theirs[(uint64_t)(h + 1) * n / m->n_hints - 1];
        m->ours[h] = twin_of(original, m->theirs[h], graph);
    }
    return FET_OK;
}

/* A match for output o of the graph with the hints added; `softmax`: what makes it in the original, or NULL. */
static fet_status make_match(const imitation *m, const fet_graph *graph, uint32_t o, const fet_node *softmax, fet_match *out_match)
{
    if (!softmax) return fet_match_init_numbers(out_match, fet_task_output_items(graph, o));
    const fet_shape *shape = &graph->values[graph->outputs[o]].shape;
    int64_t axis = fet_node_int(softmax, FET_ATTR_AXIS, -1);
    if (axis < 0) axis += shape->rank;
    if (axis < 1 || axis >= shape->rank)
        return fet_fail(FET_ERROR_UNSUPPORTED, "output \"%s\": a Softmax along axis %lld, expected one within a sample",
                        graph->values[graph->outputs[o]].name, (long long)axis);
    size_t outer = 1, inner = 1;
    for (int64_t d = 1; d < axis; d++) outer *= (size_t)shape->dim[d];
    for (int64_t d = axis + 1; d < shape->rank; d++) inner *= (size_t)shape->dim[d];
    return fet_match_init_distribution(out_match, outer, (size_t)shape->dim[axis], inner, m->options->distil.temperature);
}

static fet_status make_matches(imitation *m, fet_graph *original, const fet_graph *graph, const fet_dataset *dataset)
{
    fet_auto(fet_loader) loader = NULL;
    uint32_t n = m->n_outputs + m->n_hints;
    FET_TRY(fet_alloc_zeroed(n, sizeof *m->matches, "what is learnt from", &m->matches));
    for (uint32_t o = 0; o < n; o++)
        FET_TRY(make_match(m, graph, o, o < m->n_outputs ? fet_task_softmax_of(original, o) : NULL, &m->matches[o]));
    fet_loader_options loading = fet_task_lessons(graph, dataset, m->options);
    FET_TRY(fet_loader_create(dataset, &loading, &loader));
    uint32_t batches = fet_loader_batches_per_epoch(loader);
    for (uint32_t b = 0; b < batches && b < SCALE_BATCHES; b++) {
        fet_lesson lesson = {.b = b};
        FET_TRY(fet_loader_batch(loader, 0, b, &lesson.batch));
        FET_TRY(fet_teacher_answer(m->teacher, &lesson));
        for (uint32_t o = 0; o < n; o++) fet_match_observe(&m->matches[o], fet_teacher_output(m->teacher, o), lesson.batch.count);
    }
    for (uint32_t o = 0; o < n; o++) fet_match_settle(&m->matches[o]);
    return FET_OK;
}

static fet_status loss(void *context, const fet_lesson *lesson, const fet_trainer *trainer, float *const diffs[], double *out_loss)
{
    const imitation *m = context;
    double total = 0.0;
    FET_TRY(fet_teacher_answer(m->teacher, lesson));
    for (uint32_t o = 0; o < m->n_outputs + m->n_hints; o++) {
        double part = 0.0, weight = o < m->n_outputs ? 1.0 / m->n_outputs : (double)m->options->distil.hints / m->n_hints;
        FET_TRY(fet_match_loss(&m->matches[o], fet_trainer_output(trainer, o), fet_teacher_output(m->teacher, o), lesson->batch.count,
                               (uint32_t)m->options->trainer.batch, weight, diffs[o], &part));
        total += part;
    }
    *out_loss = total;
    return FET_OK;
}

/* The outputs of `graph` are changed here and put back by the caller. */
static fet_status train_changed(imitation *m, fet_graph *original, fet_graph *graph, const fet_dataset *dataset,
                                fet_train_result *out_result)
{
    for (uint32_t h = 0; h < m->n_hints; h++) FET_TRY(fet_graph_add_output(graph, m->ours[h]));
    for (uint32_t o = 0; o < m->n_outputs; o++) {
        fet_node *softmax = fet_task_softmax_of(graph, o);
        if (softmax) softmax->op = FET_OP_IDENTITY;
    }
    FET_TRY(make_matches(m, original, graph, dataset));
    return fet_task_train(graph, dataset, m->options, &(fet_objective){.context = m, .loss = loss}, out_result);
}

static fet_status imitate(imitation *m, fet_graph *original, fet_graph *graph, const fet_dataset *dataset, fet_train_result *out_result)
{
    /* As training computes: what a teacher gives in f32 would be matched no better by a network that learns in bf16. */
    fet_dtype dtype = m->options->trainer.dtype == FET_DTYPE_NONE ? fet_engine_training_dtype() : m->options->trainer.dtype;
    if (m->options->distil.hints > 0.0f) FET_TRY(choose_hints(m, original, graph));
    fet_teacher_options answers = {.precision = dtype, .inner = m->theirs, .n_inner = m->n_hints};
    FET_TRY(fet_teacher_create(original, graph, dataset, m->options, &answers, &m->teacher));
    fet_graph before = *graph;
    bool made_by_softmax[FET_TASK_MAX_OUTPUTS] = {false};
    for (uint32_t o = 0; o < m->n_outputs; o++) made_by_softmax[o] = fet_task_softmax_of(graph, o) != NULL;
    fet_status status = train_changed(m, original, graph, dataset, out_result);
    graph->n_outputs = before.n_outputs;
    for (uint32_t o = 0; o < m->n_outputs; o++)
        if (made_by_softmax[o]) graph->nodes[graph->values[graph->outputs[o]].node].op = FET_OP_SOFTMAX;
    return status;
}

static fet_status train(fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options, fet_train_result *out_result)
{
    const fet_distil_options *distil = &options->distil;
    FET_TRY(fet_task_check_training(options));
    if (!distil->teacher) return fet_fail(FET_ERROR_ARG, "imitation: no original network is given, expected one to learn from");
    if (!(distil->temperature >= 0.01f && distil->temperature <= 1000.0f))
        return fet_fail(FET_ERROR_ARG, "imitation: temperature is %g, expected 0.01 to 1000", (double)distil->temperature);
    if (!(distil->hints >= 0.0f && distil->hints <= 1000.0f))
        return fet_fail(FET_ERROR_ARG, "imitation: hints is %g, expected 0 to 1000", (double)distil->hints);
    FET_TRY(fet_task_check_input(graph, dataset));
    FET_TRY(fet_task_check_input(distil->teacher, dataset));
    FET_TRY(fet_task_check_outputs(graph, distil->teacher));
    fet_auto(fet_graph) original = NULL;
    FET_TRY(fet_graph_copy(distil->teacher, NULL, 0, &original));
    imitation m = {.options = options, .n_outputs = graph->n_outputs};
    fet_status status = imitate(&m, original, graph, dataset, out_result);
    for (uint32_t o = 0; m.matches && o < m.n_outputs + m.n_hints; o++) fet_match_deinit(&m.matches[o]);
    fet_free(m.matches);
    fet_teacher_destroy(m.teacher);
    return status;
}

const fet_task_ops fet_task_imitate = {
    .name = "imitate",
    .help = "give what the original network gives; needs no labels",
    .measure = "agreement with the original",
    .loss_unit = "of a constant answer's",
    .figures = FET_TASK_FIGURES("agreement"),
    .needs_original = true,
    .train = train,
    .evaluate = fet_agreement_eval,
};
