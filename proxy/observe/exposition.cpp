#include "proxy/observe/exposition.hpp"

#include <limits>

namespace proxy::observe {

ClientMetric::Histogram merge(const std::vector<const Histogram*>& parts) {
    ClientMetric::Histogram merged;
    for (std::size_t i = 0; i <= Histogram::bounds.size(); ++i) {
        for (const Histogram* part : parts) merged.sample_count += part->bucket(i);
        const bool last = i == Histogram::bounds.size();
        merged.bucket.push_back(
            {merged.sample_count, last ? std::numeric_limits<double>::infinity() : Histogram::bounds[i]});
    }
    for (const Histogram* part : parts) merged.sample_sum += part->sum_seconds();
    return merged;
}

}  // namespace proxy::observe
