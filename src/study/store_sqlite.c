// SPDX-License-Identifier: Apache-2.0
/*
 * A study in one SQLite file: the default, for one machine or a folder that all machines share with working locks. Whoever changes a
 * trial's state does it in one BEGIN IMMEDIATE transaction, so two workers never lease the same trial and a report is either whole or not
 * there.
 */
#include "base/clock.h"
#include "study/sqlite_db.h"
#include "study/store.h"

#include <inttypes.h>
#include <string.h>

static fet_status open_store(const char *location, bool create, void **out_state)
{
    fet_sqlite_db *db = NULL;
    FET_TRY(create ? fet_sqlite_db_create(location, &db) : fet_sqlite_db_open(location, &db));
    *out_state = db;
    return FET_OK;
}

static void close_store(void *state)
{
    fet_sqlite_db_destroy(state);
}

static void abandon_store(void *state)
{
    /* Closing the connection here would drop the parent's locks and its log (https://www.sqlite.org/howtocorrupt.html 2.6); the memory is
     * the child's copy. */
    (void)state;
}

static fet_status set(void *state, const char *name, const char *text)
{
    return fet_sqlite_db_run(state, "store a setting",
                             "INSERT INTO setting (name, text) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET text = excluded.text", "tt",
                             name, text);
}

/* A text column in memory of its own; SQLite gives NULL for a text only when there is no memory. */
static fet_status column_text(fet_sqlite_statement *statement, int column, fet_arena *arena, const char **out_text)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    const char *copy = text ? fet_arena_strdup(arena, text) : NULL;
    if (!copy) return fet_arena_full();
    *out_text = copy;
    return FET_OK;
}

static fet_status get(void *state, const char *name, char **out_text)
{
    fet_sqlite_db *db = state;
    fet_auto(fet_sqlite_statement) statement = NULL;
    bool row = false;
    FET_TRY(fet_sqlite_db_prepare(db, "read a setting", &statement, "SELECT text FROM setting WHERE name = ?1", "t", name));
    FET_TRY(fet_sqlite_db_step(db, "read a setting", statement, &row));
    if (!row) return fet_fail(FET_ERROR_NOT_FOUND, "%s: the study has no \"%s\"", db->path, name);
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    if (!text) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to read \"%s\"", db->path, name);
    return fet_strdup_checked(text, out_text);
}

/* Somebody proposed this trial before: the same one is a resume, another one a mistake. */
static fet_status compare_proposal(fet_sqlite_db *db, const char *series, uint32_t number, const char *fidelity, const char *genome)
{
    fet_auto(fet_sqlite_statement) statement = NULL;
    bool row = false;
    FET_TRY(
        fet_sqlite_db_prepare(db, "read a trial", &statement,
                              "SELECT fidelity, genome FROM trial WHERE series = ?1 AND number = ?2 AND (fidelity <> ?3 OR genome <> ?4)",
                              "titt", series, (int64_t)number, fidelity, genome));
    FET_TRY(fet_sqlite_db_step(db, "read a trial", statement, &row));
    if (!row) return fet_fail(FET_ERROR_EXISTS, "%s: trial %s/%u is in the study already", db->path, series, number);
    return fet_fail(FET_ERROR_STATE, "%s: trial %s/%u is in the study as \"%s\" (%s), not \"%s\" (%s): the job or the program has changed",
                    db->path, series, number, (const char *)sqlite3_column_text(statement, 1),
                    (const char *)sqlite3_column_text(statement, 0), genome, fidelity);
}

static fet_status propose(void *state, const char *series, uint32_t number, const char *fidelity, const char *genome,
                          const char *parameters)
{
    fet_sqlite_db *db = state;
    FET_TRY(fet_sqlite_db_run(db, "propose a trial",
                              "INSERT INTO trial (series, number, fidelity, genome, parameters, proposed_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                              " ON CONFLICT (series, number) DO NOTHING",
                              "titttd", series, (int64_t)number, fidelity, genome, parameters, fet_clock_wall_s()));
    if (sqlite3_changes64(db->handle) == 1) return FET_OK;
    return compare_proposal(db, series, number, fidelity, genome);
}

/*
 * Leases of `owner` and expired ones go back to the queue, or, after the last attempt, to FAILED with a reason. ?2 the time, ?4 the
 * attempts allowed, ?5 1 when the owner is to blame. An expired lease always counts: nobody knows what became of it.
 */
