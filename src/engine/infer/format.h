// SPDX-License-Identifier: Apache-2.0
/*
 * How a value lies in memory in the executor: its shape, element type, layout and, in int8, its scale.
 *   PLAIN    row-major f32, as the user sees it
 *   NHWC     maps in the device's form: channels innermost, no padding
 * Values of rank 2 and 1 are row-major in both. Maps of rank 3 (N, C, W) are treated as N, C, 1, W.
 *
 * f32 is NHWC too. Measured on oneDNN 2.6.3 for inference, nhwc / nChw16c: dense convolutions 0.64 (channels no multiple of 16) to 1.07,
 * depthwise 1.0 to 1.3; and nhwc alone has a fast form for every number of channels and groups. (Training is another matter: there nhwc
 * costs 26%.)
 */
#ifndef FET_ENGINE_INFER_FORMAT_H
#define FET_ENGINE_INFER_FORMAT_H

#include "engine/engine.h"
#include "tensor/tensor.h"

typedef enum fet_layout { FET_LAYOUT_PLAIN = 0, FET_LAYOUT_NHWC } fet_layout;

typedef struct fet_format {
    fet_shape shape; /* as the graph has it */
    fet_dtype dtype;
    fet_layout layout;
    float scale; /* number = scale * stored; 1 but for s8 and u8 */
} fet_format;

fet_format fet_format_plain(const fet_shape *shape);
/* What `precision` uses for computed values of this shape; S8 gives s8 or, with is_unsigned, u8. */
fet_format fet_format_fast(const fet_shape *shape, fet_dtype precision, bool is_unsigned);

/* N, C, H, W of a format (absent: 1; from rank 5 on the last ones multiplied together). */
typedef struct fet_extent {
    int64_t n, c, h, w;
} fet_extent;
fet_extent fet_format_extent(const fet_format *format);

size_t fet_format_bytes(const fet_format *format);

/* As oneDNN sees it: maps have 4 dimensions, other ranks their own. */
FET_MUST_CHECK fet_status fet_format_desc(const fet_format *format, dnnl_memory_desc_t *out_desc);
/* The same memory as a row-major matrix of N rows (for inner products): K = everything a sample stores. */
FET_MUST_CHECK fet_status fet_format_rows_desc(const fet_format *format, dnnl_memory_desc_t *out_desc);
dnnl_data_type_t fet_format_dnnl_type(fet_dtype dtype);

/* Slow and obvious conversions, for tests, calibration and reading values. */
void fet_format_to_plain(const fet_format *format, const void *data, float *plain);
void fet_format_from_plain(const fet_format *format, const float *plain, void *data);

#endif
