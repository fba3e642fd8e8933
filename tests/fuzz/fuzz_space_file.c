// SPDX-License-Identifier: Apache-2.0
/* Any bytes as the list of decisions that `fettle space --save` writes: read or refused with a message. */
#include "space/space_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fet_auto(fet_arena) arena = NULL;
    const char *const *locks = NULL;
    char path[64];
    uint32_t n = 0;
    int file = memfd_create("space", MFD_CLOEXEC);
    if (file < 0 || write(file, data, bytes) != (ssize_t)bytes || fet_arena_create(&arena) != FET_OK) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    fet_error_clear();
    if (fet_space_file_read(path, arena, &locks, &n) == FET_OK) {
        for (uint32_t i = 0; i < n; i++)
            if (!locks[i] || strlen(locks[i]) > bytes) abort();
    } else if (!fet_error_message()[0]) {
        abort();
    }
    close(file);
    return 0;
}
