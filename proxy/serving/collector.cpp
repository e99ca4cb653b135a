#include "proxy/serving/collector.hpp"

namespace proxy::serving {

Collector::Collector(rules::Storing storing, std::uint64_t limit, std::optional<std::uint64_t> content_length,
                     BufferBudget& buffers)
    : storing_(std::move(storing)), limit_(limit), share_(buffers) {
    if (!storable()) return;
    body_.emplace(content_length);
    if (content_length.value_or(0) > limit_) give_up(rules::Uncacheable::too_large);
}

std::optional<rules::Uncacheable> Collector::uncacheable() const noexcept {
    if (const auto* why = std::get_if<rules::Uncacheable>(&storing_)) return *why;
    return std::nullopt;
}

void Collector::give_up(rules::Uncacheable why) {
    storing_ = why;
    body_.reset();
    share_.hold(0);
}

void Collector::add(upstream::Buffers pieces) {
    if (!storable()) return;
    const std::uint64_t size = body_->size() + boost::asio::buffer_size(pieces);
    if (size > limit_) return give_up(rules::Uncacheable::too_large);
    if (!share_.try_hold(size)) return give_up(rules::Uncacheable::overloaded);
    for (const auto& piece : pieces) body_->append({static_cast<const char*>(piece.data()), piece.size()});
}

rules::BodyPtr Collector::finish() { return std::move(*body_).finish(); }

}  // namespace proxy::serving
