// SPDX-License-Identifier: Apache-2.0
/* The text form: three coefficients and two errors, as a study keeps it; beside a kernel table with a head that says of which device. */
#include "base/alloc.h"
#include "base/file.h"
#include "device/between.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "# fettle between kernels 1\n# "
enum { LIMIT_BYTES = 4096 };

const char *fet_between_print(const fet_between *between, char text[FET_BETWEEN_TEXT_BYTES])
{
    snprintf(text, FET_BETWEEN_TEXT_BYTES, "%.17g %.17g %.17g %.6g %.6g", between->weight_ms[0], between->weight_ms[1],
             between->weight_ms[2], between->error_before, between->error_after);
    return text;
}

fet_status fet_between_parse(const char *name, const char *text, fet_between *out_between)
{
    fet_between b = {.gains = false};
    int n = sscanf(text, "%lf %lf %lf %lf %lf", &b.weight_ms[0], &b.weight_ms[1], &b.weight_ms[2], &b.error_before, &b.error_after);
    bool good = n == 5;
    for (int t = 0; t < FET_BETWEEN_TERMS && good; t++) good = isfinite(b.weight_ms[t]) && b.weight_ms[t] >= 0;
    if (!good)
        return fet_fail(FET_ERROR_CORRUPT, "%s: \"%.60s\" is not what stands between kernels: expected three coefficients and two errors",
                        name, text);
    b.gains = b.error_after < b.error_before;
    *out_between = b;
    return FET_OK;
}

fet_status fet_between_read(const char *path, const char *device, fet_between *out_between)
{
    void *data = NULL;
    size_t bytes = 0, head = strlen(MAGIC), name = strlen(device);
    FET_TRY(fet_file_read(path, LIMIT_BYTES, &data, &bytes));
    char text[LIMIT_BYTES + 1];
    memcpy(text, data, bytes);
    text[bytes] = '\0';
    fet_free(data);
    if (strncmp(text, MAGIC, head) != 0 || strncmp(text + head, device, name) != 0 || text[head + name] != '\n')
        return fet_fail(FET_ERROR_CORRUPT, "%s:1: it does not hold what stands between the kernels of %s: remove it, it is learned anew",
                        path, device);
    return fet_between_parse(path, text + head + name + 1, out_between);
}

fet_status fet_between_write(const char *path, const char *device, const fet_between *between)
{
    char line[FET_BETWEEN_TEXT_BYTES], text[LIMIT_BYTES];
    int n = snprintf(text, sizeof text, MAGIC "%s\n%s\n", device, fet_between_print(between, line));
    if (n < 0 || (size_t)n >= sizeof text) return fet_fail(FET_ERROR_LIMIT, "%s: the device's name is too long", path);
    return fet_file_replace(path, text, (size_t)n);
}
