// SPDX-License-Identifier: Apache-2.0
/*
 * Capacity that costs nothing on this device. The part of curation that depends on the candidate: where a block of another form, or of a
 * larger kernel, computes more and no cost that the job looks at rises, the smaller one is never worth a trial. A fused block of few
 * channels is such a case on a wide array, and only at the widths that the candidate gives it, so it cannot be left out of the space once
 * for all.
 */
#ifndef FET_RUN_FREE_CAPACITY_H
#define FET_RUN_FREE_CAPACITY_H

#include "run/costs.h"

/*
 * Changes block forms and kernel sizes of `genome` (canonical; it stays so), one decision at a time, as long as a change raises the MACs
 * and neither an objective of the job nor its violation; `base` serves relative limits. Depends on the genome and the costs alone; doing
 * it again changes nothing. Errors: those of fet_costs_of; the genome is then as it was.
 */
FET_MUST_CHECK fet_status fet_free_capacity_take(fet_costs *costs, const fet_encoding *encoding, const fet_job *job,
                                                 const fet_candidate_cost *base, fet_genome *genome);

#endif
