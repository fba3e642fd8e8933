// SPDX-License-Identifier: Apache-2.0
/* A fresh study of each store of the registry for a test, and the runner over all stores. */
#ifndef FET_TESTS_STUDY_STORES_H
#define FET_TESTS_STUDY_STORES_H

#include "places.h"
#include "study/store.h"

#include <sys/wait.h>

typedef struct store_fixture {
    test_place place;
    fet_study *study;
} store_fixture;

/* Where a store under test may make a fresh study. A store with a server would take its address from the environment and skip without it.
 */
static inline const char *location(const fet_store_ops *store, store_fixture *fixture)
{
    place_make(&fixture->place);
    assert_int_equal(store->scheme[0], '\0');
    assert_ptr_equal(fet_store_for(fixture->place.path), store);
    return fixture->place.path;
}

static inline int set_up(void **state)
{
    const fet_store_ops *store = *state;
    store_fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    CHECK_OK(fet_study_open(location(store, fixture), true, &fixture->study));
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    store_fixture *fixture = *state;
    fet_study_close(fixture->study);
    place_remove(&fixture->place);
    free(fixture);
    return 0;
}

static inline fet_study *study_of(void **state)
{
    return ((store_fixture *)*state)->study;
}

static inline void propose_n(fet_study *study, const char *series, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) CHECK_OK(fet_study_propose(study, series, i, "short", "0-1-2", "{}"));
}

/* In a forked child: no cmocka there, the exit code tells. */
static inline void wait_for(pid_t child, int expected_code)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected_code);
}

typedef struct store_case {
    const char *name;
    void (*run)(void **state);
} store_case;

/* One group for all stores: meson wants one plan a program. */
static inline int run_over_stores(const store_case *cases, size_t n_cases)
{
    enum { MAX_TESTS = 128 };
    static struct CMUnitTest tests[MAX_TESTS];
    static char names[MAX_TESTS][64];
    size_t n = 0;
    for (const fet_store_ops *const *store = fet_stores; *store; store++) {
        for (size_t i = 0; i < n_cases; i++, n++) {
            if (n == MAX_TESTS) return 99;
            snprintf(names[n], sizeof names[n], "%s_%s", (*store)->name, cases[i].name);
            tests[n] = (struct CMUnitTest){names[n], cases[i].run, set_up, tear_down, (void *)(uintptr_t)*store};
        }
    }
    /* The number of tests is not a constant, which is all that cmocka's macro wants to know. */
    return _cmocka_run_group_tests("stores", tests, n, NULL, NULL);
}

#endif
