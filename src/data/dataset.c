// SPDX-License-Identifier: Apache-2.0
/* Splits, normalisation and access; the kinds of sources are readers. */
#include "data/dataset.h"

#include "base/rng.h"
#include "data/reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double DEFAULT_VAL_SHARE = 0.1, DEFAULT_TEST_SHARE = 0.2;

/* Streams of the SPLIT purpose: which cut, times which class. */
enum { CUT_VAL = 0, CUT_TEST = 1 };

struct fet_dataset {
    fet_image_sets sets;
    const fet_image_set *source[FET_SPLIT_COUNT];
    uint32_t *index[FET_SPLIT_COUNT]; /* positions in `source`, ascending; NULL: all of it in order */
    uint32_t size[FET_SPLIT_COUNT];
    size_t sample_bytes;
    double mean[FET_DATA_MAX_CHANNELS], deviation[FET_DATA_MAX_CHANNELS];
    float levels[FET_DATA_MAX_CHANNELS][256];
};

static void image_set_clear(fet_image_set *set)
{
    fet_free(set->memory);
    fet_free(set->labels);
    *set = (fet_image_set){0};
}

void fet_image_sets_clear(fet_image_sets *sets)
{
    image_set_clear(&sets->train);
    image_set_clear(&sets->val);
    image_set_clear(&sets->test);
    for (uint32_t c = 0; sets->class_names && c < sets->n_classes; c++) fet_free(sets->class_names[c]);
    fet_free(sets->class_names);
    *sets = (fet_image_sets){0};
}

/*
 * Moves round(share * size) samples of each class from index `from` into a new index. Each class has its own random stream, so the cut of
 * one class does not depend on how many samples another has. Both stay in ascending order.
 */
typedef struct cut {
    const uint32_t *labels; /* of the source, by position */
    uint32_t n_classes;
    uint64_t seed;
    uint32_t stream; /* CUT_VAL, CUT_TEST */
    double share;
} cut;

static void mark_class(const cut *how, uint32_t c, uint32_t *members, uint32_t n_members, uint8_t *taken)
{
    fet_rng rng;
    fet_rng_init(&rng, how->seed, (uint64_t)how->stream << 32 | c, FET_RNG_SPLIT);
    fet_rng_shuffle(&rng, members, n_members);
    uint32_t n_taken = (uint32_t)floor(how->share * n_members + 0.5);
    for (uint32_t i = 0; i < n_taken; i++) taken[members[i]] = 1;
}

static fet_status mark(const cut *how, const uint32_t *from, uint32_t size, uint8_t *taken)
{
    /* Counting sort by class: members of class c are sorted[first[c] .. first[c+1]). */
    uint32_t *first = NULL, *sorted = NULL;
    FET_TRY(fet_alloc_zeroed((size_t)how->n_classes + 2, sizeof *first, "a split", &first));
    fet_status status = fet_alloc_zeroed(size, sizeof *sorted, "a split", &sorted);
    if (status == FET_OK) {
        for (uint32_t i = 0; i < size; i++) first[how->labels[from[i]] + 2]++;
        for (uint32_t c = 1; c <= how->n_classes; c++) first[c + 1] += first[c];
        for (uint32_t i = 0; i < size; i++) sorted[first[how->labels[from[i]] + 1]++] = i;
        for (uint32_t c = 0; c < how->n_classes; c++) mark_class(how, c, sorted + first[c], first[c + 1] - first[c], taken);
    }
    fet_free(first);
    fet_free(sorted);
    return status;
}

static fet_status cut_off(const cut *how, uint32_t *from, uint32_t *size, uint32_t **out_index, uint32_t *out_size)
{
    uint8_t *taken = NULL;
    FET_TRY(fet_alloc_zeroed(*size, 1, "a split", &taken));
    fet_status status = mark(how, from, *size, taken);
    if (status == FET_OK) status = fet_alloc_zeroed(*size, sizeof **out_index, "a split", out_index);
    if (status == FET_OK) {
        uint32_t kept = 0, moved = 0;
        for (uint32_t i = 0; i < *size; i++) {
            if (taken[i]) (*out_index)[moved++] = from[i];
            else from[kept++] = from[i];
        }
        *size = kept;
        *out_size = moved;
    }
    fet_free(taken);
    return status;
}

