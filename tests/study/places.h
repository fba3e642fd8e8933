// SPDX-License-Identifier: Apache-2.0
/*
 * A place for a study in tests: a fresh folder below TMPDIR, removed again with everything in it. Without TMPDIR it is in memory where that
 * is possible: a study syncs every report to the disk, which on a busy machine would be most of the time of these tests.
 */
#ifndef FET_TESTS_STUDY_PLACES_H
#define FET_TESTS_STUDY_PLACES_H

#include "check.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

typedef struct test_place {
    char folder[256];
    char path[300]; /* folder/study.sqlite */
} test_place;

static inline void place_make(test_place *place)
{
    const char *root = getenv("TMPDIR");
    snprintf(place->folder, sizeof place->folder, "%.200s/fettle_study_XXXXXX",
             root                            ? root
             : access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                             : "/tmp");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->path, sizeof place->path, "%s/study.sqlite", place->folder);
}

static inline int place_count_files(const test_place *place)
{
    DIR *folder = opendir(place->folder);
    int count = 0;
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static inline void place_remove(const test_place *place)
{
    DIR *folder = opendir(place->folder);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.') unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    assert_int_equal(rmdir(place->folder), 0);
}

#endif
