#pragma once
// Families of metrics as they are gathered for one scrape. Included where they are filled in only: what prometheus-cpp
// defines stays out of the rest.

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/observe/metrics.hpp"

namespace proxy::observe {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

template <class Stats>
std::uint64_t sum(const std::vector<const Stats*>& parts, Counter Stats::* counter) {
    std::uint64_t total = 0;
    for (const Stats* part : parts) total += (part->*counter).get();
    return total;
}

// The samples of several histograms as one.
[[nodiscard]] ClientMetric::Histogram merge(const std::vector<const Histogram*>& parts);

template <class Stats>
std::vector<const Histogram*> each(const std::vector<const Stats*>& parts, Histogram Stats::* histogram) {
    std::vector<const Histogram*> histograms;
    for (const Stats* part : parts) histograms.push_back(&(part->*histogram));
    return histograms;
}

// One family of an exposition, with a function for each kind of sample.
class Family {
 public:
    Family(std::vector<MetricFamily>& families, std::size_t index) : families_(families), index_(index) {}

    template <class Number>
    void counter(Number value, Labels labels = {}) const {
        add(std::move(labels)).counter.value = static_cast<double>(value);
    }
    template <class Number>
    void gauge(Number value, Labels labels = {}) const {
        add(std::move(labels)).gauge.value = static_cast<double>(value);
    }
    void histogram(ClientMetric::Histogram value, Labels labels = {}) const {
        add(std::move(labels)).histogram = std::move(value);
    }

 private:
    ClientMetric& add(Labels labels) const {
        ClientMetric& metric = families_[index_].metric.emplace_back();
        metric.label = std::move(labels);
        return metric;
    }

    std::vector<MetricFamily>& families_;
    std::size_t index_;
};

class Exposition {
 public:
    Family counter(const char* name, const char* help) { return add(name, help, MetricType::Counter); }
    Family gauge(const char* name, const char* help) { return add(name, help, MetricType::Gauge); }
    Family histogram(const char* name, const char* help) { return add(name, help, MetricType::Histogram); }

    std::vector<MetricFamily> families;

 private:
    Family add(const char* name, const char* help, MetricType type) {
        families.push_back({name, help, type, {}});
        return {families, families.size() - 1};
    }
};

// Each adds the families of one part.
void expose_requests(Exposition& out, const Sources& sources);
void expose_tiers(Exposition& out, const Sources& sources);

}  // namespace proxy::observe
