// SPDX-License-Identifier: Apache-2.0
/* The functions of the files of this folder. Private to it. */
#ifndef FET_ENGINE_REFERENCE_FAMILIES_H
#define FET_ENGINE_REFERENCE_FAMILIES_H

#include "engine/reference/reference.h"

void fet_reference_softmax(const fet_reference_call *call);

#endif
