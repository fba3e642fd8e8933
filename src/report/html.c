// SPDX-License-Identifier: Apache-2.0
#include "report/report.h"

#include "base/file.h"
#include "report/json.h"

#include <string.h>

/* The page before and after the document, put into the binary by the assembler file that page/build.mjs writes. */
extern const char fet_report_page_head[], fet_report_page_tail[];

/* In a script element only "<" can end the element or open a comment; & and > are escaped with it so that no reader of the file is misled.
 */
static size_t escape(const char *text, char *out)
{
    static const char *const digits = "0123456789abcdef";
    size_t used = 0;
    for (const char *c = text; *c; c++) {
        if (*c != '<' && *c != '>' && *c != '&') {
            if (out) out[used] = *c;
            used++;
            continue;
        }
        if (out) {
            memcpy(out + used, "\\u00", 4);
            out[used + 4] = digits[(unsigned char)*c >> 4];
            out[used + 5] = digits[(unsigned char)*c & 15];
        }
        used += 6;
    }
    return used;
}

fet_status fet_report_write(const json_t *document, const char *path)
{
    FET_TRY(fet_report_check(document));
    char *json = json_dumps(document, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
    if (!json) return fet_fail(FET_ERROR_NOMEM, "%s: no memory for the report", path);
    size_t head_bytes = strlen(fet_report_page_head), tail_bytes = strlen(fet_report_page_tail), json_bytes = escape(json, NULL);
    char *page = fet_malloc(head_bytes + json_bytes + tail_bytes);
    fet_status status = FET_OK;
    if (!page) {
        status = fet_fail(FET_ERROR_NOMEM, "%s: no memory for the report", path);
    } else {
        memcpy(page, fet_report_page_head, head_bytes);
        escape(json, page + head_bytes);
        memcpy(page + head_bytes + json_bytes, fet_report_page_tail, tail_bytes);
        status = fet_file_replace(path, page, head_bytes + json_bytes + tail_bytes);
    }
    fet_free(page);
    fet_json_free(json);
    return status;
}
