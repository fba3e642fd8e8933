// SPDX-License-Identifier: Apache-2.0
/* The job file: every default, every field, and for every way to get it wrong one line that says where and what was expected. */
#include "check.h"
#include "job_check.h"

#include "base/file.h"

#include <string.h>
#include <unistd.h>

static void test_defaults(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    CHECK_OK(job_of(DATA, &job));
    assert_string_equal(job->path, "/jobs/night/job.yaml");
    assert_string_equal(job->task->name, "classify");
    assert_string_equal(job->data.kind, "idx");
    assert_string_equal(job->data.path, "/data");
    CHECK_NEAR(job->data.val_share, 0.1, 0);
    assert_int_equal(job->data.seed, 1);
    assert_string_equal(job->base_template, "ibn_classifier");
    assert_int_equal(job->base_options.channels, 1);
    assert_int_equal(job->data.width, 28);
    assert_int_equal(job->base_options.n_classes, 10);
    assert_int_equal(job->base_options.n_stages, 3);
    assert_int_equal(job->base_options.stages[2].channels, 80);
    assert_false(job->base_options.relu6);
    assert_string_equal(job->device.name, "host");
    assert_int_equal(job->device.precision, FET_DTYPE_S8);
    assert_string_equal(job->device.isa, "auto");
    assert_null(job->device.cache);
    assert_true(job->curate);
    assert_int_equal(job->n_multipliers, 4);
    assert_int_equal(job->n_locks, 0);
    assert_int_equal(job->n_objectives, 2);
    assert_int_equal(job->objectives[0], FET_METRIC_QUALITY);
    assert_int_equal(job->objectives[1], FET_METRIC_LATENCY);
    assert_int_equal(job->n_limits, 0);
    CHECK_NEAR(job->quality_margin, 0.003, 0);
    assert_false(job->prefers_quality);
    assert_string_equal(job->strategy, "bayesian");
    assert_int_equal(job->trials, 48);
    CHECK_NEAR(job->budget_s, 0, 0);
    assert_int_equal(job->workers, 0);
    assert_int_equal(job->lookahead, 4);
    assert_int_equal(job->seed, 1);
    assert_int_equal(job->n_variants, 3);
    assert_string_equal(job->variants[0].name, "V1");
    assert_true(job->variants[0].width && !job->variants[0].block_form);
    assert_true(!job->variants[1].width && job->variants[1].block_form);
    assert_true(job->variants[2].width && job->variants[2].block_form);
    assert_int_equal(job->batch, 64);
    assert_int_equal(job->train_precision, FET_DTYPE_NONE);
    assert_true(job->augment.flip);
    assert_int_equal(job->augment.shift, 2);
    assert_string_equal(job->output, "out/night");
}

static const char *const full =
    "task: {kind: classify, data: {kind: image_folder, path: pictures, val_share: 0.2, seed: 9}}\n"
    "base:\n"
    "  template: ibn_classifier\n"
    "  input: 3x96x64\n"
    "  classes: 2\n"
    "  stem: {channels: 8, kernel: 5, stride: 2}\n"
    "  stages:\n"
    "    - {channels: 16}\n"
    "    - {blocks: 4, channels: 24, expansion: 6, stride: 2, kernel: 7}\n"
    "  head: 128\n"
    "  activation: relu6\n"
    "  epochs: 2.5\n"
    "  learning_rate: 0.3\n"
    "device: {name: host, precision: bf16, isa: amx, cache: tables}\n"
    "space:\n"
    "  curate: off\n"
    "  decisions: [{fuse: blocks}, {width: stages, options: 0.25..2}, {multiplier: [1, 1.5]}]\n"
    "  lock: {stage2.block0: ibn, stage1.width: 24, multiplier: x1.5}\n"
    "goal:\n"
    "  maximise: quality\n"
    "  minimise: [params, peak_memory]\n"
    "  subject_to: {latency: \"-37%\", peak_memory: \"<= 64 KiB\", params: \"<= 300 KB\"}\n"
    "  quality_margin: 0.5%\n  prefer: quality\n"
    "search: {strategy: nsga2, trials: 7, budget: 1h 30min, workers: 3, lookahead: 2, seed: 18446744073709551615, finalists: 1, variants: "
    "[V3]}\n"
    "train: {short_epochs: 0.5, full_epochs: 1, short_learning_rate: 0.01, full_learning_rate: 0.02, batch: 32, label_smoothing: 0, fit: "
    "true, precision: f32,\n"
    "        augment: {flip: no, shift: 0, erase: 0.25, zoom: 0.5, light: 0.125, mix: 0.25}, distil: {weight: 0.75, temperature: 2.5}}\n"
    "report: {watts_per_core: 7.5}\n"
    "output: results/a \"b\"\n";

