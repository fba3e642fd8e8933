// SPDX-License-Identifier: Apache-2.0
#include "data/loader.h"

#include "base/hash.h"
#include "data/augment.h"
#include "data/resample.h"

#include <stdlib.h>
#include <string.h>

/* Each position of an epoch has this many blocks of four random numbers of its own: 32 bits of block counter hold 2^28 positions. */
enum { BLOCKS_PER_SAMPLE = 16, ALIGNMENT = 64 };

struct fet_loader {
    const fet_dataset *dataset;
    fet_loader_options options;
    bool augments, images_in;
    uint32_t channels, height, width; /* as the data has them */
    size_t sample;                    /* floats of one in a batch */
    fet_resample_axis x, y;           /* n 0: samples stay as they are */
    float *plane, *lines;             /* one channel before it is resized, and half of the way */
    uint32_t size;
    uint32_t *order; /* of epoch `order_epoch`; NULL: as stored */
    bool has_order;
    uint32_t order_epoch;
    float *images;
    uint32_t *labels, *others; /* others, shares and first: NULL unless images are mixed */
    float *shares, *first;     /* first: the first image of a batch, before it was mixed */
};

static fet_status check(const fet_dataset *dataset, const fet_loader_options *options)
{
    if (options->split >= FET_SPLIT_COUNT)
        return fet_fail(FET_ERROR_ARG, "loader: split %d, expected train, val or test", (int)options->split);
    uint32_t size = fet_dataset_size(dataset, options->split);
    const char *split = fet_split_name(options->split);
    if (options->batch < 1 || options->batch > FET_DATA_LIMIT_SAMPLES)
        return fet_fail(FET_ERROR_ARG, "loader: batch is %lld, expected 1 to %d", (long long)options->batch, FET_DATA_LIMIT_SAMPLES);
    if (size == 0) return fet_fail(FET_ERROR_ARG, "loader: the %s split has no samples", split);
    if (options->shuffle && options->batch > size)
        return fet_fail(FET_ERROR_ARG, "loader: batch is %lld, expected at most %u, the size of the %s split", (long long)options->batch,
                        size, split);
    if (options->augment.shift > FET_DATA_LIMIT_SIDE)
        return fet_fail(FET_ERROR_ARG, "loader: shift is %u pixels, expected at most %d", options->augment.shift, FET_DATA_LIMIT_SIDE);
    if (!(options->augment.erase >= 0.0f && options->augment.erase <= 1.0f))
        return fet_fail(FET_ERROR_ARG, "loader: erase is %g, expected a probability from 0 to 1", (double)options->augment.erase);
    if (!(options->augment.zoom >= 0.0f && options->augment.zoom <= 1.0f))
        return fet_fail(FET_ERROR_ARG, "loader: zoom is %g, expected 0 to 1", (double)options->augment.zoom);
    if (!(options->augment.light >= 0.0f && options->augment.light <= 1.0f))
        return fet_fail(FET_ERROR_ARG, "loader: light is %g, expected a share from 0 to 1", (double)options->augment.light);
    if (!(options->augment.mix >= 0.0f && options->augment.mix <= 1.0f))
        return fet_fail(FET_ERROR_ARG, "loader: mix is %g, expected a probability from 0 to 1", (double)options->augment.mix);
    if (options->height < 0 || options->height > FET_DATA_LIMIT_SIDE || options->width < 0 || options->width > FET_DATA_LIMIT_SIDE ||
        (options->height == 0) != (options->width == 0))
        return fet_fail(FET_ERROR_ARG, "loader: samples resized to %lldx%lld, expected sides of 1 to %d, or 0x0",
                        (long long)options->height, (long long)options->width, FET_DATA_LIMIT_SIDE);
    return FET_OK;
}

static fet_status prepare_resizing(fet_loader *loader)
{
    int64_t height = loader->options.height, width = loader->options.width;
    if (height == 0 || (height == loader->height && width == loader->width)) return FET_OK;
    loader->sample = (size_t)loader->channels * (size_t)height * (size_t)width;
    FET_TRY(fet_resample_axis_init(&loader->y, loader->height, (uint32_t)height));
    FET_TRY(fet_resample_axis_init(&loader->x, loader->width, (uint32_t)width));
    FET_TRY(fet_alloc_zeroed((size_t)loader->height * loader->width, sizeof(float), "resizing", &loader->plane));
    return fet_alloc_zeroed((size_t)loader->height * (size_t)width, sizeof(float), "resizing", &loader->lines);
}