static const char release_sql[] =
    "UPDATE trial SET"
    " state = state_after, lease_until_s = 0, finished_s = CASE WHEN state_after = 3 THEN ?2 ELSE 0 END,"
    " attempts = CASE WHEN owned AND NOT ?5 THEN attempts - 1 ELSE attempts END,"
    " reason = CASE WHEN state_after <> 3 THEN '' WHEN owned THEN ?3"
    "          ELSE 'the lease of ' || owner || ' expired (attempt ' || attempts || ' of ' || ?4 || ')' END,"
    " owner = CASE WHEN state_after = 3 THEN owner ELSE '' END"
    " FROM (SELECT id AS lost, owner = ?1 AS owned, CASE WHEN (owner <> ?1 OR ?5) AND attempts >= ?4 THEN 3 ELSE 0 END AS state_after"
    "       FROM trial WHERE state = 1 AND (owner = ?1 OR lease_until_s < ?2)) WHERE trial.id = lost";

static fet_status release_in_transaction(fet_sqlite_db *db, const char *owner, bool blame, const char *reason)
{
    return fet_sqlite_db_run(db, "release a lease", release_sql, "tdtii", owner, fet_clock_wall_s(), reason,
                             (int64_t)FET_STUDY_MAX_ATTEMPTS, (int64_t)blame);
}

static fet_status release(void *state, const char *owner, bool blame, const char *reason)
{
    FET_TRY(fet_sqlite_db_begin(state, "release a lease"));
    return fet_sqlite_db_end(state, "release a lease", release_in_transaction(state, owner, blame, reason));
}

/* The schema forbids other numbers, a damaged or doctored file may hold them. */
static fet_status check_state(const fet_sqlite_db *db, int64_t number, fet_trial_state *out_state)
{
    if (number < 0 || number >= FET_TRIAL_N_STATES)
        return fet_fail(FET_ERROR_CORRUPT, "%s: the study file is damaged (a trial in state %lld)", db->path, (long long)number);
    *out_state = (fet_trial_state)number;
    return FET_OK;
}

static fet_status read_trial(const fet_sqlite_db *db, fet_sqlite_statement *row, fet_arena *arena, fet_trial *out_trial)
{
    fet_trial trial = {
        .number = (uint32_t)sqlite3_column_int64(row, 2),
        .attempts = (uint32_t)sqlite3_column_int64(row, 7),
        .lease_until_s = sqlite3_column_double(row, 9),
        .proposed_s = sqlite3_column_double(row, 10),
        .started_s = sqlite3_column_double(row, 11),
        .finished_s = sqlite3_column_double(row, 12),
        .cpu_s = sqlite3_column_double(row, 13),
        .n_figures = (uint32_t)sqlite3_column_int64(row, 16),
    };
    FET_TRY(check_state(db, sqlite3_column_int64(row, 6), &trial.state));
    FET_TRY(column_text(row, 1, arena, &trial.series));
    FET_TRY(column_text(row, 3, arena, &trial.fidelity));
    FET_TRY(column_text(row, 4, arena, &trial.genome));
    FET_TRY(column_text(row, 5, arena, &trial.parameters));
    FET_TRY(column_text(row, 8, arena, &trial.owner));
    FET_TRY(column_text(row, 14, arena, &trial.reason));
    FET_TRY(column_text(row, 15, arena, &trial.artifact));
    if (trial.n_figures > 0) {
        trial.figures = fet_arena_zalloc(arena, trial.n_figures, sizeof *trial.figures);
        if (!trial.figures) return fet_arena_full();
    }
    *out_trial = trial;
    return FET_OK;
}

#define TRIAL_COLUMNS                                                                                                                      \
    "SELECT id, series, number, fidelity, genome, parameters, state, attempts, owner, lease_until_s, proposed_s, started_s, finished_s, "  \
    "cpu_s,"                                                                                                                               \
    " reason, artifact, (SELECT count(*) FROM figure WHERE figure.trial = trial.id) FROM trial"

/* Both queries give the trials in the same order, so the figures are dealt out in one pass. */
static fet_status read_figures(fet_sqlite_db *db, const char *series, fet_trials *trials)
{
    fet_auto(fet_sqlite_statement) statement = NULL;
    FET_TRY(fet_sqlite_db_prepare(db, "read the figures", &statement,
                                  "SELECT figure.name, value, unit, source, spread FROM figure JOIN trial ON trial.id = figure.trial"
                                  " WHERE ?1 IS NULL OR series = ?1 ORDER BY series, number, position",
                                  "t", series));
    for (size_t t = 0; t < trials->count; t++) {
        for (uint32_t i = 0; i < trials->items[t].n_figures; i++) {
            fet_figure *figure = &trials->items[t].figures[i];
            bool row = false;
            FET_TRY(fet_sqlite_db_step(db, "read the figures", statement, &row));
            if (!row)
                return fet_fail(FET_ERROR_CORRUPT, "%s: figures of trial %s/%u are missing", db->path, trials->items[t].series,
                                trials->items[t].number);
            figure->value = sqlite3_column_double(statement, 1);
            figure->spread = sqlite3_column_double(statement, 4);
            FET_TRY(column_text(statement, 0, trials->arena, &figure->name));
            FET_TRY(column_text(statement, 2, trials->arena, &figure->unit));
            FET_TRY(column_text(statement, 3, trials->arena, &figure->source));
        }
    }
    return FET_OK;
}