static void test_calibrate(void **state)
{
    (void)state;
    for (int given = 0; given < 2; given++) {
        fet_auto(fet_job) job = NULL;
        CHECK_OK(job_of(given ? DATA "device: {calibrate: percentile-99.9}\n" : DATA, &job));
        assert_string_equal(job->quantise.method->name, given ? "percentile-99.9" : fet_calibration_default->name);
    }
}

static void test_every_field(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    CHECK_OK(job_of(full, &job));
    assert_string_equal(job->data.kind, "image_folder");
    assert_string_equal(job->data.path, "/jobs/night/pictures");
    assert_int_equal(job->data.seed, 9);
    assert_int_equal(job->data.channels, 3);
    assert_int_equal(job->data.height, 96);
    assert_int_equal(job->data.width, 64);
    assert_int_equal(job->base_options.stem_kernel, 5);
    assert_int_equal(job->base_options.n_stages, 2);
    assert_int_equal(job->base_options.stages[0].blocks, 1);
    assert_int_equal(job->base_options.stages[0].expansion, 4);
    assert_int_equal(job->base_options.stages[1].kernel, 7);
    assert_true(job->base_options.relu6);
    CHECK_NEAR(job->base_epochs, 2.5, 0);
    CHECK_NEAR(job->base_learning_rate, 0.3, 1e-7);
    assert_true(job->fit);
    assert_int_equal(job->device.precision, FET_DTYPE_BF16);
    assert_string_equal(job->device.cache, "/jobs/night/tables");
    assert_false(job->curate);
    CHECK_NEAR(job->width_low, 0.25, 0);
    CHECK_NEAR(job->width_high, 2, 0);
    assert_int_equal(job->n_multipliers, 2);
    assert_int_equal(job->n_locks, 3);
    assert_string_equal(job->locks[0], "stage2.block0.form=ibn");
    assert_string_equal(job->locks[1], "stage1.width=24");
    assert_string_equal(job->locks[2], "multiplier=x1.5");
    assert_int_equal(job->n_objectives, 3);
    assert_int_equal(job->objectives[1], FET_METRIC_PARAMS);
    assert_int_equal(job->objectives[2], FET_METRIC_PEAK_MEMORY);
    assert_int_equal(job->n_limits, 3);
    assert_true(job->limits[0].relative && job->limits[0].metric == FET_METRIC_LATENCY);
    CHECK_NEAR(job->limits[0].value, 0.63, 1e-12);
    CHECK_NEAR(job->limits[1].value, 65536, 0);
    CHECK_NEAR(job->limits[2].value, 300000, 0);
    assert_false(job->limits[2].relative);
    CHECK_NEAR(job->quality_margin, 0.005, 1e-12);
    assert_true(job->prefers_quality);
    CHECK_NEAR(job->distil_weight, 0.75, 0);
    CHECK_NEAR(job->distil_temperature, 2.5, 0);
    assert_string_equal(job->strategy, "nsga2");
    CHECK_NEAR(job->budget_s, 5400, 0);
    assert_int_equal(job->workers, 3);
    assert_true(job->seed == UINT64_MAX);
    assert_int_equal(job->n_variants, 1);
    assert_string_equal(job->variants[0].name, "V3");
    assert_false(job->augment.flip);
    CHECK_NEAR(job->augment.erase, 0.25, 0);
    CHECK_NEAR(job->augment.zoom, 0.5, 0);
    CHECK_NEAR(job->augment.mix, 0.25, 0);
    CHECK_NEAR(job->augment.light, 0.125, 0);
    CHECK_NEAR(job->watts_per_core, 7.5, 0);
    assert_int_equal(job->train_precision, FET_DTYPE_F32);
    assert_string_equal(job->output, "results/a \"b\"");
}

static const char *const given =
    "task: {data: {kind: image_folder, path: pictures, mean: [123.675, 116.28, 103.53], std: [58.4, 57.1, 57.4]}}\n"
    "base: {onnx: nets/model.onnx, hash: 00ff00ff00ff00ff, input: 3x128x96, epochs: 0, learning_rate: 0.01}\n"
    "space: {decisions: [{fuse: blocks}, {dense: blocks}, {group: blocks}, {kernel: blocks}, {skip: blocks}, {activation: network}, "
    "{resolution: network}, {tail: network},\n"
    "                    {width: all, options: 0.75..1}, {multiplier: [0.5, 1]}]}\n";

