// SPDX-License-Identifier: Apache-2.0
/* A job, run with progress on the terminal: what `search` and `fit` have in common. */
#include "cli/progress.h"
#include "cli/results.h"
#include "run/search.h"

static bool stopped(void *context)
{
    (void)context;
    return fet_cli_interrupted();
}

/* Progress counts in thousandths of the whole job. */
enum { PROGRESS_STEPS = 1000 };

static void on_event(void *context, const fet_search_event *event)
{
    fet_progress *progress = context;
    if (event->is_news) fet_progress_say(progress, "%s", event->text);
    else fet_progress_show(progress, (uint64_t)(event->share * PROGRESS_STEPS), PROGRESS_STEPS, event->text);
}

fet_status fet_cli_run_job(fet_cli *cli, const fet_job *job, const char *what, bool resume, uint32_t workers, bool *out_interrupted)
{
    fet_progress progress;
    fet_search_end end = FET_SEARCH_FINISHED;
    fet_search_options options = {.resume = resume, .workers = workers, .stopped = stopped, .on_event = on_event, .context = &progress};
    fet_progress_begin(&progress, cli, what);
    fet_cli_catch_signals();
    fet_status status = fet_search_run(job, &options, &end);
    fet_progress_end(&progress);
    FET_TRY(status);
    *out_interrupted = end == FET_SEARCH_INTERRUPTED;
    if (*out_interrupted) cli->exit_code = FET_EXIT_INTERRUPTED;
    return FET_OK;
}
