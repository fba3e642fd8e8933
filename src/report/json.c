// SPDX-License-Identifier: Apache-2.0
#include "report/json.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

json_t *fet_json_text(const char *text)
{
    json_t *json = json_string(text ? text : "");
    if (json || !text) return json;
    /* Not UTF-8, or no memory: try once more with the bytes in question replaced. */
    char *plain = fet_strdup(text);
    if (!plain) return NULL;
    for (char *c = plain; *c; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    json = json_string(plain);
    fet_free(plain);
    return json;
}

json_t *fet_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

const char *fet_json_get_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

double fet_json_get_number(const json_t *object, const char *key, double otherwise)
{
    const json_t *number = json_object_get(object, key);
    return json_is_number(number) ? json_number_value(number) : otherwise;
}

double fet_json_get_figure(const json_t *object, const char *key, double otherwise)
{
    return fet_json_get_number(json_object_get(object, key), "value", otherwise);
}

fet_status fet_json_put(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) return fet_fail(FET_ERROR_NOMEM, "no memory for the report's \"%s\"", key);
    return FET_OK;
}

fet_status fet_json_push(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) return fet_fail(FET_ERROR_NOMEM, "no memory for the report");
    return FET_OK;
}

fet_status fet_json_child(json_t *object, const char *key, bool array, json_t **out_child)
{
    json_t *child = json_object_get(object, key);
    if (!(array ? json_is_array(child) : json_is_object(child))) {
        FET_TRY(fet_json_put(object, key, array ? json_array() : json_object()));
        child = json_object_get(object, key);
    }
    *out_child = child;
    return FET_OK;
}

void fet_json_free(char *text)
{
    json_free_t release = NULL;
    json_get_alloc_funcs(NULL, &release);
    if (text) release(text);
}
