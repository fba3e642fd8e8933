// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static fet_status system_error(const char *path, const char *doing)
{
    int code = errno;
    fet_status status = code == ENOENT || code == ENOTDIR ? FET_ERROR_NOT_FOUND : FET_ERROR_IO;
    return fet_fail(status, "%s: cannot %s: %s", path, doing, strerror(code));
}

static fet_status read_into(int file, const char *path, size_t limit_bytes, char **buffer, size_t *out_bytes)
{
    size_t capacity = 0, used = 0;
    for (;;) {
        FET_TRY(fet_grow(buffer, &capacity, used + 65536 + 1, 1));
        ssize_t got = read(file, *buffer + used, capacity - used - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(path, "read");
        if (got == 0) break;
        used += (size_t)got;
        if (used > limit_bytes) return fet_fail(FET_ERROR_LIMIT, "%s: larger than %zu bytes, the limit for such a file", path, limit_bytes);
    }
    (*buffer)[used] = '\0';
    *out_bytes = used;
    return FET_OK;
}

fet_status fet_file_read(const char *path, size_t limit_bytes, void **out_data, size_t *out_bytes)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return system_error(path, "open");
    char *buffer = NULL;
    size_t bytes = 0;
    fet_status status = read_into(file, path, limit_bytes, &buffer, &bytes);
    close(file);
    if (status != FET_OK) {
        fet_free(buffer);
        return status;
    }
    *out_data = buffer;
    *out_bytes = bytes;
    return FET_OK;
}

static fet_status write_all(int file, const char *path, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t put = write(file, data, bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error(path, "write");
        data += put;
        bytes -= (size_t)put;
    }
    return FET_OK;
}

fet_status fet_file_replace(const char *path, const void *data, size_t bytes)
{
    size_t path_bytes = strlen(path);
    char *aside = fet_malloc(path_bytes + 32);
    if (!aside) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to write it", path);
    snprintf(aside, path_bytes + 32, "%s.part-%ld", path, (long)getpid());
    int file = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    fet_status status = file < 0 ? system_error(path, "create") : write_all(file, path, data, bytes);
    if (status == FET_OK && fsync(file) != 0 && errno != EINVAL) status = system_error(path, "sync");
    if (file >= 0 && close(file) != 0 && status == FET_OK) status = system_error(path, "close");
    if (status == FET_OK && rename(aside, path) != 0) status = system_error(path, "replace");
    if (status != FET_OK && file >= 0) unlink(aside);
    fet_free(aside);
    return status;
}

fet_status fet_file_append(const char *path, const void *data, size_t bytes)
{
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) return system_error(path, "open");
    fet_status status = write_all(file, path, data, bytes);
    if (close(file) != 0 && status == FET_OK) status = system_error(path, "close");
    return status;
}

bool fet_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static fet_status make_one(const char *path)
{
    struct stat info;
    if (mkdir(path, 0777) == 0) return FET_OK;
    if (errno == EEXIST && stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode)) return FET_OK;
        errno = ENOTDIR;
        fet_status status = system_error(path, "make this folder");
        return status == FET_ERROR_NOT_FOUND ? FET_ERROR_IO : status;
    }
    return system_error(path, "make this folder");
}

fet_status fet_dir_make(const char *path)
{
    char *part = NULL;
    FET_TRY(fet_strdup_checked(path, &part));
    fet_status status = FET_OK;
    for (char *c = part + 1; *part && *c && status == FET_OK; c++) {
        if (*c != '/') continue;
        *c = '\0';
        status = make_one(part);
        *c = '/';
    }
    if (status == FET_OK && *part) status = make_one(part);
    fet_free(part);
    return status;
}

fet_status fet_path_join(const char *folder, const char *name, char **out_path)
{
    if (name[0] == '/' || folder[0] == '\0') return fet_strdup_checked(name, out_path);
    size_t folder_bytes = strlen(folder), bytes = folder_bytes + strlen(name) + 2;
    char *path = fet_malloc(bytes);
    if (!path) return fet_fail(FET_ERROR_NOMEM, "no memory for a path");
    snprintf(path, bytes, "%s%s%s", folder, folder[folder_bytes - 1] == '/' ? "" : "/", name);
    *out_path = path;
    return FET_OK;
}
