// SPDX-License-Identifier: Apache-2.0
/* Template networks in a line of text: "2x32s2e4k3,16" is two blocks of 32 channels (stride 2, expansion 4, kernel 3), then one of 16. */
#ifndef FET_CLI_STAGES_H
#define FET_CLI_STAGES_H

#include "space/template/template.h"

#define FET_STAGES_DEFAULT "1x16,2x32s2,3x64s2"

/* "[BLOCKSx]CHANNELS[sSTRIDE][eEXPANSION][kKERNEL]", separated by commas. ARG names the stage and the letter. Ranges are the template's to
 * check. */
FET_MUST_CHECK fet_status fet_stages_parse(const char *text, fet_template_options *options);
/* "CHANNELS[sSTRIDE][kKERNEL]". */
FET_MUST_CHECK fet_status fet_stem_parse(const char *text, fet_template_options *options);

#endif