static fet_status read_rows(fet_sqlite_db *db, fet_sqlite_statement *statement, fet_trials *trials)
{
    size_t capacity = 0;
    for (;;) {
        bool row = false;
        FET_TRY(fet_sqlite_db_step(db, "read the trials", statement, &row));
        if (!row) return FET_OK;
        FET_TRY(fet_grow(&trials->items, &capacity, trials->count + 1, sizeof *trials->items));
        FET_TRY(read_trial(db, statement, trials->arena, &trials->items[trials->count]));
        trials->count++;
    }
}

static fet_status read_all(fet_sqlite_db *db, const char *series, fet_trials *out_trials)
{
    fet_auto_trials trials = {0};
    fet_auto(fet_sqlite_statement) statement = NULL;
    FET_TRY(fet_arena_create(&trials.arena));
    FET_TRY(fet_sqlite_db_prepare(db, "read the trials", &statement,
                                  TRIAL_COLUMNS " WHERE ?1 IS NULL OR series = ?1 ORDER BY series, number", "t", series));
    FET_TRY(read_rows(db, statement, &trials));
    FET_TRY(read_figures(db, series, &trials));
    *out_trials = trials;
    trials = (fet_trials){0};
    return FET_OK;
}

static fet_status trials(void *state, const char *series, fet_trials *out_trials)
{
    fet_sqlite_db *db = state;
    fet_trials found = {0};
    /* One read transaction, so that trials and figures are of the same moment. */
    FET_TRY(fet_sqlite_db_run(db, "read the trials", "BEGIN", ""));
    fet_status status = fet_sqlite_db_end(db, "read the trials", read_all(db, series, &found));
    if (status != FET_OK) {
        fet_trials_clear(&found);
        return status;
    }
    *out_trials = found;
    return FET_OK;
}

static fet_status read_one(fet_sqlite_db *db, int64_t id, fet_trials *out_trials)
{
    fet_auto_trials trials = {0};
    fet_auto(fet_sqlite_statement) statement = NULL;
    FET_TRY(fet_arena_create(&trials.arena));
    FET_TRY(fet_sqlite_db_prepare(db, "read a trial", &statement, TRIAL_COLUMNS " WHERE id = ?1", "i", id));
    FET_TRY(read_rows(db, statement, &trials));
    *out_trials = trials;
    trials = (fet_trials){0};
    return FET_OK;
}

/* The id of the oldest waiting trial, 0 when none waits. */
static fet_status oldest_waiting(fet_sqlite_db *db, int64_t *out_id)
{
    fet_auto(fet_sqlite_statement) statement = NULL;
    bool row = false;
    FET_TRY(fet_sqlite_db_prepare(db, "lease a trial", &statement, "SELECT id FROM trial WHERE state = 0 ORDER BY id LIMIT 1", ""));
    FET_TRY(fet_sqlite_db_step(db, "lease a trial", statement, &row));
    *out_id = row ? sqlite3_column_int64(statement, 0) : 0;
    return FET_OK;
}

static fet_status lease_in_transaction(fet_sqlite_db *db, const char *owner, double seconds, fet_trials *out_trial)
{
    int64_t id = 0;
    double now = fet_clock_wall_s();
    /* 1. Expired leases return to the queue (or fail), 2. the oldest of the queue is taken. */
    FET_TRY(release_in_transaction(db, "", true, ""));
    FET_TRY(oldest_waiting(db, &id));
    if (id == 0) return FET_OK;
    FET_TRY(fet_sqlite_db_run(
        db, "lease a trial",
        "UPDATE trial SET state = 1, attempts = attempts + 1, owner = ?2, lease_until_s = ?3, started_s = ?4 WHERE id = ?1", "itdd", id,
        owner, now + seconds, now));
    return read_one(db, id, out_trial);
}

