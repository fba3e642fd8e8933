// SPDX-License-Identifier: Apache-2.0
#include "format/ort/ort.h"

#include "format/ort/api.h"

#include <dlfcn.h>
#include <string.h>

struct fet_ort {
    void *const *table;
    const char *version;
    void *env, *memory_info, *allocator;
};

struct fet_ort_session {
    fet_ort *ort;
    void *session;
    uint32_t n_inputs, n_outputs;
    char **names; /* inputs, then outputs; its allocator's */
    void **values;
    fet_tensor **tensors; /* of the inputs */
};

/* ISO C has no cast from data to function pointers. */
#define ENTRY(type, name, ort, place)                                                                                                      \
    type name;                                                                                                                             \
    memcpy(&name, &(ort)->table[place], sizeof name)

static void release(const fet_ort *ort, int place, void *object)
{
    ENTRY(fet_ort_release_fn, release_it, ort, place);
    if (object) release_it(object);
}

static fet_status check(const fet_ort *ort, void *status, fet_status code, const char *doing)
{
    if (!status) return FET_OK;
    ENTRY(fet_ort_message_fn, message, ort, FET_ORT_GET_ERROR_MESSAGE);
    const char *text = message(status), *end = strchr(text, '\n');
    fet_status failed = fet_fail(code, "ONNX Runtime could not %s: %.*s", doing, end ? (int)(end - text) : (int)strlen(text), text);
    release(ort, FET_ORT_RELEASE_STATUS, status);
    return failed;
}

static fet_status open_table(const char *path, fet_ort *ort)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return fet_fail(FET_ERROR_NOT_FOUND, "%s: %s", path, dlerror());
    void *symbol = dlsym(library, "OrtGetApiBase");
    const fet_ort_api_base *(*get_base)(void) = NULL;
    memcpy(&get_base, &symbol, sizeof get_base);
    const fet_ort_api_base *base = get_base ? get_base() : NULL;
    const void *table = base ? base->get_api(FET_ORT_API_VERSION) : NULL;
    if (!table) return fet_fail(FET_ERROR_UNSUPPORTED, "%s: not the library of ONNX Runtime (no OrtGetApiBase)", path);
    ort->table = table;
    ort->version = base->get_version();
    return FET_OK;
}

static fet_status set_up(fet_ort *ort)
{
    ENTRY(fet_ort_create_env_fn, create_env, ort, FET_ORT_CREATE_ENV);
    ENTRY(fet_ort_memory_info_fn, create_memory_info, ort, FET_ORT_CREATE_CPU_MEMORY_INFO);
    ENTRY(fet_ort_create_fn, default_allocator, ort, FET_ORT_DEFAULT_ALLOCATOR);
    FET_TRY(check(ort, create_env(FET_ORT_LOG_ERROR, "fettle", &ort->env), FET_ERROR_STATE, "start"));
    FET_TRY(check(ort, create_memory_info(FET_ORT_ARENA_ALLOCATOR, FET_ORT_MEMORY_DEFAULT, &ort->memory_info), FET_ERROR_STATE,
                  "describe memory"));
    return check(ort, default_allocator(&ort->allocator), FET_ERROR_STATE, "give its allocator");
}

fet_status fet_ort_open(const char *path, fet_ort **out_ort)
{
    fet_auto(fet_ort) ort = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *ort, "ONNX Runtime", &ort));
    FET_TRY(open_table(path, ort));
    FET_TRY(set_up(ort));
    *out_ort = fet_take(ort);
    return FET_OK;
}

void fet_ort_destroy(fet_ort *ort)
{
    if (!ort) return;
    if (ort->memory_info) release(ort, FET_ORT_RELEASE_MEMORY_INFO, ort->memory_info);
    if (ort->env) release(ort, FET_ORT_RELEASE_ENV, ort->env);
    fet_free(ort);
}

const char *fet_ort_version(const fet_ort *ort)
{
    return ort->version;
}

static fet_status create_native(fet_ort *ort, const char *model, bool optimise, void **out_session)
{
    ENTRY(fet_ort_create_fn, create_options, ort, FET_ORT_CREATE_SESSION_OPTIONS);
    ENTRY(fet_ort_set_int_fn, set_level, ort, FET_ORT_SET_OPTIMIZATION_LEVEL);
    ENTRY(fet_ort_set_int_fn, set_intra, ort, FET_ORT_SET_INTRA_OP_THREADS);
    ENTRY(fet_ort_set_int_fn, set_inter, ort, FET_ORT_SET_INTER_OP_THREADS);
    ENTRY(fet_ort_create_session_fn, create, ort, FET_ORT_CREATE_SESSION);
    void *options = NULL;
    FET_TRY(check(ort, create_options(&options), FET_ERROR_STATE, "make options"));
    fet_status status =
        check(ort, set_level(options, optimise ? FET_ORT_OPTIMISE_ALL : FET_ORT_OPTIMISE_NONE), FET_ERROR_STATE, "set its optimisations");
    if (status == FET_OK) status = check(ort, set_intra(options, 1), FET_ERROR_STATE, "set its threads");
    if (status == FET_OK) status = check(ort, set_inter(options, 1), FET_ERROR_STATE, "set its threads");
    if (status == FET_OK) status = check(ort, create(ort->env, model, options, out_session), FET_ERROR_CORRUPT, "load the model");
    release(ort, FET_ORT_RELEASE_SESSION_OPTIONS, options);
    return status;
}

