// SPDX-License-Identifier: Apache-2.0
/*
 * WAL with synchronous=FULL: a commit is in the log, and the log on the disk, before a worker is told that its report was taken. It costs
 * one fsync a commit, a few of which fall to a trial that trains for seconds.
 */
#include "study/sqlite_db.h"

#include "base/alloc.h"
#include "base/file.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x66747465, /* "ftte", so that a database of somebody else is not taken for a study */
    SCHEMA_VERSION = 1,
    BUSY_MS = 30000, /* a writer holds the lock for a few milliseconds; one that is stopped for half a minute is reported */
};

/* The numbers of `state` are those of fet_trial_state. trial_queue holds only what is waiting or running, so that a lease stays cheap in a
 * long study. */
static const char schema[] =
    "CREATE TABLE setting (name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE trial ("
    " id INTEGER PRIMARY KEY,"
    " series TEXT NOT NULL, number INTEGER NOT NULL, fidelity TEXT NOT NULL, genome TEXT NOT NULL, parameters TEXT NOT NULL,"
    " state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3), attempts INTEGER NOT NULL DEFAULT 0,"
    " owner TEXT NOT NULL DEFAULT '', lease_until_s REAL NOT NULL DEFAULT 0,"
    " proposed_s REAL NOT NULL, started_s REAL NOT NULL DEFAULT 0, finished_s REAL NOT NULL DEFAULT 0, cpu_s REAL NOT NULL DEFAULT 0,"
    " reason TEXT NOT NULL DEFAULT '', artifact TEXT NOT NULL DEFAULT '',"
    " UNIQUE (series, number)) STRICT;"
    "CREATE INDEX trial_queue ON trial (state, id) WHERE state < 2;"
    "CREATE TABLE figure ("
    " trial INTEGER NOT NULL REFERENCES trial (id), position INTEGER NOT NULL,"
    " name TEXT NOT NULL, value REAL NOT NULL, unit TEXT NOT NULL, source TEXT NOT NULL, spread REAL NOT NULL,"
    " PRIMARY KEY (trial, position)) STRICT, WITHOUT ROWID;";

fet_status fet_sqlite_db_error(const fet_sqlite_db *db, const char *doing)
{
    int code = sqlite3_errcode(db->handle);
    if (sqlite3_extended_errcode(db->handle) == SQLITE_IOERR_NOMEM) code = SQLITE_NOMEM;
    int system_errno = sqlite3_system_errno(db->handle);
    const char *what = sqlite3_errmsg(db->handle);
    switch (code) {
    case SQLITE_NOMEM: return fet_fail(FET_ERROR_NOMEM, "%s: cannot %s: no memory", db->path, doing);
    case SQLITE_CORRUPT: return fet_fail(FET_ERROR_CORRUPT, "%s: cannot %s: the study file is damaged (%s)", db->path, doing, what);
    case SQLITE_NOTADB: return fet_fail(FET_ERROR_CORRUPT, "%s: cannot %s: this is not a study file (%s)", db->path, doing, what);
    case SQLITE_FULL: return fet_fail(FET_ERROR_IO, "%s: cannot %s: the disk is full", db->path, doing);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fet_fail(FET_ERROR_IO, "%s: cannot %s: another process has held the study for %d s", db->path, doing, BUSY_MS / 1000);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        if (system_errno != 0) return fet_fail(FET_ERROR_IO, "%s: cannot %s: %s (%s)", db->path, doing, what, strerror(system_errno));
        return fet_fail(FET_ERROR_IO, "%s: cannot %s: %s", db->path, doing, what);
    default: return fet_fail(FET_ERROR_IO, "%s: cannot %s: %s", db->path, doing, what);
    }
}

static fet_status bind_all(fet_sqlite_db *db, const char *doing, sqlite3_stmt *statement, const char *types, va_list arguments)
{
    for (int i = 0; types[i]; i++) {
        int code = SQLITE_MISUSE;
        switch (types[i]) {
        case 't': code = sqlite3_bind_text(statement, i + 1, va_arg(arguments, const char *), -1, SQLITE_STATIC); break;
        case 'i': code = sqlite3_bind_int64(statement, i + 1, va_arg(arguments, int64_t)); break;
        case 'd': code = sqlite3_bind_double(statement, i + 1, va_arg(arguments, double)); break;
        default: break;
        }
        if (code != SQLITE_OK) return fet_sqlite_db_error(db, doing);
    }
    return FET_OK;
}

