// SPDX-License-Identifier: Apache-2.0
#include "data/sound.h"

#include "base/alloc.h"
#include "base/file.h"

#include <sndfile.h>

enum { AT_ONCE = 1 << 16 }; /* frames */

static fet_status check(const char *path, const SF_INFO *info)
{
    if (info->channels < 1 || info->frames < 1) return fet_fail(FET_ERROR_CORRUPT, "%s: no sound is in it", path);
    if (info->channels > FET_SOUND_LIMIT_CHANNELS || (uint64_t)info->frames > FET_SOUND_LIMIT_SAMPLES / (uint64_t)info->channels)
        return fet_fail(FET_ERROR_LIMIT, "%s: %d channels of %lld samples, expected at most %d channels and %zu samples of all together",
                        path, info->channels, (long long)info->frames, FET_SOUND_LIMIT_CHANNELS, FET_SOUND_LIMIT_SAMPLES);
    return FET_OK;
}

/* A header may promise more than there is, so there is no more room than twice what was read. */
static fet_status read_frames(const char *path, SNDFILE *file, const SF_INFO *info, fet_sound *sound)
{
    FET_TRY(check(path, info));
    *sound = (fet_sound){.frames = (size_t)info->frames, .channels = (uint32_t)info->channels, .rate = (uint32_t)info->samplerate};
    size_t capacity = 0, done = 0;
    while (done < sound->frames) {
        size_t some = sound->frames - done < AT_ONCE ? sound->frames - done : AT_ONCE;
        FET_TRY(fet_grow(&sound->samples, &capacity, (done + some) * sound->channels, sizeof *sound->samples));
        sf_count_t n = sf_readf_float(file, sound->samples + done * sound->channels, (sf_count_t)some);
        done += n > 0 ? (size_t)n : 0;
        if (n != (sf_count_t)some) return fet_fail(FET_ERROR_CORRUPT, "%s: it ends after %zu of %zu samples", path, done, sound->frames);
    }
    return FET_OK;
}

fet_status fet_sound_read(const char *path, fet_sound *out_sound)
{
    SF_INFO info = {0};
    fet_sound sound = {0};
    if (!fet_file_exists(path)) return fet_fail(FET_ERROR_NOT_FOUND, "%s: there is no such file", path);
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    if (!file) return fet_fail(FET_ERROR_CORRUPT, "%s: cannot be read as a sound: %s", path, sf_strerror(NULL));
    fet_status status = read_frames(path, file, &info, &sound);
    sf_close(file);
    if (status == FET_OK) *out_sound = sound;
    else fet_sound_clear(&sound);
    return status;
}

void fet_sound_clear(fet_sound *sound)
{
    fet_free(sound->samples);
    *sound = (fet_sound){0};
}
