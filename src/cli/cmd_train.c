// SPDX-License-Identifier: Apache-2.0
/* fettle train: a template or an ONNX model, trained and written as ONNX. */
#include "base/file.h"
#include "cli/progress.h"
#include "cli/source.h"
#include "cli/stages.h"
#include "cli/table.h"
#include "engine/engine.h"
#include "engine/init.h"
#include "format/onnx/onnx.h"
#include "task/classify.h"

#include <string.h>

typedef struct values {
    const char *template, *stem, *stages, *data, *mean, *std, *output, *optimizer, *precision;
    fet_cli_texts input;
    double epochs, learning_rate, warmup, smoothing, weight_decay, momentum, erase, zoom, light, mix, val_share;
    int64_t head, batch, shift, seed;
    bool relu6, flip, fresh, json;
} values;

static const char *const OPTIMIZERS[] = {"sgd", "adamw", NULL};
static const char *const PRECISIONS[] = {"auto", "f32", "bf16", NULL};

#define TEXT(field, arg) .kind = FET_CLI_TEXT, .offset = offsetof(values, field), .value = arg
#define REAL(field, arg, from, to) .kind = FET_CLI_REAL, .offset = offsetof(values, field), .value = arg, .low = from, .high = to
#define INT(field, from, to) .kind = FET_CLI_INT, .offset = offsetof(values, field), .value = "N", .low = from, .high = to
#define FLAG(field) .kind = FET_CLI_FLAG, .offset = offsetof(values, field)

static const fet_cli_option OPTIONS[] = {
    {.name = "data", TEXT(data, "KIND:PATH"), .required = true, .help = "idx:FOLDER or image_folder:FOLDER"},
    {.name = "output", TEXT(output, "FILE"), .required = true, .help = "the ONNX file to write"},
    {.name = "template", TEXT(template, "NAME"), .help = "without a MODEL: the built-in network to train (default ibn_classifier)"},
    {.name = "stem", TEXT(stem, "STAGE"), .help = "of the template: channels, stride, kernel (default 16s1k3)"},
    {.name = "stages",
     TEXT(stages, "STAGE,..."),
     .help = "of the template: blocks x channels, then stride, expansion and kernel of each stage (default " FET_STAGES_DEFAULT ")"},
    {.name = "head", INT(head, 0, 65536), .help = "of the template: channels of the last 1x1 convolution (default 128; 0: none)"},
    {.name = "relu6", FLAG(relu6), .help = "of the template: ReLU6 instead of ReLU"},
    {.name = "fresh", FLAG(fresh), .help = "give MODEL new random weights first"},
    {.name = "epochs", REAL(epochs, "N", 0.001, 1e6), .help = "passes over the training data, may be a fraction (default 3)"},
    {.name = "batch", INT(batch, 1, 65536), .help = "images a step (default 64)"},
    {.name = "learning-rate",
     REAL(learning_rate, "RATE", 1e-9, 1e3),
     .help = "the highest, reached after the warm-up, then a cosine to zero (default 0.1; adamw 0.002)"},
    {.name = "warmup", REAL(warmup, "SHARE", 0, 0.99), .help = "share of the batches that the rate rises over (default 0.1)"},
    {.name = "optimizer",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, optimizer),
     .value = "NAME",
     .choices = OPTIMIZERS,
     .help = "sgd (Nesterov momentum, default) or adamw"},
    {.name = "momentum", REAL(momentum, "M", 0, 0.9999), .help = "of sgd, beta1 of adamw (default 0.9)"},
    {.name = "weight-decay", REAL(weight_decay, "D", 0, 1), .help = "of weights, not of biases and batch norm (default 0.0001)"},
    {.name = "label-smoothing", REAL(smoothing, "S", 0, 0.9), .help = "share of the target spread over all classes (default 0.05)"},
    {.name = "flip", FLAG(flip), .help = "mirror half of the images"},
    {.name = "shift", INT(shift, 0, 1024), .help = "move images by up to N pixels (default 0)"},
    {.name = "zoom", REAL(zoom, "S", 0, 1), .help = "random size, up to 1 + S times as large or as small (default 0)"},
    {.name = "mix", REAL(mix, "P", 0, 1), .help = "probability that an image is mixed with another one (default 0)"},
    {.name = "light",
     REAL(light, "S", 0, 1),
     .help = "random contrast by up to this share, and brightness by up to half as much of the range (default 0)"},
    {.name = "erase", REAL(erase, "P", 0, 1), .help = "probability of a random erased rectangle (default 0)"},
    {.name = "precision",
     .kind = FET_CLI_CHOICE,
     .offset = offsetof(values, precision),
     .value = "TYPE",
     .choices = PRECISIONS,
     .help = "of the arithmetic: f32, bf16, or auto, what this machine does best (default)"},
    {.name = "input",
     .kind = FET_CLI_TEXTS,
     .offset = offsetof(values, input),
     .value = "CxHxW",
     .help = "what images are resized to (default: as MODEL's input, else as the first image); NAME=1xCxHxW: shape of an input that MODEL "
             "leaves open"},
    FET_CLI_MEAN(values, mean),
    FET_CLI_STD(values, std),
    {.name = "val-share", REAL(val_share, "SHARE", 0.001, 0.9), .help = "share of the training data kept aside as val (default 0.1)"},
    {.name = "seed", INT(seed, 0, 9e15), .help = "of weights, order, augmentation and splits (default 1)"},
    FET_CLI_JSON(values, json),
    {0},
};

