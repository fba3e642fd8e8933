// SPDX-License-Identifier: Apache-2.0
/*
 * The job as a user writes it, read from YAML against a schema, every default filled in. docs: README.md, "The job file".
 * Every string and array lives in the job. Immutable after read.
 */
#ifndef FET_RUN_JOB_H
#define FET_RUN_JOB_H

#include "data/dataset.h"
#include "device/device.h"
#include "space/space.h"
#include "space/template/template.h"
#include "task/task.h"

typedef enum fet_metric {
    FET_METRIC_QUALITY = 0, /* accuracy share on val at the device's precision; maximised */
    FET_METRIC_LATENCY,     /* ms, sum of kernels; minimised, as all below */
    FET_METRIC_PEAK_MEMORY, /* bytes, activation arena */
    FET_METRIC_PARAMS,      /* bytes, at the device's precision */
    FET_METRIC_COUNT
} fet_metric;
const char *fet_metric_name(fet_metric metric); /* "quality", "latency", "peak_memory", "params" */
const char *fet_metric_unit(fet_metric metric);

/* One limit: metric <= value; relative: value is a share of the base's figure ("<= 60%": 0.6). */
typedef struct fet_limit {
    fet_metric metric;
    bool relative;
    double value; /* ms or bytes when absolute */
} fet_limit;

typedef struct fet_variant {
    const char *name;       /* "V1" */
    bool block_form, width; /* all but widths; widths */
} fet_variant;

/* A program that says how good a candidate is (run/external.h). */
typedef struct fet_job_evaluate {
    const char *const *command; /* [n_words] */
    uint32_t n_words;           /* 0: fettle trains and evaluates itself */
    double timeout_s;           /* of one trial; default 10 minutes */
} fet_job_evaluate;

enum { FET_JOB_MAX_STAGES = 12, FET_JOB_MAX_VARIANTS = 8, FET_JOB_MAX_LOCKS = 2 * FET_SPACE_MAX_DECISIONS };

typedef struct fet_job {
    const char *path; /* of the file it came from, for messages */
    const char *text; /* the completed job as YAML: equal text, equal job */
    /* task */
    const fet_task_ops *task; /* default "classify" */
    fet_dataset_options data;
    fet_job_evaluate evaluate; /* then the task is fet_task_external, and there are no data */
    /* base */
    const char *base_template; /* "ibn_classifier"; NULL: an ONNX network */
    fet_template_options base_options;
    const char *base_onnx;    /* the file, absolute; NULL: a template */
    uint64_t base_hash;       /* of that file's content; 0: not looked at */
    fet_shape base_input;     /* binds open dimensions; rank 0: as the file says */
    double base_epochs;       /* default 6; of an ONNX network 3, and 0 takes it as it is */
    float base_learning_rate; /* default 0.1; of an ONNX network 0.02 */
    /* device */
    fet_device_options device;     /* default host, S8, auto */
    fet_quantise_options quantise; /* of every network, on a device that computes in int8; first and last are marked in every candidate */
    /* space; widths and all other decisions are switched by the variant */
    uint32_t kinds;          /* set of fet_space_kind; default fusing; for an ONNX network skipping, activations and resolution too */
    fet_dtype precisions[2]; /* beside int8, that layers may be computed in, where that is decided */
    uint32_t n_precisions;
    bool has_width;
    bool curate; /* "device" (default) or "off" */
    bool taylor; /* "importance: taylor": narrower widths keep the channels that data call for; default false, magnitudes */
    double width_low, width_high;
    double multipliers[8];
    uint32_t n_multipliers;
    double resolutions[8];  /* shares of the base's size, where that is decided */
    uint32_t n_resolutions; /* 0: the space's usual ones */
    const char *locks[FET_JOB_MAX_LOCKS];
    uint32_t n_locks;
    /* goal: objectives[0] is quality */
    fet_metric objectives[FET_METRIC_COUNT];
    uint32_t n_objectives;
    fet_limit limits[8];
    uint32_t n_limits;
    double quality_margin; /* what "same quality" allows, share; default 0.003 */
    bool prefers_quality;  /* of the candidates within the limits take the best, not the fastest of the base's quality; default false */
    /* search */
    const char *strategy; /* default: the first of the registry */
    uint32_t trials;      /* for each variant; default 48 */
    double budget_s;      /* wall clock of all searches together; 0: none. A budget makes results depend on the machine's speed */
    uint32_t workers;     /* 0: auto, one a core */
    uint32_t lookahead;   /* default 4: trial n depends on results up to n - lookahead, whatever the number of workers */
    uint64_t seed;        /* default 1 */
    fet_variant variants[FET_JOB_MAX_VARIANTS]; /* default V1 (widths), V2 (all but widths), V3 (both), as far as the decisions allow; for
                                                 an ONNX network "fit", all of them in one search */
    uint32_t n_variants;
    /* training of candidates */
    double short_epochs, full_epochs;              /* defaults 0.2 and 3 */
    float short_learning_rate, full_learning_rate; /* defaults 0.05, 0.1 */
    uint32_t batch;                                /* default 64 */
    float label_smoothing;
    fet_dtype train_precision;                             /* F32 or BF16; default NONE: what this machine trains fastest in */
    bool fit;                                              /* candidates start from a linear fit to the base; default false */
    fet_augment_options augment;                           /* default flip, shift 2 */
    float distil_weight, distil_temperature, distil_hints; /* candidates learn from the trained base too; weight 0: from labels alone */
    uint32_t finalists;                                    /* trained longer, for each variant; default 3 */
    double watts_per_core;                                 /* for the energy of the report; default 10 */
    const char *output; /* folder, relative to the working directory; default "out/<name of the job file's folder>" */
} fet_job;

/* Networks are quantised for the job's device; false: they run there as they were trained, in f32 or bf16. */
static inline bool fet_job_is_quantised(const fet_job *job)
{
    return job->device.precision == FET_DTYPE_S8;
}

/* Errors: one line naming file, line, field, value and what was expected. */
FET_MUST_CHECK fet_status fet_job_read(const char *path, fet_job **out_job);
/* What the command line says over the file; it becomes part of job->text. */
typedef struct fet_job_overrides {
    const char *output; /* NULL: as the file says */
    bool has_seed;
    uint64_t seed;
} fet_job_overrides;
FET_MUST_CHECK fet_status fet_job_read_with(const char *path, const fet_job_overrides *overrides, fet_job **out_job);
/* The same from a text that stands for a user's file. */
FET_MUST_CHECK fet_status fet_job_read_text(const char *name, const char *text, size_t bytes, fet_job **out_job);
/* The same from text (a study keeps its job); `name` stands in messages. */
FET_MUST_CHECK fet_status fet_job_parse(const char *name, const char *text, size_t bytes, fet_job **out_job);
/* "10min", "90 s", "1h 30min"; "none": 0. False: it is no duration. */
bool fet_duration_parse(const char *text, double *out_seconds);
void fet_job_destroy(fet_job *job);
FET_DEFINE_AUTO(fet_job);

#endif