static fet_status prepare(fet_sqlite_db *db, const char *doing, sqlite3_stmt **out_statement, const char *sql, const char *types,
                          va_list arguments)
{
    fet_auto(fet_sqlite_statement) statement = NULL;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) != SQLITE_OK) return fet_sqlite_db_error(db, doing);
    FET_TRY(bind_all(db, doing, statement, types, arguments));
    *out_statement = fet_take(statement);
    return FET_OK;
}

fet_status fet_sqlite_db_prepare(fet_sqlite_db *db, const char *doing, fet_sqlite_statement **out_statement, const char *sql,
                                 const char *types, ...)
{
    va_list arguments;
    va_start(arguments, types);
    fet_status status = prepare(db, doing, out_statement, sql, types, arguments);
    va_end(arguments);
    return status;
}

fet_status fet_sqlite_db_step(fet_sqlite_db *db, const char *doing, fet_sqlite_statement *statement, bool *out_row)
{
    int code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) return fet_sqlite_db_error(db, doing);
    *out_row = code == SQLITE_ROW;
    return FET_OK;
}

fet_status fet_sqlite_db_run(fet_sqlite_db *db, const char *doing, const char *sql, const char *types, ...)
{
    fet_auto(fet_sqlite_statement) statement = NULL;
    va_list arguments;
    va_start(arguments, types);
    fet_status status = prepare(db, doing, &statement, sql, types, arguments);
    va_end(arguments);
    bool row = true;
    while (status == FET_OK && row) status = fet_sqlite_db_step(db, doing, statement, &row);
    return status;
}

fet_status fet_sqlite_db_begin(fet_sqlite_db *db, const char *doing)
{
    return fet_sqlite_db_run(db, doing, "BEGIN IMMEDIATE", "");
}

fet_status fet_sqlite_db_end(fet_sqlite_db *db, const char *doing, fet_status status)
{
    if (status == FET_OK) status = fet_sqlite_db_run(db, doing, "COMMIT", "");
    /* A failed commit leaves the transaction open, a full disk has closed it already; what went wrong first is what is reported. */
    if (status != FET_OK && !sqlite3_get_autocommit(db->handle)) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static fet_status read_number(fet_sqlite_db *db, const char *sql, int64_t *out_number)
{
    fet_auto(fet_sqlite_statement) statement = NULL;
    bool row = false;
    FET_TRY(fet_sqlite_db_prepare(db, "open it", &statement, sql, ""));
    FET_TRY(fet_sqlite_db_step(db, "open it", statement, &row));
    *out_number = row ? sqlite3_column_int64(statement, 0) : 0;
    return FET_OK;
}

/* What is in the file: nothing, a study of ours, or an error. */
static fet_status check_identity(fet_sqlite_db *db, bool *out_is_study)
{
    int64_t application = 0, version = 0, n_tables = 0;
    FET_TRY(read_number(db, "PRAGMA application_id", &application));
    FET_TRY(read_number(db, "PRAGMA user_version", &version));
    FET_TRY(read_number(db, "SELECT count(*) FROM sqlite_schema", &n_tables));
    if (n_tables > 0 && application != APPLICATION_ID)
        return fet_fail(FET_ERROR_CORRUPT, "%s: an SQLite database, but not a study of fettle", db->path);
    if (version > SCHEMA_VERSION)
        return fet_fail(FET_ERROR_UNSUPPORTED, "%s: written by a newer fettle (study version %lld, this program knows up to %d)", db->path,
                        (long long)version, SCHEMA_VERSION);
    *out_is_study = n_tables > 0;
    return FET_OK;
}

/* A damaged page is reported when the study is opened, not in the middle of a search. A study is a few megabytes: milliseconds. */
static fet_status check_integrity(fet_sqlite_db *db)
{
    fet_auto(fet_sqlite_statement) statement = NULL;
    bool row = false;
    FET_TRY(fet_sqlite_db_prepare(db, "open it", &statement, "PRAGMA quick_check(1)", ""));
    FET_TRY(fet_sqlite_db_step(db, "open it", statement, &row));
    const char *verdict = row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (!verdict) return fet_fail(FET_ERROR_NOMEM, "%s: cannot open it: no memory", db->path);
    if (strcmp(verdict, "ok") != 0) return fet_fail(FET_ERROR_CORRUPT, "%s: the study file is damaged (%s)", db->path, verdict);
    return FET_OK;
}

static fet_status connect(const char *path, int flags, fet_sqlite_db **out_db)
{
    fet_auto(fet_sqlite_db) db = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *db, "a study file", &db));
    /* A path is a path: ":memory:" and "file:..." mean something else to SQLite. */
    bool special = path[0] == ':' || strncmp(path, "file:", 5) == 0;
    FET_TRY(special ? fet_path_join("./", path, &db->path) : fet_strdup_checked(path, &db->path));
    int code = sqlite3_open_v2(db->path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (!db->handle) return fet_fail(FET_ERROR_NOMEM, "%s: cannot open it: no memory", path);
    if (code != SQLITE_OK) return fet_sqlite_db_error(db, "open it");
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    FET_TRY(fet_sqlite_db_run(db, "open it", "PRAGMA synchronous = FULL", ""));
    FET_TRY(fet_sqlite_db_run(db, "open it", "PRAGMA foreign_keys = ON", ""));
    *out_db = fet_take(db);
    return FET_OK;
}

