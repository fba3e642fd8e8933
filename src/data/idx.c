// SPDX-License-Identifier: Apache-2.0
/* The folder of four IDX files that MNIST, Fashion-MNIST and their kin come as; each plain or .gz. */
#include "data/idx.h"

#include "base/file.h"
#include "data/gunzip.h"
#include "data/reader.h"

#include <stdio.h>
#include <string.h>

enum { MAGIC_BYTES = 4, TYPE_U8 = 0x08 };

static uint32_t read_u32(const uint8_t *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

fet_status fet_idx_parse(const void *data, size_t bytes, uint32_t rank, const char *name, fet_idx *out_idx)
{
    const uint8_t *b = data;
    size_t header_bytes = MAGIC_BYTES + 4 * (size_t)rank;
    if (bytes < header_bytes)
        return fet_fail(FET_ERROR_CORRUPT, "%s: %zu bytes, expected an IDX header of %zu bytes", name, bytes, header_bytes);
    if (b[0] != 0 || b[1] != 0 || b[3] != rank)
        return fet_fail(FET_ERROR_CORRUPT, "%s: byte 0: magic number 0x%08x, expected 0x%08x (IDX, unsigned bytes, %u dimension%s)", name,
                        read_u32(b), (unsigned)TYPE_U8 << 8 | rank, rank, rank == 1 ? "" : "s");
    if (b[2] != TYPE_U8)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: byte 2: IDX element type 0x%02x, expected 0x08 (unsigned bytes)", name, b[2]);
    fet_idx idx = {.rank = rank, .elements = b + header_bytes, .count = 1};
    for (uint32_t d = 0; d < rank; d++) {
        idx.dim[d] = read_u32(b + MAGIC_BYTES + 4 * d);
        if (idx.dim[d] == 0)
            return fet_fail(FET_ERROR_CORRUPT, "%s: byte %u: dimension %u is 0, expected at least 1", name, MAGIC_BYTES + 4 * d, d);
        if (!fet_multiply_checked(idx.count, idx.dim[d], &idx.count))
            return fet_fail(FET_ERROR_LIMIT, "%s: byte %u: dimension %u is %u, too many elements to address", name, MAGIC_BYTES + 4 * d, d,
                            idx.dim[d]);
    }
    if (bytes - header_bytes != idx.count)
        return fet_fail(FET_ERROR_CORRUPT, "%s: %zu bytes behind the header, expected %zu (%u samples)%s", name, bytes - header_bytes,
                        idx.count, idx.dim[0], bytes - header_bytes < idx.count ? ": the file is cut off" : "");
    *out_idx = idx;
    return FET_OK;
}

/* The bytes of `folder`/`name` or `folder`/`name`.gz. *path is heap, set as soon as it is known, for messages. */
static fet_status load(const char *folder, const char *name, size_t limit_bytes, char **path, uint8_t **out_data, size_t *out_bytes)
{
    FET_TRY(fet_path_join(folder, name, path));
    if (!fet_file_exists(*path)) {
        size_t bytes = strlen(*path) + sizeof ".gz";
        char *zipped = fet_malloc(bytes);
        if (!zipped) return fet_fail(FET_ERROR_NOMEM, "no memory for a path");
        snprintf(zipped, bytes, "%s.gz", *path);
        if (!fet_file_exists(zipped)) {
            fet_free(zipped);
            return fet_fail(FET_ERROR_NOT_FOUND, "%s: not there, nor with .gz; expected an IDX file", *path);
        }
        fet_free(*path);
        *path = zipped;
    }
    void *data = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(*path, limit_bytes, &data, &bytes));
    if (!fet_is_gzip(data, bytes)) {
        *out_data = data;
        *out_bytes = bytes;
        return FET_OK;
    }
    fet_status status = fet_gunzip(data, bytes, limit_bytes, *path, out_data, out_bytes);
    fet_free(data);
    return status;
}

static fet_status read_images(const char *folder, const char *name, const fet_dataset_options *options, char **path, fet_image_set *set,
                              fet_idx *out_idx)
{
    uint8_t *data = NULL;
    size_t bytes = 0;
    FET_TRY(load(folder, name, FET_DATA_LIMIT_BYTES, path, &data, &bytes));
    set->memory = data;
    FET_TRY(fet_idx_parse(data, bytes, 3, *path, out_idx));
    const uint32_t *dim = out_idx->dim;
    if (dim[0] > FET_DATA_LIMIT_SAMPLES || dim[1] > FET_DATA_LIMIT_SIDE || dim[2] > FET_DATA_LIMIT_SIDE)
        return fet_fail(FET_ERROR_LIMIT, "%s: %u images of %ux%u, expected at most %d of at most %dx%d", *path, dim[0], dim[1], dim[2],
                        FET_DATA_LIMIT_SAMPLES, FET_DATA_LIMIT_SIDE, FET_DATA_LIMIT_SIDE);
    if ((options->channels && options->channels != 1) || (options->height && options->height != dim[1]) ||
        (options->width && options->width != dim[2]))
        return fet_fail(FET_ERROR_SHAPE, "%s: images are 1x%ux%u, expected %lldx%lldx%lld", *path, dim[1], dim[2],
                        (long long)options->channels, (long long)options->height, (long long)options->width);
    set->pixels = data + (out_idx->elements - data);
    set->count = dim[0];
    return FET_OK;
}

