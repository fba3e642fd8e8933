// SPDX-License-Identifier: Apache-2.0
#include "run/importance.h"

#include "base/file.h"
#include "rewrite/channel_groups.h"
#include "task/taylor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fet_status path_of(const fet_workspace *workspace, char **out_path)
{
    return fet_workspace_path(workspace, out_path, "trials/%s-0.importance", FET_SERIES_BASE);
}

/* Arrays of zeros for the groups that may change. */
static fet_status make_scores(const fet_channel_groups *groups, fet_arena *arena, double ***out_score)
{
    double **score = fet_arena_zalloc(arena, groups->n_groups + 1, sizeof *score);
    if (!score) return fet_arena_full();
    for (uint32_t g = 0; g < groups->n_groups; g++) {
        if (groups->groups[g].fixed) continue;
        score[g] = fet_arena_zalloc(arena, groups->groups[g].channels, sizeof **score);
        if (!score[g]) return fet_arena_full();
    }
    *out_score = score;
    return FET_OK;
}

static fet_status write_scores(const fet_workspace *workspace, const fet_channel_groups *groups, double *const *score)
{
    char *text = NULL, *path = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream) return fet_fail(FET_ERROR_NOMEM, "not enough memory for channel scores");
    for (uint32_t g = 0; g < groups->n_groups; g++) {
        if (!score[g]) continue;
        fprintf(stream, "%u %u", g, groups->groups[g].channels);
        for (uint32_t c = 0; c < groups->groups[g].channels; c++) fprintf(stream, " %.9g", score[g][c]);
        fputc('\n', stream);
    }
    fet_status status = path_of(workspace, &path);
    if (fclose(stream) != 0 && status == FET_OK) status = fet_fail(FET_ERROR_NOMEM, "not enough memory for channel scores");
    if (status == FET_OK) status = fet_file_replace(path, text, bytes);
    free(text); /* the C library's */
    fet_free(path);
    return status;
}

fet_status fet_importance_make(fet_workspace *workspace, const fet_graph *graph)
{
    const fet_job *job = workspace->job;
    fet_auto(fet_arena) arena = NULL;
    fet_channel_groups groups;
    double **score = NULL;
    fet_taylor_options options = fet_taylor_default_options();
    options.labels = job->task->needs_labels;
    options.seed = job->seed;
    FET_TRY(fet_arena_create(&arena));
    FET_TRY(fet_channel_groups_find(graph, arena, &groups));
    FET_TRY(make_scores(&groups, arena, &score));
    FET_TRY(fet_task_taylor(graph, &groups, workspace->dataset, &options, score));
    return write_scores(workspace, &groups, score);
}

/* One line of the file; *text moves behind it. */
static fet_status read_line(const char *path, uint32_t line, const fet_channel_groups *groups, fet_arena *arena, char **text,
                            const float **scores)
{
    char *end = *text;
    unsigned long g = strtoul(*text, &end, 10), channels = strtoul(end, &end, 10);
    if (g >= groups->n_groups || groups->groups[g].channels != channels)
        return fet_fail(FET_ERROR_CORRUPT, "%s:%u: \"%.20s\": expected a group of the base network and how many channels it has", path,
                        line, *text);
    float *score = fet_arena_alloc(arena, channels * sizeof *score);
    if (!score) return fet_arena_full();
    for (unsigned long c = 0; c < channels; c++) {
        char *from = end;
        score[c] = strtof(from, &end);
        if (end == from || *from == '\n' || !isfinite(score[c]))
            return fet_fail(FET_ERROR_CORRUPT, "%s:%u: score %lu is \"%.12s\": expected a number", path, line, c, from);
    }
    if (*end != '\n') return fet_fail(FET_ERROR_CORRUPT, "%s:%u: \"%.12s\" behind the last score", path, line, end);
    scores[g] = score;
    *text = end + 1;
    return FET_OK;
}

fet_status fet_importance_load(const fet_workspace *workspace, fet_arena *arena, const float *const **out_scores)
{
    enum { LIMIT_BYTES = 64 << 20 };
    fet_channel_groups groups;
    char *path = NULL;
    void *data = NULL;
    size_t bytes = 0;
    FET_TRY(fet_channel_groups_find(workspace->base, arena, &groups));
    const float **scores = fet_arena_zalloc(arena, groups.n_groups + 1, sizeof *scores);
    if (!scores) return fet_arena_full();
    FET_TRY(path_of(workspace, &path));
    fet_status status = fet_file_read(path, LIMIT_BYTES, &data, &bytes);
    char *at = data;
    for (uint32_t line = 1; status == FET_OK && at < (char *)data + bytes; line++)
        status = read_line(path, line, &groups, arena, &at, scores);
    fet_free(data);
    fet_free(path);
    *out_scores = scores;
    return status;
}
