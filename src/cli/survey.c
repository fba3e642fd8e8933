// SPDX-License-Identifier: Apache-2.0
#include "cli/survey.h"

#include "advise/whole_space.h"
#include "rewrite/recognise_activation.h"
#include "space/space_file.h"

/* Kinds of decisions beside the usual ones: precisions, where the device has two. They double the kernels to look at. */
static fet_status find_more(const fet_survey *survey, bool precisions, const char *const *locks, uint32_t n_locks, uint32_t *out_kinds)
{
    bool both = false;
    *out_kinds = fet_space_file_kinds(locks, n_locks);
    if (!precisions || survey->options.precision != FET_DTYPE_S8) return FET_OK;
    FET_TRY(fet_device_computes(&survey->options, FET_DTYPE_BF16, &both));
    if (both) *out_kinds |= FET_SPACE_PRECISION;
    return FET_OK;
}

fet_status fet_survey_init(fet_survey *survey, const char *model, const fet_cli_costing *costing, const fet_cli_texts *inputs,
                           const char *space_file, bool precisions)
{
    const char *const *locks = NULL;
    uint32_t n_locks = 0, more = 0;
    *survey = (fet_survey){.left_out = ""};
    FET_TRY(fet_arena_create(&survey->arena));
    if (space_file) FET_TRY(fet_space_file_read(space_file, survey->arena, &locks, &n_locks));
    FET_TRY(fet_cli_check_bindings(inputs));
    FET_TRY(fet_network_load_bound(model, false, inputs, &survey->network));
    FET_TRY(fet_recognise_activation(survey->network.graph, NULL)); /* as the base of a job: decisions are the same there */
    FET_TRY(fet_cli_device_open(costing, &survey->options, &survey->device));
    FET_TRY(find_more(survey, precisions, locks, n_locks, &more));
    FET_TRY(fet_whole_space_create(survey->network.graph, fet_device_parallelism(survey->device), more, locks, n_locks, &survey->space,
                                   &survey->left_out));
    return fet_probe_create(survey->space, survey->device, &survey->probe);
}

void fet_survey_deinit(fet_survey *survey)
{
    fet_probe_destroy(survey->probe);
    fet_space_destroy(survey->space);
    fet_device_close(survey->device);
    fet_network_clear(&survey->network);
    fet_arena_destroy(survey->arena);
}
