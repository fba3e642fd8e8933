// SPDX-License-Identifier: Apache-2.0
/* A job file as YAML with lines: base/yaml_file.h with the job's schema. */
#include "run/job_raw.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const fet_yaml_kind kind = {.noun = "job", .example = "examples/fashion/job.yaml", .schema = &fet_job_schema};

fet_status fet_job_yaml_init(fet_job_yaml *yaml, const char *name, const char *text, size_t bytes)
{
    yaml->raw = NULL;
    FET_TRY(fet_yaml_init(&yaml->yaml, &kind, name, text, bytes));
    yaml->raw = yaml->yaml.raw;
    return FET_OK;
}

void fet_job_yaml_deinit(fet_job_yaml *yaml)
{
    fet_yaml_deinit(&yaml->yaml);
    memset(yaml, 0, sizeof *yaml);
}

yaml_node_t *fet_job_yaml_find(fet_job_yaml *yaml, const char *path)
{
    return fet_yaml_find(&yaml->yaml, path);
}

size_t fet_job_yaml_line(fet_job_yaml *yaml, const char *path)
{
    return fet_yaml_line(&yaml->yaml, path);
}

fet_status fet_job_yaml_fail(fet_job_yaml *yaml, const char *path, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fet_yaml_fail(&yaml->yaml, path, "%s", text);
}