static void defaults(void *v)
{
    const fet_train_options training = fet_train_default_options();
    *(values *)v = (values){.template = "ibn_classifier",
                            .stem = "16s1k3",
                            .stages = FET_STAGES_DEFAULT,
                            .head = 128,
                            .optimizer = "sgd",
                            .precision = "auto",
                            .epochs = 3,
                            .batch = training.trainer.batch,
                            .warmup = training.warmup_share,
                            .smoothing = (double)training.label_smoothing,
                            .seed = 1,
                            .momentum = 0.9,
                            .weight_decay = 1e-4,
                            .val_share = 0.1};
}

static fet_status build_template(const values *given, const fet_dataset *dataset, fet_graph **out_graph)
{
    fet_shape sample = fet_dataset_sample_shape(dataset);
    fet_template_options options = {.channels = sample.dim[0],
                                    .height = sample.dim[1],
                                    .width = sample.dim[2],
                                    .relu6 = given->relu6,
                                    .n_classes = fet_dataset_n_classes(dataset),
                                    .head_channels = (uint32_t)given->head};
    FET_TRY(fet_stem_parse(given->stem, &options));
    FET_TRY(fet_stages_parse(given->stages, &options));
    return fet_template_build(given->template, &options, out_graph);
}

/* Everything that training sets: trainable parameters and running statistics, but no constants. */
static void forget_numbers(fet_graph *graph)
{
    for (uint32_t p = 0; p < graph->n_params; p++)
        if (graph->params[p].trainable) fet_graph_set_tensor(graph, p, NULL);
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        for (uint32_t input = 3; graph->nodes[i].op == FET_OP_BATCH_NORMALIZATION && input < 5; input++) {
            const fet_value *statistic = fet_node_input(graph, &graph->nodes[i], input);
            if (statistic && statistic->kind == FET_VALUE_PARAM) fet_graph_set_tensor(graph, statistic->param, NULL);
        }
    }
}

/* A given network says what its images look like; a template follows the images. */
static fet_status make_network(const fet_cli *cli, const values *given, fet_network *network, fet_dataset **out_dataset)
{
    fet_cli_data source = {given->data,          fet_cli_image_size(&given->input), given->mean, given->std, given->val_share,
                           (uint64_t)given->seed};
    bool is_given = cli->n_arguments > 0;
    if (is_given) FET_TRY(fet_network_load_bound(cli->arguments[0], !given->fresh, &given->input, network));
    FET_TRY(fet_cli_open_data(&source, is_given ? network : NULL, out_dataset));
    if (!is_given) FET_TRY(build_template(given, *out_dataset, &network->graph));
    if (given->fresh) forget_numbers(network->graph);
    return fet_graph_init_params(network->graph, NULL, (uint64_t)given->seed);
}

static bool on_progress(void *context, uint64_t done, uint64_t total, double loss, double images_per_s)
{
    char note[64];
    snprintf(note, sizeof note, "loss %.4f, %.0f images/s", loss, images_per_s);
    fet_progress_show(context, done, total, note);
    return !fet_cli_interrupted();
}

static fet_train_options training_options(const values *given, const char *checkpoint, fet_progress *progress)
{
    fet_train_options options = fet_train_default_options();
    bool adamw = strcmp(given->optimizer, "adamw") == 0;
    options.epochs = given->epochs;
    options.learning_rate = given->learning_rate > 0 ? (float)given->learning_rate : adamw ? 0.002f : 0.1f;
    options.warmup_share = given->warmup;
    options.label_smoothing = (float)given->smoothing;
    options.seed = (uint64_t)given->seed;
    options.augment = (fet_augment_options){.flip = given->flip,
                                            .shift = (uint32_t)given->shift,
                                            .erase = (float)given->erase,
                                            .zoom = (float)given->zoom,
                                            .light = (float)given->light,
                                            .mix = (float)given->mix};
    options.trainer.dtype = strcmp(given->precision, "auto") == 0 ? FET_DTYPE_NONE : fet_dtype_parse(given->precision);
    options.trainer.batch = given->batch;
    options.trainer.optimizer = adamw ? FET_OPTIMIZER_ADAMW : FET_OPTIMIZER_SGD;
    options.trainer.momentum = (float)given->momentum;
    options.trainer.weight_decay = (float)given->weight_decay;
    options.checkpoint = checkpoint;
    options.progress = on_progress;
    options.context = progress;
    return options;
}

