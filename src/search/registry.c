// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "search/strategies.h"

#include <stdio.h>
#include <string.h>

/* The first is the default. */
const fet_searcher_ops *const fet_searchers[] = {
    &fet_search_bayesian, &fet_search_local, &fet_search_nsga2, &fet_search_random, NULL,
};

enum { N_SEARCHERS = sizeof fet_searchers / sizeof *fet_searchers - 1 };

fet_status fet_searcher_find(const char *name, const fet_searcher_ops **out_ops)
{
    const char *names[N_SEARCHERS];
    char list[256] = "";
    for (size_t i = 0, used = 0; i < N_SEARCHERS; i++) {
        names[i] = fet_searchers[i]->name;
        if (strcmp(name, names[i]) == 0) {
            *out_ops = fet_searchers[i];
            return FET_OK;
        }
        int length = used < sizeof list ? snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]) : 0;
        used += length > 0 ? (size_t)length : 0;
    }
    const char *nearest = fet_text_nearest(name, names, N_SEARCHERS);
    return fet_fail(FET_ERROR_ARG, "search strategy \"%s\": expected one of %s%s%s%s", name, list, nearest ? "; did you mean " : "",
                    nearest ? nearest : "", nearest ? "?" : "");
}