static fet_status prepare_mixing(fet_loader *loader)
{
    size_t batch = (size_t)loader->options.batch;
    if (!loader->images_in || loader->options.augment.mix == 0.0f) return FET_OK;
    FET_TRY(fet_alloc_zeroed(batch, sizeof *loader->others, "labels", &loader->others));
    FET_TRY(fet_alloc_zeroed(batch, sizeof *loader->shares, "shares", &loader->shares));
    return fet_alloc_zeroed(loader->sample, sizeof *loader->first, "an image", &loader->first);
}

fet_status fet_loader_create(const fet_dataset *dataset, const fet_loader_options *options, fet_loader **out_loader)
{
    FET_TRY(check(dataset, options));
    fet_auto(fet_loader) loader = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *loader, "a loader", &loader));
    fet_shape shape = fet_dataset_sample_shape(dataset);
    loader->dataset = dataset;
    loader->options = *options;
    loader->images_in = fet_dataset_has_images(dataset);
    const fet_augment_options *augment = &options->augment;
    loader->augments = augment->flip || augment->shift > 0 || augment->zoom > 0.0f || augment->erase > 0.0f || augment->light > 0.0f;
    if (loader->images_in) {
        loader->channels = (uint32_t)shape.dim[0];
        loader->height = (uint32_t)shape.dim[1];
        loader->width = (uint32_t)shape.dim[2];
    } else if (options->height || options->width) {
        return fet_fail(FET_ERROR_ARG, "loader: samples resized to %lldx%lld, but they are tensors, which stay as they are",
                        (long long)options->height, (long long)options->width);
    }
    loader->sample = (size_t)fet_shape_elements(&shape);
    loader->size = fet_dataset_size(dataset, options->split);
    if (loader->images_in) FET_TRY(prepare_resizing(loader));
    size_t bytes = 0;
    if (!fet_multiply_checked((size_t)options->batch, loader->sample * sizeof(float), &bytes) || bytes > FET_TENSOR_LIMIT_BYTES)
        return fet_fail(FET_ERROR_LIMIT, "loader: a batch of %lld samples of %zu floats is larger than %zu bytes",
                        (long long)options->batch, loader->sample, FET_TENSOR_LIMIT_BYTES);
    loader->images = fet_aligned_malloc(ALIGNMENT, bytes);
    if (!loader->images) return fet_fail(FET_ERROR_NOMEM, "no memory for a batch of %zu bytes", bytes);
    FET_TRY(fet_alloc_zeroed((size_t)options->batch, sizeof *loader->labels, "labels", &loader->labels));
    FET_TRY(prepare_mixing(loader));
    if (options->shuffle) FET_TRY(fet_alloc_zeroed(loader->size, sizeof *loader->order, "an order", &loader->order));
    *out_loader = fet_take(loader);
    return FET_OK;
}

void fet_loader_destroy(fet_loader *loader)
{
    if (!loader) return;
    fet_free(loader->order);
    fet_free(loader->images);
    fet_free(loader->labels);
    fet_free(loader->others);
    fet_free(loader->shares);
    fet_free(loader->first);
    fet_resample_axis_clear(&loader->x);
    fet_resample_axis_clear(&loader->y);
    fet_free(loader->plane);
    fet_free(loader->lines);
    fet_free(loader);
}

uint32_t fet_loader_batches_per_epoch(const fet_loader *loader)
{
    uint32_t batch = (uint32_t)loader->options.batch;
    return loader->options.shuffle ? loader->size / batch : loader->size / batch + (loader->size % batch != 0);
}

static void make_order(fet_loader *loader, uint32_t epoch)
{
    if (loader->has_order && loader->order_epoch == epoch) return;
    fet_rng rng;
    fet_rng_init(&rng, fet_hash_combine(loader->options.seed, epoch), loader->options.trial, FET_RNG_SHUFFLE);
    for (uint32_t i = 0; i < loader->size; i++) loader->order[i] = i;
    fet_rng_shuffle(&rng, loader->order, loader->size);
    loader->order_epoch = epoch;
    loader->has_order = true;
}

