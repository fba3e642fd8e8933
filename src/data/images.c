// SPDX-License-Identifier: Apache-2.0
/*
 * Images without labels: every JPEG and PNG in a folder and in the folders inside of it, in byte order of their paths. root/train, root/val
 * (may be missing) and root/test are the splits where there is a root/train; else val and test are cut by seed.
 */
#include "data/image_files.h"

/* All that will be read, before the first pixel is decoded. */
typedef struct source {
    fet_folder_splits roots;
    fet_names train, val, test;
} source;

static void source_clear(source *s)
{
    fet_folder_splits_clear(&s->roots);
    fet_names_clear(&s->train);
    fet_names_clear(&s->val);
    fet_names_clear(&s->test);
}

static fet_status list(const char *root, fet_names *paths)
{
    if (!root) return FET_OK;
    FET_TRY(fet_folder_list_files(root, fet_image_files_wants, true, paths));
    if (paths->count == 0) return fet_fail(FET_ERROR_CORRUPT, "%s: no image in this folder, expected .jpg, .jpeg or .png files", root);
    if (paths->count > FET_DATA_LIMIT_SAMPLES) return fet_fail(FET_ERROR_LIMIT, "%s: more than %d images", root, FET_DATA_LIMIT_SAMPLES);
    return FET_OK;
}

static fet_status read_source(const fet_dataset_options *options, source *s, fet_image_sets *sets)
{
    FET_TRY(fet_folder_find_splits(options->path, &s->roots));
    FET_TRY(list(s->roots.train, &s->train));
    FET_TRY(list(s->roots.val, &s->val));
    FET_TRY(list(s->roots.test, &s->test));
    FET_TRY(fet_image_files_shape(options, (const fet_names *const[]){&s->train, &s->val, &s->test}, 3, sets));
    FET_TRY(fet_image_files_check(options->path, sets, s->train.count + s->val.count + s->test.count));
    FET_TRY(fet_image_files_decode(&s->train, NULL, sets, &sets->train));
    if (s->val.count) FET_TRY(fet_image_files_decode(&s->val, NULL, sets, &sets->val));
    return s->test.count ? fet_image_files_decode(&s->test, NULL, sets, &sets->test) : FET_OK;
}

static fet_status read_images(const fet_dataset_options *options, fet_image_sets *out_sets)
{
    source s = {0};
    fet_status status = read_source(options, &s, out_sets);
    source_clear(&s);
    return status;
}

const fet_reader fet_reader_images = {
    .name = "images",
    .help =
        "a folder of JPEG or PNG images without labels, also in folders inside of it; PATH/{train,val,test} are splits if they are there",
    .unlabelled = true,
    .read = read_images,
};
