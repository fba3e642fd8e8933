// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a sound (WAV, FLAC): read or refused with a message; what was read is as many samples as it says. */
#include "data/sound.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fet_sound sound;
    char path[64];
    int file = memfd_create("sound", MFD_CLOEXEC);
    if (file < 0 || write(file, data, bytes) != (ssize_t)bytes) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    fet_error_clear();
    if (fet_sound_read(path, &sound) == FET_OK) {
        float sum = 0;
        if (sound.channels == 0 || sound.channels > FET_SOUND_LIMIT_CHANNELS) abort();
        for (size_t i = 0; i < sound.frames * sound.channels; i++) sum += sound.samples[i];
        volatile float sink = sum;
        (void)sink;
        fet_sound_clear(&sound);
    } else if (!fet_error_message()[0]) {
        abort();
    }
    close(file);
    return 0;
}
