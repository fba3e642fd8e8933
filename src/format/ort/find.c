// SPDX-License-Identifier: Apache-2.0
#include "format/ort/ort.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
#define ARCHITECTURE "x64"
#endif

/* Where the npm package onnxruntime-node keeps it; the folder is named for the version of Node's interface. */
static const char *const places[] = {
    "node_modules/onnxruntime-node/bin/napi-v6/linux/" ARCHITECTURE "/libonnxruntime.so.1",
    "node_modules/onnxruntime-node/bin/napi-v3/linux/" ARCHITECTURE "/libonnxruntime.so.1",
};

/* `folder` and every folder above it; `folder` is changed. */
static bool search_upwards(char *folder, char path[FET_ORT_PATH_BYTES])
{
    while (folder[0]) {
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            int n = snprintf(path, FET_ORT_PATH_BYTES, "%s/%s", folder, places[i]);
            if (n > 0 && n < FET_ORT_PATH_BYTES && fet_file_exists(path)) return true;
        }
        char *slash = strrchr(folder, '/');
        if (!slash) return false;
        *slash = '\0';
    }
    return false;
}

static fet_status use(const char *given, char path[FET_ORT_PATH_BYTES])
{
    if (!fet_file_exists(given))
        return fet_fail(FET_ERROR_NOT_FOUND, "%s: no such file, expected the shared library of ONNX Runtime", given);
    if (strlen(given) >= FET_ORT_PATH_BYTES) return fet_fail(FET_ERROR_LIMIT, "a path of %zu bytes", strlen(given));
    snprintf(path, FET_ORT_PATH_BYTES, "%s", given);
    return FET_OK;
}

fet_status fet_ort_find(const char *given, char path[FET_ORT_PATH_BYTES])
{
    const char *environment = getenv("FETTLE_ONNXRUNTIME");
    if (given) return use(given, path);
    if (environment && environment[0]) return use(environment, path);
    char folder[FET_ORT_PATH_BYTES];
    if (getcwd(folder, sizeof folder) && search_upwards(folder, path)) return FET_OK;
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n > 0) {
        folder[n] = '\0';
        if (search_upwards(folder, path)) return FET_OK;
    }
    static const char *const installed[] = {"/usr/lib/libonnxruntime.so", "/usr/local/lib/libonnxruntime.so",
                                            "/usr/lib/x86_64-linux-gnu/libonnxruntime.so", "/usr/lib/aarch64-linux-gnu/libonnxruntime.so"};
    for (size_t i = 0; i < sizeof installed / sizeof *installed; i++)
        if (fet_file_exists(installed[i])) return use(installed[i], path);
    return fet_fail(FET_ERROR_NOT_FOUND, "ONNX Runtime is not here: `npm install onnxruntime-node` puts it into node_modules, or set "
                                         "FETTLE_ONNXRUNTIME to its libonnxruntime.so");
}
