// SPDX-License-Identifier: Apache-2.0
/* How many augmented 28x28 images a second the loader makes on one core. A trainer of 3,000 images/s must not lose 2%: at least 150,000 are
 * needed. */
#include "data/loader.h"
#include "base/clock.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/usr/share/datasets/fashion-mnist";
    fet_auto(fet_dataset) dataset = NULL;
    fet_auto(fet_loader) loader = NULL;
    double start_s = fet_clock_monotonic_s();
    fet_status status = fet_dataset_open(&(fet_dataset_options){.kind = "idx", .path = path}, &dataset);
    double opened_s = fet_clock_monotonic_s() - start_s;
    fet_loader_options options = {.batch = 64, .shuffle = true, .augment = {.flip = true, .shift = 2}};
    if (status == FET_OK) status = fet_loader_create(dataset, &options, &loader);
    uint64_t n = 0;
    start_s = fet_clock_monotonic_s();
    for (uint32_t epoch = 0; status == FET_OK && epoch < 8; epoch++) {
        fet_batch batch;
        for (uint32_t b = 0; status == FET_OK && b < fet_loader_batches_per_epoch(loader); b++, n += batch.count)
            status = fet_loader_batch(loader, epoch, b, &batch);
    }
    double seconds = fet_clock_monotonic_s() - start_s;
    if (status != FET_OK) {
        fprintf(stderr, "loader: %s\n", fet_error_message());
        return status == FET_ERROR_NOT_FOUND ? 77 : 1;
    }
    printf("loader: opened in %.2f s; %.0f images/s with shift and flip (one core)\n", opened_s, (double)n / seconds);
    return (double)n / seconds < 100000 ? 1 : 0;
}
