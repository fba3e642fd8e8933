// SPDX-License-Identifier: Apache-2.0
/* Where device files are. */
#include "base/file.h"
#include "base/text.h"
#include "device/described/described.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEVICES = 512 };

static const char *const folders[] = {"devices", FET_DEVICE_DIR}; /* of the working directory, of fettle */
enum { N_FOLDERS = sizeof folders / sizeof *folders };

static bool ends_in_yaml(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".yaml") == 0;
}

static fet_status not_found(const char *name)
{
    fet_auto(fet_arena) arena = NULL;
    const char *const *names = NULL;
    uint32_t n = 0;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_device_file_list(arena, &names, &n));
    const char *nearest = fet_text_nearest(name, names, n);
    return fet_fail(FET_ERROR_NOT_FOUND,
                    "there is no device \"%s\"%s%s%s: expected a file NAME.yaml in devices/ or %s, or a path to one (`fettle device list`)",
                    name, nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "", FET_DEVICE_DIR);
}

fet_status fet_device_file_find(const char *name, char **out_path)
{
    if (ends_in_yaml(name)) {
        if (!fet_file_exists(name)) return fet_fail(FET_ERROR_NOT_FOUND, "%s: there is no such device file", name);
        return fet_strdup_checked(name, out_path);
    }
    fet_auto(fet_arena) arena = NULL;
    FET_TRY(fet_arena_create(&arena));
    for (uint32_t i = 0; i < N_FOLDERS && !strchr(name, '/'); i++) {
        const char *path = fet_arena_printf(arena, "%s/%s.yaml", folders[i], name);
        if (!path) return fet_arena_full();
        if (fet_file_exists(path)) return fet_strdup_checked(path, out_path);
    }
    return not_found(name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has(const char *const *names, uint32_t n, const char *name, size_t bytes)
{
    for (uint32_t i = 0; i < n; i++)
        if (strncmp(names[i], name, bytes) == 0 && names[i][bytes] == '\0') return true;
    return false;
}

fet_status fet_device_file_list(fet_arena *arena, const char *const **out_names, uint32_t *out_n)
{
    const char **names = fet_arena_zalloc(arena, MAX_DEVICES, sizeof *names);
    uint32_t n = 0;
    bool full = !names;
    for (uint32_t f = 0; f < N_FOLDERS && !full; f++) {
        DIR *folder = opendir(folders[f]);
        if (!folder) continue; /* not there: nothing in it */
        for (struct dirent *entry; n < MAX_DEVICES && !full && (entry = readdir(folder));) {
            size_t bytes = strlen(entry->d_name);
            if (!ends_in_yaml(entry->d_name) || has(names, n, entry->d_name, bytes - 5)) continue;
            names[n] = fet_arena_printf(arena, "%.*s", (int)(bytes - 5), entry->d_name);
            full = !names[n];
            n += !full;
        }
        closedir(folder);
    }
    if (full) return fet_arena_full();
    if (n) qsort(names, n, sizeof *names, by_name);
    *out_names = names;
    *out_n = n;
    return FET_OK;
}
