// SPDX-License-Identifier: Apache-2.0
/* Sound files through libsndfile: WAV and FLAC, of any sample format, as float32 from -1 to 1. */
#ifndef FET_DATA_SOUND_H
#define FET_DATA_SOUND_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { FET_SOUND_LIMIT_CHANNELS = 64 };
#define FET_SOUND_LIMIT_SAMPLES ((size_t)1 << 29) /* of all channels together */

typedef struct fet_sound {
    float *samples; /* [frames][channels] */
    size_t frames;
    uint32_t channels;
    uint32_t rate; /* frames a second */
} fet_sound;

/* The whole file. Errors: NOT_FOUND, IO, CORRUPT no sound, or cut off; LIMIT; NOMEM. */
FET_MUST_CHECK fet_status fet_sound_read(const char *path, fet_sound *out_sound);
void fet_sound_clear(fet_sound *sound);

#endif