/* The completed text is a job again, the same one, whatever the file it is said to come from. */
static void test_text_is_a_fixed_point(void **state)
{
    (void)state;
    const char *const texts[] = {DATA,
                                 full,
                                 given,
                                 DATA "base: {onnx: b.onnx}\nspace: {decisions: [{skip: blocks}]}\n",
                                 DATA "space: {decisions: [{fuse: blocks}]}\n",
                                 DATA "space: {decisions: [{resolution: network, options: [0.6, 0.8, 1]}]}\n",
                                 DATA "goal: {subject_to: {latency: <= 33.3%}}\n",
                                 DATA "goal: {subject_to: {latency: <= 91.7 us}}\ntrain: {label_smoothing: 0.123}\nbase: {epochs: 0.1}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fet_auto(fet_job) job = NULL;
        fet_auto(fet_job) again = NULL;
        CHECK_OK(job_of(texts[i], &job));
        CHECK_OK(fet_job_parse("elsewhere/study.sqlite", job->text, strlen(job->text), &again));
        assert_string_equal(job->text, again->text);
        assert_int_equal(job->n_variants, again->n_variants);
        assert_int_equal(job->n_limits, again->n_limits);
        assert_int_equal(job->n_resolutions, again->n_resolutions);
        for (uint32_t k = 0; k < job->n_resolutions; k++) CHECK_NEAR(job->resolutions[k], again->resolutions[k], 0);
    }
}

static void test_given_network(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    CHECK_OK(job_of(given, &job));
    assert_null(job->base_template);
    assert_string_equal(job->base_onnx, "/jobs/night/nets/model.onnx");
    assert_true(job->base_hash == 0x00ff00ff00ff00ff);
    assert_int_equal(job->base_input.rank, 4);
    assert_int_equal(job->base_input.dim[0], 1);
    assert_int_equal(job->base_input.dim[3], 96);
    CHECK_NEAR(job->base_epochs, 0, 0);
    CHECK_NEAR(job->base_learning_rate, 0.01, 1e-8);
    assert_int_equal(job->data.n_mean, 3);
    CHECK_NEAR(job->data.mean[1], 116.28, 0);
    CHECK_NEAR(job->data.std[2], 57.4, 0);
    assert_int_equal(job->kinds, FET_SPACE_ALL | FET_SPACE_INNER_WIDTH);
    assert_true(job->has_width);
    assert_int_equal(job->n_multipliers, 2);
    assert_int_equal(job->n_variants, 1);
    assert_string_equal(job->variants[0].name, "fit");
    assert_true(job->variants[0].block_form && job->variants[0].width);
}

static void test_given_network_defaults(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    fet_auto(fet_job) narrow = NULL;
    CHECK_OK(job_of(DATA "base: {onnx: /a/b.onnx}\n", &job));
    assert_string_equal(job->base_onnx, "/a/b.onnx");
    assert_int_equal(job->base_input.rank, 0);
    CHECK_NEAR(job->base_epochs, 3, 0);
    CHECK_NEAR(job->base_learning_rate, 0.02, 1e-8);
    assert_int_equal(job->data.n_mean, 1);
    CHECK_NEAR(job->data.mean[0], 0, 0);
    CHECK_NEAR(job->data.std[0], 255, 0);
    assert_int_equal(job->kinds, FET_SPACE_FUSE | FET_SPACE_SKIP | FET_SPACE_ACTIVATION | FET_SPACE_RESOLUTION);
    /* Without widths "fit" is a search of the rest, and V3 is refused. */
    CHECK_OK(job_of(DATA "base: {onnx: b.onnx}\nspace: {decisions: [{skip: blocks}]}\n", &narrow));
    assert_int_equal(narrow->kinds, FET_SPACE_SKIP);
    assert_true(narrow->variants[0].block_form && !narrow->variants[0].width);
}

