// SPDX-License-Identifier: Apache-2.0
#include "advise/whole_space.h"

static const struct {
    uint32_t without; /* kinds */
    const char *what;
} stages[] = {
    {0, ""},
    {FET_SPACE_KERNEL, "kernel sizes"},
    {FET_SPACE_KERNEL | FET_SPACE_GROUP | FET_SPACE_DENSE, "kernel sizes, grouped and dense forms"},
    {~(uint32_t)(FET_SPACE_FUSE | FET_SPACE_ACTIVATION | FET_SPACE_RESOLUTION),
     "all but fusing, activations, the input's size and widths of stages"},
};

fet_status fet_whole_space_create(const fet_graph *base, fet_parallelism parallelism, uint32_t more, const char *const *locks,
                                  uint32_t n_locks, fet_space **out_space, const char **out_left_out)
{
    fet_space_options options = fet_space_default_options();
    fet_status status = FET_ERROR_LIMIT;
    options.parallelism = parallelism;
    options.locks = locks;
    options.n_locks = n_locks;
    for (size_t s = 0; s < sizeof stages / sizeof *stages && status == FET_ERROR_LIMIT; s++) {
        options.kinds = (FET_SPACE_ALL | more) & ~stages[s].without;
        status = fet_space_create(base, &options, out_space);
        if (status == FET_OK) *out_left_out = stages[s].what;
    }
    return status;
}
