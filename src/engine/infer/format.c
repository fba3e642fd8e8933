// SPDX-License-Identifier: Apache-2.0
#include "engine/infer/format.h"

#include <math.h>

fet_format fet_format_plain(const fet_shape *shape)
{
    return (fet_format){.shape = *shape, .dtype = FET_DTYPE_F32, .layout = FET_LAYOUT_PLAIN, .scale = 1.0f};
}

fet_format fet_format_fast(const fet_shape *shape, fet_dtype precision, bool is_unsigned)
{
    bool map = shape->rank == 3 || shape->rank == 4;
    fet_layout layout = map ? FET_LAYOUT_NHWC : FET_LAYOUT_PLAIN;
    fet_dtype dtype = precision == FET_DTYPE_S8 && is_unsigned ? FET_DTYPE_U8 : precision;
    return (fet_format){.shape = *shape, .dtype = dtype, .layout = layout, .scale = 1.0f};
}

fet_extent fet_format_extent(const fet_format *format)
{
    const fet_shape *s = &format->shape;
    fet_extent e = {1, 1, 1, 1};
    if (s->rank > 0) e.n = s->dim[0];
    if (s->rank > 1) e.c = s->dim[1];
    if (s->rank == 3) e.w = s->dim[2];
    if (s->rank >= 4) e.h = s->dim[2], e.w = s->dim[3];
    for (uint32_t i = 4; i < s->rank; i++) e.w *= s->dim[i];
    return e;
}

size_t fet_format_bytes(const fet_format *format)
{
    fet_extent e = fet_format_extent(format);
    return (size_t)(e.n * e.c * e.h * e.w) * fet_dtype_bytes(format->dtype);
}

dnnl_data_type_t fet_format_dnnl_type(fet_dtype dtype)
{
    switch (dtype) {
    case FET_DTYPE_F32: return dnnl_f32;
    case FET_DTYPE_BF16: return dnnl_bf16;
    case FET_DTYPE_S8: return dnnl_s8;
    case FET_DTYPE_U8: return dnnl_u8;
    case FET_DTYPE_S32: return dnnl_s32;
    default: return dnnl_data_type_undef;
    }
}

fet_status fet_format_desc(const fet_format *format, dnnl_memory_desc_t *out_desc)
{
    dnnl_data_type_t type = fet_format_dnnl_type(format->dtype);
    if (format->shape.rank != 3 && format->shape.rank != 4) {
        static const dnnl_format_tag_t row_major[] = {dnnl_a, dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd, dnnl_abcde, dnnl_abcdef};
        dnnl_dims_t dims = {1};
        uint32_t rank = format->shape.rank;
        if (rank > 6) return fet_fail(FET_ERROR_UNSUPPORTED, "a value of rank %u: oneDNN takes up to 6 in row-major order", rank);
        for (uint32_t i = 0; i < rank; i++) dims[i] = format->shape.dim[i];
        return fet_engine_check(dnnl_memory_desc_init_by_tag(out_desc, rank ? (int)rank : 1, dims, type, row_major[rank]),
                                "describe a value");
    }
    fet_extent e = fet_format_extent(format);
    dnnl_dims_t dims = {e.n, e.c, e.h, e.w};
    dnnl_format_tag_t tag = format->layout == FET_LAYOUT_PLAIN ? dnnl_nchw : dnnl_nhwc;
    return fet_engine_check(dnnl_memory_desc_init_by_tag(out_desc, 4, dims, type, tag), "describe a map");
}

fet_status fet_format_rows_desc(const fet_format *format, dnnl_memory_desc_t *out_desc)
{
    fet_extent e = fet_format_extent(format);
    dnnl_dims_t dims = {e.n, e.c * e.h * e.w};
    return fet_engine_check(dnnl_memory_desc_init_by_tag(out_desc, 2, dims, fet_format_dnnl_type(format->dtype), dnnl_ab), "describe rows");
}

/* Where element n, c, h, w is stored. */
static int64_t offset(const fet_format *format, const fet_extent *e, int64_t n, int64_t c, int64_t h, int64_t w)
{
    if (format->layout == FET_LAYOUT_NHWC) return ((n * e->h + h) * e->w + w) * e->c + c;
    return ((n * e->c + c) * e->h + h) * e->w + w;
}

static float load(const fet_format *format, const void *data, int64_t at)
{
    switch (format->dtype) {
    case FET_DTYPE_BF16: return fet_f32_from_bf16(((const uint16_t *)data)[at]);
    case FET_DTYPE_S8: return format->scale * (float)((const int8_t *)data)[at];
    case FET_DTYPE_U8: return format->scale * (float)((const uint8_t *)data)[at];
    default: return ((const float *)data)[at];
    }
}

static void store(const fet_format *format, void *data, int64_t at, float value)
{
    float steps = format->dtype == FET_DTYPE_S8 || format->dtype == FET_DTYPE_U8 ? nearbyintf(value / format->scale) : 0.0f;
    switch (format->dtype) {
    case FET_DTYPE_BF16: ((uint16_t *)data)[at] = fet_bf16_from_f32(value); break;
    case FET_DTYPE_S8: ((int8_t *)data)[at] = (int8_t)fminf(127.0f, fmaxf(-128.0f, steps)); break;
    case FET_DTYPE_U8: ((uint8_t *)data)[at] = (uint8_t)fminf(255.0f, fmaxf(0.0f, steps)); break;
    default: ((float *)data)[at] = value; break;
    }
}

void fet_format_to_plain(const fet_format *format, const void *data, float *plain)
{
    fet_extent e = fet_format_extent(format);
    for (int64_t n = 0; n < e.n; n++)
        for (int64_t c = 0; c < e.c; c++)
            for (int64_t h = 0; h < e.h; h++)
                for (int64_t w = 0; w < e.w; w++) *plain++ = load(format, data, offset(format, &e, n, c, h, w));
}

void fet_format_from_plain(const fet_format *format, const float *plain, void *data)
{
    fet_extent e = fet_format_extent(format);
    for (int64_t n = 0; n < e.n; n++)
        for (int64_t c = 0; c < e.c; c++)
            for (int64_t h = 0; h < e.h; h++)
                for (int64_t w = 0; w < e.w; w++) store(format, data, offset(format, &e, n, c, h, w), *plain++);
}
