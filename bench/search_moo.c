// SPDX-License-Identifier: Apache-2.0
/*
 * The NSGA-II core (src/search/nsga2_core.c) on the continuous problems of the field, against a reference implementation's hypervolumes:
 * with the reference's operators (SBX 0.9/15, polynomial mutation 20, tournament by dominance, then crowding) our median over seeds must
 * lie within the range of the reference's seeds. Beside it stands the tournament of the paper (by rank, then crowding), which the strategy
 * uses: it converges sooner. Problems, bounds: Zitzler, Deb, Thiele 2000 (ZDT); Deb, Thiele, Laumanns, Zitzler 2005 (DTLZ). Exits 1 when a
 * median is out of range.
 *
 *     search_moo [FILE.csv of the reference]   default ../shared/bench/moo-test/pymoo_0.6.1.3_reference.csv; exits 77 when it is not there
 */
#include "base/alloc.h"
#include "base/file.h"
#include "base/median.h"
#include "search/nsga2_core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VARIABLES = 32, MAX_MEMBERS = 256, MAX_OBJECTIVES = 3, SEEDS = 11 };

typedef struct moo_problem {
    const char *name;
    uint32_t n_variables, n_objectives;
    double low, high; /* of every variable but the first, which is in [0, 1] */
    void (*evaluate)(const double *x, uint32_t n, double *f);
} moo_problem;

