// SPDX-License-Identifier: Apache-2.0
/*
 * A folder of images, one folder a class: root/{train,val,test}/class/x.jpg (val may be missing: it is then cut from train), or
 * root/class/x.jpg (test is cut from it too). Classes are numbered in byte order of their names.
 */
#include "base/file.h"
#include "data/image_files.h"

#include <string.h>

/* The images of root's class folders, as paths and labels; sizes follow once all are listed. */
typedef struct listing {
    fet_names paths;
    uint32_t *labels;
    size_t label_capacity;
} listing;

static void listing_clear(listing *list)
{
    fet_names_clear(&list->paths);
    fet_free(list->labels);
}

static fet_status list_class(const char *root, const char *class_name, uint32_t label, listing *list)
{
    char *folder = NULL;
    FET_TRY(fet_path_join(root, class_name, &folder));
    fet_names images = {0};
    fet_status status = fet_folder_list_files(folder, fet_image_files_wants, false, &images);
    if (status == FET_OK && images.count == 0)
        status = fet_fail(FET_ERROR_CORRUPT, "%s: no image in this class folder, expected .jpg, .jpeg or .png files", folder);
    if (status == FET_OK && list->paths.count + images.count > FET_DATA_LIMIT_SAMPLES)
        status = fet_fail(FET_ERROR_LIMIT, "%s: more than %d images", folder, FET_DATA_LIMIT_SAMPLES);
    size_t total = list->paths.count + images.count;
    if (status == FET_OK) status = fet_grow(&list->labels, &list->label_capacity, total, sizeof *list->labels);
    if (status == FET_OK) status = fet_grow(&list->paths.items, &list->paths.capacity, total, sizeof *list->paths.items);
    for (size_t i = 0; status == FET_OK && i < images.count; i++) {
        list->labels[list->paths.count] = label;
        list->paths.items[list->paths.count++] = fet_take(images.items[i]);
    }
    fet_names_clear(&images);
    fet_free(folder);
    return status;
}

static fet_status list_classes(const char *root, const fet_names *classes, listing *list)
{
    for (size_t c = 0; c < classes->count; c++) FET_TRY(list_class(root, classes->items[c], (uint32_t)c, list));
    return FET_OK;
}

static fet_status check_same_classes(const char *train_root, const fet_names *train, const char *test_root, const fet_names *test)
{
    for (size_t c = 0; c < train->count || c < test->count; c++) {
        int order = c >= train->count ? 1 : c >= test->count ? -1 : strcmp(train->items[c], test->items[c]);
        if (order < 0)
            return fet_fail(FET_ERROR_CORRUPT, "%s: no folder for class \"%s\", expected the same classes as in %s", test_root,
                            train->items[c], train_root);
        if (order > 0)
            return fet_fail(FET_ERROR_CORRUPT, "%s: class \"%s\" is not in %s, expected the same classes", test_root, test->items[c],
                            train_root);
    }
    return FET_OK;
}

/* Everything found on disk before the first pixel is decoded, so that a mistake shows at once. */
typedef struct source {
    fet_folder_splits roots;
    fet_names classes;
    listing train, val, test;
} source;

static void source_clear(source *s)
{
    fet_folder_splits_clear(&s->roots);
    fet_names_clear(&s->classes);
    listing_clear(&s->train);
    listing_clear(&s->val);
    listing_clear(&s->test);
}

/* A split that need not be there, of the classes of train. */
static fet_status find_split(const source *s, const char *root, listing *list)
{
    if (!root) return FET_OK;
    fet_names classes = {0};
    fet_status status = fet_folder_list_folders(root, &classes);
    if (status == FET_OK) status = check_same_classes(s->roots.train, &s->classes, root, &classes);
    if (status == FET_OK) status = list_classes(root, &s->classes, list);
    fet_names_clear(&classes);
    return status;
}

static fet_status find_images(const char *path, source *s)
{
    FET_TRY(fet_folder_find_splits(path, &s->roots));
    FET_TRY(fet_folder_list_folders(s->roots.train, &s->classes));
    if (s->classes.count < 2 || s->classes.count > FET_DATA_LIMIT_CLASSES)
        return fet_fail(FET_ERROR_CORRUPT, "%s: %zu class folders, expected 2 to %d", s->roots.train, s->classes.count,
                        FET_DATA_LIMIT_CLASSES);
    FET_TRY(list_classes(s->roots.train, &s->classes, &s->train));
    FET_TRY(find_split(s, s->roots.val, &s->val));
    return find_split(s, s->roots.test, &s->test);
}

static fet_status decode(listing *list, const fet_image_sets *sets, fet_image_set *out_set)
{
    return fet_image_files_decode(&list->paths, fet_take(list->labels), sets, out_set);
}

static fet_status read_source(const fet_dataset_options *options, source *s, fet_image_sets *sets)
{
    FET_TRY(find_images(options->path, s));
    FET_TRY(fet_image_files_shape(options, (const fet_names *const[]){&s->train.paths, &s->val.paths, &s->test.paths}, 3, sets));
    FET_TRY(fet_image_files_check(options->path, sets, s->train.paths.count + s->val.paths.count + s->test.paths.count));
    FET_TRY(decode(&s->train, sets, &sets->train));
    if (s->roots.val) FET_TRY(decode(&s->val, sets, &sets->val));
    if (s->roots.test) FET_TRY(decode(&s->test, sets, &sets->test));
    sets->n_classes = (uint32_t)s->classes.count;
    sets->class_names = fet_take(s->classes.items);
    s->classes = (fet_names){0};
    return FET_OK;
}

static fet_status read_image_folder(const fet_dataset_options *options, fet_image_sets *out_sets)
{
    source s = {0};
    fet_status status = read_source(options, &s, out_sets);
    source_clear(&s);
    return status;
}

const fet_reader fet_reader_image_folder = {
    .name = "image_folder",
    .help =
        "a folder of JPEG or PNG images, one folder a class: PATH/{train,val,test}/CLASS/x.jpg (val may be missing) or PATH/CLASS/x.jpg",
    .read = read_image_folder,
};
