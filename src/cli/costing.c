// SPDX-License-Identifier: Apache-2.0
#include "cli/costing.h"

#include "cli/source.h"

const char *const fet_cli_isas[] = {"auto", "amx", "avx512_vnni", "avx512", "avx2", NULL};

fet_status fet_cli_device_open(const fet_cli_costing *costing, fet_device_options *out_options, fet_device **out_device)
{
    *out_options = (fet_device_options){.name = costing->device, .isa = costing->isa};
    FET_TRY(fet_cli_precision(costing->precision, &out_options->precision));
    out_options->hasty = true;
    return fet_device_open(out_options, out_device);
}

bool fet_cli_on_measured(void *progress, size_t done, size_t total)
{
    fet_progress_show(progress, done, total, "");
    return !fet_cli_interrupted();
}