/* The source has this split of its own. */
static void take_whole(fet_dataset *dataset, fet_split split, const fet_image_set *set)
{
    dataset->source[split] = set;
    dataset->size[split] = set->count;
}

static fet_status make_splits(fet_dataset *dataset, const fet_dataset_options *options)
{
    const fet_image_sets *sets = &dataset->sets;
    double val_share = options->val_share == 0.0 ? DEFAULT_VAL_SHARE : fmax(options->val_share, 0.0);
    double test_share = options->test_share == 0.0 ? DEFAULT_TEST_SHARE : options->test_share;
    uint32_t *train = NULL;
    FET_TRY(fet_alloc_zeroed(sets->train.count, sizeof *train, "a split", &train));
    dataset->index[FET_SPLIT_TRAIN] = train;
    dataset->size[FET_SPLIT_TRAIN] = sets->train.count;
    for (uint32_t i = 0; i < sets->train.count; i++) train[i] = i;
    for (int s = 0; s < FET_SPLIT_COUNT; s++) dataset->source[s] = &sets->train;

    cut how = {.labels = sets->train.labels,
               .n_classes = sets->n_classes ? sets->n_classes : 1,
               .seed = options->seed,
               .stream = CUT_TEST,
               .share = test_share};
    if (sets->test.count > 0) take_whole(dataset, FET_SPLIT_TEST, &sets->test);
    else FET_TRY(cut_off(&how, train, &dataset->size[FET_SPLIT_TRAIN], &dataset->index[FET_SPLIT_TEST], &dataset->size[FET_SPLIT_TEST]));
    how.stream = CUT_VAL;
    how.share = val_share;
    if (sets->val.count > 0) take_whole(dataset, FET_SPLIT_VAL, &sets->val);
    else FET_TRY(cut_off(&how, train, &dataset->size[FET_SPLIT_TRAIN], &dataset->index[FET_SPLIT_VAL], &dataset->size[FET_SPLIT_VAL]));
    if (dataset->size[FET_SPLIT_TRAIN] == 0)
        return fet_fail(FET_ERROR_ARG, "%s: no sample is left for training out of %u, expected smaller val and test shares than %g and %g",
                        options->path, sets->train.count, val_share, test_share);
    return FET_OK;
}

static void set_levels(fet_dataset *dataset, uint32_t c, double mean, double deviation)
{
    dataset->mean[c] = mean;
    dataset->deviation[c] = deviation;
    for (int level = 0; level < 256; level++) dataset->levels[c][level] = (float)((level - mean) / deviation);
}

/* Exact integer moments of the training split, so the figures do not depend on the order of summation. */
static void normalise_by_own(fet_dataset *dataset)
{
    size_t plane = (size_t)(dataset->sets.height * dataset->sets.width);
    uint32_t n = dataset->size[FET_SPLIT_TRAIN];
    for (uint32_t c = 0; c < (uint32_t)dataset->sets.channels; c++) {
        uint64_t count[256] = {0};
        for (uint32_t i = 0; i < n; i++) {
            const uint8_t *pixels = fet_dataset_pixels(dataset, FET_SPLIT_TRAIN, i) + c * plane;
            for (size_t p = 0; p < plane; p++) count[pixels[p]]++;
        }
        double total = (double)n * (double)plane, mean = 0.0, variance = 0.0;
        for (int level = 0; level < 256; level++) mean += (double)count[level] / total * level;
        for (int level = 0; level < 256; level++) variance += (double)count[level] / total * (level - mean) * (level - mean);
        /* Images of one colour have no deviation; then only the mean is taken away. */
        set_levels(dataset, c, mean, variance > 0.0 ? sqrt(variance) : 1.0);
    }
}

