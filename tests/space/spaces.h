// SPDX-License-Identifier: Apache-2.0
/* What the tests of spaces share: a decision by name, its options as text, a space that must come about. */
#ifndef FET_TESTS_SPACE_SPACES_H
#define FET_TESTS_SPACE_SPACES_H

#include "networks.h"

#include "space/space.h"

#include <stdio.h>

static inline const fet_decision *decision_named(const fet_space *space, const char *name)
{
    for (uint32_t d = 0; d < fet_space_n_decisions(space); d++)
        if (strcmp(fet_space_decision(space, d)->name, name) == 0) return fet_space_decision(space, d);
    return NULL;
}

/* "a,b,(c),d*": removed in brackets, the base's starred. */
static inline const char *options_text(const fet_space *space, const char *name)
{
    static char text[1024];
    const fet_decision *decision = decision_named(space, name);
    if (!decision) return "absent";
    text[0] = '\0';
    for (uint32_t o = 0; o < decision->n_options; o++) {
        size_t used = strlen(text);
        bool removed = decision->options[o].removed;
        snprintf(text + used, sizeof text - used, "%s%s%s%s%s", o ? "," : "", removed ? "(" : "", decision->options[o].label,
                 removed ? ")" : "", o == decision->base_option ? "*" : "");
    }
    return text;
}

static inline fet_space *space_of(const fet_graph *base, const fet_space_options *options)
{
    fet_space *space = NULL;
    CHECK_OK(fet_space_create(base, options, &space));
    assert_ptr_equal(fet_space_base(space), base);
    return space;
}

#endif
