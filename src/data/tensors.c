// SPDX-License-Identifier: Apache-2.0
/*
 * Tensors without labels, given to the network as they are: every .npy file in a folder and in the folders inside of it, in byte order of
 * their paths; float32, or uint8 as 0..255. A file is one sample, or a batch of them along its first axis. Of a sound file (.wav, .flac),
 * -1 to 1 and channel by channel, each stretch as long as a sample is one, a rest at the end is none. Splits as for images.
 */
#include "data/tensors.h"

#include "base/file.h"
#include "data/folder.h"
#include "data/npy.h"
#include "data/reader.h"
#include "data/sound.h"

#include <math.h>
#include <string.h>
#include <strings.h>

typedef struct source {
    fet_folder_splits roots;
    fet_names train, val, test;
    float *numbers; /* of the set that is being read */
    size_t capacity;
} source;

static void source_clear(source *s)
{
    fet_folder_splits_clear(&s->roots);
    fet_names_clear(&s->train);
    fet_names_clear(&s->val);
    fet_names_clear(&s->test);
    fet_free(s->numbers);
}

static bool is_sound(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".wav") == 0 || strcasecmp(dot, ".flac") == 0);
}

bool fet_tensor_files_wants(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".npy") == 0 || is_sound(name));
}

static fet_status list(const char *root, fet_names *paths)
{
    if (!root) return FET_OK;
    FET_TRY(fet_folder_list_files(root, fet_tensor_files_wants, true, paths));
    return paths->count ? FET_OK : fet_fail(FET_ERROR_CORRUPT, "%s: no tensor in this folder, expected .npy, .wav or .flac files", root);
}

/* How many samples of `sample` a file holds; 0: it does not fit. */
static int64_t samples_in(const fet_shape *file, const fet_shape *sample)
{
    if (fet_shape_equal(file, sample)) return 1;
    if (file->rank != sample->rank + 1) return 0;
    for (uint32_t i = 0; i < sample->rank; i++)
        if (file->dim[i + 1] != sample->dim[i]) return 0;
    return file->dim[0];
}

static fet_status check_numbers(const float *numbers, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(numbers[i]))
            return fet_fail(FET_ERROR_CORRUPT, "%s: number %zu is %g, expected all to be finite", path, i, (double)numbers[i]);
    return FET_OK;
}

/* Room for n more samples; *out_numbers is where they go. */
static fet_status make_room(source *s, const char *path, int64_t n, fet_image_sets *sets, fet_image_set *set, float **out_numbers)
{
    size_t item = (size_t)fet_shape_elements(&sets->sample), before = set->count * item, count = (size_t)n * item;
    sets->bytes += count * sizeof *s->numbers;
    if (sets->bytes > FET_DATA_LIMIT_BYTES || n > FET_DATA_LIMIT_SAMPLES - set->count)
        return fet_fail(FET_ERROR_LIMIT, "%s: with this file the data is larger than %zu MiB as float32 or than %d samples, the limits",
                        path, FET_DATA_LIMIT_BYTES >> 20, FET_DATA_LIMIT_SAMPLES);
    FET_TRY(fet_grow(&s->numbers, &s->capacity, before + count, sizeof *s->numbers));
    set->count += (uint32_t)n;
    *out_numbers = s->numbers + before;
    return FET_OK;
}

static fet_status add_npy(source *s, const char *path, const fet_npy *npy, fet_image_sets *sets, fet_image_set *set)
{
    char has[FET_SHAPE_TEXT_BYTES], wants[FET_SHAPE_TEXT_BYTES];
    /* No shape was asked for: the first file is one sample. */
    if (sets->sample.rank == 0) sets->sample = npy->shape;
    int64_t n = samples_in(&npy->shape, &sets->sample);
    if (n < 1 || sets->sample.rank == 0 || sets->sample.rank >= FET_MAX_RANK)
        return fet_fail(FET_ERROR_SHAPE, "%s: it is %s, expected a sample of %s or a batch of them", path,
                        fet_shape_print(&npy->shape, has, sizeof has), fet_shape_print(&sets->sample, wants, sizeof wants));
    float *numbers = NULL;
    FET_TRY(make_room(s, path, n, sets, set, &numbers));
    fet_npy_read(npy, 0, npy->count, numbers);
    return check_numbers(numbers, npy->count, path);
}

