// SPDX-License-Identifier: Apache-2.0
/* The program: a table of commands. A new one is one file cmd_<name>.c, a line here and a line in meson.build. */
#include "cli/command.h"
#include "device/host/host.h"

#define FET_COMMANDS(X) X(search) X(fit) X(inspect) X(space) X(advise) X(train) X(eval) X(export) X(report) X(study) X(worker) X(device)

#define DECLARE(name) extern const fet_command fet_cmd_##name;
FET_COMMANDS(DECLARE)

#define ENTRY(name) &fet_cmd_##name,
const fet_command *const fet_commands[] = {FET_COMMANDS(ENTRY) NULL};

int main(int argc, char **argv)
{
    /* Started by the host device to measure, in a process of its own; not a command for people. */
    if (fet_host_is_measure_command(argc, argv)) return fet_host_measure_main();
    return fet_cli_main(fet_commands, argc, argv);
}
