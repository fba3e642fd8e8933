// SPDX-License-Identifier: Apache-2.0
/* Names of layers, for people: what nearly all of them begin with is left out. */
#ifndef FET_CLI_NAMES_H
#define FET_CLI_NAMES_H

#include <stddef.h>
#include <stdint.h>

typedef struct fet_names_prefix {
    const char *text; /* its first `length` bytes, up to and with a "/"; borrowed from a name */
    size_t length;    /* 0: none */
} fet_names_prefix;

/* The longest that at least four names in five begin with. */
fet_names_prefix fet_names_find_prefix(const char *const *names, uint32_t n);
/* The name without it, where it begins so and something is left. */
const char *fet_names_strip(const fet_names_prefix *prefix, const char *name);

#endif