static fet_status add_sound(source *s, const char *path, const fet_sound *sound, fet_image_sets *sets, fet_image_set *set)
{
    char wants[FET_SHAPE_TEXT_BYTES];
    /* No shape was asked for: the first file is one sample. */
    if (sets->sample.rank == 0) sets->sample = fet_shape_2d(sound->channels, (int64_t)sound->frames);
    const fet_shape *sample = &sets->sample;
    int64_t length = sample->dim[sample->rank - 1], channels = length > 0 ? fet_shape_elements(sample) / length : 0;
    int64_t n = length > 0 ? (int64_t)sound->frames / length : 0;
    if (channels != sound->channels || n < 1 || sample->rank >= FET_MAX_RANK)
        return fet_fail(FET_ERROR_SHAPE, "%s: it has %u channels of %zu samples, expected at least one stretch of %s", path,
                        sound->channels, sound->frames, fet_shape_print(sample, wants, sizeof wants));
    float *numbers = NULL;
    FET_TRY(make_room(s, path, n, sets, set, &numbers));
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t t = 0; t < length; t++) *numbers++ = sound->samples[(i * length + t) * channels + c];
    return check_numbers(numbers - n * channels * length, (size_t)(n * channels * length), path);
}

static fet_status add_file(source *s, const char *path, fet_image_sets *sets, fet_image_set *set)
{
    if (is_sound(path)) {
        fet_sound sound;
        FET_TRY(fet_sound_read(path, &sound));
        fet_status status = add_sound(s, path, &sound, sets, set);
        fet_sound_clear(&sound);
        return status;
    }
    void *data = NULL;
    size_t bytes = 0;
    fet_npy npy;
    FET_TRY(fet_file_read(path, FET_NPY_LIMIT_BYTES, &data, &bytes));
    fet_status status = fet_npy_parse(data, bytes, path, &npy);
    if (status == FET_OK) status = add_npy(s, path, &npy, sets, set);
    fet_free(data);
    return status;
}

static fet_status read_set(source *s, const fet_names *paths, fet_image_sets *sets, fet_image_set *set)
{
    for (size_t i = 0; i < paths->count; i++) FET_TRY(add_file(s, paths->items[i], sets, set));
    set->memory = set->numbers = fet_take(s->numbers);
    s->capacity = 0;
    return set->count ? fet_alloc_zeroed(set->count, sizeof *set->labels, "labels", &set->labels) : FET_OK;
}

static fet_status read_source(const fet_dataset_options *options, source *s, fet_image_sets *sets)
{
    sets->sample = options->sample;
    if (sets->sample.rank == 0 && options->channels && options->height && options->width)
        sets->sample = (fet_shape){.rank = 3, .dim = {options->channels, options->height, options->width}};
    FET_TRY(fet_folder_find_splits(options->path, &s->roots));
    FET_TRY(list(s->roots.train, &s->train));
    FET_TRY(list(s->roots.val, &s->val));
    FET_TRY(list(s->roots.test, &s->test));
    FET_TRY(read_set(s, &s->train, sets, &sets->train));
    FET_TRY(read_set(s, &s->val, sets, &sets->val));
    return read_set(s, &s->test, sets, &sets->test);
}

static fet_status read_tensors(const fet_dataset_options *options, fet_image_sets *out_sets)
{
    source s = {0};
    fet_status status = read_source(options, &s, out_sets);
    source_clear(&s);
    return status;
}

const fet_reader fet_reader_tensors = {
    .name = "tensors",
    .help = "a folder of .npy (float32 or uint8) or sound files (.wav, .flac) without labels, given to the network as they are",
    .tensors = true,
    .unlabelled = true,
    .read = read_tensors,
};
