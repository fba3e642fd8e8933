// SPDX-License-Identifier: Apache-2.0
/*
 * A study file: an SQLite database of ours, opened with the settings that make a finished trial survive. Statements are bound, never
 * formatted. Every failure is one line that names the file. Thread-compatible; a handle must not cross a fork.
 */
#ifndef FET_STUDY_SQLITE_DB_H
#define FET_STUDY_SQLITE_DB_H

#include "base/status.h"

#include <sqlite3.h>
#include <stdbool.h>

typedef struct fet_sqlite_db {
    sqlite3 *handle;
    char *path;
} fet_sqlite_db;

void fet_sqlite_db_remove(const char *path); /* with the files that SQLite keeps beside it; nothing where there is none */
FET_MUST_CHECK fet_status fet_sqlite_db_create(const char *path, fet_sqlite_db **out_db); /* a new study; EXISTS when there is one */
FET_MUST_CHECK fet_status fet_sqlite_db_open(const char *path, fet_sqlite_db **out_db);   /* an old one; NOT_FOUND, CORRUPT, UNSUPPORTED */
void fet_sqlite_db_destroy(fet_sqlite_db *db);
FET_DEFINE_AUTO(fet_sqlite_db);

/* Turns the handle's last error into one of ours: "FILE: cannot DOING: why". */
FET_MUST_CHECK fet_status fet_sqlite_db_error(const fet_sqlite_db *db, const char *doing);

typedef sqlite3_stmt fet_sqlite_statement;
static inline void fet_sqlite_statement_destroy(fet_sqlite_statement *statement)
{
    sqlite3_finalize(statement);
}
FET_DEFINE_AUTO(fet_sqlite_statement);

/* Prepares one statement and binds its parameters in order: 't' const char *, 'i' int64_t, 'd' double. Texts are borrowed until it is
 * destroyed. */
FET_MUST_CHECK fet_status fet_sqlite_db_prepare(fet_sqlite_db *db, const char *doing, fet_sqlite_statement **out_statement, const char *sql,
                                                const char *types, ...);
/* The next row; *out_row false at the end. */
FET_MUST_CHECK fet_status fet_sqlite_db_step(fet_sqlite_db *db, const char *doing, fet_sqlite_statement *statement, bool *out_row);
/* Prepares, binds and runs a statement that gives no rows; sqlite3_changes64 tells how many it changed. */
FET_MUST_CHECK fet_status fet_sqlite_db_run(fet_sqlite_db *db, const char *doing, const char *sql, const char *types, ...);

/* BEGIN IMMEDIATE: this process is the only writer until fet_sqlite_db_end, which commits when `status` is FET_OK, else rolls back and
 * returns it. */
FET_MUST_CHECK fet_status fet_sqlite_db_begin(fet_sqlite_db *db, const char *doing);
FET_MUST_CHECK fet_status fet_sqlite_db_end(fet_sqlite_db *db, const char *doing, fet_status status);

#endif