static const job_mistake mistakes[] = {
    {DATA "search:\n  strategy: rendom\n",
     "3: field \"search.strategy\": \"rendom\" is no strategy, did you mean \"random\"?: expected bayesian, local, nsga2 or random"},
    {DATA "search:\n  stratgy: local\n", "3: field \"search.stratgy\": there is no such field, did you mean \"strategy\"?: expected "
                                         "strategy, trials, budget, workers, lookahead, seed, "
                                         "finalists, variants"},
    {DATA "serch: {}\n", "2: field \"serch\": there is no such field, did you mean \"search\"?: expected task, base, device, space, "
                         "goal, search, train, report, evaluate, output"},
    {DATA "search: {trials: many}\n", "2: field \"search.trials\": \"many\" is no whole number: expected 1 to 1000000"},
    {DATA "search: {trials: 0}\n", "2: field \"search.trials\": 0 is out of range: expected 1 to 1000000"},
    {DATA "search: {trials: 1.5}\n", "2: field \"search.trials\": \"1.5\" is no whole number: expected 1 to 1000000"},
    {DATA "search: {seed: 18446744073709551616}\n", NULL},
    {DATA "search: {trials: [1]}\n", "2: field \"search.trials\": expected a value, found a list"},
    {DATA "search: 7\n", "2: field \"search\": expected a mapping, found a value"},
    {DATA "search: {variants: V1}\n", "2: field \"search.variants\": expected a list, found a value"},
    {DATA "search: {variants: [V1, V1]}\n", "2: field \"search.variants[1]\": \"V1\" stands there twice"},
    {DATA "search: {variants: [baseline]}\n", "2: field \"search.variants\": nothing is searched: expected V1 (widths), V2 (all but "
                                              "widths), V3 (both) or fit (all that space.decisions "
                                              "lists)"},
    {DATA "search: {budget: 10 parsecs}\n",
     "2: field \"search.budget\": \"10 parsecs\" is no duration: expected such as 90s, 10min, 1h 30min or none"},
    {DATA "base:\n  stages:\n    - {channels: 8}\n    - {blocks: 2}\n",
     "5: field \"base.stages[1].channels\": it is missing: expected 1 to 16384"},
    {DATA "base:\n  stages:\n    - {channels: 8,\n       stride: 3}\n",
     "5: field \"base.stages[0].stride\": 3 is out of range: expected 1 to 2"},
    {DATA "base: {stages: []}\n", "2: field \"base.stages\": a list of 0: expected 1 to 12 entries"},
    {DATA "base: {input: 28x28}\n",
     "2: field \"base.input\": \"28x28\" is no input: expected channels x height x width, such as 1x28x28 or 3x96x96"},
    {DATA "base: {epochs: nan}\n", "2: field \"base.epochs\": \"nan\" is no number: expected 0.001 to 10000"},
    {DATA "base: {epochs: 0x10}\n", "2: field \"base.epochs\": \"0x10\" is no number: expected 0.001 to 10000"},
    {DATA "base: {onnx: ''}\n", "2: field \"base.onnx\": it is empty: expected an ONNX file"},
    {DATA "base: {onnx: a.onnx, template: ibn_classifier}\n",
     "2: field \"base.template\": it describes a template, but base.onnx gives the network: expected one of the two"},
    {DATA "base: {onnx: a.onnx,\n  stages: [{channels: 8}]}\n",
     "3: field \"base.stages\": it describes a template, but base.onnx gives the network: expected one of the two"},
    {DATA "base: {onnx: a.onnx, input: 2x3x8x8}\n",
     "2: field \"base.input\": \"2x3x8x8\" is no input: expected 1 x channels x height x width, such as 1x3x128x128"},
    {DATA "base: {onnx: a.onnx, hash: 12}\n", "2: field \"base.hash\": \"12\" is no hash: expected 16 hexadecimal digits, or nothing"},
    {DATA "base: {hash: 0000000000000000}\n", "2: field \"base.hash\": it belongs to base.onnx, which is missing"},
    {"task: {data: {path: /data, mean: 1}}\n", "1: field \"task.data.mean\": it stands alone: expected both mean and std"},
    {"task: {data: {path: /data, mean: 1, std: 0}}\n", NULL},
    {"task: {data: {path: /data, mean: {a: 1}, std: 1}}\n",
     "1: field \"task.data.mean\": expected a number, or a list of one a channel, such as [123.7, 116.3, 103.5]"},
    {"task: {data: {path: /data, mean: [1, 2, 3, 4], std: 1}}\n", NULL},
    {"task: {data: {path: /data, mean: [1, x], std: 1}}\n", "1: field \"task.data.mean\": \"x\" is no number: expected -1e+06 to 1e+06"},
    {DATA "evaluate: {command: [judge]}\n",
     "1: field \"task.data\": with \"evaluate\" fettle reads no data: give the program its path as an argument"},
    {"task: {kind: classify}\nevaluate: {command: [judge]}\n",
     "1: field \"task.kind\": with \"evaluate\" the program is the task: expected no kind"},
    {"evaluate: {command: []}\n", "1: field \"evaluate.command\": a list of 0: expected 1 to 32 entries"},
    {"evaluate: {command: judge}\n", "1: field \"evaluate.command\": expected a list, found a value"},
    {"evaluate: {command: ['', a]}\n", "1: field \"evaluate.command[0]\": it is empty: expected a program"},
    {"evaluate: {timeout: 1min}\n", "1: field \"evaluate.command\": it is missing: expected a program and its arguments"},
    {"evaluate: {command: [judge], timeout: none}\n", "1: field \"evaluate.timeout\": there must be one: expected such as 10min"},
    {DATA "goal: {minimise: [latency, latency]}\n", "2: field \"goal.minimise[1]\": \"latency\" stands there twice"},
    {DATA "goal: {subject_to: {params: \"<= 1 ms\"}}\n", "2: field \"goal.subject_to.params\": \"<= 1 ms\" is no limit: expected such "
                                                         "as \"<= 60%\" of the base, \"-40%\" or \"<= 300 KB\""},
    {DATA "goal: {subject_to: {latency: 60%}}\n", NULL},
    {DATA "goal: {subject_to: {latency: \"-100%\"}}\n", NULL},
    {DATA "goal: {quality_margin: lots}\n", "2: field \"goal.quality_margin\": \"lots\" is no share: expected such as 0.3% or 0.003"},
    {DATA "train: {precision: int8}\n", "2: field \"train.precision\": \"int8\" is no precision: expected auto, f32 or bf16"},
    {DATA "train: {augment: {flip: maybe}}\n", "2: field \"train.augment.flip\": \"maybe\" is neither yes nor no: expected true or false"},
    {DATA "output: ''\n", "2: field \"output\": it is empty: expected a folder"},
    {"task: {kind: classify}\n",
     "1: field \"task.data.path\": it is missing: expected the folder of the data, such as /usr/share/datasets/fashion-mnist"},
    {DATA "output: a\noutput: b\n", "3: field \"output\": it stands here a second time"},
    {DATA "output: &x a\nspace: {curate: *x}\n", "3: an alias (*name): a job has none, write the value out"},
    {DATA "---\noutput: a\n", "3: a second document: expected one job"},
    {DATA "search: {trials: 1\nbase: }\n", NULL},
    {"\tx: 1\n", NULL},
    {"- a\n", "1: the job: expected a mapping, found a list"},
    {"# nothing\n", "1: the file is empty: expected a job, such as examples/fashion/job.yaml"},
    {"", "1: the file is empty: expected a job, such as examples/fashion/job.yaml"},
};