#define MUST(expr)                                                                                                                         \
    do {                                                                                                                                   \
        if ((expr) != FET_OK) {                                                                                                            \
            fprintf(stderr, "search_moo: %s\n", fet_error_message());                                                                      \
            exit(2);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

static double mean_of_rest(const double *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 1; i < n; i++) sum += x[i];
    return sum / (n - 1);
}

static void zdt1(const double *x, uint32_t n, double *f)
{
    double g = 1 + 9 * mean_of_rest(x, n);
    f[0] = x[0];
    f[1] = g * (1 - sqrt(x[0] / g));
}

static void zdt2(const double *x, uint32_t n, double *f)
{
    double g = 1 + 9 * mean_of_rest(x, n);
    f[0] = x[0];
    f[1] = g * (1 - (x[0] / g) * (x[0] / g));
}

static void zdt3(const double *x, uint32_t n, double *f)
{
    double g = 1 + 9 * mean_of_rest(x, n);
    f[0] = x[0];
    f[1] = g * (1 - sqrt(x[0] / g) - x[0] / g * sin(10 * M_PI * x[0]));
}

static void zdt4(const double *x, uint32_t n, double *f)
{
    double g = 1 + 10.0 * (n - 1);
    for (uint32_t i = 1; i < n; i++) g += x[i] * x[i] - 10 * cos(4 * M_PI * x[i]);
    f[0] = x[0];
    f[1] = g * (1 - sqrt(x[0] / g));
}

static void zdt6(const double *x, uint32_t n, double *f)
{
    double g = 1 + 9 * pow(mean_of_rest(x, n), 0.25), s = sin(6 * M_PI * x[0]);
    f[0] = 1 - exp(-4 * x[0]) * s * s * s * s * s * s;
    f[1] = g * (1 - (f[0] / g) * (f[0] / g));
}

static void dtlz1(const double *x, uint32_t n, double *f)
{
    double g = n - 2;
    for (uint32_t i = 2; i < n; i++) g += (x[i] - 0.5) * (x[i] - 0.5) - cos(20 * M_PI * (x[i] - 0.5));
    g *= 100;
    f[0] = 0.5 * x[0] * x[1] * (1 + g);
    f[1] = 0.5 * x[0] * (1 - x[1]) * (1 + g);
    f[2] = 0.5 * (1 - x[0]) * (1 + g);
}

static void dtlz2(const double *x, uint32_t n, double *f)
{
    double g = 0;
    for (uint32_t i = 2; i < n; i++) g += (x[i] - 0.5) * (x[i] - 0.5);
    f[0] = (1 + g) * cos(x[0] * M_PI / 2) * cos(x[1] * M_PI / 2);
    f[1] = (1 + g) * cos(x[0] * M_PI / 2) * sin(x[1] * M_PI / 2);
    f[2] = (1 + g) * sin(x[0] * M_PI / 2);
}

static const moo_problem problems[] = {
    {"zdt1", 30, 2, 0, 1, zdt1}, {"zdt2", 30, 2, 0, 1, zdt2},       {"zdt3", 30, 2, 0, 1, zdt3},        {"zdt4", 10, 2, -5, 5, zdt4},
    {"zdt6", 10, 2, 0, 1, zdt6}, {"dtlz1-3obj", 7, 3, 0, 1, dtlz1}, {"dtlz2-3obj", 12, 3, 0, 1, dtlz2},
};

static double low_of(const moo_problem *problem, uint32_t i)
{
    return i == 0 ? 0 : problem->low;
}

static double high_of(const moo_problem *problem, uint32_t i)
{
    return i == 0 ? 1 : problem->high;
}

static double clip(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Simulated binary crossover with bounds (Deb & Agrawal 1995): 0.9 a pair, half of the variables, index 15. */
static void cross(const moo_problem *problem, const double *mother, const double *father, fet_rng *rng, double *a, double *b)
{
    const double index = 15;
    bool crossed = fet_rng_uniform(rng) < 0.9;
    for (uint32_t i = 0; i < problem->n_variables; i++) {
        double low = low_of(problem, i), high = high_of(problem, i), y1 = fmin(mother[i], father[i]), y2 = fmax(mother[i], father[i]);
        a[i] = mother[i];
        b[i] = father[i];
        if (!crossed || fet_rng_uniform(rng) >= 0.5 || y2 - y1 < 1e-14) continue;
        double u = fet_rng_uniform(rng), child[2];
        for (int side = 0; side < 2; side++) {
            double beta = 1 + 2 * (side ? high - y2 : y1 - low) / (y2 - y1), alpha = 2 - pow(beta, -(index + 1));
            double spread = u <= 1 / alpha ? pow(u * alpha, 1 / (index + 1)) : pow(1 / (2 - u * alpha), 1 / (index + 1));
            child[side] = clip(0.5 * (y1 + y2 + (side ? spread : -spread) * (y2 - y1)), low, high);
        }
        bool swap = fet_rng_below(rng, 2);
        a[i] = child[swap];
        b[i] = child[!swap];
    }
}

/* Polynomial mutation with bounds (Deb & Goyal 1996): one variable in n, index 20, in 0.9 of the children. */
static void mutate(const moo_problem *problem, fet_rng *rng, double *x)
{
    const double index = 20;
    if (fet_rng_uniform(rng) >= 0.9) return;
    for (uint32_t i = 0; i < problem->n_variables; i++) {
        if (fet_rng_uniform(rng) >= 1.0 / problem->n_variables) continue;
        double low = low_of(problem, i), high = high_of(problem, i), u = fet_rng_uniform(rng), delta;
        double below = (x[i] - low) / (high - low), above = (high - x[i]) / (high - low);
        if (u < 0.5) delta = pow(2 * u + (1 - 2 * u) * pow(1 - below, index + 1), 1 / (index + 1)) - 1;
        else delta = 1 - pow(2 * (1 - u) + 2 * (u - 0.5) * pow(1 - above, index + 1), 1 / (index + 1));
        x[i] = clip(x[i] + delta * (high - low), low, high);
    }
}

typedef struct population {
    double x[2 * MAX_MEMBERS][MAX_VARIABLES];
    double f[2 * MAX_MEMBERS * MAX_OBJECTIVES];
    uint32_t n; /* parents; children behind them */
} population;

static bool is_there(const moo_problem *problem, const population *members, uint32_t n, const double *x)
{
    for (uint32_t i = 0; i < n; i++)
        if (memcmp(members->x[i], x, problem->n_variables * sizeof *x) == 0) return true;
    return false;
}

typedef enum tournament { BY_DOMINANCE, BY_RANK } tournament;

static uint32_t draw(const moo_problem *problem, const population *members, const fet_nsga2_standing *standings, tournament kind,
                     fet_rng *rng)
{
    if (kind == BY_RANK) return fet_nsga2_tournament(standings, members->n, rng);
    uint32_t m = problem->n_objectives, a = fet_rng_below(rng, members->n), b = fet_rng_below(rng, members->n);
    const double *fa = members->f + (size_t)a * m, *fb = members->f + (size_t)b * m;
    if (fet_pareto_dominates(fa, fb, m)) return a;
    if (fet_pareto_dominates(fb, fa, m)) return b;
    if (standings[a].crowding != standings[b].crowding) return standings[a].crowding > standings[b].crowding ? a : b;
    return fet_rng_below(rng, 2) ? a : b;
}

static void breed(const moo_problem *problem, population *members, tournament kind, fet_rng *rng)
{
    fet_nsga2_standing standings[MAX_MEMBERS];
    double children[2][MAX_VARIABLES];
    uint32_t n = members->n;
    MUST(fet_nsga2_standings(members->f, NULL, n, problem->n_objectives, standings));
    while (n < 2 * members->n) {
        uint32_t mother = draw(problem, members, standings, kind, rng), father = draw(problem, members, standings, kind, rng);
        cross(problem, members->x[mother], members->x[father], rng, children[0], children[1]);
        for (int c = 0; c < 2 && n < 2 * members->n; c++) {
            mutate(problem, rng, children[c]);
            if (is_there(problem, members, n, children[c])) continue;
            memcpy(members->x[n], children[c], sizeof children[c]);
            problem->evaluate(members->x[n], problem->n_variables, members->f + (size_t)n * problem->n_objectives);
            n++;
        }
    }
}

static void survive(const moo_problem *problem, population *members, population *scratch)
{
    uint32_t order[2 * MAX_MEMBERS], m = problem->n_objectives;
    MUST(fet_nsga2_order(members->f, NULL, 2 * (size_t)members->n, m, order));
    for (uint32_t i = 0; i < members->n; i++) {
        memcpy(scratch->x[i], members->x[order[i]], sizeof scratch->x[i]);
        memcpy(scratch->f + (size_t)i * m, members->f + (size_t)order[i] * m, m * sizeof *scratch->f);
    }
    memcpy(members->x, scratch->x, members->n * sizeof *members->x);
    memcpy(members->f, scratch->f, (size_t)members->n * m * sizeof *members->f);
}

static double optimise(const moo_problem *problem, uint32_t n, uint32_t n_generations, const double *reference, tournament kind,
                       uint64_t seed)
{
    static population members, scratch;
    fet_rng rng;
    double hypervolume = 0;
    fet_rng_init(&rng, seed, 0, FET_RNG_SEARCH);
    members.n = n;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t v = 0; v < problem->n_variables; v++)
            members.x[i][v] = low_of(problem, v) + fet_rng_uniform(&rng) * (high_of(problem, v) - low_of(problem, v));
        problem->evaluate(members.x[i], problem->n_variables, members.f + (size_t)i * problem->n_objectives);
    }
    for (uint32_t g = 1; g < n_generations; g++) { /* the first generation is the random one */
        breed(problem, &members, kind, &rng);
        survive(problem, &members, &scratch);
    }
    MUST(fet_pareto_hypervolume(members.f, n, problem->n_objectives, reference, &hypervolume));
    return hypervolume;
}

