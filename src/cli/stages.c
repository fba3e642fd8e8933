// SPDX-License-Identifier: Apache-2.0
#include "cli/stages.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 20 };

/* A number at *text; false when there is none. */
static bool take_number(const char **text, uint32_t *out)
{
    if (**text < '0' || **text > '9') return false;
    char *end = NULL;
    unsigned long value = strtoul(*text, &end, 10);
    if (value > LARGEST) return false;
    *text = end;
    *out = (uint32_t)value;
    return true;
}

static fet_status fail_stage(const char *stage, const char *expected)
{
    return fet_fail(FET_ERROR_ARG, "stage \"%.*s\": expected %s", (int)strcspn(stage, ","), stage, expected);
}

/* Letters with a number behind each, until a comma or the end. */
static fet_status take_letters(const char **text, const char *stage, fet_template_stage *out_stage)
{
    while (**text && **text != ',') {
        uint32_t *field = **text == 's'   ? &out_stage->stride
                          : **text == 'e' ? &out_stage->expansion
                          : **text == 'k' ? &out_stage->kernel
                                          : NULL;
        if (!field) return fail_stage(stage, "s (stride), e (expansion) or k (kernel) with a number, as in 2x32s2e4k3");
        ++*text;
        if (!take_number(text, field)) return fail_stage(stage, "a number behind each letter, as in 2x32s2e4k3");
    }
    return FET_OK;
}

static fet_status take_stage(const char **text, fet_template_stage *out_stage)
{
    const char *stage = *text;
    *out_stage = (fet_template_stage){.blocks = 1, .expansion = 4, .stride = 1, .kernel = 3};
    if (!take_number(text, &out_stage->channels)) return fail_stage(stage, "channels, as in 32 or 2x32s2e4k3");
    if (**text == 'x') {
        ++*text;
        out_stage->blocks = out_stage->channels;
        if (!take_number(text, &out_stage->channels)) return fail_stage(stage, "channels behind the x, as in 2x32");
    }
    return take_letters(text, stage, out_stage);
}

fet_status fet_stages_parse(const char *text, fet_template_options *options)
{
    options->n_stages = 0;
    for (;;) {
        if (options->n_stages == FET_TEMPLATE_MAX_STAGES)
            return fet_fail(FET_ERROR_ARG, "stages: more than %d of them", FET_TEMPLATE_MAX_STAGES);
        FET_TRY(take_stage(&text, &options->stages[options->n_stages++]));
        if (!*text) return FET_OK;
        text++;
    }
}

fet_status fet_stem_parse(const char *text, fet_template_options *options)
{
    fet_template_stage stage = {.stride = 1, .kernel = 3};
    const char *rest = text;
    if (!take_number(&rest, &stage.channels)) return fail_stage(text, "channels of the stem, as in 16s1k3");
    FET_TRY(take_letters(&rest, text, &stage));
    if (*rest || stage.expansion) return fail_stage(text, "one stem without expansion, as in 16s1k3");
    options->stem_channels = stage.channels;
    options->stem_stride = stage.stride;
    options->stem_kernel = stage.kernel;
    return FET_OK;
}
