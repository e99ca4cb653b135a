#include "proxy/serving/collector.hpp"

#include <algorithm>

namespace proxy::serving {
namespace {

constexpr std::size_t chunk_size = 64u << 10;

}  // namespace

Collector::Collector(rules::Storing storing, std::uint64_t limit, std::optional<std::uint64_t> content_length)
    : storing_(std::move(storing)), limit_(limit), expected_(content_length) {
    if (!storable()) return;
    body_ = std::make_shared<rules::Body>();
    if (expected_.value_or(0) > limit_) give_up(rules::Uncacheable::too_large);
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
    if (body_->size + boost::asio::buffer_size(pieces) > limit_) return give_up(rules::Uncacheable::too_large);
    for (const auto& piece : pieces) {
        std::string_view rest(static_cast<const char*>(piece.data()), piece.size());
        while (!rest.empty()) {
            if (body_->chunks.empty() || body_->chunks.back().size() == chunk_size) body_->chunks.emplace_back();
            std::string& chunk = body_->chunks.back();
            const std::size_t n = std::min(rest.size(), chunk_size - chunk.size());
            if (chunk.capacity() < chunk.size() + n) {  // by its own rule a string would grow beyond chunk_size
                const bool maybe_all = !expected_ && chunk.empty() && n <= chunk_size / 4;
                const std::uint64_t to_come = expected_ ? *expected_ - body_->size : maybe_all ? n : chunk_size;
                chunk.reserve(std::min<std::uint64_t>(to_come, chunk_size));
            }
            chunk.append(rest.substr(0, n));
            body_->size += n;
            rest.remove_prefix(n);
        }
    }
}

rules::StoredPtr Collector::finish(std::string key, std::string selecting_fields, unsigned status, std::string head,
                                   const rules::Arrival& arrival, std::shared_ptr<const rules::Partial> partial) {
    auto stored = std::make_shared<rules::StoredResponse>();
    stored->key = std::move(key);
    stored->status = status;
    stored->head = std::move(head);
    stored->arrival = arrival;
    stored->freshness = std::get<rules::Freshness>(storing_);
    stored->selecting_fields = std::move(selecting_fields);
    if (!body_->chunks.empty()) body_->chunks.back().shrink_to_fit();
    stored->body = std::move(body_);
    stored->partial = std::move(partial);
    return stored;
}

}  // namespace proxy::serving
