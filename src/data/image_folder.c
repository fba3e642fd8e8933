// SPDX-License-Identifier: Apache-2.0
/*
 * A folder of images, one folder a class: root/{train,val,test}/class/x.jpg (val may be missing: it is then cut from train), or
 * root/class/x.jpg (test is cut from it too). Classes
 * are numbered in byte order of their names, images stand in byte order of theirs, so a listing's order or a locale changes nothing. Hidden
 * files are passed over.
 */
#include "base/file.h"
#include "data/image.h"
#include "data/reader.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct names {
    char **items; /* heap */
    size_t count, capacity;
} names;

static void names_clear(names *list)
{
    for (size_t i = 0; i < list->count; i++) fet_free(list->items[i]);
    fet_free(list->items);
    *list = (names){0};
}

/* Takes `name` over, also when it fails. */
static fet_status names_add(names *list, char *name)
{
    fet_status status = fet_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    if (status == FET_OK) list->items[list->count++] = name;
    else fet_free(name);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_image_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 || strcasecmp(dot, ".png") == 0);
}

/* One entry of `folder`: its name when it is what is looked for (a folder, or an image file), its path when `full`. */
static fet_status consider(const char *folder, const char *name, bool want_folders, names *list)
{
    char *path = NULL;
    FET_TRY(fet_path_join(folder, name, &path));
    bool wanted = is_folder(path) ? want_folders : !want_folders && is_image_name(name);
    if (wanted && !want_folders) return names_add(list, path);
    fet_free(path);
    if (!wanted) return FET_OK;
    char *copy = NULL;
    FET_TRY(fet_strdup_checked(name, &copy));
    return names_add(list, copy);
}

/* Names of the folders in `folder`, or paths of the images, sorted. */
static fet_status list_folder(const char *folder, bool want_folders, names *out_list)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return fet_fail(errno == ENOENT ? FET_ERROR_NOT_FOUND : FET_ERROR_IO, "%s: cannot open this folder: %s", folder, strerror(errno));
    fet_status status = FET_OK;
    while (status == FET_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno != 0) status = fet_fail(FET_ERROR_IO, "%s: cannot list this folder: %s", folder, strerror(errno));
            break;
        }
        if (entry->d_name[0] != '.') status = consider(folder, entry->d_name, want_folders, out_list);
    }
    closedir(dir);
    if (status == FET_OK && out_list->count > 0) qsort(out_list->items, out_list->count, sizeof *out_list->items, compare_names);
    return status;
}

/* The images of root's class folders, as paths and labels; sizes follow once all are listed. */
typedef struct listing {
    names paths;
    uint32_t *labels;
    size_t label_capacity;
} listing;

static void listing_clear(listing *list)
{
    names_clear(&list->paths);
    fet_free(list->labels);
}

static fet_status list_class(const char *root, const char *class_name, uint32_t label, listing *list)
{
    char *folder = NULL;
    FET_TRY(fet_path_join(root, class_name, &folder));
    names images = {0};
    fet_status status = list_folder(folder, false, &images);
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
    names_clear(&images);
    fet_free(folder);
    return status;
}

static fet_status list_classes(const char *root, const names *classes, listing *list)
{
    for (size_t c = 0; c < classes->count; c++) FET_TRY(list_class(root, classes->items[c], (uint32_t)c, list));
    return FET_OK;
}

static fet_status check_same_classes(const char *train_root, const names *train, const char *test_root, const names *test)
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

static fet_status load_image(const char *path, uint32_t channels, fet_image *out_image)
{
    void *data = NULL;
    size_t bytes = 0;
    FET_TRY(fet_file_read(path, FET_IMAGE_LIMIT_FILE_BYTES, &data, &bytes));
    fet_status status = fet_image_decode(data, bytes, channels, path, out_image);
    fet_free(data);
    return status;
}

/* The sample shape: what was asked for, the rest as the first image has it. */
static fet_status decide_shape(const fet_dataset_options *options, const char *first_path, fet_image_sets *sets)
{
    sets->channels = options->channels;
    sets->height = options->height;
    sets->width = options->width;
    if (sets->channels && sets->height && sets->width) return FET_OK;
    fet_image image = {0};
    FET_TRY(load_image(first_path, 0, &image));
    if (!sets->channels) sets->channels = image.channels;
    if (!sets->height) sets->height = image.height;
    if (!sets->width) sets->width = image.width;
    fet_image_clear(&image);
    return FET_OK;
}

