// SPDX-License-Identifier: Apache-2.0
/*
 * What a person gets at the end: one self-contained HTML file, front.csv, and the final table on the terminal (cli/variants.h). All are
 * made from one JSON document (schema.md): facts that the run states, joined here with the study's trials.
 *
 *   fet_report_collect(study, facts, &document) -> fet_report_write(document, "out/x/report.html"), fet_report_write_front_csv(...), ...
 *
 * Documents are jansson objects; the caller drops them with json_decref. Pure functions of their arguments; thread-compatible.
 */
#ifndef FET_REPORT_REPORT_H
#define FET_REPORT_REPORT_H

#include "study/study.h"

#include <jansson.h>

/* The named text of a study that holds the facts, as JSON. The run writes it; `fettle report` reads it again. */
#define FET_REPORT_FACTS "report_facts"

/*
 * A document of `facts` (NULL: those kept in the study; an object of an interrupted search may lack most parts) and of the study's trials:
 * their figures, the front of all searches, hypervolume over trials and time, rank correlation of short and full training, what was spent.
 * Errors: CORRUPT naming the part of the facts that is not as schema.md says; what the study gives; NOMEM.
 */
FET_MUST_CHECK fet_status fet_report_collect(fet_study *study, const json_t *facts, json_t **out_document);

/* Types of all parts that are there. Errors: CORRUPT naming the path, e.g. variants[2].latency.value, and what was expected. */
FET_MUST_CHECK fet_status fet_report_check(const json_t *document);

/* One HTML file that opens offline and fetches nothing; replaced whole or left as it was. Errors: CORRUPT (see check), IO. */
FET_MUST_CHECK fet_status fet_report_write(const json_t *document, const char *path);

/* The front of all searches, one line a network: series, number, genome, description, file, then every figure with its unit in the head. */
FET_MUST_CHECK fet_status fet_report_write_front_csv(const json_t *document, const char *path);
/* All trials (of one series; NULL: of all) as the same kind of CSV. Heap. */
FET_MUST_CHECK fet_status fet_report_trials_csv(const json_t *document, const char *series, char **out_text);

/* A new figure object; NULL without memory. spread 0: exact. A value that is no number becomes null. */
json_t *fet_report_figure(double value, const char *unit, const char *source, double spread);

/* A number as people read it, "183 us", "91.43 %", "12.3 KB"; the same scaling as in the page. Returns `text`. */
enum { FET_REPORT_NUMBER_BYTES = 48 };
const char *fet_report_number(double value, const char *unit, char *text, size_t bytes);

#endif
