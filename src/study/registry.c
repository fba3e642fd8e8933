// SPDX-License-Identifier: Apache-2.0
#include "study/store.h"

#include <string.h>

/* The store of plain paths stands last: it takes every location that no scheme before it claims. */
const fet_store_ops *const fet_stores[] = {
    &fet_store_sqlite,
    NULL,
};

const fet_store_ops *fet_store_for(const char *location)
{
    const fet_store_ops *const *store = fet_stores;
    while (store[1] && strncmp(location, (*store)->scheme, strlen((*store)->scheme)) != 0) store++;
    return *store;
}