static fet_status lease(void *state, const char *owner, double seconds, fet_trials *out_trial, bool *out_found)
{
    fet_sqlite_db *db = state;
    fet_trials trial = {0};
    /* Idle workers poll; they must not queue for the write lock when there is nothing to take. */
    {
        fet_auto(fet_sqlite_statement) statement = NULL;
        bool row = false;
        FET_TRY(fet_sqlite_db_prepare(db, "lease a trial", &statement,
                                      "SELECT 1 FROM trial WHERE state = 0 OR (state = 1 AND lease_until_s < ?1) LIMIT 1", "d",
                                      fet_clock_wall_s()));
        FET_TRY(fet_sqlite_db_step(db, "lease a trial", statement, &row));
        if (!row) {
            *out_found = false;
            return FET_OK;
        }
    }
    FET_TRY(fet_sqlite_db_begin(db, "lease a trial"));
    fet_status status = fet_sqlite_db_end(db, "lease a trial", lease_in_transaction(db, owner, seconds, &trial));
    if (status != FET_OK) {
        fet_trials_clear(&trial);
        return status;
    }
    *out_found = trial.count == 1;
    if (*out_found) *out_trial = trial;
    return FET_OK;
}

static fet_status lease_lost(const fet_sqlite_db *db, const char *series, uint32_t number, const char *owner)
{
    return fet_fail(FET_ERROR_STATE, "%s: trial %s/%u is not leased to %s (any more)", db->path, series, number, owner);
}

static fet_status renew(void *state, const char *series, uint32_t number, const char *owner, double seconds)
{
    fet_sqlite_db *db = state;
    FET_TRY(fet_sqlite_db_run(db, "renew a lease",
                              "UPDATE trial SET lease_until_s = ?4 WHERE series = ?1 AND number = ?2 AND owner = ?3 AND state = 1", "titd",
                              series, (int64_t)number, owner, fet_clock_wall_s() + seconds));
    return sqlite3_changes64(db->handle) == 1 ? FET_OK : lease_lost(db, series, number, owner);
}

static fet_status finish_in_transaction(fet_sqlite_db *db, const char *series, uint32_t number, const char *owner,
                                        const fet_store_outcome *outcome)
{
    FET_TRY(fet_sqlite_db_run(db, "report a trial",
                              "UPDATE trial SET state = ?4, finished_s = ?5, cpu_s = ?6, reason = ?7, artifact = ?8, lease_until_s = 0"
                              " WHERE series = ?1 AND number = ?2 AND owner = ?3 AND state = 1",
                              "titiddtt", series, (int64_t)number, owner, (int64_t)outcome->state, fet_clock_wall_s(), outcome->cpu_s,
                              outcome->reason, outcome->artifact));
    if (sqlite3_changes64(db->handle) != 1) return lease_lost(db, series, number, owner);
    for (uint32_t i = 0; i < outcome->n_figures; i++) {
        const fet_figure *figure = &outcome->figures[i];
        FET_TRY(fet_sqlite_db_run(db, "report a trial",
                                  "INSERT INTO figure (trial, position, name, value, unit, source, spread)"
                                  " SELECT id, ?3, ?4, ?5, ?6, ?7, ?8 FROM trial WHERE series = ?1 AND number = ?2",
                                  "tiitdttd", series, (int64_t)number, (int64_t)i, figure->name, figure->value, figure->unit,
                                  figure->source, figure->spread));
    }
    return FET_OK;
}

static fet_status finish(void *state, const char *series, uint32_t number, const char *owner, const fet_store_outcome *outcome)
{
    FET_TRY(fet_sqlite_db_begin(state, "report a trial"));
    return fet_sqlite_db_end(state, "report a trial", finish_in_transaction(state, series, number, owner, outcome));
}

static fet_status counts(void *state, const char *series, uint32_t out_counts[FET_TRIAL_N_STATES])
{
    fet_auto(fet_sqlite_statement) statement = NULL;
    uint32_t found[FET_TRIAL_N_STATES] = {0};
    FET_TRY(fet_sqlite_db_prepare(state, "count the trials", &statement,
                                  "SELECT state, count(*) FROM trial WHERE ?1 IS NULL OR series = ?1 GROUP BY state", "t", series));
    for (;;) {
        bool row = false;
        FET_TRY(fet_sqlite_db_step(state, "count the trials", statement, &row));
        if (!row) break;
        fet_trial_state of_row = FET_TRIAL_PROPOSED;
        FET_TRY(check_state(state, sqlite3_column_int64(statement, 0), &of_row));
        found[of_row] = (uint32_t)sqlite3_column_int64(statement, 1);
    }
    memcpy(out_counts, found, sizeof found);
    return FET_OK;
}

const fet_store_ops fet_store_sqlite = {
    .name = "sqlite",
    .scheme = "",
    .help = "one file (SQLite, write-ahead log); any path",
    .open = open_store,
    .remove = fet_sqlite_db_remove,
    .close = close_store,
    .abandon = abandon_store,
    .set = set,
    .get = get,
    .propose = propose,
    .lease = lease,
    .renew = renew,
    .finish = finish,
    .release = release,
    .trials = trials,
    .counts = counts,
};