static fet_status read_names(fet_ort_session *s)
{
    ENTRY(fet_ort_count_fn, n_inputs, s->ort, FET_ORT_INPUT_COUNT);
    ENTRY(fet_ort_count_fn, n_outputs, s->ort, FET_ORT_OUTPUT_COUNT);
    ENTRY(fet_ort_name_fn, input_name, s->ort, FET_ORT_INPUT_NAME);
    ENTRY(fet_ort_name_fn, output_name, s->ort, FET_ORT_OUTPUT_NAME);
    size_t in = 0, out = 0;
    FET_TRY(check(s->ort, n_inputs(s->session, &in), FET_ERROR_STATE, "count inputs"));
    FET_TRY(check(s->ort, n_outputs(s->session, &out), FET_ERROR_STATE, "count outputs"));
    s->n_inputs = (uint32_t)in, s->n_outputs = (uint32_t)out;
    FET_TRY(fet_alloc_zeroed(in + out + 1, sizeof *s->names, "names", &s->names));
    FET_TRY(fet_alloc_zeroed(in + out + 1, sizeof *s->values, "values", &s->values));
    FET_TRY(fet_alloc_zeroed(in + 1, sizeof *s->tensors, "inputs", &s->tensors));
    for (size_t i = 0; i < in; i++)
        FET_TRY(check(s->ort, input_name(s->session, i, s->ort->allocator, &s->names[i]), FET_ERROR_STATE, "name an input"));
    for (size_t o = 0; o < out; o++)
        FET_TRY(check(s->ort, output_name(s->session, o, s->ort->allocator, &s->names[in + o]), FET_ERROR_STATE, "name an output"));
    return FET_OK;
}

fet_status fet_ort_session_create(fet_ort *ort, const char *model, bool optimise, fet_ort_session **out_session)
{
    fet_auto(fet_ort_session) session = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *session, "a session", &session));
    session->ort = ort;
    fet_status status = create_native(ort, model, optimise, &session->session);
    if (status != FET_OK) return fet_note(status, "%s", model);
    FET_TRY(read_names(session));
    *out_session = fet_take(session);
    return FET_OK;
}

void fet_ort_session_destroy(fet_ort_session *s)
{
    if (!s) return;
    ENTRY(fet_ort_free_fn, free_it, s->ort, FET_ORT_ALLOCATOR_FREE);
    for (uint32_t i = 0; i < s->n_inputs + s->n_outputs; i++) {
        void *status = s->names && s->names[i] ? free_it(s->ort->allocator, s->names[i]) : NULL;
        release(s->ort, FET_ORT_RELEASE_STATUS, status);
        if (s->values) release(s->ort, FET_ORT_RELEASE_VALUE, s->values[i]);
    }
    for (uint32_t i = 0; s->tensors && i < s->n_inputs; i++) fet_tensor_release(s->tensors[i]);
    release(s->ort, FET_ORT_RELEASE_SESSION, s->session);
    fet_free(s->names);
    fet_free(s->values);
    fet_free(s->tensors);
    fet_free(s);
}

uint32_t fet_ort_n_inputs(const fet_ort_session *session)
{
    return session->n_inputs;
}

uint32_t fet_ort_n_outputs(const fet_ort_session *session)
{
    return session->n_outputs;
}

const char *fet_ort_input_name(const fet_ort_session *session, uint32_t i)
{
    return session->names[i];
}

const char *fet_ort_output_name(const fet_ort_session *session, uint32_t i)
{
    return session->names[session->n_inputs + i];
}

static const struct {
    fet_dtype dtype;
    int type;
} types[] = {{FET_DTYPE_F32, FET_ORT_F32}, {FET_DTYPE_U8, FET_ORT_U8},     {FET_DTYPE_S8, FET_ORT_S8},   {FET_DTYPE_S32, FET_ORT_S32},
             {FET_DTYPE_S64, FET_ORT_S64}, {FET_DTYPE_BOOL, FET_ORT_BOOL}, {FET_DTYPE_F16, FET_ORT_F16}, {FET_DTYPE_F64, FET_ORT_F64}};
