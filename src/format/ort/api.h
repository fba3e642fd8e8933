// SPDX-License-Identifier: Apache-2.0
/*
 * The entries of ONNX Runtime's C API that we call. The API is a table of functions that only ever grows at its end, so an entry keeps its
 * place in every later version. Pointers to its objects are void here: nothing of them is touched by us.
 */
#ifndef FET_FORMAT_ORT_API_H
#define FET_FORMAT_ORT_API_H

#include <stddef.h>
#include <stdint.h>

/* OrtGetApiBase() gives this. */
typedef struct fet_ort_api_base {
    const void *(*get_api)(uint32_t version);
    const char *(*get_version)(void);
} fet_ort_api_base;

/* Version 1 of the table, asked for by number. */
enum { FET_ORT_API_VERSION = 1 };

/* Places in the table. */
enum fet_ort_entry {
    FET_ORT_GET_ERROR_MESSAGE = 2,
    FET_ORT_CREATE_ENV = 3,
    FET_ORT_CREATE_SESSION = 7,
    FET_ORT_RUN = 9,
    FET_ORT_CREATE_SESSION_OPTIONS = 10,
    FET_ORT_SET_OPTIMIZATION_LEVEL = 23,
    FET_ORT_SET_INTRA_OP_THREADS = 24,
    FET_ORT_SET_INTER_OP_THREADS = 25,
    FET_ORT_INPUT_COUNT = 30,
    FET_ORT_OUTPUT_COUNT = 31,
    FET_ORT_INPUT_NAME = 36,
    FET_ORT_OUTPUT_NAME = 37,
    FET_ORT_CREATE_TENSOR_WITH_DATA = 49,
    FET_ORT_TENSOR_DATA = 51,
    FET_ORT_ELEMENT_TYPE = 60,
    FET_ORT_DIMENSION_COUNT = 61,
    FET_ORT_DIMENSIONS = 62,
    FET_ORT_TYPE_AND_SHAPE = 65,
    FET_ORT_CREATE_CPU_MEMORY_INFO = 69,
    FET_ORT_ALLOCATOR_FREE = 76,
    FET_ORT_DEFAULT_ALLOCATOR = 78,
    FET_ORT_RELEASE_ENV = 92,
    FET_ORT_RELEASE_STATUS = 93,
    FET_ORT_RELEASE_MEMORY_INFO = 94,
    FET_ORT_RELEASE_SESSION = 95,
    FET_ORT_RELEASE_VALUE = 96,
    FET_ORT_RELEASE_TYPE_AND_SHAPE = 99,
    FET_ORT_RELEASE_SESSION_OPTIONS = 100,
};

/* Numbers of its enumerations. */
enum {
    FET_ORT_LOG_ERROR = 3,
    FET_ORT_OPTIMISE_NONE = 0,
    FET_ORT_OPTIMISE_ALL = 99,
    FET_ORT_ARENA_ALLOCATOR = 1,
    FET_ORT_MEMORY_DEFAULT = 0
};
enum {
    FET_ORT_F32 = 1,
    FET_ORT_U8 = 2,
    FET_ORT_S8 = 3,
    FET_ORT_S32 = 6,
    FET_ORT_S64 = 7,
    FET_ORT_BOOL = 9,
    FET_ORT_F16 = 10,
    FET_ORT_F64 = 11
};

/* Types of the entries; a returned pointer is a status, NULL for success. */
typedef const char *(*fet_ort_message_fn)(const void *status);
typedef void *(*fet_ort_create_env_fn)(int log_level, const char *id, void **out);
typedef void *(*fet_ort_create_session_fn)(const void *env, const char *path, const void *options, void **out);
typedef void *(*fet_ort_run_fn)(void *session, const void *options, const char *const *input_names, const void *const *inputs,
                                size_t n_inputs, const char *const *output_names, size_t n_outputs, void **outputs);
typedef void *(*fet_ort_create_fn)(void **out);
typedef void *(*fet_ort_set_int_fn)(void *options, int value);
typedef void *(*fet_ort_count_fn)(const void *object, size_t *out);
typedef void *(*fet_ort_name_fn)(const void *session, size_t i, void *allocator, char **out);
typedef void *(*fet_ort_create_tensor_fn)(const void *memory_info, void *data, size_t bytes, const int64_t *shape, size_t rank, int type,
                                          void **out);
typedef void *(*fet_ort_data_fn)(void *value, void **out);
typedef void *(*fet_ort_type_fn)(const void *info, int *out);
typedef void *(*fet_ort_dimensions_fn)(const void *info, int64_t *dims, size_t rank);
typedef void *(*fet_ort_info_fn)(const void *value, void **out);
typedef void *(*fet_ort_memory_info_fn)(int allocator, int memory, void **out);
typedef void *(*fet_ort_free_fn)(void *allocator, void *pointer);
typedef void (*fet_ort_release_fn)(void *object);

#endif
