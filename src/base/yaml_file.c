// SPDX-License-Identifier: Apache-2.0
/*
 * YAML with lines. libcyaml loads by the schema but says what it does not like in log lines of its own; so libyaml's document, which has a
 * mark for every node, is checked against the same schema first, and libcyaml then finds nothing left to complain about but a lack of
 * memory.
 */
#include "base/yaml_file.h"

#include "base/alloc.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 256, LIST_BYTES = 512, MAX_NAMES = 32 };

static yaml_node_t *root_of(fet_yaml *yaml)
{
    return yaml_document_get_root_node(&yaml->document);
}

static const char *scalar(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

/* The value of a key, NULL when there is none. */
static yaml_node_t *child(fet_yaml *yaml, const yaml_node_t *mapping, const char *key, size_t key_bytes)
{
    if (mapping->type != YAML_MAPPING_NODE) return NULL;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(&yaml->document, pair->key);
        if (name->type == YAML_SCALAR_NODE && name->data.scalar.length == key_bytes && memcmp(scalar(name), key, key_bytes) == 0)
            return yaml_document_get_node(&yaml->document, pair->value);
    }
    return NULL;
}

/* Walks down a path as far as it goes; *out_line is the last node's. */
static yaml_node_t *walk(fet_yaml *yaml, const char *path, size_t *out_line)
{
    yaml_node_t *node = root_of(yaml);
    *out_line = node ? node->start_mark.line + 1 : 1;
    while (node && *path) {
        if (*path == '[') {
            size_t index = 0;
            for (path++; *path >= '0' && *path <= '9'; path++) index = 10 * index + (size_t)(*path - '0');
            path++;
            bool there =
                node->type == YAML_SEQUENCE_NODE && index < (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
            node = there ? yaml_document_get_node(&yaml->document, node->data.sequence.items.start[index]) : NULL;
        } else {
            path += *path == '.';
            size_t bytes = strcspn(path, ".[");
            node = child(yaml, node, path, bytes);
            path += bytes;
        }
        if (node) *out_line = node->start_mark.line + 1;
    }
    return node;
}

yaml_node_t *fet_yaml_find(fet_yaml *yaml, const char *path)
{
    size_t line;
    return walk(yaml, path, &line);
}

size_t fet_yaml_line(fet_yaml *yaml, const char *path)
{
    size_t line;
    (void)walk(yaml, path, &line);
    return line;
}

fet_status fet_yaml_fail(fet_yaml *yaml, const char *path, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fet_fail(FET_ERROR_ARG, "%s:%zu: field \"%s\": %s", yaml->name, fet_yaml_line(yaml, path), path, text);
}

static const char *kind_name(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? "a value" : node->type == YAML_SEQUENCE_NODE ? "a list" : "a mapping";
}

static fet_status wrong_kind(fet_yaml *yaml, const yaml_node_t *node, const char *path, const char *expected)
{
    return fet_fail(FET_ERROR_ARG, "%s:%zu: %s%s%s%s: expected %s, found %s", yaml->name, node->start_mark.line + 1,
                    path[0] ? "field \"" : "the ", path[0] ? "" : yaml->kind->noun, path, path[0] ? "\"" : "", expected, kind_name(node));
}

static fet_status unknown_key(fet_yaml *yaml, const yaml_node_t *key, const char *path, const cyaml_schema_field_t *fields)
{
    const char *names[MAX_NAMES];
    char list[LIST_BYTES] = "";
    size_t n = 0;
    for (; fields[n].key && n < MAX_NAMES; n++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", n ? ", " : "", fields[n].key);
        names[n] = fields[n].key;
    }
    const char *nearest = fet_text_nearest(scalar(key), names, n);
    return fet_fail(FET_ERROR_ARG, "%s:%zu: field \"%s%s%.100s\": there is no such field%s%s%s: expected %s", yaml->name,
                    key->start_mark.line + 1, path, path[0] ? "." : "", scalar(key), nearest ? ", did you mean \"" : "",
                    nearest ? nearest : "", nearest ? "\"?" : "", list);
}

static fet_status check_node(fet_yaml *yaml, const yaml_node_t *node, const cyaml_schema_value_t *schema, const char *path);

static fet_status check_mapping(fet_yaml *yaml, const yaml_node_t *node, const cyaml_schema_field_t *fields, const char *path)
{
    char inner[PATH_BYTES];
    if (node->type != YAML_MAPPING_NODE) return wrong_kind(yaml, node, path, "a mapping");
    const yaml_node_pair_t *start = node->data.mapping.pairs.start;
    for (const yaml_node_pair_t *pair = start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&yaml->document, pair->key);
        if (key->type != YAML_SCALAR_NODE) return wrong_kind(yaml, key, path, "a name as key");
        const cyaml_schema_field_t *field = fields;
        while (field->key && strcmp(field->key, scalar(key)) != 0) field++;
        if (!field->key) return unknown_key(yaml, key, path, fields);
        snprintf(inner, sizeof inner, "%s%s%s", path, path[0] ? "." : "", field->key);
        const yaml_node_t *value = yaml_document_get_node(&yaml->document, pair->value);
        if (child(yaml, node, field->key, strlen(field->key)) != value)
            return fet_fail(FET_ERROR_ARG, "%s:%zu: field \"%s\": it stands here a second time", yaml->name, key->start_mark.line + 1,
                            inner);
        FET_TRY(check_node(yaml, value, &field->value, inner));
    }
    return FET_OK;
}

