// SPDX-License-Identifier: Apache-2.0
/* Whole gzip files in memory. */
#ifndef FET_DATA_GUNZIP_H
#define FET_DATA_GUNZIP_H

#include "base/alloc.h"

/* True when the bytes start as a gzip file does. */
bool fet_is_gzip(const void *data, size_t bytes);

/* Inflates all members to at most `limit_bytes`; heap. `name` is the file, for messages. Errors: CORRUPT (cut off, bad checksum, bytes
 * behind), LIMIT, NOMEM. */
FET_MUST_CHECK fet_status fet_gunzip(const void *data, size_t bytes, size_t limit_bytes, const char *name, uint8_t **out_data,
                                     size_t *out_bytes);

#endif
