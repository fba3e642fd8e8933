// SPDX-License-Identifier: Apache-2.0
/* Every decision that can be found in a network, with widths at the device's multiples. */
#ifndef FET_ADVISE_WHOLE_SPACE_H
#define FET_ADVISE_WHOLE_SPACE_H

#include "space/space.h"

/*
 * A network with more decisions than a space holds is looked at without kernel sizes, then also without forms beside the fused one, then
 * for fusing, activations and widths of stages alone; *out_left_out says what was left out, "" when nothing. more: kinds that are no part
 * of FET_SPACE_ALL. base: borrowed, outlives the space. Errors: those of fet_space_create.
 */
FET_MUST_CHECK fet_status fet_whole_space_create(const fet_graph *base, fet_parallelism parallelism, uint32_t more,
                                                 const char *const *locks, uint32_t n_locks, fet_space **out_space,
                                                 const char **out_left_out);

#endif