static fet_status check_list(fet_yaml *yaml, const yaml_node_t *node, const cyaml_schema_value_t *schema, const char *path)
{
    char inner[PATH_BYTES];
    if (node->type != YAML_SEQUENCE_NODE) return wrong_kind(yaml, node, path, "a list");
    size_t n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (n < schema->sequence.min || n > schema->sequence.max)
        return fet_fail(FET_ERROR_ARG, "%s:%zu: field \"%s\": a list of %zu: expected %u to %u entries", yaml->name,
                        node->start_mark.line + 1, path, n, schema->sequence.min, schema->sequence.max);
    for (size_t i = 0; i < n; i++) {
        snprintf(inner, sizeof inner, "%s[%zu]", path, i);
        FET_TRY(
            check_node(yaml, yaml_document_get_node(&yaml->document, node->data.sequence.items.start[i]), schema->sequence.entry, inner));
    }
    return FET_OK;
}

/* Recursion as deep as the schema. */
static fet_status check_node(fet_yaml *yaml, const yaml_node_t *node, const cyaml_schema_value_t *schema, const char *path)
{
    if (!node) return fet_fail(FET_ERROR_CORRUPT, "%s: field \"%s\": there is nothing", yaml->name, path);
    switch (schema->type) {
    case CYAML_MAPPING: return check_mapping(yaml, node, schema->mapping.fields, path);
    case CYAML_SEQUENCE: return check_list(yaml, node, schema, path);
    case CYAML_STRING:
        if (node->type != YAML_SCALAR_NODE) return wrong_kind(yaml, node, path, "a value");
        if (strlen(scalar(node)) != node->data.scalar.length || node->data.scalar.length > schema->string.max)
            return fet_fail(FET_ERROR_ARG, "%s:%zu: field \"%s\": expected a text of at most %u bytes without zero bytes", yaml->name,
                            node->start_mark.line + 1, path, schema->string.max);
        return FET_OK;
    default: return FET_OK;
    }
}

static fet_status syntax_error(const fet_yaml *yaml, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to read it", yaml->name);
    return fet_fail(FET_ERROR_ARG, "%s:%zu: this is no YAML: %s%s%s", yaml->name, parser->problem_mark.line + 1,
                    parser->problem ? parser->problem : "it cannot be read", parser->context ? " " : "",
                    parser->context ? parser->context : "");
}

