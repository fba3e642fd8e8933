// SPDX-License-Identifier: Apache-2.0
#include "cli/names.h"

#include <stdbool.h>
#include <string.h>

fet_names_prefix fet_names_find_prefix(const char *const *names, uint32_t n)
{
    fet_names_prefix prefix = {.text = n > 1 ? names[n / 2] : ""}; /* one from the middle is seldom an input or an output */
    for (size_t length = strlen(prefix.text); length > 0; length--) {
        uint32_t begin_so = 0;
        if (prefix.text[length - 1] != '/') continue;
        for (uint32_t i = 0; i < n; i++) begin_so += strncmp(names[i], prefix.text, length) == 0;
        if ((uint64_t)begin_so * 5 < (uint64_t)n * 4) continue;
        prefix.length = length;
        break;
    }
    return prefix;
}

const char *fet_names_strip(const fet_names_prefix *prefix, const char *name)
{
    bool has = prefix->length > 0 && strncmp(name, prefix->text, prefix->length) == 0 && name[prefix->length];
    return name + (has ? prefix->length : 0);
}
