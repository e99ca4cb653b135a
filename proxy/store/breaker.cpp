#include "proxy/store/breaker.hpp"

#include <algorithm>
#include <string>

namespace proxy::store {

void Breaker::answered(std::chrono::nanoseconds latency, Time now) {
    if (state_ != BreakerState::closed) return;
    failures_ = 0;
    if (config_.slow_percent == 0) return;
    if (latency > config_.slow) ++slow_;
    if (++answers_ < config_.window) return;
    if (slow_ * 100 >= answers_ * config_.slow_percent)
        return open(std::to_string(slow_) + " of " + std::to_string(answers_) + " answers were slow", now);
    answers_ = slow_ = 0;
}

void Breaker::failed(std::string_view why, Time now) {
    if (state_ != BreakerState::closed || ++failures_ < config_.failures) return;
    open(std::to_string(failures_) + " failures in a row, the last: " + std::string(why), now);
}

// Exponential, with full jitter, so that a fleet does not come back all at once.
void Breaker::open(std::string_view why, Time now) {
    if (state_ == BreakerState::open) return;
    if (state_ == BreakerState::closed && now - closed_since_ > config_.max_open) openings_ = 0;
    const auto least = config_.min_open.count();
    const auto most = std::max(least, std::min(config_.max_open.count(), least << std::min(++openings_, 16u)));
    const milliseconds pause{std::uniform_int_distribution(least, most)(random_)};
    probe_due_ = now + pause;
    enter(BreakerState::open, "no command for " + std::to_string(pause.count()) + " ms: " + std::string(why));
}

void Breaker::probe() {
    if (state_ == BreakerState::open) enter(BreakerState::half_open, "one ping decides");
}

void Breaker::probed(bool well, std::string_view why, Time now) {
    if (state_ != BreakerState::half_open) return;
    if (!well) return open(why, now);
    failures_ = answers_ = slow_ = 0;
    closed_since_ = now;
    enter(BreakerState::closed, why);
}

void Breaker::enter(BreakerState state, std::string_view why) {
    state_ = state;
    if (observer_) observer_(state, why);
}

}  // namespace proxy::store