/* Anchors would let one text stand for many; our files have no use for them. */
static fet_status refuse_aliases(const fet_yaml *yaml, const char *text, size_t bytes)
{
    yaml_parser_t parser;
    fet_status status = FET_OK;
    if (!yaml_parser_initialize(&parser)) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to read it", yaml->name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    for (bool end = false; !end && status == FET_OK;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            status = syntax_error(yaml, &parser);
            break;
        }
        if (event.type == YAML_ALIAS_EVENT)
            status = fet_fail(FET_ERROR_ARG, "%s:%zu: an alias (*name): a %s has none, write the value out", yaml->name,
                              event.start_mark.line + 1, yaml->kind->noun);
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return status;
}

static fet_status parse_document(fet_yaml *yaml, const char *text, size_t bytes)
{
    yaml_parser_t parser;
    yaml_document_t second;
    FET_TRY(refuse_aliases(yaml, text, bytes));
    if (!yaml_parser_initialize(&parser)) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to read it", yaml->name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    fet_status status = FET_OK;
    if (!yaml_parser_load(&parser, &yaml->document)) {
        memset(&yaml->document, 0, sizeof yaml->document);
        status = syntax_error(yaml, &parser);
    } else if (!root_of(yaml)) {
        status = fet_fail(FET_ERROR_ARG, "%s:1: the file is empty: expected a %s, such as %s", yaml->name, yaml->kind->noun,
                          yaml->kind->example);
    } else if (!yaml_parser_load(&parser, &second)) {
        status = syntax_error(yaml, &parser);
    } else {
        const yaml_node_t *root = yaml_document_get_root_node(&second);
        if (root)
            status = fet_fail(FET_ERROR_ARG, "%s:%zu: a second document: expected one %s", yaml->name, root->start_mark.line + 1,
                              yaml->kind->noun);
        yaml_document_delete(&second);
    }
    yaml_parser_delete(&parser);
    return status;
}

/* libcyaml's allocator: 0 bytes frees. */
static void *cyaml_memory(void *context, void *pointer, size_t bytes)
{
    (void)context;
    if (bytes) return fet_realloc(pointer, bytes);
    fet_free(pointer);
    return NULL;
}

/* The first complaint is the cause, the others say where it is in libcyaml's words. */
static void cyaml_complaint(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    char *text = context;
    if (level >= CYAML_LOG_ERROR && !text[0]) vsnprintf(text, LIST_BYTES, format, arguments);
}

static cyaml_config_t cyaml_settings(char *complaint)
{
    return (cyaml_config_t){
        .log_fn = cyaml_complaint, .log_ctx = complaint, .log_level = CYAML_LOG_ERROR, .mem_fn = cyaml_memory, .flags = CYAML_CFG_NO_ALIAS};
}

fet_status fet_yaml_init(fet_yaml *yaml, const fet_yaml_kind *kind, const char *name, const char *text, size_t bytes)
{
    char complaint[LIST_BYTES] = "";
    cyaml_config_t config = cyaml_settings(complaint);
    cyaml_data_t *raw = NULL;
    memset(yaml, 0, sizeof *yaml);
    yaml->kind = kind;
    yaml->name = name;
    FET_TRY(parse_document(yaml, text, bytes));
    FET_TRY(check_node(yaml, root_of(yaml), kind->schema, ""));
    cyaml_err_t error = cyaml_load_data((const uint8_t *)text, bytes, &config, kind->schema, &raw, NULL);
    if (error == CYAML_ERR_OOM) return fet_fail(FET_ERROR_NOMEM, "%s: no memory to read it", name);
    if (error != CYAML_OK) return fet_fail(FET_ERROR_ARG, "%s: %s (%s)", name, cyaml_strerror(error), complaint);
    yaml->raw = raw;
    return FET_OK;
}

void fet_yaml_deinit(fet_yaml *yaml)
{
    char complaint[LIST_BYTES] = "";
    cyaml_config_t config = cyaml_settings(complaint);
    if (yaml->raw) (void)cyaml_free(&config, yaml->kind->schema, yaml->raw, 0);
    yaml_document_delete(&yaml->document);
    memset(yaml, 0, sizeof *yaml);
}