static void test_mistakes(void **state)
{
    (void)state;
    check_job_mistakes(mistakes, sizeof mistakes / sizeof *mistakes);
}

static void test_evaluator(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    fet_auto(fet_job) again = NULL;
    CHECK_OK(job_of("evaluate: {command: [python3, judge.py, 'a \"b\" $c', ''], timeout: 2min}\nbase: {onnx: b.onnx}\n", &job));
    assert_string_equal(job->task->name, "external");
    assert_int_equal(job->evaluate.n_words, 4);
    assert_string_equal(job->evaluate.command[2], "a \"b\" $c");
    assert_string_equal(job->evaluate.command[3], "");
    CHECK_NEAR(job->evaluate.timeout_s, 120, 0);
    CHECK_OK(job_of(job->text, &again));
    assert_string_equal(again->text, job->text);
    fet_auto(fet_job) plain = NULL;
    CHECK_OK(job_of("evaluate: {command: [judge]}\n", &plain));
    CHECK_NEAR(plain->evaluate.timeout_s, 600, 0);
}

static void test_zero_bytes_and_rubbish(void **state)
{
    (void)state;
    fet_job *job = NULL;
    const char zero[] = "output: \"a\\0b\"\n", rubbish[] = "\xff\xfe\xfd\0\1\2";
    CHECK_FAILS(FET_ERROR_ARG, fet_job_parse("j", zero, sizeof zero - 1, &job));
    CHECK_FAILS(FET_ERROR_ARG, fet_job_parse("j", rubbish, sizeof rubbish, &job));
}