static fet_status normalise(fet_dataset *dataset, const fet_dataset_options *options)
{
    uint32_t n = (uint32_t)dataset->sets.channels;
    const uint32_t given[] = {options->n_mean, options->n_std};
    for (int i = 0; i < 2; i++)
        if (given[i] > 1 && given[i] != n)
            return fet_fail(FET_ERROR_ARG,
                            "%s: %u numbers are given as %s, but the images have %u channels: expected one for all, or one each",
                            options->path, given[i], i ? "std" : "mean", n);
    if (!given[0]) normalise_by_own(dataset);
    for (uint32_t c = 0; given[0] && c < n; c++)
        set_levels(dataset, c, options->mean[given[0] > 1 ? c : 0], options->std[given[1] > 1 ? c : 0]);
    return FET_OK;
}

static fet_status check_options(const fet_dataset_options *options, const fet_reader *reader)
{
    if (!options->path || !*options->path) return fet_fail(FET_ERROR_ARG, "data: no path given, expected a folder");
    if (!(options->val_share < 1.0)) return fet_fail(FET_ERROR_ARG, "data: val_share is %g, expected below 1", options->val_share);
    if (!(options->test_share >= 0.0 && options->test_share < 1.0))
        return fet_fail(FET_ERROR_ARG, "data: test_share is %g, expected 0 to 1", options->test_share);
    if (reader->tensors) return FET_OK;
    if (options->channels != 0 && options->channels != 1 && options->channels != 3)
        return fet_fail(FET_ERROR_ARG, "data: %lld channels, expected 1 (gray) or 3 (RGB)", (long long)options->channels);
    const int64_t sides[] = {options->height, options->width};
    for (int s = 0; s < 2; s++)
        if (sides[s] < 0 || sides[s] > FET_DATA_LIMIT_SIDE)
            return fet_fail(FET_ERROR_ARG, "data: %s is %lld, expected 1 to %d", s ? "width" : "height", (long long)sides[s],
                            FET_DATA_LIMIT_SIDE);
    if ((options->n_mean == 0) != (options->n_std == 0)) return fet_fail(FET_ERROR_ARG, "data: mean and std go together, expected both");
    for (uint32_t c = 0; c < options->n_std; c++)
        if (!(options->std[c] > 0)) return fet_fail(FET_ERROR_ARG, "data: std is %g, expected above 0", options->std[c]);
    return FET_OK;
}

static fet_status find_reader(const char *kind, const fet_reader **out_reader)
{
    for (uint32_t k = 0; fet_readers[k]; k++) {
        if (kind && strcmp(kind, fet_readers[k]->name) == 0) {
            *out_reader = fet_readers[k];
            return FET_OK;
        }
    }
    char names[128] = "";
    for (uint32_t k = 0; fet_readers[k]; k++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s",
                 k == 0               ? ""
                 : fet_readers[k + 1] ? ", "
                                      : " or ",
                 fet_readers[k]->name);
    return fet_fail(FET_ERROR_ARG, "data: kind is \"%s\", expected %s", kind ? kind : "", names);
}

fet_status fet_dataset_open(const fet_dataset_options *options, fet_dataset **out_dataset)
{
    const fet_reader *reader = NULL;
    FET_TRY(find_reader(options->kind, &reader));
    FET_TRY(check_options(options, reader));
    fet_auto(fet_dataset) dataset = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *dataset, "a data set", &dataset));
    FET_TRY(reader->read(options, &dataset->sets));
    dataset->sample_bytes = (size_t)(dataset->sets.channels * dataset->sets.height * dataset->sets.width);
    FET_TRY(make_splits(dataset, options));
    if (!reader->tensors) FET_TRY(normalise(dataset, options));
    *out_dataset = fet_take(dataset);
    return FET_OK;
}