static fet_status print_result(const fet_cli *cli, const values *given, const fet_train_result *t, const fet_accuracy *a)
{
    if (given->json)
        return fet_cli_print_json(cli,
                                  json_pack("{s:s, s:f, s:f, s:f, s:I, s:f, s:f, s:f}", "output", given->output, "train_loss", t->loss,
                                            "seconds", t->seconds, "images_per_s", t->images_per_s, "batches", (json_int_t)t->n_batches,
                                            "val_accuracy", a->share, "val_accuracy_low", a->low, "val_accuracy_high", a->high));
    char duration[FET_DURATION_TEXT_BYTES];
    fprintf(cli->out, "%s: %s%.2f%%%s of %u val samples right (95%% interval %.2f%% to %.2f%%), loss %.4f, %.0f images/s, %s\n",
            given->output, fet_cli_style_text(cli, FET_STYLE_BOLD), a->share * 100.0, fet_cli_style_text(cli, FET_STYLE_RESET), a->n,
            a->low * 100.0, a->high * 100.0, t->loss, t->images_per_s, fet_duration_print(t->seconds, duration, sizeof duration));
    return FET_OK;
}

/* Ctrl-C leaves a checkpoint beside the output; the same command finds it and goes on. */
static fet_status train(fet_cli *cli, const values *given, const fet_dataset *dataset, fet_graph *graph, const char *checkpoint)
{
    fet_progress progress;
    fet_train_result trained;
    fet_accuracy accuracy;
    fet_progress_begin(&progress, cli, "training");
    fet_train_options options = training_options(given, checkpoint, &progress);
    fet_status status = fet_classify_train(graph, dataset, &options, &trained);
    fet_progress_end(&progress);
    FET_TRY(status);
    fet_dtype precision = options.trainer.dtype == FET_DTYPE_NONE ? fet_engine_training_dtype() : options.trainer.dtype;
    FET_TRY(fet_classify_eval(graph, dataset, FET_SPLIT_VAL, precision, NULL, 0, &accuracy));
    FET_TRY(fet_onnx_write(graph, given->output, FET_ONNX_OPSET_WRITTEN));
    remove(checkpoint);
    return print_result(cli, given, &trained, &accuracy);
}

static fet_status train_with_checkpoint(fet_cli *cli, const values *given, const fet_dataset *dataset, fet_graph *graph)
{
    size_t bytes = strlen(given->output) + sizeof ".checkpoint";
    char *checkpoint = fet_malloc(bytes);
    if (!checkpoint) return fet_fail(FET_ERROR_NOMEM, "no memory for a path");
    snprintf(checkpoint, bytes, "%s.checkpoint", given->output);
    fet_status status = train(cli, given, dataset, graph, checkpoint);
    fet_free(checkpoint);
    return status;
}

static fet_status run(fet_cli *cli, const void *v)
{
    const values *given = v;
    fet_auto(fet_dataset) dataset = NULL;
    fet_network network = {0};
    fet_cli_catch_signals();
    fet_status status = make_network(cli, given, &network, &dataset);
    if (status == FET_OK) status = train_with_checkpoint(cli, given, dataset, network.graph);
    fet_network_clear(&network);
    return status;
}

const fet_command fet_cmd_train = {
    .name = "train",
    .summary = "train a built-in network or an ONNX model on images",
    .usage = "[MODEL] --data KIND:PATH --output FILE [OPTION]...",
    .details = FET_NETWORK_HELP
    "\nA stage of the template is written 2x32s2e4k3: two blocks of 32 channels, the first with stride 2, expansion 4, depthwise kernel 3; "
    "what is left "
    "out is one block, stride 1, expansion 4, kernel 3. Ctrl-C leaves FILE.checkpoint; the same command goes on from there. One thread is "
    "bit-reproducible: the same command gives the same file.",
    .options = OPTIONS,
    .min_arguments = 0,
    .max_arguments = 1,
    .values_bytes = sizeof(values),
    .defaults = defaults,
    .run = run,
};
