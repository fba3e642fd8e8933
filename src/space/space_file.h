// SPDX-License-Identifier: Apache-2.0
/*
 * A space as a file that people edit: one line a decision with the options that stay, in the syntax of locks.
 *
 *   # model.onnx on host int8: 19 decisions, 10^14.2 networks. Take options away, or leave one to lock its decision.
 *   locks:
 *     - stage1.block0.form=separable,fused   # base: separable; 0.59 MMACs, 4.1% of the latency
 *
 * A line that is taken out leaves its decision free. Whether there are such decisions and options, fet_space_create says.
 */
#ifndef FET_SPACE_SPACE_FILE_H
#define FET_SPACE_SPACE_FILE_H

#include "space/space.h"

/* What stands behind a decision's line, without line breaks; "" for nothing. */
typedef const char *(*fet_space_file_note)(void *context, uint32_t decision);

/* heading: comment lines without their "#", or ""; note may be NULL. Errors: IO, NOMEM. */
FET_MUST_CHECK fet_status fet_space_file_write(const char *path, const fet_space *space, const char *heading, fet_space_file_note note,
                                               void *context);

/* Kinds of decisions (fet_space_kind) that such lines name beside those of FET_SPACE_ALL. */
uint32_t fet_space_file_kinds(const char *const *locks, uint32_t n);

/* What fet_space_options.locks wants; from the arena. Errors: NOT_FOUND, IO; ARG with file and line; NOMEM. */
FET_MUST_CHECK fet_status fet_space_file_read(const char *path, fet_arena *arena, const char *const **out_locks, uint32_t *out_n);

#endif
