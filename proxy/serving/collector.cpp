#include "proxy/serving/collector.hpp"

namespace proxy::serving {
Collector::Collector(rules::Storing storing, std::uint64_t limit, std::optional<std::uint64_t> content_length)
    : storing_(std::move(storing)), limit_(limit) {
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
}

void Collector::add(upstream::Buffers pieces) {
    if (!storable()) return;
    if (body_->size() + boost::asio::buffer_size(pieces) > limit_) return give_up(rules::Uncacheable::too_large);
    for (const auto& piece : pieces) body_->append({static_cast<const char*>(piece.data()), piece.size()});
}

rules::BodyPtr Collector::finish() { return std::move(*body_).finish(); }

}  // namespace proxy::serving
