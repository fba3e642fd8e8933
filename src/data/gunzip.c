// SPDX-License-Identifier: Apache-2.0
#include "data/gunzip.h"

#define ZLIB_CONST
#include <zlib.h>

enum { FIRST_BYTES = 1 << 16, GZIP_WINDOW = 15 + 16 /* largest window, gzip framing only */ };

bool fet_is_gzip(const void *data, size_t bytes)
{
    const uint8_t *b = data;
    return bytes >= 2 && b[0] == 0x1F && b[1] == 0x8B;
}

static void *zlib_alloc(void *context, unsigned count, unsigned bytes)
{
    (void)context;
    return fet_calloc(count, bytes);
}

static void zlib_free(void *context, void *pointer)
{
    (void)context;
    fet_free(pointer);
}

/* zlib counts in unsigned int: feeds and drains in pieces of at most 1 GiB. */
static uInt piece(size_t bytes)
{
    return bytes > 1u << 30 ? 1u << 30 : (uInt)bytes;
}

static fet_status inflate_all(z_stream *stream, const uint8_t *data, size_t bytes, size_t limit_bytes, const char *name, uint8_t **buffer,
                              size_t *out_bytes)
{
    size_t eaten = 0, made = 0, capacity = 0;
    for (;;) {
        if (made == capacity) {
            if (made >= limit_bytes) return fet_fail(FET_ERROR_LIMIT, "%s: inflates to more than %zu bytes, the limit", name, limit_bytes);
            FET_TRY(fet_grow(buffer, &capacity, made + FIRST_BYTES, 1));
        }
        stream->next_in = data + eaten;
        stream->avail_in = piece(bytes - eaten);
        stream->next_out = *buffer + made;
        stream->avail_out = piece(capacity - made);
        uInt in_before = stream->avail_in, out_before = stream->avail_out;
        int result = inflate(stream, Z_NO_FLUSH);
        eaten += in_before - stream->avail_in;
        made += out_before - stream->avail_out;
        if (result == Z_MEM_ERROR) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to inflate it", name);
        if (result == Z_STREAM_END) {
            if (eaten == bytes) break;
            if (!fet_is_gzip(data + eaten, bytes - eaten))
                return fet_fail(FET_ERROR_CORRUPT, "%s: %zu bytes behind the end of the gzip data at byte %zu, expected none", name,
                                bytes - eaten, eaten);
            if (inflateReset(stream) != Z_OK)
                return fet_fail(FET_ERROR_CORRUPT, "%s: cannot start the gzip member at byte %zu", name, eaten);
            continue;
        }
        if (result == Z_BUF_ERROR || (result == Z_OK && eaten == bytes && stream->avail_out > 0))
            return fet_fail(FET_ERROR_CORRUPT, "%s: cut off: the gzip data ends at byte %zu in the middle of its contents", name, bytes);
        if (result != Z_OK)
            return fet_fail(FET_ERROR_CORRUPT, "%s: byte %zu: %s", name, eaten, stream->msg ? stream->msg : "not gzip data");
    }
    if (made > limit_bytes) return fet_fail(FET_ERROR_LIMIT, "%s: inflates to more than %zu bytes, the limit", name, limit_bytes);
    *out_bytes = made;
    return FET_OK;
}

fet_status fet_gunzip(const void *data, size_t bytes, size_t limit_bytes, const char *name, uint8_t **out_data, size_t *out_bytes)
{
    z_stream stream = {.zalloc = zlib_alloc, .zfree = zlib_free};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to inflate it", name);
    uint8_t *buffer = NULL;
    size_t made = 0;
    fet_status status = inflate_all(&stream, data, bytes, limit_bytes, name, &buffer, &made);
    inflateEnd(&stream);
    if (status != FET_OK) {
        fet_free(buffer);
        return status;
    }
    /* Gives back what doubling took too much; a refusal leaves the larger buffer, which is as good. */
    uint8_t *shrunk = fet_realloc(buffer, made);
    *out_data = shrunk ? shrunk : buffer;
    *out_bytes = made;
    return FET_OK;
}
