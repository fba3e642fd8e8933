// SPDX-License-Identifier: Apache-2.0
/* Hypervolume over trials against a sum of rectangles, and rank correlation against its definition, on random points. */
#include "check.h"

#include "base/rng.h"
#include "report/parts.h"
#include "report/report.h"

#include <math.h>
#include <string.h>

enum { N_TRIALS = 40, N_RANDOM = 30 };

/* One search of trials with accuracy and latency, finished one a second. */
static json_t *new_document(double (*points)[2], int n)
{
    json_t *document = json_loads(
        "{\"searches\": [{\"name\": \"V1\"}], \"objectives\": [{\"figure\": \"accuracy\", \"direction\": \"max\", \"unit\": \"share\"},"
        " {\"figure\": \"latency\", \"direction\": \"min\", \"unit\": \"ms\"}]}",
        0, NULL);
    json_t *trials = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(trials,
                              json_pack("{s:s, s:i, s:s, s:f, s:{s:o, s:o}}", "series", "V1", "number", i, "state", "done", "finished_s",
                                        (double)i, "figures", "accuracy", fet_report_figure(points[i][0], "share", "x", 0), "latency",
                                        fet_report_figure(points[i][1], "ms", "x", 0)));
    json_object_set_new(document, "trials", trials);
    return document;
}

/* Area that the first n points dominate in the unit box, by counting the cells between all coordinates. Minimised, reference (1, 1). */
static double area(double (*scaled)[2], int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        /* The strip between this x and the next larger one belongs to the smallest y among the points up to here. */
        double next = 1, lowest = 1;
        for (int k = 0; k < n; k++) {
            if (scaled[k][0] > scaled[i][0] && scaled[k][0] < next) next = scaled[k][0];
            if (scaled[k][0] <= scaled[i][0] && scaled[k][1] < lowest) lowest = scaled[k][1];
        }
        bool repeated = false;
        for (int k = 0; k < i; k++) repeated |= scaled[k][0] == scaled[i][0];
        if (!repeated && scaled[i][0] < 1) sum += (next - scaled[i][0]) * (1 - lowest);
    }
    return sum;
}

static void test_hypervolume_is_the_area(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= N_RANDOM; seed++) {
        fet_rng rng;
        fet_rng_init(&rng, seed, 0, FET_RNG_TEST);
        double points[N_TRIALS][2], scaled[N_TRIALS][2];
        for (int i = 0; i < N_TRIALS; i++) {
            points[i][0] = fet_rng_uniform(&rng);
            points[i][1] = 1 + floor(10 * fet_rng_uniform(&rng)); /* with ties */
        }
        fet_auto_json document = new_document(points, N_TRIALS);
        CHECK_OK(fet_report_add_front(document));
        const json_t *volume = json_object_get(document, "hypervolume");
        const json_t *best = json_object_get(volume, "best"), *worst = json_object_get(volume, "worst");
        for (int i = 0; i < N_TRIALS; i++)
            for (size_t o = 0; o < 2; o++) {
                double b = json_number_value(json_array_get(best, o)), w = json_number_value(json_array_get(worst, o));
                scaled[i][o] = (points[i][o] - b) / (w - b);
            }
        const json_t *growth = json_object_get(json_array_get(json_object_get(volume, "series"), 0), "points");
        double last = 0;
        assert_true(json_array_size(growth) > 2);
        for (size_t p = 0; p < json_array_size(growth); p++) {
            const json_t *point = json_array_get(growth, p);
            int trials = (int)json_integer_value(json_array_get(point, 0));
            double share = json_number_value(json_array_get(point, 2));
            CHECK_NEAR(share, area(scaled, trials), 1e-9);
            CHECK_NEAR(json_number_value(json_array_get(point, 1)), trials - 1, 0);
            assert_true(share >= last && share <= 1);
            last = share;
        }
        CHECK_NEAR(last, area(scaled, N_TRIALS), 1e-9);
    }
}

