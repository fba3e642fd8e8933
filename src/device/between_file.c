// SPDX-License-Identifier: Apache-2.0
/* The text form: a coefficient a term, two errors and two caches, as a study keeps it; beside a kernel table with a head that says of which
 * device. */
#include "base/alloc.h"
#include "base/file.h"
#include "device/between.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "# fettle between kernels 1\n# "
enum { LIMIT_BYTES = 4096, N_NUMBERS = FET_BETWEEN_TERMS + 4, N_NUMBERS_BEFORE = 5 };

const char *fet_between_kind(uint64_t base, char kind[FET_BETWEEN_KIND_BYTES])
{
    if (base) snprintf(kind, FET_BETWEEN_KIND_BYTES, "between-%08" PRIx32, (uint32_t)base);
    else snprintf(kind, FET_BETWEEN_KIND_BYTES, "between");
    return kind;
}

const char *fet_between_print(const fet_between *between, char text[FET_BETWEEN_TEXT_BYTES])
{
    int at = 0;
    for (int t = 0; t < FET_BETWEEN_TERMS; t++) at += snprintf(text + at, 32, "%.17g ", between->weight_ms[t]);
    snprintf(text + at, FET_BETWEEN_TEXT_BYTES - (size_t)at, "%.6g %.6g %.12g %.12g", between->error_before, between->error_after,
             between->caches.first, between->caches.second);
    return text;
}

fet_status fet_between_parse(const char *name, const char *text, fet_between *out_between)
{
    double v[N_NUMBERS];
    int n = sscanf(text, "%lf %lf %lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8]);
    bool good = n == N_NUMBERS || n == N_NUMBERS_BEFORE;
    for (int i = 0; i < n && good; i++) good = isfinite(v[i]) && v[i] >= 0;
    if (!good)
        return fet_fail(FET_ERROR_CORRUPT,
                        "%s: \"%.60s\" is not what stands between kernels: expected %d coefficients, two errors and two sizes of caches",
                        name, text, (int)FET_BETWEEN_TERMS);
    fet_between b =
        n == N_NUMBERS
            ? (fet_between){.weight_ms = {v[0], v[1], v[2], v[3], v[4]}, .error_before = v[5], .error_after = v[6], .caches = {v[7], v[8]}}
            : (fet_between){
                  .weight_ms = {v[0], 0, v[1], v[2], v[2]}, .error_before = v[3], .error_after = v[4], .caches = fet_between_caches_here()};
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
