// SPDX-License-Identifier: Apache-2.0
/*
 * Kinds of tasks: how a network is trained and what its quality is. One const table of functions a kind, in its own file, listed in
 * registry.c; tests/task/test_conformance.c runs over the registry.
 */
#ifndef FET_TASK_TASK_H
#define FET_TASK_TASK_H

#include "task/classify.h"

enum { FET_TASK_MAX_ERRORS = 8 };

/* The figures that a trial's quality is kept as: on val and test, as trained and at the device's precision. */
typedef enum fet_task_figure {
    FET_FIGURE_VAL = 0,
    FET_FIGURE_VAL_DEVICE,
    FET_FIGURE_TEST,
    FET_FIGURE_TEST_DEVICE,
    FET_FIGURE_COUNT
} fet_task_figure;

typedef struct fet_task_figure_names {
    const char *value, *low, *high;         /* the quality and its 95% interval */
    const char *error[FET_TASK_MAX_ERRORS]; /* relative error of output 0, 1, ... */
} fet_task_figure_names;

/* "val_accuracy", "val_accuracy_low", ...: literals, for figures only point to their names. */
#define FET_TASK_FIGURE_NAMES_(name, e)                                                                                                    \
    {                                                                                                                                      \
        name, name "_low", name "_high",                                                                                                   \
        {                                                                                                                                  \
            e "_error_0", e "_error_1", e "_error_2", e "_error_3", e "_error_4", e "_error_5", e "_error_6", e "_error_7"                 \
        }                                                                                                                                  \
    }
#define FET_TASK_FIGURES(word)                                                                                                             \
    {                                                                                                                                      \
        [FET_FIGURE_VAL] = FET_TASK_FIGURE_NAMES_("val_" word, "val"),                                                                     \
        [FET_FIGURE_VAL_DEVICE] = FET_TASK_FIGURE_NAMES_("val_device_" word, "val_device"),                                                \
        [FET_FIGURE_TEST] = FET_TASK_FIGURE_NAMES_("test_" word, "test"),                                                                  \
        [FET_FIGURE_TEST_DEVICE] = FET_TASK_FIGURE_NAMES_("test_device_" word, "test_device"),                                             \
    }

#define FET_TASK_Z 1.959963984540054 /* 97.5% quantile of the normal distribution: of 95% intervals */

/* What is looked at, and how. */
typedef struct fet_task_sight {
    fet_split split;
    fet_dtype precision;                /* F32, BF16, or S8 (calibrated on the train split) */
    fet_quantise_options quantise;      /* S8: how */
    const fet_calibration *calibration; /* S8: one made before, with `graph` marked as it should be; NULL: made here; borrowed */
    uint32_t limit;                     /* first samples only; 0: all */
    const fet_graph *original;          /* for kinds that compare with it; borrowed */
} fet_task_sight;

typedef struct fet_task_quality {
    double share;     /* 0 to 1, larger is better */
    double low, high; /* its 95% interval; NAN: none */
    uint32_t n;       /* samples */
    /* Of kinds that compare with an original: how far each output is from the original's, |a - b| / |b| over all samples (2-norms). */
    double error[FET_TASK_MAX_ERRORS];
    uint32_t n_errors; /* outputs, or FET_TASK_MAX_ERRORS, the first ones, when there are more */
} fet_task_quality;

struct fet_compared;
struct fet_comparison;

typedef struct fet_task_ops {
    const char *name; /* in jobs */
    const char *help;
    const char *measure; /* what the quality is, for people: "accuracy", "agreement with the original" */
    const char *loss_unit;
    fet_task_figure_names figures[FET_FIGURE_COUNT];
    bool needs_labels;
    bool needs_original; /* training takes it from options->distil.teacher, evaluation from sight->original */
    /* In place, on the train split; fet_classify_train's contract. */
    fet_status (*train)(fet_graph *graph, const fet_dataset *dataset, const fet_train_options *options, fet_train_result *out_result);
    fet_status (*evaluate)(const fet_graph *graph, const fet_dataset *dataset, const fet_task_sight *sight, fet_task_quality *out_quality);
    /* Two networks on the same samples (task/compare.h). NULL: of a kind that has no right and wrong. */
    fet_status (*compare)(const struct fet_compared *one, const struct fet_compared *other, const fet_task_sight *sight,
                          struct fet_comparison *out_comparison);
} fet_task_ops;

/* What activations are on batches of the train split, always the same ones. quantise: NULL: the defaults. */
FET_MUST_CHECK fet_status fet_task_calibrate(const fet_graph *graph, const fet_dataset *dataset, const fet_quantise_options *quantise,
                                             fet_calibration **out_calibration);

extern const fet_task_ops fet_task_classify;
extern const fet_task_ops fet_task_imitate;
extern const fet_task_ops *const fet_tasks[];        /* NULL behind the last */
const fet_task_ops *fet_task_find(const char *name); /* NULL when there is none */

/* Sets the running statistics of every batch norm from `n_batches` of training data, weights untouched: what inherited weights need. */
FET_MUST_CHECK fet_status fet_task_recalibrate(fet_graph *graph, const fet_dataset *dataset, uint32_t n_batches, uint64_t seed);

#endif