/* Equal trials span no box; infeasible ones and those of other series do not count. */
static void test_degenerate(void **state)
{
    (void)state;
    double same[3][2] = {{0.9, 2}, {0.9, 2}, {0.9, 2}};
    fet_auto_json document = new_document(same, 3);
    json_object_set_new(json_array_get(json_object_get(document, "trials"), 2), "violation", json_real(0.5));
    CHECK_OK(fet_report_add_front(document));
    const json_t *trials = json_object_get(document, "trials");
    assert_true(json_is_true(json_object_get(json_array_get(trials, 0), "front")));
    assert_null(json_object_get(json_array_get(trials, 2), "front"));
    fet_auto_json none = new_document(same, 0);
    CHECK_OK(fet_report_add_front(none));
    assert_null(json_object_get(none, "hypervolume"));
}

/* tau-b and rho by definition; Spearman as Pearson's correlation of mean ranks found by sorting. */
static void test_rank_correlation(void **state)
{
    (void)state;
    double kendall = 0, spearman = 0;
    const double up[] = {1, 2, 3, 4}, down[] = {9, 5, 3, 1}, ties_a[] = {1, 2, 2, 3}, ties_b[] = {1, 3, 2, 4}, flat[] = {5, 5, 5, 5};
    fet_report_rank_correlation(up, up, 4, &kendall, &spearman);
    CHECK_NEAR(kendall, 1, 1e-12);
    CHECK_NEAR(spearman, 1, 1e-12);
    fet_report_rank_correlation(up, down, 4, &kendall, &spearman);
    CHECK_NEAR(kendall, -1, 1e-12);
    CHECK_NEAR(spearman, -1, 1e-12);
    /* Pairs: 6, one tied in a: 5 concordant. tau-b = 5 / sqrt(5 * 6). Ranks 1 2.5 2.5 4 against 1 3 2 4: rho = 4.5 / sqrt(4.5 * 5). */
    fet_report_rank_correlation(ties_a, ties_b, 4, &kendall, &spearman);
    CHECK_NEAR(kendall, 5 / sqrt(30.0), 1e-12);
    CHECK_NEAR(spearman, 4.5 / sqrt(22.5), 1e-12);
    fet_report_rank_correlation(up, flat, 4, &kendall, &spearman);
    CHECK_NEAR(kendall, 0, 0);
    CHECK_NEAR(spearman, 0, 0);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *unit, *text;
    } cases[] = {
        {0.9143, "share", "91.43 %"},
        {0.1834, "ms", "183 us"},
        {0.0938, "ms", "93.8 us"},
        {1.5, "ms", "1.50 ms"},
        {1234, "ms", "1234 ms"},
        {12345, "bytes", "12.3 KB"},
        {999, "bytes", "999 B"},
        {181442, "bytes", "181 KB"},
        {2.5e6, "bytes", "2.50 MB"},
        {9.1e6, "macs", "9.10 MMACs"},
        {90, "s", "90.0 s"},
        {600, "s", "10.0 min"},
        {7200, "s", "2.00 h"},
        {0, "ms", "0 us"},
        {2.81, "Wh", "2.81 Wh"},
        {-0.02, "share", "-2.00 %"},
        {NAN, "ms", "-"},
        {0.5, "us", "0.500 us"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[FET_REPORT_NUMBER_BYTES];
        assert_string_equal(fet_report_number(cases[i].value, cases[i].unit, text, sizeof text), cases[i].text);
    }
    fet_auto_json figure = fet_report_figure(NAN, "ms", "measured", 0.1);
    assert_true(json_is_null(json_object_get(figure, "value")));
    fet_auto_json text = fet_json_text("a\xff"
                                       "b");
    assert_string_equal(json_string_value(text), "a?b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hypervolume_is_the_area),
        cmocka_unit_test(test_degenerate),
        cmocka_unit_test(test_rank_correlation),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