static fet_status read_labels(const char *folder, const char *name, const char *images_path, char **path, fet_image_set *set)
{
    uint8_t *data = NULL;
    size_t bytes = 0;
    FET_TRY(load(folder, name, FET_DATA_LIMIT_SAMPLES, path, &data, &bytes));
    fet_idx idx = {0};
    fet_status status = fet_idx_parse(data, bytes, 1, *path, &idx);
    if (status == FET_OK && idx.dim[0] != set->count)
        status =
            fet_fail(FET_ERROR_CORRUPT, "%s: %u labels, expected %u, one for each image of %s", *path, idx.dim[0], set->count, images_path);
    if (status == FET_OK) status = fet_alloc_zeroed(set->count, sizeof *set->labels, "labels", &set->labels);
    for (uint32_t i = 0; status == FET_OK && i < set->count; i++) set->labels[i] = idx.elements[i];
    fet_free(data);
    return status;
}

static fet_status read_set(const char *folder, const char *images, const char *labels, const fet_dataset_options *options,
                           fet_image_set *set, fet_idx *out_idx, char **labels_path)
{
    char *images_path = NULL;
    fet_status status = read_images(folder, images, options, &images_path, set, out_idx);
    if (status == FET_OK) status = read_labels(folder, labels, images_path, labels_path, set);
    fet_free(images_path);
    return status;
}

/*
 * The classes are 0 .. the largest training label. A byte off in the file shows as a label far from the others, so a class without any
 * sample is an error, and so is a test label that training never saw.
 */
static fet_status check_labels(fet_image_sets *sets, const char *train_path, const char *test_path)
{
    uint32_t count[256] = {0}, first[256] = {0}, largest = 0;
    for (uint32_t i = 0; i < sets->train.count; i++) {
        uint32_t label = sets->train.labels[i];
        if (count[label]++ == 0) first[label] = i;
        if (label > largest) largest = label;
    }
    for (uint32_t c = 0; c < largest; c++)
        if (count[c] == 0)
            return fet_fail(FET_ERROR_CORRUPT,
                            "%s: label %u of sample %u is out of range: no sample has label %u, expected 0..%u without a gap", train_path,
                            largest, first[largest], c, c > 0 ? c - 1 : 0);
    for (uint32_t i = 0; i < sets->test.count; i++)
        if (sets->test.labels[i] > largest)
            return fet_fail(FET_ERROR_CORRUPT, "%s: label %u of sample %u is out of range, expected 0..%u as in %s", test_path,
                            sets->test.labels[i], i, largest, train_path);
    sets->n_classes = largest + 1;
    return FET_OK;
}

static fet_status name_classes(fet_image_sets *sets)
{
    FET_TRY(fet_alloc_zeroed(sets->n_classes, sizeof *sets->class_names, "class names", &sets->class_names));
    for (uint32_t c = 0; c < sets->n_classes; c++) {
        char name[16];
        snprintf(name, sizeof name, "%u", c);
        FET_TRY(fet_strdup_checked(name, &sets->class_names[c]));
    }
    return FET_OK;
}

static fet_status read_both(const fet_dataset_options *options, fet_image_sets *sets, char **train_path, char **test_path)
{
    fet_idx train = {0}, test = {0};
    FET_TRY(read_set(options->path, "train-images-idx3-ubyte", "train-labels-idx1-ubyte", options, &sets->train, &train, train_path));
    FET_TRY(read_set(options->path, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", options, &sets->test, &test, test_path));
    if (train.dim[1] != test.dim[1] || train.dim[2] != test.dim[2])
        return fet_fail(FET_ERROR_CORRUPT, "%s/t10k-images-idx3-ubyte: images are %ux%u, expected %ux%u as in training", options->path,
                        test.dim[1], test.dim[2], train.dim[1], train.dim[2]);
    FET_TRY(check_labels(sets, *train_path, *test_path));
    sets->channels = 1;
    sets->height = train.dim[1];
    sets->width = train.dim[2];
    return name_classes(sets);
}

static fet_status read_idx(const fet_dataset_options *options, fet_image_sets *out_sets)
{
    char *train_path = NULL, *test_path = NULL;
    fet_status status = read_both(options, out_sets, &train_path, &test_path);
    fet_free(train_path);
    fet_free(test_path);
    return status;
}

const fet_reader fet_reader_idx = {
    .name = "idx",
    .help = "a folder of train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-... (MNIST's format), each plain or .gz",
    .read = read_idx,
};