static void test_files(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    fet_auto(fet_job) other = NULL;
    char folder[] = "/tmp/fet-job-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/job.yaml", folder);
    CHECK_FAILS(FET_ERROR_NOT_FOUND, fet_job_read(path, &job));
    CHECK_OK(fet_file_replace(path, "task: {data: {path: here}}\n", 27));
    CHECK_OK(fet_job_read(path, &job));
    assert_memory_equal(job->data.path, folder, strlen(folder));
    fet_job_overrides overrides = {.output = "elsewhere", .has_seed = true, .seed = 5};
    CHECK_OK(fet_job_read_with(path, &overrides, &other));
    assert_string_equal(other->output, "elsewhere");
    assert_int_equal(other->seed, 5);
    assert_int_equal(other->data.seed, 5);
    assert_string_not_equal(job->text, other->text);
    unlink(path);
    rmdir(folder);
}

/* What a job's file names is looked at when it is read: another content is another job. */
static void test_the_network_is_part_of_the_job(void **state)
{
    (void)state;
    static const char text[] = "task: {data: {path: here}}\nbase: {onnx: net.onnx}\n",
                      wrong[] = DATA "base: {onnx: net.onnx, hash: 0123456789abcdef}\n";
    fet_auto(fet_job) first = NULL;
    fet_auto(fet_job) second = NULL;
    fet_auto(fet_job) again = NULL;
    fet_job *none = NULL;
    char folder[] = "/tmp/fet-job-XXXXXX", path[64], net[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/job.yaml", folder);
    snprintf(net, sizeof net, "%s/net.onnx", folder);
    CHECK_OK(fet_file_replace(path, text, sizeof text - 1));
    CHECK_FAILS(FET_ERROR_ARG, fet_job_read(path, &none));
    assert_non_null(strstr(fet_error_message(), "2: field \"base.onnx\": "));
    CHECK_OK(fet_file_replace(net, "one", 3));
    CHECK_OK(fet_job_read(path, &first));
    CHECK_OK(fet_file_replace(net, "two", 3));
    CHECK_OK(fet_job_read(path, &second));
    assert_true(first->base_hash && first->base_hash != second->base_hash);
    assert_string_not_equal(first->text, second->text);
    /* A study's text is read without the file. */
    unlink(net);
    CHECK_OK(fet_job_parse("/study", first->text, strlen(first->text), &again));
    assert_string_equal(first->text, again->text);
    CHECK_OK(fet_file_replace(net, "two", 3));
    CHECK_OK(fet_file_replace(path, wrong, sizeof wrong - 1));
    CHECK_FAILS(FET_ERROR_ARG, fet_job_read(path, &none));
    unlink(net);
    unlink(path);
    rmdir(folder);
}

static void test_the_example_is_a_job(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    const char *root = getenv("FETTLE_SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s/examples/fashion/job.yaml", root ? root : ".");
    CHECK_OK(fet_job_read(path, &job));
    assert_string_equal(job->output, "out/fashion");
}

/* Its network and its images are beside a checkout, if anywhere: the text is a job in any case. */
static void test_the_person_example_is_a_job(void **state)
{
    (void)state;
    fet_auto(fet_job) job = NULL;
    const char *root = getenv("FETTLE_SOURCE");
    char path[1024];
    void *text = NULL;
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/examples/person/job.yaml", root ? root : ".");
    CHECK_OK(fet_file_read(path, 1 << 16, &text, &bytes));
    CHECK_OK(fet_job_parse(path, text, bytes, &job));
    fet_free(text);
    assert_non_null(strstr(job->base_onnx, "/examples/person/../../../shared/models/stm-person-mobilenetv2/model.onnx"));
    assert_int_equal(job->kinds, FET_SPACE_FUSE | FET_SPACE_SKIP | FET_SPACE_RESOLUTION);
    CHECK_NEAR(job->limits[0].value, 0.5, 1e-12);
    assert_string_equal(job->output, "out/person");
}

static void test_allocation_failures(void **state)
{
    (void)state;
    fet_status status = FET_ERROR_NOMEM;
    uint64_t n = 0;
    for (; status != FET_OK; n++) {
        fet_job *job = NULL;
        fet_alloc_fail_after(n);
        status = job_of(full, &job);
        fet_alloc_fail_after(UINT64_MAX);
        if (status != FET_OK) assert_int_equal(status, FET_ERROR_NOMEM);
        fet_job_destroy(job);
    }
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_calibrate),
        cmocka_unit_test(test_text_is_a_fixed_point),
        cmocka_unit_test(test_given_network),
        cmocka_unit_test(test_given_network_defaults),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_zero_bytes_and_rubbish),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_the_network_is_part_of_the_job),
        cmocka_unit_test(test_the_example_is_a_job),
        cmocka_unit_test(test_evaluator),
        cmocka_unit_test(test_the_person_example_is_a_job),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
