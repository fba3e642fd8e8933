// SPDX-License-Identifier: Apache-2.0
/* Any bytes as the kernel table of a measured device: refused with a message, or kernels with latencies, each found again; another one can
 * be added, and the file is then read as it stands. */
#include "device/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_all(const fet_kernel_table *table)
{
    for (uint32_t i = 0; i < fet_kernel_table_count(table); i++) {
        fet_kernel_key key;
        fet_repeat repeats[FET_REPEATS_MAX];
        double ms = 0, spread = 0, found = 0;
        fet_kernel_table_item(table, i, &key, &ms, &spread);
        if (!(ms > 0) || !(spread >= 0) || !fet_kernel_table_lookup(table, &key, &found, &spread) || found != ms) abort();
        if (fet_kernel_table_repeats(table, &key, repeats) == 0) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static char path[64];
    fet_kernel_key key;
    fet_kernel_time time = {.latency_ms = 1, .n_samples = 1, .implementation = "fuzz", .pulse = 1.2};
    bool locked = false;
    snprintf(path, sizeof path, "/dev/shm/fuzz-%ld.kernels", (long)getpid());
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, data, bytes) != (ssize_t)bytes) abort();
    close(file);
    fet_error_clear();
    fet_auto(fet_kernel_table) table = NULL;
    fet_auto(fet_kernel_table) again = NULL;
    if (fet_kernel_table_open(path, "a target", &table) != FET_OK) {
        if (!fet_error_message()[0]) abort();
    } else {
        check_all(table);
        if (fet_kernel_key_parse("conv s8 1x9x14x14>1x14x14 k3x3 s1x1 g1", &key) != FET_OK) abort();
        if (fet_kernel_table_try_lock(table, &locked) != FET_OK || fet_kernel_table_append(table, &key, &time) != FET_OK) abort();
        if (fet_kernel_table_open(path, "a target", &again) != FET_OK) abort();
        if (fet_kernel_table_count(again) != fet_kernel_table_count(table)) abort();
        check_all(again);
    }
    char lock[80];
    snprintf(lock, sizeof lock, "%s.lock", path);
    unlink(path);
    unlink(lock);
    return 0;
}
