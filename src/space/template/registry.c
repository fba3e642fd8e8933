// SPDX-License-Identifier: Apache-2.0
#include "space/template/template.h"

#include <stdio.h>
#include <string.h>

extern const fet_template_ops fet_template_ibn_classifier;

const fet_template_ops *const fet_templates[] = {
    &fet_template_ibn_classifier,
    NULL,
};

fet_status fet_template_build(const char *name, const fet_template_options *options, fet_graph **out_graph)
{
    char known[256] = "";
    for (size_t t = 0; fet_templates[t]; t++) {
        if (strcmp(fet_templates[t]->name, name) == 0) return fet_templates[t]->build(options, out_graph);
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", fet_templates[t]->name);
    }
    return fet_fail(FET_ERROR_NOT_FOUND, "there is no template \"%s\"; known: %s", name, known);
}
