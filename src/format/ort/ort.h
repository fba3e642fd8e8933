// SPDX-License-Identifier: Apache-2.0
/*
 * ONNX Runtime as a shared library that may or may not be there: find -> open -> session -> run many times -> destroy, sessions first.
 * One thread, CPU. Thread-compatible: one session, one thread. Every failure carries what ONNX Runtime said.
 */
#ifndef FET_FORMAT_ORT_ORT_H
#define FET_FORMAT_ORT_ORT_H

#include "tensor/tensor.h"

typedef struct fet_ort fet_ort;
typedef struct fet_ort_session fet_ort_session;

enum { FET_ORT_PATH_BYTES = 4096 };

/*
 * Where the library is: `given` (NULL: not given), else the environment's FETTLE_ONNXRUNTIME, else node_modules/onnxruntime-node in the
 * working directory, beside the program or in a folder above one of them, else a name for the loader's own search.
 * Errors: NOT_FOUND says where was looked and how a user gets it.
 */
FET_MUST_CHECK fet_status fet_ort_find(const char *given, char path[FET_ORT_PATH_BYTES]);

/* Errors: NOT_FOUND, UNSUPPORTED (no ONNX Runtime in it), STATE. The library stays loaded until the process ends. */
FET_MUST_CHECK fet_status fet_ort_open(const char *path, fet_ort **out_ort);
void fet_ort_destroy(fet_ort *ort);
FET_DEFINE_AUTO(fet_ort);
const char *fet_ort_version(const fet_ort *ort); /* "1.30.0" */

/* `optimise`: all of its graph optimisations, else none. Errors: CORRUPT, with its message, a model that it refuses. */
FET_MUST_CHECK fet_status fet_ort_session_create(fet_ort *ort, const char *model, bool optimise, fet_ort_session **out_session);
void fet_ort_session_destroy(fet_ort_session *session);
FET_DEFINE_AUTO(fet_ort_session);

uint32_t fet_ort_n_inputs(const fet_ort_session *session);
uint32_t fet_ort_n_outputs(const fet_ort_session *session);
const char *fet_ort_input_name(const fet_ort_session *session, uint32_t i);
const char *fet_ort_output_name(const fet_ort_session *session, uint32_t i);

/* Input i, in the session's order. Its memory is read at every run: `tensor` is retained. Errors: UNSUPPORTED its type. */
FET_MUST_CHECK fet_status fet_ort_set_input(fet_ort_session *session, uint32_t i, fet_tensor *tensor);
/* The first run makes the memory of the outputs, further ones use it again. */
FET_MUST_CHECK fet_status fet_ort_run(fet_ort_session *session);
/* A copy of output i of the last run. Errors: STATE before it; UNSUPPORTED a type or rank we do not have. */
FET_MUST_CHECK fet_status fet_ort_output(const fet_ort_session *session, uint32_t i, fet_tensor **out_tensor);

#endif
