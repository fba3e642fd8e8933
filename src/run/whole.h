// SPDX-License-Identifier: Apache-2.0
/*
 * Networks measured whole. Disturbances only add time, and may last for a minute: the two quickest visits of a network must agree, or it is
 * measured again, a few times.
 */
#ifndef FET_RUN_WHOLE_H
#define FET_RUN_WHOLE_H

#include "device/device.h"

enum { FET_WHOLE_MAX = 192 };

/* Who is visited again as long as some network's visits do not agree: it alone, where each is learned from by itself; or all of them, where
 * they are compared with each other, so that every one has seen the same minutes. */
typedef enum fet_whole_order { FET_WHOLE_APART, FET_WHOLE_TOGETHER } fet_whole_order;

/*
 * Of n ONNX files (up to FET_WHOLE_MAX), in turns: out_ms[n] the mean of the two quickest visits, out_spread[n] how far they are apart, or
 * the spread within the quickest where that is more.
 */
FET_MUST_CHECK fet_status fet_whole_measure(fet_device *device, const char *const *onnx_paths, uint32_t n, fet_whole_order order,
                                            double *out_ms, double *out_spread);

#endif
