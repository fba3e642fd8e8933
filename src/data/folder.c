// SPDX-License-Identifier: Apache-2.0
#include "data/folder.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 32 };

void fet_names_clear(fet_names *list)
{
    for (size_t i = 0; i < list->count; i++) fet_free(list->items[i]);
    fet_free(list->items);
    *list = (fet_names){0};
}

fet_status fet_names_add(fet_names *list, char *name)
{
    fet_status status = fet_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    if (status == FET_OK) list->items[list->count++] = name;
    else fet_free(name);
    return status;
}

bool fet_folder_is(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything in a folder that is not hidden, sorted. */
static fet_status list_entries(const char *folder, fet_names *out_names)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return fet_fail(errno == ENOENT ? FET_ERROR_NOT_FOUND : FET_ERROR_IO, "%s: cannot open this folder: %s", folder, strerror(errno));
    fet_status status = FET_OK;
    while (status == FET_OK) {
        char *name = NULL;
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno != 0) status = fet_fail(FET_ERROR_IO, "%s: cannot list this folder: %s", folder, strerror(errno));
            break;
        }
        if (entry->d_name[0] == '.') continue;
        status = fet_strdup_checked(entry->d_name, &name);
        if (status == FET_OK) status = fet_names_add(out_names, name);
    }
    closedir(dir);
    if (status == FET_OK && out_names->count > 0) qsort(out_names->items, out_names->count, sizeof *out_names->items, compare_names);
    return status;
}

static fet_status keep_folder(const char *folder, char *name, fet_names *out_names)
{
    char *path = NULL, *copy = NULL;
    FET_TRY(fet_path_join(folder, name, &path));
    bool is = fet_folder_is(path);
    fet_free(path);
    if (!is) return FET_OK;
    FET_TRY(fet_strdup_checked(name, &copy));
    return fet_names_add(out_names, copy);
}

fet_status fet_folder_list_folders(const char *folder, fet_names *out_names)
{
    fet_names entries = {0};
    fet_status status = list_entries(folder, &entries);
    for (size_t i = 0; status == FET_OK && i < entries.count; i++) status = keep_folder(folder, entries.items[i], out_names);
    fet_names_clear(&entries);
    return status;
}

static fet_status list_files(const char *folder, fet_folder_wants wants, bool deep, int depth, fet_names *out_paths);

static fet_status keep_file(const char *folder, const char *name, fet_folder_wants wants, bool deep, int depth, fet_names *out_paths)
{
    char *path = NULL;
    FET_TRY(fet_path_join(folder, name, &path));
    bool inner = fet_folder_is(path);
    if (!inner && wants(name)) return fet_names_add(out_paths, path);
    fet_status status = inner && deep ? list_files(path, wants, deep, depth + 1, out_paths) : FET_OK;
    fet_free(path);
    return status;
}

static fet_status list_files(const char *folder, fet_folder_wants wants, bool deep, int depth, fet_names *out_paths)
{
    if (depth > MAX_DEPTH)
        return fet_fail(FET_ERROR_LIMIT, "%s: more than %d folders in one another, expected fewer; is one linked into itself?", folder,
                        MAX_DEPTH);
    fet_names entries = {0};
    fet_status status = list_entries(folder, &entries);
    for (size_t i = 0; status == FET_OK && i < entries.count; i++)
        status = keep_file(folder, entries.items[i], wants, deep, depth, out_paths);
    fet_names_clear(&entries);
    return status;
}

fet_status fet_folder_list_files(const char *folder, fet_folder_wants wants, bool deep, fet_names *out_paths)
{
    return list_files(folder, wants, deep, 0, out_paths);
}

static fet_status find_splits(const char *path, fet_folder_splits *s)
{
    FET_TRY(fet_path_join(path, "train", &s->train));
    FET_TRY(fet_path_join(path, "val", &s->val));
    FET_TRY(fet_path_join(path, "test", &s->test));
    if (!fet_folder_is(s->val)) fet_free(fet_take(s->val));
    if (fet_folder_is(s->train)) {
        if (fet_folder_is(s->test)) return FET_OK;
        return fet_fail(FET_ERROR_NOT_FOUND, "%s: not there, expected a folder beside %s", s->test, s->train);
    }
    fet_folder_splits_clear(s); /* without train beside them they are folders like any other */
    return fet_strdup_checked(path, &s->train);
}

fet_status fet_folder_find_splits(const char *path, fet_folder_splits *out_splits)
{
    fet_folder_splits splits = {0};
    fet_status status = find_splits(path, &splits);
    if (status == FET_OK) *out_splits = splits;
    else fet_folder_splits_clear(&splits);
    return status;
}

void fet_folder_splits_clear(fet_folder_splits *splits)
{
    fet_free(splits->train);
    fet_free(splits->val);
    fet_free(splits->test);
    *splits = (fet_folder_splits){0};
}
