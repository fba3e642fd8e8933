// SPDX-License-Identifier: Apache-2.0
#include "data/image_files.h"

#include "base/file.h"
#include "data/image.h"

#include <string.h>
#include <strings.h>

bool fet_image_files_wants(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 || strcasecmp(dot, ".png") == 0);
}

static fet_status load_image(const char *path, uint32_t channels, fet_image *out_image)
{
    void *data = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, FET_IMAGE_LIMIT_FILE_BYTES, &data, &bytes));
    fet_status status = fet_image_decode(data, bytes, channels, path, out_image);
    fet_free(data);
    return status;
}

/* The largest height and width of all images, when every image is smaller than the sets' both ways; else the sets stay as they are. */
static fet_status keep_smaller(const fet_names *const lists[], uint32_t n_lists, fet_image_sets *sets)
{
    uint32_t height = 0, width = 0;
    for (uint32_t l = 0; l < n_lists; l++)
        for (size_t i = 0; i < lists[l]->count; i++) {
            fet_image image = {0};
            FET_TRY(load_image(lists[l]->items[i], 0, &image));
            height = image.height > height ? image.height : height;
            width = image.width > width ? image.width : width;
            fet_image_clear(&image);
            if (height >= sets->height || width >= sets->width) return FET_OK;
        }
    sets->height = height;
    sets->width = width;
    return FET_OK;
}

fet_status fet_image_files_shape(const fet_dataset_options *options, const fet_names *const lists[], uint32_t n_lists, fet_image_sets *sets)
{
    sets->channels = options->channels;
    sets->height = options->height;
    sets->width = options->width;
    if (sets->channels && sets->height && sets->width) return options->keep_smaller ? keep_smaller(lists, n_lists, sets) : FET_OK;
    fet_image image = {0};
    FET_TRY(load_image(lists[0]->items[0], 0, &image));
    if (!sets->channels) sets->channels = image.channels;
    if (!sets->height) sets->height = image.height;
    if (!sets->width) sets->width = image.width;
    fet_image_clear(&image);
    return FET_OK;
}

fet_status fet_image_files_check(const char *root, const fet_image_sets *sets, size_t n)
{
    size_t sample_bytes = (size_t)(sets->channels * sets->height * sets->width), bytes = 0;
    if (!fet_multiply_checked(sample_bytes, n, &bytes) || bytes > FET_DATA_LIMIT_BYTES)
        return fet_fail(FET_ERROR_LIMIT,
                        "%s: %zu images of %lldx%lldx%lld are more than %zu MiB, the limit; expected a smaller height and width", root, n,
                        (long long)sets->channels, (long long)sets->height, (long long)sets->width, FET_DATA_LIMIT_BYTES >> 20);
    return FET_OK;
}

static fet_status decode(const fet_names *paths, const fet_image_sets *sets, fet_image_set *out_set)
{
    size_t sample_bytes = (size_t)(sets->channels * sets->height * sets->width);
    out_set->memory = out_set->pixels = fet_malloc(sample_bytes * paths->count);
    if (!out_set->memory) return fet_fail(FET_ERROR_NOMEM, "no memory for %zu images of %zu bytes", paths->count, sample_bytes);
    for (size_t i = 0; i < paths->count; i++) {
        fet_image image = {0};
        FET_TRY(load_image(paths->items[i], (uint32_t)sets->channels, &image));
        fet_status status =
            fet_image_resize_planes(&image, (uint32_t)sets->height, (uint32_t)sets->width, out_set->pixels + i * sample_bytes);
        fet_image_clear(&image);
        FET_TRY(status);
    }
    out_set->count = (uint32_t)paths->count;
    return FET_OK;
}

fet_status fet_image_files_decode(const fet_names *paths, uint32_t *labels, const fet_image_sets *sets, fet_image_set *out_set)
{
    out_set->labels = labels; /* the caller frees the set, whatever happens */
    if (!labels) FET_TRY(fet_alloc_zeroed(paths->count, sizeof *labels, "labels", &out_set->labels));
    return decode(paths, sets, out_set);
}
