#include "loadgen/histogram.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace loadgen;
using namespace std::chrono_literals;

TEST_CASE("Histogram: empty") {
    const Histogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.mean() == 0ns);
    CHECK(histogram.max() == 0ns);
    CHECK(histogram.percentile(99) == 0ns);
}

TEST_CASE("Histogram: one value is every percentile, exactly") {
    Histogram histogram;
    histogram.record(203'123'457ns);
    for (const double percent : {0.0, 50.0, 99.9, 100.0}) CHECK(histogram.percentile(percent) == 203'123'457ns);
    CHECK(histogram.mean() == 203'123'457ns);
}

TEST_CASE("Histogram: no percentile is off by more than 0.4 %") {
    for (double value = 1; value < 9e18; value *= 1.37) {
        Histogram histogram;
        const nanoseconds latency{static_cast<std::int64_t>(value)};
        histogram.record(0ns);
        histogram.record(latency);
        histogram.record(nanoseconds::max());
        CAPTURE(latency.count());
        const auto error = static_cast<double>(std::abs((histogram.percentile(50) - latency).count()));
        CHECK(error <= 0.004 * value);
    }
}

TEST_CASE("Histogram: nearest rank") {
    Histogram histogram;
    for (int i = 1; i <= 1000; ++i) histogram.record(nanoseconds{i <= 999 ? 100 : 200});
    struct Row {
        double percent;
        nanoseconds expected;
    };
    for (const Row& row : {Row{50, 100ns}, Row{99, 100ns}, Row{99.9, 100ns}, Row{99.95, 200ns}, Row{100, 200ns}}) {
        CAPTURE(row.percent);
        CHECK(histogram.percentile(row.percent) == row.expected);
    }
    CHECK(histogram.max() == 200ns);
    CHECK(histogram.mean() == 100ns);
}

TEST_CASE("Histogram: a clock that stepped back counts as zero") {
    Histogram histogram;
    histogram.record(-5ns);
    CHECK(histogram.max() == 0ns);
    CHECK(histogram.percentile(50) == 0ns);
}
