// SPDX-License-Identifier: Apache-2.0
/*
 * Quantising weights: symmetric, one scale an output channel.
 *
 * Without VNNI the processor adds two u8 x s8 products into 16 bits with saturation. 7-bit weights (-63 .. 63) keep that sum below 2 * 255
 * * 63 = 32130, so nothing saturates. For an s8 source oneDNN adds 128 to it and halves the weights in its own layout; we then give it even
 * weights, twice the 7-bit ones, which halve exactly.
 */
#include "engine/infer/build.h"

#include <math.h>

/* Added and taken away, it rounds a float below 2^22 to a whole number, halves to even, in any processor's vectors. */
#define ROUNDING 0x1.8p23f

/*
 * A channel whose weights vanish has steps so fine that its bias would be beyond 32 bits: integer hardware, and files with s32 biases,
 * could not hold it. Its steps are made coarser until the bias has 29 bits, which leaves room for the sum. Ordinary channels have biases of
 * 10 to 20 bits.
 */
static float widest_needed(float scale, float bias, float src_scale)
{
    return fmaxf(scale, fabsf(bias) / (src_scale * 0x1p29f));
}

void fet_weights_quantise(const float *weights, int64_t rows, int64_t length, const fet_weights_source *src, int8_t *quantised,
                          float *scales)
{
    bool signed_src = src->is_signed;
    bool full = fet_engine_has_vnni();
    int limit = full ? 127 : 63, factor = !full && signed_src ? 2 : 1;
    for (int64_t r = 0; r < rows; r++) {
        float largest = 0.0f;
        for (int64_t i = 0; i < length; i++) {
            float size = fabsf(weights[r * length + i]); /* comparisons, not fmaxf: the compiler makes vectors of them */
            largest = size > largest ? size : largest;
        }
        float scale = largest > 0.0f ? largest / (float)limit : 1.0f;
        if (src->bias) scale = widest_needed(scale, src->bias[r] * (float)factor, src->scale);
        for (int64_t i = 0; i < length; i++) {
            float steps = weights[r * length + i] / scale;
            steps = steps < (float)limit ? steps : (float)limit; /* also what is no number */
            steps = steps > (float)-limit ? steps : (float)-limit;
            steps = (steps + ROUNDING) - ROUNDING;
            quantised[r * length + i] = (int8_t)((int)steps * factor);
        }
        scales[r] = scale / (float)factor;
    }
}

float fet_weights_quantise_bias(float bias, float step)
{
    float steps = bias / step;
    return fabsf(steps) < 0x1p30f ? nearbyintf(steps) : steps;
}
