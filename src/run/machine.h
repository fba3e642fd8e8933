// SPDX-License-Identifier: Apache-2.0
/* What figures were made on: processor, instruction set, versions. Printed with every figure a user sees. */
#ifndef FET_RUN_MACHINE_H
#define FET_RUN_MACHINE_H

#include <jansson.h>

/* {"device", "cpu", "cores", "memory_bytes", "isa", "precision"}; NULL when there is no memory. */
json_t *fet_machine_json(const char *device, const char *precision);
/* {"fettle", "oneDNN", "SQLite", "compiler"} */
json_t *fet_versions_json(void);

#endif