static fet_status write_schema(fet_sqlite_db *db)
{
    char pragmas[96];
    bool is_study = false;
    /* Asked again under the lock: somebody else may have created a study here since. */
    FET_TRY(check_identity(db, &is_study));
    if (is_study) return fet_fail(FET_ERROR_EXISTS, "%s: holds a study already", db->path);
    snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d;", APPLICATION_ID, SCHEMA_VERSION);
    if (sqlite3_exec(db->handle, schema, NULL, NULL, NULL) != SQLITE_OK || sqlite3_exec(db->handle, pragmas, NULL, NULL, NULL) != SQLITE_OK)
        return fet_sqlite_db_error(db, "create the study");
    return FET_OK;
}

static fet_status create(const char *path, fet_sqlite_db **out_db)
{
    fet_auto(fet_sqlite_db) db = NULL;
    bool is_study = false;
    FET_TRY(connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db));
    FET_TRY(check_identity(db, &is_study));
    if (is_study) return fet_fail(FET_ERROR_EXISTS, "%s: holds a study already", path);
    FET_TRY(fet_sqlite_db_run(db, "create the study", "PRAGMA journal_mode = WAL", ""));
    FET_TRY(fet_sqlite_db_begin(db, "create the study"));
    FET_TRY(fet_sqlite_db_end(db, "create the study", write_schema(db)));
    *out_db = fet_take(db);
    return FET_OK;
}

void fet_sqlite_db_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[4096];
        int length = snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        if (length > 0 && (size_t)length < sizeof name) unlink(name);
    }
}

fet_status fet_sqlite_db_create(const char *path, fet_sqlite_db **out_db)
{
    bool was_there = fet_file_exists(path);
    fet_status status = create(path, out_db);
    /* EXISTS: another process was faster, the file is its. */
    if (status != FET_OK && status != FET_ERROR_EXISTS && !was_there) fet_sqlite_db_remove(path);
    return status;
}

fet_status fet_sqlite_db_open(const char *path, fet_sqlite_db **out_db)
{
    fet_auto(fet_sqlite_db) db = NULL;
    bool is_study = false;
    if (!fet_file_exists(path)) return fet_fail(FET_ERROR_NOT_FOUND, "%s: there is no study here", path);
    FET_TRY(connect(path, SQLITE_OPEN_READWRITE, &db));
    FET_TRY(check_identity(db, &is_study));
    if (!is_study) return fet_fail(FET_ERROR_CORRUPT, "%s: an empty database, expected a study", path);
    FET_TRY(check_integrity(db));
    *out_db = fet_take(db);
    return FET_OK;
}

void fet_sqlite_db_destroy(fet_sqlite_db *db)
{
    if (!db) return;
    sqlite3_close(db->handle);
    fet_free(db->path);
    fet_free(db);
}
