// SPDX-License-Identifier: Apache-2.0
#include "run/machine.h"

#include "engine/engine.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The "model name" of the first processor; "unknown processor" where the kernel does not say. */
static void cpu_name(char *name, size_t bytes)
{
    char line[512];
    snprintf(name, bytes, "unknown processor");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (!file) return;
    while (fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        snprintf(name, bytes, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    fclose(file);
}

json_t *fet_machine_json(const char *device, const char *precision)
{
    char cpu[256];
    cpu_name(cpu, sizeof cpu);
    long cores = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    return json_pack("{s:s, s:s, s:i, s:I, s:s, s:s}", "device", device, "cpu", cpu, "cores", (int)cores, "memory_bytes",
                     (json_int_t)pages * page_bytes, "isa", fet_engine_isa_name(), "precision", precision);
}

json_t *fet_versions_json(void)
{
    const dnnl_version_t *dnnl = dnnl_version();
    char onednn[64];
    snprintf(onednn, sizeof onednn, "%d.%d.%d", dnnl->major, dnnl->minor, dnnl->patch);
    return json_pack("{s:s, s:s, s:s, s:s}", "fettle", FET_VERSION, "oneDNN", onednn, "SQLite", sqlite3_libversion(), "compiler",
                     __VERSION__);
}
