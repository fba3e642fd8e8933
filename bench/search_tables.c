// SPDX-License-Identifier: Apache-2.0
/*
 * Strategies on published tables: every network of the space was trained by its authors, so a search costs nothing and its front can be
 * compared with the true one. Prints the share of the exact hypervolume (objectives: accuracy up, FLOPs down; reference: the worst of each
 * in the table) at two budgets, median over seeds. Exits 1 when at a budget of a table another strategy than the default is ahead of it or
 * as good. Then the same where at most 65% of the largest network's FLOPs are allowed, as in a job with a limit on latency,
 * at the small budgets of such jobs: the share of the front within the limit, and how many seeds found a network that is within it and at
 * most 0.3 points less accurate than the largest. That is about how a search begins, so it is no reason to fail. At last the same limit,
 * and half of the FLOPs, where the most accurate network within it is all that counts (`prefer: quality` in a job): how far below it the
 * best one found is; and where a trial sees each accuracy with an error, as a short training does: how far below it that one is which looks
 * best, and that one which is expected to be (fet_gp_smooth, by which finalists are chosen).
 *
 *     search_tables [FOLDER of nb-macro/ and channel-macro/]     default ../shared/bench; exits 77 (skipped) when it is not there
 */
#include "base/alloc.h"
#include "base/file.h"
#include "base/median.h"
#include "search/gaussian_process.h"
#include "search/pareto.h"
#include "search/searcher.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEEDS = 100,
    LARGE_SEEDS = 20,
    MAX_DIGITS = 8,
    MAX_OPTIONS = 4,
    N_BUDGETS = 2,
    N_FEATURES = 2,
    MAX_STRATEGIES = 8,
    LARGEST_BUDGET = 400
};

static const uint32_t budgets[N_BUDGETS] = {50, LARGEST_BUDGET}, seeds[N_BUDGETS] = {SEEDS, LARGE_SEEDS},
                      limited_budgets[N_BUDGETS] = {12, 30}, best_budgets[N_BUDGETS] = {24, 48};
static const double FLOPS_LIMIT = 0.65, SAME_POINTS = 0.3;

typedef struct table_spec {
    const char *name, *file;
    uint32_t n_digits, n_options;
    char first_digit;
} table_spec;

static const table_spec specs[] = {
    {"nb-macro", "nb-macro/nb_macro.csv", 8, 3, '0'},
    {"channel-macro MobileNet", "channel-macro/chan_mobilenet.csv", 7, 4, '1'},
    {"channel-macro ResNet", "channel-macro/chan_resnet.csv", 7, 4, '1'},
};

/* Objectives of genome g at [number(g)][2], genomes numbered in the order of their digits. */
typedef struct macro_table {
    const table_spec *spec;
    size_t n;
    double *points;
    double *params;
    double reference[2];
    double exact, exact_limited;
    double flops_limit;
    fet_option options[MAX_OPTIONS];
    fet_decision decisions[MAX_DIGITS];
    fet_encoding encoding;
} macro_table;

