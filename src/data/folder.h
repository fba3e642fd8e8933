// SPDX-License-Identifier: Apache-2.0
/*
 * Names in a folder, in byte order, so that a listing's order or a locale changes nothing. Hidden files are passed over. And the three
 * folders that a data set may have its splits in: PATH/train, PATH/val (may be missing), PATH/test.
 */
#ifndef FET_DATA_FOLDER_H
#define FET_DATA_FOLDER_H

#include "base/alloc.h"

#include <stdbool.h>

typedef struct fet_names {
    char **items; /* heap */
    size_t count, capacity;
} fet_names;

void fet_names_clear(fet_names *list);
FET_MUST_CHECK fet_status fet_names_add(fet_names *list, char *name); /* takes `name` over, also when it fails */

bool fet_folder_is(const char *path);
/* Whether a file's name is one that is looked for. */
typedef bool (*fet_folder_wants)(const char *name);
/* Names of the folders in `folder`. */
FET_MUST_CHECK fet_status fet_folder_list_folders(const char *folder, fet_names *out_names);
/* Paths of the wanted files in `folder`, and with `deep` in the folders inside of it. Errors: NOT_FOUND, IO; LIMIT when folders stand 32
 * deep, as in a folder that is linked into itself. */
FET_MUST_CHECK fet_status fet_folder_list_files(const char *folder, fet_folder_wants wants, bool deep, fet_names *out_paths);

typedef struct fet_folder_splits {
    char *train, *val, *test; /* heap; NULL: no folder of its own */
} fet_folder_splits;
/* PATH/train and the others when there is PATH/train, else PATH itself as train. NOT_FOUND when train has no test beside it. */
FET_MUST_CHECK fet_status fet_folder_find_splits(const char *path, fet_folder_splits *out_splits);
void fet_folder_splits_clear(fet_folder_splits *splits);

#endif