static fet_status decode_set(listing *list, const fet_image_sets *sets, fet_image_set *out_set)
{
    size_t sample_bytes = (size_t)(sets->channels * sets->height * sets->width);
    out_set->memory = out_set->pixels = fet_malloc(sample_bytes * list->paths.count);
    if (!out_set->memory) return fet_fail(FET_ERROR_NOMEM, "no memory for %zu images of %zu bytes", list->paths.count, sample_bytes);
    for (size_t i = 0; i < list->paths.count; i++) {
        fet_image image = {0};
        FET_TRY(load_image(list->paths.items[i], (uint32_t)sets->channels, &image));
        fet_status status =
            fet_image_resize_planes(&image, (uint32_t)sets->height, (uint32_t)sets->width, out_set->pixels + i * sample_bytes);
        fet_image_clear(&image);
        FET_TRY(status);
    }
    out_set->labels = fet_take(list->labels);
    out_set->count = (uint32_t)list->paths.count;
    return FET_OK;
}

static fet_status check_bytes(const char *root, const fet_image_sets *sets, size_t n)
{
    size_t sample_bytes = (size_t)(sets->channels * sets->height * sets->width), bytes = 0;
    if (!fet_multiply_checked(sample_bytes, n, &bytes) || bytes > FET_DATA_LIMIT_BYTES)
        return fet_fail(FET_ERROR_LIMIT,
                        "%s: %zu images of %lldx%lldx%lld are more than %zu MiB, the limit; expected a smaller height and width", root, n,
                        (long long)sets->channels, (long long)sets->height, (long long)sets->width, FET_DATA_LIMIT_BYTES >> 20);
    return FET_OK;
}

/* Everything found on disk before the first pixel is decoded, so that a mistake shows at once. */
typedef struct source {
    char *train_root, *val_root, *test_root; /* NULL: no split of its own */
    names classes;
    listing train, val, test;
} source;

static void source_clear(source *s)
{
    fet_free(s->train_root);
    fet_free(s->val_root);
    fet_free(s->test_root);
    names_clear(&s->classes);
    listing_clear(&s->train);
    listing_clear(&s->val);
    listing_clear(&s->test);
}

static fet_status find_roots(const char *path, source *s)
{
    FET_TRY(fet_path_join(path, "train", &s->train_root));
    FET_TRY(fet_path_join(path, "val", &s->val_root));
    FET_TRY(fet_path_join(path, "test", &s->test_root));
    if (!is_folder(s->val_root)) fet_free(fet_take(s->val_root));
    if (is_folder(s->train_root)) {
        if (is_folder(s->test_root)) return FET_OK;
        return fet_fail(FET_ERROR_NOT_FOUND, "%s: not there, expected a folder beside %s", s->test_root, s->train_root);
    }
    fet_free(fet_take(s->val_root)); /* without train beside it, a class of that name */
    fet_free(fet_take(s->test_root));
    fet_free(fet_take(s->train_root));
    return fet_strdup_checked(path, &s->train_root);
}

/* A split that need not be there, of the classes of train. */
static fet_status find_split(const source *s, const char *root, listing *list)
{
    if (!root) return FET_OK;
    names classes = {0};
    fet_status status = list_folder(root, true, &classes);
    if (status == FET_OK) status = check_same_classes(s->train_root, &s->classes, root, &classes);
    if (status == FET_OK) status = list_classes(root, &s->classes, list);
    names_clear(&classes);
    return status;
}

static fet_status find_images(const char *path, source *s)
{
    FET_TRY(find_roots(path, s));
    FET_TRY(list_folder(s->train_root, true, &s->classes));
    if (s->classes.count < 2 || s->classes.count > FET_DATA_LIMIT_CLASSES)
        return fet_fail(FET_ERROR_CORRUPT, "%s: %zu class folders, expected 2 to %d", s->train_root, s->classes.count,
                        FET_DATA_LIMIT_CLASSES);
    FET_TRY(list_classes(s->train_root, &s->classes, &s->train));
    FET_TRY(find_split(s, s->val_root, &s->val));
    return find_split(s, s->test_root, &s->test);
}

static fet_status read_source(const fet_dataset_options *options, source *s, fet_image_sets *sets)
{
    FET_TRY(find_images(options->path, s));
    FET_TRY(decide_shape(options, s->train.paths.items[0], sets));
    FET_TRY(check_bytes(options->path, sets, s->train.paths.count + s->val.paths.count + s->test.paths.count));
    FET_TRY(decode_set(&s->train, sets, &sets->train));
    if (s->val_root) FET_TRY(decode_set(&s->val, sets, &sets->val));
    if (s->test_root) FET_TRY(decode_set(&s->test, sets, &sets->test));
    sets->n_classes = (uint32_t)s->classes.count;
    sets->class_names = fet_take(s->classes.items);
    s->classes = (names){0};
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
