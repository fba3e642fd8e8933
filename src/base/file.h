// SPDX-License-Identifier: Apache-2.0
/*
 * Files, so that nothing half-written is ever seen: fet_file_replace writes beside the target, syncs and renames.
 * Every failure names the path and what the system said.
 */
#ifndef FET_BASE_FILE_H
#define FET_BASE_FILE_H

#include "base/alloc.h"

/* Reads a whole file of at most `limit_bytes` into a heap buffer with a zero byte behind it (not counted). LIMIT when it is larger. */
FET_MUST_CHECK fet_status fet_file_read(const char *path, size_t limit_bytes, void **out_data, size_t *out_bytes);

/* Makes `path` hold exactly these bytes, or leaves it untouched. */
FET_MUST_CHECK fet_status fet_file_replace(const char *path, const void *data, size_t bytes);

/* Appends with one write(2) on O_APPEND, so that lines of several processes do not mix. Creates the file. */
FET_MUST_CHECK fet_status fet_file_append(const char *path, const void *data, size_t bytes);

bool fet_file_exists(const char *path);

/* mkdir -p. */
FET_MUST_CHECK fet_status fet_dir_make(const char *path);

/* "a/b" from "a" and "b" ("b" itself when it is absolute); heap. */
FET_MUST_CHECK fet_status fet_path_join(const char *folder, const char *name, char **out_path);

#endif
