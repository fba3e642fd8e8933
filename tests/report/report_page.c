// SPDX-License-Identifier: Apache-2.0
/* Not a test: makes the page of a document for the browser test, joining trials as fet_report_collect does.   report_page DOCUMENT.json
 * PAGE.html */
#include "report/parts.h"
#include "report/report.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc != 3) return fprintf(stderr, "usage: report_page DOCUMENT.json PAGE.html\n"), 2;
    json_error_t error;
    fet_auto_json document = json_load_file(argv[1], 0, &error);
    if (!document) return fprintf(stderr, "%s:%d: %s\n", argv[1], error.line, error.text), 1;
    fet_status status = fet_report_add_searches(document);
    if (status == FET_OK) status = fet_report_add_front(document);
    if (status == FET_OK) status = fet_report_add_fidelities(document);
    if (status == FET_OK) status = fet_report_add_spent(document);
    if (status == FET_OK) status = fet_report_write(document, argv[2]);
    if (status != FET_OK) fprintf(stderr, "%s\n", fet_error_message());
    return status != FET_OK;
}
