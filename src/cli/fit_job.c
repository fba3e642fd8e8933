// SPDX-License-Identifier: Apache-2.0
#include "cli/fit_job.h"

#include "advise/target.h"
#include "cli/source.h"
#include "data/image_files.h"
#include "data/tensors.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TEXT_BYTES = 32768 };

typedef struct text {
    char *bytes;
    size_t used;
    bool full;
} text;

static void put(text *t, const char *format, ...) FET_PRINTF(2, 3);
static void put(text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(t->bytes + t->used, TEXT_BYTES - t->used, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= TEXT_BYTES - t->used) t->full = true;
    else t->used += (size_t)n;
}

/* A text of the user as a YAML scalar that cannot be anything else. */
static void put_quoted(text *t, const char *before, const char *value)
{
    put(t, "%s\"", before);
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c == '"' || *c == '\\') put(t, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f) put(t, "\\x%02x", *c);
        else put(t, "%c", *c);
    }
    put(t, "\"");
}

/* "latency=-40%" becomes  latency: "-40%";  "params=300KB" becomes  params: "<= 300KB". */
static void put_target(text *t, const fet_target *target)
{
    const char *value = strpbrk(target->text, "=<");
    value += strspn(value, "=< ");
    put(t, "    %s: ", fet_metric_name(target->metric));
    char limit[128];
    snprintf(limit, sizeof limit, "%s%.100s", *value == '-' ? "" : "<= ", value);
    put_quoted(t, "", limit);
    put(t, "\n");
}

static fet_status put_targets(text *t, const fet_cli_texts *given)
{
    fet_auto(fet_arena) arena = NULL;
    FET_TRY(fet_arena_create(&arena));
    for (uint32_t i = 0; i < given->n; i++) {
        fet_targets targets;
        FET_TRY(fet_targets_parse(given->items[i], arena, &targets));
        for (uint32_t k = 0; k < targets.count; k++) put_target(t, &targets.items[k]);
    }
    return FET_OK;
}

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* What a folder holds, as far as the kind of its data hangs on it. */
typedef struct contents {
    bool folders, images, tensors, idx;
} contents;

static fet_status look_into(const char *path, contents *out_contents)
{
    contents found = {0};
    DIR *dir = opendir(path);
    if (!dir)
        return fet_fail(errno == ENOENT ? FET_ERROR_NOT_FOUND : FET_ERROR_IO, "%s: cannot open this folder: %s", path, strerror(errno));
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char below[PATH_MAX];
        const char *name = entry->d_name;
        int n = snprintf(below, sizeof below, "%s/%s", path, name);
        if (name[0] == '.' || n < 0 || (size_t)n >= sizeof below) continue;
        if (is_folder(below)) found.folders = true;
        found.images |= fet_image_files_wants(name);
        found.tensors |= fet_tensor_files_wants(name);
        found.idx |= strncmp(name, "train-images-idx3-ubyte", strlen("train-images-idx3-ubyte")) == 0;
    }
    closedir(dir);
    *out_contents = found;
    return FET_OK;
}

/* Folders in it are classes, unless they are the splits: then what is in train counts. */
static fet_status see_kind(const char *path, const char **out_kind)
{
    contents found;
    char train[PATH_MAX];
    FET_TRY(look_into(path, &found));
    int n = snprintf(train, sizeof train, "%s/train", path);
    if (!found.idx && n > 0 && (size_t)n < sizeof train && is_folder(train)) FET_TRY(look_into(train, &found));
    if (found.idx) *out_kind = "idx";
    else if (found.folders) *out_kind = "image_folder";
    else if (found.images) *out_kind = "images";
    else if (found.tensors) *out_kind = "tensors";
    else
        return fet_fail(FET_ERROR_UNSUPPORTED,
                        "--data: %s: nothing to learn from in it: expected class folders of images (train/CLASS/*.jpg or CLASS/*.jpg), IDX "
                        "files, or images, .npy tensors or sounds without labels",
                        path);
    return FET_OK;
}

/* KIND:PATH, or a folder whose kind is seen. */
static fet_status find_data(const char *given, const char **out_kind, char *path)
{
    const char *at = given;
    *out_kind = NULL;
    for (uint32_t k = 0; fet_dataset_kind_name(k) && !*out_kind; k++) {
        const char *name = fet_dataset_kind_name(k);
        if (strncmp(given, name, strlen(name)) == 0 && given[strlen(name)] == ':') *out_kind = name, at += strlen(name) + 1;
    }
    if (!realpath(at, path)) return fet_fail(FET_ERROR_NOT_FOUND, "--data: %s: %s", at, strerror(errno));
    return *out_kind ? FET_OK : see_kind(path, out_kind);
}

/* "1,2,3" as a YAML list. */
static void put_numbers(text *t, const double *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) put(t, i ? ", %.17g" : "%.17g", values[i]);
}