#define MUST(expr)                                                                                                                         \
    do {                                                                                                                                   \
        if ((expr) != FET_OK) {                                                                                                            \
            fprintf(stderr, "search_tables: %s\n", fet_error_message());                                                                   \
            exit(2);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

static void define_encoding(macro_table *table)
{
    static const char *const labels[MAX_OPTIONS] = {"0", "1", "2", "3"};
    static const char *const names[MAX_DIGITS] = {"digit0", "digit1", "digit2", "digit3", "digit4", "digit5", "digit6", "digit7"};
    uint8_t n = (uint8_t)table->spec->n_options;
    for (uint8_t o = 0; o < n; o++) table->options[o] = (fet_option){.label = labels[o], .value = o};
    for (uint32_t d = 0; d < table->spec->n_digits; d++)
        table->decisions[d] = (fet_decision){names[d], FET_DECISION_TABLE, table->options, n, (uint8_t)(n - 1)};
    table->encoding = (fet_encoding){.decisions = table->decisions, .n_decisions = table->spec->n_digits};
    MUST(fet_encoding_check(&table->encoding));
}

static size_t number_of(const macro_table *table, const uint8_t *digits)
{
    size_t number = 0;
    for (uint32_t d = 0; d < table->spec->n_digits; d++) number = number * table->spec->n_options + digits[d];
    return number;
}

/* A line is: digits,mean_acc,std,acc_s0,acc_s1,acc_s2,params,flops */
static void read_line(macro_table *table, const char *line, bool *seen)
{
    uint8_t digits[MAX_DIGITS];
    char arch[32];
    double accuracy = 0, flops = 0, params = 0;
    if (sscanf(line, "%31[0-9],%lf,%*f,%*f,%*f,%*f,%lf,%lf", arch, &accuracy, &params, &flops) != 4 ||
        strlen(arch) != table->spec->n_digits) {
        fprintf(stderr, "search_tables: %s: cannot read \"%s\"\n", table->spec->file, line);
        exit(2);
    }
    for (uint32_t d = 0; d < table->spec->n_digits; d++) digits[d] = (uint8_t)(arch[d] - table->spec->first_digit);
    size_t number = number_of(table, digits);
    if (number >= table->n || seen[number]) {
        fprintf(stderr, "search_tables: %s: %s is out of range or there twice\n", table->spec->file, arch);
        exit(2);
    }
    seen[number] = true;
    table->points[2 * number] = -accuracy;
    table->points[2 * number + 1] = flops;
    table->params[number] = params;
    table->reference[0] = fmax(table->reference[0], -accuracy);
    table->reference[1] = fmax(table->reference[1], flops);
}

/* Of the points within the limit, against the limit and the worst accuracy. */
static double limited_hypervolume(const macro_table *table, const double *points, size_t n)
{
    double *within = NULL, volume = 0;
    size_t m = 0;
    const double reference[2] = {table->reference[0], table->flops_limit};
    MUST(fet_alloc_zeroed(2 * n + 1, sizeof *within, "points", &within));
    for (size_t i = 0; i < n; i++)
        if (points[2 * i + 1] <= table->flops_limit) memcpy(within + 2 * m++, points + 2 * i, 2 * sizeof *within);
    if (m) MUST(fet_pareto_hypervolume(within, m, 2, reference, &volume));
    fet_free(within);
    return volume;
}

static void read_table(const char *folder, const table_spec *spec, macro_table *table)
{
    char *path = NULL, *text = NULL, *rest = NULL;
    size_t bytes = 0, n_lines = 0;
    *table = (macro_table){.spec = spec, .n = 1, .reference = {-INFINITY, -INFINITY}};
    for (uint32_t d = 0; d < spec->n_digits; d++) table->n *= spec->n_options;
    bool *seen = NULL;
    MUST(fet_alloc_zeroed(2 * table->n, sizeof *table->points, "a table", &table->points));
    MUST(fet_alloc_zeroed(table->n, sizeof *table->params, "a table", &table->params));
    MUST(fet_alloc_zeroed(table->n, sizeof *seen, "a table", &seen));
    MUST(fet_path_join(folder, spec->file, &path));
    MUST(fet_file_read(path, 1 << 26, (void **)&text, &bytes));
    char *line = strtok_r(text, "\n", &rest); /* the header */
    while ((line = strtok_r(NULL, "\n", &rest))) {
        read_line(table, line, seen);
        n_lines++;
    }
    if (n_lines != table->n) {
        fprintf(stderr, "search_tables: %s: %zu networks, expected %zu\n", path, n_lines, table->n);
        exit(2);
    }
    fet_free(seen);
    fet_free(text);
    fet_free(path);
    define_encoding(table);
    table->flops_limit = FLOPS_LIMIT * table->points[2 * table->n - 1];
    MUST(fet_pareto_hypervolume(table->points, table->n, 2, table->reference, &table->exact));
    table->exact_limited = limited_hypervolume(table, table->points, table->n);
}

static void free_table(macro_table *table)
{
    fet_free(table->points);
    fet_free(table->params);
}

static double violation(void *context, const fet_genome *genome)
{
    const macro_table *table = context;
    double flops = table->points[2 * number_of(table, genome->option) + 1];
    return flops > table->flops_limit ? flops / table->flops_limit - 1 : 0;
}

/* What a job knows of a candidate before it is trained. */
static void foretell(void *context, const fet_genome *genome, double *objective, double *features)
{
    const macro_table *table = context;
    size_t number = number_of(table, genome->option);
    objective[1] = table->points[2 * number + 1];
    features[0] = log(table->points[2 * number + 1]);
    features[1] = log(table->params[number]);
}

/* What a search leaves behind: points[2 i], points[2 i + 1]: the two figures of evaluation i; seen[i]: its accuracy as the search saw it,
 * negative; tried[i]: the genome, and what is known of it beforehand. */
typedef struct search_log {
    double points[2 * LARGEST_BUDGET], seen[LARGEST_BUDGET];
    fet_gp_point tried[LARGEST_BUDGET];
} search_log;

/* One search of `n` evaluations, whose accuracies are seen with an error of this standard deviation, in points. */
static void search(const macro_table *table, const fet_searcher_ops *ops, const fet_searcher_options *options, double noise, uint32_t n,
                   search_log *log)
{
    fet_searcher *searcher = NULL;
    double unused[FET_MAX_OBJECTIVES];
    MUST(fet_searcher_create(ops, &table->encoding, options, &searcher));
    for (uint32_t i = 0; i < n; i++) {
        fet_genome genome;
        bool done = false;
        MUST(fet_searcher_ask(searcher, &genome, &done));
        if (done) exit(2);
        fet_result told = {.violation = options->screen ? options->screen(options->screen_context, &genome) : 0};
        fet_rng rng;
        fet_rng_init(&rng, options->seed, number_of(table, genome.option), FET_RNG_TEST);
        log->tried[i].genome = genome;
        foretell(options->screen_context, &genome, unused, log->tried[i].feature);
        memcpy(log->points + 2 * i, table->points + 2 * number_of(table, genome.option), 2 * sizeof *log->points);
        memcpy(told.objective, log->points + 2 * i, options->n_objectives * sizeof *log->points);
        log->seen[i] = told.objective[0] += noise > 0 ? noise * fet_rng_normal(&rng) : 0;
        MUST(fet_searcher_tell(searcher, &genome, &told));
    }
    fet_searcher_destroy(searcher);
}

/* How a search within the limit goes. */
typedef struct limited {
    double share[N_BUDGETS]; /* of the hypervolume within the limit */
    bool same[N_BUDGETS];    /* a network of the largest one's accuracy was found there */
} limited;

/* The best accuracy of points within the limit, negative; the worst of the table where none is. */
static double best_within(const macro_table *table, const double *points, size_t n)
{
    double best = table->reference[0];
    for (size_t i = 0; i < n; i++)
        if (points[2 * i + 1] <= table->flops_limit) best = fmin(best, points[2 * i]);
    return best;
}

static limited search_limited(macro_table *table, const fet_searcher_ops *ops, uint64_t seed)
{
    static search_log log;
    limited result;
    const double *points = log.points, wanted = table->points[2 * table->n - 2] + SAME_POINTS;
    fet_searcher_options options = {
        .n_objectives = 2, .seed = seed, .screen = violation, .foretell = foretell, .n_features = N_FEATURES, .screen_context = table};
    search(table, ops, &options, 0, limited_budgets[N_BUDGETS - 1], &log);
    for (int b = 0; b < N_BUDGETS; b++) {
        result.same[b] = best_within(table, points, limited_budgets[b]) <= wanted;
        result.share[b] = limited_hypervolume(table, points, limited_budgets[b]) / table->exact_limited;
    }
    return result;
}

/* The share of the exact hypervolume after budgets[b] evaluations. */
static double search_all(macro_table *table, const fet_searcher_ops *ops, uint64_t seed, int b)
{
    static search_log log;
    double share = 0;
    fet_searcher_options options = {
        .n_objectives = 2, .seed = seed, .foretell = foretell, .n_features = N_FEATURES, .screen_context = table};
    search(table, ops, &options, 0, budgets[b], &log);
    MUST(fet_pareto_hypervolume(log.points, budgets[b], 2, table->reference, &share));
    return share / table->exact;
}

/* Prints one table's rows; false when another strategy is ahead of the default, the registry's first. */
static bool run_table(const char *folder, const table_spec *spec)
{
    macro_table table;
    double medians[MAX_STRATEGIES][N_BUDGETS];
    size_t n = 0;
    read_table(folder, spec, &table);
    for (; fet_searchers[n]; n++) {
        double shares[SEEDS], low[N_BUDGETS], high[N_BUDGETS];
        for (int b = 0; b < N_BUDGETS; b++) {
            for (uint64_t seed = 0; seed < seeds[b]; seed++) shares[seed] = search_all(&table, fet_searchers[n], seed, b);
            medians[n][b] = fet_median(shares, seeds[b]);
            low[b] = shares[seeds[b] / 10];
            high[b] = shares[seeds[b] - 1 - seeds[b] / 10];
        }
        printf("| %-24s | %-8s | %.4f (%.4f-%.4f) | %.4f (%.4f-%.4f) |\n", spec->name, fet_searchers[n]->name, medians[n][0], low[0],
               high[0], medians[n][1], low[1], high[1]);
    }
    bool best = true;
    for (size_t s = 0; s < n; s++)
        for (int b = 0; b < N_BUDGETS; b++) best &= s == 0 || medians[0][b] > medians[s][b];
    free_table(&table);
    return best;
}

static void run_limited(const char *folder, const table_spec *spec)
{
    macro_table table;
    read_table(folder, spec, &table);
    for (size_t s = 0; fet_searchers[s]; s++) {
        double shares[N_BUDGETS][SEEDS];
        uint32_t n_same[N_BUDGETS] = {0};
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            limited of_seed = search_limited(&table, fet_searchers[s], seed);
            for (int b = 0; b < N_BUDGETS; b++) shares[b][seed] = of_seed.share[b], n_same[b] += of_seed.same[b];
        }
        printf("| %-24s | %-8s | %.4f, %3u of %d | %.4f, %3u of %d |\n", spec->name, fet_searchers[s]->name, fet_median(shares[0], SEEDS),
               n_same[0], SEEDS, fet_median(shares[1], SEEDS), n_same[1], SEEDS);
    }
    free_table(&table);
}

/* below[b]: points below `best` after best_budgets[b] evaluations, of which accuracy alone is told. */
static void search_best(macro_table *table, const fet_searcher_ops *ops, uint64_t seed, double best, double below[N_BUDGETS])
{
    static search_log log;
    fet_searcher_options options = {
        .n_objectives = 1, .seed = seed, .screen = violation, .foretell = foretell, .n_features = N_FEATURES, .screen_context = table};
    search(table, ops, &options, 0, best_budgets[N_BUDGETS - 1], &log);
    for (int b = 0; b < N_BUDGETS; b++) below[b] = best_within(table, log.points, best_budgets[b]) - best;
}

/* Points below `best` of the one within the limit that `by` [n] holds for the best. */
static double below_best(const macro_table *table, const search_log *log, const double *by, uint32_t n, double best)
{
    double least = INFINITY, below = INFINITY;
    for (uint32_t i = 0; i < n; i++)
        if (log->points[2 * i + 1] <= table->flops_limit && by[i] < least) least = by[i], below = log->points[2 * i] - best;
    return below;
}

/* below[0]: of the one that looked best among best_budgets[1] seen with noise; below[1]: of the one expected to be. */
static void search_noisy(macro_table *table, const fet_searcher_ops *ops, uint64_t seed, double noise, double best, double below[2])
{
    static search_log log;
    double expected[LARGEST_BUDGET];
    const uint32_t n = best_budgets[N_BUDGETS - 1];
    fet_searcher_options options = {
        .n_objectives = 1, .seed = seed, .screen = violation, .foretell = foretell, .n_features = N_FEATURES, .screen_context = table};
    search(table, ops, &options, noise, n, &log);
    MUST(fet_gp_smooth(&table->encoding, N_FEATURES, log.tried, log.seen, n, expected));
    below[0] = below_best(table, &log, log.seen, n, best);
    below[1] = below_best(table, &log, expected, n, best);
}

static void run_noisy(const char *folder, const table_spec *spec, double noise)
{
    macro_table table;
    read_table(folder, spec, &table);
    const double best = best_within(&table, table.points, table.n);
    for (size_t s = 0; fet_searchers[s]; s++) {
        double mean[2] = {0};
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            double below[2];
            search_noisy(&table, fet_searchers[s], seed, noise, best, below);
            for (int k = 0; k < 2; k++) mean[k] += below[k] / SEEDS;
        }
        printf("| %-24s | %.1f | %-8s | %.3f | %.3f |\n", spec->name, noise, fet_searchers[s]->name, mean[0], mean[1]);
    }
    free_table(&table);
}