void fet_dataset_close(fet_dataset *dataset)
{
    if (!dataset) return;
    for (int s = 0; s < FET_SPLIT_COUNT; s++) fet_free(dataset->index[s]);
    fet_image_sets_clear(&dataset->sets);
    fet_free(dataset);
}

uint32_t fet_dataset_size(const fet_dataset *dataset, fet_split split)
{
    return dataset->size[split];
}

uint32_t fet_dataset_n_classes(const fet_dataset *dataset)
{
    return dataset->sets.n_classes;
}

bool fet_dataset_has_images(const fet_dataset *dataset)
{
    return dataset->sets.sample.rank == 0;
}

const char *fet_dataset_class_name(const fet_dataset *dataset, uint32_t c)
{
    return c < dataset->sets.n_classes ? dataset->sets.class_names[c] : "";
}

fet_shape fet_dataset_sample_shape(const fet_dataset *dataset)
{
    const fet_image_sets *sets = &dataset->sets;
    if (!fet_dataset_has_images(dataset)) return sets->sample;
    return (fet_shape){.rank = 3, .dim = {sets->channels, sets->height, sets->width}};
}

static uint32_t position(const fet_dataset *dataset, fet_split split, uint32_t i)
{
    return dataset->index[split] ? dataset->index[split][i] : i;
}

const uint8_t *fet_dataset_pixels(const fet_dataset *dataset, fet_split split, uint32_t i)
{
    return dataset->source[split]->pixels + position(dataset, split, i) * dataset->sample_bytes;
}

const float *fet_dataset_numbers(const fet_dataset *dataset, fet_split split, uint32_t i)
{
    return dataset->source[split]->numbers + position(dataset, split, i) * (size_t)fet_shape_elements(&dataset->sets.sample);
}

uint32_t fet_dataset_label(const fet_dataset *dataset, fet_split split, uint32_t i)
{
    return dataset->source[split]->labels[position(dataset, split, i)];
}

const float *fet_dataset_levels(const fet_dataset *dataset, uint32_t c)
{
    return dataset->levels[c];
}

void fet_dataset_normalisation(const fet_dataset *dataset, uint32_t c, double *out_mean, double *out_deviation)
{
    *out_mean = dataset->mean[c];
    *out_deviation = dataset->deviation[c];
}

fet_status fet_dataset_read(const fet_dataset *dataset, fet_split split, uint32_t i, float *out_chw, uint32_t *out_label)
{
    if (split >= FET_SPLIT_COUNT || i >= dataset->size[split])
        return fet_fail(FET_ERROR_ARG, "data: sample %u of split %s, expected less than %u", i, fet_split_name(split),
                        split < FET_SPLIT_COUNT ? dataset->size[split] : 0);
    *out_label = fet_dataset_label(dataset, split, i);
    if (!fet_dataset_has_images(dataset)) {
        memcpy(out_chw, fet_dataset_numbers(dataset, split, i), (size_t)fet_shape_elements(&dataset->sets.sample) * sizeof *out_chw);
        return FET_OK;
    }
    const uint8_t *pixels = fet_dataset_pixels(dataset, split, i);
    size_t plane = (size_t)(dataset->sets.height * dataset->sets.width);
    for (uint32_t c = 0; c < (uint32_t)dataset->sets.channels; c++)
        for (size_t p = 0; p < plane; p++) out_chw[c * plane + p] = dataset->levels[c][pixels[c * plane + p]];
    return FET_OK;
}

static const char *const SPLIT_NAMES[FET_SPLIT_COUNT] = {"train", "val", "test"};

const char *fet_split_name(fet_split split)
{
    return split < FET_SPLIT_COUNT ? SPLIT_NAMES[split] : "?";
}

bool fet_split_parse(const char *name, fet_split *out_split)
{
    for (uint32_t s = 0; s < FET_SPLIT_COUNT; s++) {
        if (strcmp(name, SPLIT_NAMES[s]) == 0) {
            *out_split = (fet_split)s;
            return true;
        }
    }
    return false;
}
