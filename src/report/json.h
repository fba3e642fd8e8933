// SPDX-License-Identifier: Apache-2.0
/* Short ways to read and build the report's document. A missing part reads as NULL, "" or `otherwise`: the document's parts are optional.
 */
#ifndef FET_REPORT_JSON_H
#define FET_REPORT_JSON_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>

/* A string; bytes that are no UTF-8 become '?', as JSON cannot hold them. NULL only without memory. */
json_t *fet_json_text(const char *text);
/* A number; null when it is not finite, as JSON has no such numbers. NULL only without memory. */
json_t *fet_json_number(double value);

const char *fet_json_get_text(const json_t *object, const char *key); /* "" when missing */
double fet_json_get_number(const json_t *object, const char *key, double otherwise);
/* figures of a trial or of a variant: object.key.value */
double fet_json_get_figure(const json_t *object, const char *key, double otherwise);

/* Adds to an object or array, owning `value`; a NULL value is NOMEM, so that builders can be nested without checks. */
FET_MUST_CHECK fet_status fet_json_put(json_t *object, const char *key, json_t *value);
FET_MUST_CHECK fet_status fet_json_push(json_t *array, json_t *value);
/* The object or array under `key`, made when missing (or of another type). Borrowed. */
FET_MUST_CHECK fet_status fet_json_child(json_t *object, const char *key, bool array, json_t **out_child);

/* Frees what json_dumps gave, with the function that jansson was told to use. */
void fet_json_free(char *text);

/* Dropped at the end of the scope. */
static inline void fet_json_drop(json_t **json)
{
    json_decref(*json);
}
#define fet_auto_json __attribute__((cleanup(fet_json_drop))) json_t *

#endif
