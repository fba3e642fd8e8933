// SPDX-License-Identifier: Apache-2.0
/* The kinds of tasks. */
#include "task/task.h"

#include <string.h>

const fet_task_ops *const fet_tasks[] = {&fet_task_classify, &fet_task_imitate, NULL};

const fet_task_ops *fet_task_find(const char *name)
{
    for (uint32_t t = 0; fet_tasks[t]; t++)
        if (name && strcmp(fet_tasks[t]->name, name) == 0) return fet_tasks[t];
    return NULL;
}