static void run_best(const char *folder, const table_spec *spec, double share)
{
    macro_table table;
    read_table(folder, spec, &table);
    table.flops_limit = share * table.points[2 * table.n - 1];
    const double best = best_within(&table, table.points, table.n);
    for (size_t s = 0; fet_searchers[s]; s++) {
        double mean[N_BUDGETS] = {0};
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            double below[N_BUDGETS];
            search_best(&table, fet_searchers[s], seed, best, below);
            for (int b = 0; b < N_BUDGETS; b++) mean[b] += below[b] / SEEDS;
        }
        printf("| %-24s | %2.0f %% | %-8s | %.3f | %.3f |\n", spec->name, 100 * share, fet_searchers[s]->name, mean[0], mean[1]);
    }
    free_table(&table);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "../shared/bench";
    bool best = true;
    if (!fet_file_exists(folder)) {
        printf("skipped: %s is not on this machine\n", folder);
        return 77;
    }
    printf("Share of the exact hypervolume (accuracy, FLOPs), median of %d and %d seeds (80%% of them between)\n\n", SEEDS, LARGE_SEEDS);
    printf("| table                    | strategy | at %u evaluations      | at %u evaluations     |\n|---|---|---|---|\n", budgets[0],
           budgets[1]);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) best &= run_table(folder, &specs[i]);
    printf("\nWithin %g %% of the largest network's FLOPs: share of the hypervolume, seeds that found its accuracy within %g points\n\n",
           100 * FLOPS_LIMIT, SAME_POINTS);
    printf("| table                    | strategy | at %u evaluations  | at %u evaluations  |\n|---|---|---|---|\n", limited_budgets[0],
           limited_budgets[1]);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) run_limited(folder, &specs[i]);
    printf("\nThe most accurate network within a share of the largest one's FLOPs: points that the best found is below it, mean of %d "
           "seeds\n\n",
           SEEDS);
    printf("| table                    | FLOPs | strategy | at %u evaluations | at %u evaluations |\n|---|---|---|---|---|\n",
           best_budgets[0], best_budgets[1]);
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        run_best(folder, &specs[i], FLOPS_LIMIT);
        run_best(folder, &specs[i], 0.5);
    }
    printf(
        "\nWithin %g %% of the FLOPs, accuracies seen with an error of this many points: points that what is taken after %u evaluations is "
        "below the most accurate, mean of %d seeds\n\n",
        100 * FLOPS_LIMIT, best_budgets[1], SEEDS);
    printf("| table                    | error | strategy | taken as seen | as expected |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        for (double noise = 0.5; noise <= 1; noise *= 2) run_noisy(folder, &specs[i], noise);
    printf("\n%s, the default, is %s at every budget of every table\n", fet_searchers[0]->name, best ? "the best" : "NOT the best");
    return best ? 0 : 1;
}