/* A line of the reference: problem,alg,pop,gens,evals,seeds,hv_ref,hv_true_front,hv_median,hv_mean,hv_std,hv_min,hv_max,igd_median. */
static bool run_line(const char *line, bool *all_within)
{
    char name[32], algorithm[64];
    unsigned n = 0, generations = 0, evaluations = 0;
    double reference[MAX_OBJECTIVES] = {0}, exact, median, low, high;
    int at = 0, count = 0;
    if (sscanf(line, "%31[^,],\"%63[^\"]\",%n", name, algorithm, &at) != 2 && sscanf(line, "%31[^,],%63[^,],%n", name, algorithm, &at) != 2)
        return false;
    if (strncmp(algorithm, "NSGA2", 5) != 0) return true; /* other algorithms of the file */
    if (sscanf(line + at, "%u,%u,%u,%*u,\"%lf,%lf%n", &n, &generations, &evaluations, &reference[0], &reference[1], &count) != 5)
        return false;
    at += count;
    if (line[at] == ',' && sscanf(line + at, ",%lf%n", &reference[2], &count) == 1) at += count;
    if (sscanf(line + at, "\",%lf,%lf,%*f,%*f,%lf,%lf", &exact, &median, &low, &high) != 4 || n > MAX_MEMBERS) return false;
    for (size_t p = 0; p < sizeof problems / sizeof *problems; p++) {
        if (strcmp(problems[p].name, name) != 0) continue;
        double ours[2][SEEDS];
        for (int kind = BY_DOMINANCE; kind <= BY_RANK; kind++) {
            for (uint64_t seed = 0; seed < SEEDS; seed++)
                ours[kind][seed] = optimise(&problems[p], n, generations, reference, (tournament)kind, seed);
            fet_sort_doubles(ours[kind], SEEDS);
        }
        const double *values = ours[BY_DOMINANCE];
        bool within = low <= values[SEEDS / 2] && values[SEEDS / 2] <= high;
        *all_within &= within;
        printf("| %-10s | %5u | %.5f (%.5f-%.5f) | %.5f (%.5f-%.5f) | %-12s | %.5f | %.5f |\n", name, evaluations, values[SEEDS / 2],
               values[0], values[SEEDS - 1], median, low, high, within ? "within" : "OUT OF RANGE", ours[BY_RANK][SEEDS / 2], exact);
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "../shared/bench/moo-test/pymoo_0.6.1.3_reference.csv";
    char *text = NULL, *rest = NULL;
    size_t bytes = 0;
    bool all_within = true;
    if (!fet_file_exists(path)) {
        printf("skipped: %s is not on this machine\n", path);
        return 77;
    }
    MUST(fet_file_read(path, 1 << 20, (void **)&text, &bytes));
    printf("Hypervolume, median of %d seeds (lowest-highest)\n\n"
           "| problem    | evals | ours                      | reference                 |              | by rank | exact   |\n"
           "|---|---|---|---|---|---|---|\n",
           SEEDS);
    char *line = strtok_r(text, "\n", &rest); /* the header */
    while ((line = strtok_r(NULL, "\r\n", &rest))) {
        if (run_line(line, &all_within)) continue;
        fprintf(stderr, "search_moo: %s: cannot read \"%s\"\n", path, line);
        return 2;
    }
    fet_free(text);
    return all_within ? 0 : 1;
}
