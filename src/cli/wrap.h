// SPDX-License-Identifier: Apache-2.0
/* Sentences in lines that fit. */
#ifndef FET_CLI_WRAP_H
#define FET_CLI_WRAP_H

#include "cli/command.h"

/* The words of the text, in lines as wide as the terminal (100 columns where there is none), each indented; a line break at the end. */
void fet_cli_wrap(const fet_cli *cli, size_t indent, const char *format, ...) FET_PRINTF(3, 4);

#endif