enum { N_TYPES = sizeof types / sizeof *types };

fet_status fet_ort_set_input(fet_ort_session *s, uint32_t i, fet_tensor *tensor)
{
    ENTRY(fet_ort_create_tensor_fn, create, s->ort, FET_ORT_CREATE_TENSOR_WITH_DATA);
    void *value = NULL;
    int type = 0;
    for (int t = 0; t < N_TYPES; t++)
        if (types[t].dtype == tensor->dtype) type = types[t].type;
    if (!type) return fet_fail(FET_ERROR_UNSUPPORTED, "input \"%s\" is %s", s->names[i], fet_dtype_name(tensor->dtype));
    FET_TRY(check(s->ort, create(s->ort->memory_info, tensor->data, tensor->bytes, tensor->shape.dim, tensor->shape.rank, type, &value),
                  FET_ERROR_STATE, "take an input"));
    release(s->ort, FET_ORT_RELEASE_VALUE, s->values[i]);
    fet_tensor_release(s->tensors[i]);
    s->values[i] = value;
    s->tensors[i] = fet_tensor_retain(tensor);
    return FET_OK;
}

fet_status fet_ort_run(fet_ort_session *s)
{
    ENTRY(fet_ort_run_fn, run, s->ort, FET_ORT_RUN);
    for (uint32_t i = 0; i < s->n_inputs; i++)
        if (!s->values[i]) return fet_fail(FET_ERROR_STATE, "input \"%s\" was not set", s->names[i]);
    return check(s->ort,
                 run(s->session, NULL, (const char *const *)s->names, (const void *const *)s->values, s->n_inputs,
                     (const char *const *)s->names + s->n_inputs, s->n_outputs, s->values + s->n_inputs),
                 FET_ERROR_STATE, "run the model");
}

static fet_status shape_of(const fet_ort_session *s, void *info, fet_dtype *dtype, fet_shape *shape)
{
    ENTRY(fet_ort_type_fn, element_type, s->ort, FET_ORT_ELEMENT_TYPE);
    ENTRY(fet_ort_count_fn, dimension_count, s->ort, FET_ORT_DIMENSION_COUNT);
    ENTRY(fet_ort_dimensions_fn, dimensions, s->ort, FET_ORT_DIMENSIONS);
    int type = 0;
    size_t rank = 0;
    FET_TRY(check(s->ort, element_type(info, &type), FET_ERROR_STATE, "tell a type"));
    FET_TRY(check(s->ort, dimension_count(info, &rank), FET_ERROR_STATE, "tell a rank"));
    *dtype = FET_DTYPE_NONE;
    for (int t = 0; t < N_TYPES; t++)
        if (types[t].type == type) *dtype = types[t].dtype;
    if (*dtype == FET_DTYPE_NONE || rank > FET_MAX_RANK)
        return fet_fail(FET_ERROR_UNSUPPORTED, "an output of ONNX's type %d and rank %zu", type, rank);
    *shape = (fet_shape){.rank = (uint32_t)rank};
    return check(s->ort, dimensions(info, shape->dim, rank), FET_ERROR_STATE, "tell a shape");
}

fet_status fet_ort_output(const fet_ort_session *s, uint32_t i, fet_tensor **out_tensor)
{
    ENTRY(fet_ort_info_fn, type_and_shape, s->ort, FET_ORT_TYPE_AND_SHAPE);
    ENTRY(fet_ort_data_fn, data_of, s->ort, FET_ORT_TENSOR_DATA);
    void *value = s->values[s->n_inputs + i], *info = NULL, *data = NULL;
    if (!value) return fet_fail(FET_ERROR_STATE, "output \"%s\": nothing was run", fet_ort_output_name(s, i));
    fet_dtype dtype;
    fet_shape shape;
    fet_auto(fet_tensor) tensor = NULL;
    FET_TRY(check(s->ort, type_and_shape(value, &info), FET_ERROR_STATE, "describe an output"));
    fet_status status = shape_of(s, info, &dtype, &shape);
    release(s->ort, FET_ORT_RELEASE_TYPE_AND_SHAPE, info);
    if (status != FET_OK) return fet_note(status, "output \"%s\"", fet_ort_output_name(s, i));
    FET_TRY(fet_tensor_create(dtype, &shape, &tensor));
    FET_TRY(check(s->ort, data_of(value, &data), FET_ERROR_STATE, "give an output"));
    if (tensor->bytes) memcpy(tensor->data, data, tensor->bytes);
    *out_tensor = fet_take(tensor);
    return FET_OK;
}
