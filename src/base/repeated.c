// SPDX-License-Identifier: Apache-2.0
#include "base/repeated.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t whole_periods(size_t bytes)
{
    return (bytes + FET_REPEATED_PERIOD - 1) / FET_REPEATED_PERIOD * FET_REPEATED_PERIOD;
}

void *fet_repeated_map(size_t bytes)
{
    size_t mapped = whole_periods(bytes);
    int file = memfd_create("fettle-repeated", MFD_CLOEXEC);
    if (file < 0) return NULL;
    bool done = ftruncate(file, FET_REPEATED_PERIOD) == 0;
    char *data = done ? mmap(NULL, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : MAP_FAILED;
    for (size_t at = 0; data != MAP_FAILED && done && at < mapped; at += FET_REPEATED_PERIOD)
        done = mmap(data + at, FET_REPEATED_PERIOD, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file, 0) != MAP_FAILED;
    (void)close(file); /* the mappings hold it */
    if (data == MAP_FAILED) return NULL;
    if (done) return data;
    (void)munmap(data, mapped);
    return NULL;
}

void fet_repeated_unmap(void *data, size_t bytes)
{
    if (data) (void)munmap(data, whole_periods(bytes));
}