static fet_status put_data(text *t, const fet_fit_options *options)
{
    const char *kind = NULL;
    char path[PATH_MAX];
    fet_dataset_options numbers = {0};
    FET_TRY(find_data(options->data, &kind, path));
    FET_TRY(fet_cli_normalisation(options->mean, options->std, &numbers));
    /* Without labels the network's own answers are what is learnt. */
    put(t, "task:\n  kind: %s\n  data:\n    kind: %s\n", fet_dataset_kind_has_labels(kind) ? "classify" : "imitate", kind);
    put_quoted(t, "    path: ", path);
    if (numbers.n_mean) {
        put(t, "\n    mean: [");
        put_numbers(t, numbers.mean, numbers.n_mean);
        put(t, "]\n    std: [");
        put_numbers(t, numbers.std, numbers.n_std);
        put(t, "]");
    }
    put(t, "\n");
    return FET_OK;
}

/* "fuse,skip,width" as the job's list, each with its usual site and options. */
static fet_status put_decisions(text *t, const char *list)
{
    static const struct {
        const char *name, *entry;
    } known[] = {{"fuse", "{fuse: blocks}"},
                 {"dense", "{dense: blocks}"},
                 {"group", "{group: blocks}"},
                 {"kernel", "{kernel: blocks}"},
                 {"skip", "{skip: blocks}"},
                 {"activation", "{activation: network}"},
                 {"resolution", "{resolution: network}"},
                 {"tail", "{tail: network}"},
                 {"precision", "{precision: blocks}"},
                 {"layers", "{precision: layers}"},
                 {"width", "{width: stages}"},
                 {"inner", "{width: blocks}"},
                 {"groups", "{width: groups}"},
                 {"multiplier", "{multiplier: [0.5, 0.75, 1, 1.25]}"}};
    enum { N_KNOWN = sizeof known / sizeof *known };
    put(t, "space:\n  decisions:\n");
    for (const char *at = list; at;) {
        size_t length = strcspn(at, ","), k = 0;
        while (k < N_KNOWN && (strlen(known[k].name) != length || strncmp(known[k].name, at, length) != 0)) k++;
        if (k == N_KNOWN)
            return fet_fail(
                FET_ERROR_ARG,
                "--decisions has \"%.*s\", expected some of fuse, dense, group, kernel, skip, activation, resolution, tail, precision, "
                "layers, width, inner, groups, multiplier, with commas between",
                (int)length, at);
        put(t, "    - %s\n", known[k].entry);
        at = at[length] ? at + length + 1 : NULL;
    }
    return FET_OK;
}

static fet_status put_all(text *t, const fet_fit_options *options, const char *model, const char *output)
{
    FET_TRY(put_data(t, options));
    put_quoted(t, "base:\n  onnx: ", model);
    if (options->input) put_quoted(t, "\n  input: ", options->input);
    if (options->epochs >= 0) put(t, "\n  epochs: %.17g", options->epochs);
    put_quoted(t, "\ndevice:\n  name: ", options->device);
    put(t, "\n  precision: %s\n", options->precision);
    if (options->decisions) FET_TRY(put_decisions(t, options->decisions));
    put(t, "goal:\n  subject_to:\n");
    FET_TRY(put_targets(t, &options->targets));
    /* Who names a target wants the best network that meets it. */
    put(t, "  quality_margin: %.17g%%\n  prefer: quality\n", options->margin);
    put(t, "search:\n  seed: %lld\n", (long long)options->seed);
    if (options->trials) put(t, "  trials: %lld\n", (long long)options->trials);
    if (options->finalists) put(t, "  finalists: %lld\n", (long long)options->finalists);
    if (options->budget) put_quoted(t, "  budget: ", options->budget), put(t, "\n");
    if (options->full_epochs >= 0) put(t, "train:\n  full_epochs: %.17g\n", options->full_epochs);
    put_quoted(t, "output: ", output);
    put(t, "\n");
    return FET_OK;
}

/* out/<the model's name without its ending>. */
static void default_output(const char *model, char *output, size_t bytes)
{
    const char *slash = strrchr(model, '/'), *name = slash ? slash + 1 : model, *dot = strrchr(name, '.');
    snprintf(output, bytes, "out/%.*s", dot && dot != name ? (int)(dot - name) : (int)strlen(name), name);
}

fet_status fet_fit_make_job(const fet_fit_options *options, fet_job **out_job)
{
    char model[PATH_MAX], output[PATH_MAX];
    if (!realpath(options->model, model)) return fet_fail(FET_ERROR_NOT_FOUND, "%s: %s", options->model, strerror(errno));
    if (options->output) snprintf(output, sizeof output, "%s", options->output);
    else default_output(options->model, output, sizeof output);
    text t = {0};
    FET_TRY(fet_alloc_zeroed(TEXT_BYTES, 1, "the job's text", &t.bytes));
    fet_status status = put_all(&t, options, model, output);
    if (status == FET_OK && t.full) status = fet_fail(FET_ERROR_LIMIT, "the options make a job of more than %d bytes", TEXT_BYTES);
    if (status == FET_OK) status = fet_job_read_text("the job of these options", t.bytes, t.used, out_job);
    fet_free(t.bytes);
    return status;
}
