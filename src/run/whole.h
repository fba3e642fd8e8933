// SPDX-License-Identifier: Apache-2.0
/*
 * Networks measured whole, to learn from. Disturbances only add time, and may last for a minute: the two quickest visits of a network must
 * agree, or it is measured again, a few times. Not for comparing networks with each other: who settles is not visited beside the others
 * any more.
 */
#ifndef FET_RUN_WHOLE_H
#define FET_RUN_WHOLE_H

#include "device/device.h"

enum { FET_WHOLE_MAX = 192 };

/*
 * Of n ONNX files (up to FET_WHOLE_MAX), in turns: out_ms[n] the mean of the two quickest visits, out_spread[n] how far they are apart, or
 * the spread within the quickest where that is more.
 */
FET_MUST_CHECK fet_status fet_whole_measure(fet_device *device, const char *const *onnx_paths, uint32_t n, double *out_ms,
                                            double *out_spread);

#endif
