// SPDX-License-Identifier: Apache-2.0
/* A candidate of a space as an ONNX file: weights inherited, batch norms set anew where there is data, and how far its outputs are off. */
#ifndef FET_CLI_ADVISE_APPLY_H
#define FET_CLI_ADVISE_APPLY_H

#include "space/space.h"

typedef struct fet_applied {
    double
        difference; /* largest difference of an output to the base's, as a share of the base's largest, on random inputs; NAN: not known */
    bool recalibrated;
} fet_applied;

/* data: "KIND:PATH" or NULL. Errors: STATE the base has no numbers; those of the data; IO. */
FET_MUST_CHECK fet_status fet_advise_write(const fet_space *space, const fet_genome *genome, const char *data, const char *path,
                                           fet_applied *out_applied);

#endif