static void make_sample(const fet_loader *loader, uint32_t sample, uint32_t position, fet_rng *stream, float *out)
{
    fet_augmentation augmentation = {0};
    if (!loader->images_in) {
        memcpy(out, fet_dataset_numbers(loader->dataset, loader->options.split, sample), loader->sample * sizeof *out);
        return;
    }
    if (loader->augments) {
        stream->counter[0] = position * BLOCKS_PER_SAMPLE;
        stream->n_left = 0;
        fet_augment_draw(&loader->options.augment, loader->height, loader->width, stream, &augmentation);
    }
    const uint8_t *pixels = fet_dataset_pixels(loader->dataset, loader->options.split, sample);
    size_t plane = (size_t)loader->height * loader->width;
    for (uint32_t c = 0; c < loader->channels; c++) {
        float *to = loader->plane ? loader->plane : out + c * plane, lit[256];
        const float *levels = fet_dataset_levels(loader->dataset, c);
        if (loader->augments && loader->options.augment.light > 0.0f) {
            fet_augment_levels(levels, &augmentation, lit);
            levels = lit;
        }
        fet_augment_plane(pixels + c * plane, levels, loader->height, loader->width, &augmentation, to);
        if (loader->plane)
            fet_resample_plane(to, loader->height, loader->width, &loader->y, &loader->x, loader->lines,
                               out + (size_t)c * loader->y.n * loader->x.n);
    }
}

static void mix_into(float *restrict image, const float *restrict other, float share, size_t n)
{
    for (size_t i = 0; i < n; i++) image[i] = share * image[i] + (1.0f - share) * other[i];
}

/* Each image with the next one, as that was before it was mixed itself; the last one with the first. `position` of the first in its epoch.
 */
static void mix(const fet_loader *loader, uint32_t epoch, uint32_t position, uint32_t count)
{
    fet_rng stream;
    fet_rng_init(&stream, fet_hash_combine(loader->options.seed, epoch), loader->options.trial, FET_RNG_MIX);
    memcpy(loader->first, loader->images, loader->sample * sizeof *loader->first);
    for (uint32_t i = 0; i < count; i++) {
        stream.counter[0] = position + i;
        stream.n_left = 0;
        uint32_t next = (i + 1) % count;
        float drawn = (float)fet_rng_uniform(&stream),
              share = fet_rng_uniform(&stream) < (double)loader->options.augment.mix ? drawn : 1.0f;
        float *image = loader->images + i * loader->sample;
        if (share != 1.0f) mix_into(image, next ? loader->images + next * loader->sample : loader->first, share, loader->sample);
        loader->shares[i] = share;
        loader->others[i] = loader->labels[next];
    }
}

fet_status fet_loader_batch(fet_loader *loader, uint32_t epoch, uint32_t b, fet_batch *out_batch)
{
    uint32_t n_batches = fet_loader_batches_per_epoch(loader);
    if (b >= n_batches) return fet_fail(FET_ERROR_ARG, "loader: batch %u, expected less than %u, the batches of an epoch", b, n_batches);
    if (loader->order) make_order(loader, epoch);
    uint32_t batch = (uint32_t)loader->options.batch, first = b * batch;
    uint32_t count = loader->size - first < batch ? loader->size - first : batch;
    fet_rng stream;
    fet_rng_init(&stream, fet_hash_combine(loader->options.seed, epoch), loader->options.trial, FET_RNG_AUGMENT);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sample = loader->order ? loader->order[first + i] : first + i;
        make_sample(loader, sample, first + i, &stream, loader->images + i * loader->sample);
        loader->labels[i] = fet_dataset_label(loader->dataset, loader->options.split, sample);
    }
    if (loader->first) mix(loader, epoch, first, count);
    if (count < batch) {
        memset(loader->images + count * loader->sample, 0, (batch - count) * loader->sample * sizeof(float));
        memset(loader->labels + count, 0, (batch - count) * sizeof *loader->labels);
    }
    *out_batch =
        (fet_batch){.images = loader->images, .labels = loader->labels, .others = loader->others, .shares = loader->shares, .count = count};
    return FET_OK;
}
