// SPDX-License-Identifier: Apache-2.0
/* Does the cheap answer order candidates as the dear one does? Short against full training of the same candidates. */
#include "report/parts.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

/* Mean rank of value[i] among all: ties share theirs. O(n^2), n is the number of finalists. */
static double mean_rank(const double *value, size_t n, size_t i)
{
    double below = 0, equal = 0;
    for (size_t j = 0; j < n; j++) {
        below += value[j] < value[i];
        equal += value[j] == value[i];
    }
    return below + (equal + 1) / 2;
}

void fet_report_rank_correlation(const double *a, const double *b, size_t n, double *out_kendall, double *out_spearman)
{
    double agree = 0, pairs_a = 0, pairs_b = 0, sum_ab = 0, sum_aa = 0, sum_bb = 0;
    double middle = ((double)n + 1) / 2;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            double x = (double)((a[i] > a[j]) - (a[i] < a[j])), y = (double)((b[i] > b[j]) - (b[i] < b[j]));
            agree += x * y;
            pairs_a += x * x;
            pairs_b += y * y;
        }
        double ra = mean_rank(a, n, i) - middle, rb = mean_rank(b, n, i) - middle;
        sum_ab += ra * rb;
        sum_aa += ra * ra;
        sum_bb += rb * rb;
    }
    *out_kendall = pairs_a > 0 && pairs_b > 0 ? agree / sqrt(pairs_a * pairs_b) : 0;
    *out_spearman = sum_aa > 0 && sum_bb > 0 ? sum_ab / sqrt(sum_aa * sum_bb) : 0;
}

/* The search that a finalist came from: its own series, or the variant its parameters name. */
static const json_t *short_trial_of(const json_t *trials, const json_t *full)
{
    const char *variant = fet_json_get_text(full, "variant");
    for (size_t i = 0; i < json_array_size(trials); i++) {
        const json_t *trial = json_array_get(trials, i);
        if (strcmp(fet_json_get_text(trial, "fidelity"), "short") == 0 && strcmp(fet_json_get_text(trial, "state"), "done") == 0 &&
            strcmp(fet_json_get_text(trial, "variant"), variant) == 0 &&
            strcmp(fet_json_get_text(trial, "genome"), fet_json_get_text(full, "genome")) == 0)
            return trial;
    }
    return NULL;
}

fet_status fet_report_add_fidelities(json_t *document)
{
    fet_report_objective objectives[FET_REPORT_MAX_OBJECTIVES];
    const json_t *trials = json_object_get(document, "trials");
    size_t n_trials = json_array_size(trials), n = 0;
    if (json_object_get(document, "fidelities") || n_trials == 0 || fet_report_objectives(document, objectives) == 0) return FET_OK;
    double *pairs = NULL;
    FET_TRY(fet_alloc_zeroed(2 * n_trials, sizeof *pairs, "the report's rank correlation", &pairs));
    double *cheap = pairs, *dear = pairs + n_trials;
    for (size_t i = 0; i < n_trials; i++) {
        const json_t *full = json_array_get(trials, i);
        if (strcmp(fet_json_get_text(full, "fidelity"), "full") != 0) continue;
        const json_t *quick = short_trial_of(trials, full);
        cheap[n] = fet_json_get_figure(json_object_get(quick, "figures"), objectives[0].figure, NAN);
        dear[n] = fet_json_get_figure(json_object_get(full, "figures"), objectives[0].figure, NAN);
        n += isfinite(cheap[n]) && isfinite(dear[n]);
    }
    fet_status status = FET_OK;
    if (n >= 3) { /* two points always lie on a line */
        double kendall = 0, spearman = 0;
        fet_report_rank_correlation(cheap, dear, n, &kendall, &spearman);
        status = fet_json_put(document, "fidelities",
                              json_pack("[{s:s, s:s, s:f, s:f, s:I}]", "from", "short training", "to", "full training", "kendall", kendall,
                                        "spearman", spearman, "n", (json_int_t)n));
    }
    fet_free(pairs);
    return status;
}
